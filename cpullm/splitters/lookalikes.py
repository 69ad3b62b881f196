"""Runs that count and yet are no headings: lists, page numbers, senses of a dictionary, a table of contents."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence, Set
from itertools import pairwise
from statistics import median

from cpullm.splitters.headings import Heading
from cpullm.splitters.nesting import SMALL_GAP_WORDS, gap

BARE = ":"
"""How the forms of bare numbers begin."""
_LIST_GAP_WORDS = 15
_MUCH_LONGER = 10
_SHORT_RUN = 3
_LONGEST_ROOM = 40
_MOST_AMID = 0.3
_AMID = frozenset(",-;")
_FEWEST = 3
_MOST_NOTES = 20


def without_short(text: str, found: Sequence[Heading], runs: Sequence[list[Heading]]) -> list[list[Heading]]:
    """Leaves out bare numbers that begin again after two or so, but for those right under other headings."""
    by_form: dict[str, list[list[Heading]]] = defaultdict(list)
    for run in runs:
        by_form[run[0].form].append(run)
    starts = [heading.start for heading in found]
    dropped = set()
    for form, of_form in by_form.items():
        if form.startswith(BARE) and len(of_form) > _FEWEST and sum(map(len, of_form)) < _SHORT_RUN * len(of_form):
            places = [bisect_left(starts, run[0].start) for run in of_form]
            under = sum(place > 0 and gap(text, found[place - 1], found[place]) <= SMALL_GAP_WORDS for place in places)
            dropped |= {form} if 2 * under < len(of_form) else set()
    return [run for run in runs if run[0].form not in dropped]


def without_noted(text: str, runs: Sequence[list[Heading]], named: Sequence[Heading]) -> list[list[Heading]]:
    """Leaves out what counts under the notes at the end as the chapters did that they belong to."""
    for back in [heading for heading in named if _may_be_notes(text, heading)][:_MOST_NOTES]:
        counted = {run[0].form for run in runs if run[0].start < back.start}
        again = [run[0] for run in runs if run[0].start > back.start and run[0].form in counted]
        if any(gap(text, back, first) <= SMALL_GAP_WORDS for first in again):
            starts = {first.start for first in again}
            return [run for run in runs if run[0].start not in starts]
    return list(runs)


def without_noted_titles(
    text: str, titles: Sequence[Heading], named: Sequence[Heading], noted: Set[int]
) -> list[Heading]:
    """Leaves out titles that come again under the notes at the end, and those that stand at `noted`."""
    notes = min((back.start for back in named if _may_be_notes(text, back)), default=len(text))
    before = {title.title.casefold() for title in titles if title.start < notes}
    return [
        title
        for title in titles
        if title.start < notes or (title.title.casefold() not in before and title.start not in noted)
    ]


def _may_be_notes(text: str, heading: Heading) -> bool:
    return heading.kind == "back" and 2 * heading.start > len(text)


def is_announced(run: Sequence[Heading], runs: Sequence[Sequence[Heading]]) -> bool:
    """Whether a run comes again word for word and over much more text: then it is part of a table of contents."""
    titles = [_letters(heading.title) for heading in run]
    return len(run) > 1 and any(
        len(other) == len(run)
        and run[-1].start < other[0].start
        and _MUCH_LONGER * (run[-1].end - run[0].start) < other[-1].end - other[0].start
        and [_letters(heading.title) for heading in other] == titles
        for other in runs
    )


def _letters(title: str) -> str:
    return "".join(sign for sign in title.casefold() if sign.isalnum())


def is_list(text: str, run: Sequence[Heading]) -> bool:
    """Whether a run is a mere list: a few words stand between its numbers."""
    return len(run) > 1 and median(gap(text, before, after) for before, after in pairwise(run)) < _LIST_GAP_WORDS


def interrupts(text: str, run: Sequence[Heading]) -> bool:
    """Whether a run stands amid sentences, as the numbers of pages do."""
    amid = 0
    for heading in run:
        before = text[max(0, heading.start - _LONGEST_ROOM) : heading.start].rstrip()[-1:]
        after = text[heading.end : heading.end + _LONGEST_ROOM].lstrip()[:1]
        amid += after.islower() and (before.islower() or before in _AMID)
    return len(run) > _FEWEST and amid > _MOST_AMID * len(run)
