"""The parts of `cpullm bench` by name, and bench.json, to which each adds what it measured."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cpullm.bench import columns, compare, jobs, machine, prediction, split, variants
from cpullm.bench.conditions import Conditions, facts, say
from cpullm.errors import OptionError
from cpullm.gguf import write_text

RATIOS_OF = {
    "compare": (
        "vs_seed_recipe",
        "vs_seed_recipe_same_file",
        "vs_loop",
        "vs_llama_server",
        "vs_openvino",
        "vs_ctranslate2",
    ),
    "tasks": ("four_tasks",),
    "columns": ("four_columns", "four_columns_mean"),
    "spark": ("spark_overhead",),
    "plan": ("group_seconds", "schedule_64", "schedule_1000"),
    "machine": ("gemm_fraction_7b", "bandwidth_fraction_7b"),
    "variants": ("chosen_variant", "variant_perplexity"),
}
RATIOS = tuple(ratio for ratios in RATIOS_OF.values() for ratio in ratios)
NOT_MEASURED = "not measured yet"
_BUSY = 1.75  # load average for each CPU, of which the measured engine makes 1

PARTS: dict[str, Callable[[Conditions], dict[str, Any]]] = {
    "split": split.measure,
    "compare": compare.measure,
    "tasks": jobs.tasks,
    "columns": columns.measure,
    "spark": jobs.spark,
    "plan": prediction.measure,
    "machine": machine.efficiency,
    "growth": machine.growth,
    "variants": variants.measure,
}


def run(name: str, conditions: Conditions, path: Path, **given: Any) -> dict[str, Any]:
    """Measure one part and put it into the file at `path`, where the others' results stay. Returns all results."""
    if path.exists():
        load(path)  # a file that cannot be kept up is refused before the work
    say(f"part {name}")
    machine_facts = facts()
    told = PARTS[name](conditions.begun(), **given)
    machine_facts["load_average_after"] = list(os.getloadavg())
    busiest = max(machine_facts["load_average_before"][0], machine_facts["load_average_after"][0])
    if busiest > _BUSY * conditions.n_threads:
        say("other work ran on this machine: these figures mean little, measure again when it is quiet")
    results = add(load(path) if path.exists() else {}, name, told, machine_facts | {"model": conditions.model.name})
    write_text(path, json.dumps(results, indent=1) + "\n")
    return results


def load(path: Path) -> dict[str, Any]:
    """The results in a file. Raises OptionError if it is no file of ours."""
    try:
        results = json.loads(path.read_text("utf-8"))
        if isinstance(results, dict) and isinstance(results.get("parts"), dict):
            return results
    except (OSError, ValueError):
        pass
    raise OptionError(f"{path} holds no results of `cpullm bench`: delete it, or name another file with --out.")


def add(results: dict[str, Any], name: str, told: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
    """The results with a part's put in: its ratios on top by their names, its reasons where a ratio is missing."""
    ratios = told["ratios"]
    reasons = {**results.get("reasons", {}), **told.get("reasons", {})}
    measured = {ratio: _number(ratios.get(ratio, None if ratio in reasons else results.get(ratio))) for ratio in RATIOS}
    for ratio in RATIOS:
        if measured[ratio] is not None:
            reasons.pop(ratio, None)
        else:
            reasons.setdefault(ratio, NOT_MEASURED)
    rest = {key: value for key, value in told.items() if key not in ("ratios", "reasons")}
    parts = {**results.get("parts", {}), name: {"machine": facts, **rest}}
    return {**measured, "reasons": reasons, "machine": facts, "parts": parts}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None
