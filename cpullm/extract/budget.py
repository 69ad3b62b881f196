"""What is chosen so far: about so many words, and nothing said twice."""

from __future__ import annotations

from collections.abc import Collection, Sequence

_SAID = 0.6  # of a sentence's different words in one that is chosen: it says nothing new
_ALONE = 2  # times the budget that the first sentence may have: the best one, rather than a lesser that is shorter
_SIGNS_PER_WORD = 2  # in scripts without spaces, about


class Budget:
    """Takes sentences in the order in which they are offered, as long as they fit and say something new."""

    def __init__(self, tokens: Sequence[Sequence[str]], sentences: Sequence[str], n_words: int) -> None:
        self.lengths = [
            max(1, len(sentence.split()), len(its_words) // _SIGNS_PER_WORD)
            for sentence, its_words in zip(sentences, tokens, strict=True)
        ]
        self._alone = _ALONE * n_words  # the room of the first, until there is one
        self._left = n_words
        self._said: list[set[str]] = []
        self._chosen: list[int] = []

    def has_said(self, tokens: Sequence[str]) -> None:
        """A sentence of these words stands in the summary already."""
        self._said.append(set(tokens))
        self._alone = 0

    def fits(self, i: int) -> bool:
        """Whether there is room for it; for the first there is more."""
        return self.lengths[i] <= max(self._left, self._alone)

    def offer(self, i: int, tokens: Collection[str]) -> bool:
        """Whether the sentence of these words is taken."""
        new = set(tokens)
        if not self.fits(i) or any(len(new & old) > _SAID * len(new) for old in self._said):
            return False
        self._chosen.append(i)
        self._said.append(new)
        self._left -= self.lengths[i]
        self._alone = 0
        return True

    def chosen(self, allowed: Collection[int]) -> list[int]:
        """What was taken, in the text's order; if it is nothing, and nothing is said, the shortest that is allowed."""
        if not self._said and allowed:
            return [min(allowed, key=lambda i: (self.lengths[i], i))]
        return sorted(self._chosen)
