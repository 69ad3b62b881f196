"""A bundle's install.sh: it installs what the manifest lists, or says in one line why not and leaves nothing behind.

The bundles are tiny: their Python is a script that notes what it was asked.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import shutil
import signal
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cpullm.bundle.manifest import MANIFEST, Manifest, Target
from cpullm.bundle.signature import sign
from tests.bundles import make_key
from tests.cluster import until
from tests.hosts import Disk, can_mount

SCRIPT = Path(__file__).parent.parent / "cpullm" / "bundle" / "install.sh"
PYTHON = """\
#!/bin/sh
echo "$@ ${PYTHONHOME-} ${PYTHONPATH-}" >>"$(dirname "$0")/asked"
[ -z "${BROKEN-}" ] || exit 1
[ -z "${HOLD-}" ] || : >"$HOLD"
until [ -z "${HOLD-}" ] || [ -e "$HOLD.go-on" ]; do sleep 0.1; done
"""
CPULLM = '#!/bin/sh\necho "doctor: well"\n'
SPARK = "wheels/pyspark-4.0.1-py3-none-any.whl"
CONTENT = {
    "README.md": b"# A bundle\n", "LICENSE": b"Apache\n", "sbom.cdx.json": b"{}\n", SPARK: b"PK",
    "wheels/numpy-2.0-cp311-cp311-manylinux.whl": b"PK", "models/a.gguf": b"GGUF", "corpora/b.txt": b"Once.\n",
    "docs/c.md": b"# C\n",
}  # fmt: skip
INSTALLED = {"README.md", "LICENSE", "sbom.cdx.json", "models/a.gguf", "corpora/b.txt", "docs/c.md", MANIFEST}
SHELLS = {"sh": ["sh"], "dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "sh"]}
needs_ssh_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen here")
in_every_shell = pytest.mark.parametrize("bundle", [name for name in SHELLS if shutil.which(name)], indirect=True)
pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="bundles are for glibc")


@dataclass(frozen=True)
class Bundle:
    """A bundle, and the shell that installs it into the folder `to`."""

    folder: Path
    to: Path
    shell: list[str]

    def start(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """The script at work, in a process group of its own."""
        return subprocess.Popen(
            [*self.shell, self.folder / "install.sh", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=self.folder.parent,
            env={**os.environ, **(env or {})},
        )

    def install(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> tuple[int, str, str]:
        """Its exit code, output and errors."""
        process = self.start(*arguments, env=env)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def installs(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> str:
        """What it says as it installs the bundle; what is then in the folder must be the bundle's."""
        code, out, err = self.install(*arguments, self.to, env=env)
        assert (code, err) == (0, ""), err
        assert {path for path in _files(self.to) if not path.startswith("env/")} == INSTALLED
        return out

    def refuses(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> str:
        """The one line with which it does not; nothing is there that was not before."""
        before = _files(self.to.parent)
        code, _, err = self.install(*arguments, self.to, env=env)
        assert code == 1 and err.startswith("install.sh: ") and err.count("\n") == 1, err
        assert _files(self.to.parent) == before
        return err

    def drafts(self) -> list[Path]:
        """What is there half-written."""
        return list(self.to.parent.glob(f"{self.to.name}.part.*"))

    def asked(self) -> list[str]:
        """What its Python was asked."""
        return (self.to / "env/bin/asked").read_text().splitlines()


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def _archive(path: Path, n_bytes: int) -> None:
    files = {"bin/python": PYTHON.encode(), "bin/cpullm": CPULLM.encode(), "lib/zeros": bytes(n_bytes)}
    with tarfile.open(path, "w:gz") as tar:
        for name, content in {**files, "lib/noise": os.urandom(100_000)}.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))


def _bundle(folder: Path, glibc: str | None = "2.17", n_bytes: int = 0) -> Path:
    for path, content in CONTENT.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    shutil.copy(SCRIPT, folder)
    _archive(folder / "env.tar.gz", n_bytes)
    target = Target("Linux", platform.machine(), "3.11", glibc, None)
    Manifest.of_folder(folder, cpullm="0.1.0", made="2026-01-31T12:00:00Z", target=target, about={}).write(folder)
    return folder


def _tool(folder: Path, name: str, text: str) -> dict[str, str]:
    """The environment in which a program is another."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.fixture
def bundle(tmp_path: Path, request: pytest.FixtureRequest) -> Bundle:
    (tmp_path / "to").mkdir()
    return Bundle(_bundle(tmp_path / "bundle"), tmp_path / "to/cpullm", SHELLS[getattr(request, "param", "sh")])


@pytest.fixture
def signed(bundle: Bundle) -> Bundle:
    sign(bundle.folder / MANIFEST, make_key(bundle.folder.parent / "key"))
    return bundle


@in_every_shell
def test_what_the_manifest_lists_is_installed(bundle: Bundle) -> None:
    out = bundle.installs()
    assert "Checking 10 files" in out and "doctor: well" in out
    assert f"manifest sha256 {hashlib.sha256((bundle.folder / MANIFEST).read_bytes()).hexdigest()}\n" in out
    assert out.endswith(f"Installed in {bundle.to}: the command is {bundle.to}/env/bin/cpullm\n")


def test_spark_is_installed_from_the_listed_wheel(bundle: Bundle) -> None:
    (bundle.folder / "wheels/pyspark-99.0-py3-none-any.whl").write_bytes(b"not ours")
    bundle.installs()
    [pip] = [line for line in bundle.asked() if " pip " in line]
    assert pip.rstrip().endswith(f" {bundle.folder}/{SPARK}") and "--no-index" in pip and "--no-deps" in pip


def test_without_spark_none_is_installed(bundle: Bundle) -> None:
    bundle.installs("--without-spark")
    assert not any("pip" in line for line in bundle.asked())


@in_every_shell
def test_paths_may_have_spaces(tmp_path: Path, bundle: Bundle) -> None:
    shutil.move(bundle.folder, tmp_path / "the bundle")
    spaced = Bundle(tmp_path / "the bundle", tmp_path / "to/my own/new cpullm", bundle.shell)
    spaced.installs()
    assert spaced.asked()


@pytest.mark.parametrize("name", ["here", "here/", "./new/here"])
def test_a_folder_may_be_named_from_here(bundle: Bundle, name: str) -> None:
    code, out, err = bundle.install(name)
    assert code == 0, err
    assert f"Installed in {bundle.folder.parent / name}:" in out


@in_every_shell
def test_the_script_may_be_named_from_anywhere(bundle: Bundle, tmp_path: Path) -> None:
    """With CDPATH, `cd` tells where it went, and goes elsewhere first."""
    (tmp_path / "elsewhere/bundle").mkdir(parents=True)
    Bundle(Path("bundle"), bundle.to, ["env", f"--chdir={tmp_path}", *bundle.shell]).installs(
        env={"CDPATH": str(tmp_path / "elsewhere")}
    )


def test_a_bundle_that_needs_no_glibc_is_installed(bundle: Bundle) -> None:
    shutil.rmtree(bundle.folder)
    _bundle(bundle.folder, glibc=None)
    bundle.installs()


@pytest.mark.parametrize(
    ("tool", "text", "told"),
    [
        ("uname", 'case $1 in -s) echo Linux ;; *) echo riscv64 ;; esac', "is Linux riscv64 with glibc"),
        ("uname", f"case $1 in -s) echo FreeBSD ;; *) echo {platform.machine()} ;; esac", "is FreeBSD"),
        ("getconf", "echo glibc 2.9", "with glibc 2.17 or later, and this machine is"),
        ("getconf", "exit 1", "with another C library than glibc"),
    ],
    ids=["another machine", "another system", "an old glibc", "no glibc"],
)  # fmt: skip
def test_a_machine_that_the_bundle_is_not_for(bundle: Bundle, tmp_path: Path, tool: str, text: str, told: str) -> None:
    assert told in bundle.refuses(env=_tool(tmp_path / "tools", tool, text))


@pytest.mark.parametrize("path", ["install.sh", "env.tar.gz", SPARK, "models/a.gguf", "corpora/b.txt", "docs/c.md"])
def test_a_damaged_file_is_named(bundle: Bundle, path: str) -> None:
    content = (bundle.folder / path).read_bytes()
    (bundle.folder / path).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    if path == "install.sh":  # its last byte ends its last line
        (bundle.folder / path).write_bytes(content + b"\n")
    assert f"{path} is damaged (sha256 " in bundle.refuses()


@in_every_shell
def test_a_missing_file_is_named(bundle: Bundle) -> None:
    (bundle.folder / "models/a.gguf").unlink()
    assert "models/a.gguf is missing from the bundle" in bundle.refuses()


def test_without_a_manifest_there_is_no_bundle(bundle: Bundle) -> None:
    (bundle.folder / MANIFEST).unlink()
    assert f"{bundle.folder / MANIFEST} is not there" in bundle.refuses()


def test_a_folder_that_exists_is_left_alone(bundle: Bundle) -> None:
    bundle.to.mkdir()
    (bundle.to / "mine").write_text("mine")
    assert f"{bundle.to} exists" in bundle.refuses()


def test_an_environment_that_does_not_start_is_not_installed(bundle: Bundle) -> None:
    assert "Python does not start here" in bundle.refuses(env={"BROKEN": "yes"})


def test_other_pythons_settings_do_not_reach_the_bundles(bundle: Bundle) -> None:
    bundle.installs(env={"PYTHONHOME": "/nowhere", "PYTHONPATH": "/nowhere"})
    assert not any("/nowhere" in line for line in bundle.asked())


@in_every_shell
@needs_ssh_keygen
def test_what_the_signer_signed_is_installed(signed: Bundle, tmp_path: Path) -> None:
    signed.installs("--signer", tmp_path / "key.pub")


@needs_ssh_keygen
def test_a_signature_by_one_of_several_keys_is_good(signed: Bundle, tmp_path: Path) -> None:
    make_key(tmp_path / "other")
    keys = tmp_path / "keys.pub"
    keys.write_text((tmp_path / "other.pub").read_text() + "\n# ours\n" + (tmp_path / "key.pub").read_text())
    signed.installs("--signer", keys)


@in_every_shell
@needs_ssh_keygen
def test_a_signature_by_another_key_is_refused(signed: Bundle, tmp_path: Path) -> None:
    make_key(tmp_path / "other")
    assert "was not signed with" in signed.refuses("--signer", tmp_path / "other.pub")


@needs_ssh_keygen
def test_a_manifest_that_was_changed_after_it_was_signed_is_refused(signed: Bundle, tmp_path: Path) -> None:
    manifest = signed.folder / MANIFEST
    manifest.write_text(manifest.read_text().replace('"0.1.0"', '"0.1.1"'))
    assert "was not signed with" in signed.refuses("--signer", tmp_path / "key.pub")


@needs_ssh_keygen
def test_a_bundle_without_signature_is_refused_where_one_is_asked_for(bundle: Bundle, tmp_path: Path) -> None:
    make_key(tmp_path / "key")
    assert "this bundle is not signed" in bundle.refuses("--signer", tmp_path / "key.pub")


@needs_ssh_keygen
def test_a_private_key_is_no_signer(signed: Bundle, tmp_path: Path) -> None:
    assert "is a private key" in signed.refuses("--signer", tmp_path / "key")


def test_a_key_that_is_not_there_is_named(bundle: Bundle) -> None:
    assert "the key nobody.pub is not there" in bundle.refuses("--signer", "nobody.pub")


def test_help_is_no_error(bundle: Bundle) -> None:
    code, out, err = bundle.install("--help")
    assert (code, err) == (0, "") and out.startswith("usage: sh install.sh ")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ([], 2, "usage: sh install.sh"),
        (["--fast", "to"], 1, "there is no --fast"),
        (["to", "there"], 1, "more than one folder is named"),
        (["--signer"], 1, "--signer names no key"),
    ],
)
def test_a_wrong_command_is_told_the_usage(bundle: Bundle, arguments: list[str], code: int, told: str) -> None:
    ended, out, err = bundle.install(*arguments)
    assert (ended, out) == (code, "") and told in err and "usage: sh install.sh" in err
    assert not (bundle.folder.parent / "to/there").exists()


@pytest.mark.skipif(not can_mount(), reason="a small disk takes root")
@pytest.mark.parametrize(
    ("disk_bytes", "n_bytes", "told"),
    [(256 << 10, 0, "has room for"), (1 << 20, 4 << 20, "could not be unpacked")],
    ids=["too little from the start", "used up on the way"],
)
def test_a_disk_without_room(bundle: Bundle, tmp_path: Path, disk_bytes: int, n_bytes: int, told: str) -> None:
    shutil.rmtree(bundle.folder)
    _bundle(bundle.folder, n_bytes=n_bytes)
    disk = Disk(tmp_path / "disk", disk_bytes)
    disk.mount()
    try:
        code, _, err = bundle.install(disk.folder / "cpullm")
        assert code == 1 and told in err.splitlines()[-1]
        assert not list(disk.folder.iterdir())
    finally:
        disk.unmount()


@pytest.fixture
def halfway(bundle: Bundle, tmp_path: Path) -> Iterator[Callable[[int], int]]:
    """Sends the signal to an installation that has unpacked its files; its exit code."""

    def send(number: int) -> int:
        process = bundle.start(bundle.to, env={"HOLD": str(tmp_path / "hold")})
        until((tmp_path / "hold").exists, 60, "the installation is halfway")
        os.killpg(process.pid, number)
        process.communicate(timeout=60)
        return process.returncode

    # Where the tests run behind `nohup` or `&`, children would ignore these, and a shell cannot undo that.
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_DFL) for number in numbers}
    yield send
    for number, handler in before.items():
        signal.signal(number, handler)


@in_every_shell
def test_an_installation_that_was_killed_is_begun_anew(bundle: Bundle, halfway: Callable[[int], int]) -> None:
    halfway(signal.SIGKILL)
    assert not bundle.to.exists() and len(bundle.drafts()) == 1
    bundle.installs()


def test_of_two_installations_at_once_one_gets_there(bundle: Bundle, tmp_path: Path) -> None:
    first = bundle.start(bundle.to, env={"HOLD": str(tmp_path / "hold")})
    try:
        until((tmp_path / "hold").exists, 60, "the installation is halfway")
        bundle.installs()
    finally:
        (tmp_path / "hold.go-on").touch()
        _, err = first.communicate(timeout=60)
    assert first.returncode == 1 and "was made by somebody else at the same time" in err
    assert bundle.drafts() == []


def test_what_is_beside_the_folder_is_left_alone(bundle: Bundle) -> None:
    beside = bundle.to.with_name(f"{bundle.to.name}.part")
    beside.mkdir()
    (beside / "mine").write_text("mine")
    bundle.install(bundle.to)
    assert (beside / "mine").read_text() == "mine"


def test_others_can_run_what_root_installs_for_itself(bundle: Bundle) -> None:
    (bundle.folder / "models/a.gguf").chmod(0o600)
    subprocess.run(["sh", "-c", 'umask 077; sh "$@"', "sh", bundle.folder / "install.sh", bundle.to], check=True)
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in [bundle.to, *bundle.to.rglob("*")])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_model_that_somebody_else_could_change_is_copied(bundle: Bundle) -> None:
    os.chown(bundle.folder / "models/a.gguf", 12345, 12345)
    bundle.installs()
    assert not (bundle.to / "models/a.gguf").samefile(bundle.folder / "models/a.gguf")


def test_a_model_of_ones_own_is_not_there_twice(bundle: Bundle) -> None:
    bundle.installs()
    assert (bundle.to / "models/a.gguf").samefile(bundle.folder / "models/a.gguf")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="SSE4.2 is of x86-64")
def test_a_cpu_that_is_too_old(bundle: Bundle, tmp_path: Path) -> None:
    assert "does not know SSE4.2" in bundle.refuses(env=_tool(tmp_path / "tools", "grep", "exit 1"))


def test_a_bundle_without_spark_says_so(bundle: Bundle) -> None:
    manifest = Manifest.read(bundle.folder)
    rest = tuple(file for file in manifest.files if file.path != SPARK)
    replace(manifest, files=rest).write(bundle.folder)
    assert "holds no Spark: give --without-spark" in bundle.refuses()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_installation_that_was_stopped_leaves_nothing(
    bundle: Bundle, halfway: Callable[[int], int], number: int
) -> None:
    assert halfway(number) == 130
    assert not list(bundle.to.parent.iterdir())
