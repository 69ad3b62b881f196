"""Where the package lies decides where it looks first, what it takes unasked, and whether it opens connections."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cpullm import catalog, fetch, installed
from cpullm.errors import FetchError, InputError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of an installed bundle with a model and two texts, as seen by its own Python."""
    package = tmp_path / "env/lib/python3.11/site-packages/cpullm"
    (package / "_data").mkdir(parents=True)
    (package / installed.MARK).write_text(json.dumps({"model": "tiny.gguf", "corpora": ["notes.txt"]}))
    for kind in ("models", "corpora"):
        (tmp_path / kind).mkdir()
    monkeypatch.setattr(installed, "PACKAGE", package)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "env"))
    installed.bundled.cache_clear()
    yield tmp_path
    installed.bundled.cache_clear()


def test_a_bundles_folder_is_home(folder: Path) -> None:
    assert installed.home() == folder


def test_a_bundles_own_model_and_text_are_taken_unasked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for name in ("corpora/notes.txt", "models/tiny.gguf", "notes.txt", "tiny.gguf"):
        (folder / name).write_text("Notes.")
    assert installed.default_model() == str(folder / "models/tiny.gguf")
    assert catalog.resolve_corpus(installed.default_source()) == folder / "corpora/notes.txt"


def test_what_was_installed_elsewhere_is_looked_up_by_its_name(folder: Path) -> None:
    assert (installed.default_model(), installed.default_source()) == ("tiny.gguf", "notes.txt")


def test_a_folder_of_texts_that_was_carried_along_is_taken_whole(folder: Path) -> None:
    (folder / "corpora/notes.txt").mkdir()
    assert catalog.resolve_corpus(installed.default_source()) == folder / "corpora/notes.txt"


def test_a_bundle_without_texts_takes_the_sample(folder: Path) -> None:
    (installed.PACKAGE / installed.MARK).write_text(json.dumps({"model": "tiny.gguf", "corpora": []}))
    assert installed.default_source() == installed.SAMPLE


@pytest.mark.parametrize("value", [None, "0"])
def test_a_bundle_opens_no_connection_whatever_is_set(
    folder: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    for name in ("CPULLM_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(FetchError, match="this is a bundle, which opens no connection"):
        fetch.refuse_offline("anything")


def test_a_bundle_looks_into_its_own_folders_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CPULLM_PATH", raising=False)
    assert catalog.folders("models") == [folder / "models"]


def test_elsewhere_the_starter_and_the_sample_are_taken() -> None:
    assert installed.bundled() is None
    assert (installed.default_model(), installed.default_source()) == (installed.STARTER, installed.SAMPLE)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model": 1}'])
def test_a_damaged_mark_is_told_in_one_line(folder: Path, text: str) -> None:
    (installed.PACKAGE / installed.MARK).write_text(text)
    with pytest.raises(InputError, match="install the bundle anew"):
        installed.bundled()
