"""The driver side on Spark, 3.5 to 4.x: sessions, requests as tasks, documents read, split and cleaned on executors."""

from cpullm.spark.documents import Reading, read_files, split_documents, split_files, split_table
from cpullm.spark.failures import readable_errors, translated
from cpullm.spark.groups import run
from cpullm.spark.hygiene import Cleaned, clean, clean_documents, summary_lines
from cpullm.spark.sessions import JAVA_NEEDED, check_java, engines_here, local_cpus, session

__all__ = [
    "JAVA_NEEDED",
    "Cleaned",
    "Reading",
    "check_java",
    "clean",
    "clean_documents",
    "engines_here",
    "local_cpus",
    "read_files",
    "readable_errors",
    "run",
    "session",
    "split_documents",
    "split_files",
    "split_table",
    "summary_lines",
    "translated",
]
