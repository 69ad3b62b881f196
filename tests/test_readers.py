"""Text files of any encoding become the same Document; what is no text is refused in one line."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from cpullm.errors import InputError
from cpullm.readers import read

TEXT = "Fjörd – “Hélène” said:\nnext line\n"


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        TEXT.encode("utf-16"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"),
        TEXT.encode("cp1252"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
    ],
)
def test_every_encoding_reads_the_same(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "A Book.v2.txt"
    path.write_bytes(data)
    document = read(path)
    assert (document.id, document.text, document.error) == ("A Book.v2", TEXT, None)
    assert read(str(path)) == document


def test_bytes_that_windows_1252_lacks_read_as_latin_1(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("é\x81".encode("latin-1"))
    assert read(path).text == "é\x81"


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("empty.txt", b"", "empty"),
        ("white.txt", b" \n\t\r\n", "no text"),
        ("marked.txt", codecs.BOM_UTF8, "no text"),
        ("unseen.txt", "\u200b\u00ad\n".encode(), "no text"),
        ("zeros.bin", b"abc\0def", "NUL"),
        ("model.gguf", b"GGUF\x03\0\0\0", "GGUF"),
        ("paper.txt", b"%PDF-1.7 ...", "PDF"),
        ("letter.rtf", b"{\\rtf1 ...", "RTF"),
        ("book.epub", b"PK\x03\x04...", "zip"),
        ("book.docx", b"PK\x03\x04...", "damaged DOCX"),
        ("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1...", "old Office"),
        ("table.csv", b"id,text\n1,a\n", "table"),
        ("cut.txt", codecs.BOM_UTF16_LE + b"a\0b", "utf-16"),
    ],
)
def test_what_is_no_text_is_refused_in_one_line(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError, match=says) as caught:
        read(path)
    assert name in str(caught.value) and "\n" not in str(caught.value)


def test_directories_and_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="directory"):
        read(tmp_path)
    with pytest.raises(InputError, match="no file"):
        read(tmp_path / "absent.txt")


def test_underlined_titles_are_marks_by_rank(tmp_path: Path) -> None:
    path = tmp_path / "manual.txt"
    text = "The Manual\n==========\n\nHello.\n\nInstall\n-------\n\nFirst.\n\nUse it\n------\nThen.\n"
    path.write_text(text, encoding="utf-8")
    assert [(text[mark.start : mark.end], mark.level) for mark in read(path).marks] == [
        ("The Manual", 1), ("Install", 2), ("Use it", 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "Title\n=====\n\nText.\n",
        "Name   Price\n------------\n" * 4,
        "A long line of prose\n---\n\n" * 4,
        "prose that goes on\nMore\n----\n\n" * 4,
    ],
)
def test_few_or_odd_rules_mark_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(text, encoding="utf-8")
    assert read(path).marks == ()
