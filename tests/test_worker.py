"""The executor side: every request answered once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import END, FakeRunner
from hypothesis import example, given
from hypothesis import strategies as st

from cpullm import Document, cpus, memory, plan, summarize, worker
from cpullm.engine.engine import Engine
from cpullm.engine.sequence import Sequence
from cpullm.errors import EngineError, MachineError, OptionError
from cpullm.job import EngineOptions, Job, Sampling, Setting, Way
from cpullm.records import Completion, Finished, Prompt, Request

JOB = Job(EngineOptions("none.gguf", "0" * 64, 64, Setting(1, 2, 16)), {"summarize": Sampling(repeat_penalty=1.0)})


def _request(id_: str, group_id: int = 0, text: str = "d", max_tokens: int = 4) -> Request:
    return Request(id_, group_id, "summarize", "", text, "", len(text), max_tokens)


def _completion(id_: str) -> Completion:
    return Completion(id_, 0, "text", "stop", 1, 1, 0.0, "host:1")


class LetterModel:
    """A letter is a token; the end token has no letter."""

    def tokenize_prompt(
        self, head: str, text: str, tail: str, question: str = ""
    ) -> tuple[list[int], list[int], list[int]]:
        parts = (head, text, question + tail)
        head_tokens, text_tokens, tail_tokens = ([ord(letter) for letter in part] for part in parts)
        return head_tokens, text_tokens, tail_tokens

    def detokenize(self, tokens: list[int]) -> str:
        return "".join(map(chr, tokens))


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRunner]:
    """A scripted runner in place of this process's engine: to `d` it says `hi`, to `e` nothing."""
    runner = FakeRunner(answers={ord("d"): [ord("h"), ord("i"), END], ord("e"): [ord(" "), END]})
    loaded = SimpleNamespace(
        options=JOB.engine, model=LetterModel(), runner=runner, engine=Engine(runner), cpu_variant="haswell"
    )
    monkeypatch.setattr(worker, "_loaded", loaded)
    yield runner
    assert len(runner.released) == sum(len(batch.entries) for batch in runner.batches)


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

    def test_tokens_that_a_loop_only_repeated_were_generated_and_count(self, runner: FakeRunner) -> None:
        runner.answers = {ord("d"): [ord("h"), *[ord("o")] * 60]}
        (completion,) = worker.answer([_request("a", max_tokens=50)], JOB)
        assert completion.finish_reason == "loop"
        assert completion.completion_tokens == len(completion.text) + 31

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


class TestSummaries:
    TEXT = "dogs sleep by the warm stove all day long. "
    GUARDED = replace(JOB, ways={"summarize": Way.GUARDED})

    def test_an_answer_that_is_not_fit_is_asked_for_again_and_every_request_is_answered_once(
        self, runner: FakeRunner
    ) -> None:
        runner.n_ctx = 128
        asked = [_request(name, text=self.TEXT) for name in "abc"]
        completions = list(worker.answer(asked, replace(self.GUARDED, engine=JOB.engine)))
        assert sorted(completion.id for completion in completions) == ["a", "b", "c"]
        assert {completion.completion_tokens for completion in completions} == {4}  # “hi”, twice
        assert {(completion.method, completion.text) for completion in completions} == {
            ("extracted", self.TEXT.strip())
        }
        assert {completion.reasons for completion in completions} == {("cut off",)}

    def test_an_extract_needs_no_engine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(worker, "_load", None)
        job = replace(JOB, ways={"summarize": Way.COVERAGE})
        (completion,) = worker.run([replace(_request("a", text=self.TEXT), words=20)], job)
        guided = replace(JOB, ways={"summarize": Way.GUIDED})
        (merged,) = worker.run([replace(_request("a", text=self.TEXT), words=20, max_tokens=0)], guided)
        assert merged.text == completion.text
        assert (completion.text, completion.method, completion.prompt_tokens) == (self.TEXT.strip(), "extracted", 0)


class TestRun:
    def test_groups_are_answered_one_after_the_other(self, runner: FakeRunner) -> None:
        requests = [_request(f"{group}{i}", group) for group in (0, 1) for i in range(3)]
        assert [completion.group_id for completion in worker.run(requests, JOB)] == [0, 0, 0, 1, 1, 1]

    def test_who_watches_is_told_of_every_answer_and_of_every_group(self, runner: FakeRunner) -> None:
        answers: list[int] = []
        groups: list[Finished] = []
        watch = worker.Watch(lambda requests, tokens: answers.append(requests), groups.append)
        list(worker.run([_request("a"), _request("b"), _request("c", 1)], JOB, watch=watch))
        assert answers == [1, 1, 1]
        assert [(group.group_id, group.requests, group.attempt) for group in groups] == [(0, 2, 0), (1, 1, 0)]
        assert {group.cpu_variant for group in groups} == {"haswell"}


class TestSequence:
    @staticmethod
    def _sequence(request: Request, **sampling: Any) -> Sequence:
        return worker._sequence(request, Sampling(**sampling), LetterModel())  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("head", "text", "tail", "cuts"),
        [
            ("<h>", "text", "</t>", (3, 7)),
            ("", "text", "</t>", (4,)),
            ("<h>", "text", "", (3,)),
            ("<h>", "", "</t>", (3, 3)),
            ("", "text", "", ()),
        ],
    )
    def test_a_prompt_is_cut_after_the_wording_and_after_the_text(
        self, head: str, text: str, tail: str, cuts: tuple[int, ...]
    ) -> None:
        assert self._sequence(replace(_request("a", text=text), head=head, tail=tail)).cuts == cuts

    def test_requests_of_one_seed_draw_each_their_own(self) -> None:
        seeds = {self._sequence(_request(f"{i:08x}"), seed=7).sampling.seed for i in range(50)}
        assert len(seeds) == 50

    @given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 2))
    @example(2**32 - 1, 0)
    def test_no_request_gets_the_seed_that_means_any_to_llama_cpp(self, start: int, seed: int) -> None:
        assert 0 <= self._sequence(_request(f"{start:08x}"), seed=seed).sampling.seed < 2**32 - 1


SAMPLE = Path(__file__).parent.parent / "corpora" / "sample.txt"
HEAD = "<|im_start|>user\n"
QUESTIONS = {
    "summary": "Tell in two sentences what happens.",
    "names": "List the people named.",
    "mood": "Is the mood positive or negative? One word.",
    "title": "Give it a title.",
}
GREEDY = {task: Sampling() for task in QUESTIONS}
PLAIN = Setting(n_threads=2, n_seq_max=4)
FLASH = replace(PLAIN, flash_attn=True)
Q8 = replace(FLASH, kv_type="q8_0")
# From 257 tokens on, flash attention on f16 splits a row that is alone among the threads, which the runner prevents.
LONG = 1200  # letters
PLAIN_AND_FLASH = pytest.mark.parametrize("setting", [PLAIN, FLASH], ids=["plain", "flash attention"])
EVERY = pytest.mark.parametrize(
    "setting", [PLAIN, FLASH, Q8], ids=["plain", "flash attention", "flash attention, q8_0"]
)


def _texts(n: int, n_letters: int) -> list[str]:
    book = SAMPLE.read_text(encoding="utf-8")
    return [book[start : start + n_letters] for start in range(6000, 6000 + n * 5000, 5000)]


def _asked(text: str, task: str, group_id: int = 0) -> Request:
    prompt = Prompt(HEAD, f"\n\n{QUESTIONS[task]}<|im_end|>\n<|im_start|>assistant\n")
    request_id = plan.request_id(Job(EngineOptions("", "", 0), GREEDY), task, prompt, 16, text)
    return Request(request_id, group_id, task, prompt.head, text, prompt.tail, len(text) // 4, 16)


def _said(requests: list[Request], starter: Path, setting: Setting, n_ctx: int = 512) -> dict[str, str]:
    """Greedy answers of this process's engine, 16 tokens each, by request."""
    job = Job(EngineOptions(str(starter), "", n_ctx, setting), GREEDY)
    completions = list(worker.run(requests, job))
    assert all(completion.error is None for completion in completions)
    return {completion.id: completion.text for completion in completions}


@pytest.fixture
def free() -> Iterator[None]:
    """This process holds no engine, before and after."""
    worker.close()
    yield
    worker.close()


@pytest.mark.model
@pytest.mark.usefixtures("free")
class TestSameAnswers:
    """What must not matter to greedy answers does not."""

    @PLAIN_AND_FLASH
    def test_four_tasks_on_one_text_say_what_each_says_alone(self, starter: Path, setting: Setting) -> None:
        (text,) = _texts(1, LONG)
        requests = [_asked(text, task) for task in QUESTIONS]
        together = _said(requests, starter, setting)
        alone = {}
        for request in requests:
            worker.close()
            alone |= _said([request], starter, setting)
        assert together == alone

    @EVERY
    def test_one_thread_says_what_two_say(self, starter: Path, setting: Setting) -> None:
        (text,) = _texts(1, LONG)
        requests = [_asked(text, task) for task in ("summary", "title")]
        two = _said(requests, starter, setting)
        assert _said(requests, starter, replace(setting, n_threads=1)) == two

    @PLAIN_AND_FLASH
    def test_one_sequence_at_a_time_says_what_four_say(self, starter: Path, setting: Setting) -> None:
        requests = [_asked(text, "summary") for text in _texts(3, LONG)]
        assert _said(requests, starter, replace(setting, n_seq_max=1)) == _said(requests, starter, setting)

    @PLAIN_AND_FLASH
    def test_what_an_engine_answered_before_changes_no_answer(self, starter: Path, setting: Setting) -> None:
        """Nor, with that, which executor a group comes to: what lies in the cache only saves work."""
        first, second = _texts(2, LONG)
        asked = [
            [_asked(first, task) for task in ("summary", "names", "title")],
            [_asked(second, task) for task in ("summary", "mood")],
            [_asked(text, "mood") for text in (second, first)],
        ]
        # Without a head nothing is common to all prompts, and sequences come to places in ever another order.
        groups = [[replace(request, head="") for request in group] for group in asked]
        fresh = []
        for group in groups:
            worker.close()
            fresh.append(_said(group, starter, setting))
        for i in (1, 0, 2, 1):  # this engine has answered group 2
            assert _said(groups[i], starter, setting) == fresh[i]

    @EVERY
    def test_a_choice_is_the_same_alone_and_among_others_and_its_prior_is_asked_once(
        self, starter: Path, setting: Setting
    ) -> None:
        labels = ("love", "love letters", "machines", "money")
        mood = Sampling(choices=labels, closing="<|im_end|>", calibrated=True)
        job = Job(EngineOptions(str(starter), "", 512, setting), {**GREEDY, "mood": mood})
        asked = [_asked(text, "mood") for text in _texts(3, 300)]
        together = {c.id: c for c in worker.run([*asked, _asked(asked[0].text, "title")], job)}
        assert worker._loaded is not None and len(worker._loaded.priors) == 1
        for request in asked:
            worker.close()
            (alone,) = worker.run([request], job)
            assert (alone.text, alone.error) == (together[request.id].text, None)
            assert alone.text in labels and alone.completion_tokens == 1  # two of them begin alike

    def test_the_same_id_draws_the_same_and_another_its_own(self, starter: Path) -> None:
        hot = Job(EngineOptions(str(starter), "", 256, PLAIN), {"title": Sampling(temperature=2.0, top_p=1.0)})
        asked = _asked("A clock with one hand.", "title")
        requests = [replace(asked, id=name * 64) for name in "01"]
        drawn = [
            {c.id[0]: c.text for c in worker.run(given, hot)} for given in (requests, requests[::-1], requests[:1])
        ]
        assert drawn[0] == drawn[1]
        assert drawn[2]["0"] == drawn[0]["0"] != drawn[0]["1"]


@pytest.mark.model
@pytest.mark.usefixtures("free")
class TestLoad:
    def test_an_engine_that_does_not_fit_is_refused_before_it_is_loaded(
        self, starter: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(memory.fit, "available", lambda: 50_000_000)
        with pytest.raises(MachineError, match=r"needs .* GB .* free"):
            list(worker.answer([_asked("Text.", "title")], Job(EngineOptions(str(starter), "", 256, PLAIN), GREEDY)))
        assert worker._loaded is None

    def test_more_threads_than_cpus_are_refused_before_the_model_is_loaded(
        self, starter: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cpus, "usable_cpus", lambda: 3)
        engine = EngineOptions(str(starter), "", 768, Setting(n_threads=4))
        with pytest.raises(OptionError, match=r"n_threads is 4, and this process may use 3 .*\. Lower") as raised:
            list(worker.answer([_asked("Text.", "title")], Job(engine, GREEDY)))
        assert "\n" not in str(raised.value)
        assert worker._loaded is None

    def test_memory_is_looked_at_once_in_this_process(self, starter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        looks: list[int] = []
        monkeypatch.setattr(memory.fit, "available", lambda: looks.append(1))
        summarize(Document("a", "A clock."), model=starter, strategy="hierarchical", max_tokens=8, progress=False)
        assert len(looks) == 1

    def test_an_engine_of_other_options_takes_the_place_of_the_first(self, starter: Path) -> None:
        requests = [_asked("A clock with one hand.", "title")]
        for setting in (PLAIN, PLAIN, Q8):
            before = worker._loaded
            _said(requests, starter, setting)
            assert worker._loaded is not None
            assert (worker._loaded is before) == (before is not None and before.options.setting == setting)


class TestTimeLimit:
    @staticmethod
    def _process(inside: str) -> subprocess.CompletedProcess[str]:
        code = f"import time\nfrom cpullm import worker\nwith worker.time_limit(0.5):\n    {inside}\ntime.sleep(1)"
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)

    def test_a_process_that_takes_longer_is_ended_and_says_where_it_was(self) -> None:
        ended = self._process("time.sleep(60)")
        assert ended.returncode != 0 and "Timeout" in ended.stderr and "line 4" in ended.stderr

    def test_one_that_is_in_time_goes_on(self) -> None:
        assert self._process("pass").returncode == 0
