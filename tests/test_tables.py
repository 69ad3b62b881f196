"""Tables as documents: a bad cell or row is a document with an error, never an exception."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from cpullm.errors import CpullmError, InputError
from cpullm.readers import documents, tables
from cpullm.records import Document

KINDS = ("csv", "tsv", "json", "jsonl", "parquet")
ROWS = [{"id": "a", "text": "first, “quoted”\nline", "n": "1"}, {"id": "b", "text": 'say "é"', "n": "2"}]
CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip)


def _file(kind: str, rows: list[dict[str, Any]]) -> bytes:
    frame = pd.DataFrame(rows)
    if kind == "parquet":
        return frame.to_parquet(index=False)
    if kind in ("json", "jsonl"):
        return (json.dumps(rows) if kind == "json" else "\n".join(map(json.dumps, rows))).encode()
    return frame.to_csv(index=False, sep="\t" if kind == "tsv" else ",").encode()


def _pairs(read: list[Document]) -> list[tuple[str, str]]:
    return [(document.id, document.text) for document in read]


@pytest.mark.parametrize(
    ("cell", "said"),
    [(None, "null"), (float("nan"), "null"), (pd.NA, "null"), (7, "a int"), (np.array(["x", "y"]), "a ndarray")],
)
def test_a_cell_that_is_no_text_is_a_document_with_an_error(cell: Any, said: str) -> None:
    bad, good = documents(pd.DataFrame({"id": [1, 2], "text": [cell, "fine"]}), "id", "text")
    assert said in (bad.error or "") and bad.text == ""
    assert good.error is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_table_reads_the_same(kind: str) -> None:
    assert _pairs(tables.parse(_file(kind, ROWS), kind)) == [(row["id"], row["text"]) for row in ROWS]


@pytest.mark.parametrize("kind", KINDS)
def test_columns_are_those_that_were_named(kind: str) -> None:
    assert _pairs(tables.parse(_file(kind, ROWS), kind, id_column="n", text_column="id")) == [("1", "a"), ("2", "b")]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_numbered_from_1_where_there_is_no_id(kind: str) -> None:
    rows = [{"text": row["text"]} for row in ROWS]
    assert [document.id for document in tables.parse(_file(kind, rows), kind)] == ["1", "2"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("columns", "says"),
    [({"text_column": "body"}, "no column 'body'.*'id', 'text', 'n'.*--text-column"), ({"id_column": "key"}, "'key'")],
)
def test_a_missing_column_is_named_with_those_there_are(kind: str, columns: dict[str, str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        tables.parse(_file(kind, ROWS), kind, **columns)


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_column_is_guessed(kind: str) -> None:
    with pytest.raises(InputError, match="no column 'text'; there are 'id', 'body'"):
        tables.parse(_file(kind, [{"id": "1", "body": "a text"}]), kind)


@pytest.mark.parametrize("kind", KINDS)
def test_an_id_that_occurs_twice_is_refused(kind: str) -> None:
    with pytest.raises(InputError, match="'a' more than once"):
        tables.parse(_file(kind, [ROWS[0], ROWS[0]]), kind)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_text_or_id_is_a_document_with_an_error(kind: str) -> None:
    rows = [{"id": "a", "text": " "}, {"id": "", "text": "b"}, {"id": "c", "text": "fine"}]
    empty, nameless, good = tables.parse(_file(kind, rows), kind)
    assert "empty" in (empty.error or "") and "no id" in (nameless.error or "")
    assert (good.text, good.error) == ("fine", None)


@pytest.mark.parametrize("kind", ["json", "jsonl", "parquet"])
def test_a_null_text_is_a_document_with_an_error(kind: str) -> None:
    null, good = tables.parse(_file(kind, [{"id": "a", "text": None}, {"id": "b", "text": "fine"}]), kind)
    assert ("null" in (null.error or ""), good.error) == (True, None)


@pytest.mark.parametrize("word", ["NA", "null", "None", "nan", "1.50", "007"])
def test_words_in_csv_stay_as_they_are_written(word: str) -> None:
    assert _pairs(tables.parse(f"id,text\n{word},{word}\n".encode(), "csv")) == [(word, word)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_the_delimiter_of_csv_is_found_in_any_encoding(delimiter: str, encoding: str) -> None:
    data = f"id{delimiter}text\r\n1{delimiter}déjà vu à Évian\r\n".encode(encoding)
    assert _pairs(tables.parse(data, "csv")) == [("1", "déjà vu à Évian")]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("id,text\n1,a\n2,b,c\n", "Expected 2 fields in line 3, saw 3"),
        ('id,text\n1,a\n2,"open\n', "row 2"),
        ("id,text\n", "no rows"),
        ("\n", "no rows"),
        ("id,text,text\n1,2,3\n", "more than one column 'text'"),
        (",".join(["a"] * 5000), "5000 columns"),
    ],
)
def test_bad_csv_is_refused_with_the_place(data: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        tables.parse(data.encode(), "csv")
    assert "\n" not in str(caught.value)


def test_rows_that_would_be_padded_without_end_are_refused() -> None:
    header = ",".join(["text", *(f"c{i}" for i in range(4000))])
    with pytest.raises(InputError, match="shorter"):
        tables.parse((header + "\n" + "a\n" * 100_000).encode(), "csv")


def test_a_bad_line_of_jsonl_is_a_document_with_its_number() -> None:
    data = b'{"id": "a", "text": "x"}\n\n{"id": \n[1]\n{"id": "b", "text": 3}\n{"id": "c", "text": "y"}'
    read = tables.parse(data, "jsonl")
    assert [document.id for document in read] == ["a", "line 3", "line 4", "b", "c"]
    assert [bool(document.error) for document in read] == [False, True, True, True, False]
    assert "Line 3 is no JSON" in (read[1].error or "") and "int" in (read[3].error or "")


def test_lines_of_json_may_hold_any_line_separator_of_unicode() -> None:
    assert _pairs(tables.parse('{"text": "a\u2028b\x85c"}'.encode(), "jsonl")) == [("1", "a\u2028b\x85c")]


def test_a_file_of_lines_that_are_no_objects_is_refused() -> None:
    with pytest.raises(InputError, match="no JSON object"):
        tables.parse(b"one\ntwo\n", "jsonl")


@pytest.mark.parametrize("data", [b"[" * 100_000, b'[{"text": "a"}', b'{"a":' * 100_000, b"[" + b"1" * 5000 + b"]"])
def test_broken_json_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        tables.parse(data, "json")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("kind", ["json", "jsonl"])
def test_json_is_read_in_any_encoding(kind: str, encoding: str) -> None:
    data = _file(kind, ROWS).decode().encode(encoding)
    assert _pairs(tables.parse(data, kind)) == [(row["id"], row["text"]) for row in ROWS]


def test_line_ends_within_json_are_read_as_lf() -> None:
    assert tables.parse(b'{"text": "a\\r\\nb\\rc"}', "jsonl")[0].text == "a\nb\nc"


def test_parquet_loads_only_what_was_asked_for() -> None:
    frame = pd.DataFrame({"id": [1, 2], "text": ["a", "b"], "odd": [{"x": 1}, {"x": 2}]})
    data = io.BytesIO()
    frame.to_parquet(data, index=False)
    assert _pairs(tables.parse(data.getvalue(), "parquet")) == [("1", "a"), ("2", "b")]


@pytest.mark.parametrize("column", ["id", "text"])
def test_a_date_that_python_lacks_is_refused(column: str) -> None:
    dates = pa.array([2**62], pa.int64()).view(pa.timestamp("us"))
    file = io.BytesIO()
    parquet.write_table(pa.table({"id": pa.array(["a"]), "text": pa.array(["b"]), column: dates}), file)
    with pytest.raises(InputError, match=r"^is a damaged Parquet file \(date value out of range\)"):
        tables.parse(file.getvalue(), "parquet")


def test_parquet_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_MOST_UNPACKED", 1 << 20)
    with pytest.raises(InputError, match="unpacks to more"):
        tables.parse(pd.DataFrame({"text": ["a" * 1000] * 5000}).to_parquet(), "parquet")


@given(st.lists(CELLS, min_size=1, max_size=5), st.sampled_from(KINDS))
def test_every_text_is_read_as_written(texts: list[str], kind: str) -> None:
    rows = [{"id": f"{i}", "text": text} for i, text in enumerate(texts)]
    assert [document.text for document in tables.parse(_file(kind, rows), kind)] == texts


@given(st.data(), st.sampled_from(KINDS))
def test_a_damaged_table_is_documents_or_an_error(data: st.DataObject, kind: str) -> None:
    whole = bytearray(_file(kind, ROWS))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert tables.parse(bytes(whole), kind)
    except CpullmError as error:
        assert "\n" not in str(error)
