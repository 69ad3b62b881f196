"""Nothing in a bundle changes unseen, and it is told who signed it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cpullm.bundle import folder as folders
from cpullm.bundle import signature
from cpullm.bundle.manifest import MANIFEST, SIGNATURE, Manifest
from cpullm.bundle.verifying import Verified, verify
from cpullm.errors import CpullmError, InputError, MachineError
from tests.bundles import CONTENT, edit, make_bundle, make_key, needs_ssh_keygen, public


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "bundle")


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("keys") / "maker")


@pytest.fixture
def signed(bundle: Path, key: Path) -> Path:
    signature.sign(bundle / MANIFEST, key)
    return bundle


def _found(bundle: Path, signer: Path | None = None) -> list[tuple[str, str]]:
    return [(finding.kind, finding.path) for finding in verify(bundle, signer).findings]


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
        verified = verify(signed, public(key))
        told = subprocess.run(["ssh-keygen", "-lf", str(public(key))], capture_output=True, text=True, check=True)
        assert verified.findings == ()
        assert (verified.signature.state, verified.signature.fingerprint) == ("good", told.stdout.split()[1])

    def test_one_of_several_keys_is_enough(self, signed: Path, key: Path, tmp_path: Path) -> None:
        keys = tmp_path / "signers"
        other = public(make_key(tmp_path / "other")).read_text("utf-8")
        keys.write_text(f"# who may sign\n\n{other}{public(key).read_text('utf-8')}", "utf-8")
        assert verify(signed, keys).signature.state == "good"

    def test_without_a_signer_it_is_intact_and_its_key_told(self, signed: Path, key: Path) -> None:
        known = verify(signed, public(key)).signature.fingerprint
        assert verify(signed).signature == signature.Signature("unknown", known)
        assert _found(signed) == []

    def test_one_by_another_key_is_the_first_finding(self, signed: Path, tmp_path: Path) -> None:
        (signed / "LICENSE").unlink()
        first, second = verify(signed, public(make_key(tmp_path / "other"))).findings
        assert re.match(r"signature  manifest.json: signed by SHA256:\S+, which is no key of the signer", str(first))
        assert (second.kind, second.path) == ("missing", "LICENSE")

    def test_one_that_is_missing_is_the_first_finding(self, bundle: Path, key: Path) -> None:
        (bundle / "LICENSE").unlink()
        assert _found(bundle, public(key)) == [("signature", SIGNATURE), ("missing", "LICENSE")]

    @pytest.mark.parametrize("is_given", [True, False], ids=["signer", "no signer"])
    def test_one_of_another_manifest_is_found(self, signed: Path, key: Path, is_given: bool) -> None:
        edit(signed, "0.1.0", "0.1.1")
        (finding,) = verify(signed, public(key) if is_given else None).findings
        assert "of another manifest, or the manifest was changed after it was signed" in finding.told

    def test_one_made_for_something_else_is_found(self, bundle: Path, key: Path) -> None:
        subprocess.run(
            ["ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", "file", str(bundle / MANIFEST)], check=True
        )
        (finding,) = verify(bundle, public(key)).findings
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
        assert [one.kind for one in verify(signed, public(key)).findings] == ["signature"]
        (signed / SIGNATURE).unlink()
        assert verify(signed).findings == ()

    def test_is_made_anew_over_an_old_one(self, signed: Path, key: Path) -> None:
        edit(signed, "0.1.0", "0.1.1")
        signature.sign(signed / MANIFEST, key)
        assert verify(signed, public(key)).signature.state == "good"

    def test_a_key_in_the_agent_signs(self, bundle: Path, tmp_path: Path, agent: dict[str, str]) -> None:
        key = make_key(tmp_path / "held")
        subprocess.run(["ssh-add", "-q", str(key)], env=os.environ | agent, check=True)
        key.unlink()
        signature.sign(bundle / MANIFEST, public(key))
        assert verify(bundle, public(key)).signature.state == "good"

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
        key = make_key(tmp_path / "gone")
        key.unlink()
        with pytest.raises(InputError, match=r"manifest\.json was not signed with"):
            signature.sign(bundle / MANIFEST, public(key))
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
    bundle = make_bundle(tmp_path_factory.mktemp("made") / "bundle")
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
        verified = _verified(made, public(key))
        assert isinstance(verified, str) or verified.findings
    finally:
        (made / path).write_bytes(content)
    assert _verified(made, public(key)).findings == ()
