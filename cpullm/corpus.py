"""A source of any kind → its documents, cleaned if asked for, each cut into chunks: what comes before any model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpullm import catalog, readers, splitters
from cpullm.errors import InputError, OptionError
from cpullm.options import Hygiene, Splitting
from cpullm.records import Chunk, Document, Split

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import SparkSession

_ID = "id"
_SILENT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Corpus:
    """Documents, read one at a time where the source allows it."""

    documents: Iterable[Document]

    def splits(
        self, splitting: Splitting | None = None, count_tokens: Callable[[str], int] = splitters.estimated_tokens
    ) -> Iterator[tuple[Document, Split]]:
        """Every document with its chunks; `count_tokens` is the tokenizer of the splitter `tokens`."""
        for document in self.documents:
            yield document, splitters.split(document, splitting, count_tokens=count_tokens)

    def chunks(
        self, splitting: Splitting | None = None, limit: int | None = None, progress: bool = False
    ) -> list[Chunk]:
        """The chunks of all documents in order, up to the `limit`-th of the body; front and back matter stays."""
        from tqdm import tqdm

        found: list[Chunk] = []
        n_body = 0
        splits = self.splits(splitting)
        for _, split in tqdm(splits, unit=" documents", delay=_SILENT_SECONDS, leave=False, disable=not progress):
            for chunk in split.chunks:
                found.append(chunk)
                n_body += chunk.kind == "body"
                if n_body == limit:
                    return found
        if not found:
            raise InputError("There is nothing to summarize: the source has no rows.")
        return found

    def cleaned(self, spark: SparkSession | None, hygiene: Hygiene) -> tuple[Corpus, pd.DataFrame]:
        """What stays after hygiene on Spark, and the report of what went, as `cpullm.spark.clean` gives it."""
        from cpullm import spark as on_spark

        if spark is None:
            raise OptionError("hygiene runs on Spark; give a session (or a --master), or leave it off.")
        documents = list(self.documents)
        kept, report = on_spark.clean_documents(spark, documents, hygiene)
        if documents and not kept:
            raise InputError(f"hygiene dropped all documents ({reasons(report)}); check its options.")
        return Corpus(kept), report


def read(
    source: Any,
    *,
    id_column: str | None = None,
    text_column: str = "text",
    limit: int | None = None,
    progress: bool = True,
) -> Corpus:
    """The documents of a book (by name), a file, a folder, Documents, or a pandas or Spark DataFrame.

    `limit` is how many will be looked at: of a Spark DataFrame no more rows are collected.
    """
    if isinstance(source, (str, Path)):
        path = catalog.resolve_corpus(source, progress=progress)
        return Corpus(readers.read_all(path, id_column=id_column, text_column=text_column))
    return Corpus(_given(source, id_column or _ID, text_column, limit))


def reasons(report: pd.DataFrame) -> str:
    """How many documents hygiene dropped for each reason, in one phrase; empty if none."""
    return ", ".join(f"{n} {reason}" for reason, n in sorted(report["reason"].value_counts().items()))


def check_limit(limit: int | None) -> None:
    """Raise OptionError unless it is None or a whole number of 1 or more."""
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise OptionError(f"limit must be a whole number of 1 or more, got {limit!r}.")


def _given(source: Any, id_column: str, text_column: str, limit: int | None) -> list[Document]:
    if isinstance(source, Document):
        return [source]
    if hasattr(source, "toPandas"):
        readers.check_columns(source.columns, id_column, text_column)
        rows = source.select(f"`{id_column}`", f"`{text_column}`")
        source = (rows if limit is None else rows.limit(limit)).toPandas()
    if hasattr(source, "iloc"):
        return readers.documents(source, id_column, text_column)
    if isinstance(source, Sequence) and all(isinstance(document, Document) for document in source):
        return readers.check_ids(list(source))
    raise InputError(
        f"A source is a book's name or path, Documents, or a pandas or Spark DataFrame; got {type(source).__name__}."
    )
