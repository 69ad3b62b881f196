"""The same weights in the formats that engines are fast with."""

from __future__ import annotations

from pathlib import Path

from cpullm.bench.conditions import say
from cpullm.bench.folders import cache, draft, stamp
from cpullm.worker import usable_cpus

NAMES = ("Q8_0", "Q4_0")


def formats(model: Path) -> dict[str, Path]:
    """The file as it is, and its siblings by format, quantized from it unless they are there already."""
    return {"as it is": model, **{name: _sibling(model, name) for name in NAMES}}


def _sibling(model: Path, name: str) -> Path:
    from cpullm.engine.quantize import quantize

    target = cache() / f"{stamp(model)}.{name}.gguf"
    if not target.exists():
        say(f"writing {target.name}, once")
        with draft(target, 2 * model.stat().st_size) as path:
            quantize(model, path, name, usable_cpus())
    return target
