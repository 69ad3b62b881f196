"""On what a benchmark ran: CPU, memory, versions, and how busy the machine was before."""

from __future__ import annotations

import os
import platform
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cpullm.worker import usable_cpus

_PACKAGES = ("cpullm", "llama-cpp-python", "openvino-genai", "ctranslate2", "pyspark", "numpy")


def facts() -> dict[str, Any]:
    """What a reader needs to judge the figures."""
    return {
        "cpu": _cpu(),
        "cores": usable_cpus(),
        "memory_bytes": _memory_bytes(),
        "system": platform.platform(),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}},
        "load_average_before": list(os.getloadavg()),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
