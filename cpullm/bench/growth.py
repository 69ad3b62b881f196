"""The part `growth`: how seconds grow with tokens per document, documents, sequences and threads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpullm.bench import apart
from cpullm.bench.conditions import Conditions, say
from cpullm.measure import measure as measure_speed
from cpullm.options import Setting
from cpullm.records import row


@dataclass(frozen=True, slots=True)
class _Point:
    """One measurement: a value on the horizontal axis of a curve, and what is computed for it."""

    curve: str
    value: int
    setting: Setting
    prompt_tokens: int
    new_tokens: int
    n_requests: int


def measure(conditions: Conditions) -> dict[str, Any]:
    """Every curve's points, each in a process of its own. Returns the part's record; what time forbids is left out."""
    curves: dict[str, list[dict[str, Any]]] = {}
    skipped = []
    for point in _points(conditions):
        if time.monotonic() > conditions.ends_at:
            skipped.append(f"{point.curve} {point.value}")
            continue
        told = apart.call(
            speed, model=str(conditions.engine_model), setting=row(point.setting), prompt_tokens=point.prompt_tokens,
            new_tokens=point.new_tokens, n_requests=point.n_requests,
        )  # fmt: skip
        say(f"{point.curve}, {point.value}: {told['seconds']:.2f} s")
        shape = {"prompt_tokens": point.prompt_tokens, "new_tokens": point.new_tokens, "requests": point.n_requests}
        curves.setdefault(point.curve, []).append({"value": point.value, **shape, **told})
    return {"ratios": {}, "curves": curves, "left_out_for_time": skipped}


def speed(model: str, setting: dict[str, Any], prompt_tokens: int, new_tokens: int, n_requests: int) -> dict[str, Any]:
    """`cpullm.measure.measure`, to be called in a process of its own."""
    told = measure_speed(
        Path(model), Setting(**setting), prompt_tokens=prompt_tokens, new_tokens=new_tokens, n_requests=n_requests
    )
    return row(told)


def _points(conditions: Conditions) -> Iterator[_Point]:
    quick = conditions.quick
    setting = conditions.setting()
    for tokens in (64, 128) if quick else (256, 512, 1024, 2048, 4096, 8192):
        new = 4 if quick else 32
        yield _Point("tokens per document", tokens, conditions.setting(n_seq_max=1), tokens - new, new, 1)
    for n in (1, 4) if quick else (1, 10, 100, 1000):
        yield _Point("documents", n, setting, 56, 8, n)
    for n in (1, 2) if quick else (1, 2, 4, 8, 16):
        wide = conditions.setting(n_seq_max=n)
        yield _Point("sequences", n, wide, *((32, 4, 2) if quick else (256, 64, 16)))
    for n in range(1, conditions.n_threads + 1) if conditions.n_threads < 9 else _doubled(conditions.n_threads):
        yield _Point("threads", n, conditions.setting(n_threads=n), *((32, 4, 2) if quick else (512, 64, 8)))


def _doubled(most: int) -> list[int]:
    """1, 2, 4 … and `most`."""
    return sorted({*(2**i for i in range(most.bit_length())), most})
