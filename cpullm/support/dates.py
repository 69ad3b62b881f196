"""Days of months: March 10th is supported where March and 10, tenth or 10th stand side by side."""

from __future__ import annotations

from cpullm.support.index import Index
from cpullm.support.numbers import Number, numbers
from cpullm.words import Word, located

MONTHS = frozenset("january february march april may june july august september october november december".split())
_GAP = 3  # words: 10th of March, March the tenth, the second week of March


class Dates:
    """The days of months that a text has."""

    def __init__(self, index: Index, found: list[Number]) -> None:
        values = _by_place(index.words, found)
        self._days = {(word, value) for word, near in _pairs(index.words, values) for value in values[near]}
        self._months = MONTHS & index.places.keys()

    def missing(self, sentence: str) -> list[tuple[int, int]]:
        """Spans of the sentence's dates whose month the text has, but not with that number."""
        words = located(sentence)
        values = _by_place(words, numbers(sentence))
        return [
            (min(start, words[near][1]), max(end, words[near][2]))
            for place, (word, start, end) in enumerate(words)
            if word in self._months and sentence[start].isupper()
            for near in _beside(words, place)
            if near in values
            and max(values[near]) <= 31
            and all((word, value) not in self._days for value in values[near])
        ]


def _beside(words: list[Word], place: int) -> list[int]:
    """Where the day of a month would stand: 10 March, 10th of March, March 10."""
    before = place - 2 if place > 1 and words[place - 1][0] == "of" else place - 1
    return [before, place + 1]


def _pairs(words: list[Word], values: dict[int, frozenset[float]]) -> list[tuple[str, int]]:
    return [
        (word, near)
        for place, (word, _, _) in enumerate(words)
        if word in MONTHS
        for near in range(place - _GAP, place + _GAP + 1)
        if near in values
    ]


def _by_place(words: list[Word], found: list[Number]) -> dict[int, frozenset[float]]:
    places = {start: place for place, (_, start, _) in enumerate(words)}
    return {places[number.start]: number.values for number in found if number.start in places}
