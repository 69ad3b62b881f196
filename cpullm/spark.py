"""The driver side on Spark: sessions, shipping the model, running groups as tasks. Spark 3.5 to 4.x."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from cpullm import worker
from cpullm.errors import CpullmError, EngineError, MachineError, OptionError
from cpullm.options import EngineOptions, Job
from cpullm.records import Completion, Request, columns, row

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

JAVA_NEEDED = 17
_POLL_SECONDS = 0.5
_CANCEL_SECONDS = 10.0


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
        log4j = Path(__file__).parent / "log4j2.properties"
        builder = (
            builder.config("spark.task.cpus", str(n_cpus))
            .config("spark.ui.enabled", "false")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.extraJavaOptions", f"-Dlog4j2.configurationFile={log4j.as_uri()}")
        )
        # Workers run this interpreter; on a cluster its path is the cluster's business (spark.pyspark.python).
        os.environ["PYSPARK_PYTHON"] = sys.executable
    try:
        return builder.master(master).getOrCreate()
    except Exception as error:
        raise MachineError(f"Spark cannot start with master {master!r}: {_first_line(error)}") from error


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


def run(
    spark: SparkSession,
    requests: Sequence[Request],
    job: Job,
    on_progress: Callable[[int], None] | None = None,
) -> Iterator[Completion]:
    """Answer all requests on the executors, one task per group; `on_progress` gets about the number answered."""
    if not requests:
        return
    job = replace(job, engine=_shipped(spark, job.engine))
    answered = spark.sparkContext.accumulator(0)

    def answer(table):  # type: ignore[no-untyped-def] # Spark reads type hints, and would look for these on executors
        completions = _answer_group(table, job)
        answered.add(len(completions))
        return completions

    table = pd.DataFrame([row(request) for request in requests], columns=columns(Request))
    n_groups = len({request.group_id for request in requests})
    frame = _one_group_a_partition(spark.createDataFrame(table, Request.SCHEMA), n_groups)
    answers = frame.groupBy("group_id").applyInPandas(answer, Completion.SCHEMA)

    def show() -> None:
        if on_progress:  # a task done again counts again
            on_progress(min(answered.value, len(requests)))

    lines = _collect(spark, answers, show)
    yield from worker.exactly_once(requests, (Completion(**line.asDict()) for line in lines))


def _answer_group(table: pd.DataFrame, job: Job) -> pd.DataFrame:
    """On the executor: one group's requests to completions."""
    requests = [Request(*line) for line in table[columns(Request)].itertuples(index=False, name=None)]
    completions = worker.answer(requests, replace(job, engine=_on_executor(job.engine)))
    return pd.DataFrame([row(completion) for completion in completions], columns=columns(Completion))


def _one_group_a_partition(frame: DataFrame, n_groups: int) -> DataFrame:
    # Hashing would put several groups into one partition, and adaptive execution would merge small partitions.
    # groupBy on the same column adds no second shuffle after either of these.
    if hasattr(frame, "repartitionById"):
        return frame.repartitionById(n_groups, "group_id")
    return frame.repartitionByRange(n_groups, "group_id")


def _shipped(spark: SparkSession, engine: EngineOptions) -> EngineOptions:
    """The engine as executors see it: in local mode the file where it lies, else one that Spark brings."""
    context = spark.sparkContext
    if local_cpus(str(context.master)) is not None:
        return engine
    # SparkFiles knows a file by its name alone, so the name is the content's hash.
    name = f"{engine.model_sha256}.gguf"
    if name not in {Path(file).name for file in context.listFiles}:
        named = Path(tempfile.mkdtemp(dir=context._temp_dir), name)
        try:
            named.hardlink_to(engine.model)
        except OSError:  # another file system; a symbolic link will not do, Spark would take the name behind it
            shutil.copyfile(engine.model, named)
        context.addFile(str(named))
    return replace(engine, model=name, shipped=True)


def _on_executor(engine: EngineOptions) -> EngineOptions:
    """Path and threads as they are in this task."""
    from pyspark import SparkFiles, TaskContext

    context = TaskContext.get()
    task_cpus = context.cpus() if context is not None else 1
    n_threads = engine.n_threads or min(task_cpus, worker.usable_cpus())
    model = SparkFiles.get(engine.model) if engine.shipped else engine.model
    return replace(engine, model=model, n_threads=n_threads, shipped=False)


def _collect(spark: SparkSession, frame: DataFrame, show: Callable[[], None]) -> list[Any]:
    """Collect in a thread of its own, so that progress is shown as groups finish and Ctrl-C is heard at once."""
    context, name = spark.sparkContext, f"cpullm-{uuid.uuid4()}"
    lines: list[Any] = []
    errors: list[Exception] = []

    def collect() -> None:
        context.setJobGroup(name, "cpullm: one task per group of requests", interruptOnCancel=True)
        try:
            lines.extend(frame.collect())
        except Exception as error:  # handed to the waiting thread, which raises it
            errors.append(error)

    thread = threading.Thread(target=collect, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(_POLL_SECONDS)
            show()
    except KeyboardInterrupt:
        context.cancelJobGroup(name)
        thread.join(_CANCEL_SECONDS)  # tasks end before their session does, or Spark fills the terminal
        raise
    if errors:
        raise _translated(errors[0]) from errors[0]
    show()
    return lines


def _translated(error: Exception) -> CpullmError:
    """A failed Spark job as one of our errors: ours from the executor by its own line, else Spark's first line."""
    text = str(error)
    ours = re.findall(r"cpullm\.errors\.(\w+Error): (.+)", text)
    if ours:
        import cpullm.errors

        name, message = ours[-1]
        kind: type[CpullmError] = getattr(cpullm.errors, name, EngineError)
        return kind(message)
    missing = re.findall(r"ModuleNotFoundError: (.+)", text)
    if missing:
        return MachineError(
            f"An executor's Python lacks a package: {missing[-1]}. Install cpullm on every node; "
            "PYSPARK_PYTHON names the interpreter that executors start."
        )
    return EngineError(f"The Spark job failed: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
