"""Files, directories and tables → Documents."""

from cpullm.readers.files import documents_of, is_table, read, read_all
from cpullm.readers.tables import check_columns, check_ids, documents

__all__ = ["check_columns", "check_ids", "documents", "documents_of", "is_table", "read", "read_all"]
