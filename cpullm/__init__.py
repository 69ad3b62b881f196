"""Summarize documents with quantized LLMs on CPUs, on one machine or under Apache Spark."""

from cpullm.errors import (
    CpullmError,
    EngineError,
    FetchError,
    InputError,
    MachineError,
    ModelError,
    OptionError,
)
from cpullm.options import Hygiene, Options, Splitting
from cpullm.records import Chunk, Document, Split, Summary
from cpullm.summarize import Result, run, summarize
from cpullm.tasks import Task

__all__ = [
    "Chunk",
    "CpullmError",
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
    "run",
    "summarize",
]
