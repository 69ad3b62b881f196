"""Random faults on a real cluster: `python -m tests.faults --faults 50`, or `make faults N=50`.

Jobs run one after the other on a cluster of two workers, while at random moments something dies: a Python worker, an
executor, a worker with all it runs, the driver; a worker's Python is stopped for a while; a host's model is damaged; a
host's disk is full for a while (as root). A driver that died is started again. After every job each document must have
exactly one answer, the right one.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cpullm import catalog, installed
from tests import cluster as clusters
from tests.cluster import STANDIN, Cluster, Driver, Node, computed, drive
from tests.hosts import can_mount

KINDS = ("python", "executor", "node", "driver", "stopped", "model", "disk")
N_TEXTS, TEXT_SECONDS, GROUP_TEXTS = 60, 0.7, 2
STOPPED_SECONDS = 4.0
DISK_BYTES, FULL_SECONDS = 3 << 30, 6.0
JOB_SECONDS = 600.0
FLAGS = ("--max-tokens", "16", "--window-tokens", "256", "--no-tuned", "--group-tokens", "256")


def main() -> int:
    """Make faults until there were enough; print and write what they did. Exit code 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=3600.0, help="begin no further job after so long")
    parser.add_argument("--out", default="faults.json")
    arguments = parser.parse_args()
    if not can_mount():
        print("no disks are filled: that takes root", file=sys.stderr)
    told = run(arguments.faults, arguments.seed, arguments.seconds)
    Path(arguments.out).write_text(json.dumps(told, indent=1) + "\n")
    print(json.dumps(told, indent=1))
    return 0 if told["lost"] == told["answered_twice"] == told["wrong"] == 0 else 1


def run(n_faults: int, seed: int, seconds: float, n_texts: int = N_TEXTS) -> dict[str, Any]:
    """Jobs with faults until there were `n_faults` or so much time has passed, at least one; the sums over all."""
    chance = random.Random(seed)
    disk_bytes = DISK_BYTES if can_mount() else None
    harms = [kind for kind in KINDS if disk_bytes or kind != "disk"]
    started = time.monotonic()
    totals: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        log = Path(name, "log")
        log.mkdir()
        env = {"PYTHONPATH": str(STANDIN), "STANDIN_LOG": str(log)}
        with clusters.started(Path(name, "cluster"), env=env, disk_bytes=disk_bytes) as cluster:
            while totals["jobs"] == 0 or (kinds.total() < n_faults and time.monotonic() - started < seconds):
                job = _Job(cluster, Path(name, f"job{totals['jobs']}"), log, chance, n_texts)
                kinds += job.run(n_faults - kinds.total(), harms)
                totals += job.judged()
                totals["jobs"] += 1
                say = {"lost": totals["lost"], "twice": totals["answered_twice"], "again": totals["computed_again"]}
                print(f"job {totals['jobs']}: {kinds.total()} faults, {say}", file=sys.stderr, flush=True)
    keys = ("jobs", "documents", "lost", "answered_twice", "wrong", "computed_again", "in_flight_at_faults", "drivers")
    return {
        "faults": kinds.total(), "by_kind": dict(kinds), "seed": seed, "seconds": round(time.monotonic() - started, 1),
        **{key: totals[key] for key in keys},
    }  # fmt: skip


class _Job:
    """One job over texts of its own, driven to its end whatever dies."""

    def __init__(self, cluster: Cluster, folder: Path, log: Path, chance: random.Random, n_texts: int) -> None:
        folder.mkdir()
        self._cluster, self._folder, self._log, self._chance = cluster, folder, log, chance
        self._texts = {
            f"d{i}": f"Text {i} of {folder.name}, about a clock.\nSLEEP {TEXT_SECONDS}" for i in range(n_texts)
        }
        pd.DataFrame({"id": list(self._texts), "text": list(self._texts.values())}).to_csv(
            folder / "texts.csv", index=False
        )
        self._in_flight = self._drivers = 0
        for file in log.iterdir():
            file.unlink()

    def run(self, most: int, harms: Sequence[str]) -> Counter[str]:
        """Drive the job to its end with up to `most` faults on the way; how many of each kind there were."""
        kinds: Counter[str] = Counter()
        driver = self._start()
        ends = time.monotonic() + JOB_SECONDS
        try:
            seen, due = 0, self._due()
            while not driver.is_over() and time.monotonic() < ends:
                if computed(self._log).total() == seen:
                    due = self._due()  # only what works can be harmed
                elif kinds.total() < most and time.monotonic() > due:
                    kind = self._chance.choice(harms)
                    if kind == "driver":
                        driver.kill()
                        driver = self._start()
                    if kind == "driver" or _harm(kind, self._chance.choice(self._cluster.nodes)):
                        kinds[kind] += 1
                        self._in_flight += GROUP_TEXTS * len(self._cluster.nodes)
                    seen, due = computed(self._log).total(), self._due()
                time.sleep(0.1)
            code, told = driver.ended(1)
        finally:
            if not driver.is_over():
                driver.kill()
        assert code == 0, f"the job ended with {code} after {dict(kinds)}:\n{told[-3000:]}"
        return kinds

    def judged(self) -> Counter[str]:
        """What became of the documents."""
        rows = pd.read_parquet(self._folder / "out" / "summaries.parquet")
        answers = Counter(rows.document_id)
        right = {
            name: f"Answer {hashlib.sha256(text.strip().encode()).hexdigest()[:12]}."
            for name, text in self._texts.items()
        }
        return Counter(
            documents=len(self._texts),
            lost=sum(name not in answers for name in self._texts),
            answered_twice=sum(n > 1 for n in answers.values()),
            wrong=sum(right.get(row.document_id) != row.summary for row in rows.itertuples()),
            computed_again=sum(n - 1 for n in computed(self._log).values()),
            in_flight_at_faults=self._in_flight,
            drivers=self._drivers,
        )

    def _due(self) -> float:
        return time.monotonic() + self._chance.uniform(0.2, 3)

    def _start(self) -> Driver:
        self._drivers += 1
        model = str(catalog.resolve_model(installed.STARTER, progress=False).path)
        return drive(
            self._cluster, "summarize", str(self._folder / "texts.csv"), "--model", model, "--strategy", "hierarchical",
            "--out",
            str(self._folder / "out"), *FLAGS,
        )  # fmt: skip


def _harm(kind: str, node: Node) -> bool:
    """Do it; whether there was something to be harmed."""
    if kind == "node":
        node.kill()
        node.start()
        return True
    if kind == "model":
        models = list(node.cache.glob("*.gguf"))
        for model in models:
            draft = model.with_suffix(".damaged")
            draft.write_bytes(b"damaged")
            os.replace(draft, model)
        return bool(models)
    victims = node.executors() if kind in ("executor", "disk") else node.pythons()
    if kind == "disk":
        node.disk.fill()  # for the model of the next executor there is no room
    for pid in victims:
        _signal(pid, signal.SIGSTOP if kind == "stopped" else signal.SIGKILL)
    if kind == "stopped":
        time.sleep(STOPPED_SECONDS)
        for pid in victims:
            _signal(pid, signal.SIGCONT)
    if kind == "disk":
        time.sleep(FULL_SECONDS)
        node.disk.free()
    return bool(victims)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


if __name__ == "__main__":
    sys.exit(main())
