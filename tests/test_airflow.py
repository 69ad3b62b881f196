"""docs/airflow under Airflow itself, in an environment of its own (`make test-airflow`) without cpullm."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

ROOT = Path(__file__).parent.parent
AIRFLOW = ROOT / ".venv-airflow" / "bin" / "airflow"
DAG = ROOT / "docs" / "airflow" / "cpullm_summarize.py"
CPULLM = Path(sys.executable).with_name("cpullm")
TEXT = (
    "The clock number {} of the harbour told no time, and nobody in the town of Merrin minded it much. The boats came "
    "home by it every evening, and the master of the quay wrote their names into a book.\n"
)
ENGINE = "--strategy hierarchical --max-tokens 16 --group-tokens 256 --n-threads 1 --no-tuned"
pytestmark = [pytest.mark.long, pytest.mark.model]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Airflow's home, with its database; the DAG in it waits one second before it tries again, not thirty."""
    home = tmp_path_factory.mktemp("airflow")
    (home / "dags").mkdir()
    written = DAG.read_text("utf-8")
    assert "timedelta(seconds=30)" in written
    (home / "dags" / DAG.name).write_text(written.replace("timedelta(seconds=30)", "timedelta(seconds=1)"), "utf-8")
    _airflow(home, "db", "migrate")
    return home


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    for n in range(8):
        (folder / f"{n}.txt").write_text(TEXT.format(n), encoding="utf-8")
    return folder


def _command(home: Path, *argv: str) -> tuple[list[str], dict[str, str]]:
    settings = {"AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    return [str(AIRFLOW), *argv], {**os.environ, "AIRFLOW_HOME": str(home), **settings}


def _airflow(home: Path, *argv: str) -> str:
    command, env = _command(home, *argv)
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _conf(source: Path, out: Path, starter: Path, flags: str) -> str:
    return json.dumps(
        {"source": str(source), "out": str(out), "model": str(starter), "master": "in-process", "flags": flags}
        | {"cpullm": str(CPULLM)}
    )


def _run_json(out: Path) -> Any:
    return json.loads((out / "current" / "run.json").read_text("utf-8"))


def test_airflow_imports_the_dag_as_it_is_delivered(home: Path) -> None:
    command, env = _command(home, "dags", "list-import-errors", "--output", "json")
    env["AIRFLOW__CORE__DAGS_FOLDER"] = str(DAG.parent)
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr


def test_what_is_finished_is_published_as_a_new_version(home: Path, texts: Path, starter: Path, tmp_path: Path) -> None:
    out = tmp_path / "out; touch 'x'"  # a path is no part of a command
    for n in (1, 2):
        _airflow(home, "dags", "test", "cpullm_summarize", "--conf", _conf(texts, out, starter, "--strategy coverage"))
        assert len(list((out / "versions").iterdir())) == n
        assert (out / "current").resolve() == max((out / "versions").iterdir())
        assert len(pd.read_parquet(out / "current" / "summaries.parquet")) == 8
    assert sorted(path.name for path in out.iterdir()) == ["current", "versions", "work"]


def test_a_run_that_is_killed_goes_on_when_airflow_tries_again(
    home: Path, texts: Path, starter: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command, env = _command(home, "dags", "test", "cpullm_summarize", "--conf", _conf(texts, out, starter, ENGINE))
    log = tmp_path / "log"
    with log.open("w") as stream, subprocess.Popen(command, env=env, stdout=stream, stderr=stream) as running:
        try:
            n_kept = _killed(out, str(texts), running)
            assert running.wait(timeout=240) == 0, log.read_text("utf-8")
        finally:
            running.kill()
    assert f"return code {143}" in log.read_text("utf-8")
    (level,) = _run_json(out)["levels"]
    assert 0 < n_kept <= level["kept"] < level["requests"] == 8
    answers = pd.read_parquet(out / "current" / "summaries.parquet")
    assert len(answers) == 8 and answers.error.isna().all()


def _killed(out: Path, source: str, running: subprocess.Popen[bytes]) -> int:
    """Stop the summarizing process as Airflow would as soon as there are answers; how many files of them there were."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and running.poll() is None:
        kept = len(list((out / "work" / "answers").glob("*.jsonl")))
        if kept:
            (pid,) = _pids("summarize", source)
            os.kill(pid, signal.SIGTERM)
            return kept
        time.sleep(0.02)
    raise AssertionError("no answer was kept in time")


def _pids(*words: str) -> list[int]:
    """The processes of this machine whose command line has these words."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it has ended
            continue
        if set(words) <= set(command):
            found.append(int(path.parent.name))
    return found
