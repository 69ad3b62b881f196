"""Which sequences go on next: pure bookkeeping, no model.

A waiting sequence enters as soon as a `seq_id` is free and its prompt is prefilled alone; otherwise all running
sequences decode one token together. Prefill alone, because with streams apart (`kv_unified` off) a batch of one
sequence is attended to at full speed, and an entering sequence makes every later decode step fuller.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from cpullm.engine.sequence import Batch, Sequence
from cpullm.records import FinishReason


class Scheduler:
    """Two queues, `waiting` and `running`, and the free sequence ids; a sequence's room is checked on entry."""

    def __init__(self, n_seq_max: int, n_ctx: int, n_batch: int, end_tokens: Collection[int]) -> None:
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []
        self._free = list(range(n_seq_max - 1, -1, -1))
        self._n_ctx = n_ctx
        self._n_batch = n_batch
        self._end_tokens = end_tokens

    def add(self, sequence: Sequence) -> bool:
        """Queue a sequence; one that can never fit is finished at once with an error, and False comes back."""
        if not sequence.prompt:
            sequence.finish(FinishReason.ERROR, "The prompt is empty.")
        elif sequence.room > self._n_ctx:
            sequence.finish(
                FinishReason.ERROR,
                f"The prompt has {len(sequence.prompt)} tokens and may get {sequence.max_tokens} more; "
                f"the context has room for {self._n_ctx}.",
            )
        else:
            self.waiting.append(sequence)
        return sequence.finish_reason is None

    def is_finished(self) -> bool:
        """Whether nothing is left to compute."""
        return not self.waiting and not self.running

    def next_batch(self) -> Batch:
        """The rows of the next step: a slice of one prompt, or one token of every running sequence."""
        while self.waiting and self._free:
            sequence = self.waiting.popleft()
            sequence.admit(self._free.pop())
            self.running.append(sequence)
        batch = Batch()
        for sequence in self.running:
            if not sequence.prefilled:
                part = sequence.prompt[sequence.n_computed : sequence.n_computed + self._n_batch]
                last = sequence.n_computed + len(part) == len(sequence.prompt)
                batch.add(sequence, part, output=last)
                return batch
        # llama.cpp computes neighbouring rows together only while their sequence ids count up by one.
        for sequence in sorted(self.running, key=lambda sequence: sequence.seq_id or 0):
            batch.add(sequence, sequence.tokens[-1:], output=True)
        return batch

    def update(self, batch: Batch, tokens: list[int]) -> list[Sequence]:
        """Take in the tokens sampled for the batch's outputs; the sequences that ended with it."""
        for sequence, n_rows in batch.parts:
            sequence.n_computed += n_rows
        for (_, sequence), token in zip(batch.outputs, tokens, strict=True):
            if token in self._end_tokens:
                sequence.finish(FinishReason.STOP)
                continue
            sequence.tokens.append(token)
            if len(sequence.tokens) >= sequence.max_tokens:
                sequence.finish(FinishReason.LENGTH)
        return self._release(batch)

    def fail(self, batch: Batch, error: str) -> list[Sequence]:
        """End the batch's sequences with an error; the others go on."""
        for sequence, _ in batch.parts:
            sequence.finish(FinishReason.ERROR, error)
        return self._release(batch)

    def _release(self, batch: Batch) -> list[Sequence]:
        finished = [sequence for sequence, _ in batch.parts if sequence.finish_reason is not None]
        for sequence in finished:
            assert sequence.seq_id is not None
            self.running.remove(sequence)
            self._free.append(sequence.seq_id)
        return finished
