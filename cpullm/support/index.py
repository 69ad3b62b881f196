"""A text's words by their places: in which sentence each stands, and where words like a given one stand."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict

from cpullm.splitters.sentences import sentences
from cpullm.words import located

_PREFIX = 5  # letters that forms of one word have in common, in most languages


class Index:
    """`words` in order with their spans, `homes` the number of the sentence that each stands in."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sentences = sentences(text)
        self.words = located(text)
        self.homes = self._homes()
        self.places: dict[str, list[int]] = defaultdict(list)
        self._stems: dict[str, list[int]] = defaultdict(list)
        self._prefixes: dict[str, list[int]] = defaultdict(list)
        for place, (word, _, _) in enumerate(self.words):
            self.places[word].append(place)
        for word, places in self.places.items():
            self._stems[stem(word)] += places
            if len(word) >= _PREFIX:
                self._prefixes[word[:_PREFIX]] += places

    def like(self, word: str) -> list[int]:
        """Places of the word's forms: of one stem, or, where there is none, with the same beginning."""
        found = self._stems.get(stem(word), [])
        return found or self._prefixes.get(word[:_PREFIX], [])

    def sentence(self, home: int) -> list[str]:
        """The words of the sentence of that number."""
        return [word for word, _, _ in self.words[bisect_left(self.homes, home) : bisect_right(self.homes, home)]]

    def find(self, sentence: str) -> tuple[int, int] | None:
        """Where it stands sign for sign, whatever the white space in it; None if nowhere."""
        start = self.text.find(sentence) if sentence else -1
        if start >= 0 and self._is_apart(start, start + len(sentence)):
            return start, start + len(sentence)
        asked = located(sentence)
        if not asked:
            return None
        parts = sentence.split()
        for place in self.places.get(asked[0][0], ()):
            last = place + len(asked) - 1
            if last < len(self.words) and self.words[last][0] == asked[-1][0]:
                start = max(0, self.words[place][1] - asked[0][1])
                end = self.words[last][2] + len(sentence) - asked[-1][2]
                if self.text[start:end].split() == parts:
                    return start, end
        return None

    def _is_apart(self, start: int, end: int) -> bool:
        """Whether no word goes on over the stretch's ends."""
        return not any(self._within_word(place) for place in (start, end))

    def _within_word(self, place: int) -> bool:
        before = bisect_left(self.words, place, key=lambda word: word[1]) - 1
        return before >= 0 and place < self.words[before][2]

    def _homes(self) -> list[int]:
        homes = []
        home = 0
        for _, start, _ in self.words:
            while home + 1 < len(self.sentences) and start >= self.sentences[home][1]:
                home += 1
            homes.append(home)
        return homes


def stem(word: str) -> str:
    """The word without English endings, which leaves most words of other languages as they are."""
    for ending in ("ing", "ies", "ed", "es", "ly", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
