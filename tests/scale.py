"""What a driver takes for many short documents: `python -m tests.scale --documents 5000,10000,20000`, or `make scale`.

A job for each number of documents, one after the other, on a cluster of two workers of this machine where a stand-in
answers at once. All else is as in any job: the driver reads, cuts, counts tokens, packs, ships the model, collects and
reports. Each document must have exactly one answer, the right one. Then the last job again, when all is kept.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from cpullm import catalog, installed
from tests import cluster as clusters
from tests.cluster import STANDIN, Cluster, Driver, computed, drive

WORDS = (
    "the old clock in the tower of a small town by the river stood still for years until one winter evening a child "
    "heard it strike nobody knew who had wound it and those who climbed up found only dust some feathers and a letter"
).split()
LEAST_WORDS, MOST_WORDS = 60, 100
JOB_SECONDS = 1800.0
_LOOK_SECONDS = 0.1
_COLUMNS = {
    "documents": "documents", "job": "job", "requests": "requests", "groups": "groups", "seconds": "s",
    "python_cpu_seconds": "Python s", "jvm_cpu_seconds": "JVM s", "python_peak_mb": "Python MB",
    "jvm_peak_mb": "JVM MB", "faults": "faults",
}  # fmt: skip


@dataclass
class Usage:
    """What a driver has taken so far: CPU seconds and the peak of resident memory, of its Python and of its JVM."""

    pid: int
    jvm: int | None = None
    taken: dict[str, float] = field(default_factory=dict)

    def look(self) -> None:
        """Read both processes' figures, as long as they are there."""
        self.jvm = self.jvm or _jvm_of(self.pid)
        for name, pid in (("python", self.pid), ("jvm", self.jvm)):
            if pid is not None:
                self.taken |= {f"{name}_{key}": value for key, value in _figures(pid).items()}


def main() -> int:
    """Run the jobs, print the table and write it. Exit code 1 if a document has not exactly its one right answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", default="5000,10000,20000", help="how many, for one job after the other")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="scale.json")
    arguments = parser.parse_args()
    told = run(sorted(int(number) for number in arguments.documents.split(",")), arguments.seed)
    Path(arguments.out).write_text(json.dumps(told, indent=1) + "\n")
    print(_table(told))
    return 0 if all(job["faults"] == 0 for job in told["jobs"]) else 1


def run(numbers: Sequence[int], seed: int) -> dict[str, Any]:
    """A job for each of the numbers and the last one again; each one's figures, and what one more document takes."""
    jobs = []
    with tempfile.TemporaryDirectory() as name:
        log = Path(name, "log")
        log.mkdir()
        env = {"PYTHONPATH": str(STANDIN), "STANDIN_LOG": str(log)}
        with clusters.started(Path(name, "cluster"), env=env) as cluster:
            for number in numbers:
                folder = Path(name, f"{number}")
                texts = _texts(folder, number, seed)
                jobs.append(_job(cluster, folder, texts, log) | {"job": "new"})
                print(jobs[-1], file=sys.stderr, flush=True)
            jobs.append(_job(cluster, folder, texts, log) | {"job": "again"})
    return {"jobs": jobs, "one_more_document": _slopes(jobs[0], jobs[-2]), "seed": seed}


def _texts(folder: Path, number: int, seed: int) -> dict[str, str]:
    """So many texts by their ids, no two alike, and in the folder as texts.csv."""
    folder.mkdir()
    chance = random.Random(f"{seed}/{number}")
    texts = {
        f"d{i}": f"Text {i} of {number}: " + " ".join(chance.choices(WORDS, k=chance.randint(LEAST_WORDS, MOST_WORDS)))
        for i in range(number)
    }
    pd.DataFrame({"id": list(texts), "text": list(texts.values())}).to_csv(folder / "texts.csv", index=False)
    return texts


def _job(cluster: Cluster, folder: Path, texts: dict[str, str], log: Path) -> dict[str, Any]:
    """One job from its command to its end: what it took, and how many documents have no right answer, or two."""
    for file in log.iterdir():
        file.unlink()
    model = str(catalog.resolve_model(installed.STARTER, progress=False).path)
    started = time.monotonic()
    driver = drive(
        cluster,
        "summarize",
        str(folder / "texts.csv"),
        "--model",
        model,
        "--strategy",
        "hierarchical",
        "--out",
        str(folder / "out"),
        "--no-tuned",
    )
    usage = _watched(driver)
    seconds = time.monotonic() - started
    code, told = driver.ended()
    if code != 0:
        raise AssertionError(f"{len(texts)} documents: the job ended with {code}:\n{told[-3000:]}")
    facts = json.loads((folder / "out" / "run.json").read_text())
    return {
        "documents": len(texts),
        "requests": sum(level["requests"] - level["kept"] for level in facts["levels"]),
        "groups": sum(one["groups"] for one in facts["executors"]),
        "seconds": round(seconds, 1),
        **{key: round(value, 1) for key, value in usage.taken.items()},
        "faults": _faults(folder, texts) + sum(n - 1 for n in computed(log).values()),
    }


def _watched(driver: Driver) -> Usage:
    """Wait for the driver's end, and look at what it takes on the way."""
    usage = Usage(driver.process.pid)
    ends = time.monotonic() + JOB_SECONDS
    while not driver.is_over() and time.monotonic() < ends:
        usage.look()
        time.sleep(_LOOK_SECONDS)
    return usage


def _faults(folder: Path, texts: dict[str, str]) -> int:
    """Documents with no answer, a wrong one or more than one; rows of no document count too."""
    rows = pd.read_parquet(folder / "out" / "summaries.parquet", columns=["document_id", "summary"])
    right = {name: f"Answer {hashlib.sha256(text.encode()).hexdigest()[:12]}." for name, text in texts.items()}
    n_right = sum(bool(right.pop(name, None) == summary) for name, summary in rows.itertuples(index=False))
    return len(texts) - n_right + len(rows) - n_right


def _slopes(small: dict[str, Any], large: dict[str, Any]) -> dict[str, float]:
    """What one more document takes: milliseconds and KB, from the smallest job to the largest."""
    more = large["documents"] - small["documents"]
    keys = {"seconds": "ms", "python_cpu_seconds": "python_cpu_ms", "jvm_cpu_seconds": "jvm_cpu_ms",
            "python_peak_mb": "python_kb", "jvm_peak_mb": "jvm_kb"}  # fmt: skip
    return {name: round((large[key] - small[key]) * 1000 / more, 3) for key, name in keys.items()} if more else {}


def _jvm_of(pid: int) -> int | None:
    """The JVM that a driver's Python has started."""
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in _read(task).split():
            if "org.apache.spark.deploy.SparkSubmit" in _read(Path(f"/proc/{child}/cmdline")).split("\0"):
                return int(child)
    return None


def _figures(pid: int) -> dict[str, float]:
    """CPU seconds and the peak of resident MB; {} of a process that is gone."""
    # The name in brackets may hold anything; user and system time are the 12th and 13th field behind it.
    times = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    peak = [line for line in _read(Path(f"/proc/{pid}/status")).splitlines() if line.startswith("VmHWM:")]
    if not times or not peak:
        return {}
    ticks = int(times[11]) + int(times[12])
    return {"cpu_seconds": ticks / os.sysconf("SC_CLK_TCK"), "peak_mb": int(peak[0].split()[1]) / 1024}


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _table(told: dict[str, Any]) -> str:
    """The jobs as a table, and below it what one more document takes."""
    lines = [" ".join(f"{head:>9}" for head in _COLUMNS.values())]
    lines += [" ".join(f"{job.get(key, ''):>9}" for key in _COLUMNS) for job in told["jobs"]]
    more = ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in told["one_more_document"].items())
    return "\n".join([*lines, f"one more document: {more}"])


if __name__ == "__main__":
    sys.exit(main())
