"""A Python environment that runs wherever it is unpacked: the interpreter of this one, copied, with a bundle's wheels.

Of the interpreter it holds what a program needs: no compiler's files, no tests, no windows, and no module whose
library has a licence that asks more of who passes it on (readline, gdbm). Spark is not in it: a cluster has its own, or
gets it from the wheel as the bundle is installed.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cpullm.bundle import linked
from cpullm.errors import MachineError
from cpullm.installed import MARK, Bundled

SPARK = "pyspark"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
_UNUSED = (
    "__pycache__ site-packages dist-packages test tests idlelib tkinter turtledemo ensurepip lib2to3 config-* *.a "
    "EXTERNALLY-MANAGED _tkinter.* _gdbm.* _dbm.* readline.* _curses*.so nis.* _crypt.* spwd.* *test*.so xxlimited*"
).split()
_CLEAN = {"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0"}

LAUNCHER = """\
#!/bin/sh
# Runs cpullm with the Python beside this file, and nothing that lies elsewhere on the machine.
here=$(dirname "$(readlink -f "$0")")
unset PYTHONHOME PYTHONPATH
export PYTHONSAFEPATH=1
export PYSPARK_PYTHON="${PYSPARK_PYTHON:-$here/python}"
for jars in "$here"/../lib/python3*/*/pyspark/jars "$here"/../local/lib/python3*/*/pyspark/jars; do
    [ ! -d "$jars" ] || unset SPARK_HOME # there is a Spark of its own
done
exec "$here/python" -I -m cpullm.cli "$@"
"""

# Run as this Python starts, whoever starts it: what makes libraries stay offline.
_OFFLINE = ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "PIP_NO_INDEX")
_START = f"import os; [os.environ.setdefault(name, '1') for name in {_OFFLINE}]\n"


def make(root: Path, wheels: Path, carried: Bundled) -> list[Path]:
    """Make the environment in `root`, a new folder, from all wheels but Spark's; the libraries it carries along."""
    root.mkdir()
    python = _copy_interpreter(root)
    libraries = linked.carry(list(linked.compiled(root)), root / "lib")
    _install(python, wheels)
    package = next(root.rglob("cpullm/installed.py")).parent
    (package / MARK).write_text(json.dumps(asdict(carried)), "utf-8")
    (package.parent / "offline.pth").write_text(_START)
    # The system's and the user's own packages stay out (PEP 405); without `home` the interpreter is the one beside it.
    (root / "pyvenv.cfg").write_text("include-system-site-packages = false\n")
    _make_commands(root)
    # Checked by no time stamp: the files' times change as they are unpacked, and folders may be read only. Nor do they
    # tell where this was made: the same files are the same bytes. pip's run has compiled some in the usual way.
    compiling = ["compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash", "-s", str(root), "-j", "0"]
    _run([str(python), "-m", *compiling, str(root)])
    return libraries


def pack(root: Path, archive: Path, *, top: str = "") -> None:
    """The folder's files as a .tar.gz or .tar, under `top` in it; the same bytes for the same files."""
    with contextlib.ExitStack() as stack:
        stream: Any = stack.enter_context(archive.open("wb"))
        if archive.suffix == ".gz":
            stream = stack.enter_context(gzip.GzipFile("", "wb", 6, stream, mtime=0))
        tar = stack.enter_context(tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT))
        for path in sorted(root.rglob("*")):
            tar.add(path, str(top / path.relative_to(root)), recursive=False, filter=_plain)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nobody's, of no time, and for all to read."""
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry


def _copy_interpreter(root: Path) -> Path:
    """Program, library and standard library of the Python that runs this, under their usual names."""
    program = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
    library = Path(sysconfig.get_path("stdlib"))
    if not program.is_file() or not (library / "os.py").is_file():
        raise MachineError(f"the Python of this installation is not to be found ({program}, {library}).")
    (root / "bin").mkdir()
    python = root / "bin" / f"python{VERSION}"
    shutil.copy(program, python)
    for name in ("python3", "python"):
        (root / "bin" / name).symlink_to(python.name)
    shutil.copytree(library, root / "lib" / f"python{VERSION}", ignore=shutil.ignore_patterns(*_UNUSED))
    for shared in Path(sysconfig.get_config_var("LIBDIR")).glob(f"libpython{VERSION}.so*"):
        if not shared.is_symlink():
            shutil.copy(shared, root / "lib")
            (root / "lib" / shared.name).chmod(0o755)
    return python


def _install(python: Path, wheels: Path) -> None:
    """By name, not by file: pip would note where on this machine the file was."""
    pip = next(wheels.glob("pip-*.whl")) / "pip"  # a wheel of pip runs as it is
    names = ["==".join(path.name.split("-")[:2]) for path in sorted(wheels.glob("*.whl"))]
    install = ["install", "--quiet", "--no-index", "--find-links", str(wheels), "--no-deps", "--no-compile"]
    quiet = ["--no-cache-dir", "--no-warn-script-location", "--disable-pip-version-check"]
    _run([str(python), "-I", str(pip), *install, *quiet, *(name for name in names if not name.startswith(SPARK))])


def _make_commands(root: Path) -> None:
    """Python under its names, and the launcher; packages' own scripts begin with the path they were made at."""
    for path in [*root.glob("bin/*"), *root.glob("local/bin/*")]:  # the second is where Debian's Python puts programs
        if not path.name.startswith("python"):
            path.unlink()
    for record in root.rglob("*.dist-info/RECORD"):
        lines = record.read_text("utf-8").splitlines(keepends=True)
        record.write_text("".join(line for line in lines if not line.startswith("../../../bin/")), "utf-8")
    launcher = root / "bin" / "cpullm"
    launcher.write_text(LAUNCHER)
    launcher.chmod(0o755)


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_CLEAN)
    if done.returncode != 0:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise MachineError(f"{' '.join(command[:5])} failed: {lines[-1] if lines else done.returncode}")
