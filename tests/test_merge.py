"""Level by level, with answers made up by the tests instead of a model."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from cpullm.catalog import ResolvedModel
from cpullm.merge import Merging
from cpullm.options import EngineOptions, Job, Options, Sampling
from cpullm.plan import Budget, Plan
from cpullm.records import Chunk, Completion, Prompt, Request, Summary

Answer = Callable[[Request], str]


class WordVocabulary:
    """Counts words for tokens."""

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def tokenize_prompt(self, head: str, text: str, tail: str) -> list[int]:
        return [0] * self.count_tokens(f"{head} {text} {tail}")


def merged(windows: list[str], answer: Answer, text_tokens: int) -> tuple[Summary, list[Request]]:
    """One chunk of these windows, and every request that was made for it."""
    asked: list[Request] = []

    def run(requests: Sequence[Request], job: Job, show: Callable[[int], None]) -> Iterator[Completion]:
        for request in requests:
            asked.append(request)
            text = answer(request)
            error = None if text else "no answer"
            yield Completion(request.id, 0, text, "stop", 1, 1, 0.0, "here:1", error)

    chunk = Chunk("book", 0, (), "I", "body", 1, 0, 1, "x")
    engine = EngineOptions("m", "sha", 256, 1, 2, 256, 256)
    plan = Plan(
        chunks=[chunk],
        left_out=[],
        windows=[windows],
        prompts={"summarize": Prompt("S", "."), "merge": Prompt("M", ".")},
        budget=Budget(2, text_tokens, 8),
        model=ResolvedModel(Path("m"), "sha", None),
        job=Job(engine, Sampling(0.0, 1.0, 1.0, 0)),
        options=Options(),
        text_tokens=1,
    )
    (summary,), _ = Merging(plan, WordVocabulary(), run, progress=False).all()  # type: ignore[arg-type]
    return summary, asked


def test_one_window_is_answered_once_and_not_merged() -> None:
    summary, asked = merged(["a text"], lambda request: "short", 20)
    assert (summary.summary, summary.windows, summary.merges, len(asked)) == ("short", 1, 0, 1)


def test_a_text_without_room_beside_its_neighbours_is_not_asked_about_alone() -> None:
    def answer(request: Request) -> str:
        return f"{request.text.split()[0]} b c d" if request.head == "S" else "joined"

    summary, asked = merged(["w1", "w2", "w3"], answer, 14)
    texts = [request.text.split() for request in asked if request.head == "M"]
    assert all(len(words) > 4 for words in texts)
    assert (summary.windows, summary.merges) == (3, len(texts))
    assert summary.summary == "joined"


@pytest.mark.parametrize("n_windows", [2, 3, 7, 40])
def test_merging_ends_with_one_text(n_windows: int) -> None:
    summary, _ = merged([f"w{i}" for i in range(n_windows)], lambda request: f"{request.id[:9]} b c", 12)
    assert summary.error is None
    assert len(summary.summary.split()) == 3
    assert summary.windows == n_windows


def test_answers_too_long_to_be_merged_end_with_an_error_and_all_their_text() -> None:
    summary, _ = merged(["w1", "w2"], lambda request: request.text + " long" * 15, 16)
    assert "2 answers are too long to be merged" in (summary.error or "")
    assert "w1" in summary.summary and "w2" in summary.summary


def test_a_window_without_answer_is_counted_and_the_rest_is_merged() -> None:
    summary, _ = merged(["w1", "w2", "w3"], lambda request: "" if request.text == "w2" else "fine " + request.text, 20)
    assert summary.error == "1 of 4 answers failed: no answer"
    assert summary.summary


def test_no_answer_at_all_is_an_error_without_a_summary() -> None:
    summary, _ = merged(["w1", "w2"], lambda request: "", 20)
    assert (summary.summary, summary.finish_reason) == ("", "error")
