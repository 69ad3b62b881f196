"""Other processes that are busy: they are made here, and engines measured beside them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# It ends with its parent, however that ends.
_BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    sum(range(100_000))"
# OpenMP's threads sleep at once instead of spinning first. It reads this once, when it is loaded.
PASSIVE = ("OMP_WAIT_POLICY", "passive")


def n_busy(n_cpus: int) -> int:
    """As many as make half of the CPUs busy."""
    return max(1, n_cpus // 2)


@contextmanager
def busy(n: int) -> Iterator[None]:
    """While this lasts, `n` processes compute without end."""
    processes = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(n)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()
