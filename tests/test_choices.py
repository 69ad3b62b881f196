"""Choosing among answers: the tree of their tokens, gone through by the engine over a scripted runner."""

from __future__ import annotations

import pytest
from fakes import END, FakeRunner
from hypothesis import given
from hypothesis import strategies as st

from cpullm.engine import choices
from cpullm.engine.choices import Choosing, distinct
from cpullm.engine.engine import Engine
from cpullm.engine.sequence import Sequence
from cpullm.records import FinishReason

ALIKE = ((7, 1, 1), (7, 1, 2), (7, 2), (8,))
LIKELIHOODS = {(7,): -0.5, (8,): -1.5, (7, 1): -0.25, (7, 2): -2.0, (7, 1, 1): -3.0, (7, 1, 2): -0.125}


def _choosing(name: int, paths: tuple[tuple[int, ...], ...]) -> Sequence:
    return Sequence([name, 5, 5], choices.n_steps(paths), choosing=Choosing(paths))


class TestPaths:
    def test_an_answer_goes_as_far_as_another_one_begins_so(self) -> None:
        assert distinct([(7, 1, 9, 9), (7, 2, 9), (8, 9)]) == ((7, 1), (7, 2), (8,))

    @pytest.mark.parametrize("answers", [[(7,), (7, 1)], [(7, 1), (7, 1)]])
    def test_one_that_is_the_beginning_of_another_is_refused(self, answers: list[tuple[int, ...]]) -> None:
        with pytest.raises(ValueError, match="beginning"):
            distinct(answers)

    def test_steps_are_the_prompt_and_the_beginnings_that_several_have(self) -> None:
        assert choices.n_steps(((7,), (8,))) == 1
        assert choices.n_steps(ALIKE) == 3


class TestEngine:
    def test_answers_that_begin_apart_take_no_decoding(self) -> None:
        runner = FakeRunner(likelihoods={(8,): -0.5})
        (sequence,) = Engine(runner).generate([_choosing(100, ((7,), (8,), (9,)))])
        assert sequence.choosing is not None and sequence.choosing.best == 1
        assert (runner.n_computed, sequence.tokens, sequence.n_dropped) == (3, [], 0)
        assert sequence.finish_reason is FinishReason.STOP

    @pytest.mark.parametrize("n_seq_max", [1, 3])
    def test_beginnings_that_are_shared_are_computed_once_each(self, n_seq_max: int) -> None:
        runner = FakeRunner(n_seq_max, likelihoods=LIKELIHOODS)
        (sequence,) = Engine(runner).generate([_choosing(100, ALIKE)])
        assert sequence.choosing is not None and sequence.choosing.best == 1
        assert sequence.choosing.log_likelihoods == [-3.75, -0.875, -2.5, -1.5]
        assert (runner.n_computed, sequence.n_dropped) == (3 + 2, 2)

    def test_one_that_chooses_goes_on_beside_one_that_talks(self) -> None:
        runner = FakeRunner(3, answers={100: [7, 8, 9, 7, END]}, likelihoods=LIKELIHOODS)
        sequences = [Sequence([100], 12), _choosing(101, ALIKE), Sequence([102], 9)]
        list(Engine(runner).generate(sequences))
        talking, choosing, _ = sequences
        assert talking.tokens == [7, 8, 9, 7]
        assert choosing.choosing is not None and choosing.choosing.best == 1

    def test_a_model_that_cannot_go_back_follows_the_likeliest_branch(self) -> None:
        runner = FakeRunner(keeps_beginnings=False, likelihoods=LIKELIHOODS)
        (sequence,) = Engine(runner).generate([_choosing(100, (*ALIKE, (9, 1), (9, 2)))])
        assert sequence.choosing is not None and sequence.choosing.best == 1
        assert not any(
            entry.seq_id == entry.source and entry.n_kept for batch in runner.batches for entry in batch.entries
        )

    @given(
        st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=5).map(tuple), min_size=2, max_size=12, unique=True),
        st.data(),
    )
    def test_a_likelihood_is_the_sum_over_the_answers_tokens(
        self, answers: list[tuple[int, ...]], data: st.DataObject
    ) -> None:
        paths = distinct([(*answer, END) for answer in answers])
        beginnings = sorted({path[:n] for path in paths for n in range(1, len(path) + 1)})
        said = {beginning: -data.draw(st.integers(1, 9)) / 4 for beginning in beginnings}
        runner = FakeRunner(data.draw(st.integers(1, 3)), likelihoods=said)
        (sequence,) = Engine(runner).generate([_choosing(100, paths)])
        assert sequence.choosing is not None
        assert sequence.choosing.log_likelihoods == [
            sum(said[path[:n]] for n in range(1, len(path) + 1)) for path in paths
        ]
        assert runner.n_computed == 3 + choices.n_steps(paths) - 1
