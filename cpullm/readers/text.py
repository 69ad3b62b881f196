"""Plain text files → Documents: any usual encoding, any line ends."""

from __future__ import annotations

import codecs
from pathlib import Path

from cpullm.errors import InputError
from cpullm.records import Document

_NOT_YET = {".pdf", ".epub", ".docx", ".doc", ".odt", ".rtf", ".html", ".htm", ".xhtml", ".mobi", ".azw3"}
_SIGNATURES = {
    b"%PDF-": "a PDF",
    b"PK\x03\x04": "a zip archive (EPUB, DOCX …)",
    b"GGUF": "a GGUF model",
    b"\x1f\x8b": "a gzip archive",
    b"{\\rtf": "an RTF document",
}
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read(path: Path | str) -> Document:
    """The text of the file at `path`, its id the file's name without ending.

    Encodings: by byte order mark, else UTF-8, else Windows-1252, else Latin-1. Line ends become LF.
    """
    path = Path(path)
    text = _decode(_bytes(path), path).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise InputError(f"{path} holds no text; give a file that does.")
    return Document(path.stem, text)


def _bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise InputError(f"{path} is a directory; give one text file in it.")
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"there is no file {path}; check its name.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} could not be read ({reason}); check its name and permissions.") from error
    if not data:
        raise InputError(f"{path} is empty; give a file that holds text.")
    for signature, kind in _SIGNATURES.items():
        if data.startswith(signature):
            raise InputError(f"{path} is {kind}, which is not read; give plain text.")
    if path.suffix.lower() in _NOT_YET:
        raise InputError(f"{path} is a {path.suffix.lower()} file, which is not read; save it as plain text.")
    return data


def _decode(data: bytes, path: Path) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return _decoded(data, encoding, path)
    if b"\0" in data:
        raise InputError(f"{path} holds NUL bytes, so it is no text; give plain text, UTF-8 for instance.")
    for encoding in ("utf-8", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _decoded(data: bytes, encoding: str, path: Path) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} begins as {encoding} but byte {error.start} is not; save it again as UTF-8."
        ) from error
    return text.removeprefix("\ufeff")
