"""What a job will take, told before: the levels that merging then makes, and how long so many executors need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cpullm import predict
from cpullm.catalog import ResolvedModel
from cpullm.job import EngineOptions, Job, Sampling
from cpullm.merge import Merging
from cpullm.options import Options
from cpullm.plan import Budget, Plan, Setup
from cpullm.predict import Asked
from cpullm.rates import Part, Rates
from cpullm.records import Chunk, Completion, Prompt, Request
from cpullm.tasks import Task, TaskPrompts

SUMMARIZE = TaskPrompts(
    Task("summarize", "{text}", merge="{text}", update="{summary}{text}"),
    Prompt("S", "."),
    Prompt("M m", "."),
    12,
    Prompt("U u u", ".", " and "),
)
MOOD = TaskPrompts(Task("mood", "{text}", choices=("up", "down"), join="majority"), Prompt("S", "? ?"), None, 8)
SECONDS = st.lists(st.floats(0.1, 1000), min_size=1, max_size=40)


class WordVocabulary:
    """Counts words for tokens, and a blank line for two as `merge` does."""

    def count_tokens(self, text: str) -> int:
        return len(text.split()) + 2 * text.count("\n\n")

    def count_prompt_tokens(self, head: str, text: str, tail: str) -> int:
        return self.count_tokens(f"{head} {text} {tail}")


def planned(
    windows: list[list[int]],
    tasks: list[TaskPrompts],
    text_tokens: int,
    *,
    parts: list[int] | None = None,
    strategy: str = "hierarchical",
) -> Plan:
    """A job over chunks whose windows have these many words, no two alike; `parts` numbers the part of each."""
    texts = [[" ".join([f"{i}-{j}"] * n) for j, n in enumerate(chunk)] for i, chunk in enumerate(windows)]
    levels = [(f"Part {part}",) for part in parts] if parts else [()] * len(windows)
    chunks = zip(texts, levels, strict=True)
    return Plan(
        setup=Setup(
            tasks=tasks,
            budget=Budget(4, text_tokens, 12, 12, 13 if strategy == "incremental" else 0),
            model=ResolvedModel(Path("m"), "sha", None),
            job=Job(EngineOptions("m", "sha", 256), {asked.task.name: Sampling() for asked in tasks}),
            options=Options(group_tokens=256),
            strategy=strategy,
        ),
        chunks=[
            Chunk("book", i, above, "", "body", 1, 0, 1, "\n".join(text)) for i, (text, above) in enumerate(chunks)
        ],
        windows=texts,
        window_tokens=windows,
    )


def merged(plan: Plan) -> list[tuple[int, int, int]]:
    """Requests, groups and prompt tokens of each level when every answer is as long as it may be."""
    asked: list[list[Request]] = []

    def run(requests: Sequence[Request], job: Job, **_: object) -> Iterator[Completion]:
        asked.append(list(requests))
        for request in requests:
            text = " ".join([request.id[:12]] * request.max_tokens) if request.task == "summarize" else "up"
            yield Completion(request.id, 0, text, "length", 1, 1, 0.0, "here:1")

    Merging(plan, WordVocabulary(), run, progress=False).all()  # type: ignore[arg-type]
    return [
        (len(level), len({request.group_id for request in level}), sum(request.prompt_tokens for request in level))
        for level in asked
    ]


class TestJob:
    @example(
        windows=[[1, 1, 1], [1, 1, 9, 40]],
        parts=[1] * 6,
        tasks=[SUMMARIZE, MOOD],
        text_tokens=54,
        strategy="incremental",
    )
    @given(
        windows=st.lists(st.lists(st.integers(1, 40), max_size=12), min_size=1, max_size=6),
        parts=st.lists(st.integers(1, 3), min_size=6, max_size=6).map(sorted),
        tasks=st.sampled_from([[SUMMARIZE], [MOOD], [SUMMARIZE, MOOD]]),
        text_tokens=st.integers(54, 90),
        strategy=st.sampled_from(["hierarchical", "incremental"]),
    )
    @example([[], [], [], []], [1, 1, 1, 2, 2, 2], [SUMMARIZE], 54, "incremental")  # units of which nothing is left
    def test_levels_are_those_that_a_run_makes_of_longest_answers(
        self, windows: list[list[int]], parts: list[int], tasks: list[TaskPrompts], text_tokens: int, strategy: str
    ) -> None:
        plan = planned(windows, tasks, text_tokens, parts=parts[: len(windows)], strategy=strategy)
        levels = predict.job(plan, WordVocabulary())
        assert [(level.requests, len(level.groups), level.prompt_tokens) for level in levels] == merged(plan)

    def test_a_text_is_prefilled_once_for_two_tasks_of_one_group(self) -> None:
        (level,) = predict.levels([[100]], [Asked("a", "head", 10, 4, 8), Asked("b", "head", 12, 6, 8)], 200, 10_000)
        assert (level.prompt_tokens, level.groups) == (222, ((Part(112, 112, 8), Part(110, 4, 8)),))

    def test_a_text_is_prefilled_anew_for_a_prompt_that_begins_otherwise(self) -> None:
        (level,) = predict.levels([[100]], [Asked("a", "one", 10, 4, 8), Asked("b", "two", 12, 6, 8)], 200, 10_000)
        assert level.groups == ((Part(112, 112, 8), Part(110, 110, 8)),)

    def test_answers_too_long_to_be_merged_end_the_levels(self) -> None:
        assert len(predict.levels([[50, 50]], [Asked("a", "h", 10, 4, 60, 10)], 100, 256)) == 1

    def test_nothing_to_ask_takes_no_level_and_no_time(self) -> None:
        assert predict.levels([[], []], [Asked("a", "h", 10, 4, 8, 10)], 100, 256) == []
        assert predict.seconds([], Rates(1, 0.1, 0.1, load_seconds=5), 3) == 0


class TestSeconds:
    def test_levels_follow_each_other_after_one_loading(self) -> None:
        level = predict.Level(2, 200, ((Part(100, 100, 11),), (Part(100, 100, 11),)))
        rates = Rates(1, token=0.02, sequence=0.2, load_seconds=3)
        assert predict.seconds([level, level], rates, 1) == pytest.approx(3 + 4 * (2 + 2))
        assert predict.seconds([level, level], rates, 2) == pytest.approx(3 + 2 * (2 + 2))

    @given(
        shapes=st.lists(st.tuples(st.integers(1, 900), st.integers(1, 160)), min_size=1, max_size=60),
        n=st.integers(1, 12),
        group_tokens=st.integers(300, 20_000),
    )
    def test_no_packing_beats_the_least(self, shapes: list[tuple[int, int]], n: int, group_tokens: int) -> None:
        asked = [Asked(f"t{i}", f"h{i}", p, 1, m) for i, (p, m) in enumerate(shapes)]
        levels = predict.levels([[1]], asked, 2000, group_tokens, n)
        rates = Rates(4, 0.002, 0.003, 1e-6, 0.01, 1e-6, load_seconds=2.0)
        assert predict.seconds(levels, rates, n) >= predict.least_seconds(levels, rates, n) * (1 - 1e-9)

    @given(lengths=SECONDS, n=st.integers(1, 50))
    def test_a_makespan_is_within_grahams_bounds(self, lengths: list[float], n: int) -> None:
        found = predict.makespan(lengths, n)
        least = max(max(lengths), sum(lengths) / n)
        assert least - 1e-6 <= found <= 4 / 3 * least + max(lengths) + 1e-6

    @given(lengths=SECONDS)
    def test_one_executor_takes_the_sum(self, lengths: list[float]) -> None:
        assert predict.makespan(lengths, 1) == pytest.approx(sum(lengths))

    @given(lengths=SECONDS)
    def test_an_executor_for_each_takes_as_long_as_the_longest(self, lengths: list[float]) -> None:
        assert predict.makespan(lengths, len(lengths)) == max(lengths)
