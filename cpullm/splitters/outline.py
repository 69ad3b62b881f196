"""Headings that the document's format marks: as sections of their own, and as witnesses for the text's headings."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from cpullm.records import Document, Mark
from cpullm.splitters import extents, gutenberg
from cpullm.splitters.headings import TITLE, Heading, candidates
from cpullm.splitters.sections import Section, framed, plain

_FEW_WORDS = 40


def sections(document: Document, deepest: int | None = None) -> list[Section]:
    """A section for each marked heading, down to the level `deepest`; empty if the format marks none."""
    start, end = gutenberg.body(document.text)
    marks = [mark for mark in _marks(document, start, end) if deepest is None or mark.level <= deepest]
    if not marks:
        return []
    opening = marks[0].start
    kind = "body" if _has_text(document.text, start, opening) else "front"
    stop = extents.text_end(document.text, marks[-1].end, end)
    cut = _cut(document.text, _joined(document.text, marks), stop)
    return framed(document, [plain(kind, start, opening), *cut, plain("back", stop, end)])


def main_level(document: Document) -> int | None:
    """The highest level with two headings or more that have text under them; None if there is none."""
    start, end = gutenberg.body(document.text)
    marks = _joined(document.text, _marks(document, start, end))
    for level in sorted({mark.level for mark in marks}):
        upper = [mark for mark in marks if mark.level <= level]
        ends = [*(mark.start for mark in upper[1:]), end]
        of_level = [(mark, until) for mark, until in zip(upper, ends, strict=True) if mark.level == level]
        if sum(_has_text(document.text, mark.end, until) for mark, until in of_level) > 1:
            return level
    return None


def agrees(document: Document, chosen: Sequence[Heading]) -> bool:
    """Whether marks leave these headings standing: unmarked numbers may be a list's, titles need no guess."""
    numbered = [heading for heading in chosen if heading.number is not None]
    if not document.marks or any(heading.form for heading in numbered):
        return True
    return bool(numbered) and 2 * len(_levels(document, chosen)) >= len(chosen)


def merged(document: Document, chosen: Sequence[Heading]) -> list[Heading]:
    """Adds what is marked as the chosen headings are but has no number: a title under one, an interlude's heading."""
    level_at = _levels(document, chosen)
    if 2 * len(level_at) < max(1, len(chosen)):
        return list(chosen)
    found = list(chosen)
    starts = [heading.start for heading in chosen]
    for mark in document.marks:
        place = bisect_right(starts, mark.start) - 1
        if mark.level not in level_at.values() or place < 0 or mark.start < chosen[place].end:
            continue
        heading = found[place]
        if level_at.get(heading.start) == mark.level and not document.text[heading.end : mark.start].strip():
            title = document.text[mark.start : mark.end]
            found[place] = replace(heading, title=f"{heading.title} {title}", end=mark.end)
        else:
            found.append(_heading(document.text, mark))
    return sorted(found, key=lambda heading: heading.start)


def _levels(document: Document, chosen: Sequence[Heading]) -> dict[int, int]:
    """The level of the mark that stands where a chosen heading does, by the heading's start."""
    starts = {heading.start for heading in chosen}
    levels = {document.text.rfind("\n", 0, mark.start) + 1: mark.level for mark in document.marks}
    return {start: level for start, level in levels.items() if start in starts}


def _marks(document: Document, start: int, end: int) -> list[Mark]:
    return [mark for mark in document.marks if start <= mark.start and mark.end <= end]


def _joined(text: str, marks: Sequence[Mark]) -> list[Mark]:
    """Headings of one level with nothing between them, as a number and its title, become one."""
    joined: list[Mark] = []
    for mark in marks:
        if joined and joined[-1].level == mark.level and not text[joined[-1].end : mark.start].strip():
            joined[-1] = Mark(joined[-1].start, mark.end, mark.level)
        else:
            joined.append(mark)
    return joined


def _cut(text: str, marks: Sequence[Mark], stop: int) -> Iterator[Section]:
    above: list[tuple[int, str]] = []
    opened = False
    for mark, after in pairwise([*marks, Mark(stop, stop, 0)]):
        heading = _heading(text, mark)
        above = [level for level in above if level[0] < mark.level]
        kind = ("back" if opened else "front") if heading.kind == "contents" else heading.kind
        titles = tuple(title for _, title in above)
        yield Section(kind, titles, heading.title, heading.start, heading.end, after.start)
        opened = opened or kind == "body"
        above.append((mark.level, heading.title))


def _heading(text: str, mark: Mark) -> Heading:
    """The marked heading, from its line's beginning; its kind by its name."""
    start = text.rfind("\n", 0, mark.start) + 1
    title = " ".join(text[mark.start : mark.end].split())
    kind = next((found.kind for found in candidates(title, 0, len(title)) if found.start == 0), "body")
    return Heading(TITLE, None, title, 0, start, mark.end, kind)


def _has_text(text: str, start: int, end: int) -> bool:
    return len(text[start:end].split(None, _FEW_WORDS)) > _FEW_WORDS
