"""Which files there are below a path, found and dealt out to tasks by Spark's `binaryFile`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from cpullm.errors import InputError, OptionError
from cpullm.spark.failures import first_line

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

LOCAL = "file:"
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
        uris = frame._jdf.inputFiles()
    except Exception as error:  # Spark raises what its file systems do
        raise _not_listed(path, error) from error
    if not len(uris):
        raise InputError(f"there is no file under {path}; give a directory or a file that Spark does not hide.")
    listed = _paths(spark, uris)
    single = len(uris) == 1 and listed.collect()[0]["path"] == root
    return Found(_frame(frame, listed, uris[0].startswith(LOCAL), max_bytes), root, single)


def name_below(root: str, path: str) -> str:
    """The path below the root; for the root itself the file's name."""
    return PurePosixPath(path).name if path == root else path.removeprefix(root.rstrip("/") + "/")


def _frame(frame: DataFrame, listed: DataFrame, local: bool, max_bytes: int) -> DataFrame:
    from pyspark.sql import functions as F

    bare = frame.select("path", "length", F.lit(None).cast("binary").alias("content"))
    # Spark lists empty files and then reads none of them.
    left_out = listed.join(frame.select("path"), "path", "left_anti").withColumn("length", F.lit(0).cast("long"))
    if local:
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


def _paths(spark: SparkSession, uris: Any) -> DataFrame:
    """The URIs of Java's `inputFiles`, which stay there, as the column `path` has them."""
    from pyspark.sql import DataFrame

    jvm: Any = spark._jvm
    strings = jvm.scala.Predef.genericWrapArray(uris).toList()
    values = spark._jsparkSession.createDataset(strings, jvm.org.apache.spark.sql.Encoders.STRING())
    frame = DataFrame(values.toDF(), spark)
    # A plus is itself in a path, and a space in a form.
    return frame.selectExpr(r"regexp_replace(url_decode(replace(value, '+', '%2B')), '^file:/+', 'file:/') AS path")


def _not_listed(path: str, error: Exception) -> InputError:
    if "PATH_NOT_FOUND" in str(error):
        return InputError(f"there is no file or directory {path}; check its name.")
    return InputError(f"{path} cannot be listed by Spark ({first_line(error)}); check its name and permissions.")
