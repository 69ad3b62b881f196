"""The state of one prompt on its way through the engine, and the batch that takes several of them one step on."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import Enum

from cpullm.records import FinishReason


class Status(Enum):
    """Where a sequence is: not admitted yet, holding a `seq_id`, or done."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"


@dataclass(slots=True, eq=False)
class Sequence:
    """One prompt and the tokens that follow it. `n_computed` tokens of both lie in the KV cache."""

    prompt: list[int]
    max_tokens: int
    tokens: list[int] = field(default_factory=list)
    n_computed: int = 0
    seq_id: int | None = None
    finish_reason: FinishReason | None = None
    error: str | None = None
    admitted_at: float = 0.0
    finished_at: float = 0.0

    @property
    def status(self) -> Status:
        """Follows from what is known; stored nowhere."""
        if self.finish_reason is not None:
            return Status.FINISHED
        return Status.WAITING if self.seq_id is None else Status.RUNNING

    @property
    def prefilled(self) -> bool:
        """Whether the whole prompt lies in the KV cache."""
        return self.n_computed >= len(self.prompt)

    @property
    def room(self) -> int:
        """The KV cells it may need, in tokens."""
        return len(self.prompt) + self.max_tokens

    def admit(self, seq_id: int) -> None:
        """Give it a place in the KV cache."""
        self.seq_id = seq_id
        self.admitted_at = time.monotonic()

    def finish(self, reason: FinishReason, error: str | None = None) -> None:
        """End it; its `seq_id` is the scheduler's to take back."""
        self.finish_reason = reason
        self.error = error
        self.finished_at = time.monotonic()


@dataclass(slots=True)
class Batch:
    """The rows of one `llama_decode`: `parts` are (sequence, its number of rows) in row order.

    After it, one token is sampled for each of `outputs`, a (row, sequence).
    """

    tokens: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    seq_ids: list[int] = field(default_factory=list)
    outputs: list[tuple[int, Sequence]] = field(default_factory=list)
    parts: list[tuple[Sequence, int]] = field(default_factory=list)

    def add(self, sequence: Sequence, tokens: list[int], *, output: bool) -> None:
        """Append tokens that continue a sequence where its KV cache ends."""
        assert sequence.seq_id is not None
        start = sequence.n_computed
        self.tokens += tokens
        self.positions += range(start, start + len(tokens))
        self.seq_ids += [sequence.seq_id] * len(tokens)
        self.parts.append((sequence, len(tokens)))
        if output:
            self.outputs.append((len(self.tokens) - 1, sequence))
