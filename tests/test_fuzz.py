import os
import signal
from pathlib import Path

import pytest

import cpullm.readers
from tests import fuzz

CASES = {"pdf": 12, "epub": 20, "docx": 20, "html": 40, "markdown": 60, "text": 60, "table": 60, "random": 40}


@pytest.mark.parametrize("format_", fuzz.FORMATS)
def test_damaged_files_give_chunks_or_a_clear_error(format_: str, tmp_path: Path) -> None:
    counts = fuzz.run([format_], seed=20, cases=CASES[format_], out=tmp_path)
    assert counts.total() == CASES[format_]
    assert counts[format_, "failure"] == 0
    assert min(counts[format_, "chunks"], counts[format_, "error"]) > 0


@pytest.mark.parametrize("format_", fuzz.FORMATS[:-1])
def test_the_whole_files_that_are_damaged_are_read(format_: str) -> None:
    outcomes = [fuzz.outcome(name, data) for name, data in fuzz.files(format_)]
    assert [said for kind, said in outcomes if kind != "chunks" and "no text layer" not in said] == []


def test_a_case_is_the_same_every_time() -> None:
    cases = [fuzz.Case(3, format_, number) for format_ in fuzz.FORMATS for number in range(3)]
    first = [case.file() for case in cases]
    fuzz.files.cache_clear()
    assert [case.file() for case in cases] == first


@pytest.mark.parametrize("error", [ValueError("not ours"), MemoryError(), RecursionError()])
def test_an_exception_that_is_not_ours_is_a_failure(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def documents_of(data: bytes, name: str) -> None:
        raise error

    monkeypatch.setattr(cpullm.readers, "documents_of", documents_of)
    kind, said = fuzz.outcome("it.txt", b"text")
    assert (kind, type(error).__name__ in said) == ("failure", True)


def test_a_crash_is_a_failure_and_the_next_case_runs() -> None:
    with fuzz.Worker() as worker:
        assert worker.run("it.txt", b"text")[0] == "chunks"
        os.kill(worker.pid, signal.SIGSEGV)
        assert worker.run("it.txt", b"text") == ("failure", "the process died: SIGSEGV")
        assert worker.run("it.txt", b"text")[0] == "chunks"


def test_a_hang_is_a_failure_and_the_next_case_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with fuzz.Worker() as worker:
        assert worker.run("it.txt", b"text")[0] == "chunks"
        os.kill(worker.pid, signal.SIGSTOP)
        with monkeypatch.context() as patch:
            patch.setattr(fuzz, "_SECONDS_PER_CASE", 0.1)
            assert worker.run("it.txt", b"text") == ("failure", "ran longer than 0 s")
        assert worker.run("it.txt", b"text")[0] == "chunks"
