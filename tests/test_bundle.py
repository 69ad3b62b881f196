"""A bundle is made, carried to a machine without a network, and used there by another user with nothing but it.

Run by `make test-bundle`, which compiles the wheel of llama.cpp for every CPU first. What is closed takes root.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cpullm.bundle.manifest import MANIFEST, SIGNATURE, Manifest
from cpullm.cli import main
from tests.airgap import INSIDE, Closed, can_close, closed
from tests.bundles import make_key
from tests.cluster import until

pytestmark = [pytest.mark.long, pytest.mark.model]
MADE_AT = "1700000000"
WHEELS = Path(__file__).parent.parent / ".venv" / "every-cpu"
CARRIED = INSIDE / "carried"
KEY = CARRIED / "key.pub"
BUNDLE = INSIDE / "home" / "bundle"
HERE = INSIDE / "home" / "cpullm"  # where it is installed
BIN = HERE / "env" / "bin"
ON_THE_PATH = {"PATH": f"{BIN}:/usr/bin:/bin"}  # as the guide has it
MASTER = "spark://127.0.0.1:7077"
TEXT = (
    "The clock of Merrin Quay told no time, number {}. The boats came home by it, late, in fog, and nobody was missed."
)
WRITTEN = ("--strategy", "hierarchical", "--levels", "chapter", "--max-tokens", "16")  # what asks the model
SHORT = (str(CARRIED / "short.csv"), *WRITTEN)
TRY = """
import contextlib, socket
for family, address in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):  # nobody's (RFC 5737, 3849)
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(family, kind) as one, contextlib.suppress(OSError):
            one.connect((address, 80)) if kind == socket.SOCK_STREAM else one.sendto(b"x", (address, 80))
"""
LOSS = """
import json, sys
from cpullm.engine.bindings import cpu_variant
from cpullm.engine.llama import LlamaModel
from cpullm.engine.perplexity import token_losses
with LlamaModel(sys.argv[1]) as model:
    tokens = model.tokenize(open(sys.argv[2], encoding="utf-8").read()[2000:4000], special=False)[:129]
    print(json.dumps([cpu_variant(), token_losses(model, tokens, 2).mean()]))
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("bundle")
    yield folder
    shutil.rmtree(folder)  # gigabytes, and pytest keeps the last three


@pytest.fixture(scope="session")
def key(folder: Path) -> Path:
    return make_key(folder / "key")


@pytest.fixture(scope="session")
def made(folder: Path, key: Path) -> Path:
    """The bundle's folder. Its .tar lies beside it."""
    return _made(folder / "made" / "bundle", "--sign", str(key))


@pytest.fixture(scope="session")
def machine(folder: Path, made: Path, key: Path) -> Iterator[Closed]:
    """The closed machine, to which the .tar and the public key were carried, and nothing else."""
    if not can_close():
        pytest.skip("a machine without a network takes root, iproute2 and util-linux")
    (folder / "machine" / "carried").mkdir(parents=True)
    for file in (made.with_name("bundle.tar"), _public(key)):
        os.link(file, folder / "machine" / "carried" / file.name)
    texts = pd.DataFrame({"id": range(4), "text": [TEXT.format(i) for i in range(4)]})
    texts.to_csv(folder / "machine" / "carried" / "short.csv", index=False)
    with closed(folder / "machine") as machine:
        yield machine


@pytest.fixture(scope="session")
def unpacked(machine: Closed) -> Path:
    code, told = machine.run("tar", "-xf", CARRIED / "bundle.tar")
    assert code == 0, told
    return BUNDLE


@pytest.fixture(scope="session")
def installed(machine: Closed, unpacked: Path) -> str:
    """What installing it said, in an environment that speaks of other Pythons."""
    others = {
        "PYTHONHOME": "/usr",
        "PYTHONPATH": "/usr/lib",
        "PIP_TARGET": "/tmp/elsewhere",
        "PIP_INDEX_URL": "http://a",
    }
    code, told = machine.run("sh", unpacked / "install.sh", "--signer", KEY, HERE, env=others)
    assert code == 0, told
    return told


@pytest.fixture
def there(machine: Closed, installed: str) -> Iterator[Closed]:
    """The closed machine with the bundle installed; nothing that is done there may try to leave it."""
    before = machine.tries()
    yield machine
    assert machine.tries() == before, "something looked for a way out"


@pytest.fixture(scope="session")
def cluster(machine: Closed, installed: str) -> Iterator[None]:
    """A master and two workers, from the bundle alone."""
    daemons = []

    def start(role: str, *arguments: str) -> None:
        log = machine.folder / f"{role}.log"
        command = ("spark-class", f"org.apache.spark.deploy.{role}", *arguments)
        daemons.append(machine.start(*command, env=ON_THE_PATH, log=log))

    def n_workers() -> int:
        ask = "import urllib.request as web; print(web.urlopen('http://127.0.0.1:8080/json/').read().decode())"
        found = re.search(r'"aliveworkers"\s*:\s*(\d+)', machine.run(BIN / "python", "-c", ask)[1])
        return int(found[1]) if found else 0

    start("master.Master", "-h", "127.0.0.1")
    for i in (1, 2):
        host = ("-h", f"127.0.0.{i + 1}", "-c", "1", "-m", "2g", "-d", f"{INSIDE}/home/work{i}")
        start("worker.Worker", *host, MASTER)
    until(lambda: n_workers() == 2, 300, "two workers have joined")
    yield
    for daemon in daemons:  # what they started ends with the machine
        daemon.kill()
        daemon.wait()


@pytest.fixture
def copy(folder: Path, made: Path) -> Iterator[Path]:
    """The bundle again, of the same files; those that a test changes it must replace."""
    copy = folder / "copy"
    shutil.copytree(made, copy, copy_function=os.link)
    yield copy
    shutil.rmtree(copy)


def _made(out: Path, *flags: str) -> Path:
    wheels = [*WHEELS.glob("*.whl")]
    assert wheels, f"no wheel in {WHEELS}: `make test-bundle` compiles it"
    command = [sys.executable, "-m", "cpullm.cli", "bundle", "make", "--llama", str(wheels[0]), "--out", str(out)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": MADE_AT}
    done = subprocess.run([*command, *flags], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return out


def _public(key: Path) -> Path:
    return key.with_name(f"{key.name}.pub")


def _model(machine: Closed) -> Path:
    [model] = (machine.folder / "home/cpullm/models").glob("*.gguf")
    return HERE / "models" / model.name


def _facts(machine: Closed, out: str, n: int) -> dict[str, Any]:
    """A run's record, once its summaries were looked at."""
    answers = pd.read_parquet(machine.folder / "home" / out / "summaries.parquet")
    assert len(answers) == n and answers.error.isna().all() and answers.summary.str.strip().astype(bool).all()
    facts: dict[str, Any] = json.loads((machine.folder / "home" / out / "run.json").read_text())
    return facts


def test_the_machine_is_closed_and_tries_to_leave_it_are_counted(tmp_path: Path) -> None:
    if not can_close():
        pytest.skip("a machine without a network takes root, iproute2 and util-linux")
    with closed(tmp_path) as machine:
        assert machine.run("id", "-u")[1] != "0\n"
        assert machine.run("test", "-e", __file__)[0] == 1 and machine.run(sys.executable, "-c", "")[0] == 127
        assert machine.run("ls", "-A", "/root", "/home", "/tmp")[1].split() == ["/home:", "/root:", "/tmp:"]
        (tmp_path / "try.py").write_text(TRY)
        assert machine.tries() == 0
        subprocess.run(["nsenter", f"--target={machine.pid}", "--net", sys.executable, tmp_path / "try.py"], check=True)
        assert machine.tries() == 4
        machine.run("getent", "ahosts", "pypi.org")
        assert machine.tries() > 4


def test_it_is_installed_with_its_own_python_and_without_traces_of_others(there: Closed, installed: str) -> None:
    assert "a job can run" in installed and f"Installed in {HERE}: " in installed
    assert sorted(path.name for path in (there.folder / "home").iterdir()) == ["bundle", "cpullm"]
    code, told = there.run(BIN / "python", "-c", "import pyspark, sys; print(pyspark.__file__, sys.path, sys.prefix)")
    assert code == 0 and "/usr" not in told and str(HERE) in told, told


def test_compiled_python_does_not_depend_on_times_and_tells_no_path_of_its_maker(there: Closed, made: Path) -> None:
    """Else it would be compiled anew at every start where nobody may write."""
    compiled = [*(there.folder / "home/cpullm/env/lib").glob("python3*/**/*.pyc")]
    ours = [path.read_bytes() for path in compiled if "pyspark" not in path.parts]
    assert len(ours) > 1000
    assert all(content[4] == 1 for content in ours)  # PEP 552: by hash, unchecked
    assert not any(os.fsencode(made.parent) in content for content in ours)


def test_the_bundle_is_verified_there(there: Closed) -> None:
    code, told = there.run(BIN / "cpullm", "bundle", "verify", BUNDLE, "--signer", KEY)
    assert code == 0 and "whole: " in told and "signed by SHA256:" in told, told


def test_the_signature_is_checked_by_hand_as_the_guide_says(there: Closed) -> None:
    by_hand = f"""
        (printf 'bundle '; cut -d ' ' -f 1,2 {KEY}) > allowed
        ssh-keygen -Y verify -f allowed -I bundle -n cpullm-bundle -s manifest.json.sig < manifest.json && rm allowed
    """
    code, told = there.run("sh", "-c", f"cd {BUNDLE} && {by_hand}")
    assert code == 0 and 'Good "cpullm-bundle" signature' in told, told


def test_a_job_can_run_there_whatever_is_set_for_other_pythons(there: Closed) -> None:
    others = {"PYTHONHOME": "/usr", "PYTHONPATH": "/usr/lib"}
    code, told = there.run("cpullm", "doctor", env={**ON_THE_PATH, **others})
    assert code == 0 and "a job can run" in told and "FAULT" not in told, told


@pytest.mark.usefixtures("cluster")
def test_both_executors_of_a_cluster_can_run_a_job(there: Closed) -> None:
    code, told = there.run("cpullm", "doctor", "--master", MASTER, env=ON_THE_PATH)
    assert code == 0 and "2 of 2 executors seen" in told and "FAULT" not in told, told


@pytest.mark.usefixtures("cluster")
def test_a_cluster_summarizes_with_the_model_of_every_host(there: Closed) -> None:
    argv = (
        "summarize",
        "--limit",
        "3",
        *WRITTEN,
        "--master",
        MASTER,
        "--model-at",
        _model(there),
        "--out",
        "found",
    )
    code, told = there.run("cpullm", *argv, env=ON_THE_PATH)
    assert code == 0, told
    executors = _facts(there, "found", 3)["executors"]
    assert [one["errors"] for one in executors] == [0, 0] and all(one["requests"] for one in executors)


@pytest.mark.usefixtures("cluster")
def test_a_cluster_summarizes_with_the_model_that_spark_brings(there: Closed) -> None:
    argv = ("summarize", *SHORT, "--master", MASTER, "--group-tokens", "256", "--out", "brought")
    code, told = there.run("cpullm", *argv, env=ON_THE_PATH)
    assert code == 0, told
    executors = _facts(there, "brought", 4)["executors"]
    assert sum(one["requests"] for one in executors) == 4 and not any(one["errors"] for one in executors)
    assert [*(there.folder / "home").glob("work*/app-*/*/*.gguf")]


@pytest.mark.usefixtures("cluster")
def test_executors_that_have_no_cpullm_get_it_with_the_archive(there: Closed) -> None:
    pythons = {"PYSPARK_PYTHON": "./env/bin/python", "PYSPARK_DRIVER_PYTHON": str(BIN / "python")}
    submit = f"spark-submit --master {MASTER} --archives {BUNDLE}/env.tar.gz#env"
    command = f'exec {submit} "$(cpullm launcher)" summarize {" ".join(SHORT)} --out shipped'
    code, told = there.run("sh", "-c", command, env={**ON_THE_PATH, **pythons})
    assert code == 0, told
    assert _facts(there, "shipped", 4)["spark"]["master"] == MASTER
    assert [*(there.folder / "home").glob("work*/app-*/*/env/lib/python3*/site-packages/cpullm/worker.py")]


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace here")
def test_no_call_of_the_kernel_names_another_machine(there: Closed) -> None:
    calls = "trace=connect,sendto,sendmsg,sendmmsg"
    trace = ("strace", "-f", "--seccomp-bpf", "-e", calls, "-o", f"{INSIDE}/home/calls")
    argv = ("cpullm", "summarize", *SHORT, "--master", "local[2]", "--out", "traced")
    code, told = there.run(*trace, *argv, env=ON_THE_PATH)
    assert code == 0, told
    lines = (there.folder / "home" / "calls").read_text("utf-8", "replace").splitlines()
    named = [line for line in lines if "sa_family=" in line]
    kept = re.compile(r'sa_family=AF_(UNIX|LOCAL|NETLINK|UNSPEC)|inet_addr\("127\.|"::1"|"::ffff:127\.')
    assert named and [line for line in named if not kept.search(line)] == []


@pytest.fixture(scope="session")
def variants(machine: Closed, installed: str) -> list[str]:
    ask = "from cpullm.engine.bindings import cpu_variants; print(*cpu_variants())"
    code, told = machine.run(BIN / "python", "-c", ask)
    assert code == 0, told
    return told.split()


def test_every_kernel_that_this_cpu_runs_summarizes(there: Closed, variants: list[str]) -> None:
    assert len(variants) > 1
    for name in variants:
        argv = ("cpullm", "summarize", *SHORT, "--limit", "1", "--master", "in-process", "--out", f"by-{name}")
        code, told = there.run(*argv, env={**ON_THE_PATH, "CPULLM_CPU": name})
        assert code == 0, (name, told)
        _facts(there, f"by-{name}", 1)


@pytest.mark.skipif(platform.machine() != "x86_64" or shutil.which("qemu-x86_64") is None, reason="no qemu-user here")
@pytest.mark.parametrize(
    ("cpu", "variant"), [("Nehalem", "sse42"), ("SandyBridge", "sandybridge"), ("Haswell", "haswell")]
)
def test_an_older_cpu_takes_its_own_kernels(there: Closed, cpu: str, variant: str) -> None:
    ask = "from cpullm.engine.bindings import cpu_variant; print(cpu_variant())"
    code, told = there.run(shutil.which("qemu-x86_64") or "", "-cpu", cpu, BIN / "python", "-c", ask)
    assert (code, told.splitlines()[-1]) == (0, variant), told


def test_every_kernel_foretells_a_text_equally_well(there: Closed, variants: list[str]) -> None:
    losses = {}
    for name in variants:
        argv = (BIN / "python", "-c", LOSS, _model(there), HERE / "corpora/sample.txt")
        code, told = there.run(*argv, env={"CPULLM_CPU": name})
        assert code == 0, (name, told)
        used, losses[name] = json.loads(told)
        assert used == name
    assert losses == {name: pytest.approx(losses[variants[0]], rel=0.01) for name in variants}


def test_a_kernel_that_this_cpu_does_not_run_is_refused_in_one_line(there: Closed, variants: list[str]) -> None:
    argv = ("cpullm", "summarize", *SHORT, "--master", "in-process")
    code, told = there.run(*argv, env={**ON_THE_PATH, "CPULLM_CPU": "i8086"})
    last = told.splitlines()[-1]
    assert code == 1 and "Traceback" not in told and last.startswith("cpullm: CPULLM_CPU is 'i8086'"), told
    assert last.endswith(f"take one of {', '.join(variants)}.")


def _flip(path: Path) -> None:
    """Another byte in its middle, in a file of its own."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    path.write_bytes(content)


def _first(folder: Path, pattern: str) -> Path:
    return min(folder.glob(pattern))


def _remove(copy: Path) -> Path:
    path = _first(copy, "wheels/pyspark-*.whl")
    path.unlink()
    return path


def _add(copy: Path) -> Path:
    path = copy / "wheels" / "pyspark-99.0-py3-none-any.whl"
    path.write_bytes(b"not ours")
    return path


def _sign_anew(copy: Path) -> Path:
    (copy / SIGNATURE).unlink()
    other = copy.with_name("other")
    if not other.exists():
        make_key(other)
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", other, "-n", "cpullm-bundle", copy / MANIFEST], check=True)
    return copy / MANIFEST


def _change(pattern: str) -> Callable[[Path], Path]:
    def change(copy: Path) -> Path:
        path = _first(copy, pattern)
        _flip(path)
        return path

    return change


@pytest.mark.parametrize(
    ("harm", "is_refused"),
    [
        *((_change(pattern), True) for pattern in (
            "install.sh", "README.md", "LICENSE", "env.tar.gz", "wheels/*.whl", "models/*.gguf", "corpora/*",
            "docs/*.md", "sbom.cdx.json", MANIFEST, SIGNATURE,
        )),
        (_remove, True), (_add, False), (_sign_anew, True),
    ],
    ids=["script", "guide", "licence", "environment", "wheel", "model", "corpus", "documents", "bill of materials",
         "manifest", "signature", "missing", "added", "another's signature"],
)  # fmt: skip
def test_harm_is_named_and_not_installed(
    copy: Path, key: Path, harm: Callable[[Path], Path], is_refused: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    harmed = harm(copy).relative_to(copy).as_posix()
    assert main(["bundle", "verify", str(copy), "--signer", str(_public(key))]) == 1
    told = capfd.readouterr().out
    named = MANIFEST if harmed == SIGNATURE else harmed
    assert re.search(rf"^(changed|missing|added|signature)  {re.escape(named)}: ", told, re.MULTILINE), told
    if not is_refused:  # what is added is not looked at
        return
    if harmed == "install.sh":  # it may not even be a script any more
        shutil.copy(Path(__file__).parent.parent / "cpullm/bundle/install.sh", copy / "checked.sh")
    script = copy / ("checked.sh" if harmed == "install.sh" else "install.sh")
    done = subprocess.run(
        ["sh", script, "--signer", _public(key), copy / "to"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert not [*copy.glob("to*")]


def test_the_same_things_make_the_same_bundle(made: Path, folder: Path) -> None:
    again = _made(folder / "again", "--no-tar")
    first, second = (Manifest.read(one) for one in (made, again))
    shutil.rmtree(again)
    assert [a.path for a, b in zip(first.files, second.files, strict=True) if a != b] == []
    assert first == second
