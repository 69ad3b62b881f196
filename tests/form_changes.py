"""The same text in other layouts: fewer blank lines, other line breaks, indentation, headings in other letters."""

from __future__ import annotations

import json
from collections.abc import Set

from cpullm.readers import read
from cpullm.splitters import gutenberg
from tests import gold
from tests.forms import Form, Truth, forms, headings_of, score

CHANGES = ("one blank line", "no blank lines", "crammed", "indented", "unwrapped", "double", "lower case", "Title Case")
_LONG_LINE = 50


def changed(text: str, heads: Set[int], change: str) -> tuple[str, dict[int, int]]:
    """The text in another layout, and for each line from 1 of the old one its line in the new one."""
    out: list[str] = []
    places: dict[int, int] = {}
    blank = False
    for number, line in enumerate(text.split("\n"), start=1):
        empty, again = not line.strip(), blank
        blank = empty
        if (empty and _drops(change, again, number - 1 in heads)) or (change == "no blank lines" and empty):
            places[number] = len(out) + 1
            continue
        if (
            change == "unwrapped"
            and not empty
            and out
            and len(out[-1]) > _LONG_LINE
            and not {number, number - 1} & heads
        ):
            out[-1] += " " + line.strip()
        else:
            out += [""] if change == "double" and not empty and out and not out[-1] else []
            out.append(_recased(line, change) if number in heads else f"    {line}" if change == "indented" else line)
        places[number] = len(out)
    return "\n".join(out), places


def relaid(form: Form, change: str) -> Form:
    """A made-up book in another layout."""
    text, places = changed(form.text, {unit.line for unit in form.truth}, change)
    return Form(form.name, text, tuple(Truth(places[unit.line], unit.level, unit.kind) for unit in form.truth))


def print_forms() -> None:
    """Prints for each layout how many made-up books are right in it, and which are not."""
    every = list(forms())
    for change in CHANGES:
        wrong = [form.name for form in every if not score(relaid(form, change)).perfect]
        print(f"{change:16} {len(every) - len(wrong)} of {len(every)}; not: {', '.join(wrong) or '-'}")


def print_corpora() -> None:
    """Prints for each shared book and layout: chapters found, chapters there, and what is found too much."""
    root = gold.corpora()
    if root is None:
        print("no shared corpora beside this checkout: nothing to compare")
        return
    print(f"{'book':24}" + "".join(f"{change:>16}" for change in ("as it is", *CHANGES)))
    for book in gold.books(root):
        text = read(root / book["file"]).text
        units = json.loads((root / book["gold_file"]).read_text(encoding="utf-8"))["units"]
        figures = [_figures(text, units, change) for change in ("", *CHANGES)]
        print(f"{book['slug']:24}" + "".join(f"{figure:>16}" for figure in figures))


def _figures(text: str, units: list[dict[str, object]], change: str) -> str:
    lines = {
        kind: {int(str(unit["line"])) for unit in units if unit["kind"] == kind} for kind in ("leaf", "extra", "high")
    }
    text, places = changed(text, set().union(*lines.values()), change) if change else (text, {})
    at = {kind: {places.get(line, line) for line in of_kind} for kind, of_kind in lines.items()}
    pairs = headings_of(text, *gutenberg.body(text))
    found = {heading.line for heading, depth in pairs if depth is None and heading.kind == "body"}
    return f"{len(found & at['leaf'])}/{len(at['leaf'])} +{len(found - at['leaf'] - at['extra'] - at['high'])}"


def _drops(change: str, again: bool, below: bool) -> bool:
    """Whether a layout drops an empty line that comes after another one or under a heading."""
    return change in ("one blank line", "crammed") and (again or (change == "crammed" and below))


def _recased(line: str, change: str) -> str:
    if change == "lower case":
        return line.lower()
    return line.title() if change == "Title Case" else f"    {line}" if change == "indented" and line else line
