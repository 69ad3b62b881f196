"""A bundle's manifest: what it says, what it refuses, who signed it, and that nothing changes unseen."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cpullm.bundle import folder as folders
from cpullm.bundle import signature
from cpullm.bundle.manifest import MANIFEST, SIGNATURE, About, File, Manifest, Target
from cpullm.bundle.verifying import Verified, verify
from cpullm.errors import CpullmError, InputError, MachineError

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


def _bundle(folder: Path) -> Path:
    for path, content in CONTENT.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    about = {"models/small.gguf": About(licence="Llama 2"), "wheels/tqdm-4.0-py3-none-any.whl": About("4.0", "MIT")}
    Manifest.of_folder(folder, cpullm="0.1.0", made=MADE, target=TARGET, about=about).write(folder)
    return folder


def _key(path: Path, passphrase: str = "") -> Path:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "who makes bundles", "-f", str(path)]
    subprocess.run(command, check=True)
    return path


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return _bundle(tmp_path / "bundle")


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _key(tmp_path_factory.mktemp("keys") / "maker")


@pytest.fixture
def signed(bundle: Path, key: Path) -> Path:
    signature.sign(bundle / MANIFEST, key)
    return bundle


def _public(key: Path) -> Path:
    return key.with_name(f"{key.name}.pub")


def _found(bundle: Path, signer: Path | None = None) -> list[tuple[str, str]]:
    return [(finding.kind, finding.path) for finding in verify(bundle, signer).findings]


def _refusal(bundle: Path) -> str:
    with pytest.raises(InputError) as caught:
        Manifest.read(bundle)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def _edit(bundle: Path, old: str, new: str) -> None:
    text = (bundle / MANIFEST).read_text("utf-8")
    assert old in text
    (bundle / MANIFEST).write_text(text.replace(old, new, 1), "utf-8")


class TestManifest:
    def test_is_read_as_it_was_written(self, bundle: Path) -> None:
        manifest = Manifest.read(bundle)
        assert (manifest.cpullm, manifest.made, manifest.target) == ("0.1.0", MADE, TARGET)
        assert [file.path for file in manifest.files] == sorted(CONTENT)
        for file in manifest.files:
            content = CONTENT[file.path]
            assert (file.n_bytes, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())

    def test_says_what_each_file_is(self, bundle: Path) -> None:
        what = {file.path.partition("/")[0]: file.what for file in Manifest.read(bundle).files}
        assert what == {
            "install.sh": "script", "README.md": "guide", "LICENSE": "licence", "env.tar.gz": "environment",
            "sbom.cdx.json": "bill of materials", "wheels": "wheel", "models": "model", "corpora": "corpus",
        }  # fmt: skip

    def test_is_json_with_a_line_for_each_file(self, bundle: Path) -> None:
        text = (bundle / MANIFEST).read_text("ascii")
        rows = json.loads(text)["files"]
        lines = [line for line in text.splitlines() if line.startswith('{"path": "')]
        assert [json.loads(line.removesuffix(",")) for line in lines] == rows
        assert re.fullmatch(r'\{"path": "LICENSE", "bytes": 7, "sha256": "[0-9a-f]{64}", "what": .*\},', lines[0])

    def test_a_shell_reads_it_with_sed(self, bundle: Path) -> None:
        line = 's/^{"path": "\\([^"]*\\)", "bytes": \\([0-9]*\\), "sha256": "\\([0-9a-f]*\\)".*/\\3  .\\/\\1/p'
        need = 's/^"glibc": "\\(.*\\)",*$/\\1/p'
        script = f"sed -n '{line}' manifest.json | sha256sum -c --quiet && sed -n '{need}' manifest.json"
        done = subprocess.run(["sh", "-c", script], cwd=bundle, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "2.34\n", "")

    def test_says_null_where_nothing_is_needed_of_the_machine(self, bundle: Path) -> None:
        target = replace(TARGET, glibc=None, libstdcxx=None)
        replace(Manifest.read(bundle), target=target).write(bundle)
        assert '"glibc": null,\n"libstdcxx": null\n' in (bundle / MANIFEST).read_text("utf-8")
        assert Manifest.read(bundle).target == target

    def test_quotes_and_line_ends_in_a_licence_stay_in_its_line(self, bundle: Path) -> None:
        manifest = Manifest.read(bundle)
        odd = replace(manifest.files[0], licence='a "b"\nc\\ü')
        replace(manifest, files=(odd, *manifest.files[1:])).write(bundle)
        assert Manifest.read(bundle).files[0] == odd
        assert len((bundle / MANIFEST).read_text("utf-8").splitlines()) == len(manifest.files) + 14

    @pytest.mark.parametrize(
        "path",
        [
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "./a",
            "",
            "a ",
            " a/b",
            "a\nb",
            "a\\b",
            'a"b',
            "a/",
            "a\u2028b",
            "\udcff",
        ],
    )
    def test_refuses_paths_that_a_shell_or_a_disk_could_take_otherwise(self, path: str) -> None:
        with pytest.raises(InputError):
            File(path, 1, "0" * 64, "wheel")

    @pytest.mark.parametrize(
        "path", ["wheels/a-1.0+local.1!2@x=y,z_0.whl", "a/b/c", "corpora/Bericht über Q3 (alt).pdf", "-rf"]
    )
    def test_takes_what_people_call_files(self, path: str) -> None:
        assert File(path, 1, "0" * 64, "wheel").path == path

    def test_a_folder_with_a_link_makes_none(self, bundle: Path) -> None:
        (bundle / "wheels" / "link.whl").symlink_to("/etc/hostname")
        with pytest.raises(InputError, match=r"link\.whl is a symbolic link"):
            Manifest.of_folder(bundle, cpullm="0", made=MADE, target=TARGET, about={})

    @pytest.mark.parametrize("path", ["notes.txt", "other/x.whl", 'wheels/"x".whl'])
    def test_a_file_with_no_place_makes_none(self, bundle: Path, path: str) -> None:
        (bundle / path).parent.mkdir(exist_ok=True)
        (bundle / path).write_bytes(b"x")
        with pytest.raises(InputError):
            Manifest.of_folder(bundle, cpullm="0", made=MADE, target=TARGET, about={})

    def test_an_empty_folder_makes_none(self, bundle: Path) -> None:
        (bundle / "wheels" / "none").mkdir()
        with pytest.raises(InputError, match="none is an empty folder"):
            Manifest.of_folder(bundle, cpullm="0", made=MADE, target=TARGET, about={})

    def test_tells_how_much_is_read(self, bundle: Path) -> None:
        told: list[tuple[int, int]] = []
        verify(bundle, told=lambda *numbers: told.append(numbers))
        n_all = sum(map(len, CONTENT.values()))
        assert (sum(n for n, _ in told), {total for _, total in told}) == (n_all, {n_all})


class TestUnusable:
    def test_one_that_is_missing(self, tmp_path: Path) -> None:
        assert "has no manifest.json: give the folder" in _refusal(tmp_path)

    @pytest.mark.parametrize("content", [b"", b"[", b"\xff\xfe", b"[" * 100_000, b"9" * 5000], ids=str)
    def test_one_that_is_not_json(self, bundle: Path, content: bytes) -> None:
        (bundle / MANIFEST).write_bytes(content)
        assert "is no manifest that can be used" in _refusal(bundle)

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ('"format": 1', '"format": 2', "its format is 2 and this cpullm reads 1"),
            ('"format": 1', '"format": true', "format is True"),
            ('"cpullm": "0.1.0",\n', "", "cpullm is missing"),
            ('"cpullm": "0.1.0"', '"cpullm": 1', "cpullm is 1"),
            ('"glibc": "2.34",\n', "", "glibc is missing"),
            ('"machine": "x86_64"', '"machine": null', "machine is None"),
            ('"machine": "x86_64"', '"machine": "x86 64"', "target's machine is 'x86 64'"),
            ('"what": "guide"', '"what": "fun"', r"README.md has a wrong size, sha256 or kind"),
            ('"bytes": 7', '"bytes": 7.0', "bytes is 7.0"),
            ('"bytes": 7', '"bytes": -7', "LICENSE has a wrong size"),
            ('"path": "README.md"', '"path": "LICENSE"', "LICENSE is listed twice"),
            ('"path": "README.md"', '"path": "../README.md"', "leads out"),
            ('"path": "README.md"', '"path": "manifest.json"', "manifest.json is listed"),
            ('"files": [', '"files": {}, "rest": [', "files is {}"),
            (MADE, "yesterday", "made is 'yesterday'"),
        ],
    )
    def test_one_with_a_field_that_cannot_be(self, bundle: Path, old: str, new: str, words: str) -> None:
        _edit(bundle, old, new)
        assert words in _refusal(bundle)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ('{"path": "README.md", "bytes"', '{"path": "LICENSE", "path": "README.md", "bytes"'),
            ('{"path": "README.md", "bytes"', '{\n"path": "README.md", "bytes"'),
            ('"format": 1,', '"format": 1, "more": 2,'),
            ("README.md", "READM\\u0045.md"),
        ],
    )
    def test_one_that_python_and_sed_would_read_differently(self, bundle: Path, old: str, new: str) -> None:
        _edit(bundle, old, new)
        assert "is not as `cpullm bundle make` writes it" in _refusal(bundle)

    def test_one_that_is_huge(self, bundle: Path) -> None:
        with (bundle / MANIFEST).open("r+b") as stream:
            stream.truncate(1 << 30)
        assert "has more than 16384 KB" in _refusal(bundle)

    def test_one_that_is_a_link(self, bundle: Path, tmp_path: Path) -> None:
        shutil.move(bundle / MANIFEST, tmp_path / "elsewhere")
        (bundle / MANIFEST).symlink_to(tmp_path / "elsewhere")
        assert "manifest.json cannot be read" in _refusal(bundle)

    def test_one_that_is_a_pipe(self, bundle: Path) -> None:
        (bundle / MANIFEST).unlink()
        os.mkfifo(bundle / MANIFEST)
        assert "it is not a file" in _refusal(bundle)

    def test_a_folder_that_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "wp.tar").write_bytes(b"")
        assert "unpack a .tar first" in _refusal(tmp_path / "wp.tar")


class TestVerify:
    def test_finds_nothing_in_a_bundle_as_it_was_made(self, bundle: Path) -> None:
        verified = verify(bundle)
        assert (verified.findings, verified.signature.state) == ((), "unsigned")
        assert verified.sha256 == hashlib.sha256((bundle / MANIFEST).read_bytes()).hexdigest()

    @pytest.mark.parametrize("path", CONTENT)
    def test_finds_one_byte_changed(self, bundle: Path, path: str) -> None:
        content = bytearray(CONTENT[path])
        content[-1] ^= 1
        (bundle / path).write_bytes(content)
        (finding,) = verify(bundle).findings
        new, old = (hashlib.sha256(one).hexdigest() for one in (content, CONTENT[path]))
        assert str(finding) == f"changed  {path}: sha256 {new} where {old} is expected"

    def test_names_size_and_sha256_of_a_file_cut_off(self, bundle: Path) -> None:
        (bundle / "LICENSE").write_bytes(b"Apa")
        (finding,) = verify(bundle).findings
        assert re.match(r"changed  LICENSE: 3 bytes, sha256 \w{64} where 7, \w{64} are expected", str(finding))

    @pytest.mark.parametrize("path", CONTENT)
    def test_finds_a_file_missing(self, bundle: Path, path: str) -> None:
        (bundle / path).unlink()
        assert _found(bundle) == [("missing", path)]

    def test_finds_a_whole_folder_missing(self, bundle: Path) -> None:
        shutil.rmtree(bundle / "wheels")
        assert _found(bundle) == [("missing", path) for path in sorted(CONTENT) if path.startswith("wheels/")]

    @pytest.mark.parametrize("path", ["a.txt", "wheels/evil.whl", ".hidden", "models/.a"])
    def test_finds_a_file_added(self, bundle: Path, path: str) -> None:
        (bundle / path).write_bytes(b"")
        assert _found(bundle) == [("added", path)]

    def test_finds_a_folder_added_and_does_not_look_into_it(self, bundle: Path) -> None:
        (bundle / "more" / "and more").mkdir(parents=True)
        (bundle / "wheels" / "empty").mkdir()
        assert _found(bundle) == [("added", "more"), ("added", "wheels/empty")]

    def test_finds_a_link_and_a_pipe_added(self, bundle: Path) -> None:
        (bundle / "link").symlink_to("install.sh")
        os.mkfifo(bundle / "pipe")
        assert [str(finding).split(": ")[1].split(" that")[0] for finding in verify(bundle).findings] == [
            "a symbolic link", "a special file",
        ]  # fmt: skip

    def test_a_link_to_the_right_content_is_not_the_file(self, bundle: Path, tmp_path: Path) -> None:
        shutil.move(bundle / "models" / "small.gguf", tmp_path / "small.gguf")
        (bundle / "models" / "small.gguf").symlink_to(tmp_path / "small.gguf")
        (finding,) = verify(bundle).findings
        assert str(finding) == "changed  models/small.gguf: a symbolic link where a file is expected"

    def test_does_not_follow_a_link_out_of_the_folder(self, bundle: Path, tmp_path: Path) -> None:
        shutil.move(bundle / "wheels", tmp_path / "wheels")
        (bundle / "wheels").symlink_to(tmp_path / "wheels")
        (finding,) = verify(bundle).findings
        assert str(finding) == "changed  wheels: a symbolic link where a folder is expected"

    def test_finds_a_folder_in_place_of_a_file(self, bundle: Path) -> None:
        (bundle / "LICENSE").unlink()
        (bundle / "LICENSE").mkdir()
        (finding,) = verify(bundle).findings
        assert str(finding) == "changed  LICENSE: a folder where a file is expected"

    def test_shows_odd_names_so_that_a_terminal_takes_no_orders(self, bundle: Path) -> None:
        (bundle / "a\x1b[2J\nwhole: 9 files").write_bytes(b"")
        (finding,) = verify(bundle).findings
        assert str(finding).startswith(r"added  'a\x1b[2J\nwhole: 9 files': ")

    def test_shows_names_that_are_no_text(self, bundle: Path) -> None:
        with open(os.fsencode(bundle) + b"/\xff", "wb"):
            pass
        (finding,) = verify(bundle).findings
        assert str(finding).startswith(r"added  '\udcff': ")

    def test_a_file_that_may_not_be_read_is_named(self, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refused(path: str, flags: int) -> int:
            if path.endswith("LICENSE"):
                raise PermissionError(13, "Permission denied", path)
            return os.open(path, flags)

        monkeypatch.setattr(folders, "_open", refused)
        (finding,) = verify(bundle).findings
        assert str(finding) == "unreadable  LICENSE: cannot be read (Permission denied)"

    @pytest.mark.skipif(os.geteuid() == 0, reason="root reads all")
    def test_a_folder_that_may_not_be_read_is_named_alone(self, bundle: Path) -> None:
        (bundle / "wheels").chmod(0)
        assert _found(bundle) == [("unreadable", "wheels")]
        (bundle / "wheels").chmod(0o755)

    def test_a_file_that_changes_while_it_is_read_is_named(self, bundle: Path) -> None:
        def grow(n_bytes: int, n_all: int) -> None:
            with (bundle / "models" / "small.gguf").open("ab") as stream:
                stream.write(b"x" if stream.tell() < 3010 else b"")

        findings = {finding.path: str(finding) for finding in verify(bundle, told=grow).findings}
        assert findings["models/small.gguf"] == "unreadable  models/small.gguf: changes while it is read"

    def test_stops_when_it_is_stopped(self, bundle: Path) -> None:
        def stop(n_bytes: int, n_all: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            verify(bundle, told=stop)


@needs_ssh_keygen
class TestSignature:
    def test_a_good_one_tells_whose_it_is(self, signed: Path, key: Path) -> None:
        verified = verify(signed, _public(key))
        told = subprocess.run(["ssh-keygen", "-lf", str(_public(key))], capture_output=True, text=True, check=True)
        assert verified.findings == ()
        assert (verified.signature.state, verified.signature.fingerprint) == ("good", told.stdout.split()[1])

    def test_one_of_several_keys_is_enough(self, signed: Path, key: Path, tmp_path: Path) -> None:
        keys = tmp_path / "signers"
        other = _public(_key(tmp_path / "other")).read_text("utf-8")
        keys.write_text(f"# who may sign\n\n{other}{_public(key).read_text('utf-8')}", "utf-8")
        assert verify(signed, keys).signature.state == "good"

    def test_without_a_signer_it_is_intact_and_its_key_told(self, signed: Path, key: Path) -> None:
        known = verify(signed, _public(key)).signature.fingerprint
        assert verify(signed).signature == signature.Signature("unknown", known)
        assert _found(signed) == []

    def test_one_by_another_key_is_the_first_finding(self, signed: Path, tmp_path: Path) -> None:
        (signed / "LICENSE").unlink()
        first, second = verify(signed, _public(_key(tmp_path / "other"))).findings
        assert re.match(r"signature  manifest.json: signed by SHA256:\S+, which is no key of the signer", str(first))
        assert (second.kind, second.path) == ("missing", "LICENSE")

    def test_one_that_is_missing_is_the_first_finding(self, bundle: Path, key: Path) -> None:
        (bundle / "LICENSE").unlink()
        assert _found(bundle, _public(key)) == [("signature", SIGNATURE), ("missing", "LICENSE")]

    @pytest.mark.parametrize("is_given", [True, False], ids=["signer", "no signer"])
    def test_one_of_another_manifest_is_found(self, signed: Path, key: Path, is_given: bool) -> None:
        _edit(signed, "0.1.0", "0.1.1")
        (finding,) = verify(signed, _public(key) if is_given else None).findings
        assert "of another manifest, or the manifest was changed after it was signed" in finding.told

    def test_one_made_for_something_else_is_found(self, bundle: Path, key: Path) -> None:
        subprocess.run(
            ["ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", "file", str(bundle / MANIFEST)], check=True
        )
        (finding,) = verify(bundle, _public(key)).findings
        assert "namespace does not match" in finding.told

    @pytest.mark.parametrize("content", [b"", b"junk", b"-----BEGIN SSH SIGNATURE-----\n"])
    def test_one_that_is_none_is_found(self, signed: Path, content: bytes) -> None:
        (signed / SIGNATURE).write_bytes(content)
        assert _found(signed) == [("signature", MANIFEST)]

    def test_one_whose_version_was_changed_is_found(self, signed: Path) -> None:
        text = (signed / SIGNATURE).read_bytes()
        assert b"\nU1NIU0lHAAAAAQ" in text  # ssh-keygen takes 0 for 1
        (signed / SIGNATURE).write_bytes(text.replace(b"\nU1NIU0lHAAAAAQ", b"\nU1NIU0lHAAAAAA"))
        assert _found(signed) == [("signature", MANIFEST)]

    def test_a_wrong_one_is_told_although_the_manifest_cannot_be_read(self, signed: Path) -> None:
        (signed / MANIFEST).write_bytes(b"[]")
        verified = verify(signed)
        assert verified.manifest is None
        assert [finding.kind for finding in verified.findings] == ["signature", "unreadable"]

    def test_who_changes_a_file_and_the_manifest_is_found_by_it_alone(self, signed: Path, key: Path) -> None:
        (signed / "install.sh").write_bytes(b"#!/bin/sh\nrm -rf /\n")
        facts = Manifest.read(signed)
        Manifest.of_folder(signed, cpullm=facts.cpullm, made=facts.made, target=facts.target, about={}).write(signed)
        assert [one.kind for one in verify(signed, _public(key)).findings] == ["signature"]
        (signed / SIGNATURE).unlink()
        assert verify(signed).findings == ()

    def test_is_made_anew_over_an_old_one(self, signed: Path, key: Path) -> None:
        _edit(signed, "0.1.0", "0.1.1")
        signature.sign(signed / MANIFEST, key)
        assert verify(signed, _public(key)).signature.state == "good"

    def test_a_key_in_the_agent_signs(self, bundle: Path, tmp_path: Path, agent: dict[str, str]) -> None:
        key = _key(tmp_path / "held")
        subprocess.run(["ssh-add", "-q", str(key)], env=os.environ | agent, check=True)
        key.unlink()
        signature.sign(bundle / MANIFEST, _public(key))
        assert verify(bundle, _public(key)).signature.state == "good"

    @pytest.fixture
    def agent(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
        told = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
        found = dict(re.findall(r"(SSH_\w+)=([^;]+);", told))
        for name, value in found.items():
            monkeypatch.setenv(name, value)
        yield found
        subprocess.run(["ssh-agent", "-k"], env=os.environ | found, capture_output=True, check=True)

    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            ("none.pub", None, "cannot be read (No such file or directory)"),
            ("empty.pub", "\n# no key\n", "is empty"),
            ("text.pub", "my key\n", "has the line 'my key'"),
            ("options.pub", 'from="*" ssh-ed25519 AAAA\n', "has the line 'from="),
        ],
    )
    def test_a_wrong_signers_file_is_refused(
        self, signed: Path, tmp_path: Path, name: str, content: str | None, words: str
    ) -> None:
        if content is not None:
            (tmp_path / name).write_text(content, "utf-8")
        with pytest.raises(InputError, match=re.escape(words)):
            verify(signed, tmp_path / name)

    def test_a_private_key_is_not_taken_for_the_signers(self, signed: Path, key: Path) -> None:
        with pytest.raises(InputError, match=r"is a private key: give the public one, .*maker\.pub"):
            verify(signed, key)

    @pytest.mark.parametrize("content", [None, "no key\n"])
    def test_what_is_no_key_does_not_sign(self, bundle: Path, tmp_path: Path, content: str | None) -> None:
        if content is not None:
            (tmp_path / "key").write_text(content, "utf-8")
        with pytest.raises(InputError, match=r"cannot be read|is not an OpenSSH key"):
            signature.sign(bundle / MANIFEST, tmp_path / "key")

    def test_a_key_that_cannot_sign_leaves_no_signature(self, bundle: Path, tmp_path: Path) -> None:
        key = _key(tmp_path / "gone")
        key.unlink()
        with pytest.raises(InputError, match=r"manifest\.json was not signed with"):
            signature.sign(bundle / MANIFEST, _public(key))
        assert not (bundle / SIGNATURE).exists()


class TestWithoutSshKeygen:
    @pytest.fixture
    def bare(self, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        (tmp_path / "bin").mkdir()
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        (bundle / SIGNATURE).write_bytes(b"some signature")
        return bundle

    @pytest.fixture
    def public(self, tmp_path: Path) -> Path:
        (tmp_path / "key.pub").write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 who\n", "utf-8")
        return tmp_path / "key.pub"

    def test_a_signer_cannot_be_checked(self, bare: Path, public: Path) -> None:
        with pytest.raises(MachineError, match=r"ssh-keygen, which is not here: install"):
            verify(bare, public)

    def test_files_are_compared_all_the_same(self, bare: Path) -> None:
        (bare / "LICENSE").unlink()
        assert (verify(bare).signature.state, _found(bare)) == ("unchecked", [("missing", "LICENSE")])

    def test_an_old_one_is_named(self, bare: Path, public: Path, tmp_path: Path) -> None:
        old = tmp_path / "bin" / "ssh-keygen"
        old.write_text("#!/bin/sh\necho 'ssh-keygen: unknown option -- Y' >&2\nexit 1\n", "utf-8")
        old.chmod(0o755)
        with pytest.raises(MachineError, match=r"cannot sign or check signatures: install OpenSSH 8\.1"):
            verify(bare, public)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, key: Path) -> Path:
    bundle = _bundle(tmp_path_factory.mktemp("made") / "bundle")
    signature.sign(bundle / MANIFEST, key)
    return bundle


def _verified(bundle: Path, signer: Path) -> Verified | str:
    try:
        return verify(bundle, signer)
    except CpullmError as error:
        return str(error)


@needs_ssh_keygen
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from([*CONTENT, MANIFEST, MANIFEST, SIGNATURE, SIGNATURE]), data=st.data())
def test_any_byte_changed_anywhere_is_found(made: Path, key: Path, path: str, data: st.DataObject) -> None:
    content = (made / path).read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    other = data.draw(st.integers(1, 255))
    try:
        (made / path).write_bytes(content[:at] + bytes([content[at] ^ other]) + content[at + 1 :])
        verified = _verified(made, _public(key))
        assert isinstance(verified, str) or verified.findings
    finally:
        (made / path).write_bytes(content)
    assert _verified(made, _public(key)).findings == ()
