"""Summarize documents with quantized LLMs on CPUs, on one machine or under Apache Spark."""

from cpullm.columns import transform
from cpullm.columns.spark import register_sql
from cpullm.dataset import Dataset, dataset
from cpullm.errors import (
    CpullmError,
    EngineError,
    FetchError,
    InputError,
    MachineError,
    ModelError,
    OptionError,
)
from cpullm.options import Hygiene, Options, Splitting, Training
from cpullm.records import Chunk, Document, Split, Summary
from cpullm.summarize import Result, run, summarize
from cpullm.tasks import Task

__all__ = [
    "Chunk",
    "CpullmError",
    "Dataset",
    "Document",
    "EngineError",
    "FetchError",
    "Hygiene",
    "InputError",
    "MachineError",
    "ModelError",
    "OptionError",
    "Options",
    "Result",
    "Split",
    "Splitting",
    "Summary",
    "Task",
    "Training",
    "dataset",
    "register_sql",
    "run",
    "summarize",
    "transform",
]
