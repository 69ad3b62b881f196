"""llama.cpp's C interface, `c`. Only this module imports llama_cpp, because of what must happen before and after.

Before: OpenMP reads how to wait as it is loaded. Threads meet at barriers thousands of times a second. GCC's OpenMP
spins there for a millisecond and more; beside a busy neighbour that is time taken from the very thread that is waited
for. A thousand turns, then sleep: as fast on a quiet machine, and faster on a shared one (docs/tuning.md). Who sets
OMP_WAIT_POLICY or GOMP_SPINCOUNT decides.

After: compiled for every CPU, llama.cpp has its kernels in one library for each kind, and waits until it is told which
to load (GGML_CPU_ALL_VARIANTS; the bindings do not). Each says how good it is for this CPU, 0 that it cannot run here.
CPULLM_CPU names another than the best.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

from cpullm.errors import MachineError
from cpullm.job import CPU_VARIABLE

SPIN_COUNT = "1000"
_PREFIX = "libggml-cpu-"


def _load() -> Any:
    chosen = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(os.environ)
    if not chosen:
        os.environ["GOMP_SPINCOUNT"] = SPIN_COUNT
    try:
        from llama_cpp import llama_cpp

        _load_kernels(llama_cpp)
    finally:
        if not chosen:
            del os.environ["GOMP_SPINCOUNT"]
    return llama_cpp


def _load_kernels(c: Any) -> None:
    """The libraries for this CPU, if they are apart."""
    global _variant, _variants
    files = {path.stem.removeprefix(_PREFIX): path for path in Path(c.__file__).parent.glob(f"lib/{_PREFIX}*.so")}
    chosen = os.environ.get(CPU_VARIABLE)
    if not files:
        if chosen not in (None, "", _variant):
            told = f"{CPU_VARIABLE} is {chosen!r}, and this llama.cpp was compiled for one kind of CPU: unset it."
            raise MachineError(told)
        return
    try:
        scores = {name: int(ctypes.CDLL(str(path)).ggml_backend_score()) for name, path in files.items()}
    except (OSError, AttributeError) as error:
        raise MachineError(f"llama.cpp's kernels are damaged ({error}): install cpullm anew.") from error
    _variants = tuple(sorted((name for name in scores if scores[name]), key=lambda name: -scores[name]))
    _variant = chosen or _variants[0]
    if _variant not in _variants:
        raise MachineError(
            f"{CPU_VARIABLE} is {_variant!r}, which this CPU does not run: take one of {', '.join(_variants)}."
        )
    silence = c.llama_log_callback(lambda level, text, user_data: None)
    c.llama_log_set(silence, ctypes.c_void_p(0))  # it tells of every library it loads
    load = c._lib.ggml_backend_load
    load.argtypes, load.restype = [ctypes.c_char_p], ctypes.c_void_p
    loaded = load(os.fsencode(files[_variant]))
    c.llama_log_set(c.llama_log_callback(), ctypes.c_void_p(0))
    if not loaded:
        raise MachineError(f"llama.cpp does not load {files[_variant]}: install cpullm anew.")


_variant = "native"
_variants: tuple[str, ...] = ()
c = _load()


def cpu_variant() -> str:
    """Which of the libraries made for different CPUs this process runs, as `haswell`; `native` if there is but one."""
    return _variant


def cpu_variants() -> tuple[str, ...]:
    """Those that this CPU can run, the best first; none where llama.cpp was compiled for one kind of CPU."""
    return _variants


def uses_openmp() -> bool:
    """Whether the library in use was compiled with OpenMP; else its threads wait in a way of its own."""
    return b"OPENMP = 1" in c.llama_print_system_info()
