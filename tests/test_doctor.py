"""What `cpullm doctor` finds, one thing at a time, and what it says of executors. No Spark runs here."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import asdict, replace
from pathlib import Path

import pyspark
import pytest

from cpullm import catalog
from cpullm.doctor import CHECKS, Finding, Machine, engine, here, software
from cpullm.doctor import machine as checks
from cpullm.doctor.cluster import Executor, Needs, amiss, executor, models
from cpullm.doctor.findings import UNKNOWN, looked
from cpullm.installed import Bundled
from cpullm.memory import Memory
from cpullm.spark import Visit, placing

MEMORY = Memory(weights=100, repacked=0, kv=20, compute=10, worker=10)
FACTS = {
    "python": "3.11.7", "cpullm": "0.1.0", "llama": "0.3.36", "cpu": "EPYC", "variant": "native", "cpus": 4,
    "free": 10_000, "room": 10_000, "limit": None,
}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A system that tells what it is."""
    files = {
        "etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
        "etc/hosts": "127.0.0.1 localhost\n",
        "proc/cpuinfo": "processor : 0\nmodel name : Some CPU\nflags : fpu avx2 avx512f\n",
        "proc/meminfo": "MemTotal: 8000000 kB\nMemFree: 1 kB\nMemAvailable: 6000000 kB\n",
        "proc/self/cgroup": "0::/\n",
        "sys/fs/cgroup/memory.max": "max\n",
    }
    for name, text in files.items():
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "root"


def _bindings(folder: Path, code: str) -> Machine:
    """A machine where llama_cpp is this code."""
    (folder / "llama_cpp").mkdir()
    (folder / "llama_cpp" / "__init__.py").write_text(code)
    return Machine(model="", environ={**os.environ, "PYTHONPATH": str(folder)})


def test_the_systems_own_name_is_told(root: Path) -> None:
    assert checks.system(Machine(root=root)).value.startswith("Debian GNU/Linux 12 (bookworm), kernel ")


def test_where_the_system_tells_nothing_all_is_unknown_and_nothing_fails(tmp_path: Path) -> None:
    nothing = Machine(root=tmp_path)
    assert checks.memory_free(nothing).value == "unknown free of unknown"
    assert checks.system(nothing).fault is None and checks.cpu(nothing).fault is None


def test_a_check_that_fails_hides_no_other() -> None:
    def fail(_: Machine) -> Finding:
        raise KeyError("as on no system before")

    first, second = looked({"odd": fail, "Python": software.python}, Machine())
    assert first.value == UNKNOWN and "KeyError" in str(first.warning)
    assert second.name == "Python" and second.warning is None


def test_the_cpu_has_its_name_and_the_cpus_that_may_be_used(root: Path) -> None:
    found = checks.cpu(Machine(root=root))
    assert found.value.startswith("Some CPU; ") and found.facts["cpus"] <= found.facts["cpus_of_machine"]


def test_memory_is_told_free_of_all(root: Path) -> None:
    assert checks.memory_free(Machine(root=root)).value == "6.14 GB free of 8.19 GB"


def test_the_control_groups_limit_is_told(root: Path) -> None:
    (root / "sys/fs/cgroup/memory.max").write_text("2000000000\n")
    found = checks.memory_free(Machine(root=root))
    assert found.value.endswith("its control group may take 2.00 GB") and found.facts["limit"] == 2_000_000_000


def test_a_limit_of_version_1_that_is_none_is_none(root: Path) -> None:
    group = root / "sys/fs/cgroup/memory/memory.limit_in_bytes"
    group.parent.mkdir()
    group.write_text("9223372036854771712\n")
    (root / "proc/self/cgroup").write_text("4:memory:/\n")
    assert checks.memory_free(Machine(root=root)).facts["limit"] is None


def test_llama_cpp_tells_its_instructions() -> None:
    found = software.llama(Machine())
    assert found.fault is None and found.facts["instructions"], found
    assert found.value.startswith("bindings 0.3.")


def test_instructions_that_llama_cpp_leaves_unused_are_a_warning(root: Path) -> None:
    (root / "proc/cpuinfo").write_text("flags : i8mm\n\n" if os.uname().machine == "x86_64" else "flags : avx2\n\n")
    found = software.llama(Machine(root=root))
    assert found.fault is None and "leaves unused what this CPU has" in str(found.warning)


def test_kernels_that_were_chosen_are_not_to_be_compiled_anew(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "_LOADING", """print('["sse42", "SSE3 = 1"]')""")
    found = software.llama(Machine(root=root, environ={**os.environ, "CPULLM_CPU": "sse42"}))
    assert "AVX2" in str(found.warning) and found.advice == "unset CPULLM_CPU for the fastest"


@pytest.mark.parametrize(
    ("code", "fault", "advice"),
    [
        ("raise ModuleNotFoundError(\"No module named 'llama_cpp'\")", "No module named", "pip install"),
        ("raise OSError('libgomp.so.1: cannot open shared object file')", "libgomp.so.1", "libgomp1"),
        ('raise OSError("libm.so.6: version `GLIBC_2.38\' not found")', "GLIBC_2.38", "a newer system"),
        (f"import os; os.kill(os.getpid(), {int(signal.SIGILL)})", "SIGILL", "compile it on this one"),
        ("import os; os.abort()", "SIGABRT", "anew"),
    ],
    ids=["missing", "no OpenMP", "newer glibc", "another CPU", "crash"],
)
def test_llama_cpp_that_does_not_load_is_one_line(code: str, fault: str, advice: str, tmp_path: Path) -> None:
    found = software.llama(_bindings(tmp_path, code))
    assert fault in str(found.fault) and advice in str(found.advice)
    assert "\n" not in str(found.fault) and "Traceback" not in str(found.fault)


def test_no_engine_is_asked_about_without_llama_cpp(tmp_path: Path) -> None:
    broken, model = software.llama(_bindings(tmp_path, "raise OSError('no')")), Finding("model", "")
    assert not engine.can_be_asked([broken, replace(model, facts={"model_sha256": ""})])


def test_all_packages_that_are_needed_are_there() -> None:
    found = software.packages(Machine())
    assert found.fault is None and "pyspark" in found.value


def test_a_package_that_is_missing_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "requires", lambda name: ["pandas>=2", "no-such-package[all]>=1", 'x; extra == "y"'])
    found = software.packages(Machine())
    assert found.fault == "not installed: no-such-package" and "pip install no-such-package" in str(found.advice)


def test_in_a_bundles_environment_nothing_is_to_be_had_from_an_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "requires", lambda name: ["no-such-package>=1"])
    monkeypatch.setattr(software, "bundled", lambda: Bundled("m.gguf", ()))
    assert "pip" not in str(software.packages(Machine()).advice)


def test_a_bundle_installed_without_spark_is_run_by_spark_submit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "requires", lambda name: ["pyspark>=3.5"])
    monkeypatch.setattr(software, "installed_version", lambda name: None)
    monkeypatch.setattr(software, "_is_importable", lambda name: False)
    monkeypatch.setattr(software, "bundled", lambda: Bundled("m.gguf", ()))
    assert "spark-submit" in str(software.packages(Machine()).advice)


def test_java_has_a_path_and_a_version() -> None:
    assert software.java(Machine()).facts["java"] >= 17


def test_no_java_is_a_fault_that_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert "apt-get install openjdk" in str(software.java(Machine()).fault)


def test_folders_of_one_disk_are_told_once() -> None:
    (said,) = [line for line in checks.disk(Machine(environ={})).value.split("; ") if "temporary files" in line]
    assert "models of executors" in said and " GB free for " in said


def test_a_folder_that_nothing_can_be_written_to_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = str(tmp_path / "spark")
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    found = checks.disk(Machine(environ={"SPARK_LOCAL_DIRS": closed}))
    assert found.fault == f"nothing can be written to {closed}"


def test_a_folder_with_little_room_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "room", lambda path: 500_000_000)
    found = checks.disk(Machine(environ={}))
    assert found.fault is None and "little room in" in str(found.warning)


def test_a_model_that_is_not_here_is_a_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(catalog, "folders", lambda kind: [tmp_path])
    found = engine.model(Machine(model="smollm2-135m-instruct"))
    assert "cpullm models pull" in str(found.fault)


@pytest.mark.model
def test_a_model_is_held_against_the_catalog(starter: Path) -> None:
    found = engine.model(Machine(model=str(starter)))
    assert found.fault is None and found.value.endswith("as the catalog has it")
    assert found.facts["n_bytes"] == starter.stat().st_size


@pytest.mark.model
def test_a_model_that_is_cut_off_is_a_fault(starter: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.gguf").write_bytes(starter.read_bytes()[:1000])
    found = engine.engine(Machine(model=str(tmp_path / "cut.gguf")))
    assert "cannot load" in str(found.fault) or "cut" in str(found.fault)


@pytest.mark.model
def test_an_engine_that_does_not_fit_is_a_fault_that_says_what_would(starter: Path, root: Path) -> None:
    (root / "proc/meminfo").write_text("MemTotal: 900000 kB\nMemAvailable: 900000 kB\n")
    found = engine.engine(Machine(model=str(starter), root=root))
    assert "0.92 GB are free; it fits with --n-seq-max" in str(found.fault)


@pytest.mark.parametrize(
    ("environ", "warns"),
    [
        ({}, False),
        ({"OMP_NUM_THREADS": "1"}, False),  # the engine names its number itself
        ({"OMP_THREAD_LIMIT": "0"}, True),
        ({"OMP_THREAD_LIMIT": "100000"}, False),
        ({"OMP_PROC_BIND": "close"}, True),
        ({"OMP_PROC_BIND": "false"}, False),
        ({"GOMP_CPU_AFFINITY": "0-1"}, True),
        ({"OMP_DYNAMIC": "TRUE"}, True),
    ],
)
def test_variables_that_take_threads_away_are_a_warning(environ: dict[str, str], warns: bool) -> None:
    assert (software.threads(Machine(environ=environ)).warning is not None) == warns


def test_a_host_name_of_etc_hosts_is_not_asked_for(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.socket, "gethostname", lambda: "Quay")
    monkeypatch.setattr(checks.socket, "getaddrinfo", lambda *_: pytest.fail("nobody is asked"))
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.0.1 mill quay # a comment\n")
    assert checks.host_name(Machine(root=root, environ={})).value == "Quay, 127.0.0.1"


def test_a_host_name_without_an_address_is_a_fault(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.socket, "gethostname", lambda: "quay")
    monkeypatch.setattr(checks, "_resolved", lambda name: [])
    found = checks.host_name(Machine(root=root, environ={}))
    assert found.fault is not None and "127.0.0.1 quay" in str(found.advice)
    assert checks.host_name(Machine(root=root, environ={"SPARK_LOCAL_IP": "127.0.0.1"})).fault is None


def test_a_host_name_with_anothers_address_is_a_warning(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.socket, "gethostname", lambda: "quay")
    (root / "etc/hosts").write_text("203.0.113.7 quay\n")
    found = checks.host_name(Machine(root=root, environ={}))
    assert found.fault is None and "no address of this machine" in str(found.warning)


@pytest.mark.parametrize(
    ("environ", "warns"),
    [
        ({}, False),
        ({"PYTHONHOME": "/opt/python"}, True),
        ({"PYTHONPATH": "/opt/spark/python"}, True),
        ({"PYTHONPATH": "/opt/spark/python", "PYSPARK_GATEWAY_PORT": "1"}, False),
    ],
    ids=["none", "PYTHONHOME", "PYTHONPATH", "spark-submit's own"],
)
def test_variables_that_lead_python_elsewhere_are_a_warning(environ: dict[str, str], warns: bool) -> None:
    assert (software.environment(Machine(environ=environ)).warning is not None) == warns


@pytest.mark.parametrize(
    ("version", "environ", "warns"),
    [(pyspark.__version__, {}, False), ("3.4.0", {}, True), ("3.4.0", {"PYSPARK_GATEWAY_PORT": "1"}, False)],
    ids=["pyspark's", "another", "spark-submit's own"],
)
def test_a_spark_home_of_another_version_than_pysparks_is_a_warning(
    version: str, environ: dict[str, str], warns: bool, tmp_path: Path
) -> None:
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / f"spark-core_2.13-{version}.jar").touch()
    found = software.environment(Machine(environ={**environ, "SPARK_HOME": str(tmp_path)}))
    assert (found.warning is not None) == warns


def test_offline_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CPULLM_OFFLINE", "1")
    assert "CPULLM_OFFLINE" in software.environment(Machine(environ={})).value


@pytest.mark.model
def test_nothing_is_connected_to(starter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.socket.socket, "connect", lambda *_: pytest.fail("a connection was opened"))
    found = here(Machine(model=str(starter)))
    assert [one.name for one in found] == [*CHECKS, "engine"]


def _one(name: str = "a:1", n_tasks: int = 1, **facts: object) -> Executor:
    return Executor(name, n_tasks, {**FACTS, **facts})


def _faults(*executors: Executor, **needs: object) -> list[str]:
    wrong = amiss(executors, replace(Needs(FACTS), **needs))  # type: ignore[arg-type]
    return [f"{one.name} {one.fault or one.warning}" for one in wrong]


def test_executors_like_the_driver_have_no_fault() -> None:
    assert _faults(_one("a:1"), _one("b:1"), memory=MEMORY, n_bytes=5000) == []


def test_another_minor_version_of_python_is_a_fault() -> None:
    assert _faults(_one(python="3.11.2")) == []
    (told,) = _faults(_one("b:1", python="3.10.12"))
    assert told.startswith("b:1 its Python is 3.10, the driver's 3.11")


def test_another_version_of_cpullm_is_a_fault() -> None:
    assert _faults(_one(cpullm="0.0.9")) == ["a:1 its cpullm is 0.0.9, the driver's 0.1.0"]


def test_engines_of_one_host_share_its_memory() -> None:
    assert _faults(_one("a:1", 2, free=180), memory=MEMORY) == []  # the weights once, and 40 for each engine
    told = _faults(_one("a:1", 2, free=180), _one("a:2", 1, free=180), memory=MEMORY)
    assert len(told) == 2 and all("3 engines at once need" in line for line in told)


def test_an_executor_with_a_limit_of_its_own_shares_nothing() -> None:
    assert _faults(*(_one(f"a:{i}", free=150, limit=200) for i in range(5)), memory=MEMORY) == []


def test_no_room_for_the_model_is_a_fault_unless_it_is_there() -> None:
    (told,) = _faults(_one(room=4000), n_bytes=5000)
    assert "the model has" in told
    assert _faults(_one(room=4000, is_cached=True), n_bytes=5000) == []


def test_executors_of_several_kinds_are_one_warning() -> None:
    (told,) = _faults(_one("a:1"), _one("b:1", cpu="Xeon"), _one("c:1", variant="haswell"))
    assert "EPYC (native): a:1; Xeon (native): b:1; EPYC (haswell): c:1" in told


def test_executors_of_another_kind_than_the_driver_are_one_warning() -> None:
    (told,) = _faults(_one("a:1", cpu="Xeon"), _one("b:1", cpu="Xeon"))
    assert "their CPU is Xeon (native), the driver's EPYC (native)" in told


def test_what_an_executor_finds_is_told_with_its_name() -> None:
    found = Finding("llama.cpp", "", fault="it does not load: libgomp.so.1")
    assert _faults(replace(_one(), findings=[found])) == ["a:1 it does not load: libgomp.so.1"]


def test_an_executors_words_become_its_facts() -> None:
    found = [asdict(Finding("CPU", "x", facts={"cpus": 8}))]
    one = executor(Visit("a:1", 2, 0, f"some warning\n3.11.7\n{json.dumps(found)}"))
    assert one.facts == {"python": "3.11.7", "cpus": 8} and one.findings[0].value == "x"


@pytest.mark.parametrize(
    ("code", "output", "told"),
    [
        (1, "3.11.7\nTraceback …\nModuleNotFoundError: No module named 'cpullm'", "lacks a package: No module named"),
        (1, "3.9.2\nTraceback …\nTypeError: 'slots'", "its Python cannot run cpullm: TypeError"),
        (127, "sh: 1: /nowhere/python: not found", "its Python does not start: sh: 1: /nowhere/python"),
        (137, "", "exit code 137"),
    ],
    ids=["no package", "too old", "no Python", "killed"],
)
def test_an_executor_that_cannot_look_says_why_in_one_line(code: int, output: str, told: str) -> None:
    one = executor(Visit("a:1", 1, code, output))
    assert told in str(one.findings[0].fault) and "\n" not in str(one.findings[0].fault)


@pytest.mark.model
def test_the_model_at_a_path_of_every_host_is_checked(
    starter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(placing.CACHE_VARIABLE, str(tmp_path / "cache"))
    right = Machine(model="", model_at=str(starter), model_sha256=catalog.resolve_model(starter).sha256)
    assert models(right).facts["model"] == "whole"
    wrong = models(replace(right, model_sha256="0" * 64))
    assert wrong.facts["model"] == "damaged" and wrong.fault is not None
    missing = models(replace(right, model_at=str(tmp_path / "x.gguf")))
    assert missing.facts["model"] == "missing" and missing.fault is not None
    assert models(replace(right, model_at=None)).facts["model"] == "-"
