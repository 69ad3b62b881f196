"""A tree of HTML → its blocks in order: headings, paragraphs and rows of tables, as a browser would show them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Any

from cpullm.readers.markup import INVISIBLE, etree, name

HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure "
    "footer form header hgroup hr html legend li listing main menu nav ol p plaintext pre search section summary "
    "table tbody td tfoot th thead tr ul xmp".split()
)
_UNSEEN = frozenset(
    "annotation annotation-xml applet area audio base canvas datalist embed frame frameset head iframe img input link "
    "map meta noembed noframes noscript param rp rt script select source style svg template textarea title track "
    "video".split()
)
_VERBATIM = frozenset(("pre", "listing", "xmp", "plaintext"))
_ALWAYS_SEEN = frozenset(("html", "body", "main", "article"))
_PAGE_CLASS = re.compile(r"(?:[a-z]+[-_])?(?:page[-_]?(?:num|no|nr|number)s?|pgnum)", re.I)
_PAGE_NUMBER = re.compile(r"\W*(?:(?:[^\W\d]{1,6}\W*)?\d+[a-z]?|[ivxlcdm]*)\W*", re.I)
_HIDING = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.I)
_LONGEST_PAGE_NUMBER = 14
_MOST_ELEMENTS = 16  # in a page number
_LONGEST_HEADING = 300

_SPACE = re.compile(r"\s+")
_SPACES = re.compile(r" {2,}")
_BREAK = re.compile(r" ?\n ?")
_BREAKS = re.compile(r"\n{4,}")
_CELLS = " | "


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of running text. `level` is a heading's rank, 0 for a paragraph; `linked` counts letters in `links`.

    `main` says that it stands in `main` or `article`; `anchors` are the ids at which it can be reached.
    """

    text: str
    level: int = 0
    linked: int = 0
    links: int = 0
    main: bool = False
    anchors: tuple[str, ...] = ()
    table: int = 0

    @property
    def letters(self) -> int:
        """Characters of the text that are no white space."""
        return len("".join(self.text.split()))


def blocks(root: Any, apart: Collection[Any] = ()) -> list[Block]:
    """The blocks of a tree in order, what a browser does not show and `apart` left out. Linear in the tree's size."""
    builder = _Builder()
    unseen = None
    walk = etree().iterwalk(root, events=("start", "end"))
    for event, element in walk:
        tag = name(element)
        if event == "start":
            if element in apart or is_unseen(element, tag):
                unseen = element
                walk.skip_subtree()
            else:
                builder.start(element, tag)
                builder.text(element.text)
            continue
        if element is not unseen:
            builder.end(element, tag)
        if element is not root:
            builder.text(element.tail)
    return builder.finish()


def is_unseen(element: Any, tag: str) -> bool:
    """Whether a browser would not show the element, or it is the number of a printed page."""
    if tag in _UNSEEN:
        return True
    if not element.attrib or tag in _ALWAYS_SEEN:
        return False
    if element.get("hidden", "until-found") != "until-found" or _HIDING.search(element.get("style", "")):
        return True
    return _is_page_number(element)


def _is_page_number(element: Any) -> bool:
    said = {key.rpartition("}")[2].rpartition(":")[2]: value for key, value in element.attrib.items()}
    kinds = f"{said.get('type', '')} {said.get('role', '')}".split()
    if not (
        {"pagebreak", "doc-pagebreak"} & set(kinds) or any(map(_PAGE_CLASS.fullmatch, element.get("class", "").split()))
    ):
        return False
    # So that elements of this class within each other are not read as often as they are deep.
    if len(list(islice(element.iter(), _MOST_ELEMENTS + 1))) > _MOST_ELEMENTS:
        return False
    text = ""
    for piece in element.itertext():
        text += piece.strip()
        if len(text) > _LONGEST_PAGE_NUMBER:
            return False
    return _PAGE_NUMBER.fullmatch(text) is not None


class _Builder:
    """Blocks under construction: a block element's start and end close the running text."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._parts: list[str] = []
        self._anchors: list[str] = []
        self._linked = self._n_links = 0
        self._links = self._main = self._verbatim = self._level = 0
        self._tables: list[int] = []
        self._n_tables = 0
        self._rows: list[list[int]] = []

    def text(self, text: str | None) -> None:
        if text:
            self._parts.append(text if self._verbatim else _SPACE.sub(" ", text))
            if self._links:
                self._linked += len("".join(text.split()))

    def start(self, element: Any, tag: str) -> None:
        level = _level(element, tag)
        if level:
            self._end_heading()
            self._flush()
        elif tag in _BLOCKS:
            self._break()
        self._anchors.extend(filter(None, (element.get("id"), element.get("name") if tag == "a" else None)))
        self._level = level or self._level
        self._verbatim += tag in _VERBATIM
        self._main += tag in ("main", "article")
        if tag == "a" and element.get("href") is not None:
            self._links += 1
            self._n_links += 1
        if tag == "br":
            self._parts.append("\n")
        elif tag == "q":
            self._parts.append("“")
        elif tag == "table":
            self._n_tables += 1
            self._tables.append(self._n_tables)
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th") and self._rows:
            self._rows[-1].append(len(self._blocks))

    def end(self, element: Any, tag: str) -> None:
        if _level(element, tag):
            self._end_heading()
        elif tag in _BLOCKS:
            self._break()
        self._verbatim -= tag in _VERBATIM
        self._main -= tag in ("main", "article")
        self._links -= tag == "a" and element.get("href") is not None
        if tag == "q":
            self._parts.append("”")
        elif tag == "table":
            self._tables.pop()
        elif tag == "tr":
            self._end_row(self._rows.pop())

    def finish(self) -> list[Block]:
        self._end_heading()
        self._flush()
        if self._anchors and self._blocks:
            last = self._blocks[-1]
            self._blocks[-1] = replace(last, anchors=(*last.anchors, *self._anchors))
        return _whole_tables(self._blocks)

    def _break(self) -> None:
        if self._level:
            self._parts.append("\n")
        else:
            self._flush()

    def _end_heading(self) -> None:
        level, self._level = self._level, 0
        if not level:
            return
        text = _clean("".join(self._parts))
        if len(text) <= _LONGEST_HEADING:
            self._flush(level)
            return
        # A heading that was never closed holds all that follows it.
        self._parts.clear()
        for line in text.split("\n"):
            self._parts.append(line)
            self._flush(level if len(line) <= _LONGEST_HEADING else 0)
            level = 0

    def _flush(self, level: int = 0) -> None:
        raw = "".join(self._parts)
        self._parts.clear()
        text = ""
        if raw and not raw.isspace():
            text = _verbatim(raw) if self._verbatim and not level else _clean(raw)
        if text:
            shown = " ".join(text.split()) if level else text
            self._blocks.append(Block(shown, level, self._linked, self._n_links, self._main > 0, tuple(self._anchors)))
            self._anchors.clear()
        self._linked, self._n_links = 0, self._links

    def _end_row(self, cells: Sequence[int]) -> None:
        """Makes one line of a row whose cells hold one line each; others are tables for layout only."""
        if not cells:
            return
        first, count = cells[0], len(self._blocks) - cells[0]
        if count < 2 or count > len(cells) or len({start for start in cells if start < len(self._blocks)}) < count:
            return
        row = self._blocks[first:]
        if any(block.level or block.table or "\n" in block.text for block in row):
            return
        table = self._tables[-1] if self._tables else 0
        self._blocks[first:] = [_joined(row, _CELLS, table)]


def _level(element: Any, tag: str) -> int:
    if tag in HEADINGS:
        return HEADINGS[tag]
    if element.get("role") != "heading":
        return 0
    level = element.get("aria-level", "2")
    return min(6, max(1, int(level))) if level.isascii() and level.isdigit() and len(level) < 3 else 2


def _whole_tables(rows: Sequence[Block]) -> list[Block]:
    """The blocks, with the lines of one table in one block."""
    joined: list[Block] = []
    for table, run in groupby(rows, key=lambda block: block.table):
        lines = list(run)
        joined.extend([_joined(lines, "\n", table)] if table else lines)
    return joined


def _joined(parts: Sequence[Block], between: str, table: int) -> Block:
    anchors = tuple(anchor for part in parts for anchor in part.anchors)
    linked, links = sum(part.linked for part in parts), sum(part.links for part in parts)
    return Block(between.join(part.text for part in parts), 0, linked, links, parts[0].main, anchors, table)


def _clean(raw: str) -> str:
    return _BREAKS.sub("\n\n\n", _BREAK.sub("\n", _SPACES.sub(" ", INVISIBLE.sub("", raw)))).strip()


def _verbatim(raw: str) -> str:
    lines = INVISIBLE.sub("", raw.replace("\xa0", " ")).splitlines()
    return "\n".join(line.rstrip() for line in lines).strip("\n")
