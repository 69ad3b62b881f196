"""How chosen headings lie in one another: words between them, forms above forms, one form's units round another's."""

from __future__ import annotations

from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from cpullm.splitters.headings import WORK, Heading
from cpullm.splitters.numbers import plain

SMALL_GAP_WORDS = 40
"""Up to so many words between two headings the first has hardly a text of its own."""
LONG_GAP = 5000
"""The words counted between headings at most; what is longer in characters counts as so many."""
_CAST_WORDS = 150
_MOST_WORKS = 60
_ROOM = 12
_ENDINGS = frozenset("end fin finis ende fine curtain rideau vorhang sipario telon".split())


def gap(text: str, before: Heading, after: Heading) -> int:
    """Words between two headings; a large number if there are many."""
    return words(text, before.end, after.start)


def has_text(text: str, start: int, end: int) -> bool:
    """Whether what stands there is more than a few words: a text, not a date, an epigraph or a title page's line."""
    return words(text, start, end) > SMALL_GAP_WORDS


def words(text: str, start: int, end: int) -> int:
    """Words of a span; a large number if it is long. Signs count where words have no spaces."""
    if end - start > LONG_GAP:
        return LONG_GAP
    between = text[start:end]
    n_words = len(between.split())
    return n_words if n_words > SMALL_GAP_WORDS or between.isascii() else max(n_words, len(between.strip()) // 8)


def forms_above(text: str, chosen: Sequence[Heading]) -> dict[str, set[str]]:
    """For each form that only holds others the forms directly under it: most of its headings open onto one."""
    count = Counter(heading.form for heading in chosen)
    opens: dict[str, Counter[str]] = defaultdict(Counter)
    for heading, after in pairwise(chosen):
        if heading.form != after.form and heading.number is not None:
            if after.number == 1 or gap(text, heading, after) <= SMALL_GAP_WORDS:
                opens[heading.form][after.form] += 1
    return {
        form: {child for child in children if count[child] >= count[form]}
        for form, children in opens.items()
        if children.total() * 2 >= count[form] and children.total() > 0
    }


def works(text: str, chains: Sequence[Sequence[Heading]], titles: Sequence[Heading]) -> list[Heading]:
    """A title above each of the runs that begin again, if every one has such a title: plays in one volume."""
    numbered = flat(chains)
    starts = [heading.start for heading in numbered]
    titles = [title for title in titles if plain(title.title.split()[0].rstrip(".,")) not in _ENDINGS]
    title_starts = [title.start for title in titles]
    for form in dict.fromkeys(chain[0].form for chain in chains):
        firsts = [chain[0] for chain in chains if chain[0].form == form]
        if not 1 < len(firsts) <= _MOST_WORKS or any(first.number != 1 for first in firsts):
            continue
        above: list[list[Heading]] = []
        for first in firsts:
            before = bisect(starts, first.start) - 1
            last = numbered[before - 1].end if before else 0
            above.append(_titles_above(text, titles, bisect(title_starts, first.start), first, last))
        most = max(1, min(map(len, above)))
        found = [_most_room(text, block[-most:]) for block in above if block]
        if len({title.title.casefold() for title in found}) == len(above):
            return [replace(title, form=WORK) for title in found]
    return []


def _titles_above(text: str, titles: Sequence[Heading], place: int, first: Heading, last: int) -> list[Heading]:
    """The titles before `place` over a heading, with little between them and much text before them."""
    block: list[Heading] = []
    while place and titles[place - 1].start > last and gap(text, titles[place - 1], first) <= _CAST_WORDS:
        place -= 1
        first = titles[place]
        block.append(first)
    if not block or len(text[last : first.start].split(None, SMALL_GAP_WORDS)) <= SMALL_GAP_WORDS:
        return []
    return block[::-1]


def _most_room(text: str, block: Sequence[Heading]) -> Heading:
    return max(block, key=lambda title: blank_above(text, title))


def blank_above(text: str, heading: Heading) -> int:
    """Line breaks above a heading, up to a handful."""
    above = text[max(0, heading.start - _ROOM) : heading.start]
    return above[len(above.rstrip()) :].count("\n")


class Places:
    """Where the headings of one form stand, to ask what counts inside a unit of theirs."""

    def __init__(self, runs: Sequence[Sequence[Heading]]) -> None:
        self._starts = [heading.start for run in runs for heading in run]
        self._run = [number for number, run in enumerate(runs) for _ in run]

    def around(self, run: Sequence[Heading]) -> bool:
        """Whether a heading of `run` stands between two headings of one run of this form."""
        places = (bisect(self._starts, heading.start) for heading in run)
        return any(0 < place < len(self._run) and self._run[place - 1] == self._run[place] for place in places)


def flat(runs: Sequence[Sequence[Heading]]) -> list[Heading]:
    """All headings of the runs in the order of the text."""
    return sorted((heading for run in runs for heading in run), key=lambda heading: heading.start)
