"""The state of one prompt on its way through the engine, and the batch that takes several of them one step on."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import Enum

from cpullm.engine.choices import Choosing
from cpullm.engine.loops import LoopDetector
from cpullm.job import Sampling
from cpullm.records import FinishReason

Outcome = int | list[float]  # the token sampled, or the log-likelihoods of those that were `wanted`


class Status(Enum):
    """Where a sequence is: not admitted yet, holding a `seq_id`, or done."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"


@dataclass(slots=True, eq=False)
class Sequence:
    """One prompt and the tokens that follow it. `n_computed` tokens of both lie in the KV cache.

    `cuts` are the lengths of the prompt's beginnings that other prompts may have too, ascending: the wording, the
    wording and the document. Prefill pauses there, so that a beginning is computed alike whether it is shared or not.
    Without `loops` nobody watches for repetition. With `choosing` nothing is sampled: asked is which given answer is
    the likeliest. `n_dropped` tokens were decoded and are not kept, as those that only repeated.
    """

    prompt: list[int]
    max_tokens: int
    sampling: Sampling = field(default_factory=Sampling)
    cuts: tuple[int, ...] = ()
    tokens: list[int] = field(default_factory=list)
    n_dropped: int = 0
    n_computed: int = 0
    n_shared: int = 0
    seq_id: int | None = None
    finish_reason: FinishReason | None = None
    error: str | None = None
    admitted_at: float = 0.0
    finished_at: float = 0.0
    loops: LoopDetector | None = field(default_factory=LoopDetector)
    choosing: Choosing | None = None

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

    def admit(self, seq_id: int, n_shared: int) -> None:
        """Give it a place in the KV cache where its first `n_shared` tokens lie already."""
        self.seq_id = seq_id
        self.n_shared = self.n_computed = n_shared
        self.admitted_at = time.monotonic()

    def append(self, token: int) -> None:
        """Take in the token sampled; it ends here if it is full, or loops. What only repeats is dropped then."""
        self.tokens.append(token)
        if self.loops is not None and self.loops.add(token):
            # A grammar's answer is of use whole or not at all.
            if self.sampling.grammar is None:
                self.n_dropped = self.loops.n_repeated
                del self.tokens[-self.n_dropped :]
            self.finish(FinishReason.LOOP)
        elif len(self.tokens) >= self.max_tokens:
            self.finish(FinishReason.LENGTH)

    def choose(self, log_likelihoods: list[float]) -> None:
        """Take in the likelihoods of the tokens that may come next; it ends when all answers have theirs."""
        assert self.choosing is not None
        self.choosing.take(log_likelihoods)
        node = self.choosing.node
        self.tokens = list(node or ())
        if node is None:
            self.finish(FinishReason.STOP)
        else:
            self.n_dropped += 1
            self.n_computed = len(self.prompt) + len(node) - 1

    def finish(self, reason: FinishReason, error: str | None = None) -> None:
        """End it; its `seq_id` is the scheduler's to take back."""
        self.finish_reason = reason
        self.error = error
        self.finished_at = time.monotonic()


@dataclass(frozen=True, slots=True)
class Entry:
    """A sequence enters: its place takes over the KV of `source`, which may be itself, and keeps `n_kept` tokens.

    So does one that goes back to an earlier token of its own.
    """

    seq_id: int
    source: int
    n_kept: int


@dataclass(slots=True)
class Batch:
    """The rows of one `llama_decode`: `parts` are (sequence, its number of rows) in row order.

    `entries` come before it. After it, one token is sampled for each of `outputs`, a (row, sequence), or what it is
    choosing from is looked at.
    """

    tokens: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    seq_ids: list[int] = field(default_factory=list)
    outputs: list[tuple[int, Sequence]] = field(default_factory=list)
    parts: list[tuple[Sequence, int]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

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
