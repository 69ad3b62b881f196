"""A Spark DataFrame's new columns: its partitions answered where they are, as Arrow has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cpullm.columns.transformation import Transformation, transformed
from cpullm.errors import InputError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def answered(frame: DataFrame, made: Transformation) -> DataFrame:
    """The frame with the new columns, to be computed by executors. Raises InputError for columns that are no texts."""
    from pyspark.sql.pandas.types import from_arrow_type
    from pyspark.sql.types import StructField, StructType

    from cpullm import spark as on_spark

    kinds = dict(frame.dtypes)
    for name in [*made.inputs, *([made.error_column] if made.goes_on else [])]:
        if kinds[name] != "string":
            raise InputError(f"Column {name!r} is of type {kinds[name]}; cast it to string first.")
    schema = StructType([*frame.schema.fields, *(StructField(f.name, from_arrow_type(f.type)) for f in made.fields)])

    def answers(batches):  # type: ignore[no-untyped-def] # Spark reads type hints, and would look for these on executors
        return transformed(batches, made.with_engine(on_spark.engine_here(made.engine)))

    return frame.mapInArrow(answers, schema)
