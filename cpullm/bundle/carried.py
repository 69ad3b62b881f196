"""The models and texts that a bundle carries along: from where, under which path and which licence."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cpullm import catalog
from cpullm.bundle.manifest import File
from cpullm.bundle.parts import Kind, Part
from cpullm.errors import InputError
from cpullm.fetch import file_sha256
from cpullm.filesystems import link_or_copy
from cpullm.gguf import record_path
from cpullm.installed import SAMPLE, Bundled


@dataclass(frozen=True, slots=True)
class Carried:
    """One file, and its path in the bundle; licence, web address, revision and sha256 as far as they are known."""

    file: Path
    path: str
    licence: str | None = None
    source: str | None = None
    revision: str | None = None
    sha256: str | None = None

    @property
    def part(self) -> Part:
        """What the bill of materials says of it."""
        kind: Kind = "machine-learning-model" if self.path.endswith(".gguf") else "data"
        name, sha256 = self.path.partition("/")[2], self.sha256 or file_sha256(self.file)
        return Part(kind, name, self.revision, sha256, self.licence, self.source, self.path)


def find(models: Sequence[str], books: Sequence[str]) -> tuple[list[Carried], Bundled]:
    """The files of models and books by name or path, fetched if need be, and what is told to who installs the bundle.

    Raises InputError for what cannot be in a bundle, before minutes of work.
    """
    found = [one for model in models for one in _model(model)]
    tops = dict.fromkeys((catalog.resolve_corpus(book).resolve(), book) for book in books)
    found += [one for path, book in tops for one in _texts(path, book)]
    carried = {(one.file, one.path): one for one in found}.values()
    taken: dict[str, Path] = {}
    for one in carried:
        _refuse(one)
        if taken.setdefault(one.path, one.file) != one.file:
            raise InputError(f"{taken[one.path]} and {one.file} have the same name: rename one.")
    return list(carried), Bundled(Path(found[0].path).name, tuple(dict.fromkeys(path.name for path, _ in tops)))


def bring(carried: Sequence[Carried], draft: Path) -> None:
    """Put the files into the bundle's folder; large ones as a second name of the same file, where that can be."""
    for one in carried:
        place = draft / one.path
        place.parent.mkdir(parents=True, exist_ok=True)
        if one.path.startswith("models/"):
            link_or_copy(one.file, place)
        else:
            shutil.copyfile(one.file, place)


def _model(name: str) -> Iterator[Carried]:
    """The model's file, and what the hub said of it."""
    model = catalog.resolve_model(name)
    file, entry = model.path.resolve(), model.entry
    licence, source, revision = (entry.licence, entry.url, entry.revision) if entry else (None, None, None)
    yield Carried(file, f"models/{model.path.name}", licence, source, revision, model.sha256)
    if record_path(model.path).exists():
        yield Carried(record_path(model.path).resolve(), f"models/{record_path(model.path).name}")


def _texts(path: Path, name: str) -> Iterator[Carried]:
    """The book's file, or all files of a folder."""
    entry = catalog.corpus_entry(name)
    if path.is_file():
        licence = "public domain in the USA" if entry else "CC0-1.0" if name == SAMPLE else None
        yield Carried(path, f"corpora/{path.name}", licence, entry.url if entry else None)
        return
    for folder, _, names in os.walk(path, followlinks=True):
        for file in (Path(folder, one) for one in sorted(names)):
            if not file.is_file():
                raise InputError(f"{file} is no file, or a link to none: remove it from the folder.")
            yield Carried(file, f"corpora/{path.name}/{file.relative_to(path).as_posix()}")


def _refuse(one: Carried) -> None:
    try:
        File(one.path, 0, "0" * 64, "model" if one.path.startswith("models/") else "corpus")
    except InputError as error:
        raise InputError(f"{one.file} cannot be in a bundle ({error}): rename it.") from error
