"""The part `variants`: how fast each of llama.cpp's kernels for different CPUs is here, and that all compute the same.

Takes a llama.cpp compiled for every CPU, as bundles have it. Each variant that this CPU can run is forced in turn, in a
process of its own. Perplexity is that of pieces of the bundled sample.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

from cpullm.bench import apart
from cpullm.bench.conditions import Conditions, in_turn, median
from cpullm.job import CPU_VARIABLE, Setting
from cpullm.records import row

_N_REPEATS = 3
_NONE = "this llama.cpp was compiled for one kind of CPU; a bundle's has a variant for each (docs/airgap.md)"


def measure(conditions: Conditions) -> dict[str, Any]:
    """Speeds and perplexity by variant, the one that is taken by itself first. Returns the part's record."""
    names = apart.call(known)["names"]
    if not names:
        return {"ratios": {}, "reasons": dict.fromkeys(("chosen_variant", "variant_perplexity"), _NONE), "variants": {}}
    shape = (32, 4, 1) if conditions.quick else (256, 32, conditions.setting().n_seq_max)
    run = partial(
        apart.call, speed, model=str(conditions.engine_model), setting=row(conditions.setting()), shape=shape,
        n_windows=1 if conditions.quick else 2,
    )  # fmt: skip
    runs = in_turn({name: partial(run, name=name) for name in names}, _N_REPEATS, conditions.ends_at)
    variants = {name: _medians(given) for name, given in runs.items()}
    chosen = variants[names[0]]
    perplexities = [one["perplexity"] for one in variants.values()]
    return {
        "ratios": {
            "chosen_variant": min(one["seconds"] for one in variants.values()) / chosen["seconds"],
            "variant_perplexity": max(perplexities) / min(perplexities),
        },
        "prompt_tokens": shape[0], "new_tokens": shape[1], "n_requests": shape[2],
        "variants": variants,
        "runs": runs,
    }  # fmt: skip


def _medians(runs: list[dict[str, Any]]) -> dict[str, float]:
    names = ("seconds", "prefill_tokens_per_second", "decode_tokens_per_second", "perplexity")
    return {name: median(runs, name) for name in names}


def known() -> dict[str, Any]:
    """The variants that this CPU can run, the best first; to be called in a process of its own."""
    from cpullm.engine.bindings import cpu_variants

    return {"names": list(cpu_variants())}


def speed(
    name: str, model: str, setting: dict[str, Any], shape: tuple[int, int, int], n_windows: int
) -> dict[str, Any]:
    """Prefill, decode and perplexity with this variant; to be called in a process of its own, with nothing loaded."""
    os.environ[CPU_VARIABLE] = name  # read as llama.cpp is loaded
    import numpy as np

    from cpullm.cpus import usable_cpus
    from cpullm.engine.llama import LlamaModel
    from cpullm.engine.perplexity import token_losses
    from cpullm.measure import measure as timed
    from cpullm.tune.siblings import sample_windows

    prompt_tokens, new_tokens, n_requests = shape
    told = timed(
        Path(model), Setting(**setting), prompt_tokens=prompt_tokens, new_tokens=new_tokens, n_requests=n_requests
    )
    with LlamaModel(Path(model)) as loaded:
        windows = sample_windows(loaded)[:n_windows]
        losses = np.concatenate([token_losses(loaded, window, usable_cpus()) for window in windows])
    return row(told) | {"perplexity": float(np.exp(losses.mean()))}
