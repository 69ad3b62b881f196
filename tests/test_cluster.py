"""On a real standalone cluster of two workers: nothing is lost, nothing is done twice, whoever dies.

But for one test an engine of tests/standin answers there, which does what a text tells it to: sleep, fail, die.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import cpullm
from cpullm import catalog, worker
from tests import cluster as clusters
from tests.cluster import STANDIN, Cluster, Driver, computed, drive, until
from tests.hosts import Disk, Link, can_mount

pytestmark = pytest.mark.model
TAKES_ROOT = pytest.mark.skipif(not can_mount(), reason="a small disk takes root")
FLAGS = ("--max-tokens", "16", "--window-tokens", "256", "--no-tuned")
SLOW = "A slow text about a clock that told no time, number {}.\nSLEEP 1"
QUICK = "A text about a clock that told no time, number {}."


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, log: Path) -> Iterator[Cluster]:
    env = {"PYTHONPATH": str(STANDIN), "STANDIN_LOG": str(log)}
    disk_bytes = 2 << 30 if can_mount() else None
    with clusters.started(tmp_path_factory.mktemp("cluster") / "it", env=env, disk_bytes=disk_bytes) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def empty_log(log: Path) -> None:
    for file in log.iterdir():
        file.unlink()


@pytest.fixture
def ask(cluster: Cluster, tmp_path: Path, starter: Path) -> Callable[..., Driver]:
    """Starts a job over these texts, two to a group."""

    def start(texts: list[str], *flags: str, out: str = "out") -> Driver:
        source = tmp_path / "texts.csv"
        pd.DataFrame({"id": range(len(texts)), "text": texts}).to_csv(source, index=False)
        return drive(
            cluster, "summarize", str(source), "--model", str(starter), "--strategy", "hierarchical",
            "--out", str(tmp_path / out),
            "--group-tokens", "256", *FLAGS, *flags,
        )  # fmt: skip

    return start


def _answers(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "summaries.parquet").set_index("document_id")


def _facts(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return facts


def _busy(asked: Driver, log: Path, n: int) -> None:
    """Until so many answers have come; AssertionError with what it said if the job ends before."""
    until(lambda: asked.is_over() or computed(log).total() >= n, 90, f"{n} answers")
    assert not asked.is_over(), asked.ended()


@pytest.mark.long
def test_a_job_that_is_asked_again_computes_nothing(ask: Any, tmp_path: Path, log: Path) -> None:
    texts = [QUICK.format(i) for i in range(12)]
    code, told = ask(texts).ended()
    assert code == 0, told
    first = _answers(tmp_path / "out")
    assert first.error.isna().all() and set(computed(log).values()) == {1}
    code, told = ask(texts).ended()
    assert code == 0 and "12 of 12 answers were there from an earlier run" in told, told
    assert sum(computed(log).values()) == 12 and _answers(tmp_path / "out").summary.equals(first.summary)


@pytest.mark.long
def test_one_changed_text_is_computed_alone(ask: Any, tmp_path: Path, log: Path) -> None:
    texts = [QUICK.format(i) for i in range(12)]
    assert ask(texts).ended()[0] == 0
    code, told = ask([*texts[:5], "Another text.", *texts[6:]]).ended()
    assert code == 0 and "11 of 12 answers were there" in told, told
    assert sum(computed(log).values()) == 13


@pytest.mark.long
def test_a_fresh_start_computes_everything(ask: Any, log: Path) -> None:
    texts = [QUICK.format(i) for i in range(6)]
    assert ask(texts).ended()[0] == 0
    assert ask(texts, "--fresh").ended()[0] == 0
    assert set(computed(log).values()) == {2}


@pytest.mark.long
def test_a_text_that_kills_its_worker_is_an_error_and_the_rest_arrives(ask: Any, tmp_path: Path) -> None:
    texts = [QUICK.format(i) for i in range(7)]
    code, told = ask([*texts[:3], "A text.\nDIE", *texts[3:]], "--group-tokens", "512").ended()
    assert code == 0, told
    answers = _answers(tmp_path / "out")
    assert "3 times at this text alone" in answers.error["3"], told
    assert answers.drop("3").error.isna().all() and answers.drop("3").summary.str.startswith("Answer").all()


@pytest.mark.long
def test_a_text_that_takes_for_ever_is_an_error_and_the_rest_arrives(ask: Any, tmp_path: Path) -> None:
    texts = [QUICK.format(i) for i in range(7)]
    hung = [*texts[:3], "A text.\nSLEEP 1000", *texts[3:]]
    code, told = ask(hung, "--group-seconds", "4").ended()
    assert code == 0, told
    answers = _answers(tmp_path / "out")
    assert "ran out of time 3 times at this text alone" in answers.error["3"], told
    assert answers.drop("3").error.isna().all()


@pytest.mark.long
def test_a_killed_driver_goes_on_where_it_was(ask: Any, tmp_path: Path, log: Path) -> None:
    texts = [SLOW.format(i) for i in range(10)]
    first = ask(texts)
    _busy(first, log, 5)
    first.kill()
    kept = len(list((tmp_path / "out" / "answers").glob("*.jsonl")))
    assert kept >= 1
    code, told = ask(texts).ended()
    assert code == 0 and "were there from an earlier run" in told, told
    assert _answers(tmp_path / "out").error.isna().all()
    assert sum(n - 1 for n in computed(log).values()) <= 4  # the groups in flight, two texts each


@pytest.mark.long
@pytest.mark.parametrize("victim", ["python", "executor", "node"])
def test_whatever_is_killed_every_text_is_answered_once(
    victim: str, cluster: Cluster, ask: Any, tmp_path: Path, log: Path
) -> None:
    node = cluster.nodes[0]
    asked = ask([SLOW.format(i) for i in range(12)])
    _busy(asked, log, 3)
    if victim == "node":
        node.kill()
        node.start()
    else:
        for pid in node.pythons() if victim == "python" else node.executors():
            os.kill(pid, signal.SIGKILL)
    code, told = asked.ended()
    assert code == 0, told
    answers = _answers(tmp_path / "out")
    assert len(answers) == 12 and answers.error.isna().all()
    assert sum(n - 1 for n in computed(log).values()) <= 2, told
    cluster.wait(2)


@TAKES_ROOT
@pytest.mark.long
@pytest.mark.parametrize("n_left", [0, 60 << 20], ids=["no room for an executor", "no room for the model"])
def test_a_host_with_a_full_disk_stops_no_job(n_left: int, cluster: Cluster, ask: Any, tmp_path: Path) -> None:
    disk = cluster.nodes[0].disk
    disk.fill(n_left)
    try:
        code, told = ask([SLOW.format(i) for i in range(8)]).ended()
    finally:
        disk.free()
    assert code == 0, told
    answers = _answers(tmp_path / "out")
    assert len(answers) == 8 and answers.error.isna().all() and answers.summary.str.startswith("Answer").all()


@TAKES_ROOT
@pytest.mark.long
def test_a_disk_that_fills_in_mid_job_loses_no_text(cluster: Cluster, ask: Any, tmp_path: Path, log: Path) -> None:
    node = cluster.nodes[0]
    asked = ask([SLOW.format(i) for i in range(16)])
    _busy(asked, log, 3)
    node.disk.fill()
    try:
        for pid in node.executors():  # for what follows it there is no room
            clusters.kill(pid)
        time.sleep(5)
    finally:
        node.disk.free()
    code, told = asked.ended()
    assert code == 0, told
    answers = _answers(tmp_path / "out")
    assert len(answers) == 16 and answers.error.isna().all()
    assert sum(n - 1 for n in computed(log).values()) <= 2, told


@TAKES_ROOT
@pytest.mark.long
def test_answers_without_room_stop_the_job_in_one_line_and_it_goes_on_with_room(
    ask: Any, tmp_path: Path, log: Path
) -> None:
    disk = Disk(tmp_path / "small", 1 << 20)
    disk.mount()
    try:
        texts, flags = [SLOW.format(i) for i in range(12)], ("--answers", str(disk.folder / "answers"))
        asked = ask(texts, *flags)
        _busy(asked, log, 5)
        disk.fill()
        code, told = asked.ended(60)
        last = told.strip().splitlines()[-1]
        assert code == 1 and "Traceback" not in told and last.startswith("cpullm: answers cannot be kept in"), told
        kept = {path.name for path in (disk.folder / "answers").iterdir() if path.is_file()}
        assert kept and not any(name.startswith(".") for name in kept)
        disk.free()
        code, told = ask(texts, *flags).ended()
        assert code == 0 and "were there from an earlier run" in told, told
        assert _answers(tmp_path / "out").error.isna().all()
    finally:
        disk.unmount()


@pytest.mark.long
def test_a_model_that_is_damaged_on_one_host_is_not_used(
    cluster: Cluster, ask: Any, tmp_path: Path, starter: Path
) -> None:
    sha256 = catalog.resolve_model(starter).sha256
    code, told = ask([QUICK.format(i) for i in range(4)]).ended()
    assert code == 0, told
    cached = cluster.nodes[0].cache / f"{sha256}.gguf"
    if cached.exists():
        cached.write_bytes(cached.read_bytes()[:-1] + b"x")
    code, told = ask([QUICK.format(i) for i in range(8)]).ended()
    assert code == 0, told
    assert _answers(tmp_path / "out").error.isna().all()


@pytest.mark.long
def test_ctrl_c_says_that_the_same_command_goes_on(ask: Any, log: Path) -> None:
    asked = ask([SLOW.format(i) for i in range(12)])
    _busy(asked, log, 3)
    asked.interrupt()
    code, told = asked.ended(60)
    assert code == 130 and "the same command goes on from there" in told, told


@pytest.mark.long
def test_two_runs_into_one_folder_leave_whole_results(ask: Any, tmp_path: Path) -> None:
    texts = [SLOW.format(i) for i in range(4)]
    both = [ask(texts), ask(texts)]
    assert [one.ended()[0] for one in both] == [0, 0]
    assert _answers(tmp_path / "out").error.isna().all()


@pytest.mark.long
def test_what_each_executor_did_is_told(ask: Any, tmp_path: Path) -> None:
    code, told = ask([SLOW.format(i) for i in range(8)]).ended()
    assert code == 0, told
    executors = _facts(tmp_path / "out")["executors"]
    assert len(executors) == 2 and sum(one["requests"] for one in executors) == 8
    assert "tokens/s" in told and "slowest" in told


@pytest.mark.long
def test_doctor_tells_which_executor_lacks_the_package(cluster: Cluster, tmp_path: Path, starter: Path) -> None:
    """Here the second one's Python, which has no packages; the first one's facts are told all the same."""
    python = tmp_path / "python"
    bare = f'case "$CPULLM_MODEL_CACHE" in *node1/*) exec {sys.executable} -I -S "$@";; esac'
    python.write_text(f'#!/bin/sh\n{bare}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    code, told = drive(cluster, "doctor", "--model", str(starter), "--json", python=str(python)).ended()
    record, _ = json.JSONDecoder().raw_decode(told[told.index("{\n") :])
    assert code == 1 and not record["can_run"] and record["n_executors"] == 2, told
    whole, lacking = sorted(record["executors"], key=lambda one: "cpullm" not in one["facts"])
    assert whole["facts"]["variant"] and whole["facts"]["room"] > 0
    (fault,) = [one for one in record["amiss"] if one["fault"]]
    assert fault["name"] == lacking["name"] and "lacks a package: No module named 'cpullm'" in fault["fault"]


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("ip") is None, reason="network namespaces take root and iproute2")
def test_a_host_that_is_cut_off_loses_no_text(tmp_path: Path, starter: Path, log: Path) -> None:
    link = Link(f"cpullm{os.getpid() % 100_000}")
    link.make()
    env = {"PYTHONPATH": str(STANDIN), "STANDIN_LOG": str(log), "SPARK_DAEMON_JAVA_OPTS": "-Dspark.worker.timeout=10"}
    try:
        with clusters.started(tmp_path / "cluster", env=env, links=[link]) as cluster:
            source = tmp_path / "texts.csv"
            pd.DataFrame({"id": range(12), "text": [SLOW.format(i) for i in range(12)]}).to_csv(source, index=False)
            asked = drive(
                cluster, "summarize", str(source), "--model", str(starter), "--strategy", "hierarchical",
                "--out", str(tmp_path / "out"),
                "--group-tokens", "256", *FLAGS,
                settings={
                    "spark.network.timeout": "12s", "spark.network.timeoutInterval": "3s",
                    "spark.executor.heartbeatInterval": "2s",
                },
            )  # fmt: skip
            _busy(asked, log, 3)
            link.pull()
            code, told = asked.ended()
            link.plug()
            assert code == 0, told
            answers = _answers(tmp_path / "out")
            assert len(answers) == 12 and answers.error.isna().all()
    finally:
        link.remove()


@pytest.mark.long
def test_executors_of_one_host_share_one_model(tmp_path: Path, starter: Path) -> None:
    """The real engine twice: one file, and in memory its pages once, beside what each engine has for itself."""
    texts = pd.DataFrame({"id": range(8), "text": [QUICK.format(i) * 8 for i in range(8)]})
    texts.to_csv(tmp_path / "texts.csv", index=False)
    flags = ("--group-tokens", "256", "--no-repack", "--max-tokens", "64", "--window-tokens", "256", "--no-tuned")
    mapped: dict[int, dict[str, int]] = {}
    with clusters.started(tmp_path / "cluster", n_nodes=1, n_cpus=2) as cluster:
        asked = drive(
            cluster, "summarize", str(tmp_path / "texts.csv"), "--model", str(starter), "--strategy", "hierarchical",
            "--out", str(tmp_path / "out"),
            *flags, settings={"spark.executor.cores": "1"},
        )  # fmt: skip

        def both() -> bool:
            found = {pid: facts for pid in cluster.nodes[0].pythons() if (facts := clusters.mapping(pid, ".gguf"))}
            if sum(facts["Pss"] for facts in found.values()) > 0.5 * starter.stat().st_size:
                mapped.update(found)
            return len(mapped) == 2

        until(both, 120, "two engines have read the model")
        code, told = asked.ended()
        assert code == 0, told
    assert len({facts["inode"] for facts in mapped.values()}) == 1
    assert sum(facts["Pss"] for facts in mapped.values()) <= 1.15 * starter.stat().st_size
    alone = cpullm.summarize(
        texts,
        model=starter,
        progress=False,
        tuned=False,
        max_tokens=64,
        window_tokens=256,
        repack=False,
        strategy="hierarchical",
    )
    worker.close()
    assert list(_answers(tmp_path / "out").summary) == [summary.summary for summary in alone.summaries]


COLUMNS = """
import sys
import cpullm
from cpullm.columns import embed, mask, sentiment, summarize
from pyspark.sql import SparkSession

if __name__ == "__main__":
    master, model, folder = sys.argv[1:]
    builder = SparkSession.builder.master(master).config("spark.ui.enabled", "false")
    spark = builder.config("spark.driver.host", "127.0.0.1").config("spark.executor.memory", "1g").getOrCreate()
    rows = [(i, f"I loved clock {i}. Mr. Bell repaired it on Monday.") for i in range(8)]
    table = spark.createDataFrame(rows, "id int, text string").repartition(2)
    asked = {"mood": sentiment("text"), "short": summarize("text", 5), "hidden": mask("text"), "vector": embed("text")}
    answered = cpullm.transform(table, asked, model=model, tuned=False)
    answered.write.parquet(f"{folder}/answers")
    cpullm.register_sql(spark, model=model, tuned=False)
    table.createOrReplaceTempView("clocks")
    spark.sql("SELECT id, llm_sentiment(text) AS mood FROM clocks").write.parquet(f"{folder}/sql")
    spark.stop()
"""


@pytest.mark.long
def test_columns_and_sql_are_answered_by_executors_with_a_model_that_spark_brings(
    tmp_path: Path, starter: Path
) -> None:
    (tmp_path / "job.py").write_text(COLUMNS)
    with clusters.started(tmp_path / "cluster") as cluster:
        command = [sys.executable, str(tmp_path / "job.py"), cluster.master, str(starter), str(tmp_path)]
        env = {**os.environ, "PYSPARK_PYTHON": sys.executable}
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=400, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        cached = [file.name for node in cluster.nodes for file in node.cache.iterdir() if file.suffix == ".gguf"]
    assert len(set(cached)) == 1
    answers = pd.read_parquet(tmp_path / "answers").sort_values("id")
    assert list(answers["id"]) == list(range(8)) and answers["error"].isna().all()
    assert set(answers["mood"]) == {"positive"} and answers["hidden"].str.contains("Mr. ████").all()
    assert {len(vector) for vector in answers["vector"]} == {576} and answers["short"].str.endswith(".").all()
    assert list(pd.read_parquet(tmp_path / "sql").sort_values("id")["mood"]) == list(answers["mood"])
