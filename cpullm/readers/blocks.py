"""Paragraphs and headings of a marked-up format, one after the other → one plain text that knows its headings."""

from __future__ import annotations

from cpullm.errors import InputError
from cpullm.records import Document, Mark, encodable

NO_TEXT = "holds no text; give a file that does."  # of any format

_BETWEEN = "\n\n"
_BEFORE_HEADING = "\n\n\n"


class Blocks:
    """A text under construction: a blank line between blocks, two before a heading."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._marks: list[Mark] = []
        self._length = 0

    def paragraph(self, text: str) -> None:
        """Add a block of text; its line breaks stay. One of white space only adds nothing."""
        self._add(text, _BETWEEN)

    def heading(self, text: str, level: int) -> None:
        """Add a heading of rank `level`, from 1; its white space becomes single spaces."""
        title = " ".join(text.split())
        if title:
            start = self._add(title, _BEFORE_HEADING)
            self._marks.append(Mark(start, self._length, level))

    def document(self, id_: str, title: str = "") -> Document:
        """The text so far; InputError if there is none."""
        if not self._parts:
            raise InputError(NO_TEXT)
        return Document(id_, "".join(self._parts) + "\n", " ".join(title.split()), marks=tuple(self._marks))

    def _add(self, text: str, before: str) -> int:
        text = encodable(text.replace("\r\n", "\n").replace("\r", "\n")).strip()
        if text:
            if self._parts:
                self._parts.append(before)
                self._length += len(before)
            self._parts.append(text)
            self._length += len(text)
        return self._length - len(text)
