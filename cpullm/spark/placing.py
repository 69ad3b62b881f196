"""The model on an executor's host: one file for all its executors, whoever brought it, checked once.

Spark gives every executor a copy of its own of what it ships. The first executor of a host puts its copy into the
host's cache under the content's sha256, after checking it; the others map that file and give theirs up. So the page
cache holds the weights once, and the disk too. The cache may be deleted whenever no job runs.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from cpullm import filesystems
from cpullm.errors import MachineError, ModelError, OptionError
from cpullm.fetch import file_sha256

CACHE_VARIABLE = "CPULLM_MODEL_CACHE"
_BLOCK_BYTES = 8 << 20


def from_spark(shipped: Path, sha256: str) -> Path:
    """The host's file for a copy that Spark brought to this executor."""
    return _placed(sha256, lambda draft: _adopt(shipped, draft), lambda cached: _give_up(shipped, cached))


def from_uri(uri: str, sha256: str) -> Path:
    """The host's file for one in HDFS, S3 or another file system that Arrow opens: brought once per host."""
    return _placed(sha256, lambda draft: _bring(uri, draft), lambda _: None)


def on_every_host(path: Path, sha256: str) -> Path:
    """The file at this path of this host, if it is the right one; hashed once as long as it does not change."""
    if not path.is_file():
        raise MachineError(f"{socket.gethostname()} has no file {path}: put the model there, or let Spark ship it.")
    with _locked(sha256) as cache:
        if not _is_checked(cache, path, sha256):
            _check(path, path, sha256, f"put the right file at {path} of that host")
            _note(cache, path, sha256)
    return path


def cache_path() -> Path:
    """Where the cache is or will be: what CPULLM_MODEL_CACHE names, else in the system's folder for temporary files."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named) if named else Path(tempfile.gettempdir(), f"cpullm-models-{os.getuid()}")


def cache_folder() -> Path:
    """The host's cache, made if need be, this user's alone: what is in it is believed."""
    folder = cache_path()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = folder.stat()
    except OSError as error:
        raise _no_cache(folder, error.strerror or str(error)) from error
    if facts.st_uid != os.getuid():
        raise _no_cache(folder, "it belongs to another user")
    return folder


def _no_cache(folder: Path, why: str) -> MachineError:
    return MachineError(
        f"{socket.gethostname()} cannot keep models in {folder} ({why}): make room there, or name another folder with "
        f"{CACHE_VARIABLE} on the executors."
    )


def _placed(sha256: str, bring: Callable[[Path], None], spare: Callable[[Path], None]) -> Path:
    """The cached file, brought and checked by the first who asks; `spare` is for those who come later."""
    with _locked(sha256) as cache:
        cached = cache / f"{sha256}.gguf"
        if _is_checked(cache, cached, sha256):
            spare(cached)
            return cached
        draft = cache / f".{sha256}.draft"  # one: whoever holds the lock may begin it anew
        draft.unlink(missing_ok=True)
        try:
            bring(draft)
            _check(draft, cached, sha256, "its disk or its memory may be at fault")
            os.replace(draft, cached)
        except OSError as error:
            raise _no_cache(cache, error.strerror or str(error)) from error
        finally:
            draft.unlink(missing_ok=True)
        _note(cache, cached, sha256)
        spare(cached)
        return cached


@contextlib.contextmanager
def _locked(sha256: str) -> Iterator[Path]:
    """The cache, for one process of this host at a time; a process that dies gives the lock back."""
    cache = cache_folder()
    try:
        lock = open(cache / f"{sha256}.lock", "w")
    except OSError as error:
        raise _no_cache(cache, error.strerror or str(error)) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield cache


def _is_checked(cache: Path, path: Path, sha256: str) -> bool:
    """Whether this very file, unchanged since, was found right before."""
    try:
        return bool(json.loads(_note_of(cache, path, sha256).read_text()) == _stamp(path))
    except (OSError, ValueError):
        return False


def _note(cache: Path, path: Path, sha256: str) -> None:
    with contextlib.suppress(OSError):  # half of it, or none, is no note: the file is hashed again
        _note_of(cache, path, sha256).write_text(json.dumps(_stamp(path)))


def _note_of(cache: Path, path: Path, sha256: str) -> Path:
    """Where it stands that the file at this path was found right."""
    return cache / f"{sha256}.{hashlib.sha256(str(path).encode()).hexdigest()[:16]}.checked"


def _stamp(path: Path) -> list[int]:
    facts = path.stat()
    return [facts.st_ino, facts.st_size, facts.st_mtime_ns]


def _check(path: Path, named: Path, sha256: str, advice: str) -> None:
    found = file_sha256(path)
    if found != sha256:
        raise ModelError(
            f"the model on {socket.gethostname()} is damaged: {named.name} has sha256 {found[:16]}… where "
            f"{sha256[:16]}… is expected; {advice}."
        )


def _adopt(shipped: Path, draft: Path) -> None:
    """Spark's copy as the draft: the same file if they are on one disk."""
    if not shipped.exists():  # it was given up for a cached one, which is gone
        raise ModelError(f"{socket.gethostname()} has lost the model that Spark brought: its cache was deleted.")
    filesystems.link_or_copy(shipped, draft)


def _give_up(shipped: Path, cached: Path) -> None:
    """Free the disk of a copy that is not needed; Spark does not bring it again as long as its name is there."""
    with contextlib.suppress(OSError):
        if not shipped.is_symlink() and not shipped.samefile(cached):
            link = shipped.with_name(f".{shipped.name}.{os.getpid()}")
            link.symlink_to(cached)
            os.replace(link, shipped)


def _bring(uri: str, draft: Path) -> None:
    from pyarrow import ArrowException

    try:
        files, path = filesystems.opened(uri)
        with files.open_input_stream(path) as stream, draft.open("wb") as into:
            while block := stream.read(_BLOCK_BYTES):
                into.write(block)
    except (ArrowException, OptionError, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise  # this host's fault, not the other's
        raise MachineError(
            f"{socket.gethostname()} cannot bring the model from {uri}: {filesystems.told(error)}"
        ) from error
