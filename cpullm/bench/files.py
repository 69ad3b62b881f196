"""What the benchmark writes once: its cache folder, whole files or none, and the starter in other formats."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from cpullm.cpus import usable_cpus
from cpullm.errors import MachineError
from cpullm.fetch import tell

FORMATS = ("Q8_0", "Q4_0")  # those that engines are fast with
_SPARE_BYTES = 256 << 20


def cache() -> Path:
    """The cache folder, made if it is not there: under XDG_CACHE_HOME, or else ~/.cache."""
    root = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(root).expanduser() / "cpullm" / "bench"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(f"{folder} cannot be made ({error.strerror}): set XDG_CACHE_HOME to a folder.") from error
    return folder


def stamp(path: Path) -> str:
    """A name for a file's present content, from its name, size and time."""
    facts = path.stat()
    return f"{path.stem}-{facts.st_size:x}-{facts.st_mtime_ns:x}"


@contextlib.contextmanager
def draft(target: Path, n_bytes: int) -> Iterator[Path]:
    """A path to write a file or folder to; it becomes `target` if all goes well, and is removed if not."""
    free = shutil.disk_usage(target.parent).free
    if free < n_bytes + _SPARE_BYTES:
        needed = (n_bytes + _SPARE_BYTES) / 1e9
        raise MachineError(f"{target.parent} has {free / 1e9:.1f} GB free and {needed:.1f} GB are needed: make room.")
    path = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        yield path
        os.replace(path, target)
    except OSError as error:
        raise MachineError(f"{target} cannot be written ({error.strerror or error}): make room.") from error
    finally:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        path.unlink(missing_ok=True)


def formats(model: Path) -> dict[str, Path]:
    """The file as it is, and its siblings by format, quantized from it unless they are there already."""
    return {"as it is": model, **{name: _sibling(model, name) for name in FORMATS}}


def _sibling(model: Path, name: str) -> Path:
    from cpullm.engine.quantize import quantize

    target = cache() / f"{stamp(model)}.{name}.gguf"
    if not target.exists():
        tell(f"writing {target.name}, once", True)
        with draft(target, 2 * model.stat().st_size) as path:
            quantize(model, path, name, usable_cpus())
    return target
