"""How many engines a session runs at once: one for each task that it has room for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cpullm.spark.sessions import local_cpus

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

_JOINING_SECONDS = 15.0  # for executors that have been asked for
_STEADY_SECONDS = 1.0


def engines_here(spark: SparkSession) -> int:
    """On this machine: as many as a local session has tasks, none on a cluster."""
    context = spark.sparkContext
    n_cpus = local_cpus(str(context.master))
    return 0 if n_cpus is None else max(1, n_cpus // int(context.getConf().get("spark.task.cpus", "1")))


def n_engines(spark: SparkSession) -> int:
    """Anywhere, now. Executors get some seconds to join, where Spark does not wait for work before it asks for them."""
    here = engines_here(spark)
    if here:
        return here
    context = spark.sparkContext
    if context.getConf().get("spark.dynamicAllocation.enabled", "false") == "true":
        return max(1, _n_tasks(context))
    ends_at, n_tasks = time.monotonic() + _JOINING_SECONDS, _n_tasks(context)
    while time.monotonic() < ends_at:
        time.sleep(_STEADY_SECONDS)
        before, n_tasks = n_tasks, _n_tasks(context)
        if n_tasks == before > 0:
            break
    return max(1, n_tasks)


def _n_tasks(context: SparkContext) -> int:
    """What Spark's own page of executors shows; the driver is in it, with room for none."""
    java = context._jsc
    assert java is not None
    executors = java.sc().statusStore().executorList(True).iterator()
    n_tasks = 0
    while executors.hasNext():
        n_tasks += int(executors.next().maxTasks())
    return n_tasks
