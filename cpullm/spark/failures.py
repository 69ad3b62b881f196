"""A failed Spark job → one of our errors, in one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import cpullm.errors
from cpullm.errors import CpullmError, EngineError, MachineError

# How Spark tells that a process ended without a word: its Python worker, then an executor on YARN or Kubernetes.
_KILLED = re.compile(
    r"Python worker exited unexpectedly|exceeding \w* ?memory limits|containers exceeding thresholds"
    r"|OOMKilled|exit(?:ed with)? code:? 137"
)
_DISK_FULL = re.compile(r"\((\S+) executor \w+\): .*No space left on device")
# What a task failed of that no other executor is left for; Spark's first line does not say it then.
_LOST = re.compile(r"^Lost task .+", re.MULTILINE)


@contextmanager
def readable_errors() -> Iterator[None]:
    """Round a Spark action: what fails in it is raised as one of our errors, in one line."""
    try:
        yield
    except CpullmError:
        raise
    except Exception as error:
        raise translated(error) from error


def translated(error: Exception) -> CpullmError:
    """A failed Spark job as one of our errors: ours from the executor by its own line, else Spark's first line."""
    text = str(error)
    ours = re.findall(r"cpullm\.errors\.(\w+Error): (.+)", text)
    if ours:
        name, message = ours[-1]
        kind: type[CpullmError] = getattr(cpullm.errors, name, EngineError)
        return kind(message)
    if full := _DISK_FULL.search(text):
        return MachineError(
            f"The disk of {full[1]} is full, where Spark puts the model and files of its own: make room there, or name "
            "another folder (spark.local.dir; SPARK_LOCAL_DIRS and SPARK_WORKER_DIR of a standalone worker)."
        )
    missing = re.findall(r"ModuleNotFoundError: (.+)", text)
    if missing:
        return MachineError(
            f"An executor's Python lacks a package: {missing[-1]}. Install cpullm on every node; "
            "PYSPARK_PYTHON names the interpreter that executors start."
        )
    if _KILLED.search(text):
        return MachineError(
            "A Python worker on an executor was killed or crashed, most likely because memory ran out there: lower "
            "n_seq_max or window_tokens (`cpullm plan` tells what an engine takes), or raise "
            "spark.executor.memoryOverhead. Or a group took longer than group_seconds, if you set that."
        )
    if "Master removed our application" in text:
        return MachineError(
            "The Spark master gave the job up, for no executor could be started: see the workers' logs. The same "
            "command goes on from there."
        )
    lost = _LOST.search(text)
    return EngineError(f"The Spark job failed: {lost[0] if lost else first_line(error)}")


def first_line(error: Exception) -> str:
    """The first line that says something, else the error's kind."""
    told = getattr(error, "java_exception", None) or error  # py4j's own text only names the call
    lines = [line.strip() for line in str(told).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
