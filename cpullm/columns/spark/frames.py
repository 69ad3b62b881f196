"""A Spark DataFrame's new columns: its partitions answered where they are, as Arrow has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

from cpullm.columns.transformation import Transformation, transformed
from cpullm.errors import InputError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

Batches = Iterator[pa.RecordBatch]


def answered(frame: DataFrame, made: Transformation) -> DataFrame:
    """The frame with the new columns, to be computed by executors. Raises InputError for columns that are no texts."""
    from pyspark.sql.pandas.types import from_arrow_type
    from pyspark.sql.types import StructField, StructType

    from cpullm import spark as on_spark

    kinds = dict(frame.dtypes)
    for name in made.inputs:
        if kinds[name] != "string":
            raise InputError(f"Column {name!r} is of type {kinds[name]}; cast it to string first.")
    _check_case(frame, [field.name for field in made.fields])
    there = [(f.name, f.dataType, f.nullable or f.name == made.error_column, f.metadata) for f in frame.schema.fields]
    fields = [StructField(*field) for field in there] + [
        StructField(field.name, from_arrow_type(field.type)) for field in made.fields
    ]
    return in_arrow(
        frame,
        lambda batches: transformed(batches, made.with_engine(on_spark.engine_here(made.engine))),
        StructType(fields),
    )


def in_arrow(frame: DataFrame, made: Callable[[Batches], Iterable[pa.RecordBatch]], schema: StructType) -> DataFrame:
    """What becomes of the frame's batches.

    Columns are numbered on the way: `mapInArrow` finds none with a dot or a backtick in its name, nor two of one name.
    """
    from pyspark.sql.types import StructField, StructType

    names, fields = frame.columns, schema.fields
    numbered = [StructField(f"c{i}", f.dataType, f.nullable, f.metadata) for i, f in enumerate(fields)]

    def renamed(batches):  # type: ignore[no-untyped-def] # Spark reads type hints, and would look for these on executors
        found = made(batch.rename_columns(names) for batch in batches)
        return (batch.rename_columns([f"c{i}" for i in range(batch.num_columns)]) for batch in found)

    there = frame.toDF(*(f"c{i}" for i in range(len(names))))
    return there.mapInArrow(renamed, StructType(numbered)).toDF(*(field.name for field in fields))


def _check_case(frame: DataFrame, new: list[str]) -> None:
    """Raise InputError for a new column that Spark takes for another."""
    if frame.sparkSession.conf.get("spark.sql.caseSensitive") == "true":
        return
    known = {name.lower(): name for name in frame.columns}
    for name in new:
        if (same := known.setdefault(name.lower(), name)) != name:
            raise InputError(f"to Spark the columns {same!r} and {name!r} are the same; give one another name.")
