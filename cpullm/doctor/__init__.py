"""What this machine, and every executor of a cluster, has and lacks for summarizing.

Nothing is fetched and no connection opened, but to the cluster. What cannot be found out is unknown, never an error.

findings.py   what a check is given, and what it finds
machine.py    system, CPU, memory, disks, host name
software.py   llama.cpp, Python, packages, Java, variables
engine.py     the model, and whether an engine of it fits
cluster.py    the executors
"""

from cpullm.doctor import cluster, engine, machine, software
from cpullm.doctor.findings import Check, Finding, Machine, looked

__all__ = ["CHECKS", "Finding", "Machine", "cluster", "here"]

CHECKS: dict[str, Check] = {
    "system": machine.system,
    "CPU": machine.cpu,
    "llama.cpp": software.llama,
    "Python": software.python,
    "packages": software.packages,
    "Java": software.java,
    "memory": machine.memory_free,
    "disk": machine.disk,
    "model": engine.model,
    "threads": software.threads,
    "host name": machine.host_name,
    "environment": software.environment,
}


def here(where: Machine, *, with_engine: bool = True) -> list[Finding]:
    """What this machine has; `with_engine` if one is to run here, and not on a cluster."""
    found = looked(CHECKS, where)
    if with_engine and engine.can_be_asked(found):
        found += looked({"engine": engine.engine}, where)
    return found
