"""Which sequences go on next: pure bookkeeping, no model.

A waiting sequence enters as soon as there is a free place and every running prompt is prefilled; its own prompt is
prefilled alone, and otherwise all running sequences decode one token together. Prefill alone, because with streams
apart (`kv_unified` off) a batch of one sequence is attended to at full speed, and an entering sequence makes every
later decode step fuller. Several short prompts in one batch gain nothing sure: of 30 to 150 tokens with 8 to 20 new
ones, 8 and 16 sequences of a 135M model on two cores, 0 to 4 %, less than the measurements differ.

A place keeps the KV of its last prompt. A sequence enters where the longest of its `cuts` lies already, or gets a copy
of it, so that wording and documents are computed once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from cpullm.engine.sequence import Batch, Entry, Outcome, Sequence
from cpullm.records import FinishReason


class Scheduler:
    """Two queues, `waiting` and `running`, and the places of the KV cache; a sequence's room is checked on entry."""

    def __init__(self, n_seq_max: int, n_ctx: int, n_ubatch: int, end_tokens: Collection[int]) -> None:
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []
        self._free = deque(range(n_seq_max))  # the longest free first
        self._prompts: list[list[int]] = [[] for _ in range(n_seq_max)]  # whose KV each place holds
        self._n_ctx = n_ctx
        self._n_ubatch = n_ubatch
        self._end_tokens = end_tokens

    def add(self, sequence: Sequence, *, first: bool = False) -> bool:
        """Queue a sequence, `first` before the others; one that can never fit is finished with an error: False."""
        if not sequence.prompt:
            sequence.finish(FinishReason.ERROR, "The prompt is empty.")
        elif sequence.room > self._n_ctx:
            sequence.finish(
                FinishReason.ERROR,
                f"The prompt has {len(sequence.prompt)} tokens and may get {sequence.max_tokens} more; "
                f"the context has room for {self._n_ctx}.",
            )
        else:
            (self.waiting.appendleft if first else self.waiting.append)(sequence)
        return sequence.finish_reason is None

    def is_finished(self) -> bool:
        """Whether nothing is left to compute."""
        return not self.waiting and not self.running

    def next_batch(self) -> Batch:
        """The rows of the next step: a slice of one prompt, or one token of every running sequence."""
        batch = Batch()
        entering = next((sequence for sequence in self.running if not sequence.prefilled), None)
        if entering is None and self.waiting and self._free:
            entering = self.waiting.popleft()
            batch.entries.append(self._admit(entering))
        if entering is not None:
            end = self._slice_end(entering)
            part = entering.prompt[entering.n_computed : end]
            batch.add(entering, part, output=end == len(entering.prompt))
            return batch
        # llama.cpp computes neighbouring rows together only while their sequence ids count up by one.
        for sequence in sorted(self.running, key=lambda sequence: sequence.seq_id or 0):
            batch.add(sequence, sequence.tokens[-1:], output=True)
            if sequence.choosing is not None and sequence.choosing.goes_back:
                assert sequence.seq_id is not None
                batch.entries.append(Entry(sequence.seq_id, sequence.seq_id, sequence.n_computed))
        return batch

    def _admit(self, sequence: Sequence) -> Entry:
        source, n_shared = self._longest_shared(sequence)
        seq_id = source if source in self._free else self._free[0]
        self._free.remove(seq_id)
        self._prompts[seq_id] = sequence.prompt
        sequence.admit(seq_id, n_shared)
        self.running.append(sequence)
        return Entry(seq_id, source, n_shared)

    def _longest_shared(self, sequence: Sequence) -> tuple[int, int]:
        """The place that holds the longest of the prompt's cuts, a free one if there is, and its length."""
        for cut in reversed(sequence.cuts):
            assert cut < len(sequence.prompt), "a prompt must go on after its last cut"
            beginning = sequence.prompt[:cut]
            holding = [place for place, prompt in enumerate(self._prompts) if prompt[:cut] == beginning]
            if holding:
                return next((place for place in holding if place in self._free), holding[0]), cut
        return self._free[0], 0

    def _slice_end(self, sequence: Sequence) -> int:
        """Slices end at the cuts and at multiples of `n_ubatch`: llama.cpp attends over whole blocks of the cache."""
        start = sequence.n_computed
        block = (start // self._n_ubatch + 1) * self._n_ubatch
        return min([block, len(sequence.prompt), *(cut for cut in sequence.cuts if cut > start)])

    def update(self, batch: Batch, outcomes: list[Outcome]) -> list[Sequence]:
        """Take in what came of the batch's outputs; the sequences that ended with it."""
        for sequence, n_rows in batch.parts:
            sequence.n_computed += n_rows
        for (_, sequence), outcome in zip(batch.outputs, outcomes, strict=True):
            if isinstance(outcome, list):
                sequence.choose(outcome)
            elif outcome in self._end_tokens:
                sequence.finish(FinishReason.STOP)
            else:
                sequence.append(outcome)
        return self._release(batch)

    def fail(self, batch: Batch, error: str) -> list[Sequence]:
        """End the batch's sequences with an error; the others go on. What their places hold is not relied on."""
        for sequence, _ in batch.parts:
            sequence.finish(FinishReason.ERROR, error)
            assert sequence.seq_id is not None
            self._prompts[sequence.seq_id] = []
        return self._release(batch)

    def abandon(self) -> list[Sequence]:
        """Drop everything that is queued or running; the running ones."""
        dropped = self.running
        for sequence in dropped:
            assert sequence.seq_id is not None
            self._prompts[sequence.seq_id] = []
            self._free.append(sequence.seq_id)
        self.running = []
        self.waiting.clear()
        return dropped

    def _release(self, batch: Batch) -> list[Sequence]:
        finished = [sequence for sequence, _ in batch.parts if sequence.finish_reason is not None]
        for sequence in finished:
            assert sequence.seq_id is not None
            self.running.remove(sequence)
            self._free.append(sequence.seq_id)
        return finished
