"""A Spark DataFrame as TFRecord files, a `tf.train.Example` for each row: what TensorFlow reads.

https://www.tensorflow.org/tutorials/load_data/tfrecord. Null is a feature that is not there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from cpullm import filesystems, readers
from cpullm.columns.spark.frames import in_arrow
from cpullm.errors import InputError, MachineError, OptionError
from cpullm.filesystems import told

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_FEATURES = {"string": "byte", "binary": "byte", "boolean": "int", "tinyint": "int", "smallint": "int", "int": "int",
             "bigint": "int", "float": "float", "double": "float"}  # fmt: skip
_DONE = "_SUCCESS"


def write_tfrecord(frame: DataFrame, folder: str | Path) -> int:
    """Write part-00000.tfrecord and on into a new folder (a path that all executors have, or a URI); how many rows.

    Columns are strings, binaries, numbers, flags, and lists of these. `_SUCCESS` stands there once all is. A part is
    written whole, then renamed, so that one that a task began and never ended is not there. Raises CpullmError.
    """
    from pyspark.sql.types import IntegerType, LongType, StructField, StructType

    from cpullm import spark as on_spark

    _writer()
    where = str(folder) if filesystems.is_uri(str(folder)) else str(Path(folder).resolve())
    readers.check_columns(frame.columns, *frame.columns)
    kinds = {name: _feature(name, kind) for name, kind in frame.dtypes}
    files, path = filesystems.opened(where)
    try:
        if _listed(files, path):
            raise InputError(f"{folder} is there already, and not empty; name another folder.")
        files.create_dir(path)
    except OSError as error:
        raise OptionError(f"{folder} cannot be written to: {told(error)}.") from error

    schema = StructType([StructField("part", IntegerType()), StructField("rows", LongType())])
    with on_spark.readable_errors():
        rows = in_arrow(frame, lambda batches: [_part(batches, where, kinds)], schema).collect()
    with files.open_output_stream(f"{path}/{_DONE}"):
        pass
    return sum(row["rows"] for row in rows)


def _listed(files: Any, path: str) -> list[Any]:
    from pyarrow.fs import FileSelector

    return list(files.get_file_info(FileSelector(path, allow_not_found=True)))


def _feature(name: str, kind: str) -> str:
    element = kind.removeprefix("array<").removesuffix(">") if kind.startswith("array<") else kind
    if element not in _FEATURES:
        raise InputError(
            f"Column {name!r} is of type {kind}, which no tf.train.Example holds: select its fields, or make it text "
            "with to_json or a cast."
        )
    return _FEATURES[element]


def _part(batches: Iterable[pa.RecordBatch], where: str, kinds: Mapping[str, str]) -> pa.RecordBatch:
    """On the executor: one partition's file, and how many rows it has."""
    from pyspark import TaskContext

    context = TaskContext.get()
    assert context is not None
    part = context.partitionId()
    files, path = filesystems.opened(where)
    with tempfile.TemporaryDirectory() as scratch:
        draft = Path(scratch, "draft")
        n_rows = 0
        writer = _writer()(str(draft))
        try:
            for row in (row for batch in batches for row in batch.to_pylist()):
                writer.write(dict(_features(row, kinds)))
                n_rows += 1
        finally:
            writer.close()
        hidden = f"{path}/.part-{part:05}-{context.taskAttemptId()}"
        try:
            with draft.open("rb") as source, files.open_output_stream(hidden) as target:
                while block := source.read(1 << 20):
                    target.write(block)
            files.move(hidden, f"{path}/part-{part:05}.tfrecord")
        except OSError as error:
            raise MachineError(f"a part of {where} cannot be written: {told(error)}.") from error
    return pa.record_batch({"part": pa.array([part], pa.int32()), "rows": pa.array([n_rows], pa.int64())})


def _features(row: Mapping[str, Any], kinds: Mapping[str, str]) -> Iterator[tuple[str, tuple[list[Any], str]]]:
    for name, value in row.items():
        if value is None:
            continue
        values = value if isinstance(value, list) else [value]
        if None in values:
            raise InputError(f"Column {name!r} has a list with a null in it, which no tf.train.Example holds.")
        yield name, ([_plain(one) for one in values], kinds[name])


def _plain(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else int(value) if isinstance(value, bool) else value


def _writer() -> Any:
    try:
        from tfrecord.writer import TFRecordWriter
    except ImportError as error:
        raise MachineError(
            f"TFRecord needs the package tfrecord ({error}): pip install 'cpullm[tfrecord]', here and on executors."
        ) from error
    return TFRecordWriter
