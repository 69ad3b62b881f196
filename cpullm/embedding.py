"""Texts → vectors, in this process. The engine for them stands beside the one that generates, on the same weights.

A longer text than the engine takes is cut into windows; its vector is the mean of theirs, weighted by their tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from cpullm import cpus, memory, plan, splitters, worker
from cpullm.errors import CpullmError, ModelError
from cpullm.job import EngineOptions, Job, Setting
from cpullm.options import Options
from cpullm.preparing import Chosen
from cpullm.records import encodable, is_blank

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cpullm.engine.embedding import Embedder
    from cpullm.engine.llama import LlamaModel

# What embedding models are trained on; a language model's states say no more about a longer text, and take memory.
_WINDOW_TOKENS, _STATES_TOKENS = 512, 256
_N_COUNTED = 64  # texts of which the number of tokens is remembered


@dataclass(frozen=True, slots=True)
class Vector:
    """A text's vector, of length 1; None where there is no text or no answer, and why."""

    value: NDArray[np.float32] | None
    error: str | None = None


@dataclass(slots=True)
class _Held:
    options: EngineOptions
    model: LlamaModel
    embedder: Embedder
    is_own: bool  # no other engine of this process computes with the model

    def close(self) -> None:
        self.embedder.close()
        if self.is_own:
            self.model.close()


_held: _Held | None = None


def setup(chosen: Chosen, options: Options, vocabulary: LlamaModel) -> plan.Setup:
    """The engine for vectors of texts, and how long the pieces of a text are. Raises OptionError, ModelError."""
    from cpullm.engine.embedding import is_embedding

    usual = _WINDOW_TOKENS if is_embedding(vocabulary) else _STATES_TOKENS
    overhead = len(vocabulary.tokenize("", special=False, ends=True))
    n_ctx = min(overhead + (options.window_tokens or usual - overhead), vocabulary.n_ctx_train)
    # One more would have no room beside the tokens that stand round a text.
    if n_ctx <= overhead:
        raise ModelError(f"{chosen.model.path} takes texts of {n_ctx} tokens: take another model.")
    engine = EngineOptions(
        model=str(chosen.model.path.resolve()),
        model_sha256=chosen.model.sha256,
        n_ctx=n_ctx,
        setting=Setting(n_threads=chosen.setting.n_threads, repack=chosen.setting.repack),
        embeds=True,
    )
    shares = plan.Budget(overhead, n_ctx - overhead, 0, 0)
    return plan.Setup([], shares, chosen.model, Job(engine, {}, options.group_seconds), options, chosen.tuned_on)


def vectors(asked: plan.Setup, texts: Sequence[str | None]) -> list[Vector]:
    """One for each text; None has none. Raises CpullmError where the machine or the engine fails."""
    import numpy as np

    from cpullm.engine.embedding import normalized

    known = [None if text is None else encodable(text) for text in texts]
    there = [text for text in dict.fromkeys(known) if text is not None and not is_blank(text)]
    if not there:
        return [_vector(text, {}) for text in known]
    embedder, model = _engine_for(asked.job.engine)
    cut = [_windows(text, asked.budget.text_tokens, model) for text in there]
    with worker.time_limit(asked.job.group_seconds):
        rows = iter(embedder.embed([tokens for windows in cut for tokens in windows]))
    found = {}
    for text, windows in zip(there, cut, strict=True):
        total = sum(len(tokens) * next(rows).astype(np.float64) for tokens in windows)
        found[text] = normalized(np.asarray(total)).astype(np.float32)
    return [_vector(text, found) for text in known]


def close() -> None:
    """Free this process's engine for vectors; the next texts load one again."""
    global _held
    if _held is not None:
        _held.close()
        _held = None


def _vector(text: str | None, found: dict[str, NDArray[np.float32]]) -> Vector:
    if text is None or text in found:
        return Vector(found[text] if text is not None else None)
    return Vector(None, "The text is empty; it has no vector.")


def _windows(text: str, n_tokens: int, model: LlamaModel) -> list[list[int]]:
    """The tokens of each window."""
    count = lru_cache(_N_COUNTED)(model.count_tokens)
    cut = [text[start:end] for start, end in splitters.windows(text, n_tokens, count)]
    return [model.tokenize(window, special=False, ends=True) for window in cut if not is_blank(window)]


def _engine_for(options: EngineOptions) -> tuple[Embedder, LlamaModel]:
    global _held
    held = worker.held_model(options)
    is_spare = _held is not None and _held.is_own and held is not None  # the weights are in memory twice
    if _held is None or _held.options != options or not _held.embedder.is_open or is_spare:
        from cpullm.engine.embedding import Embedder
        from cpullm.engine.llama import LlamaModel

        close()
        cpus.check_threads(options.setting.n_threads)
        memory.check(Path(options.model), options, started=True)
        model = held or LlamaModel(options.model, repack=options.setting.repack)
        try:
            embedder = Embedder(model, options, options.setting.n_threads or cpus.usable_cpus())
        except CpullmError:
            if held is None:
                model.close()
            raise
        _held = _Held(options, model, embedder, is_own=held is None)
    return _held.embedder, _held.model
