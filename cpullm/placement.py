"""Where a job's engines find their model, and whether they fit: asked before any work begins."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cpullm import cpus, filesystems, memory, plan
from cpullm.errors import OptionError
from cpullm.job import Place

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def placed(setup: plan.Setup, spark: SparkSession | None, model_at: str | None) -> plan.Setup:
    """The setup where it is to run. What cannot fit here is refused; executors elsewhere look for themselves."""
    from cpullm import spark as on_spark

    if spark is not None and not hasattr(spark, "_jsc"):
        raise OptionError("spark is a Spark Connect session, which cannot ship the model; pass a classic SparkSession.")
    if spark is None and setup.options.group_seconds is not None:
        raise OptionError("group_seconds ends a worker of Spark, and there is no Spark session: leave it out.")
    if model_at is not None and not model_at.strip():
        raise OptionError("model_at names no file: give a path of every host or a URI, or leave it out.")
    n_engines = 1 if spark is None else on_spark.engines_here(spark)
    if n_engines and model_at is not None:
        raise OptionError(f"model_at {model_at} is for executors elsewhere; here the model is read where it lies.")
    if n_engines and setup.job.needs_engine:
        cpus.check_threads(setup.options.n_threads)
        memory.check(
            setup.model.path, setup.job.engine, budget=setup.budget, n_engines=n_engines, started=spark is None
        )
    if n_engines == 1:
        return setup
    # Tuned threads are for one engine that has this machine to itself; a task has its own CPUs.
    engine = setup.job.engine
    engine = replace(engine, setting=replace(engine.setting, n_threads=setup.options.n_threads))
    if model_at is not None:
        engine = replace(engine, model=model_at, place=Place.URI if filesystems.is_uri(model_at) else Place.EVERY_HOST)
    return replace(setup, job=replace(setup.job, engine=engine))
