"""This engine as a contestant: the prompts decoded together, end tokens and loops ignored."""

from __future__ import annotations

import time
from typing import Any

from cpullm.engine.engine import Engine, Runner
from cpullm.engine.llama import LlamaModel, LlamaRunner
from cpullm.engine.sequence import Batch, Entry, Sequence
from cpullm.errors import EngineError
from cpullm.options import EngineOptions, Sampling, Setting
from cpullm.worker import usable_cpus

_BLOCK = 256
GREEDY = Sampling(repeat_penalty=1.0)  # as the others are asked to choose


def answer(model: str, prompts: list[list[int]], new_tokens: int, setting: dict[str, Any]) -> dict[str, Any]:
    """Answer the prompts with exactly `new_tokens` each; seconds as `cpullm.bench.contestants` says."""
    started = time.perf_counter()
    room = max(map(len, prompts)) + new_tokens
    chosen = Setting(**setting)
    options = EngineOptions(model, "", -(-room // _BLOCK) * _BLOCK, chosen)
    with LlamaModel(model, repack=chosen.repack) as loaded:
        runner = LlamaRunner(loaded, options, chosen.n_threads or usable_cpus())
        watched = _Watched(runner)
        engine = Engine(watched)
        list(engine.generate([Sequence([1] * 32, 2, GREEDY, loops=None)]))
        watched.prefill_seconds = watched.decode_seconds = 0.0
        load_seconds = time.perf_counter() - started
        sequences = [Sequence(prompt, new_tokens, GREEDY, loops=None) for prompt in prompts]
        started = time.perf_counter()
        for sequence in engine.generate(sequences):
            if sequence.error is not None:
                raise EngineError(sequence.error)
        seconds = time.perf_counter() - started
        runner.close()
    return {
        "seconds": seconds,
        "load_seconds": load_seconds,
        "prefill_seconds": watched.prefill_seconds,
        "decode_seconds": watched.decode_seconds,
        "answers": [sequence.tokens for sequence in sequences],
    }


class _Watched:
    """A runner that times the steps of another by their kind, and knows no end token."""

    end_tokens: frozenset[int] = frozenset()

    def __init__(self, runner: Runner) -> None:
        self.n_seq_max, self.n_ctx, self.n_ubatch = runner.n_seq_max, runner.n_ctx, runner.n_ubatch
        self.prefill_seconds = self.decode_seconds = 0.0
        self._runner = runner

    def enter(self, entry: Entry) -> None:
        self._runner.enter(entry)

    def release(self, seq_id: int) -> None:
        self._runner.release(seq_id)

    def decode(self, batch: Batch) -> list[int]:
        decoding = all(sequence.prefilled for sequence, _ in batch.parts)
        started = time.perf_counter()
        tokens = self._runner.decode(batch)
        seconds = time.perf_counter() - started
        if decoding:
            self.decode_seconds += seconds
        else:
            self.prefill_seconds += seconds
        return tokens
