"""The model as a transformation of tables: new columns of DataFrames, SQL functions, stages of pyspark.ml."""

from cpullm.columns.column import (
    Column,
    answer,
    ask,
    extract,
    keywords,
    names,
    sentiment,
    summarize,
    title,
    translate,
)
from cpullm.columns.transforming import transform

__all__ = [
    "Column",
    "answer",
    "ask",
    "extract",
    "keywords",
    "names",
    "sentiment",
    "summarize",
    "title",
    "transform",
    "translate",
]
