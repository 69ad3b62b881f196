"""New columns on Spark: DataFrames, SQL functions, TFRecord files."""

from cpullm.columns.spark.sql import register_sql
from cpullm.columns.spark.tfrecord import write_tfrecord

__all__ = ["register_sql", "write_tfrecord"]
