"""What a bundle carries that is no Python package, as records for the bill of materials."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cpullm.bundle.licences import opened
from cpullm.fetch import file_sha256

Kind = Literal["platform", "library", "machine-learning-model", "data"]


@dataclass(frozen=True, slots=True)
class Part:
    """One thing carried along. `kind` and `purl` are CycloneDX's; `source` is a web address.

    `path` is where it lies, in the bundle, a wheel or the environment, and tells it from others. `parts` are inside it.
    `within` is the name of the Python package that holds it.
    """

    kind: Kind
    name: str
    version: str | None = None
    sha256: str | None = None
    licence: str | None = None
    source: str | None = None
    path: str | None = None
    group: str | None = None
    purl: str | None = None
    within: str | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()


def interpreter(version: str) -> Part:
    """CPython itself."""
    source, purl = "https://www.python.org", f"pkg:generic/cpython@{version}"
    return Part("platform", "CPython", version, licence="Python-2.0", source=source, purl=purl)


def llama_cpp(wheel: Path) -> Part:
    """llama.cpp inside llama-cpp-python's wheel: its version, commit and ggml's version as its CMake files tell them.

    What they do not tell is left out. Raises InputError for what is no wheel.
    """
    with opened(wheel) as file:
        names = {name: name.rpartition("/")[2] for name in file.namelist()}
        told = ("config.cmake", "-version.cmake")
        text = {short: file.read(name).decode() for name, short in names.items() if short.endswith(told)}
    by_name = re.search(r"^libllama\.so\.(\d+\.\d+\.\d+)$", "\n".join(names.values()), re.MULTILINE)
    version = _set(text.get("llama-config-version.cmake"), "PACKAGE_VERSION") or (by_name[1] if by_name else None)
    commit = _set(text.get("llama-config.cmake"), "LLAMA_BUILD_COMMIT")
    ggml = _set(text.get("ggml-config-version.cmake"), "PACKAGE_VERSION")
    at = commit or version
    return Part(
        "library",
        "llama.cpp",
        version,
        licence="MIT",
        source="https://github.com/ggml-org/llama.cpp",
        purl="pkg:github/ggml-org/llama.cpp" + (f"@{at}" if at else ""),
        within="llama_cpp_python",
        notes={name: value for name, value in (("commit", commit), ("ggml", ggml)) if value},
    )


def shared_library(file: Path, root: Path) -> Part:
    """A shared library that was carried along in the environment at `root`."""
    where = file.relative_to(root).as_posix()
    return Part("library", file.name, sha256=file_sha256(file), path=where)


def _set(cmake: str | None, name: str) -> str | None:
    found = re.search(rf'^\s*set\({name} "?([^"\s)]+)"?\)', cmake or "", re.MULTILINE)
    return found[1] if found else None
