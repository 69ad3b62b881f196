"""What a check is given, and what it finds."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cpullm import installed

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. With a `fault` no job can run; with a `warning` it can, but slowly or at a risk.

    `advice` says what to do about either. `facts` are the value's parts, for programs and for comparing machines.
    """

    name: str
    value: str
    fault: str | None = None
    warning: str | None = None
    advice: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Machine:
    """Where to look, and for which model; on an executor `model_at` is the model's path there, if it has one."""

    model: str = field(default_factory=installed.default_model)
    root: Path = Path("/")
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    model_at: str | None = None
    model_sha256: str = ""

    @property
    def proc(self) -> Path:
        """The system's facts."""
        return self.root / "proc"

    @property
    def cgroups(self) -> Path:
        """The control groups."""
        return self.root / "sys" / "fs" / "cgroup"


Check = Callable[[Machine], Finding]


def looked(checks: Mapping[str, Check], machine: Machine) -> list[Finding]:
    """What these checks find. One that fails, on a system like none it knows, hides no other."""
    return [_looked(name, check, machine) for name, check in checks.items()]


def _looked(name: str, check: Check, machine: Machine) -> Finding:
    try:
        return check(machine)
    except Exception as error:
        return Finding(name, UNKNOWN, warning=f"it could not be looked at ({type(error).__name__}: {error})")
