"""An EPUB's navigation → the places it points to → which blocks of the text are headings, and of which rank."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from cpullm.readers.markup import etree, line, name
from cpullm.readers.rendering import Block

_WORD = re.compile(r"\w+")
_NEAR = 8
_LONG = 300
_MOST_LINES = 4
_LONGEST_TITLE = _LONG * _MOST_LINES
_OTHER_LISTS = ("page-list", "landmarks", "lot", "loi", "loa", "lov")


@dataclass(frozen=True, slots=True)
class Point:
    """One entry of the navigation: where it leads, and its depth from 1."""

    title: str
    level: int
    path: str
    fragment: str


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the book as read: the blocks in it, and the navigation's points into it as (block, point)."""

    blocks: list[Block]
    points: list[tuple[int, Point]]


@dataclass(slots=True)
class _Entry:
    """An item of a list under construction; `title` None before its label."""

    level: int
    title: str | None = None
    href: str = ""


@dataclass(slots=True)
class _Placing:
    """Which blocks of a part have been found to be headings, of which level; `lines` are those of a block's start."""

    blocks: Sequence[Block]
    levels: dict[int, int] = field(default_factory=dict)
    lines: dict[int, int] = field(default_factory=dict)


def target(base: str, href: str) -> tuple[str, str]:
    """The path in the archive and the fragment that `href` means in the file `base` (percent signs decoded)."""
    path, _, fragment = href.strip().partition("#")
    joined = posixpath.join(posixpath.dirname(base), unquote(path)) if path else base
    return posixpath.normpath(joined).lstrip("/"), unquote(fragment)


def ncx_points(root: Any, base: str) -> list[Point]:
    """The points of an EPUB 2 NCX (OPF 2.0.1, 2.4.1), in its order."""
    points = []
    for element in (each for each in root.iter() if name(each) == "navpoint"):
        level = 1 + sum(name(above) == "navpoint" for above in element.iterancestors())
        title, href = "", ""
        for child in element:
            if name(child) == "navlabel":
                title = _title(child)
            elif name(child) == "content":
                href = child.get("src", "")
        points.append(Point(title, level, *target(base, href)))
    return [point for point in points if point.title]


def nav_points(root: Any, base: str) -> list[Point]:
    """The points of an EPUB 3 navigation document's table of contents (EPUB 3.3, 5.4), in its order."""
    lists = [each for each in root.iter() if name(each) == "nav"]
    chosen = [each for each in lists if "toc" in kinds(each)]
    chosen = chosen or [each for each in lists if not kinds(each) & set(_OTHER_LISTS)]
    entries = _entries(chosen[0]) if chosen else []
    return [Point(each.title, each.level, *target(base, each.href)) for each in entries if each.title and each.href]


def kinds(element: Any) -> set[str]:
    """What `epub:type` and `role` say the element is."""
    said = (value for key, value in element.attrib.items() if key.endswith("type") or key == "role")
    return {kind.removeprefix("doc-") for value in said for kind in value.lower().split()}


def marked(parts: Sequence[Part]) -> list[list[Block]]:
    """The blocks of each part, the headings among them with the navigation's levels.

    A title that stands in the text as lines of their own becomes a heading. One that does not is put in only where its
    part has no heading at all, so that the chapter's beginning is not lost.
    """
    placings = [_placed(part) for part in parts]
    ranks = _ranks(placings)
    return [_with_levels(part, placing, ranks) for part, placing in zip(parts, placings, strict=True)]


def _entries(nav: Any) -> list[_Entry]:
    """The items of the lists in `nav`, each with its own first label and the first link in it or below it."""
    entries: list[_Entry] = []
    above: list[_Entry] = []
    level = 0
    for event, element in etree().iterwalk(nav, events=("start", "end")):
        tag, begins = name(element), event == "start"
        if tag in ("ol", "ul"):
            level += 1 if begins else -1
        elif tag == "li" and begins:
            above.append(_Entry(max(1, level)))
            entries.append(above[-1])
        elif tag == "li":
            above.pop()
        elif tag in ("a", "span") and begins and above:
            if above[-1].title is None:
                above[-1].title = _title(element)
            _link(above, element.get("href", "") if tag == "a" else "")
    return entries


def _link(above: Sequence[_Entry], href: str) -> None:
    """Gives the link to all entries it lies in that have none; where one has, those above it have too."""
    for entry in reversed(above) if href else ():
        if entry.href:
            return
        entry.href = href


def _title(element: Any) -> str:
    # Elements that lie within each other would have as many copies of one text.
    return line(element)[:_LONGEST_TITLE]


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _placed(part: Part) -> _Placing:
    """Places every point it can, the surest first, so that no point takes the heading of another."""
    placing = _Placing(part.blocks)
    waiting = [(index, point) for index, point in part.points if _words(point.title)]
    for way in (_whole, _start, _about):
        waiting = [each for each in waiting if not _place(placing, way, *each)]
    for index, point in waiting:
        # The point leads to a heading, whatever it says.
        if part.blocks[index].level:
            placing.levels.setdefault(index, point.level)
    return placing


_Way = Callable[[_Placing, int, "list[str]"], "tuple[int, int] | None"]


def _place(placing: _Placing, way: _Way, index: int, point: Point) -> bool:
    wanted = _words(point.title)
    for near in _near(placing.blocks, index):
        found = way(placing, near, wanted)
        if found is not None:
            for block in range(near, near + found[0]):
                placing.levels.setdefault(block, point.level)
            if found[1]:
                placing.lines[near] = found[1]
            return True
    return False


def _near(blocks: Sequence[Block], index: int) -> list[int]:
    near = []
    for other in range(index, min(index + _NEAR, len(blocks))):
        near.append(other)
        if not blocks[other].level and len(blocks[other].text) > _LONG:
            break
    return [*near, index - 1] if index else near


def _whole(placing: _Placing, index: int, wanted: list[str]) -> tuple[int, int] | None:
    """The title is this block, or it and the next ones."""
    words: list[str] = []
    for count, block in enumerate(placing.blocks[index : index + _MOST_LINES], start=1):
        if len(block.text) > _LONG:
            return None
        words += _words(block.text)
        if words == wanted:
            return count, 0
        if words != wanted[: len(words)]:
            return None
    return None


def _start(placing: _Placing, index: int, wanted: list[str]) -> tuple[int, int] | None:
    """The title is the first lines of this block."""
    lines = placing.blocks[index].text[: 4 * _LONG].split("\n")
    words: list[str] = []
    for count, each in enumerate(lines[: 2 * _MOST_LINES], start=1):
        words += _words(each)
        if words == wanted and index not in placing.levels:
            return 1, count
        if words != wanted[: len(words)]:
            return None
    return None


def _about(placing: _Placing, index: int, wanted: list[str]) -> tuple[int, int] | None:
    """This block is a heading, and one of it and the title holds the other."""
    if not placing.blocks[index].level or index in placing.levels:
        return None
    there, title = (f" {' '.join(words)} " for words in (_words(placing.blocks[index].text), wanted))
    return (1, 0) if there.strip() and (there in title or title in there) else None


def _ranks(placings: Sequence[_Placing]) -> dict[int, int]:
    """For each rank of HTML's headings the level that the navigation gives most of them."""
    counts: dict[int, Counter[int]] = {}
    for placing in placings:
        for index, level in placing.levels.items():
            if placing.blocks[index].level:
                counts.setdefault(placing.blocks[index].level, Counter())[level] += 1
    known = {rank: levels.most_common(1)[0][0] for rank, levels in counts.items()}
    if not known:
        return {rank: rank for rank in range(1, 7)}
    ranks = {}
    for rank in range(1, 7):
        nearest = max((other for other in known if other <= rank), default=min(known))
        ranks[rank] = max(1, known[nearest] + rank - nearest)
    return ranks


def _with_levels(part: Part, placing: _Placing, ranks: dict[int, int]) -> list[Block]:
    has_heading = bool(placing.levels) or any(block.level for block in part.blocks)
    titles: dict[int, list[Block]] = {}
    for at, point in () if has_heading else part.points:
        titles.setdefault(at, []).append(Block(point.title, point.level))
    blocks: list[Block] = []
    for index, block in enumerate(part.blocks):
        blocks += titles.get(index, [])
        level = placing.levels.get(index) or (ranks[block.level] if block.level else 0)
        if index in placing.lines:
            lines = block.text.split("\n")
            count = placing.lines[index]
            blocks.append(Block(" ".join(lines[:count]), level))
            block, level = replace(block, text="\n".join(lines[count:])), 0
        blocks.append(replace(block, level=level))
    return blocks
