"""The bill of materials, CycloneDX 1.6 as JSON: what cyclonedx-py finds in the environment, and what it cannot see.

The same bundle gives the same file: there is no serial number, and the time is the one given.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cpullm.bundle.licences import wheel_facts
from cpullm.bundle.parts import Part
from cpullm.errors import MachineError
from cpullm.fetch import file_sha256
from cpullm.gguf import write_text

SBOM = "sbom.cdx.json"
_ROOT = "cpullm-bundle"
_OPTIONS = ("--sv", "1.6", "--of", "JSON", "--output-reproducible", "--no-validate", "-o", "-")


def write_sbom(folder: Path, python: Path, parts: Sequence[Part], *, cpullm: str, made: str) -> None:
    """Write the bill of materials of the bundle in this folder.

    Packages are those of the environment whose interpreter is `python`, and of the folder's wheels. `cpullm` is the
    package's version and `made` the time as 2026-01-31T12:00:00Z. Raises MachineError where cyclonedx-py is missing or
    fails, and InputError for a damaged wheel.
    """
    bill = _of_environment(python, made)
    packages = {(_same(one["name"]), one["version"]): _public(one) for one in bill.get("components", [])}
    for wheel in sorted(folder.glob("wheels/*.whl")):
        part = _wheel(wheel)
        found = packages.setdefault((_same(part.name), part.version), {"bom-ref": f"{part.name}=={part.version}"})
        found |= _component(part) | found | {"hashes": _hashes(part)}
    refs = {name: component["bom-ref"] for (name, _), component in packages.items()}
    components = [*packages.values(), *(_component(part) | {"bom-ref": _ref(part)} for part in parts)]
    root = {"type": "application", "bom-ref": _ROOT, "name": _ROOT, "version": cpullm}
    bill["metadata"] |= {"timestamp": made, "component": root}
    bill["components"] = sorted(components, key=lambda component: str(component["bom-ref"]))
    bill["dependencies"] = _dependencies(bill.get("dependencies", []), parts, refs)
    write_text(folder / SBOM, json.dumps(bill, indent=1, sort_keys=True) + "\n")


def _of_environment(python: Path, made: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "cyclonedx_py", "environment", *_OPTIONS, str(python)]
    seconds = int(datetime.fromisoformat(made.replace("Z", "+00:00")).timestamp())
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(seconds)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if "No module named cyclonedx_py" in done.stderr:
        raise MachineError("the bill of materials needs cyclonedx-bom: pip install 'cpullm[bundle]'.")
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["nothing"]
        raise MachineError(f"cyclonedx-py failed for {python} and says: {lines[-1]}")
    bill: dict[str, Any] = json.loads(done.stdout)
    return bill


def _public(component: dict[str, Any]) -> dict[str, Any]:
    """A package without the paths of the machine it was installed on."""
    references = [one for one in component.get("externalReferences", []) if not one["url"].startswith("file:")]
    rest = {name: value for name, value in component.items() if name != "externalReferences"}
    return rest | ({"externalReferences": references} if references else {})


def _wheel(path: Path) -> Part:
    facts = wheel_facts(path)
    purl = f"pkg:pypi/{_same(facts.name)}@{quote(facts.version, safe='')}"
    where = f"wheels/{path.name}"
    return Part("library", facts.name, facts.version, file_sha256(path), facts.licence, path=where, purl=purl)


def _same(name: str) -> str:
    """A package's name as PyPI compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _component(part: Part) -> dict[str, Any]:
    notes = ({"path": part.path} if part.path else {}) | dict(part.notes)
    facts: dict[str, Any] = {
        "type": part.kind,
        "group": part.group,
        "name": part.name,
        "version": part.version,
        "purl": part.purl or _generic(part),
        "hashes": _hashes(part),
        "licenses": _licences(part.licence),
        "externalReferences": [{"type": "distribution", "url": part.source}] if part.source else None,
        "properties": [{"name": f"cpullm:{name}", "value": value} for name, value in sorted(notes.items())],
        "components": [_component(inner) for inner in part.parts],
    }
    return {name: value for name, value in facts.items() if value}


def _hashes(part: Part) -> list[dict[str, str]] | None:
    return [{"alg": "SHA-256", "content": part.sha256}] if part.sha256 else None


def _generic(part: Part) -> str | None:
    if part.kind != "library" or not part.version:
        return None
    return f"pkg:generic/{quote(part.name, safe='')}@{quote(part.version, safe='')}"


def _licences(licence: str | None) -> list[dict[str, Any]] | None:
    """As an SPDX id or expression where it is one, else by its name."""
    if licence is None:
        return None
    spdx = importlib.import_module("cyclonedx.spdx")  # comes with cyclonedx-py
    if spdx.is_supported_id(licence):
        return [{"license": {"id": licence}}]
    return [{"expression": licence}] if spdx.is_expression(licence) else [{"license": {"name": licence}}]


def _ref(part: Part) -> str:
    return part.path or f"{part.name}=={part.version}"


def _dependencies(known: list[dict[str, Any]], parts: Sequence[Part], refs: dict[str, str]) -> list[dict[str, Any]]:
    """Who needs whom: a part is needed by the package that holds it, else by the bundle."""
    needs = {row["ref"]: set(row.get("dependsOn", [])) for row in known} | {_ROOT: set(refs.values())}
    for part in parts:
        needs.setdefault(_ref(part), set())
        needs.setdefault(refs.get(_same(part.within or ""), _ROOT), set()).add(_ref(part))
    return [{"ref": ref} | ({"dependsOn": sorted(on)} if on else {}) for ref, on in sorted(needs.items())]
