"""The model, and whether an engine of it fits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cpullm import catalog, gguf, memory
from cpullm.doctor.findings import Finding, Machine
from cpullm.errors import CpullmError
from cpullm.memory import Memory, gigabytes
from cpullm.plan import Setup


def model(machine: Machine) -> Finding:
    """Is it here and whole, and what its sha256 was held against."""
    try:
        found = catalog.resolve_model(machine.model, fetch=False, progress=False)
    except CpullmError as error:
        return Finding("model", f"{machine.model} cannot be used", fault=str(error))
    known = "as when it was fetched" if gguf.recorded(found.path).get("sha256") else "and nothing to hold it against"
    if found.entry is not None and found.entry.sha256 is not None:
        known = "as the catalog has it"
    n_bytes = found.path.stat().st_size
    facts = {"path": str(found.path), "model_sha256": found.sha256, "n_bytes": n_bytes}
    return Finding("model", f"{found.path}, {gigabytes(n_bytes)}, sha256 {found.sha256[:16]}…, {known}", facts=facts)


def can_be_asked(found: Sequence[Finding]) -> bool:
    """Whether llama.cpp loads and the model is here: else nothing can be told of an engine."""
    facts = [name for one in found for name in one.facts if one.fault is None]
    return "instructions" in facts and "model_sha256" in facts


def engine(machine: Machine) -> Finding:
    """Does one with the default options fit into this machine's memory, beside the JVM of a local session?"""
    free = memory.available(machine.proc, machine.cgroups)
    try:
        setup = _setup(machine)
        options = setup.job.engine
        need = memory.check(Path(options.model), options, budget=setup.budget, jvm=True, free=free)
    except CpullmError as error:
        return Finding("engine", "with the default options it cannot run", fault=str(error))
    fits = "it fits" if free is not None else "whether it fits is unknown"
    return Finding("engine", f"{gigabytes(need.total)} with the default options; {fits}", facts={"need": need.total})


def need(machine: Machine) -> Memory:
    """What an executor's engine takes with the default options. Raises CpullmError."""
    options = _setup(machine).job.engine
    return memory.estimate(Path(options.model), options)


def _setup(machine: Machine) -> Setup:
    """That of a job of summaries."""
    from cpullm import preparing
    from cpullm.options import Options

    options = Options(strategy="hierarchical")
    path = catalog.resolve_model(machine.model, fetch=False, progress=False).path
    chosen = preparing.Chosen.of(path, options, progress=False)
    with chosen.vocabulary() as vocabulary:
        return preparing.setup(chosen, ["summarize"], options, vocabulary)
