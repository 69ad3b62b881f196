"""What can be said of a model file without loading it: if it is a GGUF at all, its sha256, what its source said."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from cpullm.errors import ModelError
from cpullm.fetch import file_sha256, tell

_OLD_FORMATS = (b"ggml", b"ggmf", b"ggjt", b"ggla")
_SLOW_BYTES = 1 << 30


def check_gguf(path: Path) -> None:
    """Raise ModelError unless the file begins as a GGUF that llama.cpp reads (version 2 or 3)."""
    try:
        with path.open("rb") as stream:
            head = stream.read(512)
    except FileNotFoundError as exc:
        raise ModelError(f"{path} does not exist: check the path, or take a name from `cpullm models list`.") from exc
    except IsADirectoryError as exc:
        raise ModelError(f"{path} is a folder: give the path of the .gguf file in it.") from exc
    except OSError as exc:
        raise ModelError(f"{path} cannot be read ({exc.strerror}): check its permissions.") from exc
    version = int.from_bytes(head[4:8], "little")
    if head[:4] == b"GGUF" and version in (2, 3):
        return
    raise ModelError(f"{path} {_fault(head, version)}")


def write_text(path: Path, text: str) -> None:
    """Write a small file whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, "utf-8")
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def recorded(path: Path) -> dict[str, Any]:
    """What was noted beside the file when it was fetched: sha256, n_bytes, source, commit; empty if nothing was."""
    return _read(record_path(path))


def record(path: Path, facts: dict[str, Any]) -> None:
    """Note beside the file what its source said of it."""
    write_text(record_path(path), json.dumps(facts, indent=1) + "\n")


def record_path(path: Path) -> Path:
    """Where that is noted."""
    return path.with_name(path.name + ".json")


def _fault(head: bytes, version: int) -> str:
    if not head:
        return "is empty: delete it and pull the model again."
    if head[:4] == b"GGUF":
        return f"is a GGUF of version {version}, and llama.cpp reads 2 and 3 in little-endian order: take a newer file."
    if head[:4] in _OLD_FORMATS or head[3::-1] in _OLD_FORMATS:
        return "is in the old GGML format of before August 2023: take the model's .gguf file, or convert it."
    if head.startswith(b"version https://git-lfs"):
        return "is a git-lfs pointer, not the model: run `git lfs pull` where it came from."
    if head.startswith(b"PK\x03\x04"):
        return "is a zip archive or PyTorch checkpoint, not a GGUF: take the model's .gguf file, or convert it."
    if not any(byte < 9 for byte in head):
        what = "a web page" if head.lstrip().startswith(b"<") else "text"
        return f"is {what}, not a model: delete it and pull the model again."
    return "is not a GGUF file: take the model's .gguf file, or convert it."


def sha256_of(path: Path, cache: Path, *, anew: bool = False) -> str:
    """The file's sha256; `cache` remembers it until size, time or inode change, so that gigabytes are read once."""
    known = None if anew else _read(cache).get(str(path.resolve()))
    if isinstance(known, list) and known[:3] == _stamp(path) and len(known) == 4:
        return str(known[3])
    tell(f"reading {path.name} to check its sha256", path.stat().st_size > _SLOW_BYTES)
    return remember(path, file_sha256(path), cache)


def remember(path: Path, sha256: str, cache: Path) -> str:
    """Note a hash in the cache. One that cannot be written only costs time, so that is no error."""
    known = {**_read(cache), str(path.resolve()): [*_stamp(path), sha256]}
    with contextlib.suppress(OSError):
        write_text(cache, json.dumps(known, indent=1))
    return sha256


def _stamp(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ino]


def _read(cache: Path) -> dict[str, Any]:
    try:
        known = json.loads(cache.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
