"""Plain text → Document; titles that are underlined, as in reStructuredText and old manuals, are its marks."""

from __future__ import annotations

import re

from cpullm.errors import InputError
from cpullm.readers.blocks import NO_TEXT
from cpullm.readers.encodings import decode
from cpullm.records import Document, Mark, is_blank

# A line after a blank one, under it as long a run of one sign, and a blank line or the text.
_UNDERLINED = re.compile(r"(?:\A|(?<=\n\n))([^\s=~^-][^\n]{1,99})\n(([=~^-])\3{2,})[ \t]*(?=\n)")
_COLUMNS = re.compile(r"\S(?: {2,}|\t)\S")
_SLACK = 2
_FEWEST = 3


def parse(data: bytes, id_: str) -> Document:
    """The text of `data` in whatever encoding; InputError if it is none, or only white space."""
    text = decode(data)
    if is_blank(text):
        raise InputError(NO_TEXT)
    return Document(id_, text, marks=_underlined(text))


def _underlined(text: str) -> tuple[Mark, ...]:
    """Lines with as long a rule below; their signs rank in the order they come. A few may be a table's head."""
    levels: dict[str, int] = {}
    marks = []
    for match in _UNDERLINED.finditer(text):
        title, rule, sign = match.groups()
        if abs(len(title.rstrip()) - len(rule)) <= _SLACK and not _COLUMNS.search(title):
            level = levels.setdefault(sign, len(levels) + 1)
            marks.append(Mark(match.start(1), match.start(1) + len(title.rstrip()), level))
    return tuple(marks) if len(marks) >= _FEWEST else ()
