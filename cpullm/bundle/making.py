"""A bundle made: everything into a new folder beside its place, then, whole, under its name."""

from __future__ import annotations

import os
import platform
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from cpullm import catalog, installed
from cpullm.bundle import environment, linked, parts, wheels
from cpullm.bundle.jars import jars
from cpullm.bundle.licences import wheel_facts
from cpullm.bundle.manifest import MANIFEST, About, File, Manifest, Target
from cpullm.bundle.sbom import write_sbom
from cpullm.bundle.signature import sign
from cpullm.catalog import CorpusEntry, ResolvedModel
from cpullm.errors import InputError, MachineError, OptionError
from cpullm.fetch import file_sha256, require_room
from cpullm.filesystems import link_or_copy
from cpullm.gguf import record_path
from cpullm.installed import Bundled

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
    models = [catalog.resolve_model(model) for model in dict.fromkeys(order.models)]
    books = [catalog.resolve_corpus(book) for book in dict.fromkeys(order.books)]
    for kind, paths in (("model", [model.path for model in models]), ("corpus", books)):
        for path in paths:
            _refuse_name(kind, path.name)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as scratch:
        n_bytes = sum(model.path.stat().st_size for model in models)
        require_room(Path(scratch), _WORK_BYTES + 2 * n_bytes)
        draft = Path(scratch) / out.name
        draft.mkdir()
        manifest = _fill(draft, Path(scratch), order, checkout, models, books, told)
        sha256 = manifest.write(draft)
        signed_by = sign(draft / MANIFEST, order.key) if order.key else None
        tar = _tar(draft, told) if order.tar else None
        os.replace(draft, out)
        if tar is not None:
            os.replace(tar, _tar_of(out))
    return Made(out, _tar_of(out) if tar else None, manifest, sha256, signed_by, time.monotonic() - started)


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
    for place in (out, _tar_of(out)) if order.tar else (out,):
        if place.exists():
            raise OptionError(f"{place} exists: remove it, or name another folder with --out (OUT=…).")
    out.parent.mkdir(parents=True, exist_ok=True)
    return checkout, out


def _refuse_name(kind: str, name: str) -> None:
    """Raise InputError for a name that a bundle cannot hold, before minutes of work."""
    File(f"{'models' if kind == 'model' else 'corpora'}/{name}", 0, "0" * 64, kind)


def _fill(
    draft: Path,
    scratch: Path,
    order: Order,
    checkout: Path,
    models: Sequence[ResolvedModel],
    books: Sequence[Path],
    told: Callable[[str], None],
) -> Manifest:
    """All but the manifest and its signature into the draft."""
    made = _now().strftime("%Y-%m-%dT%H:%M:%SZ")
    carried = Bundled(models[0].path.name, tuple(book.name for book in books))
    _bring(draft, models, books)
    told("packages")
    wheels.collect(draft / "wheels", order.llama, checkout, scratch)
    told("Python environment")
    root = scratch / "env"
    libraries = environment.make(root, draft / "wheels", carried)
    least = linked.least(linked.compiled(root))
    told("archive of the environment")
    environment.pack(root, draft / "env.tar.gz")
    target = Target(platform.system(), platform.machine(), environment.VERSION, least.glibc, least.libstdcxx)
    _explain(draft, checkout, target, carried, made)
    told("bill of materials")
    inside = [parts.interpreter(platform.python_version()), *_parts(draft, root, libraries, models, books)]
    write_sbom(draft, root / "bin" / "python", inside, cpullm=version("cpullm"), made=made)
    told("sha256 of every file")
    about = _about(draft, models, books)
    return Manifest.of_folder(draft, cpullm=version("cpullm"), made=made, target=target, about=about)


def _explain(draft: Path, checkout: Path, target: Target, carried: Bundled, made: str) -> None:
    """The guides, the licence and install.sh."""
    shutil.copytree(checkout / "docs", draft / "docs")
    shutil.copy(checkout / "README.md", draft / "CPULLM.md")
    shutil.copy(checkout / "LICENSE", draft)
    shutil.copy(Path(__file__).with_name("install.sh"), draft)
    text = _README.format(
        version=version("cpullm"),
        made=made,
        system=f"{target.system} {target.machine} with glibc {target.glibc} or later",
        python=target.python,
        model=carried.model,
        books=", ".join(carried.corpora),
    )
    (draft / "README.md").write_text(text, "utf-8")


def _now() -> datetime:
    """The time, or the one of SOURCE_DATE_EPOCH, with which the same things make the same bundle."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(epoch), timezone.utc) if epoch else datetime.now(timezone.utc)


def _bring(draft: Path, models: Sequence[ResolvedModel], books: Sequence[Path]) -> None:
    for kind in ("models", "corpora"):
        (draft / kind).mkdir()
    for model in models:
        link_or_copy(model.path.resolve(), draft / "models" / model.path.name)
        if record_path(model.path).exists():  # what the hub said of it
            shutil.copy(record_path(model.path), draft / "models")
    for book in books:
        place = draft / "corpora" / book.name
        if place.exists():
            raise InputError(f"two books are called {book.name}: rename one.")
        if book.is_dir():
            shutil.copytree(book, place)
        else:
            shutil.copy(book, place)


def _parts(
    draft: Path,
    root: Path,
    libraries: Sequence[Path],
    models: Sequence[ResolvedModel],
    books: Sequence[Path],
) -> list[parts.Part]:
    """What is no Python package."""
    found = [parts.llama_cpp(next((draft / "wheels").glob("llama_cpp_python-*.whl")))]
    found += [parts.shared_library(path, root) for path in libraries]
    found += jars(next((draft / "wheels").glob(f"{environment.SPARK}-*.whl")))
    for model in models:
        entry = model.entry
        licence = entry.licence if entry else None
        found.append(parts.model(model.path.name, model.sha256, licence=licence, source=entry.url if entry else None))
    for path in sorted(path for book in books for path in _files(draft / "corpora" / book.name)):
        name, entry_of_book = path.relative_to(draft / "corpora").as_posix(), _book_entry(path)
        source = entry_of_book.url if entry_of_book else None
        found.append(parts.corpus(name, file_sha256(path), licence=_book_licence(entry_of_book), source=source))
    return found


def _about(draft: Path, models: Sequence[ResolvedModel], books: Sequence[Path]) -> dict[str, About]:
    """Versions and licences, by file."""
    own = About(version("cpullm"), "Apache-2.0")
    known = {name: own for name in ("install.sh", "README.md", "CPULLM.md", "LICENSE", "sbom.cdx.json")}
    known["env.tar.gz"] = About(version("cpullm"))  # of many licences: the bill of materials has them
    for wheel in (draft / "wheels").glob("*.whl"):
        facts = wheel_facts(wheel)
        known[f"wheels/{wheel.name}"] = About(facts.version, facts.licence)
    for model in models:
        known[f"models/{model.path.name}"] = About(None, model.entry.licence if model.entry else None)
    for book in books:
        for path in _files(draft / "corpora" / book.name):
            known[path.relative_to(draft).as_posix()] = About(None, _book_licence(_book_entry(path)))
    return known


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]


def _book_entry(path: Path) -> CorpusEntry | None:
    """The catalog's book of that name; of other texts nothing is known."""
    return catalog.corpora().get(path.stem.lower().replace("-", "_"))


def _book_licence(entry: CorpusEntry | None) -> str | None:
    return "public domain in the USA" if entry else None


def _tar_of(out: Path) -> Path:
    return out.with_name(f"{out.name}.tar")


def _tar(draft: Path, told: Callable[[str], None]) -> Path:
    """The folder as one file; what is large in it is packed already."""
    told("tar")
    path = _tar_of(draft)
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for file in sorted(draft.rglob("*")):
            tar.add(file, f"{draft.name}/{file.relative_to(draft)}", recursive=False, filter=environment.plain)
    return path
