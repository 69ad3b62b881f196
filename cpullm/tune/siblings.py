"""The same weights in a format that this CPU computes faster: written beside the models, its loss measured."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from cpullm import catalog, installed
from cpullm.cpus import usable_cpus
from cpullm.errors import MachineError
from cpullm.fetch import file_sha256
from cpullm.gguf import record, recorded, remember

if TYPE_CHECKING:
    from cpullm.engine.llama import LlamaModel

WINDOW_TOKENS = 256
N_WINDOWS = 6
_LEAST_WINDOWS = 2
_WEIGHTS_PER_SECOND = 150e6  # a thread's, when a format is written
_ABANDONED_SECONDS = 2 * 86_400  # longer than any tuning takes
_SMALLER = ("Q4_0", "Q2", "Q3", "IQ", "TQ")  # nothing is gained by Q4_0 over these


@dataclass(frozen=True, slots=True)
class Rise:
    """How much perplexity rises, as a share, and the standard error of that; over so many tokens."""

    share: float
    error: float
    n_tokens: int

    def __str__(self) -> str:
        return f"perplexity {self.share:+.2%} ± {self.error:.2%} on {self.n_tokens} tokens"


def formats(own: str) -> list[str]:
    """The formats to try for a model that is in its `own` format."""
    others = [] if own == "Q8_0" else ["Q8_0"]
    return others + ([] if own.startswith(_SMALLER) else ["Q4_0"])


def trial_seconds(n_weights: int, prefill_tokens_per_second: float) -> float:
    """About how long writing a sibling and the shortest look at what it loses take."""
    writing = n_weights / _WEIGHTS_PER_SECOND / usable_cpus()
    return writing + 2 * _LEAST_WINDOWS * WINDOW_TOKENS / prefill_tokens_per_second


class Sibling:
    """A model's weights in another format: a draft until it is kept, gone when it is not."""

    def __init__(self, source: Path, source_sha256: str, format: str) -> None:
        self.target = installed.home() / "models" / f"{source.stem}.{format}.gguf"
        self._source, self._source_sha256, self.format = source, source_sha256, format
        self.path = self.target.with_name(f".{self.target.name}.{os.getpid()}")

    def write(self, n_weights: int) -> None:
        """Write the draft, or take what an earlier tuning has kept. Raises MachineError if there is no room."""
        from cpullm.engine.quantize import FORMATS, quantize

        if recorded(self.target).get("made_from") == self._source_sha256 and self.target.exists():
            self.path = self.target
            return
        if self.target.exists():
            raise MachineError(f"{self.target.name} is there already and was not made from this model")
        folder = self.target.parent
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(self.target)
        n_bytes, free = int(n_weights * FORMATS[self.format].bits / 8 * 1.2), shutil.disk_usage(folder).free
        if n_bytes > free:
            raise MachineError(f"{n_bytes / 1e9:.1f} GB are needed in {folder}, where {free / 1e9:.1f} GB are free")
        quantize(self._source, self.path, self.format, usable_cpus())

    def keep(self) -> str:
        """Give it its name; its sha256."""
        cache = self.target.parent / ".sha256.json"
        sha256 = file_sha256(self.path)
        if self.path != self.target:
            facts = {"sha256": sha256, "n_bytes": self.path.stat().st_size, "made_from": self._source_sha256}
            record(self.target, facts)
            os.replace(self.path, self.target)
            self.path = self.target
        return remember(self.target, sha256, cache)

    def discard(self) -> None:
        """Delete a draft; what was kept stays."""
        if self.path != self.target:
            self.path.unlink(missing_ok=True)


def _sweep(target: Path) -> None:
    """Delete what killed tunings have left, gigabytes each. Younger drafts may be another host's, and in use."""
    for draft in target.parent.glob(f".{escape(target.name)}.*"):
        with suppress(OSError):
            if time.time() - draft.stat().st_mtime > _ABANDONED_SECONDS:
                draft.unlink()


def sample_windows(model: LlamaModel) -> list[list[int]]:
    """Token ids of pieces of the bundled sample, spread evenly over it."""
    tokens = model.tokenize(catalog.resolve_corpus("sample").read_text("utf-8"), special=False)
    step = max(1, (len(tokens) - WINDOW_TOKENS) // N_WINDOWS)
    # From the middle of each part: the beginning and the end of a book are unlike the rest.
    return [tokens[step // 2 + i * step :][:WINDOW_TOKENS] for i in range(N_WINDOWS)]


def perplexity_rise(
    losses: Iterable[tuple[Sequence[float], Sequence[float]]], limit: float, has_time: Callable[[], bool]
) -> Rise | None:
    """What the second's losses have over the first's, window by window; stops early where that is far over the limit.

    None if the time is not enough for two windows.
    """
    differences: list[float] = []
    rise = None
    for n_windows, (before, after) in enumerate(losses, start=1):
        differences += [b - a for a, b in zip(before, after, strict=True)]
        rise = Rise(math.expm1(fmean(differences)), stdev(differences) / math.sqrt(len(differences)), len(differences))
        if n_windows >= _LEAST_WINDOWS and rise.share - 3 * rise.error > limit:
            return rise
        if not has_time():
            return rise if n_windows >= _LEAST_WINDOWS else None
    return rise
