"""Spark sessions of our own, and what they need of the machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cpullm import worker
from cpullm.errors import MachineError, OptionError
from cpullm.spark.failures import first_line

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JAVA_NEEDED = 17
# On a cluster, where the user has not set them: a group on a node that hangs or crawls is begun on another one as well.
_CLUSTER = {
    "spark.speculation": "true",
    "spark.speculation.quantile": "0.75",  # of a level's groups that are done; the last ones are small
    "spark.speculation.multiplier": "3",  # times the groups' median
    "spark.speculation.minTaskRuntime": "15s",
}


def session(master: str) -> SparkSession:
    """A session of our own. A local one runs one engine at a time on all CPUs this process may use.

    Elsewhere the number of CPUs per task, and so of threads per engine, is the cluster's `spark.task.cpus`.
    """
    check_java()
    from pyspark.sql import SparkSession

    n_cpus = local_cpus(master)
    builder = SparkSession.builder.appName("cpullm").config("spark.ui.showConsoleProgress", "false")
    if n_cpus is not None:
        master = f"local[{n_cpus}]"
        log4j = Path(__file__).parent.parent / "log4j2.properties"
        builder = (
            builder.config("spark.task.cpus", str(n_cpus))
            .config("spark.ui.enabled", "false")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.extraJavaOptions", f"-Dlog4j2.configurationFile={log4j.as_uri()}")
        )
        # Workers run this interpreter; on a cluster its path is the cluster's business (spark.pyspark.python).
        os.environ["PYSPARK_PYTHON"] = sys.executable
    else:
        for name, value in _unset(_CLUSTER).items():
            builder = builder.config(name, value)
    try:
        return builder.master(master).getOrCreate()
    except Exception as error:
        raise MachineError(f"Spark cannot start with master {master!r}: {first_line(error)}") from error


def _unset(settings: Mapping[str, str]) -> dict[str, str]:
    """Those that neither spark-defaults.conf nor PYSPARK_SUBMIT_ARGS has."""
    from pyspark import SparkConf, SparkContext

    SparkContext._ensure_initialized()  # starts the JVM, which reads both
    given = SparkConf()
    return {name: value for name, value in settings.items() if not given.contains(name)}


def local_cpus(master: str) -> int | None:
    """CPUs of a `local[…]` master, None for a cluster's. `*` is what this process may use, not the machine's all."""
    match = re.fullmatch(r"local(?:\[(\*|\d+)(?:,\s*\d+)?\])?", master)
    if match:
        number = match[1]
        if number == "0":
            raise OptionError("master local[0] has no CPU; use local[*] or local[N] with N of 1 or more.")
        return 1 if number is None else worker.usable_cpus() if number == "*" else int(number)
    if not re.match(r"(spark|k8s)://.|yarn$|local-cluster\[", master):
        raise OptionError(
            f"master {master!r} is none that Spark knows: local[*], local[N], spark://HOST:PORT, yarn or k8s://URL."
        )
    return None


def engines_here(spark: SparkSession) -> int:
    """How many engines a session runs at once on this machine: as many as a local one has tasks, none on a cluster."""
    context = spark.sparkContext
    n_cpus = local_cpus(str(context.master))
    return 0 if n_cpus is None else max(1, n_cpus // int(context.getConf().get("spark.task.cpus", "1")))


def check_java() -> None:
    """Raise MachineError, in one line that says what to install, unless Java 17 or later can be run."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else "java"
    advice = f"Spark needs Java {JAVA_NEEDED} or later (Debian: apt-get install openjdk-17-jre-headless)"
    if shutil.which(java) is None:
        where = f"JAVA_HOME is {home}, and there is no bin/java in it" if home else "no java on the PATH"
        raise MachineError(f"{advice}: {where}.")
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', answer)
    if version is None or int(version[1]) < JAVA_NEEDED:
        raise MachineError(f"{advice}: {java} is {version[1] if version else 'of no version it tells'}.")
