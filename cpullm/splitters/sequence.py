"""Which candidates are headings: those that count on from one to the next with text between them."""

from __future__ import annotations

from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise, zip_longest

from cpullm.splitters.headings import LAST, TITLE, UNREADABLE, Heading, named_kind

_SMALL_GAP_WORDS = 40
_FEW_WORDS = 8
_LONGEST_SMALL_GAP = 5000
_MOST_JUMPS = 0.4
_MOST_FORMS = 12
_FEWEST_TITLES = 3


def headings(text: str, found: Sequence[Heading]) -> list[Heading]:
    """The candidates that are headings of the text, tables of contents and chance look-alikes left out."""
    kept = _without_contents(text, _counting_forms(found))
    numbered = _sorted(_without_sections(text, _runs(text, kept)))
    named = [heading for heading in kept if heading.number is None and heading.form != TITLE]
    titles = _with_text(text, [heading for heading in kept if heading.number is None])
    if len(titles) >= _FEWEST_TITLES and len(titles) > 2 * len(numbered):
        numbered = titles
    return _with_named(numbered, named)


def _with_text(text: str, unnumbered: Sequence[Heading]) -> list[Heading]:
    """Titles with more than a few words until the next: not a title page's lines."""
    return [
        title
        for title, after in zip_longest(unnumbered, unnumbered[1:])
        if title.form == TITLE and (after is None or _gap(text, title, after) > _SMALL_GAP_WORDS)
    ]


def levels(text: str, chosen: Sequence[Heading]) -> list[int | None]:
    """For each heading its depth if it only holds other headings, None if it has a text of its own."""
    above = _forms_above(text, chosen)
    depth: dict[str, int] = {}

    def depth_of(form: str, seen: tuple[str, ...] = ()) -> int:
        if form not in depth:
            parents = [parent for parent, children in above.items() if form in children and parent not in seen]
            depth[form] = 1 + max((depth_of(parent, (*seen, form)) for parent in parents), default=-1)
        return depth[form]

    return [
        depth_of(heading.form) if _is_level(text, chosen, place, above) else None
        for place, heading in enumerate(chosen)
    ]


def _is_level(text: str, chosen: Sequence[Heading], place: int, above: dict[str, set[str]]) -> bool:
    if place + 1 == len(chosen):
        return False
    heading, after = chosen[place], chosen[place + 1]
    if heading.form == after.form:
        return False
    return after.form in above.get(heading.form, ()) or (
        heading.number is None and after.number == 1 and _gap(text, heading, after) == 0
    )


def _counting_forms(found: Sequence[Heading]) -> list[Heading]:
    """Leaves out numbers without a neighbour, and forms that jump to and fro, as the speakers of a play do."""
    by_form: dict[str, list[int]] = defaultdict(list)
    for heading in found:
        if heading.number is not None and heading.number >= 0:
            by_form[heading.form].append(heading.number)
    counting: dict[str, set[int]] = {}
    for form, numbers in by_form.items():
        values = set(numbers)
        near = {value for value in values if value + 1 in values or value - 1 in values}
        kept = [number for number in numbers if number in near]
        jumps = sum(number != before + 1 and not number <= 1 < before for before, number in pairwise(kept))
        if kept and jumps <= _MOST_JUMPS * len(kept):
            counting[form] = near | {LAST, UNREADABLE}
    once = [
        replace(heading, number=None)
        if heading.number == 1 and heading.form not in counting and named_kind(heading.form)
        else heading
        for heading in found
    ]
    return [heading for heading in once if heading.number is None or heading.number in counting.get(heading.form, ())]


def _gap(text: str, before: Heading, after: Heading) -> int:
    """Words between two headings; a large number if there are many."""
    if after.start - before.end > _LONGEST_SMALL_GAP:
        return _LONGEST_SMALL_GAP
    return len(text[before.end : after.start].split())


def _without_contents(text: str, found: list[Heading]) -> list[Heading]:
    last_place = {(heading.form, heading.number): place for place, heading in enumerate(found)}
    kept: list[Heading] = []
    first = 0
    gaps: list[int] = []
    for place, heading in enumerate(found):
        gaps.append(_gap(text, heading, found[place + 1]) if place + 1 < len(found) else _LONGEST_SMALL_GAP)
        if gaps[-1] > _SMALL_GAP_WORDS:
            block = found[first : place + 1]
            again = [last_place[heading.form, heading.number] > place for heading in block]
            body = _after_contents(block, gaps, again)
            kept += [heading for heading, gap in zip(block[:body], gaps, strict=False) if _is_front(heading, gap)]
            kept += block[body:]
            first, gaps = place + 1, []
    return kept


def _after_contents(block: list[Heading], gaps: list[int], again: list[bool]) -> int:
    """How many headings of a block with almost no text between them are a table of contents.

    The book itself may open at the block's end: there every form stands once, with its first number.
    """
    body = len(block)
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


def _is_front(heading: Heading, gap: int) -> bool:
    """Whether a heading just before a table of contents has a text of its own, as a short preface has."""
    return heading.number is None and heading.form != TITLE and gap > _FEW_WORDS


def _can_open(block: list[Heading], place: int) -> bool:
    heading = block[place]
    if heading.number == 1:
        return True
    return heading.number is None and any(other.form == heading.form for other in block[:place])


def _runs(text: str, found: Sequence[Heading]) -> list[list[Heading]]:
    """Chains that count 1, 2, 3 … within one form, in the order they begin."""
    by_form: dict[str, list[Heading]] = defaultdict(list)
    for heading in found:
        if heading.number is not None:
            by_form[heading.form].append(heading)
    runs: list[list[Heading]] = []
    for members in by_form.values():
        runs += _convincing(_runs_of_form(text, members))
    return sorted(runs, key=lambda run: run[0].start)


def _runs_of_form(text: str, members: Sequence[Heading]) -> list[list[Heading]]:
    runs: list[list[Heading]] = []
    expected = None
    for place, heading in enumerate(members):
        after = members[place + 1].number if place + 1 < len(members) else None
        if expected is not None and (_continues(heading, after, expected, runs[-1])):
            runs[-1].append(heading)
            expected += 1
        elif expected is not None and heading.number == expected - 1:
            runs[-1][-1] = _printed_twice(text, runs[-1][-1], heading)
        elif heading.number is not None and heading.number >= 0:
            runs.append([heading])
            expected = heading.number + 1
    return runs


def _printed_twice(text: str, heading: Heading, again: Heading) -> Heading:
    return replace(heading, end=again.end) if _gap(text, heading, again) == 0 else heading


def _continues(heading: Heading, after: int | None, expected: int, run: Sequence[Heading]) -> bool:
    """The number expected, a `last` at the end of a run, or a misprint: the number after it is right again."""
    if heading.number == LAST:
        return len(run) > 1 and after in (None, 1)
    return heading.number == expected or after == expected + 1


def _convincing(runs: list[list[Heading]]) -> list[list[Heading]]:
    """A run counts if it begins at 1 and goes on, or goes on for long; beside such a run a lone 1 counts too."""
    counting = [run for run in runs if (len(run) > 1 and (run[0].number or 0) <= 1) or len(run) > 2]
    if not counting:
        return []
    return [run for run in runs if run in counting or run[0].number == 1]


def _without_sections(text: str, runs: list[list[Heading]]) -> list[list[Heading]]:
    """Drops runs that cut across a form with more headings, and those that count inside one of its units."""
    by_form: dict[str, list[list[Heading]]] = defaultdict(list)
    for run in runs:
        by_form[run[0].form].append(run)
    chosen: dict[str, list[list[Heading]]] = {}
    for form in sorted(by_form, key=lambda form: -sum(map(len, by_form[form])))[:_MOST_FORMS]:
        chosen[form] = by_form[form]
        above = _forms_above(text, _sorted([run for runs in chosen.values() for run in runs]))
        others = [_Places(chosen[other]) for other in chosen if other != form and not _nested(form, other, above)]
        chosen[form] = [run for run in by_form[form] if not any(other.around(run) for other in others)]
        places = _Places(chosen[form])
        for other in chosen:
            if other != form and not _nested(form, other, above):
                chosen[other] = [run for run in chosen[other] if (run[0].number or 0) > 1 or not places.around(run)]
    return [run for runs in chosen.values() for run in runs]


class _Places:
    """Where the headings of one form stand, to ask what counts inside a unit of theirs."""

    def __init__(self, runs: Sequence[Sequence[Heading]]) -> None:
        self._starts = [heading.start for run in runs for heading in run]
        self._run = [number for number, run in enumerate(runs) for _ in run]

    def around(self, run: Sequence[Heading]) -> bool:
        """Whether a heading of `run` stands between two headings of one run of this form."""
        places = (bisect(self._starts, heading.start) for heading in run)
        return any(0 < place < len(self._run) and self._run[place - 1] == self._run[place] for place in places)


def _nested(one: str, other: str, above: dict[str, set[str]]) -> bool:
    return one in above.get(other, ()) or other in above.get(one, ())


def _sorted(runs: Sequence[Sequence[Heading]]) -> list[Heading]:
    return sorted((heading for run in runs for heading in run), key=lambda heading: heading.start)


def _forms_above(text: str, chosen: Sequence[Heading]) -> dict[str, set[str]]:
    """For each form that only holds others the forms directly under it: most of its headings open onto one."""
    count = Counter(heading.form for heading in chosen)
    opens: dict[str, Counter[str]] = defaultdict(Counter)
    for heading, after in pairwise(chosen):
        if heading.form != after.form and heading.number is not None:
            if after.number == 1 or _gap(text, heading, after) <= _SMALL_GAP_WORDS:
                opens[heading.form][after.form] += 1
    return {
        form: {child for child in children if count[child] >= count[form]}
        for form, children in opens.items()
        if children.total() * 2 >= count[form] and children.total() > 0
    }


def _with_named(numbered: list[Heading], named: list[Heading]) -> list[Heading]:
    """Adds a preface before the first number and an epilogue after a last one; one amid a run is a mere line."""
    starts = [heading.start for heading in numbered]
    chosen: list[Heading] = []
    for heading in named:
        place = bisect(starts, heading.start)
        if place == 0 and heading.kind == "back":
            heading = replace(heading, kind="front")
        if not 0 < place < len(numbered):
            chosen.append(heading)
        elif numbered[place - 1].form != numbered[place].form or numbered[place].number == 1:
            chosen.append(heading)
    return sorted([*numbered, *chosen], key=lambda heading: heading.start)
