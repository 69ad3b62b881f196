"""The parts `machine` and `growth`: this engine by itself, on made-up prompts.

`machine` tells what share of this machine's own arithmetic and memory bandwidth the engine reaches: prefill is held
against single-precision matrix multiplication by numpy's BLAS, decoding of one sequence against reading memory, both
on all threads and in turn with the engine, because machines are shared. `growth` tells how seconds grow with tokens
per document, documents, sequences and threads.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cpullm.bench import apart, synthetic
from cpullm.bench.conditions import Conditions, in_turn, median, say
from cpullm.errors import MachineError
from cpullm.job import Setting
from cpullm.measure import measure
from cpullm.records import row


@dataclass(frozen=True, slots=True)
class _Size:
    """A synthetic model, the tokens it is measured with, and how often."""

    model: str
    prompt_tokens: int
    new_tokens: int
    n_repeats: int


_SIZES = (_Size("synthetic-1.1b", 512, 24, 3), _Size("synthetic-7b", 512, 12, 3))
_TINY = (_Size("synthetic-tiny", 64, 4, 1),)


def efficiency(conditions: Conditions) -> dict[str, Any]:
    """The shares at 1.1B and at 7B. Returns the part's record; without `gguf` the ratios are None with the reason."""
    square, n_bytes = (256, 1 << 22) if conditions.quick else (4096, 1 << 30)
    limits = partial(apart.call, rates, n_threads=conditions.n_threads, square=square, n_bytes=n_bytes)
    models: dict[str, Any] = {}
    ratios: dict[str, float] = {}
    reasons: dict[str, str] = {}
    for i, size in enumerate(_TINY if conditions.quick else _SIZES):
        try:
            models[size.model] = _shares(size, conditions.until(1 / (len(_SIZES) - i)), limits)
        except MachineError as error:
            reasons |= {"gemm_fraction_7b": str(error), "bandwidth_fraction_7b": str(error)}
    if "synthetic-7b" in models:
        ratios = {f"{kind}_7b": models["synthetic-7b"][kind] for kind in ("gemm_fraction", "bandwidth_fraction")}
    elif not reasons:
        reasons = dict.fromkeys(("gemm_fraction_7b", "bandwidth_fraction_7b"), "the small form measures no 7B")
    return {"ratios": ratios, "reasons": reasons, "models": models}


def _shares(size: _Size, conditions: Conditions, limits: Any) -> dict[str, Any]:
    """Prefill and decode rates of one model in turn with the machine's own; the better of two settings counts."""
    shape = synthetic.SHAPES[size.model]
    model = synthetic.model(size.model)
    run = partial(
        apart.call, speed, model=str(model), prompt_tokens=size.prompt_tokens, new_tokens=size.new_tokens, n_requests=1
    )
    settings = {
        f"n_ubatch {n_ubatch}": Setting(conditions.n_threads, n_seq_max=1, n_ubatch=n_ubatch) for n_ubatch in (512, 256)
    }
    engines = {name: partial(run, setting=row(setting)) for name, setting in settings.items()}
    runs = in_turn({"machine": limits, **engines}, size.n_repeats, conditions.ends_at)
    machine = runs.pop("machine")
    best = {
        kind: max(median(given, f"{kind}_tokens_per_second") for given in runs.values())
        for kind in ("prefill", "decode")
    }
    flops = best["prefill"] * shape.prefill_flops(size.prompt_tokens) / size.prompt_tokens
    read = best["decode"] * shape.decode_bytes
    return {
        "prompt_tokens": size.prompt_tokens,
        "prefill_tokens_per_second": best["prefill"],
        "decode_tokens_per_second": best["decode"],
        "prefill_flops_per_second": flops,
        "decode_bytes_per_second": read,
        "gemm_flops_per_second": median(machine, "flops_per_second"),
        "memory_bytes_per_second": median(machine, "bytes_per_second"),
        "gemm_fraction": flops / median(machine, "flops_per_second"),
        "bandwidth_fraction": read / median(machine, "bytes_per_second"),
        "blas": machine[0]["blas"],
        "peak_bytes": max(run["peak_bytes"] for given in runs.values() for run in given),
        "runs": {"machine": machine, **runs},
    }


def rates(n_threads: int, square: int, n_bytes: int) -> dict[str, Any]:
    """Products of `square` matrices in fp32 and reads of `n_bytes` of memory, the best of five: FLOP/s and bytes/s."""
    import numpy as np

    started = time.perf_counter()
    random = np.random.default_rng(0)
    one, other = (random.random((square, square), np.float32) for _ in range(2))
    into = np.empty_like(one)
    product = min(_seconds(lambda: np.matmul(one, other, out=into)) for _ in range(5))
    numbers = np.ones(n_bytes // 4, np.float32)
    parts = np.array_split(numbers, n_threads)
    with ThreadPoolExecutor(n_threads) as threads:
        # A maximum needs one comparison a number, which vector units do faster than memory brings them.
        reading = min(_seconds(lambda: list(threads.map(np.max, parts))) for _ in range(5))
    return {
        "seconds": time.perf_counter() - started,
        "flops_per_second": 2 * square**3 / product,
        "bytes_per_second": numbers.nbytes / reading,
        "blas": _blas(),
    }


def _seconds(work: Any) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _blas() -> str:
    """Name and version of the BLAS that numpy multiplies with."""
    import numpy as np

    told: Any = np.show_config(mode="dicts")  # type: ignore[call-arg, unused-ignore]
    blas = told["Build Dependencies"]["blas"]
    return f"{blas['name']} {blas['version']}"


@dataclass(frozen=True, slots=True)
class _Point:
    """One measurement: a value on the horizontal axis of a curve, and what is computed for it."""

    curve: str
    value: int
    setting: Setting
    prompt_tokens: int
    new_tokens: int
    n_requests: int


def growth(conditions: Conditions) -> dict[str, Any]:
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
    told = measure(
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
