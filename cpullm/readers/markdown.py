"""Markdown → Document: the text stays as it is, so offsets are those of the file; its headings become marks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cpullm.errors import InputError
from cpullm.readers import formats
from cpullm.readers.blocks import NO_TEXT
from cpullm.readers.encodings import decode
from cpullm.records import Document, Mark, encodable, is_blank

if TYPE_CHECKING:
    from markdown_it.token import Token

_MOST_LINES = 2_000_000
_FRONT_MATTER = re.compile(r"---[ \t]*\n(?=\s*[\w.-]+[ \t]*:)(?:.*\n){0,1000}?(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
_TITLE = re.compile(r"^title[ \t]*:[ \t]*(.*)", re.MULTILINE | re.IGNORECASE)
_DEFINITION = re.compile(r" {0,3}\[[^\]\n]+\]:")
_CLOSING = re.compile(r"(?:^|[ \t])#+$")


def parse(data: bytes, id_: str) -> Document:
    """The text as it stands, `title:` of its front matter, and the headings of CommonMark outside quotes and lists."""
    formats.require(formats.MARKDOWN)
    text = encodable(decode(data))
    if is_blank(text):
        raise InputError(NO_TEXT)
    front = _FRONT_MATTER.match(text)
    title = _TITLE.search(front[0]) if front else None
    return Document(id_, text, _unquoted(title[1]) if title else "", marks=_marks(text, front.end() if front else 0))


def _unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def _marks(text: str, start: int) -> tuple[Mark, ...]:
    """The headings from offset `start`, which begins a line."""
    lines = text[start:].split("\n")
    if len(lines) > _MOST_LINES:
        raise InputError(f"is Markdown of {len(lines)} lines, more than {_MOST_LINES}; rename it to end in .txt.")
    marks, line = [], 0
    for heading in _headings(text[start:]):
        first, last = heading.map or (0, 0)
        start += sum(len(passed) + 1 for passed in lines[line:first])
        line = first
        if mark := _mark("\n".join(lines[first:last]), start, heading):
            marks.append(mark)
    return tuple(marks)


def _mark(source: str, start: int, heading: Token) -> Mark | None:
    """The mark of a heading whose lines, at offset `start`, are `source`: without its `#`s, or the line under it."""
    underlined = heading.markup in ("=", "-")
    title = source.rpartition("\n")[0] if underlined else _CLOSING.sub("", source.rstrip())
    title = "" if underlined and _DEFINITION.match(title) else title.rstrip()
    at = len(title) - len(title.lstrip(" \t" if underlined else " \t#"))
    return Mark(start + at, start + len(title), int(heading.tag[1:])) if title[at:] else None


def _headings(source: str) -> list[Token]:
    """The opening tokens of the outermost headings. Text within lines is not parsed, which could take long."""
    from markdown_it import MarkdownIt

    class Outermost(list["Token"]):
        """Keeps headings only: all tokens of a long list would take 300 times its size."""

        def append(self, token: Token) -> None:
            if token.type == "heading_open" and token.level == 0:
                super().append(token)

    parser = MarkdownIt("commonmark").disable("reference")  # Takes quadratic time for a title that does not end.
    found = Outermost()
    parser.block.parse(source, parser, {}, found)
    return found
