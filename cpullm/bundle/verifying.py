"""Whether a bundle's folder holds what its manifest says, no less and no more, and who signed the manifest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from cpullm.bundle.folder import ProgressTold, contents, read_small, readings
from cpullm.bundle.manifest import MANIFEST, SIGNATURE, File, Manifest, manifest_bytes
from cpullm.bundle.signature import Signature, check
from cpullm.errors import InputError

_MOST_SIGNATURE_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was made."""

    kind: Literal["signature", "changed", "missing", "added", "unreadable"]
    path: str
    told: str

    def __str__(self) -> str:
        path = self.path if self.path.isascii() and self.path.isprintable() else ascii(self.path)
        return f"{self.kind}  {path}: {self.told}"


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found; `sha256` is the manifest's. Whole is what has no findings; a wrong signature is the first."""

    manifest: Manifest | None
    sha256: str
    signature: Signature
    findings: tuple[Finding, ...]


def verify(folder: Path, signer: Path | None = None, *, told: ProgressTold | None = None) -> Verified:
    """Compare the folder with its manifest, and the manifest's signature with the signer's public keys.

    Raises InputError where there is no manifest that can be used, or no keys in the signer's file, and MachineError
    where a signer is given and this machine cannot check signatures.
    """
    data = manifest_bytes(folder)
    signature = check(data, read_small(folder / SIGNATURE, _MOST_SIGNATURE_BYTES), signer)
    sha256 = hashlib.sha256(data).hexdigest()
    first = _of_signature(signature)
    try:
        manifest = Manifest.parsed(data, folder / MANIFEST)
    except InputError as error:
        if not first:
            raise
        return Verified(None, sha256, signature, (*first, Finding("unreadable", MANIFEST, str(error))))
    return Verified(manifest, sha256, signature, (*first, *_compared(folder, manifest, told)))


def _of_signature(signature: Signature) -> list[Finding]:
    if not signature.is_fault:
        return []
    file = SIGNATURE if signature.state == "missing" else MANIFEST
    return [Finding("signature", file, f"{signature.reason}; nothing in this folder is to be trusted")]


def _compared(folder: Path, manifest: Manifest, told: ProgressTold | None) -> list[Finding]:
    expected = {file.path: file for file in manifest.files}
    within = {str(parent) for path in expected for parent in PurePosixPath(path).parents} - {"."}
    found = contents(folder, within)
    for path in (MANIFEST, SIGNATURE):
        found.pop(path, None)
    findings = [_odd(path, kind, path in expected, path in within) for path, kind in found.items()]
    odd = [finding for finding in findings if finding is not None]
    there = {path: file.n_bytes for path, file in expected.items() if found.get(path) == "a file"}
    closed = {finding.path for finding in odd}
    gone = [path for path in expected.keys() - there.keys() if not _is_at_or_below(path, closed)]
    missing = [Finding("missing", path, "the manifest has it") for path in gone]
    changed = [_changed(expected[path], reading) for path, reading in readings(folder, there, told).items()]
    return sorted([*odd, *missing, *(one for one in changed if one)], key=lambda finding: finding.path)


def _odd(path: str, kind: str, is_expected: bool, is_parent: bool) -> Finding | None:
    """What is to be said of a thing in the folder before any file is read."""
    if kind.startswith("cannot"):
        return Finding("unreadable", path, kind)
    if is_expected or is_parent:
        wanted = "a file" if is_expected else "a folder"
        return None if kind == wanted else Finding("changed", path, f"{kind} where {wanted} is expected")
    return Finding("added", path, f"{kind} that the manifest does not have")


def _changed(file: File, reading: tuple[int, str] | str) -> Finding | None:
    if isinstance(reading, str):
        return Finding("unreadable", file.path, reading)
    n_bytes, sha256 = reading
    if reading == (file.n_bytes, file.sha256):
        return None
    if n_bytes == file.n_bytes:
        return Finding("changed", file.path, f"sha256 {sha256} where {file.sha256} is expected")
    return Finding(
        "changed", file.path, f"{n_bytes} bytes, sha256 {sha256} where {file.n_bytes}, {file.sha256} are expected"
    )


def _is_at_or_below(path: str, folders: set[str]) -> bool:
    return not folders.isdisjoint([path, *map(str, PurePosixPath(path).parents)])
