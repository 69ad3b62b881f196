"""The CPUs that this process may use, which are fewer than the machine's in a container or under a scheduler."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from cpullm.errors import OptionError


def usable_cpus() -> int:
    """CPUs this process may use: its affinity and its control group's quota, not the machine's."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(affinity, _cgroup_cpus(Path("/sys/fs/cgroup")) or affinity))


def check_threads(n_threads: int | None) -> None:
    """Raise OptionError for more threads than CPUs: they wait for one another, and an answer takes hours."""
    n_cpus = usable_cpus()
    if n_threads is not None and n_threads > n_cpus:
        raise OptionError(
            f"n_threads is {n_threads}, and this process may use {n_cpus} of the CPUs of {socket.gethostname()}: more "
            "threads than CPUs are never faster. Lower n_threads, or leave it out."
        )


def _cgroup_cpus(root: Path) -> int | None:
    """CPUs of the cgroup's quota, rounded down; None where there is no quota (v2 `cpu.max`, then v1)."""
    try:
        if (root / "cpu.max").exists():
            quota, period = (root / "cpu.max").read_text().split()
        else:
            quota = (root / "cpu/cpu.cfs_quota_us").read_text()
            period = (root / "cpu/cpu.cfs_period_us").read_text()
        return max(1, int(quota) // int(period)) if int(quota) > 0 else None
    except (OSError, ValueError):
        return None
