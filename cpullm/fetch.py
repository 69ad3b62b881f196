"""Bring one file whole or not at all: to a part file beside it, resumed, checked, then renamed.

Only the part file (`<name>.part`, with `<name>.part.tag` naming the server's version of it) outlives a broken
connection, Ctrl-C or a killed process; the next call goes on from it. Anything found wrong is removed.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from cpullm.errors import CpullmError, FetchError
from cpullm.installed import bundled

ATTEMPTS = 3
WAIT_SECONDS = 1.0
TIMEOUT_SECONDS = 20.0
_BLOCK_BYTES = 1 << 20
_SPARE_BYTES = 16 << 20
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a file is and what it must be; None is not checked. `token` goes to the host of `url` only."""

    url: str
    n_bytes: int | None = None
    sha256: str | None = None
    token: str | None = None


class _Broken(Exception):
    """The connection or the server failed in a way that asking again may mend."""


class NotThere(FetchError):
    """The server has no such file."""


Check = Callable[[Path], None]


def why_offline() -> str | None:
    """What forbids opening any connection, if anything does."""
    if bundled() is not None:
        return "this is a bundle, which opens no connection"
    values = (os.environ.get(name, "") for name in ("CPULLM_OFFLINE", "HF_HUB_OFFLINE"))
    is_set = any(value.strip().lower() in ("1", "true", "yes", "on") for value in values)
    return "CPULLM_OFFLINE or HF_HUB_OFFLINE is set" if is_set else None


def refuse_offline(what: str) -> None:
    """Raise if no connection may be opened."""
    if why := why_offline():
        raise FetchError(f"{what} was not opened: {why}.")


def file_sha256(path: Path) -> str:
    """The file's sha256 in hex, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def download(source: Source, target: Path, *, check: Check | None = None, progress: bool = True) -> None:
    """Bring `source` to `target`. `check` sees the finished part file and raises if it is not what was wanted."""
    refuse_offline(source.url)
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _open_alone(part, progress) as stream:
            if target.exists():  # another process brought it while this one waited for the lock
                return _remove_part(part)
            tell(f"fetching {target.name} from {urlsplit(source.url).hostname}", progress)
            _fill(source, stream, part, progress)
            finish(part, target, source.sha256, check)
    except OSError as exc:
        raise FetchError(
            f"{target} cannot be written ({exc.strerror or exc}): check the folder and its rights."
        ) from exc


def tell(text: str, progress: bool) -> None:
    """One line for the person who waits, on standard error."""
    if progress:
        print(f"cpullm: {text}", file=sys.stderr, flush=True)


def finish(part: Path, target: Path, sha256: str | None, check: Check | None = None) -> None:
    """Rename the part file if it is right, remove it if it is wrong."""
    try:
        if check is not None:
            check(part)
        if sha256 is not None and (found := file_sha256(part)) != sha256:
            raise FetchError(
                f"{target.name} came with sha256 {found} where {sha256} is expected: it was damaged on the way or "
                "changed at its source, and was removed; try again, or put the right file there yourself."
            )
    except CpullmError:
        _remove_part(part)
        raise
    os.replace(part, target)
    _remove_part(part)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the rename itself must survive a power cut
    finally:
        os.close(folder)


def resume_headers(n_part: int, tag: str, sha256: str | None) -> dict[str, str]:
    """What to ask for, given what is here. Without the server's tag or a hash, old bytes cannot be trusted."""
    if n_part == 0 or not (tag or sha256):
        return {}
    return {"Range": f"bytes={n_part}-"} | ({"If-Range": tag} if tag else {})


def first_byte(status: int, content_range: str, n_part: int) -> int | None:
    """Where the answer's body belongs: at `n_part`, at 0 (the whole file comes), or None: ask again from 0."""
    if status != 206:
        return 0
    return n_part if content_range.startswith(f"bytes {n_part}-") else None


def _fill(source: Source, stream: BinaryIO, part: Path, progress: bool) -> None:
    try:
        _receive_patiently(source, stream, part, progress)
        os.fsync(stream.fileno())
    except OSError as exc:
        if exc.errno not in _DISK_FULL:
            raise
        _remove_part(part)
        raise FetchError(f"the disk of {part.parent} is full: make room and run the same command again.") from exc
    except BaseException:
        if stream.seek(0, os.SEEK_END) == 0:
            _remove_part(part)
        raise


def _receive_patiently(source: Source, stream: BinaryIO, part: Path, progress: bool) -> None:
    """Ask until all bytes are here. An attempt that brought something new does not count against the limit."""
    from tqdm import tqdm

    failures = 0
    # disable=None: no bar where standard error is a log file.
    with tqdm(desc=part.stem, unit="B", unit_scale=True, disable=None if progress else True) as bar:
        while True:
            before = stream.seek(0, os.SEEK_END)
            try:
                return _receive(source, stream, part, bar)
            except _Broken as exc:
                failures = 1 if stream.seek(0, os.SEEK_END) > before else failures + 1
                if failures >= ATTEMPTS:
                    again = ": run the same command again, it goes on where it stopped" if before else ""
                    raise FetchError(f"{source.url} could not be fetched ({exc}){again}.") from exc
            time.sleep(WAIT_SECONDS * 2 ** (failures - 1))


def _receive(source: Source, stream: BinaryIO, part: Path, bar: Any) -> None:
    """One question and its answer's bytes, appended to the part file."""
    n_part = stream.seek(0, os.SEEK_END)
    tag_file = part.with_name(part.name + ".tag")
    tag = tag_file.read_text("utf-8") if tag_file.exists() else ""
    answer = _open(source, resume_headers(n_part, tag, source.sha256), n_part)
    if answer is None:
        return
    with answer:
        start = first_byte(answer.status, answer.headers.get("Content-Range", ""), n_part)
        new_tag = _strong_tag(answer)
        if start is None or (start and tag and new_tag and new_tag != tag):
            stream.truncate(0)
            raise _Broken("the file changed on the server")
        if start == 0:
            if n_part:
                stream.truncate(0)
            tag_file.write_text(new_tag, "utf-8")
        n_total = _n_total(answer, start, source)
        require_room(part.parent, (n_total or 0) - start)
        bar.reset(n_total)
        bar.update(start)
        while block := _read(answer):
            _write(stream, block)
            bar.update(len(block))
    n_part = stream.seek(0, os.SEEK_END)
    if n_total is not None and n_part != n_total:
        raise _Broken(f"{n_part} of {n_total} bytes came")


def _open(source: Source, headers: dict[str, str], n_part: int) -> http.client.HTTPResponse | None:
    """The server's answer; None if it says that the part file is already whole."""
    headers = {"User-Agent": "cpullm", "Accept-Encoding": "identity"} | headers
    try:
        request = urllib.request.Request(source.url, headers=headers)
        if source.token:  # unredirected: the token is for the hub, not for its storage provider
            request.add_unredirected_header("Authorization", f"Bearer {source.token}")
        answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
        return answer
    except urllib.error.HTTPError as exc:
        with exc:
            if exc.code != 416:
                raise _refusal(source.url, exc) from exc
            whole = exc.headers.get("Content-Range", "") == f"bytes */{n_part}"
        return None if whole else _open(source, {}, 0)
    except ValueError as exc:
        raise FetchError(f"{source.url!r} is not a web address ({exc}).") from exc
    except (OSError, http.client.HTTPException) as exc:
        raise _Broken(str(getattr(exc, "reason", exc))) from exc


def _refusal(url: str, answer: urllib.error.HTTPError) -> Exception:
    if answer.code >= 500 or answer.code in (408, 429):
        return _Broken(f"HTTP {answer.code}")
    if answer.code in (401, 403):
        return FetchError(f"{url} refuses access (HTTP {answer.code}): accept its licence there and set HF_TOKEN.")
    if answer.code in (404, 410):
        return NotThere(f"{url} does not exist (HTTP {answer.code}): it may have been moved.")
    return FetchError(f"{url} answers HTTP {answer.code} {answer.reason}.")


def _read(answer: http.client.HTTPResponse) -> bytes:
    try:
        return answer.read1(_BLOCK_BYTES)  # what is there: a slow line must not lose a block when it breaks
    except (OSError, http.client.HTTPException) as exc:
        raise _Broken(str(exc) or type(exc).__name__) from exc


def _strong_tag(answer: http.client.HTTPResponse) -> str:
    tag = answer.headers.get("ETag", "")
    return "" if tag.startswith("W/") else tag or answer.headers.get("Last-Modified", "")


def _n_total(answer: http.client.HTTPResponse, start: int, source: Source) -> int | None:
    length = answer.headers.get("Content-Length", "")
    n_total = start + int(length) if length.isdigit() else source.n_bytes
    if source.n_bytes is not None and n_total != source.n_bytes:
        raise FetchError(f"{source.url} has {n_total} bytes where {source.n_bytes} were expected: it is another file.")
    return n_total


def require_room(folder: Path, n_bytes: int) -> None:
    """Raise before anything is written if the disk has no room for that many bytes more."""
    free, needed = shutil.disk_usage(folder).free, n_bytes + _SPARE_BYTES
    if n_bytes > 0 and free < needed:
        raise FetchError(f"{folder} has {free / 1e6:.0f} MB free and {needed / 1e6:.0f} MB are needed: make room.")


def _write(stream: BinaryIO, block: bytes) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[stream.write(rest) :]


def _remove_part(part: Path) -> None:
    part.unlink(missing_ok=True)
    part.with_name(part.name + ".tag").unlink(missing_ok=True)


def _open_alone(part: Path, progress: bool) -> BinaryIO:
    """The part file, locked: two processes never write one file. A lock dies with its process."""
    while True:
        stream = open(part, "ab", buffering=0)
        _lock(stream, part.stem, progress)
        try:
            if os.path.samestat(os.fstat(stream.fileno()), part.stat()):
                return stream
        except FileNotFoundError:
            pass
        stream.close()  # the one who held the lock renamed or removed this file: look again


def _lock(stream: BinaryIO, name: str, progress: bool) -> None:
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        tell(f"another process is fetching {name}; waiting for it", progress)
        fcntl.flock(stream, fcntl.LOCK_EX)
    except OSError:
        return  # some network file systems cannot lock; size and hash still find a mixed-up file
