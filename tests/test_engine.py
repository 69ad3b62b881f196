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
    runner = FakeRunner(n_seq_max, draw(st.integers(8, 48)), draw(st.integers(1, 16)), answers=answers)
    return runner, sequences


@given(_work())
def test_every_sequence_comes_back_finished_exactly_once(work: tuple[FakeRunner, list[Sequence]]) -> None:
    runner, sequences = work
    finished = list(Engine(runner).generate(sequences))
    assert sorted(map(id, finished)) == sorted(map(id, sequences))
    assert all(sequence.finish_reason is not None for sequence in finished)


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
def test_slices_never_exceed_n_ubatch_and_places_never_n_seq_max(work: tuple[FakeRunner, list[Sequence]]) -> None:
    runner, sequences = work
    list(Engine(runner).generate(sequences))
    assert all(len(batch.tokens) <= max(runner.n_ubatch, runner.n_seq_max) for batch in runner.batches)
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
    runner = FakeRunner(n_seq_max=3, answers={102: [END]})
    finished = Engine(runner).generate([Sequence([100 + i], 8) for i in range(5)])
    next(finished)
    finished.close()
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
    assert set(runner.released) == {0, 1}


def test_an_engine_serves_again_after_a_generator_closed_early() -> None:
    runner = FakeRunner()
    engine = Engine(runner)
    finished = engine.generate([Sequence([100], 1), Sequence([101], 8)])
    next(finished)
    finished.close()
    (sequence,) = engine.generate([Sequence([102], 3)])
    assert sequence.tokens == [FILLER] * 3


WORDING = [3] * 6
TEXT = [4] * 20


def _asked(name: int, max_tokens: int = 4) -> Sequence:
    """A prompt of wording, text and a question of its own; the runner knows it by its last token."""
    return Sequence([*WORDING, *TEXT, name], max_tokens, cuts=(len(WORDING), len(WORDING) + len(TEXT)))


def _prefilled(runner: FakeRunner) -> int:
    return runner.n_computed - sum(len(batch.tokens) for batch in runner.batches if len(batch.parts) > 1)


def test_a_text_with_four_questions_is_prefilled_once() -> None:
    runner = FakeRunner(n_seq_max=4)
    list(Engine(runner).generate([_asked(100 + i, max_tokens=1) for i in range(4)]))
    assert runner.n_computed == len(WORDING) + len(TEXT) + 4


@pytest.mark.parametrize("n_seq_max", [1, 2, 3])
def test_a_text_is_prefilled_once_though_its_questions_do_not_fit_at_once(n_seq_max: int) -> None:
    runner = FakeRunner(n_seq_max=n_seq_max)
    list(Engine(runner).generate([_asked(100 + i, max_tokens=1) for i in range(5)]))
    assert runner.n_computed == len(WORDING) + len(TEXT) + 5


def test_the_wording_is_prefilled_once_per_engine() -> None:
    runner = FakeRunner(n_seq_max=2)
    engine = Engine(runner)
    for text in (10, 20, 30):
        list(engine.generate([Sequence([*WORDING, text], 1, cuts=(len(WORDING),))]))
    assert runner.n_computed == len(WORDING) + 3


def test_a_shared_beginning_is_computed_in_the_slices_of_an_unshared_one() -> None:
    """Bits depend on a batch's shape: a text must be cut alike whether its beginning lies there already or not."""
    alone, together = FakeRunner(n_ubatch=8), FakeRunner(n_ubatch=8)
    list(Engine(alone).generate([_asked(101, max_tokens=1)]))
    list(Engine(together).generate([_asked(100, max_tokens=1), _asked(101, max_tokens=1)]))
    slices = [(batch.positions[0], len(batch.tokens)) for batch in alone.batches]
    assert [(batch.positions[0], len(batch.tokens)) for batch in together.batches] == [*slices, slices[-1]]


def test_what_a_failed_batch_left_is_not_shared() -> None:
    runner = FakeRunner(n_seq_max=1, fail_at={3: 10})
    engine = Engine(runner)
    (failed,) = engine.generate([_asked(100)])
    assert failed.finish_reason is FinishReason.ERROR
    runner.fail_at = {}
    (answered,) = engine.generate([_asked(101, max_tokens=1)])
    assert answered.n_shared == 0
    assert answered.finish_reason is FinishReason.LENGTH


@given(
    st.lists(st.tuples(st.sampled_from([10, 11]), st.integers(1, 9), st.integers(1, 4)), min_size=1, max_size=14),
    st.integers(1, 4),
    st.integers(1, 16),
)
def test_sharing_never_computes_a_row_whose_beginning_is_not_there(
    asked: list[tuple[int, int, int]], n_seq_max: int, n_ubatch: int
) -> None:
    """The runner asserts that each row continues its place, and that a place holds just its sequence's tokens."""
    runner = FakeRunner(n_seq_max, 64, n_ubatch)
    sequences = [
        Sequence([*WORDING, *[text] * length, 100 + i], max_tokens, cuts=(len(WORDING), len(WORDING) + length))
        for i, (text, length, max_tokens) in enumerate(asked)
    ]
    assert set(Engine(runner).generate(sequences)) == set(sequences)
    assert all(len(sequence.tokens) == sequence.max_tokens for sequence in sequences)


def test_a_loop_ends_its_sequence_and_only_what_was_said_first_is_kept() -> None:
    said = list(range(200, 210))
    runner = FakeRunner(n_ctx=256, answers={100: said * 20})
    (sequence,) = Engine(runner).generate([Sequence([100], 200)])
    assert sequence.finish_reason is FinishReason.LOOP
    assert sequence.tokens == said
    assert sequence.n_dropped == 31
    assert runner.n_computed < 60


def test_a_loop_harms_no_neighbour() -> None:
    runner = FakeRunner(n_ctx=256, answers={100: [7] * 200, 101: list(range(300, 400))})
    looping, talking = Sequence([100], 100), Sequence([101], 100)
    list(Engine(runner).generate([looping, talking]))
    assert talking.tokens == list(range(300, 400))


def test_a_model_whose_state_cannot_be_cut_computes_every_prompt_whole() -> None:
    runner = FakeRunner(n_seq_max=2, keeps_beginnings=False)
    finished = list(Engine(runner).generate([_asked(100 + i, max_tokens=1) for i in range(3)]))
    assert [sequence.n_shared for sequence in finished] == [0, 0, 0]


def test_one_that_is_added_on_the_way_comes_next_and_shares_what_lies_there() -> None:
    runner = FakeRunner(1, answers={name: [7, END] for name in (100, 101)})
    engine = Engine(runner)
    first, second, again = (Sequence(_prompt(name, 9), 4, cuts=(8,)) for name in (100, 101, 100))
    finished = []
    for sequence in engine.generate([first, second]):
        finished.append(sequence)
        if sequence is first:
            assert engine.add(again)
    assert finished == [first, again, second] and (again.n_shared, again.tokens) == (8, [7])


def test_one_that_is_added_without_room_is_refused_with_an_error() -> None:
    engine = Engine(FakeRunner(1, n_ctx=8, answers={100: [END]}))
    for _ in engine.generate([Sequence(_prompt(100, 4), 2)]):
        late = Sequence(_prompt(101, 9), 2)
        assert not engine.add(late) and "has room for 8" in (late.error or "")
