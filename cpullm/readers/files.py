"""Files and directories → Documents. A bad file among others is a Document with `error`; alone it is an InputError."""

from __future__ import annotations

import gzip
import importlib
import io
import os
import stat
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from cpullm.errors import InputError
from cpullm.readers import archive, formats, tables
from cpullm.records import Document, encodable

_MOST_BYTES = 2 << 30
_LONGEST_MESSAGE = 400


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file below a directory, its name relative to it; or why a name there cannot be read."""

    name: str
    path: Path
    error: str | None = None


def read(path: Path | str) -> Document:
    """The one document that the file at `path` holds, its id the file's name without ending.

    Raises InputError for a directory, a table, and what cannot be read; MachineError if a package is missing.
    """
    path = Path(path)
    if os.path.isdir(path):
        raise InputError(f"{_shown(path)} is a directory; give one text file in it.")
    if is_table(path):
        raise InputError(f"{_shown(path)} is a table, each row a document of its own; read it with read_all.")
    return documents_of(_bytes(path), str(path))[0]


def read_all(path: Path | str, *, id_column: str | None = None, text_column: str | None = None) -> Iterator[Document]:
    """The documents of a file, of a table's rows, or of all files below a directory, one file in memory at a time.

    In a directory ids are the files' paths in it, `path#id` for a table's rows; hidden files are left out, and what
    cannot be read is a Document with `error`. Raises InputError, and MachineError if a package is missing, at once.
    """
    path = Path(path)
    if not os.path.isdir(path):
        return iter(documents_of(_bytes(path), str(path), id_column=id_column, text_column=text_column))
    entries = sorted(_entries(path), key=lambda entry: entry.name)
    if not entries:
        raise InputError(f"{_shown(path)} holds no files; give a directory that does.")
    for format_ in dict.fromkeys(formats.named(entry.name) for entry in entries if entry.error is None):
        formats.require(format_)
    return _unique(document for entry in entries for document in _documents(entry, id_column, text_column))


def documents_of(
    data: bytes, name: str, *, id_column: str | None = None, text_column: str | None = None, single: bool = True
) -> list[Document]:
    """What a file of this name holds: one document, or one per row of a table. InputError begins with the name.

    A `single` file's id is its name without folders and ending, a row's its own; else the name, and `name#id`.
    """
    try:
        data = _unpacked(data)
        if not data:
            raise InputError("is empty; give a file that holds text.")
        format_ = formats.of(data, name)
        if format_.table:
            rows = tables.parse(data, format_.reader, id_column=id_column, text_column=text_column)
            return rows if single else [replace(row, id=f"{name}#{row.id}") for row in rows]
        reader = importlib.import_module(f"cpullm.readers.{format_.reader}")
        return [reader.parse(data, _stem(name) if single else name)]
    except InputError as error:
        raise InputError(f"{_shown(name)} {_short(str(error))}") from error


def _short(message: str) -> str:
    """One line of a bounded length: a damaged file may hold names of any."""
    line, half = " ".join(message.split()), _LONGEST_MESSAGE // 2
    return line if len(line) <= _LONGEST_MESSAGE else f"{line[:half]} … {line[-half:]}"


def is_table(path: Path | str) -> bool:
    """Whether the file at `path` is a table of documents, by its name's ending or Parquet's signature."""
    path = Path(path)
    if formats.named(path.name).table or not os.path.isfile(path):
        return os.path.isfile(path)
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PAR1"
    except OSError:
        return False


def _documents(entry: _Entry, id_column: str | None, text_column: str | None) -> list[Document]:
    try:
        if entry.error is not None:
            raise InputError(entry.error)
        data = _bytes(entry.path, entry.name)
        return documents_of(data, entry.name, id_column=id_column, text_column=text_column, single=False)
    except InputError as error:
        return [Document(entry.name, "", error=str(error))]


def _entries(top: Path) -> Iterator[_Entry]:
    """Every file below a directory that is not hidden; a directory that links lead to again is read once."""
    seen: set[tuple[int, int]] = set()
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        name = folder.relative_to(top).as_posix()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            found = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        except OSError as error:
            said = f"could not be read ({error.strerror}); check its permissions."
            if folder == top:
                raise InputError(f"{_shown(top)} {said}") from error
            yield _Entry(name, folder, f"{_shown(name)} {said}")
            continue
        waiting += [path for path in reversed(found) if os.path.isdir(path)]
        yield from (_entry(path, top) for path in found if not os.path.isdir(path))


def _entry(path: Path, top: Path) -> _Entry:
    name = path.relative_to(top).as_posix()
    # Opening a pipe waits for who writes into it.
    return _Entry(name, path, None if os.path.isfile(path) else f"{_shown(name)} is no file, or a link to none.")


def _bytes(path: Path, name: str = "") -> bytes:
    """The file's content; the InputError names it `name`."""
    name = _shown(name or path)
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not (stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode)):
                raise InputError(f"{name} is no file but a device; give a file that holds text.")
            if status.st_size > _MOST_BYTES:
                raise InputError(f"{name} is of {status.st_size} bytes, more than {_MOST_BYTES}; split it.")
            return file.read()
    except FileNotFoundError:
        raise InputError(f"there is no file {name}; check its name.") from None
    except InputError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{name} could not be read ({reason}); check its name and permissions.") from error


def _unpacked(data: bytes) -> bytes:
    """The content of gzip, or the bytes as they are."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    most = archive.most_unpacked(len(data))
    parts, n_bytes = [], 0
    try:
        with gzip.open(io.BytesIO(data)) as file:
            while n_bytes <= most and (part := file.read(1 << 20)):
                parts.append(part)
                n_bytes += len(part)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"is a damaged gzip archive ({error}); get it again, or pack it anew.") from error
    if n_bytes > most:
        raise InputError(f"would unpack from {len(data)} to more than {most} bytes; it is refused.")
    if parts and parts[0].startswith(b"\x1f\x8b"):
        raise InputError("is gzip within gzip; unpack it first.")
    return b"".join(parts)


def _shown(name: Path | str) -> str:
    """The name as a message can hold it: in one line, and what is no UTF-8 as question marks."""
    return " ".join(encodable(str(name)).splitlines())


def _stem(name: str) -> str:
    plain = PurePosixPath(Path(name).name)
    return PurePosixPath(plain.stem).stem if plain.suffix.lower() == ".gz" else plain.stem


def _unique(documents: Iterable[Document]) -> Iterator[Document]:
    """The documents, ids that came before numbered: two names that are no UTF-8 may look alike."""
    seen: set[str] = set()
    for document in documents:
        id_, n = document.id, 1
        while id_ in seen:
            n += 1
            id_ = f"{document.id} ({n})"
        seen.add(id_)
        yield document if n == 1 else replace(document, id=id_)
