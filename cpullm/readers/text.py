"""Plain text → Document."""

from __future__ import annotations

from cpullm.errors import InputError
from cpullm.readers.blocks import NO_TEXT
from cpullm.readers.encodings import decode
from cpullm.records import Document


def parse(data: bytes, id_: str) -> Document:
    """The text of `data` in whatever encoding; InputError if it is none, or only white space."""
    text = decode(data)
    if not text.strip():
        raise InputError(NO_TEXT)
    return Document(id_, text)
