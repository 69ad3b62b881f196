"""Level by level, with answers made up by the tests instead of a model."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cpullm import predict
from cpullm.catalog import ResolvedModel
from cpullm.job import EngineOptions, Job, Sampling, Setting, Way
from cpullm.merge import Merging
from cpullm.options import Options
from cpullm.plan import Budget, Plan, Setup
from cpullm.records import Chunk, Completion, Level, Origin, Prompt, Request, Sentence, Summary
from cpullm.splitters import sentences as spans
from cpullm.tasks import Task, TaskPrompts
from cpullm.tree import LEVELS

Answer = Callable[[Request], str | tuple[str, str]]
LIST = {"type": "array"}
SUMMARIZE = TaskPrompts(
    Task("summarize", "{text}", merge="{text}", update="{summary}{text}"), Prompt("S", "."), Prompt("M", "."), 8
)
UPDATED = TaskPrompts(SUMMARIZE.task, SUMMARIZE.ask, SUMMARIZE.merge, 8, Prompt("U", ".", " & "))
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

    chunk = Chunk("book", 0, (), "I", "body", 1, 0, 1, "\n\n".join(windows))
    engine = EngineOptions("m", "sha", 256, Setting(1, 2))
    plan = Plan(
        setup=Setup(
            tasks=list(tasks),
            budget=Budget(2, text_tokens, 8, 8),
            model=ResolvedModel(Path("m"), "sha", None),
            job=Job(engine, {task.task.name: Sampling() for task in tasks}),
            options=Options(),
        ),
        chunks=[chunk],
        windows=[windows],
        window_tokens=[[1] * len(windows)],
    )
    summaries, levels = Merging(plan, WordVocabulary(), run, progress=False).all()  # type: ignore[arg-type]
    return summaries, asked, levels


def ran(plan: Plan, answer: Answer) -> tuple[list[Summary], list[list[Request]]]:
    """A job's rows, and the requests of each level."""
    levels: list[list[Request]] = []

    def run(requests: Sequence[Request], job: Job, **_: object) -> Iterator[Completion]:
        levels.append(list(requests))
        for request in requests:
            yield _completion(request, answer(request), job)

    summaries, _ = Merging(plan, WordVocabulary(), run, progress=False).all()  # type: ignore[arg-type]
    return summaries, levels


def _completion(request: Request, given: str | tuple[str, str], job: Job) -> Completion:
    """Each sentence borne out by all of the request's text."""
    text, reason = given if isinstance(given, tuple) else (given, "stop")
    sentences = tuple(Sentence(*span, 0.5, (Origin(0, 0, len(request.text)),)) for span in spans(text))
    guarded = text and job.way(request.task) is not Way.PLAIN
    error = None if text else "no answer"
    return Completion(request.id, 0, text, reason, 1, 1, 0.0, "here:1", error, sentences=sentences if guarded else ())


def book(
    parts: list[list[list[str]]], *, strategy: str = "hierarchical", way: Way = Way.GUARDED, **options: Any
) -> Plan:
    """A job over a book's parts, chapters and their windows."""
    chunks, windows = [], []
    for part, chapters in enumerate(parts):
        for texts in chapters:
            start = 1000 * len(chunks)
            text = "\n".join(texts)
            chunks.append(Chunk("book", len(chunks), (f"Part {part}",), "I", "body", 1, start, start + len(text), text))
            windows.append(texts)
    return Plan(
        setup=Setup(
            tasks=[UPDATED],
            budget=Budget(2, 40, 8, 8, 10 if strategy == "incremental" else 0),
            model=ResolvedModel(Path("m"), "sha", None),
            job=Job(EngineOptions("m", "sha", 256, Setting(1, 2)), {"summarize": Sampling()}, ways={"summarize": way}),
            options=Options(**options),
            strategy=strategy,
        ),
        chunks=chunks,
        windows=windows,
        window_tokens=[[len(text.split()) for text in texts] for texts in windows],
    )


TWO_PARTS = [[["w1 a", "w2 b"], ["w3 c"]], [["w4 d"], ["w5 e"]]]


class TestTree:
    def test_chapters_become_parts_and_parts_the_book(self) -> None:
        summaries, levels = ran(book(TWO_PARTS), lambda request: f"about {request.text.split()[-1]}")
        assert [(s.level, s.title, s.summary, s.windows, s.merges) for s in summaries] == [
            ("book", "", "about e", 2, 1),
            ("part", "Part 0", "about c", 2, 1),
            ("chapter", "I", "about b", 2, 1),
            ("chapter", "I", "about c", 1, 0),
            ("part", "Part 1", "about e", 2, 1),
            ("chapter", "I", "about d", 1, 0),
            ("chapter", "I", "about e", 1, 0),
        ]
        assert [len(level) for level in levels] == [5, 1, 2, 1]

    @pytest.mark.parametrize(("to", "n_levels"), [("chapter", 2), ("part", 3), ("book", 4)])
    def test_it_goes_as_far_up_as_asked(self, to: str, n_levels: int) -> None:
        summaries, levels = ran(book(TWO_PARTS, levels=to), lambda request: "short")
        assert len(levels) == n_levels and {s.level for s in summaries} <= set(LEVELS[: LEVELS.index(to) + 1])

    def test_every_sentence_of_the_book_leads_to_the_chapters_text(self) -> None:
        summaries, _ = ran(book(TWO_PARTS), lambda request: f"about {request.text.split()[-1]}")
        (sentence,) = summaries[0].sentences
        assert sentence.sources
        assert all(1000 * at.index <= at.start < at.end <= 1000 * at.index + 9 for at in sentence.sources)

    def test_what_a_merge_says_is_held_against_the_text_itself(self) -> None:
        summaries, _ = ran(book(TWO_PARTS), lambda request: "w1 a" if request.head == "S" else "nobody said so")
        assert summaries[0].sentences[0].support < 0.1
        assert summaries[3].sentences[0].support == 0.5  # of a window the executor has said it

    def test_a_sentence_of_a_merge_that_goes_is_told(self) -> None:
        plan = book([[["Ann sold the old boat to Bob."], ["Bob wept by the river."]]])
        merge = "Ann sold the old boat. Nobody ever said so."
        (summary, *_), _ = ran(plan, lambda request: request.text if request.head == "S" else merge)
        assert (summary.summary, summary.method) == ("Ann sold the old boat.", "repaired")
        assert summary.reasons == ("unsupported",)

    def test_what_was_found_in_the_chapters_is_told_of_a_part_that_is_they_joined(self) -> None:
        plan = book([[["w1 a"], ["w2 b"]]], words=9)

        def run(requests: Sequence[Request], job: Job, **_: object) -> Iterator[Completion]:
            for request in requests:
                done = _completion(request, "short", job)
                yield replace(done, method="repaired", reasons=("loop",)) if request.text == "w1 a" else done

        (book_row, *_), levels = Merging(plan, WordVocabulary(), run, progress=False).all()  # type: ignore[arg-type]
        assert (len(levels), book_row.method, book_row.reasons) == (1, "repaired", ("loop",))

    def test_a_chapter_without_summary_is_missed_above_and_the_rest_is_merged(self) -> None:
        summaries, _ = ran(book(TWO_PARTS), lambda request: "" if request.text == "w3 c" else "fine")
        assert [s.error for s in summaries if s.level != "chapter"] == [
            None, "1 of 2 units under it have no summary.", None,
        ]  # fmt: skip
        assert summaries[0].summary == "fine"

    def test_where_no_chapter_has_a_summary_the_book_has_none(self) -> None:
        summaries, _ = ran(book(TWO_PARTS), lambda request: "")
        assert {(s.summary, s.finish_reason) for s in summaries} == {("", "error")}

    def test_merging_stops_at_the_length_wanted(self) -> None:
        summaries, levels = ran(book([[["w1", "w2", "w3"], ["w4"]]], words=9), lambda request: "a b c")
        assert len(levels) == 2 and summaries[1].summary == "a b c\n\na b c\n\na b c"

    def test_a_chapter_is_one_text_where_no_model_reads_it_and_its_words_are_shared_out_above(self) -> None:
        plan = book(TWO_PARTS, way=Way.LEXRANK, words=6)
        _, levels = ran(plan, lambda request: " ".join(["word"] * 6))
        assert sorted(request.text for request in levels[0])[0] == "w1 a\nw2 b"
        assert [{request.words for request in level} for level in levels] == [{6}, {6}, {6}]


class TestGuided:
    def test_the_model_is_asked_about_windows_only(self) -> None:
        plan = book([[["w1 a b", "w2 c d"], ["w3 e f"]], [["w4 g h"]]], way=Way.GUIDED, words=5)
        summaries, levels = ran(plan, lambda request: request.text.split()[0] + " x y z")
        assert {request.max_tokens for request in levels[0]} == {8} and len(levels[0]) == 4
        assert {(request.max_tokens, request.head) for level in levels[1:] for request in level} == {(0, "")}
        assert [level.requests for level in predict.job(plan, WordVocabulary())] == [4]
        assert not any(summary.error for summary in summaries)


class TestIncremental:
    def test_each_window_brings_the_summary_up_to_date(self) -> None:
        answers = iter(["one", "two", "three"])
        (summary,), levels = ran(book([[["w1", "w2", "w3"]]], strategy="incremental"), lambda request: next(answers))
        assert [[request.text for request in level] for level in levels] == [["w1"], ["one & w2"], ["two & w3"]]
        assert (summary.summary, summary.windows, summary.merges) == ("three", 3, 2)

    def test_a_step_that_fails_leaves_the_summary_as_it_was(self) -> None:
        (summary,), _ = ran(
            book([[["w1", "w2", "w3"]]], strategy="incremental"),
            lambda request: "" if "w2" in request.text else f"({request.text})",
        )
        assert summary.summary == "((w1) & w3)" and summary.error == "1 of 3 answers failed: no answer"

    def test_a_summary_that_leaves_no_room_ends_with_an_error_that_says_so(self) -> None:
        (summary,), _ = ran(book([[["w1", "w2", "w3"]]], strategy="incremental"), lambda request: "long " * 45 + "end")
        assert summary.error is not None and "2 pieces have no room" in summary.error and summary.summary

    def test_every_prompt_fits_at_every_level(self) -> None:
        windows = [[[f"w{i} " + "x " * 20 for i in range(4)] for _ in range(5)] for _ in range(2)]
        plan = book(windows, strategy="incremental")
        summaries, levels = ran(plan, lambda request: "an answer of eight words and no more")
        assert all(len(request.text.split()) <= 40 for level in levels for request in level)
        assert summaries[0].level == "book" and not any(s.error for s in summaries)


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
