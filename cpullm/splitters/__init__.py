"""Document → Chunks with exact offsets; texts → windows that fit a token budget."""

from cpullm.splitters.chapters import split
from cpullm.splitters.windows import windows

__all__ = ["split", "windows"]
