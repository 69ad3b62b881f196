"""What it costs to put a sentence together from a text's own words, as Grusky et al. (2018) look at extracts.

A word costs nothing where it follows the one before it in the text as well; going on elsewhere costs a little, more the
farther; a word that the text has not costs 1. The cheapest way says how much of a sentence is borne out, and where.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from cpullm.support.index import Index

_SAME, _NEXT, _FAR, _MISSING = 0.15, 0.25, 0.35, 1.0  # within a sentence, to a neighbour, anywhere, nowhere
_NEAR = 4  # words that are left out of what is copied, with the next that is not
# The t is of a “don t” whose words were set apart.
_NEGATIONS = frozenset(
    "not never no nor neither cannot t nicht kein keine keinen nie niemals ne pas jamais non nunca нет не 不 没".split()
)
# Words that say a “not” otherwise begin so: refused, failed, nothing.
_DENIALS = tuple("refus fail lack unable noth nobod none hardly deni deny prevent without avoid stop".split())


@dataclass(slots=True)
class _Step:
    """One word found at a place of the text, and the step before."""

    word: int
    place: int
    before: _Step | None


_Way = tuple[float, _Step | None]  # what it costs so far, and its last step


@dataclass(frozen=True, slots=True)
class Copy:
    """The cheapest way: its cost in words, and (number of the word, place in the text) of each that was found."""

    cost: float
    steps: tuple[tuple[int, int], ...]


def cheapest(words: list[str], index: Index) -> Copy:
    """Dynamic programming over the places of each word: the ways that may still be the cheapest are kept."""
    ways: dict[int, _Way] = {}  # by the place of the last word found
    best: _Way = (0.0, None)
    nearby: dict[int, _Way] = {}  # the cheapest by sentence
    for number, word in enumerate(words):
        found: dict[int, _Way] = {}
        for place in index.like(word):
            cost, before = _reach(place, index.homes[place], ways, nearby, best)
            found[place] = cost, _Step(number, place, before)
        for place, (cost, step) in ways.items():
            if place not in found or cost + _MISSING < found[place][0]:
                found[place] = cost + _MISSING, step
        if not found:  # not one word so far
            best = best[0] + _MISSING, None
            continue
        best = min(found.values(), key=lambda way: way[0])
        ways = {place: way for place, way in found.items() if way[0] < best[0] + _FAR}
        nearby = _cheapest_of_sentences(ways, index.homes)
    return Copy(best[0], _steps(best[1]))


def _reach(place: int, home: int, ways: dict[int, _Way], nearby: dict[int, _Way], best: _Way) -> _Way:
    if not ways:
        return best  # the first word found may stand anywhere
    cost, step = best[0] + _FAR, best[1]
    for way, price in (
        (ways.get(place - 1), 0.0),
        (nearby.get(home), _SAME),
        (nearby.get(home - 1), _NEXT),
        (nearby.get(home + 1), _NEXT),
    ):
        if way is not None and way[0] + price < cost:
            cost, step = way[0] + price, way[1]
    return cost, step


def _cheapest_of_sentences(ways: dict[int, _Way], homes: list[int]) -> dict[int, _Way]:
    nearby: dict[int, _Way] = {}
    for place, way in ways.items():
        home = homes[place]
        if home not in nearby or way[0] < nearby[home][0]:
            nearby[home] = way
    return nearby


def _steps(last: _Step | None) -> tuple[tuple[int, int], ...]:
    steps = []
    while last is not None:
        steps.append((last.word, last.place))
        last = last.before
    return tuple(reversed(steps))


def turns(words: list[str], copy: Copy, index: Index) -> bool:
    """Whether a “not” of what was copied was left out, or one put in where there was none."""
    if any(map(_negates, words)):
        homes = {index.homes[place] for number, place in copy.steps if not _negates(words[number])}
        return not any(_negates(word) or word.startswith(_DENIALS) for home in homes for word in index.sentence(home))
    return any(
        left < right <= left + _NEAR
        and index.homes[left] == index.homes[right]
        and any(_negates(word) for word, _, _ in index.words[left + 1 : right])
        for (_, left), (_, right) in pairwise(copy.steps)
    )


def _negates(word: str) -> bool:
    return word in _NEGATIONS or word.endswith("n't")
