"""The driver side on Spark, 3.5 to 4.x: sessions, requests as tasks, documents read, split and cleaned on executors."""

from cpullm.spark.documents import Reading, read_files, split_documents, split_files, split_table
from cpullm.spark.failures import readable_errors, translated
from cpullm.spark.groups import run
from cpullm.spark.hygiene import Cleaned, clean, clean_documents, summary_lines
from cpullm.spark.sessions import JAVA_NEEDED, check_java, local_cpus, session, submitted_master
from cpullm.spark.slots import engines_here, n_engines, n_executors
from cpullm.spark.survey import Visit, visit

__all__ = [
    "JAVA_NEEDED",
    "Cleaned",
    "Reading",
    "Visit",
    "check_java",
    "clean",
    "clean_documents",
    "engines_here",
    "local_cpus",
    "n_engines",
    "n_executors",
    "read_files",
    "readable_errors",
    "run",
    "session",
    "split_documents",
    "split_files",
    "split_table",
    "submitted_master",
    "summary_lines",
    "translated",
    "visit",
]
