"""A bundle made: everything into a new folder beside its place, then, whole, under its name."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from cpullm import installed
from cpullm.bundle import environment, linked, parts, wheels
from cpullm.bundle.carried import Carried, bring, find
from cpullm.bundle.jars import jars
from cpullm.bundle.licences import wheel_facts
from cpullm.bundle.manifest import MANIFEST, About, Manifest, Target
from cpullm.bundle.sbom import write_sbom
from cpullm.bundle.signature import sign
from cpullm.errors import MachineError, OptionError
from cpullm.fetch import require_room
from cpullm.installed import Bundled

_LOCK = ".made-by-cpullm"
_TOOLS = ("auditwheel", "cyclonedx", "elftools")
_WORK_BYTES = 5_000_000_000  # packages, the environment and its archive, before what is not needed is dropped


_README = """\
# cpullm {version} for machines without a network

Made at {made} for {system}. It holds Python {python}, all packages and Spark, the model {model} and the texts {books}.
Machines need Java 17 or later, and nothing else.

    sh install.sh /opt/cpullm                 # checks this machine and every file; --signer KEY.pub the signature too
    /opt/cpullm/env/bin/cpullm summarize      # the first text above with the model above

Clusters, updates, audits: [docs/airgap.md](docs/airgap.md). All else: [CPULLM.md](CPULLM.md).
"""


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted: models and books by name or path, signed with `key`; `llama` is the wheel for every CPU."""

    out: Path
    llama: Path
    models: tuple[str, ...]
    books: tuple[str, ...]
    key: Path | None = None
    tar: bool = True


@dataclass(frozen=True, slots=True)
class Made:
    """What came of it; `sha256` is the manifest's, `seconds` what it took without the time for fetching."""

    folder: Path
    tar: Path | None
    manifest: Manifest
    sha256: str
    signed_by: str | None
    seconds: float


def make(order: Order, told: Callable[[str], None] = lambda step: None) -> Made:
    """Make a bundle for machines like this one. Raises CpullmError; then nothing of it stays."""
    checkout, out = _checked(order)
    carried, bundled = find(order.models, order.books)
    started = time.monotonic()
    with _scratch(out) as scratch:
        require_room(scratch, _WORK_BYTES + 2 * sum(one.file.stat().st_size for one in carried))
        draft = scratch / out.name
        draft.mkdir()
        manifest = _fill(draft, scratch, order, checkout, carried, bundled, told)
        sha256 = manifest.write(draft)
        signed_by = sign(draft / MANIFEST, order.key) if order.key else None
        if order.tar:
            told("tar")
            environment.pack(draft, _tar_of(draft), top=draft.name)
        os.replace(draft, out)
        if order.tar:
            os.replace(_tar_of(draft), _tar_of(out))
    tar = _tar_of(out) if order.tar else None
    return Made(out, tar, manifest, sha256, signed_by, time.monotonic() - started)


def _checked(order: Order) -> tuple[Path, Path]:
    """The checkout and the place of the bundle, if one can be made."""
    checkout = installed.checkout()
    if checkout is None:
        raise MachineError("a bundle is made from a checkout of cpullm, with `make bundle`.")
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        raise MachineError("a bundle is made on Linux with glibc, on the kind of machine that it is for.")
    missing = [tool for tool in _TOOLS if find_spec(tool) is None]
    if missing:
        raise MachineError(f"making a bundle needs {', '.join(missing)}: pip install 'cpullm[bundle]'.")
    if not order.llama.is_file():
        raise OptionError(f"{order.llama} is not there: `make bundle` compiles llama.cpp for every CPU.")
    if order.key is not None and not order.key.is_file():
        raise OptionError(f"the key {order.key} is not there: make one with `ssh-keygen -t ed25519`.")
    out = order.out.expanduser().absolute()
    if not out.name:
        raise OptionError(f"{out} is no name for a new folder: name another one with --out (OUT=…).")
    for place in (out, _tar_of(out)) if order.tar else (out,):
        if place.exists():
            raise OptionError(f"{place} exists: remove it, or name another folder with --out (OUT=…).")
    return checkout, out


@contextlib.contextmanager
def _scratch(out: Path) -> Iterator[Path]:
    """A folder beside the bundle's place, on the same file system. What a killed run left there goes."""
    folder = out.with_name(f"{out.name}.part")
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()) and not (folder / _LOCK).exists():
                raise OptionError(f"{folder} is in the way, and not cpullm's: name another folder with --out (OUT=…).")
            lock = stack.enter_context((folder / _LOCK).open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OptionError(f"another run makes {out} at this moment: wait for it.") from error
        except OSError as error:
            told = f"{folder} cannot be made ({error.strerror}): name another folder with --out (OUT=…)."
            raise OptionError(told) from error
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for path in folder.iterdir():
            if path.name != _LOCK:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        yield folder


def _fill(
    draft: Path,
    scratch: Path,
    order: Order,
    checkout: Path,
    carried: Sequence[Carried],
    bundled: Bundled,
    told: Callable[[str], None],
) -> Manifest:
    """All but the manifest and its signature into the draft."""
    made = _now().strftime("%Y-%m-%dT%H:%M:%SZ")
    bring(carried, draft)
    told("packages")
    wheels.collect(draft / "wheels", order.llama, checkout, scratch)
    told("Python environment")
    root = scratch / "env"
    libraries = environment.make(root, draft / "wheels", bundled)
    least = linked.least(linked.compiled(root))
    told("archive of the environment")
    environment.pack(root, draft / "env.tar.gz")
    target = Target(platform.system(), platform.machine(), environment.VERSION, least.glibc, least.libstdcxx)
    _explain(draft, checkout, target, bundled, made)
    told("bill of materials")
    inside = [
        parts.interpreter(platform.python_version()),
        parts.llama_cpp(next((draft / "wheels").glob("llama_cpp_python-*.whl"))),
        *(parts.shared_library(path, root) for path in libraries),
        *jars(next((draft / "wheels").glob(f"{environment.SPARK}-*.whl"))),
        *(one.part for one in carried),
    ]
    write_sbom(draft, root / "bin" / "python", inside, cpullm=version("cpullm"), made=made)
    told("sha256 of every file")
    about = _about(draft, carried)
    return Manifest.of_folder(draft, cpullm=version("cpullm"), made=made, target=target, about=about)


def _explain(draft: Path, checkout: Path, target: Target, bundled: Bundled, made: str) -> None:
    """The guides, the licence and install.sh."""
    shutil.copytree(checkout / "docs", draft / "docs", ignore=shutil.ignore_patterns(".*", "*~", "__pycache__"))
    shutil.copy(checkout / "README.md", draft / "CPULLM.md")
    shutil.copy(checkout / "LICENSE", draft)
    shutil.copy(Path(__file__).with_name("install.sh"), draft)
    text = _README.format(
        version=version("cpullm"),
        made=made,
        system=f"{target.system} {target.machine} with glibc {target.glibc} or later",
        python=target.python,
        model=bundled.model,
        books=", ".join(bundled.corpora),
    )
    (draft / "README.md").write_text(text, "utf-8")


def _now() -> datetime:
    """The time, or the one of SOURCE_DATE_EPOCH, with which the same things make the same bundle."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(epoch), timezone.utc) if epoch else datetime.now(timezone.utc)


def _about(draft: Path, carried: Sequence[Carried]) -> dict[str, About]:
    """Versions and licences, by file."""
    own = About(version("cpullm"), "Apache-2.0")
    known = {name: own for name in ("install.sh", "README.md", "CPULLM.md", "LICENSE", "sbom.cdx.json")}
    known["env.tar.gz"] = About(version("cpullm"))  # of many licences: the bill of materials has them
    for wheel in (draft / "wheels").glob("*.whl"):
        facts = wheel_facts(wheel)
        known[f"wheels/{wheel.name}"] = About(facts.version, facts.licence)
    return known | {one.path: About(one.revision, one.licence) for one in carried}


def _tar_of(out: Path) -> Path:
    return out.with_name(f"{out.name}.tar")
