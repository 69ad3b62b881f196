"""How llama.cpp's threads wait is decided while it is loaded, and which of its kernels run; nothing else changes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from cpullm.engine import bindings
from cpullm.errors import MachineError
from cpullm.job import CPU_VARIABLE

# Prints what libgomp saw (OMP_DISPLAY_ENV makes it say so), then what the process has afterwards.
PROGRAM = "import cpullm.engine.bindings, os; print('after:', os.environ.get('GOMP_SPINCOUNT'))"


def _run(**environment: str) -> tuple[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**env, **environment}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip(), done.stderr


needs_openmp = pytest.mark.skipif(not bindings.uses_openmp(), reason="llama.cpp was built without OpenMP")


@needs_openmp
def test_threads_spin_a_thousand_turns_and_the_environment_is_as_before() -> None:
    after, seen = _run(OMP_DISPLAY_ENV="VERBOSE")
    assert "GOMP_SPINCOUNT = '1000'" in seen
    assert after == "after: None"


@needs_openmp
@pytest.mark.parametrize("given", ["7", "300000"])
def test_a_users_own_spin_count_is_kept(given: str) -> None:
    after, seen = _run(OMP_DISPLAY_ENV="VERBOSE", GOMP_SPINCOUNT=given)
    assert f"GOMP_SPINCOUNT = '{given}'" in seen
    assert after == f"after: {given}"


@needs_openmp
def test_a_users_waiting_policy_is_kept() -> None:
    _, seen = _run(OMP_DISPLAY_ENV="VERBOSE", OMP_WAIT_POLICY="passive")
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in seen
    assert "GOMP_SPINCOUNT = '1000'" not in seen


class _LlamaCpp:
    """What of llama_cpp is used to load kernels that lie in libraries of their own."""

    llama_log_callback = staticmethod(lambda function=None: function)

    def __init__(self, folder: Path) -> None:
        self.__file__ = str(folder / "llama_cpp.py")
        self.loaded: list[str] = []
        self._lib = SimpleNamespace(ggml_backend_load=_Load(self.loaded))

    def llama_log_set(self, *_: object) -> None: ...


class _Load:
    """A function of C's, as ctypes has it."""

    def __init__(self, loaded: list[str]) -> None:
        self._loaded = loaded

    def __call__(self, path: bytes) -> int:
        self._loaded.append(Path(path.decode()).name)
        return 1


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _LlamaCpp:
    """Three libraries for CPUs; one of them says that it does not run here."""
    (tmp_path / "lib").mkdir()
    for name, score in (("old", 1), ("new", 9), ("newest", 0)):
        source = tmp_path / f"{name}.c"
        source.write_text(f"int ggml_backend_score(void) {{ return {score}; }}\n")
        library = tmp_path / "lib" / f"libggml-cpu-{name}.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    for name in ("_variant", "_variants"):
        monkeypatch.setattr(bindings, name, getattr(bindings, name))
    monkeypatch.delenv(CPU_VARIABLE, raising=False)
    return _LlamaCpp(tmp_path)


def test_the_best_kernels_for_this_cpu_are_loaded(kernels: _LlamaCpp) -> None:
    bindings._load_kernels(kernels)
    assert kernels.loaded == ["libggml-cpu-new.so"]
    assert (bindings.cpu_variant(), bindings.cpu_variants()) == ("new", ("new", "old"))


def test_other_kernels_can_be_named(kernels: _LlamaCpp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CPU_VARIABLE, "old")
    bindings._load_kernels(kernels)
    assert kernels.loaded == ["libggml-cpu-old.so"]


@pytest.mark.parametrize("name", ["newest", "oldest"])
def test_kernels_that_do_not_run_here_are_refused(
    kernels: _LlamaCpp, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(CPU_VARIABLE, name)
    with pytest.raises(MachineError, match=rf"CPULLM_CPU is '{name}'.*take one of new, old\."):
        bindings._load_kernels(kernels)
    assert kernels.loaded == []


def test_where_llama_cpp_has_its_kernels_inside_none_are_loaded(tmp_path: Path) -> None:
    llama = _LlamaCpp(tmp_path)
    before = bindings.cpu_variant()
    bindings._load_kernels(llama)
    assert (llama.loaded, bindings.cpu_variant()) == ([], before)


def test_kernels_cannot_be_named_where_there_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CPU_VARIABLE, "haswell")
    with pytest.raises(MachineError, match="was compiled for one kind of CPU: unset it"):
        bindings._load_kernels(_LlamaCpp(tmp_path))


def test_damaged_kernels_are_told_in_one_line(kernels: _LlamaCpp) -> None:
    (Path(kernels.__file__).parent / "lib/libggml-cpu-old.so").write_bytes(b"no library")
    with pytest.raises(MachineError, match=r"kernels are damaged \(.*old.*\): install cpullm anew\."):
        bindings._load_kernels(kernels)
