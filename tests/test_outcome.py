"""How commands end: exit codes, one JSON document on stdout, what SIGTERM does; docs/scheduling.md has the table."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cpullm import worker
from cpullm.cli import main, outcome
from cpullm.cli.session import Session

GOOD, EMPTY = "The boats came home by the clock of the quay.", ""


@pytest.fixture
def argv(tmp_path: Path, starter: Path) -> Callable[..., list[str]]:
    """A command about a table of these texts, by a strategy that asks no model."""

    def argv(command: str, *texts: str) -> list[str]:
        table = tmp_path / "texts.jsonl"
        table.write_text(
            "".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(texts)), encoding="utf-8"
        )
        out = [] if command == "plan" else ["--out", str(tmp_path / "out")]
        return [command, str(table), "--model", str(starter), "--master", "in-process", "--strategy", "coverage", *out]

    return argv


@pytest.mark.model
@pytest.mark.parametrize("command", ["summarize", "dataset"])
@pytest.mark.parametrize(
    ("texts", "flags", "code"),
    [
        ((GOOD, EMPTY), [], 0),
        ((GOOD, EMPTY), ["--max-errors", "1"], 0),
        ((GOOD, EMPTY), ["--max-errors", "0"], 3),
        ((EMPTY,), [], 1),
        ((EMPTY,), ["--max-errors", "5"], 1),
        ((GOOD,), ["--limit", "0"], 1),
    ],
)
def test_exit_codes(
    argv: Callable[..., list[str]], command: str, texts: tuple[str, ...], flags: list[str], code: int
) -> None:
    assert main([*argv(command, *texts), *flags]) == code


@pytest.mark.parametrize("flags", [["--max-errors", "-1"], ["--max-errors", "some"], ["--nope"]])
def test_wrong_usage_is_2(flags: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["summarize", "sample", *flags])
    assert ended.value.code == 2


@pytest.mark.model
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("command", ["summarize", "dataset"])
def test_what_is_stopped_says_that_it_goes_on(
    argv: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    number: int,
    code: int,
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(worker, "run", lambda *_, **__: os.kill(os.getpid(), number))
    assert main([*argv(command, GOOD), "--json"]) == code
    told = capsys.readouterr()
    assert told.err.endswith("cpullm: stopped; finished groups are kept, the same command goes on from there.\n")
    assert told.out == "" and signal.getsignal(signal.SIGTERM) is before


def test_a_session_that_a_signal_has_ended_already_hides_nothing() -> None:
    class Ended:
        def stop(self) -> None:
            raise ConnectionRefusedError

    with pytest.raises(outcome.GoesOn), ExitStack() as stack:
        session = Session("in-process", stack)
        session._session = Ended()
        stack.callback(session._stop)
        raise outcome.GoesOn


def test_a_command_without_answers_that_is_terminated_starts_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from cpullm import catalog

    monkeypatch.setattr(catalog, "corpora", lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert main(["corpora", "list"]) == outcome.TERMINATED
    assert "the same command starts again" in capsys.readouterr().err


@pytest.mark.model
class TestJson:
    def test_stdout_is_one_document_with_what_run_json_has_and_the_paths(
        self, argv: Callable[..., list[str]], tmp_path: Path
    ) -> None:
        command = [sys.executable, "-m", "cpullm.cli", *argv("summarize", GOOD, EMPTY), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        told: dict[str, Any] = json.loads(done.stdout)
        paths = told.pop("paths")
        assert told == json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))
        assert len(told["errors"]) == 1
        assert {name: Path(path).is_file() for name, path in paths.items()} == {
            "summaries.parquet": True, "summaries.md": True, "run.json": True,
        }  # fmt: skip
        assert "texts: 2 units" in done.stderr or "2 units, the longest" in done.stderr
        assert "2 summaries in " in done.stderr

    def test_a_dataset_tells_its_report(
        self, argv: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([*argv("dataset", GOOD, EMPTY), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told.pop("paths")["report.json"] == str(tmp_path / "out" / "report.json")
        assert told == json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))

    def test_too_many_errors_are_told_too(
        self, argv: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([*argv("summarize", GOOD, EMPTY), "--json", "--max-errors", "0"]) == 3
        assert len(json.loads(capsys.readouterr().out)["errors"]) == 1

    def test_a_refusal_leaves_stdout_empty(
        self, argv: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([*argv("summarize", GOOD), "--json", "--limit", "0"]) == 1
        told = capsys.readouterr()
        assert told.out == "" and told.err == "cpullm: limit must be a whole number of 1 or more, got 0.\n"

    def test_a_plan_is_one_document(self, argv: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]) -> None:
        assert main([*argv("plan", GOOD), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["units"] == 1
