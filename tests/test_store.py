"""The store: answers kept whole or not at all, found again by what was asked."""

from __future__ import annotations

import os
import pickle
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpullm.errors import MachineError, OptionError
from cpullm.records import Completion, Request
from cpullm.store import Store
from tests.hosts import Disk, can_mount


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.prepared(str(tmp_path / "answers"))


def _request(name: str) -> Request:
    return Request(f"{name:0>64}", 0, "summarize", "", name, "", 10, 5)


def _completion(request: Request, text: str = "An answer.", error: str | None = None) -> Completion:
    return Completion(request.id, 0, text, "stop", 10, 5, 0.5, "host:1", error)


A, B, C = map(_request, "abc")


class TestKeep:
    def test_what_was_kept_is_found_by_its_ids(self, store: Store) -> None:
        store.keep([A, B], [_completion(A, "one"), _completion(B, "two")])
        assert {key: answer.text for key, answer in store.answers().items()} == {
            A.id: "one", B.id: "two"
        }  # fmt: skip

    @given(st.text(max_size=50))
    def test_any_text_comes_back_as_it_was(self, tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
        text = text.encode("utf-8", "replace").decode()
        store = Store.prepared(str(tmp_path_factory.mktemp("any")))
        store.keep([A], [_completion(A, text)])
        assert store.answers()[A.id].text == text

    def test_an_answer_without_its_sources_is_none(self, store: Store) -> None:
        store.keep([A], [_completion(A)])
        (path,) = Path(store.uri).glob("*.jsonl")
        path.write_text(path.read_text("utf-8").replace('"sentences"', '"phrases"'), "utf-8")
        assert store.answers() == {}

    def test_a_group_kept_twice_is_there_once(self, store: Store) -> None:
        for _ in range(2):
            store.keep([A, B], [_completion(A), _completion(B)])
        assert len(list(Path(store.uri).glob("*.jsonl"))) == 1

    def test_errors_are_not_kept(self, store: Store) -> None:
        store.keep([A, B], [_completion(A), _completion(B, "", "it failed")])
        assert set(store.answers()) == {A.id}

    def test_a_group_finds_what_it_left_together_or_one_by_one(self, store: Store) -> None:
        store.keep([A, B], [_completion(A), _completion(B)])
        store.keep([C], [_completion(C)])
        assert set(store.answers_of([B, A])) == {A.id, B.id}
        assert set(store.answers_of([B, C], singly=True)) == {C.id}
        assert store.answers_of([B, C]) == {}

    @pytest.mark.parametrize("keep_bytes", [0, 5, 60])
    def test_a_file_that_is_not_whole_does_not_count(self, store: Store, keep_bytes: int) -> None:
        store.keep([A, B], [_completion(A), _completion(B)])
        (file,) = Path(store.uri).glob("*.jsonl")
        file.write_bytes(file.read_bytes()[:keep_bytes])
        assert store.answers() == {}

    def test_a_file_of_one_line_less_does_not_count(self, store: Store) -> None:
        store.keep([A, B], [_completion(A), _completion(B)])
        (file,) = Path(store.uri).glob("*.jsonl")
        file.write_text("\n".join(file.read_text().splitlines()[:-1]))
        assert store.answers() == {}

    def test_no_draft_stays_when_the_disk_is_full(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OptionError, match="No space left"):
            store.keep([A], [_completion(A)])
        assert [path.name for path in Path(store.uri).iterdir()] == ["STORE"]

    def test_drafts_of_writers_who_died_are_gone_when_they_are_old(self, store: Store) -> None:
        store.keep([A], [_completion(A)])
        folder = Path(store.uri)
        names = (f".{A.id}.jsonl.{'a' * 32}", f".{B.id}.jsonl.{'b' * 32}", ".mine")
        old, young, other = (folder / name for name in names)
        for path in (old, young, other):
            path.write_text("{")
        for path in (old, other, folder / "STORE"):
            os.utime(path, (0, 0))
        Store.prepared(store.uri)
        assert not old.exists() and young.exists() and other.exists()
        assert set(store.answers()) == {A.id}

    def test_many_writers_of_one_group_leave_one_whole_file(self, store: Store) -> None:
        answers = [_completion(A, "x" * 100_000)]
        writers = [threading.Thread(target=store.keep, args=([A], answers)) for _ in range(8)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert store.answers()[A.id].text == "x" * 100_000
        assert len(list(Path(store.uri).iterdir())) == 2

    def test_it_grows_with_what_is_kept_and_what_is_tried(self, store: Store) -> None:
        sizes = [store.size()]
        store.keep([A], [_completion(A)])
        sizes.append(store.size())
        with store.trying(B.id):
            sizes.append(store.size())
        assert sizes == [0, 1, 2]

    def test_forgotten_answers_are_gone(self, store: Store) -> None:
        store.keep([A], [_completion(A)])
        store.clear()
        assert store.answers() == {}

    def test_files_of_others_stay(self, store: Store) -> None:
        other = Path(store.uri, "corpus.jsonl")
        other.write_text("{}\n")
        store.clear()
        assert other.exists()


class TestTrying:
    def test_what_came_to_its_end_leaves_no_mark(self, store: Store) -> None:
        with store.trying(A.id):
            assert store.tried() == {A.id: 1}
        assert not store.tried()

    def test_what_did_not_come_to_its_end_is_counted(self, store: Store) -> None:
        for _ in range(2):
            with pytest.raises(ZeroDivisionError), store.trying(A.id):
                raise ZeroDivisionError
        assert store.tried() == {A.id: 2}

    def test_what_is_no_texts_fault_leaves_no_mark(self, store: Store) -> None:
        for error in (KeyboardInterrupt, MachineError):
            with pytest.raises(error), store.trying(A.id):
                raise error
        assert not store.tried()

    def test_a_new_run_gives_every_text_its_chance(self, store: Store) -> None:
        with pytest.raises(ZeroDivisionError), store.trying(A.id):
            raise ZeroDivisionError
        assert not Store.prepared(store.uri).tried()


class TestSeen:
    def test_a_store_is_seen_where_its_mark_is(self, store: Store) -> None:
        assert pickle.loads(pickle.dumps(store)).is_seen()

    def test_another_folder_of_the_same_name_is_not_it(self, store: Store) -> None:
        assert not replace(store, mark="0" * 32).is_seen()

    def test_a_folder_that_is_not_there_is_not_seen(self, store: Store, tmp_path: Path) -> None:
        assert not replace(store, uri=str(tmp_path / "elsewhere")).is_seen()

    def test_what_this_machine_cannot_open_is_not_seen(self) -> None:
        assert not Store("nope://x", "mark").is_seen()

    def test_two_that_prepare_it_at_once_have_one_mark(self, tmp_path: Path) -> None:
        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(Store.prepared, [str(tmp_path / "new")] * 8))) == 1

    def test_a_store_prepared_again_is_the_same(self, store: Store) -> None:
        assert Store.prepared(store.uri) == store


class TestRefused:
    def test_a_place_that_is_a_file_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(OptionError, match=r"answers cannot be kept in .*file"):
            Store.prepared(str(tmp_path / "file"))

    def test_an_unknown_kind_of_address_is_named(self) -> None:
        with pytest.raises(OptionError, match="nope://x cannot be opened"):
            Store.prepared("nope://x")


@pytest.mark.skipif(not can_mount(), reason="a small disk takes root")
class TestFullDisk:
    @pytest.fixture
    def disk(self, tmp_path: Path) -> Iterator[Disk]:
        disk = Disk(tmp_path / "disk", 1 << 20)
        disk.mount()
        yield disk
        disk.unmount()

    def test_one_line_names_the_folder_and_nothing_half_written_stays(self, disk: Disk) -> None:
        store = Store.prepared(str(disk.folder / "answers"))
        store.keep([A], [_completion(A, "one")])
        disk.fill()
        before = sorted(Path(store.uri).iterdir())
        with pytest.raises(OptionError, match=r"cannot be kept in .*answers \(No space left on device\)\. Those that"):
            store.keep([B], [_completion(B, "two")])
        assert sorted(Path(store.uri).iterdir()) == before
        assert store.answers()[A.id].text == "one"

    def test_with_room_again_it_is_kept(self, disk: Disk) -> None:
        store = Store.prepared(str(disk.folder / "answers"))
        disk.fill()
        with pytest.raises(OptionError):
            store.keep([A], [_completion(A)])
        disk.free()
        store.keep([A], [_completion(A)])
        assert set(store.answers()) == {A.id}

    def test_a_folder_that_is_full_from_the_start_is_named(self, disk: Disk) -> None:
        disk.fill()
        with pytest.raises(OptionError, match=r"answers cannot be kept in .*No space left"):
            Store.prepared(str(disk.folder / "answers"))


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of a bucket on a server of this machine that speaks S3."""
    moto_server = pytest.importorskip("moto.server")
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        server.start()
        host, port = server.get_host_and_port()
        urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}/answers", method="PUT")).close()
        yield f"s3://answers/job?endpoint_override={host}:{port}&scheme=http&region=us-east-1"
        server.stop()


class TestS3:
    def test_answers_are_kept_found_and_forgotten(self, s3: str) -> None:
        store = Store.prepared(s3)
        store.keep([A, B], [_completion(A, "one"), _completion(B, "two")])
        store.keep([C], [_completion(C, "three")])
        again = Store.prepared(s3)
        assert again == store and again.is_seen()
        assert {answer.text for answer in again.answers().values()} == {"one", "two", "three"}
        assert set(again.answers_of([A, B])) == {A.id, B.id}
        again.clear()
        assert again.answers() == {}

    def test_what_did_not_come_to_its_end_is_counted(self, s3: str) -> None:
        store = Store.prepared(s3)
        with pytest.raises(ZeroDivisionError), store.trying(A.id):
            raise ZeroDivisionError
        with store.trying(B.id):
            pass
        assert store.tried() == {A.id: 1}

    def test_a_bucket_that_is_not_there_is_named(self, s3: str) -> None:
        with pytest.raises(OptionError, match=r"answers cannot be kept in s3://nothing/"):
            Store.prepared(s3.replace("s3://answers", "s3://nothing"))
