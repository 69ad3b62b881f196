"""How many engines a session runs at once: one for each task that it has room for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cpullm.spark.sessions import local_cpus

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

_JOINING_SECONDS = 15.0  # for executors that have been asked for
_STEADY_SECONDS = 3.0
_POLL_SECONDS = 0.5
_joined: set[str] = set()  # applications that were waited for


def engines_here(spark: SparkSession) -> int:
    """On this machine: as many as a local session has tasks, none on a cluster."""
    context = spark.sparkContext
    n_cpus = local_cpus(str(context.master))
    return 0 if n_cpus is None else max(1, n_cpus // int(context.getConf().get("spark.task.cpus", "1")))


def n_engines(spark: SparkSession) -> int:
    """Anywhere, now, or as many as dynamic allocation may ask for. Executors get some seconds to join."""
    here = engines_here(spark)
    if here:
        return here
    context = spark.sparkContext
    conf = context.getConf()
    if conf.get("spark.dynamicAllocation.enabled", "false") == "true":
        n_cpus, task_cpus = (int(conf.get(f"spark.{name}", "1")) for name in ("executor.cores", "task.cpus"))
        most = int(conf.get("spark.dynamicAllocation.maxExecutors", "0"))
        return max(1, _n_tasks(context), most * (n_cpus // task_cpus))
    if context.applicationId not in _joined:
        _wait(context)
        _joined.add(str(context.applicationId))
    return max(1, _n_tasks(context))


def _wait(context: SparkContext) -> None:
    """Until nothing has joined for a while, or nothing has in time."""
    n_tasks, now = 0, time.monotonic()
    ends_at, steady_at = now + _JOINING_SECONDS, now + _JOINING_SECONDS
    while time.monotonic() < min(ends_at, steady_at):
        found = _n_tasks(context)
        if found != n_tasks:
            n_tasks, steady_at = found, time.monotonic() + _STEADY_SECONDS
        time.sleep(_POLL_SECONDS)


def n_executors(spark: SparkSession) -> int:
    """Executors that are there now; a local session is one itself."""
    return sum(n_tasks > 0 for n_tasks in _rooms(spark.sparkContext))


def _n_tasks(context: SparkContext) -> int:
    return sum(_rooms(context))


def _rooms(context: SparkContext) -> Iterator[int]:
    """Tasks that each executor on Spark's own page of them has room for; a cluster's driver is there, with none."""
    java = context._jsc
    assert java is not None
    executors = java.sc().statusStore().executorList(True).iterator()
    while executors.hasNext():
        yield int(executors.next().maxTasks())
