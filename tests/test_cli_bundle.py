"""`cpullm bundle verify`: what it prints, and with which exit code."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cpullm.bundle import signature
from cpullm.bundle.manifest import MANIFEST, Manifest, Target
from cpullm.cli import main


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    (folder / "models").mkdir(parents=True)
    (folder / "install.sh").write_bytes(b"#!/bin/sh\n")
    (folder / "models" / "small.gguf").write_bytes(b"GGUF")
    target = Target("Linux", "x86_64", "3.11", "2.34", None)
    Manifest.of_folder(folder, cpullm="0.1.0", made="2026-01-31T12:00:00Z", target=target, about={}).write(folder)
    return folder


@pytest.fixture
def key(tmp_path: Path) -> Path:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("no ssh-keygen here")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    return tmp_path / "key"


def _sha256(bundle: Path) -> str:
    return hashlib.sha256((bundle / MANIFEST).read_bytes()).hexdigest()


def test_a_whole_bundle_is_told_with_the_manifests_sha256(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "verify", str(bundle)]) == 0
    assert capsys.readouterr() == (f"whole: 2 files, 0.0 GB, not signed; manifest sha256 {_sha256(bundle)}\n", "")


def test_the_current_folder_is_the_default(
    bundle: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bundle)
    assert main(["bundle", "verify"]) == 0
    assert capsys.readouterr().out.startswith("whole: 2 files")


def test_each_fault_is_a_line_and_then_their_number(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (bundle / "models" / "small.gguf").write_bytes(b"GGUE")
    (bundle / "install.sh").unlink()
    (bundle / "more").write_bytes(b"")
    assert main(["bundle", "verify", str(bundle)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == [
        "missing  install.sh", "changed  models/small.gguf", "added  more",
    ]  # fmt: skip
    assert lines[3:] == [f"3 faults in 2 files, 0.0 GB, not signed; manifest sha256 {_sha256(bundle)}"]


def test_a_good_signature_is_told(bundle: Path, key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fingerprint = signature.sign(bundle / MANIFEST, key)
    assert main(["bundle", "verify", str(bundle), "--signer", f"{key}.pub"]) == 0
    assert f", signed by {fingerprint}; manifest sha256 " in capsys.readouterr().out


def test_a_signature_that_nobody_vouches_for_is_told_so(
    bundle: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fingerprint = signature.sign(bundle / MANIFEST, key)
    assert main(["bundle", "verify", str(bundle)]) == 0
    assert f", signed by {fingerprint}, whoever that is: give --signer; manifest" in capsys.readouterr().out


def test_a_wrong_signature_is_said_first(bundle: Path, key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signature.sign(bundle / MANIFEST, key)
    Manifest.of_folder(
        bundle, cpullm="0.2.0", made="2026-01-31T12:00:00Z", target=Manifest.read(bundle).target, about={}
    ).write(bundle)
    (bundle / "install.sh").unlink()
    assert main(["bundle", "verify", str(bundle), "--signer", f"{key}.pub"]) == 1
    first, second, last = capsys.readouterr().out.splitlines()
    assert re.match(r"signature  manifest\.json: .*; nothing in this folder is to be trusted$", first)
    assert second.startswith("missing  install.sh") and ", wrongly signed; manifest" in last


def test_a_folder_that_is_no_bundle_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "verify", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "has no manifest.json: give the folder that `cpullm bundle make` wrote." in err


def test_help_says_what_hashes_do_not_guard_against(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["bundle", "verify", "--help"])
    assert "Somebody who changes a file can change the manifest with it" in " ".join(capsys.readouterr().out.split())
