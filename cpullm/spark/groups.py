"""Requests on the executors: the model placed, one task per group, every request answered once."""

from __future__ import annotations

import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import reduce
from itertools import accumulate, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from cpullm import filesystems, worker
from cpullm.errors import CpullmError, ModelError, OptionError
from cpullm.job import EngineOptions, Job, Place
from cpullm.records import Completion, Request, columns, plain, row
from cpullm.spark import executor, partitions
from cpullm.spark.failures import translated
from cpullm.spark.sessions import local_cpus
from cpullm.store import Store
from cpullm.worker import Watch

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_POLL_SECONDS = 0.5
_CANCEL_SECONDS = 10.0
_PIECE_CHARACTERS = 4_000_000  # a message of Spark has 128 MB at most (spark.rpc.message.maxSize)
_N_JOBS = 6  # for one level, if each brings it on


def run(
    spark: SparkSession,
    requests: Sequence[Request],
    job: Job,
    *,
    store: Store | None = None,
    watch: Watch | None = None,
) -> Iterator[Completion]:
    """Answer all requests on the executors, one task per group; each group's answers are kept as it is finished.

    When Spark gives a job up, another one asks for what is missing, if the first has brought anything: with a store, a
    text that ends its worker every time becomes an error, and the rest is answered.
    """
    if not requests:
        return
    watch = watch or Watch()
    answers: dict[str, Completion] = {}
    n_sent = 1
    for n_more in reversed(range(_N_JOBS)):
        left = [request for request in requests if request.id not in answers]
        n_before = store.size() if store else 0
        placed = replace(job, engine=shipped(spark, job.engine, n_sent)) if job.needs_engine else job
        try:
            answers |= {completion.id: completion for completion in _answered(spark, left, placed, store, watch)}
            break
        except CpullmError as error:
            damaged = isinstance(error, ModelError) and n_sent == 1 and placed.engine.place is Place.SPARK
            over = isinstance(error, OptionError) or _is_stopped(spark)
            if n_more == 0 or over or not (damaged or (store and store.size() > n_before)):
                raise
            n_sent += damaged  # it was damaged on its way or on a host's disk: Spark brings another copy
            known = store.answers() if store else {}
            answers |= {request.id: known[request.id] for request in left if request.id in known}
            print(f"cpullm: {error} What is missing is asked for again.", file=sys.stderr, flush=True)
    yield from worker.exactly_once(requests, answers.values())


def _is_stopped(spark: SparkSession) -> bool:
    """Whether the session has ended, or its JVM has, which then cannot be asked."""
    try:
        return bool(spark.sparkContext._jsc.sc().isStopped())
    except Exception:
        return True


def _answered(
    spark: SparkSession, requests: Sequence[Request], job: Job, store: Store | None, watch: Watch
) -> list[Completion]:
    """One Spark job: a partition for each group, in the groups' order."""
    groups = list(dict.fromkeys(request.group_id for request in requests))
    keys = dict(zip(groups, partitions.keys(len(groups)), strict=True))
    rows = [{**row(request), "place": keys[request.group_id]} for request in requests]
    frame = _frame(spark, rows).repartition(len(groups), "place")
    finished: Any = spark.sparkContext.accumulator([], _listing())

    def answer(table):  # type: ignore[no-untyped-def] # Spark reads type hints, and would look for these on executors
        asked = [Request(*line) for line in table[columns(Request)].itertuples(index=False, name=None)]
        completions, told = executor.answer(asked, job, store)
        finished.add([(told, [] if store is None or told.kept else completions)])
        return pd.DataFrame([plain(completion) for completion in completions], columns=columns(Completion))

    members: dict[int, list[Request]] = {}
    for request in requests:
        members.setdefault(request.group_id, []).append(request)
    shown = 0

    def show() -> None:
        nonlocal shown
        for told, completions in finished.value[shown:]:
            shown += 1
            watch.progress(told.requests, told.tokens)
            watch.finished(told)
            if store is not None and not told.kept:
                store.keep(members[told.group_id], completions)
            finished.value[shown - 1] = None  # Spark holds the list as long as its session

    answers = frame.groupBy("place").applyInPandas(answer, Completion.SCHEMA)
    names = ", ".join(dict.fromkeys(request.task for request in requests))
    text = f"cpullm: {names}; {len(requests)} requests in {len(groups)} groups"
    return [Completion.of(line.asDict(recursive=True)) for line in _collect(spark, answers, text, show)]


def _frame(spark: SparkSession, rows: Sequence[dict[str, Any]]) -> DataFrame:
    """The rows as Spark's, made of pieces: it ships each whole, and refuses to ship much at once."""
    ends = accumulate(sum(len(value) for value in line.values() if isinstance(value, str)) for line in rows)
    pieces = groupby(zip(rows, ends, strict=True), key=lambda pair: pair[1] // _PIECE_CHARACTERS)
    schema = f"{Request.SCHEMA}, place int"
    frames = [
        spark.createDataFrame(pd.DataFrame([line for line, _ in piece]).astype({"place": "int32"}), schema)
        for _, piece in pieces
    ]
    return reduce(lambda frame, more: frame.union(more), frames)


def _listing() -> Any:
    """How an accumulator collects lists. Made here, because the module may be read where there is no pyspark."""
    from pyspark.accumulators import AccumulatorParam

    class Listing(AccumulatorParam[list[Any]]):
        def zero(self, value: list[Any]) -> list[Any]:
            return []

        def addInPlace(self, value1: list[Any], value2: list[Any]) -> list[Any]:
            value1 += value2
            return value1

    return Listing()


def shipped(spark: SparkSession, engine: EngineOptions, n_sent: int = 1) -> EngineOptions:
    """The engine as executors see it: in local mode the file where it lies, else the n-th copy that Spark brings."""
    context = spark.sparkContext
    if engine.place is not Place.HERE or local_cpus(str(context.master)) is not None:
        return engine
    # SparkFiles knows a file by its name alone, so the name is the content's hash.
    name = f"{engine.model_sha256}{f'-{n_sent}' if n_sent > 1 else ''}.gguf"
    if name not in {Path(file).name for file in context.listFiles}:
        named = Path(tempfile.mkdtemp(dir=context._temp_dir), name)
        filesystems.link_or_copy(Path(engine.model), named)  # Spark would take the name behind a symbolic link
        context.addFile(str(named))
    return replace(engine, model=name, place=Place.SPARK)


def _collect(spark: SparkSession, frame: DataFrame, text: str, show: Any) -> list[Any]:
    """Collect in a thread of its own, so that progress is shown as groups finish and Ctrl-C is heard at once."""
    context, name = spark.sparkContext, f"cpullm-{uuid.uuid4()}"
    lines: list[Any] = []
    errors: list[Exception] = []

    def collect() -> None:
        context.setJobGroup(name, text, interruptOnCancel=True)
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
    except BaseException:  # Ctrl-C, or answers that cannot be kept
        context.cancelJobGroup(name)
        thread.join(_CANCEL_SECONDS)  # tasks end before their session does, or Spark fills the terminal
        raise
    finally:
        show()
    if errors:
        raise translated(errors[0]) from errors[0]
    return lines
