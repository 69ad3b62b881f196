"""Every executor of a session visited: a process is started on each, and what it prints is brought here.

An executor's JVM starts the process itself, not a Python worker of Spark: so one whose Python is missing, lacks a
package or is of another version can be told of beside the others, where it would stop any job.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cpullm.errors import MachineError
from cpullm.spark.failures import readable_errors
from cpullm.spark.slots import n_engines, n_executors

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_HELD_SECONDS = 3  # a task that ended at once would leave its place to the next one, and another executor out
_LIMIT_SECONDS = 300.0  # for a round; a model of many gigabytes is read in it
_POLL_SECONDS = 0.2
_ROUNDS = 3
_DYNAMIC = "spark.dynamicAllocation.enabled"
# Name of the executor, what the command says, its exit code.
_SCRIPT = 'cat >/dev/null; echo "$(uname -n):$PPID"; sleep {held} & "$@" 2>&1; code=$?; echo; echo $code; wait'


@dataclass(frozen=True, slots=True)
class Visit:
    """What a process said on an executor, which is host:pid of its JVM. `n_tasks` ran there at once."""

    executor: str
    n_tasks: int
    code: int
    output: str


def visit(spark: SparkSession, arguments: Sequence[str]) -> list[Visit]:
    """Start the executors' Python with these arguments on each of them, at once on as many as there is room for.

    Raises MachineError if there is no executor, or if they do not answer in time.
    """
    n_tasks = n_engines(spark)
    if not n_executors(spark) and spark.sparkContext.getConf().get(_DYNAMIC, "false") != "true":
        raise MachineError(
            "no executor has joined: either no worker is there or none has the CPUs and the memory that are asked for "
            "(spark.executor.cores, spark.executor.memory); the master's page tells."
        )
    seen: dict[str, Visit] = {}
    for _ in range(_ROUNDS):
        with readable_errors():
            seen |= {one.executor: one for one in _round(spark, n_tasks, arguments)}
        if len(seen) >= n_executors(spark):
            break
    return [seen[name] for name in sorted(seen)]


def _round(spark: SparkSession, n_tasks: int, arguments: Sequence[str]) -> list[Visit]:
    context = spark.sparkContext
    java = context._jsc
    assert java is not None
    command = ["sh", "-c", _SCRIPT.format(held=_HELD_SECONDS), "sh", context.pythonExec, *arguments]
    # Jobs on Python workers get these variables too.
    output = java.parallelize(list(range(n_tasks)), n_tasks).pipe(command, dict(context.environment)).glom()
    future = output.collectAsync()
    ends_at = time.monotonic() + _LIMIT_SECONDS
    try:
        while not future.isDone():
            if time.monotonic() > ends_at:
                raise MachineError(f"the executors did not answer within {_LIMIT_SECONDS:.0f} s: is the cluster busy?")
            time.sleep(_POLL_SECONDS)
    except BaseException:
        future.cancel(True)
        raise
    told = [list(lines) for lines in future.get()]
    counts = Counter(lines[0] for lines in told)
    return [Visit(lines[0], counts[lines[0]], int(lines[-1]), "\n".join(lines[1:-1]).strip()) for lines in told]
