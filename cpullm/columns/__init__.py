"""The model as a transformation of tables: new columns of DataFrames, SQL functions, stages of pyspark.ml."""

from cpullm.columns.column import (
    Column,
    answer,
    ask,
    classify,
    embed,
    extract,
    keywords,
    mask,
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
    "classify",
    "embed",
    "extract",
    "keywords",
    "mask",
    "names",
    "sentiment",
    "summarize",
    "title",
    "transform",
    "translate",
]
