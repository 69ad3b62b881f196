"""One engine of a Spark task computes at a time.

Each SQL function of a query and each `transform` of a frame has a Python worker of its own. They are chained, so that
all of a task's run at once, and where there are more of llama.cpp's threads than CPUs they wait for one another: two
engines side by side are many times slower than one after the other.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def turn() -> Iterator[None]:
    """Wait until no other engine of this task computes. A process that dies gives its turn back."""
    from pyspark import SparkFiles, TaskContext

    context = TaskContext.get()
    if context is None:
        yield
        return
    # One file for the executor, a byte of it for each task.
    with open(Path(SparkFiles.getRootDirectory(), "cpullm.turns"), "w") as turns:
        fcntl.lockf(turns, fcntl.LOCK_EX, 1, context.taskAttemptId())
        yield
