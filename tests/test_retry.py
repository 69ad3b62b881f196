"""A group with its store: what is there is taken, what kills the process is left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.fs
import pytest

from cpullm import retry, worker
from cpullm.errors import EngineError, MachineError
from cpullm.job import EngineOptions, Job, Sampling
from cpullm.records import Completion, Request
from cpullm.store import Store

JOB = Job(EngineOptions("model.gguf", "sha", 256), {"summarize": Sampling()})


def _request(name: str) -> Request:
    return Request(f"{name:0>64}", 3, "summarize", "", name, "", 10, 5)


GROUP = [_request(name) for name in "abc"]


class Death(BaseException):
    """Stands for the end of the process."""


class StandIn:
    """Answers like `worker.answer`, and dies at the texts it is told to."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.deadly = ""

    def __call__(self, requests: Sequence[Request], job: Job) -> Iterator[Completion]:
        self.calls.append("".join(request.text for request in requests))
        for request in requests:
            if request.text in self.deadly:
                raise Death
            yield Completion(request.id, request.group_id, f"about {request.text}", "stop", 10, 3, 0.1, "here:1")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    engine = StandIn()
    monkeypatch.setattr(worker, "answer", engine)
    monkeypatch.setattr(worker, "load", lambda options: None)
    return engine


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.prepared(str(tmp_path))


def _attempts(store: Store, n: int = 4) -> list[Completion]:
    """Attempts as Spark makes them, four for a job; the completions of the first that does not die."""
    for _ in range(n):
        try:
            return retry.answer(GROUP, JOB, store)[0]
        except Death:
            pass
    raise EngineError("four attempts failed")


def _die(engine: StandIn, store: Store, deadly: str, times: int) -> None:
    engine.deadly = deadly
    for _ in range(times):
        with pytest.raises(Death):
            retry.answer(GROUP, JOB, store)
    engine.deadly = ""


def test_a_group_is_kept_when_it_is_done(engine: StandIn, store: Store) -> None:
    retry.answer(GROUP, JOB, store)
    assert set(store.answers()) == {request.id for request in GROUP}


def test_a_group_whose_result_was_lost_is_not_computed_again(engine: StandIn, store: Store) -> None:
    first = retry.answer(GROUP, JOB, store)
    assert retry.answer(GROUP, JOB, store) == first
    assert engine.calls == ["abc"]


def test_a_second_attempt_is_at_the_whole_group(engine: StandIn, store: Store) -> None:
    _die(engine, store, "b", 1)
    retry.answer(GROUP, JOB, store)
    assert engine.calls == ["abc", "abc"]


def test_a_machine_that_fails_before_it_begins_leaves_the_group_whole(
    engine: StandIn, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(options: EngineOptions) -> None:
        raise MachineError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr(worker, "load", refuse)
        for _ in range(5):
            with pytest.raises(MachineError):
                retry.answer(GROUP, JOB, store)
    retry.answer(GROUP, JOB, store)
    assert engine.calls == ["abc"]


def test_what_kills_the_process_is_an_error_in_the_second_job_and_the_rest_is_answered(
    engine: StandIn, store: Store
) -> None:
    engine.deadly = "b"
    with pytest.raises(EngineError):
        _attempts(store)
    completions = {completion.id: completion for completion in _attempts(store)}
    assert [completions[request.id].text for request in GROUP] == ["about a", "", "about c"]
    assert "3 times at this text alone" in str(completions[GROUP[1].id].error)
    assert engine.calls == ["abc", "abc", "a", "b", "b", "b", "c"]


def test_two_that_kill_it_are_both_found(engine: StandIn, store: Store) -> None:
    engine.deadly = "ac"
    with pytest.raises(EngineError):
        _attempts(store)
    completions = _attempts(store, 8)
    assert [completion.error is None for completion in sorted(completions, key=lambda one: one.id)] == [
        False, True, False
    ]  # fmt: skip


def test_one_death_alone_leaves_a_text_its_chance(engine: StandIn, store: Store) -> None:
    """It may have been the machine's: the mark alone is no error."""
    _die(engine, store, "b", 3)
    assert all(completion.error is None for completion in retry.answer(GROUP, JOB, store)[0])


def test_a_machine_that_cannot_load_marks_no_text(
    engine: StandIn, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(options: EngineOptions) -> None:
        raise MachineError("no memory")

    monkeypatch.setattr(worker, "load", refuse)
    with pytest.raises(MachineError):
        retry.answer(GROUP, JOB, store)
    assert not store.tried()


def test_answers_that_cannot_be_kept_are_given_all_the_same(
    engine: StandIn, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Store, "_write", refuse)
    completions, kept = retry.answer(GROUP, JOB, store)
    assert len(completions) == 3 and not kept


def test_a_text_is_tried_alone_where_no_mark_can_be_left(
    engine: StandIn, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    _die(engine, store, "b", 2)
    engine.calls.clear()
    monkeypatch.setattr(Store, "_write", refuse)
    completions, kept = retry.answer(GROUP, JOB, store)
    assert engine.calls == ["a", "b", "c"] and all(completion.error is None for completion in completions) and not kept


def test_an_answer_of_an_earlier_run_is_given_as_this_groups(engine: StandIn, store: Store) -> None:
    """It was in another group then; who watches the groups knows this one."""
    retry.answer([replace(request, group_id=7) for request in GROUP], JOB, store)
    completions, _ = retry.answer(GROUP, JOB, store)
    assert {completion.group_id for completion in completions} == {3} and engine.calls == ["abc"]


def test_a_mark_that_cannot_be_taken_away_costs_no_answer(
    engine: StandIn, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Kept(pyarrow.fs.SubTreeFileSystem):
        """A folder in which nothing can be deleted."""

        def delete_file(self, path: str) -> None:
            raise PermissionError(13, "Permission denied")

    files = Kept("/", pyarrow.fs.LocalFileSystem())
    monkeypatch.setattr(Store, "_files", files)
    assert len(retry.answer(GROUP, JOB, store)[0]) == 3
