"""Runs that count and yet are no headings: lists, page numbers, senses of a dictionary, a table of contents."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence, Set
from itertools import pairwise
from statistics import median

from cpullm.splitters.headings import MIXED, TITLE, Heading
from cpullm.splitters.looks import is_known
from cpullm.splitters.nesting import LONG_GAP, SMALL_GAP_WORDS, gap

BARE = ":"
"""How the forms of bare numbers begin."""
_LIST_GAP_WORDS = 15
_MUCH_LONGER = 10
_SHORT_RUN = 3
_LONGEST_ROOM = 40
_MOST_AMID = 0.3
_OFTEN_BELOW = 0.3
_LONGEST_BELOW = 80
_AMID = frozenset(",-;")
_FEWEST = 3
_MOST_NOTES = 20
_FEWEST_NARRATED = 6
_NARRATED_WORDS = 200
_FEW_WORDS = 8
_FEW_ENTRIES = 3
_MOST_UNTOLD = 2
_PAGE = re.compile(r"(?<![\s.])[\s.]+\d+$")
_DAY = re.compile(r"[0-9]{1,2}(?:st|nd|rd|th|d)\b")


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


def narrators(text: str, titles: Sequence[Heading]) -> list[Heading]:
    """Titles that come again and again over long texts, as those of chapters told by several people."""
    times = Counter(title.title.casefold() for title in titles)
    titles = [title for title in titles if times[title.title.casefold()] > 1]
    names = {title.title.casefold() for title in titles}
    if len(titles) < _FEWEST_NARRATED or not 1 < len(names) <= len(titles) // 2 or interrupts(text, titles):
        return []
    gaps = sorted(gap(text, before, after) for before, after in pairwise(titles))
    return list(titles) if gaps[len(gaps) // 10] > SMALL_GAP_WORDS and median(gaps) > _NARRATED_WORDS else []


def are_days(runs: Sequence[Sequence[Heading]], dates: Sequence[Heading]) -> bool:
    """Whether bare numbers are the days under the months of a diary: none counts past one, or all are 1st, 2nd …"""
    starts = [date.start for date in dates]
    within = all(bisect_left(starts, run[0].start) == bisect_left(starts, run[-1].start) for run in runs)
    members = [heading for run in runs for heading in run]
    if len(starts) < _FEWEST or len(runs) < 2 or any(not heading.form.startswith(BARE) for heading in members):
        return False
    return within or all(_DAY.match(heading.title) for heading in members)


def without_announced(runs: Sequence[list[Heading]]) -> list[list[Heading]]:
    """Leaves out runs that come again word for word and over much more text: parts of a table of contents."""
    alike: dict[tuple[str, ...], list[list[Heading]]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: run[0].start, reverse=True):
        alike[tuple(_letters(heading.title) for heading in run)].append(run)
    announced: set[int] = set()
    for same in alike.values():
        later: list[tuple[int, int]] = []
        for run in same:
            after = bisect_left(later, -run[-1].start, key=lambda place: place[0])
            if len(run) > 1 and after and later[after - 1][1] > _MUCH_LONGER * (run[-1].end - run[0].start):
                announced.add(id(run))
            span = run[-1].end - run[0].start
            later.append((-run[0].start, max(span, later[-1][1] if later else 0)))
    return [run for run in runs if id(run) not in announced]


def _letters(title: str) -> str:
    return "".join(sign for sign in title.casefold() if sign.isalnum())


def is_list(text: str, run: Sequence[Heading]) -> bool:
    """Whether a run is a mere list: a few words stand between its numbers."""
    return len(run) > 1 and median(gap(text, before, after) for before, after in pairwise(run)) < _LIST_GAP_WORDS


def interrupts(text: str, run: Sequence[Heading]) -> bool:
    """Whether a run stands amid sentences, as the numbers of pages do."""
    amid = 0
    below = [_line_below(text, heading.end) for heading in run]
    times = Counter(text[slice(*span)] for span in below)
    for heading, span in zip(run, below, strict=True):
        before = text[max(0, heading.start - _LONGEST_ROOM) : heading.start].rstrip()[-1:]
        place = span[1] if times[text[slice(*span)]] >= _OFTEN_BELOW * len(run) else heading.end
        after = text[place : place + _LONGEST_ROOM].lstrip()[:1]
        amid += after.islower() and (before.islower() or before in _AMID)
    return len(run) > _FEWEST and amid > _MOST_AMID * len(run)


def without_contents(text: str, found: Sequence[Heading]) -> list[Heading]:
    """Leaves out headings with hardly a text between them that stand once more elsewhere: tables of contents."""
    again = _Again(found)
    kept: list[Heading] = []
    first = 0
    gaps: list[int] = []
    for place, heading in enumerate(found):
        gaps.append(gap(text, heading, found[place + 1]) if place + 1 < len(found) else LONG_GAP)
        if gaps[-1] > SMALL_GAP_WORDS:
            block = found[first : place + 1]
            body = _after_contents(block, gaps, again.of(block, place), again.stands_out(block, place))
            body = len(block) if again.is_list(block, place) else body
            needed = _needed(block, again.times)
            front = zip(block[:body], gaps, strict=False)
            kept += [heading for heading, gap_ in front if heading.form in needed or _is_front(heading, gap_)]
            kept += block[body:]
            first, gaps = place + 1, []
    return kept


class _Again:
    """Which headings come again, by number and by title."""

    def __init__(self, found: Sequence[Heading]) -> None:
        self.times = Counter((heading.form, heading.number) for heading in found)
        self._place = {(heading.form, heading.number): place for place, heading in enumerate(found)}
        self._title = {_listed_title(heading): place for place, heading in enumerate(found)}

    def of(self, block: Sequence[Heading], place: int) -> list[bool]:
        """Whether each heading of a block that ends at `place` comes again: after it, or, by a list's name, at all."""
        if any(_names_list(heading) for heading in block):
            return [self.times[heading.form, heading.number] > 1 for heading in block]
        if len(block) <= _FEW_ENTRIES:
            return [self._title[_listed_title(heading)] > place for heading in block]
        return [self._place[heading.form, heading.number] > place for heading in block]

    def stands_out(self, block: Sequence[Heading], place: int) -> bool:
        """Whether the last heading of a block is of a form that no other there has, and its title comes last here."""
        last = block[-1]
        once = self._title[_listed_title(last)] == place and last.number is not None
        return once and all(other.form != last.form for other in block[:-1])

    def is_list(self, block: Sequence[Heading], place: int) -> bool:
        """Whether a list's name stands in the block, and all its numbers come again under the same titles."""
        numbered = [heading for heading in block if heading.number is not None]
        named = any(_names_list(heading) for heading in block)
        told = all(len(heading.title.split()) > _MOST_UNTOLD for heading in numbered)
        return named and bool(numbered) and told and all(self._title[_listed_title(one)] > place for one in numbered)


def _names_list(heading: Heading) -> bool:
    return heading.number is None and heading.kind == "contents"


def _line_below(text: str, place: int) -> tuple[int, int]:
    """The span of the next line with text: over pages the same one, the book's title, comes again and again."""
    window = text[place : place + _LONGEST_BELOW]
    start = place + len(window) - len(window.lstrip())
    end = text.find("\n", start, start + _LONGEST_BELOW)
    return (start, end) if end > 0 and not text[start].islower() else (place, place)


def _needed(block: Sequence[Heading], times: Counter[tuple[str, int | None]]) -> set[str]:
    """The forms whose headings come only in this block and go on with a count that stands outside it."""
    keys = [(heading.form, heading.number) for heading in block if heading.number is not None]
    again = {form for form, number in keys if times[form, number] > 1 or form[:1] in (BARE, ".") or not is_known(form)}
    return {
        form
        for form, number in keys
        if form not in again
        and any(times[form, near] and (form, near) not in keys for near in (number - 1, number + 1))
    }


def _after_contents(block: Sequence[Heading], gaps: Sequence[int], again: Sequence[bool], stands_out: bool) -> int:
    """How many headings of a block with almost no text between them are a table of contents.

    The book itself may open at the block's end: there every form stands once, with its first number. So does
    what `stands_out`, a last heading of another form that comes only once.
    """
    body = len(block) - stands_out
    opening: set[tuple[str, int | None]] = set()
    while body and all(block[body - 1].form != form for form, _ in opening) and _can_open(block, body - 1):
        body -= 1
        opening.add((block[body].form, block[body].number))
    numbers: dict[str, set[int]] = defaultdict(set)
    for heading in block[:body]:
        if heading.number is not None:
            numbers[heading.form].add(heading.number)
    if max(map(len, numbers.values()), default=0) < 2:
        return 0
    repeated = sum(
        later or (heading.form, heading.number) in opening for heading, later in zip(block[:body], again, strict=False)
    )
    from_one = min(min(values) for values in numbers.values()) <= 1
    if (repeated * 2 >= body and from_one) or sum(gaps[:body]) * 2 <= body:
        return body
    return 0


def _listed_title(heading: Heading) -> str:
    """The title as a table of contents and the text both have it: letters and signs but for a page at the end."""
    return _letters(_PAGE.sub("", heading.title))


def _is_front(heading: Heading, words: int) -> bool:
    """Whether a heading of a block is the list's name or has a text of its own, as a short preface before it has."""
    named = heading.number is None and heading.form not in (TITLE, MIXED)
    return named and (words > _FEW_WORDS or heading.kind == "contents")


def _can_open(block: Sequence[Heading], place: int) -> bool:
    heading = block[place]
    if heading.number == 1:
        return True
    return heading.number is None and any(other.form == heading.form for other in block[:place])
