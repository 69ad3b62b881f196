"""The driver side on Spark, 3.5 to 4.x: sessions, requests as tasks, documents read, split and cleaned on executors."""

from cpullm.spark.documents import (
    Reading,
    parse_files,
    read_files,
    split_documents,
    split_files,
    split_table,
    stream_files,
)
from cpullm.spark.executor import engine_here
from cpullm.spark.failures import readable_errors, translated
from cpullm.spark.groups import run, shipped
from cpullm.spark.hygiene import Cleaned, clean, clean_documents, summary_lines
from cpullm.spark.sessions import JAVA_NEEDED, check_java, local_cpus, session, submitted_master
from cpullm.spark.slots import engines_here, n_engines, n_executors
from cpullm.spark.survey import Visit, visit
from cpullm.spark.turns import turn

__all__ = [
    "JAVA_NEEDED",
    "Cleaned",
    "Reading",
    "Visit",
    "check_java",
    "clean",
    "clean_documents",
    "engine_here",
    "engines_here",
    "local_cpus",
    "n_engines",
    "n_executors",
    "parse_files",
    "read_files",
    "readable_errors",
    "run",
    "session",
    "shipped",
    "split_documents",
    "split_files",
    "split_table",
    "stream_files",
    "submitted_master",
    "summary_lines",
    "translated",
    "turn",
    "visit",
]
