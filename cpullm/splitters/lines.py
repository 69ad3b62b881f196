"""A text's lines that are not blank, in paragraphs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE = re.compile(r"[^\n]+")
_TIGHT_LINES = 30
"""Lines a paragraph from which a text is one without blank lines; there every line of prose is a paragraph."""
_FEW_LINES = 4
_SHORT_LINE = 15
_LONG_LINE = 60


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number from 1 in the text, its offsets, its text without white space at the ends."""

    number: int
    start: int
    end: int
    text: str


def paragraphs(text: str, start: int, end: int) -> list[list[Line]]:
    """Lines with no blank line between them; the single lines of a text that has no blank lines."""
    found = list(_paragraphs(text, start, end))
    if sum(map(len, found)) > _TIGHT_LINES * len(found):
        return [block for paragraph in found for block in _parted(paragraph)]
    return found


def _parted(paragraph: list[Line]) -> list[list[Line]]:
    """The lines of a long paragraph one by one; a rule keeps the line above it, and a title that a number has below."""
    if len(paragraph) <= _FEW_LINES:
        return [paragraph]
    blocks: list[list[Line]] = []
    for line in paragraph:
        above = blocks[-1] if blocks else []
        titled = above and _is_rule(above[-1].text) and len(above[0].text) <= _SHORT_LINE
        if above and (_is_rule(line.text) or (titled and len(line.text) <= _LONG_LINE)):
            above.append(line)
        else:
            blocks.append([line])
    return blocks


def line_start(text: str, place: int) -> int:
    """Where the line that holds this place begins."""
    return text.rfind("\n", 0, place) + 1


def line_end(text: str, place: int) -> int:
    """Where the line that holds this place ends, its line break not with it."""
    end = text.find("\n", place)
    return len(text) if end < 0 else end


def _is_rule(line: str) -> bool:
    return len(line) > 2 and len(set(line)) < 3 and not any(sign.isalnum() for sign in line)


def _paragraphs(text: str, start: int, end: int) -> Iterator[list[Line]]:
    paragraph: list[Line] = []
    number, place = text.count("\n", 0, start) + 1, start
    for match in _LINE.finditer(text, start, end):
        newlines = text.count("\n", place, match.start())
        number, place = number + newlines, match.start()
        if newlines > 1 and paragraph:
            yield paragraph
            paragraph = []
        line = match.group().strip()
        if line:
            paragraph.append(Line(number, match.start(), match.end(), line))
        elif paragraph:
            yield paragraph
            paragraph = []
    if paragraph:
        yield paragraph
