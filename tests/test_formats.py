"""Which format a file is in is told by what it holds, else by its name, and at once."""

from __future__ import annotations

import time

import pytest

from cpullm.errors import InputError
from cpullm.readers import documents_of, formats
from tests.makers import zip_of


def _zip(*names: str) -> bytes:
    return zip_of(dict.fromkeys(names, b"x"))


@pytest.mark.parametrize(
    ("data", "name", "format_"),
    [
        (b"%PDF-1.4", "a.txt", formats.PDF),
        (b"\n%PDF-1.4", "a", formats.PDF),
        (b"junk\n%PDF-1.4", "a.pdf", formats.PDF),
        (b"On the mark %PDF- in files", "a.txt", formats.TEXT),
        (_zip("mimetype", "META-INF/container.xml"), "a.txt", formats.EPUB),
        (_zip("word/document.xml"), "a.epub", formats.DOCX),
        (_zip("other"), "a.docx", formats.DOCX),
        (b"PK\x03\x04", "a.epub", formats.EPUB),
        (b"<!DOCTYPE html>\n<p>", "a", formats.HTML),
        (b"\xef\xbb\xbf \n<!-- saved -->\n<HTML lang=en>", "a.txt", formats.HTML),
        (b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "">', "a.xml", formats.HTML),
        ("<html>".encode("utf-16"), "a.txt", formats.HTML),
        (b"<!---->" * 20 + b"<html>", "a.txt", formats.HTML),
        ("<!-- ü -->\n<html>".encode("utf-32"), "a.txt", formats.HTML),
        (b"<p>text", "a.htm", formats.HTML),
        (b"<htmlish>", "a.txt", formats.TEXT),
        (b"PAR1", "a", formats.PARQUET),
        (b"# a", "a.MD", formats.MARKDOWN),
        (b"a,b", "a.csv.gz", formats.CSV),
        (b"a\tb", "a.tsv", formats.TSV),
        (b"{}", "a.ndjson", formats.JSONL),
        (b"[]", "a.json", formats.JSON),
        (b"def f(): pass", "a.py", formats.TEXT),
    ],
)
def test_content_tells_the_format_and_else_the_name(data: bytes, name: str, format_: formats.Format) -> None:
    assert formats.of(data, name) == format_


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"GGUF\x03", "a GGUF model"),
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (b"\xff\xd8\xff\xe0", "a JPEG image"),
        (bytes(60) + b"BOOKMOBI", "MOBI.*EPUB"),
        (bytes(257) + b"ustar\0", "tar archive.*unpack"),
        (_zip("xl/workbook.xml"), "Excel.*CSV"),
        (_zip("content.xml", "mimetype"), "OpenDocument.*DOCX"),
        (_zip("a.txt"), "zip archive.*unpack"),
        (b"PK\x03\x04...", "damaged zip archive"),
        (b'<?xml version="1.0"?><FictionBook>', "FB2.*EPUB"),
    ],
)
def test_what_is_not_read_is_named_with_what_to_do(data: bytes, says: str) -> None:
    with pytest.raises(InputError, match=rf"^odd\.txt is .*{says}"):
        documents_of(data, "odd.txt")


@pytest.mark.parametrize("start", ["<!---->", "<!-- -->\n", "<!--", "<?xml ?>", "\n", "<?xml <!--"])
def test_a_format_is_told_at_once_whatever_the_text_begins_with(start: str) -> None:
    began = time.perf_counter()
    assert formats.of(f"{start * 200_000} x".encode(), "a.txt") == formats.TEXT
    assert time.perf_counter() - began < 1
