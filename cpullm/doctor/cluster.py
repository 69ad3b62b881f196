"""The executors of a cluster: what each has, and where that is too little, or other than the driver's."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpullm import filesystems, spark
from cpullm.doctor import engine, machine, software
from cpullm.doctor.findings import UNKNOWN, Check, Finding, Machine, looked
from cpullm.errors import CpullmError, ModelError
from cpullm.memory import Memory, gigabytes
from cpullm.spark import Visit, placing

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# The version is told first, because what follows needs the package, and a Python that can run it.
_COMMAND = (
    "import platform; print(platform.python_version(), flush=True); from cpullm.doctor import cluster; cluster.tell()"
)
_NO_COMMAND = (126, 127)  # exit codes of a shell


@dataclass(frozen=True, slots=True)
class Executor:
    """One executor, host:pid of its JVM: the tasks it ran at once, the facts of its findings, its faults."""

    name: str
    n_tasks: int
    facts: Mapping[str, Any]
    findings: Sequence[Finding] = ()

    @property
    def host(self) -> str:
        """Its machine, container or pod."""
        return self.name.rpartition(":")[0]


@dataclass(frozen=True, slots=True)
class Cluster:
    """The executors seen, of those there were, the CPUs of a task, and what is amiss: a finding for each executor."""

    executors: list[Executor]
    n_executors: int
    task_cpus: int
    amiss: list[Finding]


@dataclass(frozen=True, slots=True)
class Needs:
    """What a job needs of an executor: `memory` for an engine, `n_bytes` of disk for the model if it is brought.

    `driver` has the driver's facts; where it is the executor itself, `uses_cache` is false: models stay where they are.
    """

    driver: Mapping[str, Any]
    task_cpus: int = 1
    memory: Memory | None = None
    n_bytes: int | None = None
    uses_cache: bool = True


def ask(session: SparkSession, driver: Machine, found: Sequence[Finding]) -> Cluster:
    """Visit all executors; `found` is what the driver's own machine has. Raises CpullmError if none can be."""
    facts = merged(found)
    asked = {"model_at": driver.model_at, "model_sha256": facts.get("model_sha256", "")}
    visits = spark.visit(session, ["-c", _COMMAND, json.dumps(asked)])
    executors, n_executors = [executor(one) for one in visits], spark.n_executors(session)
    context = session.sparkContext
    is_cluster = spark.local_cpus(str(context.master)) is None
    needs = Needs(
        facts,
        int(context.getConf().get("spark.task.cpus", "1")),
        engine.need(driver) if engine.can_be_asked(found) else None,
        facts.get("n_bytes") if is_cluster and not _is_path(driver.model_at) else None,
        is_cluster,
    )
    wrong = list(amiss(executors, needs))
    if len(executors) < n_executors:
        n_missed = n_executors - len(executors)
        wrong.append(Finding("executors", "", warning=f"{n_missed} did not answer", advice="ask again"))
    return Cluster(executors, n_executors, needs.task_cpus, wrong)


def tell() -> None:
    """On an executor: look at its machine, as asked for in the last argument, and print what is found in one line."""
    here = Machine(model="", **json.loads(sys.argv[-1]))
    print(json.dumps([asdict(one) for one in looked(CHECKS, here)]), flush=True)


def models(here: Machine) -> Finding:
    """Room in this host's cache; and where every host shall have the model at a path, is it there and whole."""
    facts: dict[str, Any] = {"model": "-"}
    try:
        cache = placing.cache_folder()
        facts |= {"room": machine.room(cache), "is_cached": (cache / f"{here.model_sha256}.gguf").is_file()}
        if here.model_at is not None and _is_path(here.model_at):
            facts["model"] = "missing"
            facts["model"] = _model_at(Path(here.model_at), here.model_sha256)
    except ModelError as error:
        return Finding("models", "damaged", fault=str(error), facts=facts | {"model": "damaged"})
    except CpullmError as error:
        return Finding("models", "no", fault=str(error), facts=facts)
    return Finding("models", f"{gigabytes(facts['room'])} free in {cache}", facts=facts)


def _model_at(path: Path, sha256: str) -> str:
    if sha256:
        placing.on_every_host(path, sha256)
        return "whole"
    return "there" if path.is_file() else "missing"  # the driver has none to compare it with


CHECKS: dict[str, Check] = {
    "system": machine.system,
    "CPU": machine.cpu,
    "llama.cpp": software.llama,
    "Python": software.python,
    "packages": software.packages,
    "memory": machine.memory_free,
    "models": models,
}


def merged(found: Sequence[Finding]) -> dict[str, Any]:
    """The facts of all findings."""
    return {name: value for one in found for name, value in one.facts.items()}


def executor(visit: Visit) -> Executor:
    """What an executor said of itself, or why it could not."""
    lines = visit.output.splitlines() or [f"it ended with exit code {visit.code} and without a word"]
    version = next((line for line in lines if re.fullmatch(r"\d+\.\d+\.\S+", line)), None)
    facts = {"python": version} if version else {}
    for line in reversed(lines if visit.code == 0 else []):
        if line.startswith('[{"name"'):
            findings = [Finding(**one) for one in json.loads(line)]
            return Executor(visit.executor, visit.n_tasks, facts | merged(findings), findings)
    fault, advice = f"its Python cannot run cpullm: {lines[-1]}", "install the driver's version there"
    if visit.code in _NO_COMMAND:
        fault = f"its Python does not start: {lines[-1]}"
        advice = "PYSPARK_PYTHON names the interpreter that executors start"
    elif "ModuleNotFoundError: " in visit.output:
        return Executor(visit.executor, visit.n_tasks, facts, [_failed(str(spark.translated(OSError(visit.output))))])
    return Executor(visit.executor, visit.n_tasks, facts, [_failed(fault, advice)])


def _failed(fault: str, advice: str | None = None) -> Finding:
    return Finding("Python", UNKNOWN, fault=fault, advice=advice)


def amiss(executors: Sequence[Executor], needs: Needs) -> Iterator[Finding]:
    """What is wrong with each executor, by its name, and then how they differ."""
    n_on: dict[str, int] = {}
    for one in executors:
        n_on[one.host] = n_on.get(one.host, 0) + one.n_tasks
    for one in executors:
        for own in one.findings:
            if (own.fault or own.warning) and (own.name != "models" or needs.uses_cache):
                yield Finding(one.name, own.name, own.fault, own.warning, own.advice)
        yield from _other_versions(one, needs.driver)
        # Executors of one host share its memory, unless each has a limit of its own.
        n_engines = one.n_tasks if one.facts.get("limit") is not None else n_on[one.host]
        yield from _too_little(one, needs, n_engines)
    yield from _kinds(executors, needs.driver)


def _other_versions(one: Executor, driver: Mapping[str, Any]) -> Iterator[Finding]:
    there, here = (".".join(str(facts.get("python", "")).split(".")[:2]) for facts in (one.facts, driver))
    if there and here and there != here:
        fault = f"its Python is {there}, the driver's {here}: Spark needs the same minor version"
        yield Finding(one.name, "Python", fault=fault, advice="set PYSPARK_PYTHON to one that is on every node")
    pairs = {name: (one.facts.get(name, UNKNOWN), driver.get(name, UNKNOWN)) for name in ("cpullm", "llama")}
    differ = {name: pair for name, pair in pairs.items() if UNKNOWN not in pair and pair[0] != pair[1]}
    if "cpullm" in differ:
        there, here = differ["cpullm"]
        advice = "install the same version on every node"
        yield Finding(one.name, "cpullm", fault=f"its cpullm is {there}, the driver's {here}", advice=advice)
    if "llama" in differ:
        there, here = differ["llama"]
        told = f"its llama-cpp-python is {there}, the driver's {here}: answers may differ"
        yield Finding(one.name, "llama.cpp", warning=told, advice="install the same version on every node")


def _too_little(one: Executor, needs: Needs, n_engines: int) -> Iterator[Finding]:
    free, room, n_cpus = (one.facts.get(name) for name in ("free", "room", "cpus"))
    if needs.memory is not None and free is not None:
        n_bytes = needs.memory.of_engines(n_engines).total
        if n_bytes > free:
            what = "an engine needs" if n_engines == 1 else f"{n_engines} engines at once need"
            advice = "lower --n-seq-max or --window-tokens, or raise spark.task.cpus, for fewer engines"
            fault = f"{what} {gigabytes(n_bytes)} and {gigabytes(free)} are free"
            yield Finding(one.name, "memory", fault=fault, advice=advice)
    if needs.n_bytes is not None and room is not None and room < needs.n_bytes and not one.facts.get("is_cached"):
        fault = f"the model has {gigabytes(needs.n_bytes)}, and there is room for {gigabytes(room)}"
        yield Finding(one.name, "disk", fault=fault, advice="make room, or name another folder with CPULLM_MODEL_CACHE")
    if n_cpus is not None and n_cpus < needs.task_cpus:
        told = f"a task has {needs.task_cpus} CPUs, and its process may use {n_cpus}"
        yield Finding(one.name, "CPU", warning=told, advice="lower spark.task.cpus, or give the executor more")


def _kinds(executors: Sequence[Executor], driver: Mapping[str, Any]) -> Iterator[Finding]:
    """Executors by their kind of CPU, where there is more than one."""
    kinds: dict[str, list[str]] = {}
    for one in executors:
        if "cpu" in one.facts:
            kinds.setdefault(_kind(one.facts), []).append(one.name)
    advice = "run on one kind, and tune there, where the same words count"
    if len(kinds) > 1:
        told = "; ".join(f"{kind}: {named(names)}" for kind, names in kinds.items())
        yield Finding("executors", "CPU", warning=f"they are not alike, and answers may differ: {told}", advice=advice)
    elif kinds and "cpu" in driver and _kind(driver) not in kinds:
        told = f"their CPU is {next(iter(kinds))}, the driver's {_kind(driver)}: its tuning is for another one"
        yield Finding("executors", "CPU", warning=told, advice="tune on one of them, or take --no-tuned")


def _kind(facts: Mapping[str, Any]) -> str:
    return f"{facts['cpu']} ({facts.get('variant', UNKNOWN)})"


def named(names: Sequence[str]) -> str:
    """The first few, and how many more."""
    few = ", ".join(names[:5])
    return few if len(names) <= 5 else f"{few} and {len(names) - 5} more"


def _is_path(model_at: str | None) -> bool:
    return model_at is not None and not filesystems.is_uri(model_at)
