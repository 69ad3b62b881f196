"""One form for every text: Unicode in NFC, plain spaces, whole words at line ends."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from typing import Any

import regex

from cpullm.readers.blocks import Blocks
from cpullm.records import Document, encodable

_SPACE = "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_LINE_END = "\u000b\u000c\u001c\u001d\u001e\u0085\u2028\u2029"
# U+200C and U+200D stay: Persian, the scripts of India and emoji spell with them.
_INVISIBLE = "\u00ad\u180e\u200b\u2060\ufeff"
_LIGATURES = {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st"}
_CONTROLS = {code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) != "\n"}
_TABLE = {
    **_CONTROLS,
    **dict.fromkeys(map(ord, _SPACE), " "),
    **dict.fromkeys(map(ord, _LINE_END), "\n"),
    **dict.fromkeys(map(ord, _INVISIBLE)),
    **_LIGATURES,
}
_SURPLUS_SPACE = re.compile(r"(?<=\S) +")
_SURPLUS_LINES = re.compile(r"\n{4,}")
_SOFT_BREAK = re.compile(r"\u00ad[^\S\n]*\n[^\S\n]*")
_BROKEN_WORD = regex.compile(r"(?<![\w-])\p{Ll}++(?:-\n *+\p{Ll}++)++")
_BREAK = re.compile(r"-\n *")
_COMPOUND = regex.compile(r"(?<![\w-])\p{Ll}+(?:-\p{Ll}+)+(?![\w-])")


def normalized(text: str) -> str:
    """The text in NFC without control and invisible characters, ligatures of letters, odd and surplus white space.

    A word broken by a hyphen at a line's end is whole again, if all its letters are small; it keeps the hyphen if the
    text spells it with one elsewhere. Indents and up to two blank lines stay.
    """
    text = encodable(text).replace("\r\n", "\n").replace("\r", "\n")
    text = _SOFT_BREAK.sub("", text).translate(_TABLE)
    text = _SURPLUS_SPACE.sub(" ", unicodedata.normalize("NFC", text))
    text = _whole_words("\n".join(line.rstrip(" ") for line in text.split("\n")))
    return _SURPLUS_LINES.sub("\n\n\n", text).strip()


def normalized_document(document: Document) -> Document:
    """The same for a document; its marks go with their headings."""
    whole = normalized(document.text)
    if not (document.marks and whole):
        return replace(document, text=whole, marks=())
    blocks, position = Blocks(), 0
    for mark in document.marks:
        line = document.text.rfind("\n", 0, mark.start) + 1  # Markdown's # go
        blocks.paragraph(normalized(document.text[position : max(position, line)]))
        blocks.heading(normalized(document.text[mark.start : mark.end]), mark.level)
        position = mark.end
    blocks.paragraph(normalized(document.text[position:]))
    return blocks.document(document.id, document.title)


def _whole_words(text: str) -> str:
    if "-\n" not in text:
        return text
    compounds = set(_COMPOUND.findall(text))

    def whole(match: Any) -> str:
        hyphened: str = _BREAK.sub("-", match[0])
        return hyphened if hyphened in compounds else hyphened.replace("-", "")

    return str(_BROKEN_WORD.sub(whole, text))
