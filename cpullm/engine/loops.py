"""Is an answer going round in circles? Small models do, until `max_tokens` ends them; this ends them earlier.

An answer loops when its last 31 tokens say nothing new: each of the 24 runs of 8 tokens in them stood in it already.
Runs of one token and repeated sentences are the same case. A loop with a counter in it is not seen.
"""

from __future__ import annotations

_RUN = 8
_REPEATS = 24


class LoopDetector:
    """Watches one answer grow; a token costs the same however long the answer is."""

    def __init__(self) -> None:
        self._seen: set[tuple[int, ...]] = set()
        self._last: tuple[int, ...] = ()
        self._repeats = 0

    def add(self, token: int) -> bool:
        """Take in the next token; whether the answer loops with it."""
        self._last = (*self._last[1 - _RUN :], token)
        if len(self._last) < _RUN:
            return False
        self._repeats = self._repeats + 1 if self._last in self._seen else 0
        self._seen.add(self._last)
        return self._repeats >= _REPEATS

    @property
    def n_repeated(self) -> int:
        """Tokens at the answer's end that only say again what was said."""
        return self._repeats + _RUN - 1 if self._repeats else 0
