"""Chains of headings that count 1, 2, 3 … within one form, told from lists, speakers and chance look-alikes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from cpullm.splitters import vocabulary
from cpullm.splitters.headings import Heading
from cpullm.splitters.lookalikes import BARE, interrupts, is_list, without_announced, without_short
from cpullm.splitters.looks import LAST, UNREADABLE, is_known, named_kind
from cpullm.splitters.nesting import SMALL_GAP_WORDS, Places, flat, forms_above, gap
from cpullm.splitters.numbers import roman

_MOST_JUMPS = 0.4
_FEW_JUMPS = 0.1
_FEW_BARE_JUMPS = 0.05
_MOST_RESTARTS = 0.3
_FEWEST_UNKNOWN = 3
_MOST_MISSING = 3
_MOST_FORMS = 100


def styled(found: Sequence[Heading]) -> list[Heading]:
    """The headings with the look of their number as form where the form is a bare number (`:1`, `:i`, `:a`)."""
    return [replace(heading, form=_style(heading)) if not heading.form else heading for heading in found]


def unstyled(found: Sequence[Heading]) -> list[Heading]:
    """The headings with the forms that they came with."""
    return [
        replace(heading, form=heading.form.partition(BARE)[0]) if BARE in heading.form else heading for heading in found
    ]


def counting(text: str, found: Sequence[Heading]) -> list[Heading]:
    """Leaves out numbers without a neighbour, and forms that jump to and fro, as the speakers of a play do."""
    found = _parted(text, found)
    by_form: dict[str, list[Heading]] = defaultdict(list)
    for heading in found:
        if heading.number is not None and heading.number >= 0:
            by_form[heading.form].append(heading)
    values: dict[str, set[int]] = {}
    for form, members in by_form.items():
        numbers = {heading.number for heading in members if heading.number is not None}
        near = {value for value in numbers if value + 1 in numbers or value - 1 in numbers}
        kept = [heading for heading in members if heading.number in near]
        if kept and _jumps(kept) <= _MOST_JUMPS * len(kept) and (is_known(form) or _is_believed(kept)):
            values[form] = near | {LAST, UNREADABLE} | _between(numbers, near)
    once = [
        replace(heading, number=None)
        if heading.number == 1
        and heading.form not in values
        and (named_kind(heading.form) or _is_division(heading.form))
        else heading
        for heading in found
    ]
    return [heading for heading in once if heading.number is None or heading.number in values.get(heading.form, ())]


def chains(text: str, found: Sequence[Heading]) -> list[list[Heading]]:
    """The chains of all forms, in the order they begin, without those that count inside a unit of another form."""
    by_form: dict[str, list[Heading]] = defaultdict(list)
    for heading in found:
        if heading.number is not None:
            by_form[heading.form].append(heading)
    runs: list[list[Heading]] = []
    for form, members in by_form.items():
        of_form = _of_form(text, members)
        if form.startswith(BARE):
            of_form = [run for run in of_form if not is_list(text, run) and not interrupts(text, run)]
        runs += _convincing(of_form)
    runs = without_short(text, found, without_announced(runs))
    runs = _without_sections(text, sorted(runs, key=lambda run: run[0].start))
    counted = {run[0].form for run in runs if len(run) > 1}
    return [run for run in runs if run[0].form in counted or not run[0].form.startswith(BARE)]


def _style(heading: Heading) -> str:
    head = heading.title.lstrip(" #*_=~|([-–—").split()[0].rstrip(".,:;)]–—-·。、：，") if heading.title else ""
    if head[:1].isdigit():
        return ":1"
    if roman(head.upper()) == heading.number:
        return ":i"
    return ":a" if len(head) == 1 and head.isascii() else ":one"


def _is_division(form: str) -> bool:
    return form in vocabulary.divisions()


def _jumps(members: Sequence[Heading]) -> int:
    pairs = pairwise(heading.number or 0 for heading in members)
    return sum(number not in (before, before + 1) and not number <= 1 < before for before, number in pairs)


def _is_believed(members: Sequence[Heading]) -> bool:
    """Whether a keyword that numbers no books elsewhere does so here: it counts on and seldom begins again."""
    restarts = sum((after.number or 0) <= (before.number or 0) for before, after in pairwise(members))
    numbers = {heading.number for heading in members}
    apart = (members[-1].start - members[0].start) / max(1, len(members) - 1)
    return len(numbers) >= _FEWEST_UNKNOWN and restarts < _MOST_RESTARTS * len(members) and apart > 10 * SMALL_GAP_WORDS


def _between(numbers: set[int], near: set[int]) -> set[int]:
    """Numbers without a neighbour, but with one two or three away on either side."""
    return {
        value
        for value in numbers
        if any(value - step in near for step in (2, 3)) and any(value + step in near for step in (2, 3))
    }


def _parted(text: str, found: Sequence[Heading]) -> list[Heading]:
    """Parts a form that does not count cleanly by the looks of its headings, if those with one look do."""
    by_form: dict[str, list[Heading]] = defaultdict(list)
    for heading in found:
        if heading.number is not None and heading.number >= 0:
            by_form[heading.form].append(heading)
    names: dict[int, str] = {}
    for form, members in by_form.items():
        few = (_FEW_BARE_JUMPS if form.startswith(BARE) else _FEW_JUMPS) * len(members)
        if len(members) > _FEWEST_UNKNOWN and _jumps(members) > few:
            names |= _part_names(text, form, members)
    return [replace(heading, form=names.get(id(heading), heading.form)) for heading in found] if names else list(found)


def _part_names(text: str, form: str, members: Sequence[Heading]) -> dict[int, str]:
    signs: tuple[Callable[[str, Heading], str], ...] = (_title_sign, _room_sign)
    for sign in signs:
        groups: dict[str, list[Heading]] = defaultdict(list)
        for heading in members:
            groups[sign(text, heading)].append(heading)
        clean = [group for group in groups.values() if len(group) >= _FEWEST_UNKNOWN and not _jumps(group)]
        if len(groups) > 1 and clean:
            names = {id(heading): name for name, group in groups.items() for heading in group}
            names |= _grown(max(clean, key=lambda group: len({heading.number for heading in group})), members, names)
            return {place: f"{form}{'' if BARE in form else BARE}{name}" for place, name in names.items()}
    return {}


def _grown(best: Sequence[Heading], members: Sequence[Heading], names: dict[int, str]) -> dict[int, str]:
    """Takes a heading of another look into the best group where just its number is missing."""
    own = names[id(best[0])]
    grown: dict[int, str] = {}
    expected = 1
    numbers = {heading.number for heading in best}
    for heading in members:
        if names[id(heading)] == own:
            expected = (heading.number or 0) + 1
        elif heading.number == expected and expected not in numbers:
            grown[id(heading)] = own
            expected += 1
    return grown


def _title_sign(text: str, heading: Heading) -> str:
    """Whether a title follows the number, and whether it begins as titles do."""
    words = heading.title.split()
    last = next((place for place in range(len(words) - 1, -1, -1) if words[place][-1:] in ".:)"), 0)
    rest = words[min(last, 1) + 1 :] if heading.form.startswith(BARE) and len(words) > 1 else words[2:]
    return "b" if not rest else "l" if rest[0][0].islower() else "t"


def _room_sign(text: str, heading: Heading) -> str:
    above = text[max(0, heading.start - 8) : heading.start]
    return str(min(4, len(above) - len(above.rstrip("\n")))) + "u" * heading.title.isupper()


def _of_form(text: str, members: Sequence[Heading]) -> list[list[Heading]]:
    runs: list[list[Heading]] = []
    expected = None
    for place, heading in enumerate(members):
        after = [other.number or 0 for other in members[place + 1 : place + 1 + _MOST_MISSING]]
        if expected is not None and _continues(heading, after, expected, runs[-1]):
            runs[-1].append(heading)
            expected += 1
        elif expected is not None and heading.number == expected - 1 and _is_again(text, runs[-1][-1], heading):
            runs[-1][-1] = _printed_twice(text, runs[-1][-1], heading)
        elif expected is not None and heading.number is not None and _skips(text, heading, after, expected, runs[-1]):
            runs[-1].append(heading)
            expected = heading.number + 1
        elif heading.number is not None and heading.number >= 0:
            runs.append([heading])
            expected = heading.number + 1
    return runs


def _is_again(text: str, heading: Heading, again: Heading) -> bool:
    """Whether a number is only printed again; the first one with text before it begins a new count."""
    return again.number != 1 or gap(text, heading, again) <= SMALL_GAP_WORDS


def _printed_twice(text: str, heading: Heading, again: Heading) -> Heading:
    return replace(heading, end=again.end) if gap(text, heading, again) == 0 else heading


def _continues(heading: Heading, after: Sequence[int], expected: int, run: Sequence[Heading]) -> bool:
    """The number expected, a `last` at the end of a run, or a misprint: the number after it is right again."""
    if heading.number == LAST:
        return len(run) > 1 and (not after or after[0] == 1)
    return heading.number == expected or (bool(after) and after[0] == expected + 1)


def _skips(text: str, heading: Heading, after: Sequence[int], expected: int, run: Sequence[Heading]) -> bool:
    """A number or two are missing: the count goes on from here, and the missing ones do not come."""
    number = heading.number or 0
    if not expected < number < expected + _MOST_MISSING or len(run) < 2 or expected in after:
        return False
    return bool(after) and after[0] == number + 1 and gap(text, run[-1], heading) > SMALL_GAP_WORDS


def _convincing(runs: list[list[Heading]]) -> list[list[Heading]]:
    """A run counts if it begins at 1 and goes on, or goes on for long; beside such a run a lone 1 counts too."""
    good = [run for run in runs if (len(run) > 1 and (run[0].number or 0) <= 1) or len(run) > 2]
    if not good:
        return []
    starts = {run[0].start for run in good}
    return [run for run in runs if run[0].start in starts or run[0].number == 1]


def _without_sections(text: str, runs: list[list[Heading]]) -> list[list[Heading]]:
    """Drops runs that cut across a form with more headings, and those that count inside one of its units."""
    by_form: dict[str, list[list[Heading]]] = defaultdict(list)
    for run in runs:
        by_form[run[0].form].append(run)
    chosen: dict[str, list[list[Heading]]] = {}
    for form in sorted(by_form, key=lambda form: -sum(map(len, by_form[form])))[:_MOST_FORMS]:
        chosen[form] = by_form[form]
        above = forms_above(text, flat([run for of_form in chosen.values() for run in of_form]))
        others = [Places(chosen[other]) for other in chosen if other != form and not _nested(form, other, above)]
        chosen[form] = [run for run in by_form[form] if not any(other.around(run) for other in others)]
        places = Places(chosen[form])
        for other in chosen:
            if other != form and not _nested(form, other, above):
                chosen[other] = [run for run in chosen[other] if (run[0].number or 0) > 1 or not places.around(run)]
    return [run for of_form in chosen.values() for run in of_form]


def _nested(one: str, other: str, above: dict[str, set[str]]) -> bool:
    decimal = one.startswith(".") or other.startswith(".")
    return decimal or _is_under(one, other, above) or _is_under(other, one, above)


def _is_under(form: str, upper: str, above: dict[str, set[str]]) -> bool:
    """Whether a form is under another, directly or with others between."""
    reached: set[str] = set()
    todo = [upper]
    while todo:
        children = above.get(todo.pop(), set()) - reached
        reached |= children
        todo += children
    return form in reached
