"""Paths and URIs alike: a folder of a disk, of HDFS or of S3, by Arrow's file systems."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from cpullm.errors import OptionError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_SCHEMES = ("file", "hdfs", "viewfs", "s3")


@functools.lru_cache(maxsize=8)
def opened(uri: str) -> tuple[FileSystem, str]:
    """The file system that a URI or a path names, and the path in it. Raises OptionError if there is none."""
    from pyarrow import ArrowException
    from pyarrow.fs import FileSystem, LocalFileSystem

    if not is_uri(uri):
        return LocalFileSystem(), uri
    if uri.partition("://")[0] not in _SCHEMES:
        raise OptionError(f"{uri} cannot be opened: a path, hdfs://… and s3://… can.")
    try:
        files, path = FileSystem.from_uri(uri)
    except (ArrowException, OSError, ValueError) as error:
        raise OptionError(f"{uri} cannot be opened: {told(error)}. A path, hdfs://… and s3://… can.") from error
    return files, path


def is_uri(place: str) -> bool:
    """Whether this is a URI, and no path."""
    return "://" in place


def told(error: BaseException) -> str:
    """The first line of an error, without Arrow's own detail."""
    lines = (getattr(error, "strerror", None) or str(error)).splitlines() or [type(error).__name__]
    return str(lines[0])[:300]


def link_or_copy(source: Path, target: Path) -> None:
    """The same file under another name if both are on one file system, else a copy."""
    try:
        target.hardlink_to(source.resolve())
    except FileExistsError:  # to copy would be to write into it, and into all other names of it
        raise
    except OSError:
        shutil.copyfile(source, target)
