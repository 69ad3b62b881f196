"""What is refused before minutes of work on a bundle, and what its parts are; test_bundle.py makes whole ones."""

from __future__ import annotations

import os
import platform
import subprocess
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cpullm import installed
from cpullm.bundle import carried, environment, making
from cpullm.bundle.making import Order
from cpullm.errors import CpullmError, MachineError, OptionError


@pytest.fixture
def order(tmp_path: Path, starter: Path) -> Order:
    """One that would be carried out."""
    wheel = tmp_path / "llama_cpp_python-0-py3-none-any.whl"
    wheel.touch()
    book = tmp_path / "book.txt"
    book.write_text("A book.\n")
    return Order(tmp_path / "bundle", wheel, (str(starter),), (str(book),))


def _refused(order: Order, words: str) -> None:
    before = sorted(order.out.parent.iterdir())
    with pytest.raises(CpullmError, match=words) as caught:
        making.make(order)
    assert "\n" not in str(caught.value)
    assert sorted(order.out.parent.iterdir()) == before


@pytest.mark.parametrize("name", ["bundle", "bundle.tar"])
def test_what_is_there_is_not_written_over(order: Order, name: str) -> None:
    (order.out.parent / name).mkdir()
    _refused(order, rf"{name} exists: remove it, or name another folder")


def test_a_place_that_is_a_file_is_refused(order: Order) -> None:
    (order.out.parent / "file").touch()
    with pytest.raises(CpullmError, match=r"bundle\.part cannot be made \(Not a directory\)"):
        making.make(replace(order, out=order.out.parent / "file" / "bundle"))


def test_what_a_killed_run_left_is_gone_after_the_next(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    (order.out.parent / "bundle.part" / "bundle").mkdir(parents=True)
    (order.out.parent / "bundle.part" / making._LOCK).touch()

    def full(*_: object) -> None:
        raise MachineError("no room")

    monkeypatch.setattr(making, "require_room", full)
    with pytest.raises(MachineError):
        making.make(order)
    assert not (order.out.parent / "bundle.part").exists()


def test_a_folder_of_somebody_elses_is_not_touched(order: Order) -> None:
    mine = order.out.parent / "bundle.part" / "mine"
    mine.mkdir(parents=True)
    _refused(order, r"bundle\.part is in the way")
    assert mine.exists()


def test_two_runs_do_not_make_one_bundle(order: Order) -> None:
    with making._scratch(order.out), pytest.raises(OptionError, match=r"another run makes .*: wait for it"):
        making.make(order)


def test_a_missing_wheel_says_what_makes_it(order: Order) -> None:
    _refused(replace(order, llama=Path("nowhere.whl")), "nowhere.whl is not there: `make bundle` compiles")


def test_a_missing_key_is_told_before_the_work(order: Order) -> None:
    _refused(replace(order, key=Path("nokey")), "the key nokey is not there")


def test_an_unknown_model_is_told_before_the_work(order: Order) -> None:
    _refused(replace(order, models=("no-such-model",)), "no model is called 'no-such-model'")


def test_a_name_that_a_bundle_cannot_hold_is_told_before_the_work(order: Order) -> None:
    book = order.out.parent / 'a "book".txt'
    book.write_text("A book.\n")
    _refused(replace(order, books=(str(book),)), "rename it")


def test_two_books_of_one_name_are_refused(order: Order) -> None:
    other = order.out.parent / "other"
    other.mkdir()
    (other / "book.txt").write_text("Another book.\n")
    _refused(replace(order, books=(*order.books, str(other / "book.txt"))), "book.txt have the same name: rename one")


def test_two_models_of_one_name_are_refused_and_stay_as_they_are(order: Order, starter: Path) -> None:
    other = order.out.parent / "other" / starter.name
    other.parent.mkdir()
    other.write_bytes(b"GGUF\x03\x00\x00\x00" + bytes(64))
    before = other.read_bytes()
    _refused(replace(order, models=(str(other), *order.models)), "have the same name: rename one")
    assert other.read_bytes() == before


def test_a_model_named_twice_is_carried_once(order: Order, starter: Path) -> None:
    twice = (str(starter), str(starter.parent / "." / starter.name))
    files, _ = carried.find(twice, ())
    assert [one.path for one in files if one.path.endswith(".gguf")] == [f"models/{starter.name}"]


def test_a_model_behind_a_link_is_the_default_by_the_links_name(order: Order, starter: Path) -> None:
    link = order.out.parent / "link.gguf"
    link.symlink_to(starter)
    files, told = carried.find((str(link),), ())
    assert (files[0].path, told.model) == ("models/link.gguf", "link.gguf")


def test_a_folder_of_texts_is_carried_with_its_folders(order: Order) -> None:
    folder = order.out.parent / "reports"
    (folder / "old" / "empty").mkdir(parents=True)
    (folder / "old" / "a report.txt").write_text("A report.\n")
    (folder / "link.txt").symlink_to("old/a report.txt")
    files, told = carried.find(order.models, (str(folder),))
    assert [one.path for one in files[-2:]] == ["corpora/reports/link.txt", "corpora/reports/old/a report.txt"]
    assert told.corpora == ("reports",)


def test_what_is_no_file_in_a_folder_is_told_before_the_work(order: Order) -> None:
    folder = order.out.parent / "reports"
    folder.mkdir()
    (folder / "gone.txt").symlink_to("nowhere")
    _refused(replace(order, books=(str(folder),)), "gone.txt is no file, or a link to none")


def test_a_licence_is_told_only_of_what_was_asked_for_by_its_name(order: Order) -> None:
    mine = order.out.parent / "war_and_peace.txt"
    mine.write_text("Mine.\n")
    files, _ = carried.find(order.models, (str(mine), "sample"))
    assert [one.licence for one in files[-2:]] == [None, "CC0-1.0"]


def test_a_bundle_takes_a_checkout(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "PACKAGE", order.out.parent / "cpullm")
    _refused(order, "made from a checkout of cpullm, with `make bundle`")


def test_a_bundle_takes_linux(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    _refused(order, "made on Linux with glibc")


def _tree(root: Path) -> Path:
    (root / "lib").mkdir(parents=True)
    (root / "lib/text").write_text("text")
    program = root / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    (root / "link").symlink_to("program")
    return root


def test_the_same_files_make_the_same_archive(tmp_path: Path) -> None:
    for name in ("one", "two"):
        environment.pack(_tree(tmp_path / name), tmp_path / f"{name}.tar.gz")
        time.sleep(0.01)
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()


def test_an_archive_has_its_files_at_the_top_for_all_to_read(tmp_path: Path) -> None:
    environment.pack(_tree(tmp_path / "root"), tmp_path / "a.tar.gz")
    with tarfile.open(tmp_path / "a.tar.gz") as archive:
        modes = {entry.name: entry.mode for entry in archive if not entry.issym()}
    assert modes == {"lib": 0o755, "lib/text": 0o644, "program": 0o755}


def test_the_launcher_runs_the_python_beside_it_from_anywhere(tmp_path: Path) -> None:
    folder = tmp_path / "some where/bin"
    folder.mkdir(parents=True)
    for name, text in (("cpullm", environment.LAUNCHER), ("python", '#!/bin/sh\necho "$PYSPARK_PYTHON" "$@"\n')):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    (tmp_path / "link").symlink_to(folder / "cpullm")
    env = {name: value for name, value in os.environ.items() if name != "PYSPARK_PYTHON"}
    done = subprocess.run([tmp_path / "link", "plan", "a b"], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == f"{folder}/python -I -m cpullm.cli plan a b\n"
