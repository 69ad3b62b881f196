"""Files of any format, tables and directories become Documents; what is bad is named and holds up nothing else."""

from __future__ import annotations

import gzip
import importlib.util
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpullm.errors import CpullmError, InputError, MachineError
from cpullm.readers import documents_of, formats, is_table, read, read_all

SUFFIXES = [suffix for format_ in formats.FORMATS for suffix in format_.suffixes] + ["", ".gz", ".csv.gz", ".bin"]
STARTS = [b"", b"%PDF-1.4\n", b"PK\x03\x04", b"PAR1", b"\x1f\x8b\x08\0", b"<html>", b"<?xml", b"# a\n", b"id,text\n"]
STARTS += [b'{"text": "', b"[{", b"\xff\xfe", b"\xef\xbb\xbf", b"---\n"]
CSV = b"id,text\nx,first\ny,second\n"


def _fill(folder: Path, contents: dict[str, bytes]) -> None:
    for name, data in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def test_one_file_has_its_name_as_id(tmp_path: Path) -> None:
    _fill(tmp_path, {"My Book.v2.md": b"# One\n\ntext\n"})
    [document] = read_all(tmp_path / "My Book.v2.md")
    assert (document.id, document.text) == ("My Book.v2", "# One\n\ntext\n")
    assert document == read(tmp_path / "My Book.v2.md")


def test_a_table_has_its_rows_ids(tmp_path: Path) -> None:
    _fill(tmp_path, {"t.csv": CSV})
    assert [document.id for document in read_all(tmp_path / "t.csv")] == ["x", "y"]
    named = read_all(tmp_path / "t.csv", id_column="text", text_column="id")
    assert [(document.id, document.text) for document in named] == [("first", "x"), ("second", "y")]


def test_read_says_that_a_table_is_many_documents(tmp_path: Path) -> None:
    _fill(tmp_path, {"t.csv": CSV})
    with pytest.raises(InputError, match=r"is a table.*read_all"):
        read(tmp_path / "t.csv")


def test_a_directory_is_read_recursively_in_order_and_nothing_is_dropped(tmp_path: Path) -> None:
    contents = {
        "b.txt": b"text b",
        "a/z.md": b"# z",
        "a/t.csv": CSV,
        "a.txt.gz": gzip.compress(b"packed"),
        "c/empty.txt": b"",
        "c/image.png": b"\x89PNG\r\n\x1a\n",
        "c/bad.jsonl": b'{"id": "k", "text": "fine"}\n{',
        ".hidden": b"x",
        ".git/config": b"x",
    }
    _fill(tmp_path, contents)
    read = list(read_all(tmp_path))
    assert [document.id for document in read] == [
        "a.txt.gz",
        "a/t.csv#x",
        "a/t.csv#y",
        "a/z.md",
        "b.txt",
        "c/bad.jsonl#k",
        "c/bad.jsonl#line 2",
        "c/empty.txt",
        "c/image.png",
    ]
    assert [bool(document.error) for document in read] == [False] * 6 + [True] * 3
    assert read[0].text == "packed"
    assert read[-1].error == "c/image.png is a PNG image, which is not read; give its text."


def test_a_directory_is_read_lazily(tmp_path: Path) -> None:
    _fill(tmp_path, {"a.txt": b"a", "b.txt": b"b"})
    documents = read_all(tmp_path)
    assert next(documents).text == "a"
    (tmp_path / "b.txt").unlink()
    assert "no file b.txt" in (next(documents).error or "")


def test_links_that_lead_round_or_nowhere_are_harmless(tmp_path: Path) -> None:
    _fill(tmp_path, {"a/b/c.txt": b"c"})
    (tmp_path / "a/b/up").symlink_to(tmp_path)
    (tmp_path / "a/nowhere").symlink_to(tmp_path / "absent")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "linked.txt").symlink_to(tmp_path / "a/b/c.txt")
    read = {document.id: document.error for document in read_all(tmp_path)}
    assert read.pop("a/b/c.txt") is None and read.pop("linked.txt") is None
    assert sorted(read) == ["a/nowhere", "self"] and all("link" in (error or "") for error in read.values())


def test_a_pipe_in_a_directory_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    [document] = read_all(tmp_path)
    assert "is no file" in (document.error or "")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_a_document_with_an_error(tmp_path: Path) -> None:
    _fill(tmp_path, {"a.txt": b"a", "shut/b.txt": b"b", "c.txt": b"c"})
    (tmp_path / "a.txt").chmod(0)
    (tmp_path / "shut").chmod(0)
    read = list(read_all(tmp_path))
    (tmp_path / "shut").chmod(0o700)
    assert [(document.id, bool(document.error)) for document in read] == [
        ("a.txt", True),
        ("c.txt", False),
        ("shut", True),
    ]


def test_names_that_look_alike_stay_apart(tmp_path: Path) -> None:
    for name in (b"\xfe.txt", b"\xff.txt"):
        Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).write_bytes(b"text")
    assert [document.id for document in read_all(tmp_path)] == ["?.txt", "?.txt (2)"]


@pytest.mark.parametrize("contents", [{}, {".hidden": b"x"}])
def test_a_directory_without_files_is_refused(tmp_path: Path, contents: dict[str, bytes]) -> None:
    _fill(tmp_path, contents)
    with pytest.raises(InputError, match="holds no files"):
        read_all(tmp_path)


def test_a_missing_file_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file"):
        read_all(tmp_path / "absent.txt")


@pytest.mark.parametrize("name", ["a" * 5000, "a\0b", "two\nlines", "", os.fsdecode(b"\xff")])
def test_names_that_cannot_be_are_refused_in_one_line_that_can_be_printed(tmp_path: Path, name: str) -> None:
    for refuse in (read, read_all):
        with pytest.raises(InputError) as caught:
            refuse(tmp_path / "below" / name)
        assert "\n" not in str(caught.value) and str(caught.value).encode()


def test_devices_are_refused() -> None:
    with pytest.raises(InputError, match="device"):
        read("/dev/zero")


def test_a_file_of_more_than_2_gib_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "large.txt").open("wb") as file:
        file.truncate((2 << 30) + 1)
    [document] = read_all(tmp_path)
    assert "2147483649 bytes" in (document.error or "")


@pytest.mark.parametrize("name", [format_.suffixes[0] for format_ in formats.FORMATS if format_.module])
def test_a_missing_package_stops_a_directory_before_it_begins(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    format_ = formats.named(f"z{name}")
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None if module == format_.module else find(module))
    _fill(tmp_path, {"a.txt": b"a", f"z{name}": b"z"})
    with pytest.raises(MachineError, match=rf"needs the package {format_.package}; .*'cpullm\[{format_.extra}\]'"):
        read_all(tmp_path)


def test_text_needs_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None)
    _fill(tmp_path, {"a.txt": b"a", "t.csv": CSV})
    assert len(list(read_all(tmp_path))) == 3


def test_gzip_is_unpacked_and_its_ending_is_no_part_of_the_id(tmp_path: Path) -> None:
    _fill(tmp_path, {"book.txt.gz": gzip.compress(b"text"), "t.csv.gz": gzip.compress(CSV)})
    assert (read(tmp_path / "book.txt.gz").id, read(tmp_path / "book.txt.gz").text) == ("book", "text")
    assert [document.text for document in read_all(tmp_path / "t.csv.gz")] == ["first", "second"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (gzip.compress(b"text")[:-6], "damaged gzip"),
        (b"\x1f\x8b\x08junk", "damaged gzip"),
        (gzip.compress(gzip.compress(b"text")), "gzip within gzip"),
        (gzip.compress(b""), "empty"),
        (gzip.compress(bytes(40 << 20)), "would unpack"),
    ],
    ids=["cut", "junk", "twice", "empty", "bomb"],
)
def test_bad_gzip_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says):
        documents_of(data, "a.txt.gz")


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [("a.csv", CSV, True), ("a.jsonl.gz", b"", True), ("rows", b"PAR1...", True), ("a.txt", CSV, False)],
)
def test_tables_are_told_from_texts(tmp_path: Path, name: str, data: bytes, expected: bool) -> None:
    _fill(tmp_path, {name: data})
    assert is_table(tmp_path / name) == expected
    assert not is_table(tmp_path) and not is_table(tmp_path / "absent.csv")


@pytest.mark.parametrize("single", [True, False])
def test_ids_are_those_of_one_file_or_of_a_directory(single: bool) -> None:
    def ids(data: bytes, name: str) -> list[str]:
        return [document.id for document in documents_of(data, name, single=single)]

    assert ids(b"text", "a/b.txt") == (["b"] if single else ["a/b.txt"])
    assert ids(CSV, "a/t.csv") == (["x", "y"] if single else ["a/t.csv#x", "a/t.csv#y"])


def test_an_error_names_the_file_once_in_one_line() -> None:
    with pytest.raises(InputError) as caught:
        documents_of(b"id,body\n1,a\n", "t.csv")
    assert str(caught.value) == "t.csv has no column 'text'; there are 'id', 'body'; name it with --text-column."


@given(st.sampled_from(STARTS), st.binary(max_size=200), st.sampled_from(SUFFIXES), st.booleans())
def test_any_bytes_are_documents_or_one_line(start: bytes, data: bytes, suffix: str, packed: bool) -> None:
    whole = gzip.compress(start + data) if packed else start + data
    try:
        found: Any = documents_of(whole, f"name{suffix}")
        assert found and all("\n" not in (document.error or "") for document in found)
    except CpullmError as error:
        assert str(error).startswith("name") and "\n" not in str(error)


@given(st.binary(min_size=1, max_size=100), st.sampled_from(["a.csv", "b.parquet"]))
def test_a_damaged_parquet_under_any_table_name_is_documents_or_one_line(tail: bytes, name: str) -> None:
    whole = pd.DataFrame({"text": ["a", "b"]}).to_parquet(index=False)
    try:
        assert documents_of(whole[: -len(tail)] + tail, name)
    except CpullmError as error:
        assert "\n" not in str(error)
