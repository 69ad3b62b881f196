"""A bundle's manifest: what it says, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from cpullm.bundle.manifest import MANIFEST, File, Manifest
from cpullm.bundle.verifying import verify
from cpullm.errors import InputError
from tests.bundles import CONTENT, MADE, TARGET, edit, make_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "bundle")


def _refusal(bundle: Path) -> str:
    with pytest.raises(InputError) as caught:
        Manifest.read(bundle)
    assert "\n" not in str(caught.value)
    return str(caught.value)


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
        edit(bundle, old, new)
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
        edit(bundle, old, new)
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
