"""Started by spark-submit: the master and the settings given there are the job's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyspark
import pytest

from cpullm.cli import arguments, main
from cpullm.spark import sessions
from tests import cluster as clusters
from tests.cluster import STANDIN

SUBMIT = Path(pyspark.__file__).parent / "bin" / "spark-submit"


def _submit(conf: dict[str, str], *argv: str, host: str = "127.0.0.1") -> subprocess.CompletedProcess[str]:
    """spark-submit of the installed package, with these settings, as a user starts it."""
    flags = [part for name, value in conf.items() for part in ("--conf", f"{name}={value}")]
    path = subprocess.run([sys.executable, "-m", "cpullm.cli", "launcher"], capture_output=True, text=True, check=True)
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": host}
    environment.pop("SPARK_HOME", None)
    command = [str(SUBMIT), *flags, path.stdout.strip(), *argv]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240, check=False)


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """As in a driver that spark-submit has started with these settings."""
    given = {"spark.master": "spark://host:7077", "spark.app.name": "__main__.py"}
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1")
    monkeypatch.setattr(sessions, "_given", lambda: given)
    return given


@pytest.mark.usefixtures("submitted")
def test_the_master_of_spark_submit_is_the_default() -> None:
    assert arguments.master(Namespace()) == "spark://host:7077"


@pytest.mark.usefixtures("submitted")
def test_a_master_that_is_asked_for_is_taken() -> None:
    assert arguments.master(Namespace(master="in-process")) == "in-process"


def test_without_spark_submit_the_default_is_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_given", lambda: pytest.fail("no JVM is asked"))
    assert arguments.master(Namespace()) == "local[*]"


def test_an_application_has_the_name_that_spark_submit_was_given(submitted: dict[str, str]) -> None:
    assert sessions._name() == "cpullm"
    submitted["spark.app.name"] = "tonight"
    assert sessions._name() == "tonight"


def test_the_launcher_is_a_file_that_spark_submit_takes_for_python(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["launcher"]) == 0
    path = Path(capsys.readouterr().out.removesuffix("\n"))
    assert path.is_file() and path.suffix == ".py"


def test_a_refusal_is_one_line_and_an_exit_code_there_too() -> None:
    ended = _submit({"spark.master": "local[1]"}, "summarize", "nope", "--task", "nope")
    assert ended.returncode == 1
    told = ended.stdout + ended.stderr
    assert "cpullm: no task is called 'nope'" in told and "Traceback" not in told and "\tat " not in told


@pytest.mark.model
def test_a_plan_is_for_the_master_that_was_given(tmp_path: Path, starter: Path) -> None:
    (tmp_path / "quay.txt").write_text("The boats came home by the clock of the quay.", encoding="utf-8")
    argv = ("plan", str(tmp_path / "quay.txt"), "--model", str(starter), "--no-tuned", "--strategy", "hierarchical")
    ended = _submit({"spark.master": "spark://host:7077"}, *argv)
    assert ended.returncode == 0, ended.stderr
    assert "on spark://host:7077; " in ended.stdout and "on the cluster: spark.executor.memoryOverhead" in ended.stdout


@pytest.fixture
def job(tmp_path: Path, starter: Path) -> Callable[..., tuple[str, list[dict[str, Any]]]]:
    """Runs one over these texts on a cluster, with these settings more: the cluster's master, and what Spark noted."""

    def run(texts: list[str], settings: dict[str, str]) -> tuple[str, list[dict[str, Any]]]:
        pd.DataFrame({"id": range(len(texts)), "text": texts}).to_csv(tmp_path / "texts.csv", index=False)
        for folder in ("log", "events"):
            (tmp_path / folder).mkdir()
        env = {"PYTHONPATH": str(STANDIN), "STANDIN_LOG": str(tmp_path / "log")}
        argv = (
            "summarize", str(tmp_path / "texts.csv"), "--model", str(starter), "--strategy", "hierarchical",
            "--out", str(tmp_path / "out"),
            "--group-tokens", "256", "--max-tokens", "16", "--window-tokens", "256", "--no-tuned",
        )  # fmt: skip
        with clusters.started(tmp_path / "cluster", env=env) as cluster:
            conf = {
                "spark.master": cluster.master, "spark.driver.host": cluster.host, "spark.executor.memory": "700m",
                "spark.ui.enabled": "false", "spark.eventLog.enabled": "true", "spark.eventLog.compress": "false",
                "spark.eventLog.rolling.enabled": "true", "spark.eventLog.dir": (tmp_path / "events").as_uri(),
                **settings,
            }  # fmt: skip
            ended = _submit(conf, *argv, host=cluster.host)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        answers = pd.read_parquet(tmp_path / "out" / "summaries.parquet")
        assert len(answers) == len(texts) and answers.error.isna().all()
        return cluster.master, _events(tmp_path / "events")

    return run


@pytest.mark.long
@pytest.mark.model
def test_a_job_runs_on_the_cluster_with_the_settings_that_were_given(job: Any, tmp_path: Path) -> None:
    texts = [f"A text about a clock that told no time, number {i}." for i in range(6)]
    master, events = job(texts, {"spark.speculation.multiplier": "7"})
    assert json.loads((tmp_path / "out" / "run.json").read_text())["spark"]["master"] == master
    used = next(one["Spark Properties"] for one in events if one["Event"] == "SparkListenerEnvironmentUpdate")
    assert used["spark.master"] == master and used["spark.app.name"] == "cpullm"
    assert used["spark.speculation.multiplier"] == "7" and used["spark.speculation"] == "true"


@pytest.mark.long
@pytest.mark.model
def test_with_dynamic_allocation_executors_come_when_there_is_work(job: Any) -> None:
    texts = [f"A slow text about a clock, number {i}.\nSLEEP 3" for i in range(8)]
    settings = {"enabled": "true", "maxExecutors": "2", "executorIdleTimeout": "3s"}
    conf = {f"spark.dynamicAllocation.{name}": value for name, value in settings.items()}
    _, events = job(texts, {**conf, "spark.executor.cores": "1"})
    names = [one["Event"].removeprefix("SparkListener") for one in events]
    assert names.index("ExecutorAdded") > names.index("ApplicationStart") and names.count("ExecutorAdded") >= 2


def _events(folder: Path) -> list[dict[str, Any]]:
    """What Spark noted of an application."""
    return [json.loads(line) for file in folder.rglob("events_*") for line in file.read_text("utf-8").splitlines()]
