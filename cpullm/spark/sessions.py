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

from cpullm import cpus
from cpullm.errors import MachineError, OptionError
from cpullm.spark.failures import first_line

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JAVA_NEEDED = 17
_ATTEMPTS = 4  # at a task in local mode, where Spark makes one, and elsewhere four
# A node where everything fails at once, as with a full disk, would use up a group's attempts while the others work. So
# one node gets only some of them: those that it takes to leave a text out that kills its worker (see cpullm.retry).
_EXCLUSION = {
    "spark.excludeOnFailure.enabled": "true",
    "spark.excludeOnFailure.task.maxTaskAttemptsPerExecutor": "6",
    "spark.excludeOnFailure.task.maxTaskAttemptsPerNode": "6",
    "spark.task.maxFailures": "19",  # three such nodes, and a good one
    # From a group, never from all work: Spark ends a job that has no other executor left, however many groups it did.
    "spark.excludeOnFailure.stage.maxFailedTasksPerExecutor": "1000000",
    "spark.excludeOnFailure.application.maxFailedTasksPerExecutor": "1000000",
}
# On a cluster, where the user has not set them: a group on a node that hangs or crawls is begun on another one as well.
_CLUSTER = {
    **_EXCLUSION,
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
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise MachineError(
            f"Spark is not installed here ({error}): start with spark-submit, which brings its own, take --master "
            "in-process, or install pyspark."
        ) from error

    n_cpus = local_cpus(master)
    settings = _CLUSTER if n_cpus is None else _local(n_cpus)
    if _submitted():
        settings = {**settings, "spark.log.level": "WARN"}  # Spark says much there, and hides what a user should see
    if n_cpus is None or _submitted():
        settings = _unset(settings)
    settings = {**settings, "spark.ui.showConsoleProgress": "false"}  # spark-submit sets it by itself
    if n_cpus is not None:
        attempts = re.search(r",\s*(\d+)", master)
        master = f"local[{n_cpus},{attempts[1] if attempts else _ATTEMPTS}]"
        # Workers run this interpreter; on a cluster its path is the cluster's business (spark.pyspark.python).
        os.environ["PYSPARK_PYTHON"] = sys.executable
    try:
        return SparkSession.builder.master(master).appName(_name()).config(map={**settings}).getOrCreate()
    except Exception as error:
        raise MachineError(f"Spark cannot start with master {master!r}: {first_line(error)}") from error


def _local(n_cpus: int) -> dict[str, str]:
    log4j = Path(__file__).parent.parent / "log4j2.properties"
    return {
        "spark.task.cpus": str(n_cpus),
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={log4j.as_uri()}",
    }


def submitted_master() -> str | None:
    """The master that spark-submit was given, or takes without one; None if it did not start this process."""
    return _given().get("spark.master") if _submitted() else None


def _submitted() -> bool:
    """Whether spark-submit started this process: its JVM is there already, with the settings given to it."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def _name() -> str:
    """Ours, unless spark-submit was given another; without one it takes the file's."""
    name = _given().get("spark.app.name", "") if _submitted() else ""
    return "cpullm" if name in ("", "__main__.py") else name


def _unset(settings: Mapping[str, str]) -> dict[str, str]:
    given = _given()
    if not given.keys().isdisjoint(_EXCLUSION):  # they fit one another, and Spark refuses some that do not
        settings = {name: value for name, value in settings.items() if name not in _EXCLUSION}
    return {name: value for name, value in settings.items() if name not in given}


def _given() -> dict[str, str]:
    """What spark-defaults.conf, PYSPARK_SUBMIT_ARGS and spark-submit set."""
    from pyspark import SparkConf, SparkContext

    SparkContext._ensure_initialized()  # the JVM, which reads them
    return dict(SparkConf().getAll())


def local_cpus(master: str) -> int | None:
    """CPUs of a `local[…]` master, None for a cluster's. `*` is what this process may use, not the machine's all."""
    match = re.fullmatch(r"local(?:\[(\*|\d+)(?:,\s*\d+)?\])?", master)
    if match:
        number = match[1]
        if number == "0":
            raise OptionError("master local[0] has no CPU; use local[*] or local[N] with N of 1 or more.")
        return 1 if number is None else cpus.usable_cpus() if number == "*" else int(number)
    if not re.match(r"(spark|k8s)://.|yarn$|local-cluster\[", master):
        raise OptionError(
            f"master {master!r} is none that Spark knows: local[*], local[N], spark://HOST:PORT, yarn or k8s://URL."
        )
    return None


def check_java() -> tuple[str, int]:
    """The path and version of the Java that Spark will run.

    Raises MachineError, in one line that says what to install, unless it is 17 or later.
    """
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else "java"
    advice = f"Spark needs Java {JAVA_NEEDED} or later (Debian: apt-get install openjdk-17-jre-headless)"
    found = shutil.which(java)
    if found is None:
        where = f"JAVA_HOME is {home}, and there is no bin/java in it" if home else "no java on the PATH"
        raise MachineError(f"{advice}: {where}.")
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', answer)
    if version is None or int(version[1]) < JAVA_NEEDED:
        raise MachineError(f"{advice}: {java} is {version[1] if version else 'of no version it tells'}.")
    return found, int(version[1])
