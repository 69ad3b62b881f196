"""Requests on the executors: the model shipped, one task per group, every request answered once."""

from __future__ import annotations

import shutil
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from cpullm import worker
from cpullm.options import EngineOptions, Job
from cpullm.records import Completion, Request, columns, row
from cpullm.spark.failures import translated
from cpullm.spark.sessions import local_cpus

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_POLL_SECONDS = 0.5
_CANCEL_SECONDS = 10.0


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
    n_threads = engine.setting.n_threads or min(task_cpus, worker.usable_cpus())
    model = SparkFiles.get(engine.model) if engine.shipped else engine.model
    return replace(engine, model=model, setting=replace(engine.setting, n_threads=n_threads), shipped=False)


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
        raise translated(errors[0]) from errors[0]
    show()
    return lines
