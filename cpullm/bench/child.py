"""The other side of `cpullm.bench.apart`: reads the work as JSON from standard input and prints the answer."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from cpullm.errors import CpullmError

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
