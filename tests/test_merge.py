"""Level by level, with answers made up by the tests instead of a model."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from cpullm.catalog import ResolvedModel
from cpullm.job import EngineOptions, Job, Sampling, Setting
from cpullm.merge import Merging
from cpullm.options import Options
from cpullm.plan import Budget, Plan
from cpullm.records import Chunk, Completion, Level, Prompt, Request, Summary
from cpullm.tasks import Task, TaskPrompts

Answer = Callable[[Request], str | tuple[str, str]]
LIST = {"type": "array"}
SUMMARIZE = TaskPrompts(Task("summarize", "{text}", merge="{text}"), Prompt("S", "."), Prompt("M", "."), 8)
MOOD = TaskPrompts(Task("mood", "{text}", choices=("up", "down"), join="majority"), Prompt("S", "?"), None, 8)
NAMES = TaskPrompts(Task("names", "{text}", schema=LIST, join="union"), Prompt("S", "!"), None, 8)


class WordVocabulary:
    """Counts words for tokens."""

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def count_prompt_tokens(self, head: str, text: str, tail: str) -> int:
        return self.count_tokens(f"{head} {text} {tail}")


def answered(
    windows: list[str], answer: Answer, text_tokens: int, *tasks: TaskPrompts
) -> tuple[list[Summary], list[Request], list[Level]]:
    """One chunk of these windows: an answer for each task, every request that was made, and the levels.

    `answer` gives a text, "" for an error, or a text and a finish_reason.
    """
    asked: list[Request] = []

    def run(requests: Sequence[Request], job: Job, **_: object) -> Iterator[Completion]:
        for request in requests:
            asked.append(request)
            given = answer(request)
            text, reason = given if isinstance(given, tuple) else (given, "stop")
            error = None if text else "no answer"
            yield Completion(request.id, 0, text, reason, 1, 1, 0.0, "here:1", error)

    chunk = Chunk("book", 0, (), "I", "body", 1, 0, 1, "x")
    engine = EngineOptions("m", "sha", 256, Setting(1, 2))
    plan = Plan(
        chunks=[chunk],
        left_out=[],
        windows=[windows],
        tasks=list(tasks),
        budget=Budget(2, text_tokens, 8, 8),
        model=ResolvedModel(Path("m"), "sha", None),
        job=Job(engine, {task.task.name: Sampling() for task in tasks}),
        options=Options(),
        window_tokens=[[1] * len(windows)],
    )
    summaries, levels = Merging(plan, WordVocabulary(), run, progress=False).all()  # type: ignore[arg-type]
    return summaries, asked, levels


def merged(windows: list[str], answer: Answer, text_tokens: int) -> tuple[Summary, list[Request]]:
    """The same with the one task that merges by asking again."""
    (summary,), asked, _ = answered(windows, answer, text_tokens, SUMMARIZE)
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


def test_several_tasks_are_asked_in_one_level_and_answered_in_their_order() -> None:
    def answer(request: Request) -> str:
        return {"summarize": "short", "mood": "up", "names": '["Ann"]'}[request.task]

    summaries, asked, levels = answered(["w1", "w2"], answer, 20, MOOD, SUMMARIZE, NAMES)
    assert [(s.task, s.summary, s.windows, s.merges) for s in summaries] == [
        ("mood", "up", 2, 0),
        ("summarize", "short", 2, 1),
        ("names", '["Ann"]', 2, 0),
    ]
    assert [(level.tasks, level.requests) for level in levels] == [
        (("mood", "summarize", "names"), 6),
        (("summarize",), 1),
    ]
    assert len({(request.head, request.text) for request in asked[:6]}) == 2


def test_a_choice_is_the_majoritys_and_a_list_the_union() -> None:
    def answer(request: Request) -> str:
        second = request.text == "w2"
        return ("down" if second else "up") if request.task == "mood" else ('["Bob", "Ann"]' if second else '["Ann"]')

    (mood, names), _, _ = answered(["w1", "w2", "w3"], answer, 20, MOOD, NAMES)
    assert (mood.summary, names.summary) == ("up", '["Ann", "Bob"]')


def test_a_task_that_fails_harms_no_other() -> None:
    (mood, summary), _, _ = answered(["w1"], lambda r: "" if r.task == "mood" else "fine", 20, MOOD, SUMMARIZE)
    assert (mood.summary, mood.finish_reason, mood.error) == ("", "error", "1 of 1 answers failed: no answer")
    assert (summary.summary, summary.finish_reason, summary.error) == ("fine", "stop", None)


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        (("stop", "stop"), "stop"),
        (("length", "stop"), "length"),
        (("length", "loop"), "loop"),
        (("stop", "loop"), "loop"),
    ],
)
def test_a_loop_is_told_before_a_cut_and_a_cut_before_a_stop(reasons: tuple[str, str], told: str) -> None:
    def answer(request: Request) -> tuple[str, str]:
        return (f"answer {request.text}", {"w1": reasons[0], "w2": reasons[1]}.get(request.text, "stop"))

    summary, _ = merged(["w1", "w2"], answer, 20)
    assert summary.finish_reason == told


@pytest.mark.parametrize(("reason", "said"), [("length", "raise max_tokens"), ("loop", "repeated itself")])
def test_half_a_list_is_an_error_and_the_other_windows_lists_are_kept(reason: str, said: str) -> None:
    def answer(request: Request) -> str | tuple[str, str]:
        return ('["Ann", "B', reason) if request.text == "w1" else '["Cid"]'

    (names,), _, _ = answered(["w1", "w2"], answer, 20, NAMES)
    assert (names.summary, names.finish_reason) == ('["Cid"]', "stop")
    assert names.error is not None and names.error.startswith("1 of 2 answers failed: ") and said in names.error
