"""Which files there are below a path, found and dealt out to tasks by Spark's `binaryFile`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from cpullm.errors import InputError, OptionError
from cpullm.spark.failures import first_line

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_LOCAL = "file:"
_WILD = "*?[]{}"


@dataclass(frozen=True, slots=True)
class Found:
    """The files below `root`: a row each with `path, length, content`; `single` if the path names one file.

    `content` is null where a worker opens the path itself, and empty for a file that Spark found empty or gone.
    """

    frame: DataFrame
    root: str
    single: bool


def files(spark: SparkSession, path: str, max_bytes: int) -> Found:
    """The files of a directory (recursively), of a glob, or the one file; those above `max_bytes` without content.

    As in all of Spark, names that begin with a dot or an underscore are hidden. InputError if there is none.
    """
    if not hasattr(spark, "_jsc"):
        raise OptionError("spark is a Spark Connect session, which cannot list files; pass a classic SparkSession.")
    try:
        pattern, root = _pattern_and_root(spark, path)
        # A file that goes away before it is read is missing below, and so gets its row.
        source = spark.read.format("binaryFile").option("recursiveFileLookup", "true")
        frame = source.option("ignoreMissingFiles", "true").load(pattern)
        paths = [_plain(uri) for uri in frame.inputFiles()]
    except Exception as error:  # Spark raises what its file systems do
        raise _not_listed(path, error) from error
    if not paths:
        raise InputError(f"there is no file under {path}; give a directory or a file that Spark does not hide.")
    return Found(_frame(spark, frame, paths, max_bytes), root, paths == [root])


def name_below(root: str, path: str) -> str:
    """The path below the root; for the root itself the file's name."""
    return PurePosixPath(path).name if path == root else path.removeprefix(root.rstrip("/") + "/")


def _frame(spark: SparkSession, frame: DataFrame, paths: list[str], max_bytes: int) -> DataFrame:
    from pyspark.sql import functions as F

    bare = frame.select("path", "length", F.lit(None).cast("binary").alias("content"))
    # Spark lists empty files and then reads none of them.
    everything = spark.createDataFrame([(path,) for path in paths], "path string")
    left_out = everything.join(frame.select("path"), "path", "left_anti").withColumn("length", F.lit(0).cast("long"))
    if paths[0].startswith(_LOCAL):
        return bare.union(left_out.withColumn("content", F.lit(None).cast("binary")))
    small = F.col("length") <= max_bytes
    brought = frame.where(small).select("path", "length", "content").union(bare.where(~small))
    return brought.union(left_out.withColumn("content", F.lit(b"")))


def _pattern_and_root(spark: SparkSession, path: str) -> tuple[str, str]:
    """What Spark is to load, and what ids are relative to: an existing path as it is, else the glob's fixed part."""
    jvm: Any = spark._jvm
    hadoop = jvm.org.apache.hadoop.fs.Path(path)
    system = hadoop.getFileSystem(spark._jsc.hadoopConfiguration())
    full = system.makeQualified(hadoop).toString()
    if system.exists(hadoop):
        return re.sub(rf"([\\{re.escape(_WILD)}])", r"\\\1", full), full
    fixed = re.split(rf"[\\{re.escape(_WILD)}]", full, maxsplit=1)[0]
    return full, fixed.rpartition("/")[0]


def _plain(uri: str) -> str:
    """A URI as `inputFiles` gives it → the path as the column `path` does."""
    return re.sub(r"^file:/+", "file:/", unquote(uri))


def _not_listed(path: str, error: Exception) -> InputError:
    if "PATH_NOT_FOUND" in str(error):
        return InputError(f"there is no file or directory {path}; check its name.")
    return InputError(f"{path} cannot be listed by Spark ({first_line(error)}); check its name and permissions.")
