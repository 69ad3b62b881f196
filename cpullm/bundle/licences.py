"""What a wheel says of itself: name, version and licence."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

from cpullm.errors import InputError

_MOST_LETTERS = 100  # more is a licence's text, not its name
_NO_LICENCE = ("", "unknown", "none", "dual license", "license")


@dataclass(frozen=True, slots=True)
class WheelFacts:
    """From a wheel's METADATA; the licence is an SPDX expression where the wheel has one, else the name it gives."""

    name: str
    version: str
    licence: str | None


@contextlib.contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The wheel's files. Raises InputError for what is no wheel."""
    try:
        with zipfile.ZipFile(path) as wheel:
            yield wheel
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a wheel: its files cannot be read.") from error


def wheel_facts(path: Path) -> WheelFacts:
    """The facts of a wheel. Raises InputError for what is no wheel."""
    with opened(path) as wheel:
        name = next(filter(_is_metadata, wheel.namelist()), None)
        if name is None:
            raise InputError(f"{path} is not a wheel: it has no METADATA.")
        metadata = HeaderParser().parsestr(wheel.read(name).decode("utf-8", "replace"))
    return WheelFacts(str(metadata["Name"]), str(metadata["Version"]), licence(metadata))


def licence(metadata: Message) -> str | None:
    """The licence by License-Expression, else by License if that is a name, else by the classifiers."""
    for field in ("License-Expression", "License"):
        text = str(metadata[field] or "").strip()
        if text.lower() not in _NO_LICENCE and "\n" not in text and len(text) <= _MOST_LETTERS:
            return text
    classifiers = [str(value) for value in metadata.get_all("Classifier", [])]
    names = [value.rpartition(" :: ")[2] for value in classifiers if value.startswith("License :: ")]
    return ", ".join(name for name in names if name != "OSI Approved") or None


def _is_metadata(name: str) -> bool:
    folder, _, file = name.partition("/")
    return folder.endswith(".dist-info") and file == "METADATA"
