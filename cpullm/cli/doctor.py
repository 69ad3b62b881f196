"""`cpullm doctor`: what this machine, and every executor of a cluster, has and lacks."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from cpullm.cli import arguments as shared

_COLUMNS = (
    "executor", "engines", "CPUs", "CPU", "variant", "Python", "cpullm", "glibc", "memory free", "room for models",
    "model",
)  # fmt: skip
_UNKNOWN = "?"


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "doctor",
        help="say what this machine, or a cluster, has and lacks",
        description="Nothing is fetched. Exit code 1 says that no job can run, or not on every executor.",
    )
    parser.add_argument("--model", help="a model's name or a .gguf file (default: that of `cpullm summarize`)")
    parser.add_argument(
        "--master",
        help="ask every executor too: local[*], local[N], spark://HOST:PORT, yarn or k8s://URL (default: the one that "
        "spark-submit was given, else none)",
    )
    parser.add_argument("--model-at", metavar="PATH_OR_URI", help="where executors find the model, as for a job")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.set_defaults(command=_doctor)


def _doctor(arguments: argparse.Namespace) -> int:
    from cpullm import doctor, spark
    from cpullm.errors import OptionError

    master = arguments.master or spark.submitted_master()
    if master == shared.IN_PROCESS:
        master = None
    is_local = master is None or spark.local_cpus(master) is not None
    if arguments.model_at is not None and is_local:
        raise OptionError(f"--model-at {arguments.model_at} is for executors elsewhere: give their --master too.")
    given = {"model": arguments.model} if arguments.model is not None else {}
    machine = doctor.Machine(**given, model_at=arguments.model_at)
    found = doctor.here(machine, with_engine=is_local)
    if not arguments.json:
        print("\n".join(_lines(found)), flush=True)
    cluster, refused = _asked(master, machine, found) if master else (None, [])
    amiss = [*(cluster.amiss if cluster else ()), *refused]
    looked_at = [*found, *amiss]
    faults, warnings = (sum(getattr(one, kind) is not None for one in looked_at) for kind in ("fault", "warning"))
    if arguments.json:
        print(json.dumps(_record(found, cluster, amiss, faults == 0), indent=1))
    else:
        print("\n".join([*_cluster_lines(cluster, amiss), _verdict(faults, warnings)]))
    return 1 if faults else 0


def _asked(master: str, machine: Any, found: list[Any]) -> tuple[Any, list[Any]]:
    """The cluster, or why there is none."""
    from cpullm import spark
    from cpullm.doctor import Finding, cluster
    from cpullm.errors import CpullmError

    if any(one.fault for one in found if one.name in ("packages", "Java", "host name")):
        return None, [Finding("executors", "", warning="not asked, for Spark does not start here")]
    try:
        session = spark.session(master)
        try:
            return cluster.ask(session, machine, found), []
        finally:
            session.stop()
    except CpullmError as error:
        return None, [Finding("executors", "", fault=str(error))]


def _lines(found: list[Any]) -> list[str]:
    lines = []
    for one in found:
        lines.append(f"{one.name:12} {one.value}")
        lines += [f"{'':12} {told}" for told in _told(one)]
    return lines


def _told(finding: Any) -> list[str]:
    """Its fault and its warning, each with what to do."""
    kinds = {"FAULT": finding.fault, "warning": finding.warning}
    advice = f"; {finding.advice}" if finding.advice else ""
    return [f"{kind}: {text}{advice}" for kind, text in kinds.items() if text is not None]


def _cluster_lines(cluster: Any, amiss: list[Any]) -> list[str]:
    from cpullm.doctor.cluster import named

    lines = []
    if cluster is not None:
        rows = [_COLUMNS, *(_row(one, cluster.task_cpus) for one in cluster.executors)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["", *("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)]
        lines.append(f"{len(cluster.executors)} of {shared.count(cluster.n_executors, 'executor')} seen")
    names: dict[str, list[str]] = {}
    for one in amiss:
        for told in _told(one):
            names.setdefault(told, []).append(one.name)
    return [*lines, *(f"{named(those)}  {told}" for told, those in names.items())]


def _row(executor: Any, task_cpus: int) -> tuple[str, ...]:
    from cpullm.memory import gigabytes

    facts = executor.facts
    sizes = [None if facts.get(name) is None else gigabytes(facts[name]) for name in ("free", "room")]
    cells = [facts.get(name) for name in ("cpu", "variant", "python", "cpullm", "glibc")]
    cpus = f"{task_cpus} of {facts.get('cpus', _UNKNOWN)}"
    cells = [executor.name, executor.n_tasks, cpus, *cells, *sizes, facts.get("model")]
    return tuple(_UNKNOWN if cell is None else str(cell) for cell in cells)


def _verdict(faults: int, warnings: int) -> str:
    warned = f"; {shared.count(warnings, 'warning')}" if warnings else ""
    return f"{'a job can run' if not faults else shared.count(faults, 'fault')}{warned}"


def _record(found: list[Any], cluster: Any, amiss: list[Any], can_run: bool) -> dict[str, Any]:
    return {
        "can_run": can_run,
        "machine": [asdict(one) for one in found],
        "executors": [asdict(one) for one in cluster.executors] if cluster else None,
        "n_executors": cluster.n_executors if cluster else None,
        "task_cpus": cluster.task_cpus if cluster else None,
        "amiss": [asdict(one) for one in amiss],
    }
