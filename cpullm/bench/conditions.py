"""Under which conditions a part is measured: model, book, machine, and the time it may take."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from cpullm import catalog
from cpullm.bench import synthetic
from cpullm.cpus import usable_cpus
from cpullm.facts import installed_version
from cpullm.job import Setting
from cpullm.tune.store import cpu_name

PART_SECONDS = 540.0
_PACKAGES = ("cpullm", "llama-cpp-python", "openvino-genai", "ctranslate2", "pyspark", "numpy")


@dataclass(frozen=True, slots=True)
class Conditions:
    """The model's file, the book's name (None: War and Peace), and whether the small form is wanted.

    A part that takes no model has an empty path. `engine_model` is the file this engine takes for that model, and
    `tuned` how it computes, both as `cpullm tune` stored them. `format` is the one format of the weights that equal
    prompts are compared in, None for each contestant's fastest. `ends_at` is when no further repeat may begin, by
    time.monotonic.
    """

    model: Path
    engine_model: Path
    tuned: Setting
    book: str | None = None
    quick: bool = False
    format: str | None = None
    n_threads: int = field(default_factory=usable_cpus)
    ends_at: float = 0.0

    def begun(self) -> Conditions:
        """These conditions for a part that begins now."""
        return replace(self, ends_at=time.monotonic() + PART_SECONDS)

    def until(self, share: float) -> Conditions:
        """These conditions for a part of the part that may use this share of the time left."""
        now = time.monotonic()
        return replace(self, ends_at=now + share * max(0.0, self.ends_at - now))

    def setting(self, **changes: Any) -> Setting:
        """The setting that this machine is tuned to for this model, else the default, with changes."""
        return replace(self.tuned, **{"n_threads": self.tuned.n_threads or self.n_threads, **changes})


def conditions(model: str | None, book: str | None, quick: bool, form: str | None = None) -> Conditions:
    """Conditions for a model by its name or path, or for a synthetic one by its name, made if need be."""
    if model is None:
        return Conditions(Path(), Path(), Setting(), book, quick, form)
    if model in synthetic.SHAPES:
        path = synthetic.model(model)
        return Conditions(path, path, Setting(), book, quick, form)
    from cpullm import tune

    resolved = catalog.resolve_model(model)
    path, tuned = resolved.path.resolve(), tune.stored(resolved.sha256)
    if tuned is None:
        say("this model is not tuned for this machine: the default setting counts; `cpullm tune` may find a faster one")
        return Conditions(path, path, Setting(), book, quick, form)
    return Conditions(path, tuned.model or path, tuned.setting, book, quick, form)


def in_turn(
    runs: Mapping[str, Callable[[], dict[str, Any]]], n_repeats: int, ends_at: float
) -> dict[str, list[dict[str, Any]]]:
    """Each run once, then each again, up to `n_repeats` or until a further round would end too late."""
    given: dict[str, list[dict[str, Any]]] = {name: [] for name in runs}
    for i in range(n_repeats):
        began = time.monotonic()
        for name, run in runs.items():
            given[name].append(run())
            say(f"{name}, {i + 1} of {n_repeats}: {given[name][-1]['seconds']:.2f} s")
        if 2 * time.monotonic() - began > ends_at:
            break
    return given


def median(runs: list[dict[str, Any]], key: str = "seconds") -> float:
    """The median of one figure over repeats."""
    return float(statistics.median(run[key] for run in runs))


def say(text: str) -> None:
    """One line for the person who waits, on standard error."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def facts() -> dict[str, Any]:
    """What a reader needs to judge the figures."""
    return {
        "cpu": cpu_name(),
        "cores": usable_cpus(),
        "memory_bytes": _memory_bytes(),
        "system": platform.platform(),
        "versions": {"python": platform.python_version(), **{name: installed_version(name) for name in _PACKAGES}},
        "load_average_before": list(os.getloadavg()),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None
