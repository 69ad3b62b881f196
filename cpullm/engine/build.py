"""How the llama.cpp in use was compiled."""

from __future__ import annotations

from cpullm.engine.bindings import c


def uses_openmp() -> bool:
    """Whether threads are OpenMP's, which read how to wait from the environment when they are loaded."""
    return b"OPENMP = 1" in c.llama_print_system_info()
