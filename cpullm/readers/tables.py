"""Tables with an id and a text column as documents: from pandas, or from the bytes of CSV, JSON, JSONL and Parquet."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cpullm.errors import InputError
from cpullm.readers.encodings import decode
from cpullm.records import Document, is_blank

_MOST_COLUMNS = 4096
_MOST_UNPACKED = 1 << 30
_ROWS_AT_ONCE = 1024
_DELIMITERS = ",;\t|"


def documents(table: pd.DataFrame, id_column: str, text_column: str) -> list[Document]:
    """One document per row; a text that is null or no string becomes a document with `error`.

    Refused as a whole: a missing column, an empty id, an id that occurs twice.
    """
    check_columns(list(table.columns), id_column, text_column)
    ids = table[id_column]
    n_empty = int((ids.isna() | (ids.astype(str).str.strip() == "")).sum())
    if n_empty:
        raise InputError(f"Column {id_column!r} is empty in {n_empty} rows; every row needs an id.")
    read = [_document(str(id_), text) for id_, text in zip(ids, table[text_column], strict=True)]
    return check_ids(read)


def check_ids(read: list[Document]) -> list[Document]:
    """The documents, if no two have one id; else InputError."""
    doubled = _doubled(read)
    if doubled is not None:
        raise InputError(f"The ids hold {doubled!r} more than once; ids must be unique.")
    return read


def check_columns(columns: list[Any], *wanted: str) -> None:
    """Raise InputError that names the missing columns and the present ones."""
    missing = [name for name in wanted if name not in columns]
    doubled = [name for name in wanted if columns.count(name) > 1]
    if doubled:
        raise InputError(f"There is more than one column {doubled[0]!r}; rename all but one.")
    if missing:
        raise InputError(f"No column {', '.join(map(repr, missing))}; there are {', '.join(map(repr, columns))}.")


def parse(data: bytes, kind: str, *, id_column: str | None = None, text_column: str | None = None) -> list[Document]:
    """One document per row of a file of `kind` csv, tsv, json, jsonl or parquet; a bad row is one with `error`.

    Without `id_column` it is `id`, and where there is none the row's number from 1 (in JSONL its line's). Without
    `text_column` it is `text`. The InputError for a table that is bad as a whole is a predicate without its name.
    """
    wanted = _Wanted(id_column, text_column or "text")
    if kind in ("json", "jsonl"):
        text = decode(data)
        read = _from_json(text, wanted, of_lines=kind == "jsonl" or not text.lstrip().startswith("["))
    elif kind == "parquet":
        read = _from_parquet(data, wanted)
    else:
        read = _from_csv(decode(data), wanted, tabs=kind == "tsv")
    if not read:
        raise InputError("holds no rows; give a table that does.")
    doubled = _doubled(read)
    if doubled is not None:
        raise InputError(f"holds the id {doubled!r} more than once; mend it, or name another column with --id-column.")
    return read


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The columns that were asked for; `id` None where nobody did."""

    id: str | None
    text: str

    def of(self, columns: list[Any]) -> tuple[str | None, str]:
        """The id column, None for row numbers, and the text column; InputError if a table of these lacks one."""
        id_ = "id" if self.id is None and "id" in columns else self.id
        for name, flag in ((id_, "--id-column"), (self.text, "--text-column")):
            if name is not None and columns.count(name) != 1:
                present = ", ".join(map(repr, columns[:20])) + (" …" if len(columns) > 20 else "")
                many = "more than one" if name in columns else "no"
                raise InputError(f"has {many} column {name!r}; there are {present}; name it with {flag}.")
        return id_, self.text


def _from_csv(text: str, wanted: _Wanted, tabs: bool) -> list[Document]:
    header = text.lstrip("\n").partition("\n")[0]
    delimiter = "\t" if tabs else max(_DELIMITERS, key=header.count)
    if header.count(delimiter) >= _MOST_COLUMNS:
        raise InputError(f"has {header.count(delimiter) + 1} columns, more than {_MOST_COLUMNS}; give a smaller table.")
    rows = _csv_rows(text, delimiter)
    columns = next(rows, None)
    if columns is None:
        return []
    id_column, text_column = wanted.of(columns)
    at, id_at = columns.index(text_column), columns.index(id_column) if id_column else None
    numbered = enumerate(rows, 1)
    return [_row(f"{n}" if id_at is None else row[id_at], row[at], f"row {n}") for n, row in numbered]


def _csv_rows(text: str, delimiter: str) -> Iterator[list[Any]]:
    """All rows, the header's first, each of as many cells."""
    n_cells = 0
    try:
        # With the header among the rows, pandas guesses no index column and cuts no row short.
        options: Any = {"sep": delimiter, "header": None, "dtype": str, "keep_default_na": False}
        with pd.read_csv(io.StringIO(text), chunksize=_ROWS_AT_ONCE, **options) as frames:
            for frame in frames:
                n_cells += frame.size
                if n_cells > 4 * len(text) + _ROWS_AT_ONCE * _MOST_COLUMNS:
                    raise InputError("has rows far shorter than its first; mend it, or save it anew as CSV.")
                yield from frame.to_numpy().tolist()
    except pd.errors.EmptyDataError:
        return
    except (ValueError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        said = " ".join(str(error).removeprefix("Error tokenizing data. C error: ").split())
        raise InputError(f"is no good CSV ({said}); mend that line, or quote texts that hold {delimiter!r}.") from error


def _from_json(text: str, wanted: _Wanted, of_lines: bool) -> list[Document]:
    if of_lines:
        rows = [(n, _json(line)) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    else:
        listed = _json(text)
        if isinstance(listed, ValueError):
            raise InputError(f"is no good JSON ({listed}); mend it, or give one object per line, as JSONL.")
        rows = list(enumerate(listed, 1))
    columns = list({column: None for _, row in rows if isinstance(row, dict) for column in row})
    if rows and not columns:
        raise InputError("holds no JSON object with a text; give one object per row, with its id and its text.")
    id_column, text_column = wanted.of(columns) if rows else (None, "")
    unit = "line" if of_lines else "row"
    return [_json_row(row, f"{unit} {n}", n, (id_column, text_column)) for n, row in rows]


def _json_row(row: Any, place: str, n: int, columns: tuple[str | None, str]) -> Document:
    id_column, text_column = columns
    if isinstance(row, ValueError):
        return Document(place if id_column else f"{n}", "", error=f"{place.capitalize()} is no JSON: {row}.")
    if not isinstance(row, dict):
        error = f"{place.capitalize()} is a JSON {type(row).__name__}, no object."
        return Document(place if id_column else f"{n}", "", error=error)
    return _row(row.get(id_column) if id_column else n, row.get(text_column), place)


def _json(text: str) -> Any:
    """What the text says, or the ValueError that tells why it says nothing."""
    try:
        return json.loads(text)
    except ValueError as error:
        return error
    except RecursionError:
        return ValueError("it is nested too deeply")


def _from_parquet(data: bytes, wanted: _Wanted) -> list[Document]:
    import pyarrow as pa
    from pyarrow import parquet

    n_bytes = 0
    read: list[Document] = []
    try:
        file = parquet.ParquetFile(pa.BufferReader(data))
        id_column, text_column = wanted.of(file.schema_arrow.names)
        names = list(dict.fromkeys(name for name in (id_column, text_column) if name))
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=names):
            n_bytes += batch.nbytes
            if n_bytes > _MOST_UNPACKED:
                raise InputError(f"unpacks to more than {_MOST_UNPACKED} bytes; give it in several files.")
            texts = batch.column(text_column).to_pylist()
            numbers = range(len(read) + 1, len(read) + 1 + len(texts))
            ids = batch.column(id_column).to_pylist() if id_column else numbers
            read += [_row(id_, text, f"row {n}") for id_, text, n in zip(ids, texts, numbers, strict=True)]
    except (pa.ArrowException, OSError, ValueError, OverflowError, KeyError, NotImplementedError) as error:
        if isinstance(error, InputError):
            raise
        said = " ".join(str(error).split())
        raise InputError(f"is a damaged Parquet file ({said}); get it again, or save it anew.") from error
    return read


def _row(id_: Any, text: Any, place: str) -> Document:
    """One row's document; `place` is its id if it has none."""
    if id_ is None or isinstance(id_, (dict, list)) or id_ != id_ or not str(id_).strip():
        return Document(place, "", error=f"{place.capitalize()} has no id; every row needs one.")
    if isinstance(text, str) and is_blank(text):
        return Document(str(id_), "", error="The text is empty.")
    text = text.replace("\r\n", "\n").replace("\r", "\n") if isinstance(text, str) else text
    return _document(str(id_), text)


def _doubled(read: list[Document]) -> str | None:
    """The first id that occurs twice."""
    seen = set()
    for document in read:
        if document.id in seen:
            return document.id
        seen.add(document.id)
    return None


def _document(id_: str, text: Any) -> Document:
    if isinstance(text, str):
        return Document(id_, text, row=True)
    missing = pd.api.types.is_scalar(text) and pd.isna(text)
    return Document(id_, "", error="The text is null." if missing else f"The text is a {type(text).__name__}.")
