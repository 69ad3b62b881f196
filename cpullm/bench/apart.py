"""A function called in a process of its own, so that its memory is its own and nothing of it stays."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import IO, Any

from cpullm import errors
from cpullm.errors import CpullmError, MachineError

LIMIT_SECONDS = 900.0


def call(function: Callable[..., dict[str, Any]], /, **arguments: Any) -> dict[str, Any]:
    """What a module's function gives for these arguments, both as JSON, and its process's `peak_bytes` beside it.

    Raises what the function raised if that is a CpullmError, else MachineError.
    """
    work = {"function": f"{function.__module__}:{function.__qualname__}", "arguments": arguments}
    with tempfile.TemporaryFile() as told, _started(told) as process:
        try:
            answer, _ = process.communicate(json.dumps(work).encode(), LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            raise MachineError(f"{_name(function)} took longer than {LIMIT_SECONDS:.0f} s and was ended.") from None
        finally:
            _end(process)
        told.seek(0)
        return _given(function, answer, process.returncode, told.read().decode("utf-8", "replace"))


def _started(told: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "cpullm.bench.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=told,
        start_new_session=True,  # Ctrl-C reaches this process alone, which ends the other
    )


def _name(function: Callable[..., Any]) -> str:
    return f"{function.__module__.rpartition('.')[2]}.{function.__name__}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and what it started, if it has not ended by itself."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _given(function: Callable[..., Any], answer: bytes, code: int, told: str) -> dict[str, Any]:
    try:
        given = json.loads(answer)
    except ValueError:
        lines = [line.strip() for line in told.splitlines() if line.strip()] or ["it said nothing"]
        raise MachineError(f"{_name(function)} ended with code {code}: {lines[-1][:300]}") from None
    if "error" in given:
        kind = getattr(errors, given["error"], MachineError)
        raise (kind if issubclass(kind, CpullmError) else MachineError)(given["message"])
    return dict(given)
