"""DOCX → Document: paragraphs, headings by their outline level, tables row by row, in document order."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cpullm.errors import InputError
from cpullm.readers import archive, formats
from cpullm.readers.blocks import Blocks
from cpullm.records import Document

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_PARAGRAPH, _TABLE, _ROW, _CELL, _BOX = (f"{_W}{name}" for name in ("p", "tbl", "tr", "tc", "txbxContent"))
_VALUE = f"{_W}val"
_TEXT = frozenset({f"{_W}t", f"{_MATH}t"})
_SIGNS = {f"{_W}tab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-"}
_NOTES = {f"{_W}footnoteReference": "footnotes", f"{_W}endnoteReference": "endnotes"}
_APART = frozenset({_BOX, *_NOTES})
# Deleted, moved away, a second form of the same, properties; a box stands apart.
_SKIPPED = frozenset({f"{_W}{name}" for name in ("del", "moveFrom", "pPr", "rPr", "sdtPr")} | {_FALLBACK, _BOX})
_TITLE = -1  # in place of a level
_BODY_LEVEL = 9
_LONGEST_LEVEL = 4  # digits; Python refuses to read thousands of them
_HEADING = re.compile(r"heading (\d)", re.IGNORECASE)
_MOST_NODES = 6_000_000
_OFF = frozenset({"0", "false", "off"})

Element = Any


@dataclass(frozen=True, slots=True)
class _Parts:
    body: Element
    styles: Element
    notes: dict[tuple[str, str], Element]
    title: str


def parse(data: bytes, id_: str) -> Document:
    """The text of a DOCX; a paragraph's level is its own or its style's outline level, whatever the style's name.

    A table's row is one line, cells parted by " | ", merged ones once; a row of one cell is read as paragraphs. Foot-
    and endnotes and text boxes stand after the paragraph they belong to; insertions are in, deletions, hidden text,
    comments, page headers and footers are out, and so are numbers that Word counts. InputError: damaged.
    """
    formats.require(formats.DOCX)
    parts = _parts(data)
    body = _Body(_levels(parts.styles), parts.notes)
    body.read(parts.body)
    return body.document(id_, parts.title)


def _parts(data: bytes) -> _Parts:
    import docx

    try:
        with archive.opened(data, "DOCX") as members:
            checked = _repacked(members)
        opened = docx.Document(checked)
        title = opened.core_properties.title
        if opened.element.body is None:
            raise ValueError("its main part has no body")
        return _Parts(opened.element.body, opened.styles.element, _notes(opened.part), title)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # whatever the package, its zip reader and its XML parser raise on damage
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"is a damaged DOCX ({said}); get it again, or save it anew.") from error


def _repacked(members: zipfile.ZipFile) -> io.BytesIO:
    """The same archive, honest: unpacked under the limits its directory claims, its XML of a bearable size.

    An element of 4 bytes takes more than 100 in the parsed tree.
    """
    n_nodes = 0
    checked = io.BytesIO()
    with zipfile.ZipFile(checked, "w") as out:
        for name in dict.fromkeys(members.namelist()):
            part = archive.member(members, name, "DOCX")
            n_nodes += part.count(b"<") + part.count(b"=")
            if n_nodes > _MOST_NODES:
                raise InputError(f"has XML of more than {_MOST_NODES} tags and attributes; cut it into parts.")
            out.writestr(zipfile.ZipInfo(name), part)
    return checked


class _Body:
    """The blocks of a document in order, `levels` its styles that mean a heading, `notes` by kind and id."""

    def __init__(self, levels: dict[str, int], notes: dict[tuple[str, str], Element]) -> None:
        self._levels = levels
        self._notes = notes
        self._found: list[tuple[str, int]] = []

    def read(self, parent: Element) -> None:
        """Add all paragraphs and tables below an element."""
        for block in _nearest(parent, frozenset({_PARAGRAPH, _TABLE})):
            if block.tag == _PARAGRAPH:
                self._found.append((_text(block), self._level(block)))
                self._read_apart(block)
            else:
                self._read_table(block)

    def document(self, id_: str, title: str) -> Document:
        """The document; a single paragraph styled as title is its title, more of them are a level of their own."""
        titles = [text for text, level in self._found if level == _TITLE and text.strip()]
        shift = int(len(titles) > 1)
        out = Blocks()
        for text, level in self._found:
            if level > 0 or (level == _TITLE and shift):
                out.heading(text, max(0, level) + shift)
            else:
                out.paragraph(text)
        return out.document(id_, title or (titles[0] if titles else ""))

    def _read_table(self, table: Element) -> None:
        lines: list[str] = []
        inside: list[Element] = []
        for row in _nearest(table, frozenset({_ROW})):
            cells = [] if _is_deleted(row) else list(_nearest(row, frozenset({_CELL})))
            if len(cells) == 1:
                self._add_rows(lines, inside)
                lines, inside = [], []
                self.read(cells[0])
            else:
                parts = [list(_paragraphs(cell)) for cell in cells if not _goes_on(cell)]
                lines.append(" | ".join(" ".join(" ".join(map(_text, part)).split()) for part in parts))
                inside += [paragraph for part in parts for paragraph in part]
        self._add_rows(lines, inside)

    def _add_rows(self, lines: list[str], inside: list[Element]) -> None:
        self._found.append(("\n".join(line for line in lines if line.strip(" |")), 0))
        for paragraph in inside:
            self._read_apart(paragraph)

    def _read_apart(self, paragraph: Element) -> None:
        for part in _nearest(paragraph, _APART):
            found = part
            if part.tag in _NOTES:
                found = self._notes.pop((_NOTES[part.tag], part.get(f"{_W}id")), None)
            if found is not None:
                self.read(found)

    def _level(self, paragraph: Element) -> int:
        own = _outline_level(paragraph.find(f"{_W}pPr"))
        if own is not None:
            return own
        style = paragraph.find(f"{_W}pPr/{_W}pStyle")
        return 0 if style is None else self._levels.get(style.get(_VALUE), 0)


def _nearest(parent: Element, tags: frozenset[str]) -> Iterator[Element]:
    """The nearest descendants with one of the tags, in order; content controls and the like are no borders."""
    for child in parent.iterchildren("*"):
        if child.tag in tags:
            yield child
        elif child.tag not in _SKIPPED:
            yield from _nearest(child, tags)


def _paragraphs(cell: Element) -> Iterator[Element]:
    """The cell's paragraphs, those of tables in it too."""
    for block in _nearest(cell, frozenset({_PARAGRAPH, _TABLE})):
        if block.tag == _TABLE:
            yield from _paragraphs(block)
        else:
            yield block


def _text(paragraph: Element) -> str:
    return "".join(_pieces(paragraph))


def _pieces(parent: Element) -> Iterator[str]:
    for child in parent.iterchildren("*"):
        if child.tag in _TEXT:
            yield child.text or ""
        elif child.tag in _SIGNS:
            yield _SIGNS[child.tag]
        elif child.tag not in _SKIPPED and not _is_on(child.find(f"{_W}rPr/{_W}vanish")):
            yield from _pieces(child)


def _is_on(switch: Element | None) -> bool:
    return switch is not None and switch.get(_VALUE) not in _OFF


def _is_deleted(row: Element) -> bool:
    return row.find(f"{_W}trPr/{_W}del") is not None


def _goes_on(cell: Element) -> bool:
    """Whether the cell is the lower part of one merged over rows."""
    merged = cell.find(f"{_W}tcPr/{_W}vMerge")
    return merged is not None and merged.get(_VALUE) != "restart"


def _outline_level(properties: Element | None) -> int | None:
    """The level that a paragraph's or a style's properties give, from 1, 0 for the body; None if they give none."""
    found = None if properties is None else properties.find(f"{_W}outlineLvl")
    value = "" if found is None else found.get(_VALUE, "")
    if not value.isdecimal() or len(value) > _LONGEST_LEVEL:
        return None
    return int(value) + 1 if int(value) < _BODY_LEVEL else 0


def _levels(styles: Element) -> dict[str, int]:
    """Level by style id: the outline level of the style or of the nearest it is based on, or by its English name."""
    known = {style.get(f"{_W}styleId"): style for style in styles.iterchildren(f"{_W}style")}
    levels: dict[str, int] = {}
    for first in known:
        chain: dict[str, None] = {}
        at = first
        while at in known and at not in levels and at not in chain:
            chain[at] = None
            level = _own_level(known[at])
            if level is not None:
                levels[at] = level
                break
            at = _named(known[at], "basedOn")
        levels.update(dict.fromkeys(chain, levels.get(at, 0)))
    return levels


def _own_level(style: Element) -> int | None:
    level = _outline_level(style.find(f"{_W}pPr"))
    name = _named(style, "name")
    if level is not None:
        return level
    if name.lower() == "title":
        return _TITLE
    heading = _HEADING.fullmatch(name)
    return int(heading[1]) if heading else None


def _named(style: Element, name: str) -> str:
    found = style.find(f"{_W}{name}")
    return "" if found is None else str(found.get(_VALUE, ""))


def _notes(part: Any) -> dict[tuple[str, str], Element]:
    """The foot- and endnotes by kind and id."""
    from docx.oxml.parser import parse_xml

    found: dict[tuple[str, str], Element] = {}
    for relationship in part.rels.values():
        kind = relationship.reltype.rpartition("/")[2]
        if kind in _NOTES.values() and not relationship.is_external:
            root = parse_xml(relationship.target_part.blob)
            found.update({(kind, note.get(f"{_W}id")): note for note in root.iterchildren("*")})
    return found
