"""What a bundle's folder holds, file by file with sizes and sha256: `manifest.json`.

It is JSON with one line for each file and each field of `target`, so that install.sh reads it with sed.
Hashes find what was damaged on the way. Against somebody who changes a file and the manifest with it, only a signature
helps, or the manifest's own sha256 told by another way.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import NoneType
from typing import Any

from cpullm.bundle.folder import ProgressTold, contents, read_small, readings
from cpullm.errors import InputError
from cpullm.gguf import write_text

MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sig"
FORMAT = 1
_MOST_BYTES = 16 << 20  # a hundred thousand files
_WORD = re.compile(r"[A-Za-z0-9._-]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MADE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_TOP = {
    "install.sh": "script",
    "README.md": "guide",
    "CPULLM.md": "guide",
    "LICENSE": "licence",
    "env.tar.gz": "environment",
    "sbom.cdx.json": "bill of materials",
}
_FOLDERS = {"docs": "guide", "wheels": "wheel", "models": "model", "corpora": "corpus"}
WHAT = tuple(dict.fromkeys([*_TOP.values(), *_FOLDERS.values()]))


@dataclass(frozen=True, slots=True)
class Target:
    """What a bundle runs on: ("Linux", "x86_64", "3.11", "2.34", "3.4.30").

    `glibc` and `libstdcxx` are the least that the machine must have, None where none is needed.
    """

    system: str
    machine: str
    python: str
    glibc: str | None
    libstdcxx: str | None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not _WORD.fullmatch(value):
                raise InputError(f"target's {field.name} is {value!r}, which is no plain word")


@dataclass(frozen=True, slots=True)
class File:
    """One file: its path in the bundle with `/`, one of `WHAT` as what it is, and its version and licence if known."""

    path: str
    n_bytes: int
    sha256: str
    what: str
    version: str | None = None
    licence: str | None = None

    def __post_init__(self) -> None:
        if not all(_is_name(part) for part in self.path.split("/")):
            raise InputError(f"the path {self.path!a} leads out, or has quotes, backslashes or what cannot be printed")
        if self.path in (MANIFEST, SIGNATURE):
            raise InputError(f"{self.path} is listed, and cannot be")
        if self.n_bytes < 0 or not _SHA256.fullmatch(self.sha256) or self.what not in WHAT:
            raise InputError(f"{self.path} has a wrong size, sha256 or kind")


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a file beside its content."""

    version: str | None = None
    licence: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is in a bundle; `cpullm` is the package's version, `made` the time as 2026-01-31T12:00:00Z."""

    cpullm: str
    made: str
    target: Target
    files: tuple[File, ...]

    def __post_init__(self) -> None:
        if not _MADE.fullmatch(self.made):
            raise InputError(f"made is {self.made!r}, not a time as 2026-01-31T12:00:00Z")
        paths = [file.path for file in self.files]
        twice = next((path for path, after in zip(sorted(paths), sorted(paths)[1:], strict=False) if path == after), "")
        if twice:
            raise InputError(f"{twice} is listed twice")

    @classmethod
    def of_folder(
        cls,
        folder: Path,
        *,
        cpullm: str,
        made: str,
        target: Target,
        about: Mapping[str, About],
        told: ProgressTold | None = None,
    ) -> Manifest:
        """The manifest of all that is in the folder; `about` knows of files by their paths.

        Raises InputError for what cannot be in a bundle: links, empty folders, a file with no place in it.
        """
        found = contents(folder)
        odd = next((path for path, kind in found.items() if kind != "a file"), None)
        if odd is not None:
            raise InputError(f"{folder / odd} is {found[odd]}, which a bundle cannot hold.")
        paths = sorted(found.keys() - {MANIFEST, SIGNATURE})
        sizes = {path: (folder / path).stat().st_size for path in paths}
        files = []
        for path, reading in readings(folder, sizes, told).items():
            if isinstance(reading, str):
                raise InputError(f"{folder / path} {reading}: make the bundle again.")
            known = about.get(path, About())
            files.append(File(path, *reading, _what(path), known.version, known.licence))
        return cls(cpullm, made, target, tuple(sorted(files, key=lambda file: file.path)))

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest of the folder. Raises InputError, in one line, where there is none that can be used."""
        return cls.parsed(manifest_bytes(folder), folder / MANIFEST)

    @classmethod
    def parsed(cls, data: bytes, path: Path) -> Manifest:
        """The manifest of these bytes, which were read at `path`."""
        try:
            manifest = cls._parsed(data)
        except (ValueError, RecursionError) as error:  # InputError is one
            told = error if isinstance(error, InputError) else "is not JSON" if data else "is empty"
            raise InputError(f"{path} is no manifest that can be used ({told}): take the bundle anew.") from error
        if manifest.text().encode() != data:  # the same to a person, to Python and to sed
            raise InputError(f"{path} is not as `cpullm bundle make` writes it: take the bundle anew.")
        return manifest

    @classmethod
    def _parsed(cls, data: bytes) -> Manifest:
        facts = json.loads(data.decode("utf-8"))
        if (version := _taken(facts, "format", int)) != FORMAT:
            raise InputError(f"its format is {version} and this cpullm reads {FORMAT}")
        target = _taken(facts, "target", dict)
        needs = [_taken(target, name, str, NoneType) for name in ("glibc", "libstdcxx")]
        machine = [_taken(target, name, str) for name in ("system", "machine", "python")]
        files = tuple(_file(row) for row in _taken(facts, "files", list))
        return cls(_taken(facts, "cpullm", str), _taken(facts, "made", str), Target(*machine, *needs), files)

    @property
    def n_bytes(self) -> int:
        """How much all files are together."""
        return sum(file.n_bytes for file in self.files)

    def text(self) -> str:
        """The manifest as it is written: the same for the same."""
        target = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in asdict(self.target).items())
        files = ",\n".join(json.dumps(_row(file), ensure_ascii=False) for file in self.files)
        head = f'"format": {FORMAT},\n"cpullm": {json.dumps(self.cpullm)},\n"made": {json.dumps(self.made)}'
        return f'{{\n{head},\n"target": {{\n{target}\n}},\n"files": [\n{files}\n]\n}}\n'

    def write(self, folder: Path) -> str:
        """Write it into the folder, whole or not at all; its sha256."""
        text = self.text()
        write_text(folder / MANIFEST, text)
        return hashlib.sha256(text.encode()).hexdigest()


def manifest_bytes(folder: Path) -> bytes:
    """The manifest's bytes as they are. Raises InputError where there are none, or too many."""
    if folder.is_file():
        raise InputError(f"{folder} is a file: give the folder that `cpullm bundle make` wrote; unpack a .tar first.")
    data = read_small(folder / MANIFEST, _MOST_BYTES)
    if data is None:
        raise InputError(f"{folder} has no {MANIFEST}: give the folder that `cpullm bundle make` wrote.")
    return data


def _is_name(part: str) -> bool:
    """Whether a file may be called so: what JSON writes as it is, and sed and a shell's `read` take as it is."""
    plain = part.isprintable() and not {'"', "\\"} & set(part)
    return plain and part == part.strip() and part not in ("", ".", "..")


def _row(file: File) -> dict[str, Any]:
    row = asdict(file)
    return {"path": row.pop("path"), "bytes": row.pop("n_bytes"), **row}


def _file(row: object) -> File:
    path, n_bytes, sha256 = _taken(row, "path", str), _taken(row, "bytes", int), _taken(row, "sha256", str)
    rest = [_taken(row, name, str, NoneType) for name in ("version", "licence")]
    return File(path, n_bytes, sha256, _taken(row, "what", str), *rest)


def _taken(facts: object, name: str, *kinds: type) -> Any:
    if not isinstance(facts, dict) or name not in facts:
        raise InputError(f"{name} is missing")
    if type(facts[name]) not in kinds:
        raise InputError(f"{name} is {ascii(facts[name])[:40]}")
    return facts[name]


def _what(path: str) -> str:
    top, _, rest = path.partition("/")
    what = _FOLDERS.get(top) if rest else _TOP.get(top)
    if what is None:
        raise InputError(f"{path} has no place in a bundle: remove it.")
    return what
