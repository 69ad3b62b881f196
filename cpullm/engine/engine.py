"""The engine's loop: schedule, decode, update, until every sequence is finished."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from cpullm.engine.scheduler import Scheduler
from cpullm.engine.sequence import Batch, Sequence
from cpullm.errors import EngineError


class Runner(Protocol):
    """What computes: one context of a model with room for `n_seq_max` sequences of `n_ctx` tokens."""

    n_seq_max: int
    n_ctx: int
    n_batch: int
    end_tokens: frozenset[int]

    def decode(self, batch: Batch) -> list[int]:
        """Compute the batch's rows; one sampled token for each of its outputs. Raises EngineError."""

    def release(self, seq_id: int) -> None:
        """Forget what the sequence left behind."""


class Engine:
    """Answers prompts of token ids; sequences enter and leave at every step."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def generate(self, sequences: Iterable[Sequence]) -> Iterator[Sequence]:
        """Each sequence once, finished, in the order of finishing. A failing one harms no neighbour."""
        runner = self._runner
        scheduler = Scheduler(runner.n_seq_max, runner.n_ctx, runner.n_batch, runner.end_tokens)
        for sequence in sequences:
            if not scheduler.add(sequence):
                yield sequence
        try:
            while not scheduler.is_finished():
                yield from self._step(scheduler)
        finally:
            for sequence in scheduler.running:
                assert sequence.seq_id is not None
                runner.release(sequence.seq_id)

    def _step(self, scheduler: Scheduler) -> list[Sequence]:
        batch = scheduler.next_batch()
        try:
            finished = scheduler.update(batch, self._runner.decode(batch))
        except EngineError as error:
            finished = scheduler.fail(batch, str(error))
        for sequence in finished:
            assert sequence.seq_id is not None
            self._runner.release(sequence.seq_id)
        return finished
