"""Tables with an id and a text column, from pandas, as documents."""

from __future__ import annotations

from typing import Any

import pandas as pd

from cpullm.errors import InputError
from cpullm.records import Document


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
    seen = set()
    for document in read:
        if document.id in seen:
            raise InputError(f"The ids hold {document.id!r} more than once; ids must be unique.")
        seen.add(document.id)
    return read


def check_columns(columns: list[Any], *wanted: str) -> None:
    """Raise InputError that names the missing columns and the present ones."""
    missing = [name for name in wanted if name not in columns]
    doubled = [name for name in wanted if columns.count(name) > 1]
    if doubled:
        raise InputError(f"There is more than one column {doubled[0]!r}; rename all but one.")
    if missing:
        raise InputError(f"No column {', '.join(map(repr, missing))}; there are {', '.join(map(repr, columns))}.")


def _document(id_: str, text: Any) -> Document:
    if isinstance(text, str):
        return Document(id_, text)
    missing = pd.api.types.is_scalar(text) and pd.isna(text)
    return Document(id_, "", error="The text is null." if missing else f"The text is a {type(text).__name__}.")
