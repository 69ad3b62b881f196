"""A small bundle, and keys to sign it with."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from cpullm.bundle.manifest import MANIFEST, About, Manifest, Target

CONTENT = {
    "install.sh": b"#!/bin/sh\nexit 0\n",
    "README.md": b"# A bundle\n",
    "LICENSE": b"Apache\n",
    "env.tar.gz": bytes(range(256)),
    "sbom.cdx.json": b"{}\n",
    "wheels/numpy-2.0-cp311-cp311-manylinux.whl": b"PK\x03\x04numpy",
    "wheels/tqdm-4.0-py3-none-any.whl": b"PK\x03\x04tqdm",
    "models/small.gguf": b"GGUF\x03" + bytes(3000),
    "corpora/sample.txt": b"Once.\n",
}
TARGET = Target("Linux", "x86_64", "3.11", "2.34", "3.4.30")
MADE = "2026-01-31T12:00:00Z"
needs_ssh_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen here")


def make_bundle(folder: Path) -> Path:
    """The folder, filled and with its manifest."""
    for path, content in CONTENT.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    about = {"models/small.gguf": About(licence="Llama 2"), "wheels/tqdm-4.0-py3-none-any.whl": About("4.0", "MIT")}
    Manifest.of_folder(folder, cpullm="0.1.0", made=MADE, target=TARGET, about=about).write(folder)
    return folder


def make_key(path: Path, passphrase: str = "") -> Path:
    """An SSH key at this path; the public one lies beside it."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "who makes bundles", "-f", str(path)]
    subprocess.run(command, check=True)
    return path


def public(key: Path) -> Path:
    """The key's public half."""
    return key.with_name(f"{key.name}.pub")


def edit(bundle: Path, old: str, new: str) -> None:
    """Change the manifest's text."""
    text = (bundle / MANIFEST).read_text("utf-8")
    assert old in text
    (bundle / MANIFEST).write_text(text.replace(old, new, 1), "utf-8")
