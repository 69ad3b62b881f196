"""The model on an executor's host: one checked file for all its executors."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cpullm.errors import MachineError, ModelError
from cpullm.fetch import file_sha256
from cpullm.spark import placing
from tests.hosts import Disk, can_mount

DATA = b"the weights " * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(placing.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def _shipped(folder: Path, data: bytes = DATA) -> Path:
    folder.mkdir()
    path = folder / f"{SHA256}.gguf"
    path.write_bytes(data)
    return path


class TestFromSpark:
    def test_two_executors_of_a_host_map_one_file(self, tmp_path: Path) -> None:
        one = placing.from_spark(_shipped(tmp_path / "one"), SHA256)
        other = placing.from_spark(_shipped(tmp_path / "other"), SHA256)
        assert one == other and one.read_bytes() == DATA
        copies = [tmp_path / "one" / one.name, tmp_path / "other" / one.name]
        assert {copy.stat().st_ino for copy in copies} == {one.stat().st_ino}

    def test_a_copy_on_another_disk_is_given_up_too(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise OSError(18, "Invalid cross-device link")

        monkeypatch.setattr(Path, "hardlink_to", refuse)
        shipped = _shipped(tmp_path / "one")
        placed = placing.from_spark(shipped, SHA256)
        assert shipped.is_symlink() and shipped.samefile(placed) and not placed.is_symlink()

    def test_a_file_is_hashed_once_as_long_as_it_stays(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        hashed: list[Path] = []
        monkeypatch.setattr(placing, "file_sha256", lambda path: hashed.append(path) or file_sha256(path))
        for name in ("one", "two", "three"):
            placing.from_spark(_shipped(tmp_path / name), SHA256)
        assert len(hashed) == 1

    def test_a_damaged_copy_is_refused_and_not_kept(self, tmp_path: Path, cache: Path) -> None:
        with pytest.raises(ModelError, match=r"the model on .* is damaged: .* has sha256"):
            placing.from_spark(_shipped(tmp_path / "one", DATA[:-1]), SHA256)
        assert not list(cache.glob("*.gguf")) and not list(cache.glob(".*"))
        assert placing.from_spark(_shipped(tmp_path / "two"), SHA256).read_bytes() == DATA

    def test_a_cached_file_that_was_changed_is_brought_again(self, tmp_path: Path) -> None:
        placed = placing.from_spark(_shipped(tmp_path / "one"), SHA256)
        placed.unlink()
        placed.write_bytes(b"damaged")
        assert placing.from_spark(_shipped(tmp_path / "two"), SHA256).read_bytes() == DATA

    def test_executors_that_start_together_leave_one_file(self, tmp_path: Path, cache: Path) -> None:
        """Processes, because the lock is between processes."""
        ask = "import sys; from pathlib import Path; from cpullm.spark import placing; "
        ask += "print(placing.from_spark(Path(sys.argv[1]), sys.argv[2]).stat().st_ino)"
        copies = [_shipped(tmp_path / str(i)) for i in range(4)]
        asked = [
            subprocess.Popen([sys.executable, "-c", ask, str(copy), SHA256], stdout=subprocess.PIPE) for copy in copies
        ]
        assert len({one.communicate()[0] for one in asked}) == 1
        assert len(list(cache.glob("*.gguf"))) == 1

    def test_a_note_that_is_gone_harms_no_cached_file(self, tmp_path: Path, cache: Path) -> None:
        """The second executor's copy is a link to the cached one by now."""
        copies = [_shipped(tmp_path / name) for name in ("one", "two")]
        for copy in copies:
            placing.from_spark(copy, SHA256)
        for note in cache.glob("*.checked"):
            note.unlink()
        assert placing.from_spark(copies[1], SHA256).read_bytes() == DATA

    def test_a_cache_that_was_deleted_under_a_session_has_spark_bring_the_model_again(
        self, tmp_path: Path, cache: Path
    ) -> None:
        copies = [_shipped(tmp_path / name) for name in ("one", "two")]
        for copy in copies:
            placing.from_spark(copy, SHA256)
        shutil.rmtree(cache)
        with pytest.raises(ModelError, match="has lost the model that Spark brought"):
            placing.from_spark(copies[1], SHA256)


@pytest.mark.skipif(not can_mount(), reason="a small disk takes root")
class TestFullDisk:
    @pytest.fixture(autouse=True)
    def disk(self, cache: Path) -> Iterator[Disk]:
        disk = Disk(cache, 1 << 20)
        disk.mount()
        disk.fill()
        yield disk
        disk.unmount()

    def test_one_line_names_the_host_and_the_folder_and_nothing_half_brought_stays(
        self, disk: Disk, cache: Path, tmp_path: Path
    ) -> None:
        source = _shipped(tmp_path / "it")
        for place in (lambda: placing.from_spark(source, SHA256), lambda: placing.from_uri(source.as_uri(), SHA256)):
            with pytest.raises(MachineError, match=r"cannot keep models in .*cache \(No space left on device\)"):
                place()
        assert not list(cache.glob(".*")) and source.exists()
        disk.free()
        assert placing.from_spark(source, SHA256).read_bytes() == DATA

    def test_a_file_that_is_there_is_taken_where_no_note_of_it_can_be_left(self, tmp_path: Path) -> None:
        path = _shipped(tmp_path / "here")
        assert placing.on_every_host(path, SHA256) == path
        assert placing.on_every_host(path, SHA256) == path


class TestOnEveryHost:
    def test_the_right_file_is_taken_where_it_is(self, tmp_path: Path) -> None:
        path = _shipped(tmp_path / "here")
        assert placing.on_every_host(path, SHA256) == path

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(MachineError, match=r"has no file .*nothing\.gguf"):
            placing.on_every_host(tmp_path / "nothing.gguf", SHA256)

    def test_another_file_is_refused_also_after_the_right_one(self, tmp_path: Path) -> None:
        path = _shipped(tmp_path / "here")
        placing.on_every_host(path, SHA256)
        time.sleep(0.01)
        path.write_bytes(DATA.replace(b"weights", b"WEIGHTS"))
        with pytest.raises(ModelError, match="is damaged"):
            placing.on_every_host(path, SHA256)


class TestFromUri:
    def test_it_is_brought_once(self, tmp_path: Path) -> None:
        source = _shipped(tmp_path / "store")
        placed = placing.from_uri(source.as_uri(), SHA256)
        source.unlink()
        assert placing.from_uri(source.as_uri(), SHA256) == placed and placed.read_bytes() == DATA

    def test_what_cannot_be_brought_is_named(self, tmp_path: Path, cache: Path) -> None:
        with pytest.raises(MachineError, match=r"cannot bring the model from file:.*nothing"):
            placing.from_uri((tmp_path / "nothing").as_uri(), SHA256)
        assert not list(cache.glob(".*"))


class TestCache:
    def test_it_is_this_users_alone(self, cache: Path) -> None:
        assert placing.cache_folder().stat().st_mode & 0o077 == 0

    def test_one_that_cannot_be_made_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "file").write_text("")
        monkeypatch.setenv(placing.CACHE_VARIABLE, str(tmp_path / "file" / "cache"))
        with pytest.raises(MachineError, match=r"cannot keep models in .*name another folder with CPULLM_MODEL_CACHE"):
            placing.cache_folder()
