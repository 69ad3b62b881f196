"""How fast an engine is here: a real one on made-up prompts, prefill and decode timed apart.

The prompts are random token ids, the same in every run and no two alike, so nothing is shared between them. The tokens
that the model chooses are thrown away for random ones: no answer ends early, whatever the weights are.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from cpullm.cpus import usable_cpus
from cpullm.engine.engine import Engine, Runner
from cpullm.engine.sequence import Batch, Entry, Outcome, Sequence
from cpullm.errors import EngineError
from cpullm.job import EngineOptions, Setting
from cpullm.rates import Point

if TYPE_CHECKING:
    from cpullm.engine.llama import LlamaModel

_BLOCK = 256  # contexts are whole blocks of this many tokens, as those of real runs are
_WARM_UP_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Speed:
    """What was measured. Decode is that of all sequences together; a rate is 0 if nothing of its kind was computed.

    `seconds` is the time that passed over the requests; `load_seconds` that until the first answer of a few tokens.
    """

    prefill_tokens_per_second: float
    decode_tokens_per_second: float
    seconds: float
    load_seconds: float = 0.0

    def point(self, prompt_tokens: int, n_sequences: int) -> Point:
        """The rates, and the shape they were measured at."""
        return Point(prompt_tokens, n_sequences, self.prefill_tokens_per_second, self.decode_tokens_per_second)

    def request_seconds(self, prompt_tokens: int, new_tokens: int) -> float:
        """What a request of this shape takes of a full engine's time, in seconds."""
        return prompt_tokens / self.prefill_tokens_per_second + new_tokens / self.decode_tokens_per_second


def measure(
    model: Path, setting: Setting, *, prompt_tokens: int, new_tokens: int, n_requests: int, seconds: float | None = None
) -> Speed:
    """Answer `n_requests` prompts of `prompt_tokens` with `new_tokens` each.

    With `seconds`, the first step that ends later is the last one. Raises ModelError or MachineError if the model
    cannot be loaded, EngineError if llama.cpp fails.
    """
    from cpullm.engine.llama import LlamaModel

    started = time.perf_counter()
    with (
        LlamaModel(model, repack=setting.repack) as loaded,
        Meter(loaded, setting, prompt_tokens + new_tokens) as meter,
    ):
        load_seconds = time.perf_counter() - started
        prompts = [meter.prompt(prompt_tokens) for _ in range(n_requests)]
        return replace(meter.run(prompts, new_tokens, seconds=seconds), load_seconds=load_seconds)


class Meter:
    """An engine that is timed while it answers. Making one reads the weights, so that no measurement has to."""

    def __init__(self, model: LlamaModel, setting: Setting, n_ctx: int) -> None:
        from cpullm.engine.llama import LlamaRunner

        n_ctx = -(-max(n_ctx, _BLOCK) // _BLOCK) * _BLOCK
        options = EngineOptions(str(model.path), "", n_ctx, setting)
        self.n_ctx = n_ctx
        self._runner = LlamaRunner(model, options, setting.n_threads or usable_cpus())
        self._timed = _RandomRunner(self._runner, model.n_vocab)
        self._engine = Engine(self._timed)
        self._random = random.Random(0)
        self._n_vocab = model.n_vocab
        self.run([self.prompt(_WARM_UP_TOKENS)], 2)

    def prompt(self, n_tokens: int) -> list[int]:
        """A prompt that was not there before."""
        return [self._random.randrange(self._n_vocab) for _ in range(n_tokens)]

    def run(
        self, prompts: Iterable[list[int]], new_tokens: int, *, n_shared: int = 0, seconds: float | None = None
    ) -> Speed:
        """Answer the prompts, of which the first `n_shared` tokens are computed once where they are the same."""
        cuts = (n_shared,) if n_shared else ()
        sequences = [Sequence(prompt, new_tokens, cuts=cuts) for prompt in prompts]
        started = time.perf_counter()
        self._timed.start()
        self._timed.ends_at = None if seconds is None else started + seconds
        with contextlib.suppress(_TimeIsUp):
            for sequence in self._engine.generate(sequences):
                if sequence.error is not None:
                    raise EngineError(sequence.error)
        elapsed = time.perf_counter() - started
        return Speed(self._timed.prefilling.rate, self._timed.decoding.rate, elapsed)

    def close(self) -> None:
        """Free the engine; the model is its owner's."""
        self._runner.close()

    def __enter__(self) -> Meter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


class _TimeIsUp(Exception):
    """The step that has just ended was the last one."""


@dataclass(slots=True)
class _Clock:
    """Tokens computed and the seconds they took."""

    tokens: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        return self.tokens / self.seconds if self.tokens else 0.0


class TimedRunner:
    """A runner that times each step of another by its kind, and knows no end token."""

    end_tokens: frozenset[int] = frozenset()

    def __init__(self, runner: Runner) -> None:
        self.n_seq_max, self.n_ctx, self.n_ubatch = runner.n_seq_max, runner.n_ctx, runner.n_ubatch
        self.keeps_beginnings = runner.keeps_beginnings
        self._runner = runner
        self.start()

    def start(self) -> None:
        """Begin to count anew."""
        self.prefilling, self.decoding = _Clock(), _Clock()

    def enter(self, entry: Entry) -> None:
        self._runner.enter(entry)

    def release(self, seq_id: int) -> None:
        self._runner.release(seq_id)

    def decode(self, batch: Batch) -> list[Outcome]:
        clock = self.decoding if all(sequence.prefilled for sequence, _ in batch.parts) else self.prefilling
        started = time.perf_counter()
        outcomes = self._runner.decode(batch)
        clock.seconds += time.perf_counter() - started
        clock.tokens += len(batch.tokens)
        return outcomes


class _RandomRunner(TimedRunner):
    """One that answers with random tokens, until time is up."""

    def __init__(self, runner: Runner, n_vocab: int) -> None:
        super().__init__(runner)
        self.ends_at: float | None = None
        self._random = random.Random(1)
        self._n_vocab = n_vocab

    def decode(self, batch: Batch) -> list[Outcome]:
        if self.ends_at is not None and time.perf_counter() > self.ends_at:
            raise _TimeIsUp
        return [self._random.randrange(self._n_vocab) for _ in super().decode(batch)]
