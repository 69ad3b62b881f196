"""Zip archives, as EPUB and DOCX are, opened with care: a small file may claim to hold a whole disk."""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib

from cpullm.errors import InputError

_MOST_MEMBERS = 20_000
_MOST_UNPACKED = 1 << 30
_MOST_RATIO = 200
_FREE_UNPACKED = 32 << 20
_LONGEST = 120
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, RuntimeError, struct.error)


def opened(data: bytes, kind: str) -> zipfile.ZipFile:
    """The archive, its directory read and its claims checked; `kind` names the format in messages."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except _DAMAGE as error:
        raise InputError(f"is a damaged {kind} ({_said(error)}); get it again, or save it anew.") from error
    members = archive.infolist()
    unpacked = sum(member.file_size for member in members)
    if len(members) > _MOST_MEMBERS:
        raise InputError(f"is {kind} of {len(members)} parts, more than {_MOST_MEMBERS}; it is no document.")
    if unpacked > most_unpacked(len(data)):
        raise InputError(
            f"would unpack from {len(data)} to {unpacked} bytes, which no honest {kind} does; it is refused."
        )
    return archive


def most_unpacked(n_packed: int) -> int:
    """The most bytes that an honest file of `n_packed` bytes unpacks to."""
    return min(_MOST_UNPACKED, max(_FREE_UNPACKED, _MOST_RATIO * n_packed))


def member(archive: zipfile.ZipFile, name: str, kind: str) -> bytes:
    """The bytes of one member, no more than the directory said; InputError if it is missing or damaged."""
    try:
        with archive.open(name) as file:
            # With a size: a bare `read()` unpacks all there is and only then cuts it to what the directory said.
            return file.read(archive.getinfo(name).file_size)
    except KeyError:
        raise InputError(
            f"is a damaged {kind}: it has no {name[:_LONGEST]!r}; get it again, or save it anew."
        ) from None
    except _DAMAGE as error:
        raise InputError(
            f"is a damaged {kind}: {name[:_LONGEST]!r} cannot be unpacked ({_said(error)}); get it again."
        ) from error


def _said(error: Exception) -> str:
    """The error's message on one line; it may hold a name of 64 kB."""
    said = " ".join(str(error).split())
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]} …"
