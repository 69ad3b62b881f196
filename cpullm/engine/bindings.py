"""llama.cpp's C interface, `c`. Only this module imports llama_cpp, because OpenMP reads how to wait as it is loaded.

Threads meet at barriers thousands of times a second. GCC's OpenMP spins there for a millisecond and more; beside a busy
neighbour that is time taken from the very thread that is waited for. A thousand turns, then sleep: as fast on a quiet
machine, and faster on a shared one (docs/tuning.md). Who sets OMP_WAIT_POLICY or GOMP_SPINCOUNT decides.
"""

from __future__ import annotations

import os
from typing import Any

SPIN_COUNT = "1000"


def _load() -> Any:
    chosen = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(os.environ)
    if not chosen:
        os.environ["GOMP_SPINCOUNT"] = SPIN_COUNT
    try:
        from llama_cpp import llama_cpp
    finally:
        if not chosen:
            del os.environ["GOMP_SPINCOUNT"]
    return llama_cpp


c = _load()


def uses_openmp() -> bool:
    """Whether the library in use was compiled with OpenMP; else its threads wait in a way of its own."""
    return b"OPENMP = 1" in c.llama_print_system_info()
