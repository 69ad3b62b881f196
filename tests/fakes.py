"""A runner without a model: scripted tokens and failures, and a KV cache that is watched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cpullm.engine.sequence import Batch, Entry, Outcome
from cpullm.engine.sequence import Sequence as EngineSequence
from cpullm.errors import EngineError
from cpullm.job import Setting
from cpullm.tune import Tuned
from cpullm.tune.search import Trial

END = 0
FILLER = 1

# What `cpullm tune` might have found.
TUNED = Tuned(
    setting=Setting(n_seq_max=8, flash_attn=True),
    prefill_tokens_per_second=700.0,
    decode_tokens_per_second=200.0,
    load_seconds=0.3,
    prompt_tokens=384,
    times_faster=2.1,
    model=None,
    model_sha256="a" * 64,
    format="Q4_1",
    cpu="a CPU",
    date="2026-01-01",
    trials=(Trial("default", "", 300.0, 100.0, 5.0, 1.0), Trial("n_ubatch 512", "not tried: no time left")),
)


@dataclass
class FakeRunner:
    """Computes nothing. A prompt's first token is its name; `answers` are the tokens sampled for a name, then FILLER.

    `likelihoods` are the log-likelihoods of a choice's tokens by its beginning that ends with them, -1 of others.
    `fail_at` raises EngineError for a batch with the row of that name at that position. Every decode asserts what
    llama.cpp would need: rows that continue their sequence, in a batch, a sequence id and a context that have room.
    """

    n_seq_max: int = 2
    n_ctx: int = 64
    n_ubatch: int = 16
    keeps_beginnings: bool = True
    end_tokens: frozenset[int] = frozenset({END})
    answers: Mapping[int, Sequence[int]] = field(default_factory=dict)
    likelihoods: Mapping[tuple[int, ...], float] = field(default_factory=dict)
    fail_at: Mapping[int, int] = field(default_factory=dict)
    batches: list[Batch] = field(default_factory=list)
    released: list[int] = field(default_factory=list)
    cells: dict[int, list[int]] = field(default_factory=dict)

    @property
    def n_computed(self) -> int:
        return sum(len(batch.tokens) for batch in self.batches)

    def decode(self, batch: Batch) -> list[Outcome]:
        self.batches.append(batch)
        assert 0 < len(batch.tokens) <= max(self.n_ubatch, self.n_seq_max)
        assert len(batch.tokens) == len(batch.positions) == len(batch.seq_ids)
        self._fail(batch)
        for token, position, seq_id in zip(batch.tokens, batch.positions, batch.seq_ids, strict=True):
            assert 0 <= seq_id < self.n_seq_max
            cells = self.cells[seq_id]
            assert position == len(cells) < self.n_ctx
            cells.append(token)
        return [self._next(row, sequence) for row, sequence in self._outputs(batch)]

    def enter(self, entry: Entry) -> None:
        assert 0 <= entry.seq_id < self.n_seq_max
        held = self.cells.get(entry.source, [])
        assert entry.n_kept <= len(held), "what is kept must lie there"
        self.cells[entry.seq_id] = held[: entry.n_kept]

    def release(self, seq_id: int) -> None:
        self.released.append(seq_id)

    def _fail(self, batch: Batch) -> None:
        for sequence, _ in batch.parts:
            position = self.fail_at.get(sequence.prompt[0])
            if (sequence.seq_id, position) in zip(batch.seq_ids, batch.positions, strict=True):
                raise EngineError(f"scripted failure of {sequence.prompt[0]}")

    def _outputs(self, batch: Batch) -> list[tuple[int, EngineSequence]]:
        for row, sequence in batch.outputs:
            assert batch.seq_ids[row] == sequence.seq_id
            assert sequence.seq_id not in batch.seq_ids[row + 1 :], "only a sequence's last row has an output"
        return batch.outputs

    def _next(self, row: int, sequence: EngineSequence) -> Outcome:
        assert sequence.seq_id is not None
        assert self.cells[sequence.seq_id] == sequence.prompt + sequence.tokens
        if sequence.choosing is not None:
            said = tuple(sequence.tokens)
            return [self.likelihoods.get((*said, token), -1.0) for token in sequence.choosing.wanted]
        answer = self.answers.get(sequence.prompt[0], ())
        return answer[len(sequence.tokens)] if len(sequence.tokens) < len(answer) else FILLER
