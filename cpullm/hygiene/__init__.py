"""What a corpus is cleaned of: odd characters and white space, other languages, texts that it holds twice."""

from cpullm.hygiene.cleaning import normalized, normalized_document
from cpullm.hygiene.language import check_installed, language

__all__ = ["check_installed", "language", "normalized", "normalized_document"]
