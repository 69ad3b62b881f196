"""A folder as it is: what lies in it, and sizes and sha256 of its files. No link is ever followed."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Callable, Container, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cpullm.errors import InputError

# Called with the number of bytes just read and that of all, by one thread at a time.
ProgressTold = Callable[[int, int], None]
_BLOCK_BYTES = 1 << 20
_N_READERS = 4  # hashing leaves Python's lock; a disk serves few at once


def contents(folder: Path, within: Container[str] | None = None) -> dict[str, str]:
    """What is in the folder by its path, each as "a file" or what else it is; looks only into the folders `within`.

    Without `within` all folders are looked into, and one is named only if it is empty.
    """
    found: dict[str, str] = {}
    todo = [""]
    while todo:
        at = todo.pop()
        try:
            entries = list(os.scandir(folder / at))
        except OSError as error:
            found[at or "."] = _unreadable(error)
            continue
        if not entries and at and within is None:
            found[at] = "an empty folder"
        for entry in entries:
            path = f"{at}/{entry.name}" if at else entry.name
            kind = _kind(entry)
            if kind == "a folder" and (within is None or path in within):
                todo.append(path)
            else:
                found[path] = kind
    return found


def readings(
    folder: Path, sizes: Mapping[str, int], told: ProgressTold | None = None
) -> dict[str, tuple[int, str] | str]:
    """Size and sha256 of each of these files, or why it has none; `sizes` says how large they should be, roughly."""
    n_all, lock, stopped = sum(sizes.values()), threading.Lock(), threading.Event()

    def count(n_bytes: int) -> None:
        if stopped.is_set():
            raise InputError("was not read to its end")
        if told is not None:
            with lock:
                told(n_bytes, n_all)

    def read(path: str) -> tuple[int, str] | str:
        try:
            return _reading(folder / path, count)
        except InputError as error:
            return str(error)
        except OSError as error:
            return _unreadable(error)

    paths = sorted(sizes, key=lambda path: (-sizes[path], path))  # the longest is not begun last
    with ThreadPoolExecutor(_N_READERS) as readers:
        try:
            return dict(zip(paths, readers.map(read, paths), strict=True))
        finally:
            stopped.set()  # Ctrl-C must not wait for gigabytes


def read_small(path: Path, n_most: int) -> bytes | None:
    """A small file's content, None if there is none. Raises InputError for what is no file, or no small one."""
    try:
        with open(path, "rb", opener=_open) as stream:
            data = stream.read(n_most + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path} {_unreadable(error)}: check what it is.") from error
    if len(data) > n_most:
        raise InputError(f"{path} has more than {n_most >> 10} KB, and was not made by `cpullm bundle make`.")
    return data


def _reading(path: Path, count: Callable[[int], None]) -> tuple[int, str]:
    digest, n_bytes = hashlib.sha256(), 0
    with open(path, "rb", buffering=0, opener=_open) as stream:
        before = os.fstat(stream.fileno())
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
            n_bytes += len(block)
            count(len(block))
        after = os.fstat(stream.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or n_bytes != after.st_size:
        raise InputError("changes while it is read")
    return n_bytes, digest.hexdigest()


def _open(path: str, flags: int) -> int:
    """Open a regular file itself: not where a link leads, nor a pipe that would wait for ever."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(0, "it is not a file")


def _unreadable(error: OSError) -> str:
    return f"cannot be read ({error.strerror})"


def _kind(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "a symbolic link"
    if entry.is_dir(follow_symlinks=False):
        return "a folder"
    return "a file" if entry.is_file(follow_symlinks=False) else "a special file"
