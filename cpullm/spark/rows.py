"""On the executors: documents and their chunks as rows, and rows as tables of a bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from cpullm import splitters
from cpullm.errors import InputError
from cpullm.options import Splitting
from cpullm.records import Document, Mark, row

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

MARKS = "array<struct<start:int,end:int,level:int>>"
DOCUMENT = {
    "document_id": "string",
    "title": "string",
    "text": "string",
    "marks": MARKS,
    "error": "string",
    "row": "boolean",
}
CHUNK = {
    "id": "string",
    "document_id": "string",
    "index": "int",
    "levels": "array<string>",
    "title": "string",
    "kind": "string",
    "line": "int",
    "start": "int",
    "end": "int",
    "text": "string",
    "error": "string",
    "words": "int",
    "splitter": "string",
}
Row = tuple[Any, ...]
_MOST_ROWS = 10_000
_MOST_CHARACTERS = 1 << 22


def ddl(schema: Mapping[str, str]) -> str:
    """The columns as Spark's DDL."""
    return ", ".join(f"{name} {kind}" for name, kind in schema.items())


def check_types(frame: DataFrame, schema: Mapping[str, str]) -> None:
    """Raise InputError for the first column of the schema that is of another type in the frame."""
    kinds = dict(frame.dtypes)
    for name, kind in schema.items():
        if kinds[name] != kind:
            raise InputError(f"Column {name!r} is of type {kinds[name]}; give one of type {kind}, or rename it.")


def document_rows(documents: Iterable[Document]) -> Iterator[Row]:
    """A row per document, of the columns `DOCUMENT`."""
    for document in documents:
        yield document.id, document.title, document.text, spans(document), document.error, document.row


def spans(document: Document) -> list[dict[str, int]]:
    """The document's marks as a row holds them."""
    return [row(mark) for mark in document.marks]


def document(line: Row) -> Document:
    """The document of a row of `DOCUMENT`, its marks as pandas or Arrow gives them."""
    id_, title, text, marks, error, is_row = line
    known = tuple(Mark(**mark) for mark in (() if marks is None else marks))
    return Document(id_, text or "", title or "", error, known, bool(is_row))


def chunk_rows(documents: Iterable[Document], splitting: Splitting | None) -> Iterator[Row]:
    """A row per chunk, of the columns `CHUNK`; a document without any chunk is a row with `error`."""
    for document in documents:
        split = splitters.split(document, splitting)
        for chunk in split.chunks:
            where = (chunk.line, chunk.start, chunk.end)
            names = (chunk.id, chunk.document_id, chunk.index, list(chunk.levels), chunk.title, chunk.kind)
            yield *names, *where, chunk.text, chunk.error, chunk.words, split.splitter


def tables(lines: Iterable[Row], schema: Mapping[str, str]) -> Iterator[pd.DataFrame]:
    """The rows as tables, cut so that none holds much more text than one row or a few million characters."""
    batch: list[Row] = []
    n_characters, text = 0, list(schema).index("text")
    for line in lines:
        batch.append(line)
        n_characters += len(line[text])
        if len(batch) >= _MOST_ROWS or n_characters >= _MOST_CHARACTERS:
            yield pd.DataFrame(batch, columns=list(schema))
            batch, n_characters = [], 0
    if batch:
        yield pd.DataFrame(batch, columns=list(schema))
