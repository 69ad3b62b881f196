"""`cpullm plan`: what a job would take, read by people and by programs."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from cpullm import memory, tune
from cpullm.cli import main
from cpullm.cli.plan import OTHER
from cpullm.engine import footprint
from cpullm.engine.engine import Engine
from cpullm.job import Setting
from cpullm.tune import Tuned

pytestmark = pytest.mark.model

WRITTEN = ("--strategy", "hierarchical", "--levels", "chapter")  # what asks the model
TUNED = Tuned(
    setting=Setting(),
    prefill_tokens_per_second=100.0,
    decode_tokens_per_second=10.0,
    load_seconds=2.0,
    prompt_tokens=900,
    times_faster=1.0,
    model=None,
    model_sha256="",
    format="Q4_1",
    cpu="a CPU",
    date="2026-01-01",
)


@pytest.fixture(autouse=True)
def untuned(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is stored on this machine is no part of the tests."""
    monkeypatch.setattr(tune, "stored", lambda sha256: None)


@pytest.fixture
def book(tmp_path: Path, starter: Path) -> str:
    path = tmp_path / "quay.txt"
    long = "The clock told no time, and nobody minded it. " * 120
    path.write_text(f"CHAPTER I\n\n{long}\n\n\nCHAPTER II\n\nThe boats came home by it.\n", encoding="utf-8")
    return str(path)


def _json(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, object]:
    assert main(["plan", *WRITTEN, *argv, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert isinstance(record, dict)
    return record


def test_a_part_that_llama_cpp_does_not_tell_is_shown_as_unknown(
    book: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(footprint, "_KV", re.compile("no line is like this"))
    assert main(["plan", *WRITTEN, book, "--master", "in-process"]) == 0
    assert re.search(r"keys and values +unknown\n", capsys.readouterr().out)
    assert _json(capsys, book, "--master", "in-process")["memory"]["untold"] == ["kv"]  # type: ignore[index]


def test_levels_memory_and_whether_it_fits_are_shown(book: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", *WRITTEN, book, "--master", "in-process"]) == 0
    out = capsys.readouterr().out
    assert "quay.txt: 2 units" in out
    for words in (
        "windows ",
        "merges, level 1 ",
        "keys and values ",
        "run `cpullm tune smollm2",
        "are free here: it fits",
    ):
        assert words in out


def test_nothing_is_generated(book: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Engine, *_: object) -> None:
        raise AssertionError("the engine was made")

    monkeypatch.setattr(Engine, "__init__", refuse)
    assert main(["plan", *WRITTEN, book, "--master", "in-process"]) == 0


def test_json_has_the_same_for_programs(book: str, capsys: pytest.CaptureFixture[str]) -> None:
    record = _json(
        capsys,
        book,
        "--master",
        "in-process",
        "--max-tokens",
        "64",
        "--levels",
        "chapter",
        "--strategy",
        "hierarchical",
    )
    assert (record["units"], record["tasks"], record["rates"], record["executors"]) == (2, ["summarize"], None, None)
    windows, merges = record["levels"]  # type: ignore[misc]
    assert windows["requests"] == record["windows"] and windows["new_tokens"] == 2 * 64 * windows["requests"]
    assert merges["requests"] == 1
    assert record["memory"]["total"] > record["memory"]["kv"] > 0  # type: ignore[index]


def test_seconds_follow_from_the_tuned_rates(
    book: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune, "stored", lambda sha256: TUNED)
    record = _json(capsys, book, "--master", "in-process", "--executors", "1")
    tokens = [(level["prompt_tokens"], level["new_tokens"]) for level in record["levels"]]  # type: ignore[attr-defined]
    requests = sum(level["requests"] for level in record["levels"])  # type: ignore[attr-defined]
    (one,) = record["executors"]  # type: ignore[misc]
    # The first token of an answer comes with its prompt.
    assert one["seconds"] == pytest.approx(2 + sum(prompt / 100 + new / 10 for prompt, new in tokens) - requests / 10)


def test_more_executors_take_less_time_down_to_the_longest_request(
    book: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune, "stored", lambda sha256: TUNED)
    record = _json(capsys, book, "--master", "in-process", "--window-tokens", "400", "--executors", "1,2,50")
    one, two, many = record["executors"]  # type: ignore[misc]
    assert one["seconds"] > two["seconds"] > many["seconds"] == pytest.approx(many["least_seconds"])
    assert one["groups"] < two["groups"] < many["groups"]
    assert (
        main(["plan", *WRITTEN, book, "--master", "in-process", "--window-tokens", "400", "--executors", "1,50"]) == 0
    )
    assert "executors have nothing to do" in capsys.readouterr().out


def test_rates_of_another_setting_are_told_to_be_that(
    book: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune, "stored", lambda sha256: replace(TUNED, model_sha256=sha256))
    assert main(["plan", *WRITTEN, book, "--master", "in-process", "--n-seq-max", "4"]) == 0
    assert OTHER not in capsys.readouterr().out
    assert main(["plan", *WRITTEN, book, "--master", "in-process", "--n-seq-max", "2"]) == 0
    assert OTHER in capsys.readouterr().out


def test_a_job_that_does_not_fit_is_refused_with_what_would(
    book: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available", lambda: 330_000_000)
    assert main(["plan", *WRITTEN, book, "--master", "in-process"]) == 1
    assert "0.33 GB are free; it fits with --n-seq-max " in capsys.readouterr().out


def test_a_local_session_needs_room_for_its_jvm(book: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _json(capsys, book)["memory"]["jvm"] > 0  # type: ignore[index]
    assert _json(capsys, book, "--master", "in-process")["memory"]["jvm"] == 0  # type: ignore[index]


def test_for_a_cluster_the_overhead_of_an_executor_is_told(book: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", *WRITTEN, book, "--master", "spark://somewhere:7077"]) == 0
    out = capsys.readouterr().out
    assert "spark.executor.memoryOverhead" in out and "free here" not in out


@pytest.mark.parametrize("executors", ["0", "1,x", ""])
def test_counts_of_executors_that_are_none_are_wrong_usage(
    book: str, capsys: pytest.CaptureFixture[str], executors: str
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["plan", *WRITTEN, book, "--executors", executors])
    assert raised.value.code == 2
    assert "numbers from 1 to 100000, as 1,10,100" in capsys.readouterr().err


def test_a_strategy_without_a_model_takes_none_of_its_memory_and_time(
    book: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", book, "--master", "in-process", "--strategy", "coverage"]) == 0
    assert "no model is asked" in capsys.readouterr().out
    assert main(["plan", book, "--master", "in-process", "--strategy", "coverage", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["levels"], record["memory"], record["refusal"]) == ([], None, None)
