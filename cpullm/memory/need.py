"""What an engine will take of memory, told before any of it is taken.

Weights that are repacked are read from their file once, at loading, and never again: of a 7B model's 3,718 MB, dropped
from memory while it ran, 44 MB came back. The system takes such pages away when it needs room, so they do not count.
Weights used as they lie in the file do: without room for them every token would read the disk.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from cpullm.job import EngineOptions

if TYPE_CHECKING:
    from cpullm.engine.footprint import Footprints

# Measured on Python 3.11, Linux: 125 MB before the model in this process, 130-140 MB on Spark.
PYTHON_BYTES = 140_000_000
# 320-425 bytes for each token that the model knows: text, merges and their indexes (49,152 to 151,936 tokens).
VOCABULARY_BYTES_PER_TOKEN = 425
# A local session's JVM with its default heap: 470 MB (Java 17, Spark 4.3) after a run over the sample.
JVM_BYTES = 600_000_000
NAMES = {
    "weights": "weights",
    "repacked": "repacked",
    "kv": "keys and values",
    "compute": "computing",
    "worker": "Python",
    "jvm": "JVM",
}


@dataclass(frozen=True, slots=True)
class Memory:
    """What engines take, in bytes. `weights` are the file's pages in use: mapped, shared by all processes of a host.

    `repacked` is a private copy of weights in the order of the CPU's kernels; `worker` a Python process with the
    model's vocabulary; `jvm` that of a local Spark session. `read_once` are the file's pages that repacking leaves
    unused: they show in a process's size and are given back when room is needed, so `total` is without them.
    `untold` names the parts that this version of llama.cpp does not tell: they are 0 here, and more in truth.
    """

    weights: int
    repacked: int
    kv: int
    compute: int
    worker: int
    jvm: int = 0
    read_once: int = 0
    untold: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """What must be free for it to run at full speed."""
        return self.weights + self.private + self.jvm

    @property
    def private(self) -> int:
        """What every engine has for itself."""
        return self.repacked + self.kv + self.compute + self.worker

    def of_engines(self, n_engines: int) -> Memory:
        """The same for several engines of one model on one host: weights and JVM are there once."""
        parts = {name: getattr(self, name) * n_engines for name in ("repacked", "kv", "compute", "worker")}
        return replace(self, **parts)

    def __str__(self) -> str:
        parts = [(NAMES[part.name], getattr(self, part.name)) for part in fields(self) if part.name in NAMES]
        told = [f"{name} {gigabytes(n_bytes)}" for name, n_bytes in parts if n_bytes]
        return ", ".join([*told, *(f"{NAMES[part]} unknown" for part in self.untold)])


def gigabytes(n_bytes: int) -> str:
    """A size to read: `11.9 GB`, `0.38 GB`."""
    return f"{n_bytes / 1e9:.{1 if n_bytes >= 1e10 else 2}f} GB"


def estimate(model: Path, engine: EngineOptions, *, jvm: bool = False, started: bool = False) -> Memory:
    """What one engine takes. `jvm` adds a local Spark session; `started`: this Python is its process, and runs already.

    llama.cpp tells most of it, without loading anything. Raises ModelError, EngineError.
    """
    with Needs(model, jvm=jvm, started=started) as needs:
        return needs.of(engine)


class Needs:
    """One model file, to be asked what engines of it would take; see `estimate`."""

    def __init__(self, model: Path, *, jvm: bool = False, started: bool = False) -> None:
        from cpullm.engine.footprint import Footprints

        self._footprints: Footprints = Footprints(model)
        self._n_bytes = model.stat().st_size
        self._python = 0 if started else PYTHON_BYTES
        self._jvm = JVM_BYTES if jvm else 0

    def of(self, engine: EngineOptions) -> Memory:
        """What one engine takes. Raises EngineError if llama.cpp cannot make it of this model."""
        footprint = self._footprints.of(engine)
        read_once = min(footprint.repacked, self._n_bytes)
        return Memory(
            weights=self._n_bytes - read_once,
            repacked=footprint.repacked,
            kv=footprint.kv,
            compute=footprint.compute,
            worker=self._python + VOCABULARY_BYTES_PER_TOKEN * footprint.n_vocab,
            jvm=self._jvm,
            read_once=read_once,
            untold=footprint.untold,
        )

    def close(self) -> None:
        """Free the model's metadata; a second call does nothing."""
        self._footprints.close()

    def __enter__(self) -> Needs:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
