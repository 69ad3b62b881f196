"""`cpullm doctor`: what it prints, and its exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cpullm import doctor, spark
from cpullm.cli import main
from cpullm.doctor import Finding, cluster
from cpullm.doctor.cluster import Cluster, Executor
from cpullm.errors import MachineError


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What the machine has; tests add to it."""
    found = [Finding("system", "Debian")]
    monkeypatch.setattr(doctor, "here", lambda machine, with_engine: found)
    return found


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A cluster of two executors."""

    class Session:
        def stop(self) -> None: ...

    facts = {"cpu": "EPYC", "cpus": 4, "free": 8_000_000_000}
    asked = Cluster([Executor("a:1", 1, facts), Executor("b:1", 1, {})], 2, 4, [])
    monkeypatch.setattr(spark, "session", lambda master: Session())
    monkeypatch.setattr(cluster, "ask", lambda session, machine, found: asked)
    return asked


def test_a_machine_without_fault_can_run_a_job(found: list[Finding], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out == "system       Debian\na job can run\n"


def test_a_fault_is_shown_with_what_to_do(found: list[Finding], capsys: pytest.CaptureFixture[str]) -> None:
    found.append(Finding("Java", "none", fault="no java", advice="install it"))
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "Java         none\n             FAULT: no java; install it\n1 fault\n" in out


def test_a_warning_stops_no_job(found: list[Finding], capsys: pytest.CaptureFixture[str]) -> None:
    found.append(Finding("disk", "2 GB", warning="little room", advice="make room"))
    assert main(["doctor"]) == 0
    assert "warning: little room; make room\na job can run; 1 warning\n" in capsys.readouterr().out


def test_without_a_master_spark_is_not_started(found: list[Finding], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark, "session", lambda master: pytest.fail("a session was started"))
    assert main(["doctor"]) == 0


@pytest.mark.usefixtures("found", "asked")
def test_executors_are_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--master", "spark://host:7077"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split()[:2] == ["executor", "engines"]
    assert lines[3].split()[:6] == ["a:1", "1", "4", "of", "4", "EPYC"] and "8.00 GB" in lines[3]
    assert lines[4].split()[:6] == ["b:1", "1", "4", "of", "?", "?"]
    assert lines[5] == "2 of 2 executors seen"


@pytest.mark.usefixtures("found")
def test_a_fault_of_several_executors_is_one_line(asked: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    asked.amiss.extend(Finding(name, "", fault="no Python", advice="install it") for name in ("a:1", "b:1"))
    assert main(["doctor", "--master", "spark://host:7077"]) == 1
    assert "\na:1, b:1  FAULT: no Python; install it\n2 faults\n" in capsys.readouterr().out


@pytest.mark.usefixtures("found", "asked")
def test_a_cluster_that_cannot_be_asked_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise MachineError("no executor has joined")

    monkeypatch.setattr(cluster, "ask", refuse)
    assert main(["doctor", "--master", "spark://host:7077"]) == 1
    assert "executors  FAULT: no executor has joined\n" in capsys.readouterr().out


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("name", ["Java", "packages", "host name"])
def test_executors_are_not_asked_where_spark_cannot_start(
    name: str, found: list[Finding], capsys: pytest.CaptureFixture[str]
) -> None:
    found.append(Finding(name, "none", fault="it lacks"))
    assert main(["doctor", "--master", "local[2]"]) == 1
    assert "executors  warning: not asked" in capsys.readouterr().out


@pytest.mark.usefixtures("found", "asked")
def test_json_has_the_same_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--master", "spark://host:7077", "--json"]) == 0
    record: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert record["can_run"] is True and record["machine"][0]["name"] == "system"
    assert [one["name"] for one in record["executors"]] == ["a:1", "b:1"] and record["n_executors"] == 2


@pytest.mark.usefixtures("found")
def test_a_models_place_without_a_cluster_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--model-at", "/models/x.gguf"]) == 1
    assert "give their --master too" in capsys.readouterr().err


@pytest.mark.model
def test_this_machine_can_run_a_job(starter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--model", str(starter)]) == 0, capsys.readouterr().out
    lines = capsys.readouterr().out.splitlines()
    assert [line[:12].strip() for line in lines if line[:1] != " "][:-1] == [*doctor.CHECKS, "engine"]
