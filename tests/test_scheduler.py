"""The scheduler: who goes on next, and who is refused."""

from __future__ import annotations

import pytest
from fakes import END, FILLER
from hypothesis import given
from hypothesis import strategies as st

from cpullm.engine.scheduler import Scheduler
from cpullm.engine.sequence import Sequence, Status
from cpullm.records import FinishReason


def _scheduler(n_seq_max: int = 2, n_ctx: int = 64, n_ubatch: int = 16) -> Scheduler:
    return Scheduler(n_seq_max, n_ctx, n_ubatch, {END})


def _step(scheduler: Scheduler, token: int = FILLER) -> list[Sequence]:
    batch = scheduler.next_batch()
    return scheduler.update(batch, [token] * len(batch.outputs))


def test_a_sequence_that_fits_exactly_is_taken() -> None:
    assert _scheduler(n_ctx=20).add(Sequence([5] * 12, max_tokens=8))


def test_a_sequence_one_token_too_long_is_finished_with_both_numbers() -> None:
    sequence = Sequence([5] * 13, max_tokens=8)
    assert not _scheduler(n_ctx=20).add(sequence)
    assert sequence.status is Status.FINISHED
    assert sequence.finish_reason is FinishReason.ERROR
    assert sequence.error == "The prompt has 13 tokens and may get 8 more; the context has room for 20."


def test_an_empty_prompt_is_finished_with_an_error() -> None:
    scheduler, sequence = _scheduler(), Sequence([], max_tokens=8)
    assert not scheduler.add(sequence)
    assert (sequence.finish_reason, sequence.error) == (FinishReason.ERROR, "The prompt is empty.")
    assert scheduler.is_finished()


def test_a_long_prompt_is_prefilled_alone_in_slices_and_sampled_after_the_last() -> None:
    scheduler = _scheduler(n_ubatch=4)
    scheduler.add(Sequence(list(range(10, 20)), max_tokens=8))
    scheduler.add(Sequence([30, 31], max_tokens=8))
    seen = []
    for _ in range(3):
        batch = scheduler.next_batch()
        seen.append((batch.tokens, batch.positions, len(batch.outputs)))
        scheduler.update(batch, [FILLER] * len(batch.outputs))
    assert seen == [
        ([10, 11, 12, 13], [0, 1, 2, 3], 0),
        ([14, 15, 16, 17], [4, 5, 6, 7], 0),
        ([18, 19], [8, 9], 1),
    ]


def test_running_sequences_decode_together() -> None:
    scheduler = _scheduler()
    for name in (10, 20):
        scheduler.add(Sequence([name, name], max_tokens=8))
        _step(scheduler, token=name + 1)
    batch = scheduler.next_batch()
    assert batch.tokens == [11, 21]
    assert [row for row, _ in batch.outputs] == [0, 1]


def test_a_freed_place_is_filled_before_the_others_decode() -> None:
    scheduler = _scheduler()
    for name in (10, 20, 30):
        scheduler.add(Sequence([name], max_tokens=2))
    _step(scheduler, token=END)
    _step(scheduler)
    assert [sequence.prompt for sequence, _ in scheduler.next_batch().parts] == [[30]]


def test_the_end_token_is_no_part_of_the_answer() -> None:
    scheduler, sequence = _scheduler(), Sequence([10], max_tokens=8)
    scheduler.add(sequence)
    _step(scheduler, token=5)
    assert _step(scheduler, token=END) == [sequence]
    assert (sequence.tokens, sequence.finish_reason) == ([5], FinishReason.STOP)


def test_max_tokens_ends_an_answer() -> None:
    scheduler, sequence = _scheduler(), Sequence([10], max_tokens=2)
    scheduler.add(sequence)
    assert _step(scheduler) == []
    assert _step(scheduler) == [sequence]
    assert (len(sequence.tokens), sequence.finish_reason) == (2, FinishReason.LENGTH)


def test_a_failed_batch_ends_its_own_sequences_only() -> None:
    scheduler = _scheduler()
    first, second = Sequence([10], max_tokens=8), Sequence([20], max_tokens=8)
    scheduler.add(first)
    scheduler.add(second)
    assert scheduler.fail(scheduler.next_batch(), "broken") == [first]
    assert (first.finish_reason, first.error) == (FinishReason.ERROR, "broken")
    assert second.status is Status.WAITING
    assert [sequence for sequence, _ in scheduler.next_batch().parts] == [second]


def test_a_wrong_number_of_sampled_tokens_is_noticed() -> None:
    scheduler = _scheduler()
    scheduler.add(Sequence([10], max_tokens=8))
    with pytest.raises(ValueError, match="zip"):
        scheduler.update(scheduler.next_batch(), [])


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 12)), max_size=12), st.integers(1, 4), st.integers(4, 16))
def test_places_are_never_exceeded_and_all_come_back(
    sizes: list[tuple[int, int]], n_seq_max: int, n_ubatch: int
) -> None:
    scheduler = _scheduler(n_seq_max, 64, n_ubatch)
    for length, max_tokens in sizes:
        scheduler.add(Sequence([5] * length, max_tokens))
    while not scheduler.is_finished():
        _step(scheduler)
        places = [sequence.seq_id for sequence in scheduler.running]
        assert len(places) == len(set(places)) <= n_seq_max
    again = [Sequence([5], 9) for _ in range(n_seq_max)]
    for sequence in again:
        scheduler.add(sequence)
        _step(scheduler)
    assert sorted(sequence.seq_id for sequence in again if sequence.seq_id is not None) == list(range(n_seq_max))


@given(st.lists(st.integers(1, 30), min_size=1, max_size=12), st.integers(1, 4))
def test_sequences_are_admitted_in_the_order_of_arrival(lengths: list[int], n_seq_max: int) -> None:
    scheduler = _scheduler(n_seq_max)
    sequences = [Sequence([5] * length, max_tokens=1 + length % 5) for length in lengths]
    admitted: list[Sequence] = []
    for sequence in sequences:
        scheduler.add(sequence)
    while not scheduler.is_finished():
        batch = scheduler.next_batch()
        admitted += [sequence for sequence in scheduler.running if sequence not in admitted]
        scheduler.update(batch, [FILLER] * len(batch.outputs))
    assert admitted == sequences


def test_decode_rows_are_in_the_order_of_their_sequence_ids() -> None:
    scheduler = Scheduler(3, 64, 64, frozenset({0}))
    for n in (1, 5, 5, 5):
        scheduler.add(Sequence([7], n))
    while scheduler.waiting or not all(sequence.prefilled for sequence in scheduler.running):
        batch = scheduler.next_batch()
        scheduler.update(batch, [9] * len(batch.outputs))
    assert [sequence.seq_id for sequence in scheduler.running] != [0, 1, 2]
    assert scheduler.next_batch().seq_ids == [0, 1, 2]
