"""HTML pages and books → Documents: the text a browser shows, its headings marked, menus and the like left out."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable

from cpullm.errors import InputError
from cpullm.readers import boilerplate, encodings, formats, markup, rendering
from cpullm.readers.blocks import Blocks
from cpullm.readers.rendering import Block
from cpullm.records import Document

_WIDE = {b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
_SNIFFED = 4096
_COMMENT = re.compile(rb"<!--.*?(?:-->|$)", re.S)
_DECLARED = re.compile(rb"""<(?:\?xml|meta)\b[^<>]*?(?:encoding|charset)\s*=\s*["']?\s*([A-Za-z0-9_.:-]+)""", re.I)
# What the WHATWG's Encoding Standard reads a label as, where Python reads less.
_WIDER = {
    "ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "big5": "big5hkscs", "shift_jis": "cp932", "euc_kr": "cp949",
}  # fmt: skip
_SINGLE_BYTE = re.compile(r"cp125\d|cp8\d\d|iso8859-\d+|koi8-[rut]|mac-(?:roman|cyrillic)")
_MULTI_BYTE = frozenset(("gb18030", "big5hkscs", "cp932", "cp949", "euc_jp", "iso2022_jp"))


def parse(data: bytes, id_: str) -> Document:
    """The text of a page, its headings as marks, its `title` as title; InputError if it holds no text."""
    formats.require(formats.HTML)
    root = markup.tree(decoded(data))
    blocks = rendering.blocks(root, boilerplate.apart(root))
    return document(boilerplate.content(blocks), id_, markup.title(root))


def document(blocks: Iterable[Block], id_: str, title: str) -> Document:
    """The blocks as one text; InputError if there is none."""
    built = Blocks()
    for block in blocks:
        if block.level:
            built.heading(block.text, block.level)
        else:
            built.paragraph(block.text)
    return built.document(id_, title)


def decoded(data: bytes) -> str:
    """The page's characters: by byte order mark, by what it declares of itself, as UTF-8, else by its bytes.

    Follows the WHATWG's HTML standard (13.2.3.2), but a declaration that the bytes contradict is not believed.
    """
    for encoding in _plausible(data):
        try:
            return data.decode(encoding).removeprefix("\ufeff")
        except (UnicodeDecodeError, LookupError):
            continue
    if b"\0" in data:
        data = data.replace(b"\0", b"")
    try:
        return encodings.decode(data)
    except InputError:
        raise InputError("is no HTML: its bytes are no text in any known encoding; get it again.") from None


def _plausible(data: bytes) -> list[str]:
    """Encodings to try. A page of several bytes a character that is valid UTF-8 is UTF-8, whatever it says."""
    marked = encodings.byte_order_mark(data)[1] or _WIDE.get(data[:2])
    if marked:
        return [marked]
    declared = _declared(data[:_SNIFFED])
    return [declared, "utf-8"] if declared in _MULTI_BYTE else ["utf-8", declared] if declared else ["utf-8"]


def _declared(start: bytes) -> str | None:
    found = _DECLARED.search(_COMMENT.sub(b"", start))
    if not found:
        return None
    try:
        label = codecs.lookup(found[1].decode("ascii").lower()).name
    except (LookupError, ValueError):
        return None
    label = _WIDER.get(label, label)
    return label if label in _MULTI_BYTE or _SINGLE_BYTE.fullmatch(label) else None
