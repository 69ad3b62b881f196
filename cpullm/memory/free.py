"""How much memory is free for this process: the machine's, or its control group's where that is less."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_LIMITS = ("memory.max", "memory.limit_in_bytes")  # of v2, of v1
_UNLIMITED = 1 << 62  # v1 writes nearly 2**63 where there is no limit


def available(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Bytes this process may still take: the machine's, or its control group's where that is less; None if unknown.

    Files in the page cache count as free, since the system drops them when room is needed.
    """
    rooms = [room for room in (_machine(proc, "MemAvailable:"), *_rooms(proc, cgroups)) if room is not None]
    return max(0, min(rooms)) if rooms else None


def total(proc: Path = Path("/proc")) -> int | None:
    """Bytes of the machine; None if unknown."""
    return _machine(proc, "MemTotal:")


def limit(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """The most that this process's control groups may take, in bytes; None if they are not limited."""
    limits = []
    for folder in _groups(proc, cgroups):
        for name in _LIMITS:
            with suppress(OSError, ValueError):
                limits.append(int((folder / name).read_text()))
    return min((most for most in limits if most < _UNLIMITED), default=None)


def _machine(proc: Path, name: str) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        for line in (proc / "meminfo").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return None


def _rooms(proc: Path, cgroups: Path) -> Iterator[int | None]:
    for folder in _groups(proc, cgroups):
        yield _room(folder, _LIMITS[0], "memory.current", "")
        yield _room(folder, _LIMITS[1], "memory.usage_in_bytes", "total_")


def _groups(proc: Path, cgroups: Path) -> Iterator[Path]:
    """Every group above this process that may have a limit."""
    try:
        lines = (proc / "self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        root = cgroups if controllers == "" else cgroups / "memory"
        # In a container the name may be the host's; the container's own group is then the root.
        group = root / name.strip("/")
        yield from {root, group, *(parent for parent in group.parents if parent.is_relative_to(root))}


def _room(folder: Path, limit: str, usage: str, prefix: str) -> int | None:
    try:
        most = int((folder / limit).read_text())
        used = int((folder / usage).read_text())
        pairs = [line.split() for line in (folder / "memory.stat").read_text().splitlines()]
    except (OSError, ValueError):  # no such file, or no limit: "max"
        return None
    cached = sum(int(n) for name, n in pairs if name in (f"{prefix}inactive_file", f"{prefix}active_file"))
    return most - max(0, used - cached)
