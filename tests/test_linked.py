"""What compiled files need of a system is read from them, and what not every system has is carried along."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from cpullm.bundle import linked
from cpullm.errors import MachineError

LIBRARY = "int answer(void) { return 42; }\n"
PROGRAM = '#include <stdio.h>\nint answer(void);\nint main(void) { printf("%d\\n", answer()); return 0; }\n'

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="takes a C compiler")


def _compile(target: Path, text: str, *options: str) -> Path:
    source = target.with_suffix(".c")
    source.write_text(text)
    subprocess.run(["cc", "-o", target, source, *options], check=True)
    source.unlink()
    return target


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that loads libanswer.so.1 from a folder outside its own tree."""
    outside, root = tmp_path / "outside", tmp_path / "root"
    for folder in (outside, root / "bin", root / "lib"):
        folder.mkdir(parents=True)
    _compile(outside / "libanswer.so.1", LIBRARY, "-shared", "-fPIC", "-Wl,-soname,libanswer.so.1")
    return _compile(root / "bin/program", PROGRAM, str(outside / "libanswer.so.1"), f"-Wl,-rpath,{outside}")


def _root(program: Path) -> Path:
    return program.parent.parent


def test_a_program_runs_elsewhere_with_the_libraries_it_carries(program: Path, tmp_path: Path) -> None:
    carried = linked.carry([program], _root(program) / "lib")
    assert carried == [_root(program) / "lib/libanswer.so.1"]
    shutil.rmtree(tmp_path / "outside")
    _root(program).rename(tmp_path / "else where")
    done = subprocess.run([tmp_path / "else where/bin/program"], capture_output=True, text=True, check=True)
    assert done.stdout == "42\n"


def test_what_every_system_has_is_not_carried(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    alone = _compile(
        tmp_path / "alone", "#include <math.h>\nint main(int n, char **v) { return (int)cos(n); }\n", "-lm"
    )
    assert linked.carry([alone], tmp_path / "lib") == []


def test_a_library_that_this_machine_lacks_is_told_by_its_name(program: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "outside")
    with pytest.raises(MachineError, match=r"program needs libanswer\.so\.1, which this machine lacks"):
        linked.carry([program], _root(program) / "lib")


def test_programs_and_libraries_are_found_and_nothing_else(program: Path) -> None:
    root = _root(program)
    (root / "lib/text").write_text("ELF")
    (root / "lib/empty.so").touch()
    (root / "bin/link").symlink_to("program")
    assert list(linked.compiled(root)) == [program]


def test_the_least_glibc_is_the_highest_version_that_a_symbol_asks_for(program: Path) -> None:
    told = subprocess.run(["objdump", "-T", program], capture_output=True, text=True, check=True).stdout
    asked = {word.strip("()") for word in told.split() if word.strip("()").startswith("GLIBC_2")}
    versions = [tuple(map(int, one.removeprefix("GLIBC_").split("."))) for one in asked]
    least = linked.least([program])
    assert least.glibc == ".".join(map(str, max(versions)))
    assert least.libstdcxx is None


def test_files_without_symbols_of_glibc_run_with_any(tmp_path: Path) -> None:
    library = _compile(tmp_path / "lib.so", LIBRARY, "-shared", "-fPIC", "-nostdlib")
    assert linked.least([library]) == linked.Least(None, None)
