"""Files and tables → Documents."""

from cpullm.readers.tables import check_columns, check_ids, documents
from cpullm.readers.text import read

__all__ = ["check_columns", "check_ids", "documents", "read"]
