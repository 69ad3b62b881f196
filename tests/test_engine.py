"""The engine's loop over a scripted runner, which itself asserts that the KV cache's room is never overrun."""

from __future__ import annotations

import pytest
from fakes import END, FILLER, FakeRunner
from hypothesis import given
from hypothesis import strategies as st

from cpullm.engine.engine import Engine
from cpullm.engine.sequence import Batch, Sequence
from cpullm.records import FinishReason

FIRST_NAME = 100


def _prompt(name: int, length: int) -> list[int]:
    return [name] + [5] * (length - 1)


@st.composite
def _work(draw: st.DrawFn) -> tuple[FakeRunner, list[Sequence]]:
    """Prompts and answers of all sizes, some too long or empty, on runners of all sizes."""
    sizes = draw(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12), st.integers(0, 15)), max_size=12))
    sequences = [
        Sequence(_prompt(FIRST_NAME + i, length) if length else [], max_tokens)
        for i, (length, max_tokens, _) in enumerate(sizes)
    ]
    answers = {FIRST_NAME + i: [7] * n + [END] for i, (_, _, n) in enumerate(sizes)}
    n_seq_max = draw(st.integers(1, 4))
    runner = FakeRunner(n_seq_max, draw(st.integers(8, 48)), draw(st.integers(n_seq_max, 16)), answers=answers)
    return runner, sequences


@given(_work())
def test_every_sequence_comes_back_finished_exactly_once(work: tuple[FakeRunner, list[Sequence]]) -> None:
    runner, sequences = work
    finished = list(Engine(runner).generate(sequences))
    assert sorted(map(id, finished)) == sorted(map(id, sequences))
    assert all(sequence.finish_reason is not None for sequence in finished)
    assert runner.cells == {}


@given(_work())
def test_answers_are_what_the_runner_said_up_to_end_or_max_tokens(work: tuple[FakeRunner, list[Sequence]]) -> None:
    runner, sequences = work
    for sequence in Engine(runner).generate(sequences):
        if sequence.finish_reason is FinishReason.ERROR:
            assert not sequence.prompt or sequence.room > runner.n_ctx
            continue
        said = runner.answers[sequence.prompt[0]][:-1]
        assert sequence.tokens == list(said[: sequence.max_tokens])
        stopped = len(said) < sequence.max_tokens
        assert sequence.finish_reason is (FinishReason.STOP if stopped else FinishReason.LENGTH)


@given(_work())
def test_slices_never_exceed_n_batch_and_places_never_n_seq_max(work: tuple[FakeRunner, list[Sequence]]) -> None:
    runner, sequences = work
    list(Engine(runner).generate(sequences))
    assert all(len(batch.tokens) <= runner.n_batch for batch in runner.batches)
    assert {seq_id for batch in runner.batches for seq_id in batch.seq_ids} <= set(range(runner.n_seq_max))


@given(_work(), st.data())
def test_a_failing_sequence_harms_no_neighbour_in_prefill(
    work: tuple[FakeRunner, list[Sequence]], data: st.DataObject
) -> None:
    runner, sequences = work
    fitting = [sequence for sequence in sequences if sequence.prompt and sequence.room <= runner.n_ctx]
    if not fitting:
        return
    bad = data.draw(st.sampled_from(fitting))
    runner.fail_at = {bad.prompt[0]: data.draw(st.integers(0, len(bad.prompt) - 1))}
    failed = [sequence for sequence in Engine(runner).generate(sequences) if "scripted" in (sequence.error or "")]
    assert failed == [bad]
    assert runner.cells == {}


def test_a_too_long_prompt_comes_back_with_an_error_and_its_neighbour_with_an_answer() -> None:
    runner = FakeRunner(n_ctx=16, answers={101: [7, END]})
    long, short = Sequence(_prompt(100, 15), 4), Sequence(_prompt(101, 3), 4)
    assert set(Engine(runner).generate([long, short])) == {long, short}
    assert long.error is not None and "15 tokens" in long.error
    assert short.tokens == [7]


def test_nothing_to_do_needs_no_decode() -> None:
    runner = FakeRunner()
    assert list(Engine(runner).generate([])) == []
    assert runner.batches == []


def test_an_answer_that_ends_at_once_is_empty_and_stopped() -> None:
    (sequence,) = Engine(FakeRunner(answers={100: [END]})).generate([Sequence([100], 8)])
    assert (sequence.tokens, sequence.finish_reason) == ([], FinishReason.STOP)


def test_a_failed_decode_step_ends_those_in_it_and_the_waiting_go_on() -> None:
    runner = FakeRunner(n_seq_max=2, fail_at={100: 1})
    sequences = [Sequence([100], 4), Sequence([101], 4), Sequence([102], 4)]
    list(Engine(runner).generate(sequences))
    assert [sequence.finish_reason for sequence in sequences] == [
        FinishReason.ERROR,
        FinishReason.ERROR,
        FinishReason.LENGTH,
    ]


def test_short_answers_overtake_long_ones() -> None:
    runner = FakeRunner(answers={101: [END]})
    long, short = Sequence([100], 12), Sequence([101], 12)
    assert list(Engine(runner).generate([long, short])) == [short, long]


def test_a_generator_closed_early_releases_every_sequence() -> None:
    runner = FakeRunner(n_seq_max=3, answers={100: [END]})
    finished = Engine(runner).generate([Sequence([100 + i], 8) for i in range(5)])
    next(finished)
    finished.close()
    assert runner.cells == {}
    assert set(runner.released) == {0, 1, 2}


def test_an_unforeseen_error_releases_every_sequence() -> None:
    class Broken(FakeRunner):
        def decode(self, batch: Batch) -> list[int]:
            if len(self.batches) == 3:
                raise KeyboardInterrupt
            return super().decode(batch)

    runner = Broken()
    with pytest.raises(KeyboardInterrupt):
        list(Engine(runner).generate([Sequence([100], 8), Sequence([101], 8)]))
    assert runner.cells == {}


def test_an_engine_serves_again_after_a_generator_closed_early() -> None:
    runner = FakeRunner()
    engine = Engine(runner)
    finished = engine.generate([Sequence([100], 1), Sequence([101], 8)])
    next(finished)
    finished.close()
    (sequence,) = engine.generate([Sequence([102], 3)])
    assert sequence.tokens == [FILLER] * 3
