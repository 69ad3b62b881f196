"""The machine: system, CPU, memory, disks, name."""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cpullm import cpus, memory
from cpullm.doctor.findings import UNKNOWN, Finding, Machine
from cpullm.memory import gigabytes
from cpullm.spark import placing
from cpullm.tune.store import cpu_name

_LEAST_BYTES, _FEW_BYTES = 50_000_000, 1_000_000_000  # of a disk: too few for Spark's own files; few for a job's


def system(machine: Machine) -> Finding:
    """Distribution, kernel, machine, C library."""
    release = ""
    with suppress(OSError):
        release = (machine.root / "etc" / "os-release").read_text("utf-8", "replace")
    named = re.search(r'^PRETTY_NAME=["\']?([^"\'\n]+)', release, re.MULTILINE)
    glibc = ""
    with suppress(OSError, ValueError, AttributeError):  # another C library, or another system
        glibc = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")[2]
    parts = (named[1] if named else platform.system(), platform.release(), platform.machine(), glibc)
    name, kernel, kind, glibc = (part or UNKNOWN for part in parts)
    return Finding("system", f"{name}, kernel {kernel}, {kind}, glibc {glibc}", facts={"machine": kind, "glibc": glibc})


def cpu(machine: Machine) -> Finding:
    """Its name, how many this process may use, and why not all."""
    name, n_usable, n_all = cpu_name(machine.proc / "cpuinfo") or UNKNOWN, cpus.usable_cpus(), os.cpu_count()
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else n_usable
    why = ""
    if n_all is None or n_usable < n_all:
        why = " (its control group's quota)" if n_usable < affinity else " (its affinity)"
    value = f"{name}; {n_usable} of {n_all or UNKNOWN} CPUs may be used{why}"
    return Finding("CPU", value, facts={"cpu": name, "cpus": n_usable, "cpus_of_machine": n_all})


def memory_free(machine: Machine) -> Finding:
    """Free, of all, and the control group's limit."""
    free, total = memory.available(machine.proc, machine.cgroups), memory.total(machine.proc)
    limit = memory.limit(machine.proc, machine.cgroups)
    limited = f"; its control group may take {gigabytes(limit)}" if limit is not None else ""
    value = f"{_size(free)} free of {_size(total)}{limited}"
    return Finding("memory", value, facts={"free": free, "memory": total, "limit": limit})


def disk(machine: Machine) -> Finding:
    """Room for temporary files, models, Spark's files and what is written here, as far as on different disks."""
    by_device: dict[int, list[tuple[str, Path]]] = {}
    places = list(_places(machine))
    for what, path in places:
        by_device.setdefault(_existing(path).stat().st_dev, []).append((what, path))
    told = []
    for shared in by_device.values():
        names = ", ".join(f"{what} ({path})" for what, path in shared)
        told.append(f"{gigabytes(room(shared[0][1]))} free for {names}")
    closed = [path for _, path in places if not os.access(_existing(path), os.W_OK) or room(path) < _LEAST_BYTES]
    small = [path for _, path in places if path not in closed and room(path) < _FEW_BYTES]
    return Finding(
        "disk",
        "; ".join(told),
        fault=f"nothing can be written to {_joined(closed)}" if closed else None,
        warning=f"little room in {_joined(small)}" if small else None,
        advice="make room, or name other folders: TMPDIR, CPULLM_MODEL_CACHE, SPARK_LOCAL_DIRS, --out"
        if closed or small
        else None,
    )


def room(path: Path) -> int:
    """Bytes free where this path is, or would be made."""
    return shutil.disk_usage(_existing(path)).free


def _places(machine: Machine) -> Iterator[tuple[str, Path]]:
    yield "temporary files", Path(tempfile.gettempdir())
    yield "models of executors", placing.cache_path()
    for name in filter(None, machine.environ.get("SPARK_LOCAL_DIRS", "").split(",")):
        yield "Spark's files", Path(name.strip())
    yield "results", Path.cwd()


def _existing(path: Path) -> Path:
    """The path, or the folder in which it would be made."""
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())


def _joined(paths: list[Path]) -> str:
    return ", ".join(dict.fromkeys(map(str, paths)))


def _size(n_bytes: int | None) -> str:
    return UNKNOWN if n_bytes is None else gigabytes(n_bytes)


def host_name(machine: Machine) -> Finding:
    """Java looks its own machine's name up, and Spark does not start without an address."""
    name = socket.gethostname()
    addresses = _listed(name, machine.root / "etc" / "hosts") or _resolved(name)
    own = [address for address in addresses if _is_own(address)]
    advice = f"add a line `127.0.0.1 {name}` to /etc/hosts, or set SPARK_LOCAL_IP"
    if own or machine.environ.get("SPARK_LOCAL_IP"):
        return Finding("host name", f"{name}, {', '.join(own or addresses) or 'no address'}")
    if addresses:
        told = f"{name}, {', '.join(addresses)}"
        return Finding("host name", told, warning="no address of this machine: a cluster's driver cannot be reached",
                       advice=advice)  # fmt: skip
    return Finding("host name", name, fault="it has no address, and Spark does not start", advice=advice)


def _listed(name: str, hosts: Path) -> list[str]:
    """Its addresses in /etc/hosts: then nobody else is asked."""
    with suppress(OSError):
        lines = [line.partition("#")[0].split() for line in hosts.read_text("utf-8", "replace").splitlines()]
        return [line[0] for line in lines if name.lower() in map(str.lower, line[1:])]
    return []


def _resolved(name: str) -> list[str]:
    try:
        return list(dict.fromkeys(str(one[4][0]) for one in socket.getaddrinfo(name, None)))
    except (OSError, UnicodeError):
        return []


def _is_own(address: str) -> bool:
    """Whether this machine has the address: only then can a socket be given it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as own:
            own.bind((address, 0))
    except OSError:
        return False
    return True
