"""Which format bytes are in: by what they hold, then by the file's name; and what each format needs installed."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from cpullm.errors import InputError, MachineError
from cpullm.readers import archive
from cpullm.readers.encodings import byte_order_mark


@dataclass(frozen=True, slots=True)
class Format:
    """One format: its name in messages, the module of `cpullm.readers` that reads it, or the kind of `tables.parse`.

    `package` is what that module needs, imported as `module` and brought by the extra `extra`; empty for none.
    """

    name: str
    reader: str
    suffixes: tuple[str, ...]
    package: str = ""
    module: str = ""
    extra: str = ""
    table: bool = False


TEXT = Format("plain text", "text", (".txt",))
PDF = Format("PDF", "pdf", (".pdf",), "pypdfium2", "pypdfium2", "pdf")
EPUB = Format("EPUB", "epub", (".epub",), "lxml", "lxml", "epub")
DOCX = Format("DOCX", "docx", (".docx",), "python-docx", "docx", "docx")
HTML = Format("HTML", "html", (".html", ".htm", ".xhtml"), "lxml", "lxml", "html")
MARKDOWN = Format("Markdown", "markdown", (".md", ".markdown"), "markdown-it-py", "markdown_it", "markdown")
CSV = Format("CSV", "csv", (".csv",), table=True)
TSV = Format("TSV", "tsv", (".tsv", ".tab"), table=True)
JSON = Format("JSON", "json", (".json",), table=True)
JSONL = Format("JSONL", "jsonl", (".jsonl", ".ndjson"), table=True)
PARQUET = Format("Parquet", "parquet", (".parquet",), table=True)

FORMATS = (TEXT, PDF, EPUB, DOCX, HTML, MARKDOWN, CSV, TSV, JSON, JSONL, PARQUET)

_BY_SUFFIX = {suffix: format_ for format_ in FORMATS for suffix in format_.suffixes}
_UNPACK = "unpack it and give what it holds"
_REFUSED = (
    (0, b"GGUF", "a GGUF model", "give a text, and the model as the model"),
    (0, b"{\\rtf", "an RTF document", "save it as DOCX or plain text"),
    (
        0,
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an old Office file (.doc, .xls …) or one with a password",
        "save it as DOCX, or a table as CSV",
    ),
    (60, b"BOOKMOBI", "a MOBI book", "convert it to EPUB"),
    (0, b"%!PS", "a PostScript file", "convert it to PDF"),
    (0, b"AT&TFORM", "a DjVu file", "convert it to a PDF with a text layer"),
    (0, b"\x89PNG\r\n", "a PNG image", "give its text"),
    (0, b"\xff\xd8\xff", "a JPEG image", "give its text"),
    (0, b"GIF8", "a GIF image", "give its text"),
    (0, b"II*\0", "a TIFF image", "give its text"),
    (0, b"MM\0*", "a TIFF image", "give its text"),
    (8, b"WEBP", "a WebP image", "give its text"),
    (0, b"BZh91AY&SY", "a bzip2 archive", _UNPACK),
    (0, b"\xfd7zXZ\0", "an xz archive", _UNPACK),
    (0, b"7z\xbc\xaf'\x1c", "a 7z archive", _UNPACK),
    (0, b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (0, b"(\xb5/\xfd", "a Zstandard archive", _UNPACK),
    (257, b"ustar", "a tar archive", _UNPACK),
    (0, b"SQLite format 3\0", "an SQLite database", "save its table as CSV"),
    (0, b"ARROW1\0\0", "an Arrow file", "save it as Parquet"),
)
_REFUSED_ZIPS = (
    ("xl/workbook.xml", "an Excel workbook", "save its sheet as CSV"),
    ("ppt/presentation.xml", "a PowerPoint file", "save it as PDF"),
    ("content.xml", "an OpenDocument file", "save it as DOCX, or a sheet as CSV"),
)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_HTML = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_FICTION_BOOK = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?<FictionBook\b")


def of(data: bytes, name: str) -> Format:
    """The format of a file that holds `data`, uncompressed; InputError (a predicate) for one that is not read."""
    for at, signature, what, instead in _REFUSED:
        if data.startswith(signature, at):
            raise InputError(f"is {what}, which is not read; {instead}.")
    by_name = named(name)
    if data.lstrip()[:5] == b"%PDF-" or (by_name is PDF and b"%PDF-" in data[:1024]):
        return PDF
    if data.startswith(b"PK\x03\x04"):
        return _of_zip(data, by_name)
    if data.startswith(b"PAR1"):
        return PARQUET
    head = _head(data)
    if _FICTION_BOOK.match(head):
        raise InputError("is a FictionBook (FB2), which is not read; convert it to EPUB.")
    return HTML if _HTML.match(head) else by_name


def named(name: str) -> Format:
    """The format that a file's name tells; plain text if none. A `.gz` at its end tells nothing."""
    return _BY_SUFFIX.get(PurePosixPath(name.lower().removesuffix(".gz")).suffix, TEXT)


def require(format_: Format) -> None:
    """Raise MachineError if the package that the format needs is missing; imports none."""
    if format_.module and importlib.util.find_spec(format_.module) is None:
        raise MachineError(
            f"Reading {format_.name} needs the package {format_.package}; "
            f"install it: pip install 'cpullm[{format_.extra}]'."
        )


def _of_zip(data: bytes, by_name: Format) -> Format:
    known = by_name in (EPUB, DOCX)
    try:
        names = set(archive.opened(data, "zip archive").namelist())
    except InputError:
        if known:
            return by_name
        raise
    if "META-INF/container.xml" in names:
        return EPUB
    if "word/document.xml" in names:
        return DOCX
    if known:
        return by_name
    for member, what, instead in _REFUSED_ZIPS:
        if member in names:
            raise InputError(f"is {what}, which is not read; {instead}.")
    raise InputError(f"is a zip archive, which is not read; {_UNPACK}.")


def _head(data: bytes) -> str:
    """The first characters, comments left out."""
    mark, encoding = byte_order_mark(data)
    return _COMMENT.sub("", data[len(mark) : 1024].decode(encoding or "latin-1", "ignore"))
