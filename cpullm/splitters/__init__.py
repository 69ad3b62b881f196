"""Document → Chunks with exact offsets; texts → windows that fit a token budget."""

from cpullm.splitters.choose import split
from cpullm.splitters.packed import estimated_tokens
from cpullm.splitters.sentences import is_whole, sentences
from cpullm.splitters.windows import windows

__all__ = ["estimated_tokens", "is_whole", "sentences", "split", "windows"]
