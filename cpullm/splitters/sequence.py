"""Which candidates are headings: those that count on from one to the next with text between them."""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise, zip_longest

from cpullm.splitters import runs, vocabulary
from cpullm.splitters.headings import LISTED, MIXED, NUMBERED, TITLE, WORK, Heading
from cpullm.splitters.lookalikes import BARE, are_days, narrators, without_contents, without_noted, without_noted_titles
from cpullm.splitters.looks import DATE, named_kind
from cpullm.splitters.nesting import LONG_GAP, SMALL_GAP_WORDS, blank_above, flat, forms_above, gap, works

_FEW_BELOW = 2
_MOST_TITLE_PAGE = 4
_FEWEST_TITLES = 3
_MOST_TIMES = 4
_BEFORE_NOTES = 0.5


def headings(text: str, found: Sequence[Heading]) -> list[Heading]:
    """The candidates that are headings of the text, tables of contents and chance look-alikes left out."""
    told = [heading for heading in found if heading.form in (LISTED, NUMBERED)]
    found = [heading for heading in found if heading.form not in (LISTED, NUMBERED)]
    dates = _titles(text, [heading for heading in found if heading.form == DATE], [])
    seldom = _seldom(found)
    kept = without_contents(text, runs.counting(text, runs.styled(seldom)))
    kept = [heading for heading in kept if heading.kind != "contents" or named_kind(heading.form) == "contents"]
    named = [heading for heading in kept if heading.number is None and heading.form not in (TITLE, MIXED, DATE)]
    every = runs.chains(text, kept)
    chains = without_noted(text, every, named)
    noted = {chain[0].start for chain in every} - {chain[0].start for chain in chains}
    chains = _without_notes(text, chains, named)
    chains = [] if are_days(chains, dates) else chains
    titles = _titles(text, without_noted_titles(text, told, named, noted), flat(chains))
    chosen = _with_listed(text, chains, titles) if titles else _unlisted(text, chains, kept, named, seldom)
    chosen = chosen or dates or _titles(text, [heading for heading in kept if heading.form == MIXED], [])
    told = narrators(text, [heading for heading in found if heading.form == TITLE])
    if all(heading.form == TITLE for heading in chosen) and len(told) > 2 * len(chosen):
        chosen = told
    return runs.unstyled(_of_right_kind(text, _with_named(text, chosen, named)))


def _unlisted(
    text: str,
    chains: Sequence[list[Heading]],
    kept: Sequence[Heading],
    named: Sequence[Heading],
    seldom: Sequence[Heading],
) -> list[Heading]:
    """Numbers, with the works that they are in, or titles, with the parts that these are in: what there is more of."""
    titles = _titles(text, [heading for heading in kept if heading.form == TITLE], [])
    if len(titles) <= 2 * sum(map(len, chains)):
        return flat([*chains, works(text, chains, [heading for heading in seldom if heading.form == TITLE])])
    return _after_front(text, flat([*_over(text, chains, flat([titles, named])), titles]), named)


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
    if heading.form == after.form or heading.form == WORK or heading.kind == "contents":
        return heading.form == WORK
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
    with_text = _with_text(text, titles)
    times = Counter(title.title.casefold() for title in with_text)
    often = _MOST_TIMES if titles and titles[0].form == TITLE else 1
    free = [title for title in with_text if times[title.title.casefold()] <= often]
    few = 1 if len(numbered) >= _FEWEST_TITLES and titles and titles[0].form == LISTED else _FEWEST_TITLES
    return _with_parts(text, titles, free, numbered) if len(free) >= few else []


def _with_parts(
    text: str, titles: Sequence[Heading], free: list[Heading], numbered: Sequence[Heading]
) -> list[Heading]:
    """Adds listed titles that stand right above others: parts of a collection."""
    starts = {title.start for title in free}
    parts = [
        replace(title, form=WORK)
        for title, after in pairwise(titles)
        if title.form == LISTED and after.start in starts and title.start not in starts and gap(text, title, after) == 0
    ]
    return flat([free, parts]) if not numbered and 1 < len(parts) <= len(free) // 2 else free


def _over(text: str, chains: Sequence[list[Heading]], titles: Sequence[Heading]) -> list[list[Heading]]:
    """The chains of parts: right under every number stands a title that has a text."""
    starts = [title.start for title in titles]
    return [
        chain
        for chain in chains
        if len(chain) > 1
        and not chain[0].form.startswith(BARE)
        and all(
            place < len(titles) and gap(text, heading, titles[place]) == 0
            for heading in chain
            for place in [bisect(starts, heading.start)]
        )
    ]


def _after_front(text: str, chosen: list[Heading], named: Sequence[Heading]) -> list[Heading]:
    """Leaves out the title page: the few titles before a preface or contents."""
    front = max((heading.start for heading in named if _is_early(text, heading)), default=0)
    before = sum(heading.start < front for heading in chosen)
    unnamed = all(heading.form == TITLE for heading in chosen[:before])
    return chosen[before:] if unnamed and before <= _MOST_TITLE_PAGE and 3 * before < len(chosen) else chosen


def _is_early(text: str, heading: Heading) -> bool:
    return heading.kind in ("front", "contents") and 4 * heading.start < len(text)


def _with_text(text: str, titles: Sequence[Heading]) -> list[Heading]:
    """The titles with more than a few words under them; of several on end that with the most room above it."""
    kept: list[Heading] = []
    head: Heading | None = None
    for title, after in zip_longest(titles, titles[1:]):
        if head is None or blank_above(text, title) >= blank_above(text, head) or title.form != TITLE:
            head = title
        words = LONG_GAP if after is None else gap(text, title, after)
        kept += [head] if words > SMALL_GAP_WORDS else []
        head = head if words == 0 else None
    return kept


def _is_below(text: str, numbered: Sequence[Heading], starts: Sequence[int], title: Heading) -> bool:
    """Whether a title is a number itself or stands right under one, whose title it is."""
    place = bisect(starts, title.start)
    return place > 0 and gap(text, numbered[place - 1], title) <= _FEW_BELOW


def _with_listed(text: str, chains: Sequence[Sequence[Heading]], titles: Sequence[Heading]) -> list[Heading]:
    """Listed titles and numbers together, without the numbers of sections inside a few of the titles' units."""
    numbered = flat(chains)
    if len(numbered) > 2 * len(titles):
        titles = _outside(text, numbered, titles)
    starts = [title.start for title in titles]
    units = [{bisect(starts, heading.start) for heading in chain} for chain in chains]
    if 2 * len(set().union(*units)) < len(titles) and len(numbered) <= 2 * len(titles):
        last = len(titles)
        chains = [chain for chain, unit in zip(chains, units, strict=True) if unit & {0, last} or len(unit) > 1]
    return flat([*chains, titles])


def _outside(text: str, numbered: Sequence[Heading], titles: Sequence[Heading]) -> list[Heading]:
    """The titles before the numbers begin, after they end, just where they begin again, and right above one."""
    starts = [heading.start for heading in numbered]
    places = [bisect(starts, title.start) for title in titles]
    close = {
        title.start
        for title, place in zip(titles, places, strict=True)
        if place < len(numbered) and title.form == LISTED and gap(text, title, numbered[place]) == 0
    }
    return [
        replace(title, form=WORK)
        if len(close) > 1 and title.start in close
        else title
        if place or title.kind != "body"
        else replace(title, kind="front")
        for title, place in zip(titles, places, strict=True)
        if place in (0, len(numbered)) or numbered[place].number == 1 or (len(close) > 1 and title.start in close)
    ]


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
