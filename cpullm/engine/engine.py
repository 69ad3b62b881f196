"""The engine's loop: schedule, decode, update, until every sequence is finished."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from cpullm.engine.scheduler import Scheduler
from cpullm.engine.sequence import Batch, Entry, Outcome, Sequence
from cpullm.errors import EngineError


class Runner(Protocol):
    """What computes: one context of a model with places for `n_seq_max` sequences of `n_ctx` tokens.

    `keeps_beginnings`: a place can keep the first part of what it holds.
    """

    n_seq_max: int
    n_ctx: int
    n_ubatch: int
    end_tokens: frozenset[int]
    keeps_beginnings: bool

    def enter(self, entry: Entry) -> None:
        """Make a place ready for a sequence: what it shares stays or is copied, the rest is forgotten."""

    def decode(self, batch: Batch) -> list[Outcome]:
        """Compute the batch's rows; for each of its outputs one sampled token, or for a sequence that is choosing the
        log-likelihoods of the tokens it wants. Raises EngineError."""

    def release(self, seq_id: int) -> None:
        """Its sequence has ended: forget how it was sampled. The KV stays for one that begins alike."""


class Engine:
    """Answers prompts of token ids; sequences enter and leave at every step.

    What prompts have in common stays computed from one call of `generate` to the next.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._scheduler = Scheduler(runner.n_seq_max, runner.n_ctx, runner.n_ubatch, runner.end_tokens)

    def add(self, sequence: Sequence) -> bool:
        """Have one more answered by the `generate` that is going on, before those that wait.

        What it shares with one that has just ended is still computed. One without room is ended with an error: False.
        """
        return self._scheduler.add(self._cut(sequence), first=True)

    def generate(self, sequences: Iterable[Sequence]) -> Iterator[Sequence]:
        """Each sequence once, finished, in the order of finishing. A failing one harms no neighbour."""
        scheduler = self._scheduler
        try:
            for sequence in sequences:
                if not scheduler.add(self._cut(sequence)):
                    yield sequence
            while not scheduler.is_finished():
                yield from self._step()
        finally:
            for sequence in scheduler.abandon():
                assert sequence.seq_id is not None
                self._runner.release(sequence.seq_id)

    def _cut(self, sequence: Sequence) -> Sequence:
        if not self._runner.keeps_beginnings:
            sequence.cuts = ()
            if sequence.choosing is not None:
                sequence.choosing.returns = False
        return sequence

    def _step(self) -> list[Sequence]:
        scheduler = self._scheduler
        batch = scheduler.next_batch()
        try:
            for entry in batch.entries:
                self._runner.enter(entry)
            finished = scheduler.update(batch, self._runner.decode(batch))
        except EngineError as error:
            finished = scheduler.fail(batch, str(error))
        for sequence in finished:
            assert sequence.seq_id is not None
            self._runner.release(sequence.seq_id)
        return finished
