"""A function called in a process of its own, so that its memory is its own and nothing of it stays.

The other side is this module run as a program: it reads the work as JSON from standard input and prints the answer.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
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
        [sys.executable, "-m", "cpullm.bench.apart"],
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


_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def main() -> None:
    """Call the function asked for, and print what it gives or the one line that says why not."""
    die_with_parent()
    # Libraries print to standard output as well; only the answer may.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    given = _called(json.load(sys.stdin))
    print(json.dumps(given), file=answers, flush=True)


def _called(work: dict[str, Any]) -> dict[str, Any]:
    module, _, name = work["function"].partition(":")
    try:
        given: dict[str, Any] = getattr(importlib.import_module(module), name)(**work["arguments"])
        return {**given, "peak_bytes": max(given.get("peak_bytes", 0), peak_bytes())}
    except CpullmError as error:
        return {"error": type(error).__name__, "message": str(error)}
    except ImportError as error:
        return {"error": "MachineError", "message": f"{error}: pip install 'cpullm[bench]'."}
    except Exception as error:  # a contestant's own; the others go on
        lines = str(error).strip().splitlines() or [""]
        return {"error": "MachineError", "message": f"{type(error).__name__}: {lines[0][:300]}"}


def die_with_parent() -> None:
    """Have this process killed when its parent ends, however that ends; where the system can (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def peak_bytes(pid: int | str = "self") -> int:
    """The most memory a process has held at once, with the file pages it shares; 0 if it cannot be told."""
    try:
        # Not ru_maxrss: a process begins with that of the one it was forked from.
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    if pid != "self":
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main()
