"""Headings that the document's format marks: as sections of their own, and as witnesses for the text's headings."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

from cpullm.records import Document, Mark
from cpullm.splitters import extents, gutenberg
from cpullm.splitters.headings import TITLE, Heading, candidates
from cpullm.splitters.lines import line_end, line_start
from cpullm.splitters.nesting import has_text
from cpullm.splitters.sections import Section, framed, plain

_MARKUP = "#* \t"
_INTRODUCTIONS = (
    "introdu",
    "einleit",
    "einführ",
    "inleid",
    "inled",
    "innled",
    "indled",
    "johdan",
    "введен",
    "вступ",
    "wstęp",
    "wprowadz",
    "úvod",
    "bevezet",
    "giriş",
    "εισαγωγ",
    "引言",
    "導論",
    "导论",
    "緒論",
    "绪论",
    "序論",
    "はじめに",
    "서론",
    "مقدمة",
    "מבוא",
)


@dataclass(frozen=True, slots=True)
class Marked:
    """A marked heading with its rank; it takes its line's markup with it, as Markdown's `#`."""

    level: int
    heading: Heading


@dataclass(frozen=True, slots=True)
class Outline:
    """A document's text from `start` to `end`, without a library's header and licence, and the headings marked there.

    `level` is the one that divides the text, see `_dividing`; None if none does.
    """

    text: str
    start: int
    end: int
    marked: list[Marked]
    level: int | None


def outline(document: Document, longest: int) -> Outline:
    """What the document's format says of its headings; sections of `longest` characters are long enough."""
    start, end = gutenberg.body(document.text)
    marked = _marked(document, start, end)
    return Outline(document.text, start, end, marked, _dividing(document.text, marked, end, longest))


def sections(outlined: Outline, deepest: int | None = None) -> list[Section]:
    """A section for each marked heading, down to the level `deepest`; empty if the format marks none."""
    text, start, end = outlined.text, outlined.start, outlined.end
    marked = [one for one in outlined.marked if deepest is None or one.level <= deepest]
    if not marked:
        return []
    first = marked[0].heading.start
    stop = extents.text_end(text, marked[-1].heading.end, end)
    before = plain("body" if has_text(text, start, first) else "front", start, first)
    return framed(text, [before, *_cut(marked, stop), plain("back", stop, end)])


def _dividing(text: str, marked: Sequence[Marked], end: int, longest: int) -> int | None:
    """The highest level that divides the text, most of its headings with text of their own before deeper ones.

    A deeper one if its sections are longer than `longest` characters by the median. None if no level has two headings
    with text under them.
    """
    dividing = None
    for level in sorted({one.level for one in marked}):
        sizes = _sizes(text, [one for one in marked if one.level <= level], level, end)
        own = _sizes(text, marked, level, end)
        if len(sizes) > 1:
            dividing = level
            if 2 * len(own) > len(sizes) and median(sizes) <= longest:
                break
    return dividing


def _sizes(text: str, marked: Sequence[Marked], level: int, end: int) -> list[int]:
    """Characters from each heading of a level to the next heading, where more than a few words stand there."""
    ends = [*(one.heading.start for one in marked[1:]), end]
    spans = [(one.heading.end, until) for one, until in zip(marked, ends, strict=True) if one.level == level]
    return [until - start for start, until in spans if has_text(text, start, until)]


def agrees(outlined: Outline, chosen: Sequence[Heading]) -> bool:
    """Whether the text's own headings stand beside the marked ones, which are surer than bare numbers and titles.

    Chapters by name stand if most are marked, or if nothing is marked where they are.
    """
    named = [heading for heading in chosen if heading.number is not None and heading.form.strip(".")]
    if not named:
        return outlined.level is None
    after = any(one.heading.start > named[0].start for one in outlined.marked)
    return not after or 2 * len(_levels(outlined, chosen)) >= len(chosen)


def merged(outlined: Outline, chosen: Sequence[Heading]) -> list[Heading]:
    """Adds what is marked as the chosen headings are but has no number: a title under one, an interlude's heading."""
    text, marked = outlined.text, outlined.marked
    found = _with_marked_titles(chosen, marked)
    numbered = [heading for heading in found if heading.number is not None]
    level_at = _levels(outlined, numbered)
    if not numbered or 2 * len(level_at) < len(numbered):
        return found
    starts = [heading.start for heading in found]
    levels = set(level_at.values())
    added = []
    for one, end in zip(marked, [*(after.heading.start for after in marked[1:]), len(text)], strict=True):
        place = bisect_right(starts, one.heading.start) - 1
        if one.level not in levels or (place >= 0 and one.heading.start < found[place].end):
            continue
        if one.heading.start > numbered[0].start:
            if level_at.get(found[place].start) == one.level and _touch(text, found[place], one.heading):
                title = f"{found[place].title} {one.heading.title}"
                found[place] = replace(found[place], title=title, end=one.heading.end)
            else:
                added.append(one.heading)
        elif has_text(text, one.heading.end, end):
            added.append(one.heading)  # but not a title page's lines
    return sorted([*found, *added], key=lambda heading: heading.start)


def _with_marked_titles(chosen: Sequence[Heading], marked: Sequence[Marked]) -> list[Heading]:
    """The chosen headings without the markup of their lines."""
    at = {one.heading.start: one.heading for one in marked}
    return [
        replace(heading, title=at[heading.start].title, end=at[heading.start].end)
        if heading.start in at and at[heading.start].end >= heading.end
        else heading
        for heading in chosen
    ]


def _touch(text: str, before: Heading, after: Heading) -> bool:
    return not text[before.end : after.start].strip()


def _levels(outlined: Outline, chosen: Sequence[Heading]) -> dict[int, int]:
    """The level of the marked heading that stands where a chosen one does, by the heading's start."""
    starts = {heading.start for heading in chosen}
    return {one.heading.start: one.level for one in outlined.marked if one.heading.start in starts}


def _marked(document: Document, start: int, end: int) -> list[Marked]:
    """The marked headings within a span; a number and its title, marked alike with nothing between them, are one."""
    found: list[Marked] = []
    for mark in document.marks:
        if not start <= mark.start < mark.end <= end:
            continue
        one = Marked(mark.level, _heading(document.text, mark))
        before = found[-1].heading if found else None
        if before is None or found[-1].level != mark.level or not _is_number(before):
            found.append(one)
        elif not _touch(document.text, before, one.heading):
            found.append(one)
        else:
            title = f"{before.title} {one.heading.title}"
            found[-1] = replace(found[-1], heading=replace(before, title=title, end=one.heading.end))
    return found


def _is_number(heading: Heading) -> bool:
    looks = candidates(heading.title, 0, len(heading.title))
    return bool(looks) and looks[0].number is not None and len(heading.title.split()) <= 2


def _cut(marked: Sequence[Marked], stop: int) -> Iterator[Section]:
    above: list[tuple[int, str]] = []
    opened = False
    for one, end in zip(marked, [*(after.heading.start for after in marked[1:]), stop], strict=True):
        heading = one.heading
        above = [level for level in above if level[0] < one.level]
        kind = _kind(heading, opened)
        yield Section(kind, tuple(title for _, title in above), heading.title, heading.start, heading.end, end)
        opened = opened or kind == "body"
        above.append((one.level, heading.title))


def _kind(heading: Heading, opened: bool) -> str:
    """Body, front or back; what a book has in front before its text, a report has as a part of it."""
    if heading.kind == "front" and heading.title.casefold().startswith(_INTRODUCTIONS):
        return "body"
    if heading.kind in ("front", "contents"):
        return "back" if opened else "front"
    return heading.kind


def _heading(text: str, mark: Mark) -> Heading:
    start = line_start(text, mark.start)
    start = mark.start if text[start : mark.start].strip(_MARKUP) else start
    title = " ".join(text[mark.start : mark.end].split())
    kind = next((found.kind for found in candidates(title.rstrip(":"), 0, len(title)) if found.start == 0), "body")
    end = line_end(text, mark.end)
    if text[mark.end : end].strip(_MARKUP):
        return Heading(TITLE, None, title, 0, start, mark.end, kind)
    below = line_end(text, end + 1)
    return Heading(TITLE, None, title, 0, start, below if _is_underline(text[end + 1 : below]) else end, kind)


def _is_underline(line: str) -> bool:
    return bool(line.strip()) and set(line.strip()) in ({"="}, {"-"})
