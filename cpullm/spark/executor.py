"""A task of Spark on its executor: one group of requests in, its completions out, kept on the way."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cpullm import cpus, retry, worker
from cpullm.job import EngineOptions, Job, Place
from cpullm.records import Completion, Finished, Request
from cpullm.spark import placing
from cpullm.store import Store


def answer(requests: Sequence[Request], job: Job, store: Store | None) -> tuple[list[Completion], Finished]:
    """The group's completions, and what it took. They are kept here if this executor sees the store."""
    from pyspark import TaskContext

    clock = worker.Clock()
    context = TaskContext.get()
    attempt = context.attemptNumber() if context is not None else 0
    if job.needs_engine:
        job = replace(job, engine=engine_here(job.engine))
    if store is not None and store.is_seen():
        completions, kept = retry.answer(requests, job, store)
    else:
        worker.load(job)
        with worker.time_limit(job.group_seconds):
            completions, kept = list(worker.answer(requests, job)), False
    executor = worker.process_name(os.getppid())  # the process that all its Python workers come from
    return completions, replace(clock.finished(completions, executor, attempt), kept=kept)


def engine_here(engine: EngineOptions) -> EngineOptions:
    """The engine's file and threads as they are for this task of Spark."""
    from pyspark import TaskContext

    context = TaskContext.get()
    task_cpus = context.cpus() if context is not None else 1
    n_threads = engine.setting.n_threads or min(task_cpus, cpus.usable_cpus())
    setting = replace(engine.setting, n_threads=n_threads)
    return replace(engine, model=str(_model_here(engine)), place=Place.HERE, setting=setting)


def _model_here(engine: EngineOptions) -> Path:
    if engine.place is Place.SPARK:
        from pyspark import SparkFiles

        return placing.from_spark(Path(SparkFiles.get(engine.model)), engine.model_sha256)
    if engine.place is Place.URI:
        return placing.from_uri(engine.model, engine.model_sha256)
    if engine.place is Place.EVERY_HOST:
        return placing.on_every_host(Path(engine.model), engine.model_sha256)
    return Path(engine.model)
