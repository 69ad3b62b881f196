"""Files and tables of texts → documents and their chunks, read and cut on the executors. Spark 3.5 to 4.x.

Spark's `binaryFile` finds the files and deals them out. Those on a file system that every process can open are then
opened by the worker itself, one file at a time; from elsewhere (HDFS, S3 …) Spark brings the content, which takes
several times a file's size of the executor's memory. A file that cannot be read is a row with `error`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from cpullm import readers
from cpullm.errors import InputError, OptionError
from cpullm.options import Splitting
from cpullm.records import Document
from cpullm.spark import listing, rows
from cpullm.spark.failures import first_line

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_MOST_BYTES = 2**31 - 1
_FILE = {"path": "string", "modificationTime": "timestamp", "length": "bigint", "content": "binary"}


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read: the columns of those that are tables, as in `readers`, and the largest size."""

    id_column: str | None = None
    text_column: str | None = None
    max_bytes: int = 1 << 28

    def __post_init__(self) -> None:
        whole = isinstance(self.max_bytes, int) and not isinstance(self.max_bytes, bool)
        if not (whole and 1 <= self.max_bytes <= _MOST_BYTES):
            raise OptionError(f"max_bytes must be a whole number from 1 to {_MOST_BYTES}, got {self.max_bytes!r}.")


def read_files(spark: SparkSession, path: str | Path, reading: Reading | None = None) -> DataFrame:
    """One row per document of the file, the directory (recursively) or the glob at `path`: columns `rows.DOCUMENT`.

    Ids are the paths below the directory, `path#row` for a table's rows; of one file they are as `readers` gives them.
    Nothing is read before the rows are asked for. InputError if there is no such path or no file under it.
    """
    return _from_files(spark, path, reading, rows.DOCUMENT, rows.document_rows)


def split_files(
    spark: SparkSession, path: str | Path, splitting: Splitting | None = None, reading: Reading | None = None
) -> DataFrame:
    """One row per chunk of the documents that `read_files` gives: columns `rows.CHUNK`."""
    splitting = Splitting.of(splitting)
    return _from_files(spark, path, reading, rows.CHUNK, lambda documents: rows.chunk_rows(documents, splitting))


def parse_files(frame: DataFrame, reading: Reading | None = None) -> DataFrame:
    """Files as `spark.read.format("binaryFile")` gives them → one row per document: columns `rows.DOCUMENT`.

    Ids are the paths, `path#row` for a table's rows. Streams too. Content is only sent to Python from file systems that
    a worker cannot open itself.
    """
    from pyspark.sql import functions as F

    readers.check_columns(frame.columns, *_FILE)
    rows.check_types(frame, _FILE)
    brought = F.when(~F.col("path").startswith(listing.LOCAL), F.col("content")).alias("content")
    return _parsed(frame.select("path", "length", brought), reading, rows.DOCUMENT, rows.document_rows)


def stream_files(
    spark: SparkSession, path: str | Path, reading: Reading | None = None, *, files_per_trigger: int = 32
) -> DataFrame:
    """A stream of the documents in the files of a directory and those to come: columns `rows.DOCUMENT`.

    A micro-batch takes at most so many files. Files are to be moved into the directory whole.
    """
    if isinstance(files_per_trigger, bool) or not isinstance(files_per_trigger, int) or files_per_trigger < 1:
        raise OptionError(f"files_per_trigger must be a whole number of 1 or more, got {files_per_trigger!r}.")
    from pyspark.errors import AnalysisException

    source = spark.readStream.format("binaryFile").schema(rows.ddl(_FILE)).option("recursiveFileLookup", "true")
    try:
        return parse_files(source.option("maxFilesPerTrigger", files_per_trigger).load(str(path)), reading)
    except AnalysisException as error:
        raise InputError(f"{path} cannot be listed by Spark ({first_line(error)}); check its name.") from error


def split_documents(frame: DataFrame, splitting: Splitting | None = None) -> DataFrame:
    """Documents with the columns `rows.DOCUMENT` → one row per chunk: columns `rows.CHUNK`.

    Spark hands rows to Python in batches of 64 MB; before its version 4.1 in batches of 10,000 rows, so set
    `spark.sql.execution.arrow.maxRecordsPerBatch` to less there if many texts are long.
    """
    splitting = Splitting.of(splitting)
    readers.check_columns(frame.columns, *rows.DOCUMENT)
    rows.check_types(frame, rows.DOCUMENT)

    def cut(batches):  # type: ignore[no-untyped-def] # Spark reads type hints, and would look for these on executors
        documents = (rows.document(line) for batch in batches for line in batch.itertuples(index=False, name=None))
        return rows.tables(rows.chunk_rows(documents, splitting), rows.CHUNK)

    return frame.select(*rows.DOCUMENT).mapInPandas(cut, rows.ddl(rows.CHUNK))


def split_table(
    frame: DataFrame, id_column: str = "id", text_column: str = "text", splitting: Splitting | None = None
) -> DataFrame:
    """A table of texts → one row per chunk: columns `rows.CHUNK`. Texts stay whole unless a splitter is named.

    A row without id or text is one with `error`.
    """
    from pyspark.sql import functions as F

    readers.check_columns(frame.columns, id_column, text_column)
    rows.check_types(frame, {text_column: "string"})
    id_, text = F.col(f"`{id_column}`").cast("string"), F.col(f"`{text_column}`")
    error = F.when(id_.isNull(), "The id is null.").when(text.isNull(), "The text is null.")
    known = F.when(error.isNull(), text).otherwise("")
    columns = (F.coalesce(id_, F.lit("")), F.lit(""), known, F.lit(None).cast(rows.MARKS), error, F.lit(True))
    named = [column.alias(name) for column, name in zip(columns, rows.DOCUMENT, strict=True)]
    return split_documents(frame.select(*named), splitting)


def _from_files(
    spark: SparkSession,
    path: str | Path,
    reading: Reading | None,
    schema: Mapping[str, str],
    made: Callable[[Iterable[Document]], Iterator[rows.Row]],
) -> DataFrame:
    found = listing.files(spark, str(path), (reading or Reading()).max_bytes)
    return _parsed(found.frame, reading, schema, made, found.root, found.single)


def _parsed(
    files: DataFrame,
    reading: Reading | None,
    schema: Mapping[str, str],
    made: Callable[[Iterable[Document]], Iterator[rows.Row]],
    root: str = "",
    single: bool = False,
) -> DataFrame:
    """Files with `path, length, content` → rows of the schema."""
    how = reading or Reading()

    def read(batches):  # type: ignore[no-untyped-def] # as above
        found = (file for batch in batches for file in batch.itertuples(index=False, name=None))
        documents = (document for file in found for document in _documents(file, root, single, how))
        return rows.tables(made(documents), schema)

    return files.mapInPandas(read, rows.ddl(schema))


def _documents(file: rows.Row, root: str, single: bool, reading: Reading) -> list[Document]:
    """On the executor: what one listed file holds, or one document that says why it cannot be read."""
    path, length, content = file
    name = listing.name_below(root, path)
    columns = {"id_column": reading.id_column, "text_column": reading.text_column}
    try:
        if length > reading.max_bytes:
            raise InputError(f"{name} is of {length} bytes, more than max_bytes ({reading.max_bytes}); split it.")
        data = _bytes(path, name) if content is None else bytes(content)
        return readers.documents_of(data, name, single=single, **columns)
    except InputError as error:
        return [Document(PurePosixPath(name).stem if single else name, "", error=str(error))]


def _bytes(path: str, name: str) -> bytes:
    file = Path(path.removeprefix("file:"))
    try:
        if file.exists() and not (file.is_file() or file.is_dir()):  # opening a pipe waits for who writes into it
            raise InputError(f"{name} is no file but a pipe or a device; remove it.")
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{name} could not be read on an executor ({error.strerror or error}).") from error
