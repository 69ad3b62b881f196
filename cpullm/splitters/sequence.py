"""Which candidates are headings: those that count on from one to the next with text between them."""

from __future__ import annotations

import re
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

from cpullm.splitters import runs, vocabulary
from cpullm.splitters.headings import LISTED, MIXED, NUMBERED, TITLE, Heading
from cpullm.splitters.lookalikes import BARE, without_noted, without_noted_titles
from cpullm.splitters.looks import DATE, is_known, named_kind
from cpullm.splitters.nesting import LONG_GAP, SMALL_GAP_WORDS, flat, forms_above, gap

_FEW_WORDS = 8
_FEWEST_TITLES = 3
_FEW_ENTRIES = 3
_PAGE = re.compile(r"[\s.]+\d+$")
_MOST_TIMES = 4
_BEFORE_NOTES = 0.5


def headings(text: str, found: Sequence[Heading]) -> list[Heading]:
    """The candidates that are headings of the text, tables of contents and chance look-alikes left out."""
    told = [heading for heading in found if heading.form in (LISTED, NUMBERED)]
    found = [heading for heading in found if heading.form not in (LISTED, NUMBERED)]
    kept = _without_contents(text, runs.counting(text, runs.styled(_seldom(found))))
    kept = [heading for heading in kept if heading.kind != "contents" or named_kind(heading.form) == "contents"]
    named = [heading for heading in kept if heading.number is None and heading.form not in (TITLE, MIXED, DATE)]
    every = runs.chains(text, kept)
    chains = without_noted(text, every, named)
    noted = {chain[0].start for chain in every} - {chain[0].start for chain in chains}
    told = without_noted_titles(text, told, named, noted)
    chains = _without_notes(text, chains, named)
    numbered = flat(chains)
    titles = _titles(text, told, numbered)
    if titles:
        chosen = _with_listed(chains, titles)
    else:
        titles = _titles(text, [heading for heading in kept if heading.form == TITLE], [])
        chosen = titles if len(titles) > 2 * len(numbered) else numbered
        for form in (DATE, MIXED):
            chosen = chosen or _titles(text, [heading for heading in kept if heading.form == form], [])
    return runs.unstyled(_of_right_kind(text, _with_named(text, chosen, named)))


def _seldom(found: Sequence[Heading]) -> list[Heading]:
    """Leaves out titles that come again and again, as the speakers of a play and the heads of pages do."""
    times = Counter(heading.title.casefold() for heading in found if heading.form in (TITLE, MIXED))
    return [heading for heading in found if times[heading.title.casefold()] <= _MOST_TIMES]


def _without_notes(text: str, chains: Sequence[list[Heading]], named: Sequence[Heading]) -> list[list[Heading]]:
    """Leaves out bare numbers that count under the notes or the index at the end."""
    last = max((chain[-1].start for chain in chains if not chain[0].form.startswith(":")), default=0)
    last = max(last, max(chains, key=len)[-1].start if chains else 0, int(_BEFORE_NOTES * len(text)))
    back = min(
        (heading.start for heading in named if heading.kind == "back" and heading.start > last), default=len(text)
    )
    return [chain for chain in chains if chain[0].start < back or not chain[0].form.startswith(":")]


def _of_right_kind(text: str, chosen: list[Heading]) -> list[Heading]:
    """Front and back matter with most of the text under it is the text itself."""
    ends = [*(heading.start for heading in chosen[1:]), len(text)][: len(chosen)]
    return [
        replace(heading, kind="body")
        if heading.kind in ("front", "back") and 2 * (end - heading.end) > len(text)
        else heading
        for heading, end in zip(chosen, ends, strict=True)
    ]


def levels(text: str, chosen: Sequence[Heading]) -> list[int | None]:
    """For each heading its depth if it only holds other headings, None if it has a text of its own."""
    chosen = runs.styled(chosen)
    above = forms_above(text, chosen)
    depth: dict[str, int] = {}

    def depth_of(form: str, seen: tuple[str, ...] = ()) -> int:
        if form not in depth:
            parents = [parent for parent, children in above.items() if form in children and parent not in seen]
            depth[form] = 1 + max((depth_of(parent, (*seen, form)) for parent in parents), default=-1)
        return depth[form]

    deepest = max((heading.form.count(".") for heading in chosen if heading.form.startswith(".")), default=0)
    return [
        _decimal_depth(heading.form, deepest)
        if deepest and heading.form[:1] in (".", ":")
        else depth_of(heading.form)
        if _is_level(text, chosen, place, above)
        else None
        for place, heading in enumerate(chosen)
    ]


def _decimal_depth(form: str, deepest: int) -> int | None:
    """The depth of 1, 1.1, 1.1.1 is what it says, with a text of its own or not; None for the deepest."""
    dots = form.count(".")
    return dots if dots < deepest else None


def _is_level(text: str, chosen: Sequence[Heading], place: int, above: dict[str, set[str]]) -> bool:
    if place + 1 == len(chosen):
        return False
    heading, after = chosen[place], chosen[place + 1]
    if heading.form == after.form:
        return False
    return after.form in above.get(heading.form, ()) or (
        heading.number is None and after.number == 1 and gap(text, heading, after) == 0
    )


def _titles(text: str, titles: Sequence[Heading], numbered: Sequence[Heading]) -> list[Heading]:
    """Titles that seldom come again, with more than a few words until the next; empty if there are only one or two.

    Beside numbers neither the titles of these count nor entries that have a number themselves.
    """
    starts = [heading.start for heading in numbered]
    titles = [title for title in titles if not _is_below(text, numbered, starts, title)]
    titles = [title for title in titles if title.form != NUMBERED or len(numbered) < _FEWEST_TITLES]
    with_text = [
        title
        for title, after in zip_longest(titles, titles[1:])
        if after is None or gap(text, title, after) > SMALL_GAP_WORDS
    ]
    times = Counter(title.title.casefold() for title in with_text)
    often = _MOST_TIMES if titles and titles[0].form == TITLE else 1
    free = [title for title in with_text if times[title.title.casefold()] <= often]
    few = 1 if len(numbered) >= _FEWEST_TITLES and titles and titles[0].form == LISTED else _FEWEST_TITLES
    return free if len(free) >= few else []


def _is_below(text: str, numbered: Sequence[Heading], starts: Sequence[int], title: Heading) -> bool:
    """Whether a title is a number itself or stands right under one, whose title it is."""
    place = bisect(starts, title.start)
    return place > 0 and gap(text, numbered[place - 1], title) == 0


def _with_listed(chains: Sequence[Sequence[Heading]], titles: Sequence[Heading]) -> list[Heading]:
    """Listed titles and numbers together, without the numbers of sections inside a few of the titles' units."""
    numbered = flat(chains)
    if len(numbered) > 2 * len(titles):
        titles = _outside(numbered, titles)
    starts = [title.start for title in titles]
    units = [{bisect(starts, heading.start) for heading in chain} for chain in chains]
    if 2 * len(set().union(*units)) < len(titles) and len(numbered) <= 2 * len(titles):
        last = len(titles)
        chains = [chain for chain, unit in zip(chains, units, strict=True) if unit & {0, last} or len(unit) > 1]
    return flat([*chains, titles])


def _outside(numbered: Sequence[Heading], titles: Sequence[Heading]) -> list[Heading]:
    """The titles before the numbers begin, after they end, and just where they begin again."""
    starts = [heading.start for heading in numbered]
    places = [bisect(starts, title.start) for title in titles]
    return [
        title if place or title.kind != "body" else replace(title, kind="front")
        for title, place in zip(titles, places, strict=True)
        if place in (0, len(numbered)) or numbered[place].number == 1
    ]


def _without_contents(text: str, found: list[Heading]) -> list[Heading]:
    times = Counter((heading.form, heading.number) for heading in found)
    last_place = {(heading.form, heading.number): place for place, heading in enumerate(found)}
    last_title = {_listed_title(heading): place for place, heading in enumerate(found)}
    kept: list[Heading] = []
    first = 0
    gaps: list[int] = []
    for place, heading in enumerate(found):
        gaps.append(gap(text, heading, found[place + 1]) if place + 1 < len(found) else LONG_GAP)
        if gaps[-1] > SMALL_GAP_WORDS:
            block = found[first : place + 1]
            again = [last_place[heading.form, heading.number] > place for heading in block]
            if any(heading.number is None and heading.kind == "contents" for heading in block):
                again = [times[heading.form, heading.number] > 1 for heading in block]
            elif len(block) <= _FEW_ENTRIES:
                again = [last_title[_listed_title(heading)] > place for heading in block]
            once = last_title[_listed_title(heading)] == place and heading.number is not None
            body = _after_contents(block, gaps, again, once and all(other.form != heading.form for other in block[:-1]))
            needed = _needed(block, times)
            kept += [
                heading
                for heading, gap_ in zip(block[:body], gaps, strict=False)
                if heading.form in needed or _is_front(heading, gap_)
            ]
            kept += block[body:]
            first, gaps = place + 1, []
    return kept


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


def _after_contents(block: list[Heading], gaps: list[int], again: list[bool], stands_out: bool) -> int:
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
    return "".join(sign for sign in _PAGE.sub("", heading.title.casefold()) if sign.isalnum())


def _is_front(heading: Heading, words: int) -> bool:
    """Whether a heading of a block is the list's name or has a text of its own, as a short preface before it has."""
    named = heading.number is None and heading.form not in (TITLE, MIXED)
    return named and (words > _FEW_WORDS or heading.kind == "contents")


def _can_open(block: list[Heading], place: int) -> bool:
    heading = block[place]
    if heading.number == 1:
        return True
    return heading.number is None and any(other.form == heading.form for other in block[:place])


def _with_named(text: str, numbered: list[Heading], named: list[Heading]) -> list[Heading]:
    """Adds a preface before the first number and an epilogue after a last one; one amid a run is a mere line."""
    starts = [heading.start for heading in numbered]
    taken = set(starts)
    chosen: list[Heading] = []
    for heading in named:
        place = bisect(starts, heading.start)
        after = numbered[place] if place < len(numbered) else None
        if heading.start in taken or (
            place and heading.kind != "body" and gap(text, numbered[place - 1], heading) == 0
        ):
            continue
        if named_kind(heading.form) is None and not (
            after and after.number == 1 and gap(text, heading, after) <= SMALL_GAP_WORDS
        ):
            continue
        if place == 0 and heading.kind == "back":
            heading = replace(heading, kind="front")
        elif after is None and heading.kind == "front":
            heading = replace(heading, kind="back")
        inner = heading.form in vocabulary.interludes() and after and gap(text, heading, after) > SMALL_GAP_WORDS
        if place == 0 or after is None or inner or numbered[place - 1].form != after.form or after.number == 1:
            chosen.append(heading)
    return sorted([*numbered, *chosen], key=lambda heading: heading.start)
