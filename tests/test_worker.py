"""The executor side: every request answered once, on the CPUs this process may use."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from fakes import END, FakeRunner

from cpullm import worker
from cpullm.engine.engine import Engine
from cpullm.errors import EngineError
from cpullm.options import EngineOptions, Job, Sampling, Setting
from cpullm.records import Completion, Request

JOB = Job(EngineOptions("none.gguf", "0" * 64, 64, Setting(1, 2, 16)), {"summarize": Sampling(repeat_penalty=1.0)})


def _request(id_: str, group_id: int = 0, text: str = "d", max_tokens: int = 4) -> Request:
    return Request(id_, group_id, "summarize", "", text, "", len(text), max_tokens)


def _completion(id_: str) -> Completion:
    return Completion(id_, 0, "text", "stop", 1, 1, 0.0, "host:1")


class LetterModel:
    """A letter is a token; the end token has no letter."""

    def tokenize_prompt(self, head: str, text: str, tail: str) -> list[int]:
        return [ord(letter) for letter in head + text + tail]

    def detokenize(self, tokens: list[int]) -> str:
        return "".join(map(chr, tokens))


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRunner]:
    """A scripted runner in place of this process's engine: to `d` it says `hi`, to `e` nothing."""
    runner = FakeRunner(answers={ord("d"): [ord("h"), ord("i"), END], ord("e"): [ord(" "), END]})
    loaded = SimpleNamespace(job=JOB, model=LetterModel(), runner=runner, engine=Engine(runner))
    monkeypatch.setattr(worker, "_loaded", loaded)
    yield runner
    assert runner.cells == {}


class TestExactlyOnce:
    def test_passes_answers_on_in_their_order(self) -> None:
        completions = [_completion("b"), _completion("a")]
        assert list(worker.exactly_once([_request("a"), _request("b")], completions)) == completions

    def test_a_missing_answer_raises(self) -> None:
        with pytest.raises(EngineError, match="1 requests were not answered: b"):
            list(worker.exactly_once([_request("a"), _request("b")], [_completion("a")]))

    def test_a_second_answer_raises(self) -> None:
        with pytest.raises(EngineError, match="Request a was answered twice"):
            list(worker.exactly_once([_request("a")], [_completion("a"), _completion("a")]))

    def test_an_answer_nobody_asked_for_raises(self) -> None:
        with pytest.raises(EngineError, match="Request x was answered twice, or never asked"):
            list(worker.exactly_once([_request("a")], [_completion("x")]))

    def test_no_requests_need_no_answers(self) -> None:
        assert list(worker.exactly_once([], [])) == []


class TestAnswer:
    def test_an_answer_carries_its_requests_id_group_and_counts(self, runner: FakeRunner) -> None:
        (completion,) = worker.answer([_request("a", 3, "dog")], JOB)
        assert (completion.id, completion.group_id, completion.text) == ("a", 3, "hi")
        assert (completion.finish_reason, completion.prompt_tokens, completion.completion_tokens) == ("stop", 3, 2)
        assert completion.worker.endswith(f":{os.getpid()}")
        assert completion.seconds > 0 and completion.error is None

    def test_an_empty_answer_is_an_error(self, runner: FakeRunner) -> None:
        (completion,) = worker.answer([_request("a", text="e")], JOB)
        assert (completion.text, completion.finish_reason) == ("", "error")
        assert completion.error == "The model gave an empty answer."

    def test_a_prompt_too_long_is_answered_with_an_error(self, runner: FakeRunner) -> None:
        completions = {c.id: c for c in worker.answer([_request("a", text="d" * 64), _request("b")], JOB)}
        assert completions["a"].error is not None and "64 tokens" in completions["a"].error
        assert completions["a"].seconds == 0.0
        assert completions["b"].text == "hi"

    def test_a_failing_request_keeps_no_half_of_an_answer(self, runner: FakeRunner) -> None:
        runner.fail_at = {ord("d"): 2}
        (completion,) = worker.answer([_request("a")], JOB)
        assert (completion.text, completion.finish_reason) == ("", "error")
        assert completion.error == f"scripted failure of {ord('d')}"

    def test_the_same_prompt_under_two_ids_is_answered_twice(self, runner: FakeRunner) -> None:
        assert sorted(c.id for c in worker.answer([_request("a"), _request("b")], JOB)) == ["a", "b"]


class TestRun:
    def test_groups_are_answered_one_after_the_other(self, runner: FakeRunner) -> None:
        requests = [_request(f"{group}{i}", group) for group in (0, 1) for i in range(3)]
        assert [completion.group_id for completion in worker.run(requests, JOB)] == [0, 0, 0, 1, 1, 1]

    def test_progress_counts_the_answers(self, runner: FakeRunner) -> None:
        told: list[int] = []
        list(worker.run([_request("a"), _request("b"), _request("c", 1)], JOB, told.append))
        assert told == [1, 2, 3]


class TestUsableCpus:
    @pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no CPU affinity")
    def test_respects_the_affinity(self) -> None:
        code = (
            "import os; from cpullm import worker; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
            "print(worker.usable_cpus())"
        )
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        assert told.strip() == "1"

    def test_respects_the_quota_where_it_is_smaller(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))
        for quota, cpus in [(4, 4), (64, 16), (None, 16)]:
            monkeypatch.setattr(worker, "_cgroup_cpus", lambda _, quota=quota: quota)
            assert worker.usable_cpus() == cpus

    @pytest.mark.parametrize(
        ("cpu_max", "cpus"),
        [
            ("200000 100000\n", 2),
            ("250000 100000\n", 2),
            ("50000 100000\n", 1),
            ("max 100000\n", None),
            ("", None),
        ],
    )
    def test_reads_the_quota_of_cgroup_v2(self, tmp_path: Path, cpu_max: str, cpus: int | None) -> None:
        (tmp_path / "cpu.max").write_text(cpu_max)
        assert worker._cgroup_cpus(tmp_path) == cpus

    @pytest.mark.parametrize(("quota", "cpus"), [("300000", 3), ("20000", 1), ("-1", None)])
    def test_reads_the_quota_of_cgroup_v1(self, tmp_path: Path, quota: str, cpus: int | None) -> None:
        (tmp_path / "cpu").mkdir()
        (tmp_path / "cpu/cpu.cfs_quota_us").write_text(quota + "\n")
        (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
        assert worker._cgroup_cpus(tmp_path) == cpus

    def test_no_cgroup_means_no_quota(self, tmp_path: Path) -> None:
        assert worker._cgroup_cpus(tmp_path) is None
