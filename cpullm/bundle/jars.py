"""The Java libraries that pyspark brings, as parts of the bill of materials."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from cpullm.bundle.licences import opened
from cpullm.bundle.parts import Part

_PROPERTIES = re.compile(r"META-INF/maven/[^/]+/[^/]+/pom\.properties")
_NAME = re.compile(r"(?P<name>.+?)-(?P<version>\d.*)")


def jars(wheel: Path) -> list[Part]:
    """Every jar in pyspark's wheel, with what is shaded into it. Raises InputError for what is no wheel.

    A jar made by Maven says its group, artifact and version itself; of another the file's name is all there is.
    All are read for their sha256: 480 MB, some seconds.
    """
    with opened(wheel) as file:
        return [_part(name, file.read(name)) for name in sorted(file.namelist()) if name.endswith(".jar")]


def _part(path: str, data: bytes) -> Part:
    stem, sha256, known = PurePosixPath(path).stem, hashlib.sha256(data).hexdigest(), _poms(data)
    own = max((pom for pom in known if _is_named(stem, pom)), key=lambda pom: len(pom[1]), default=None)
    shaded = tuple(_maven(pom) for pom in sorted(known - {own}))
    if own is None:
        name, version = _by_name(stem)
        part = Part("library", name, version)
    else:
        part = _maven(own, stem.removeprefix(f"{own[1]}-{own[2]}").lstrip("-"))
    return replace(part, sha256=sha256, path=path, within="pyspark", parts=shaded)


def _poms(data: bytes) -> set[tuple[str, str, str]]:
    """Group, artifact and version of all that the jar says it has; nothing of one that cannot be read."""
    found = set()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as jar:
            for name in filter(_PROPERTIES.fullmatch, jar.namelist()):
                lines = jar.read(name).decode("latin-1").splitlines()
                pom = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
                found.add((pom.get("groupId", ""), pom.get("artifactId", ""), pom.get("version", "")))
    except zipfile.BadZipFile:
        return set()
    return {pom for pom in found if all(pom)}


def _is_named(stem: str, pom: tuple[str, str, str]) -> bool:
    name = f"{pom[1]}-{pom[2]}"
    return stem == name or stem.startswith(f"{name}-")


def _maven(pom: tuple[str, str, str], classifier: str = "") -> Part:
    group, artifact, version = pom
    purl = f"pkg:maven/{quote(group)}/{quote(artifact)}@{quote(version, safe='')}"
    purl += f"?classifier={quote(classifier)}" if classifier else ""
    return Part("library", artifact, version, group=group, purl=purl)


def _by_name(stem: str) -> tuple[str, str | None]:
    found = _NAME.fullmatch(stem)
    return (found["name"], found["version"]) if found else (stem, None)
