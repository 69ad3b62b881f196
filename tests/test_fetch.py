"""The download: whole or not at all, against a real server on 127.0.0.1."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from loopback import Loopback, cut, stall, status

from cpullm import fetch
from cpullm.errors import FetchError, ModelError
from cpullm.fetch import Source, download

BODY = bytes(range(256)) * 5000
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as server:
        yield server


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "WAIT_SECONDS", 0.0)
    monkeypatch.setattr(fetch, "TIMEOUT_SECONDS", 5.0)
    for name in ("CPULLM_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "models" / "file.bin"


def left(target: Path) -> list[str]:
    """What lies in the target's folder."""
    return sorted(path.name for path in target.parent.iterdir())


def start_part(target: Path, content: bytes, tag: str = "") -> None:
    """As a killed download leaves it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.with_name("file.bin.part").write_bytes(content)
    target.with_name("file.bin.part.tag").write_text(tag)


def test_brings_the_file_and_leaves_nothing_else(server: Loopback, target: Path) -> None:
    download(Source(server.put("/f", BODY), len(BODY), SHA256), target, progress=False)
    assert target.read_bytes() == BODY
    assert left(target) == ["file.bin"]


def test_follows_a_redirect(server: Loopback, target: Path) -> None:
    server.put("/there", BODY)
    download(Source(server.redirect("/here", "/there")), target, progress=False)
    assert target.read_bytes() == BODY


def test_the_token_does_not_follow_a_redirect(server: Loopback, target: Path) -> None:
    server.put("/there", BODY)
    download(Source(server.redirect("/here", "/there"), token="hf_secret"), target, progress=False)
    assert server.asked("/here")[0].headers["Authorization"] == "Bearer hf_secret"
    assert "Authorization" not in server.asked("/there")[0].headers


def test_a_broken_connection_is_resumed_where_it_stopped(server: Loopback, target: Path) -> None:
    url = server.put("/f", BODY)
    server.fail("/f", cut(700_000))
    download(Source(url, sha256=SHA256), target, progress=False)
    assert target.read_bytes() == BODY
    again = server.asked("/f")[1].headers
    assert int(again["Range"].removeprefix("bytes=").removesuffix("-")) == 700_000
    assert again["If-Range"] == server.pages["/f"].etag


def test_a_stalled_connection_is_asked_again(server: Loopback, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "TIMEOUT_SECONDS", 0.3)
    server.fail("/f", stall(1000, seconds=2.0))
    download(Source(server.put("/f", BODY), sha256=SHA256), target, progress=False)
    assert target.read_bytes() == BODY


def test_a_server_error_is_asked_again(server: Loopback, target: Path) -> None:
    server.fail("/f", status(503), status(500))
    download(Source(server.put("/f", BODY)), target, progress=False)
    assert target.read_bytes() == BODY


def test_many_breaks_are_no_failure_while_bytes_come(server: Loopback, target: Path) -> None:
    server.fail("/f", *[cut(100_000)] * 8)
    download(Source(server.put("/f", BODY), sha256=SHA256), target, progress=False)
    assert target.read_bytes() == BODY


def test_giving_up_says_that_the_same_command_resumes_and_keeps_the_part(server: Loopback, target: Path) -> None:
    server.fail("/f", cut(1000), *[status(503)] * 5)
    with pytest.raises(FetchError, match=r"HTTP 503.*run the same command again, it goes on where it stopped"):
        download(Source(server.put("/f", BODY)), target, progress=False)
    assert left(target) == ["file.bin.part", "file.bin.part.tag"]
    assert target.with_name("file.bin.part").read_bytes() == BODY[:1000]


def test_the_next_run_goes_on_from_the_part(server: Loopback, target: Path) -> None:
    url = server.put("/f", BODY)
    start_part(target, BODY[:1000], server.pages["/f"].etag)
    download(Source(url), target, progress=False)
    assert target.read_bytes() == BODY
    assert server.asked("/f")[0].headers["Range"] == "bytes=1000-"


def test_a_part_of_another_version_is_thrown_away(server: Loopback, target: Path) -> None:
    url = server.put("/f", BODY)
    start_part(target, b"of the old file", '"old"')
    download(Source(url), target, progress=False)
    assert target.read_bytes() == BODY


def test_a_server_that_mixes_versions_despite_if_range_is_caught_by_its_tag(
    server: Loopback, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.put("/f", BODY)
    start_part(target, b"x" * 1000, '"old"')
    monkeypatch.setattr(fetch, "resume_headers", lambda n, tag, sha: {"Range": f"bytes={n}-"} if n else {})
    download(Source(url), target, progress=False)
    assert target.read_bytes() == BODY


def test_a_part_that_nothing_vouches_for_is_not_resumed(server: Loopback, target: Path) -> None:
    url = server.put("/f", BODY, etag="")
    start_part(target, b"who knows")
    download(Source(url), target, progress=False)
    assert target.read_bytes() == BODY
    assert "Range" not in server.asked("/f")[0].headers


def test_a_weak_etag_does_not_vouch_for_a_part(server: Loopback, target: Path) -> None:
    server.fail("/f", cut(500))
    download(Source(server.put("/f", BODY, etag='W/"1"')), target, progress=False)
    assert target.read_bytes() == BODY
    assert "Range" not in server.asked("/f")[1].headers


def test_a_server_without_ranges_sends_it_all_again(server: Loopback, target: Path) -> None:
    url = server.put("/f", BODY, ranges=False)
    start_part(target, BODY[:1000], server.pages["/f"].etag)
    download(Source(url), target, progress=False)
    assert target.read_bytes() == BODY


def test_a_whole_part_left_by_ctrl_c_while_hashing_is_not_brought_again(server: Loopback, target: Path) -> None:
    url = server.put("/f", BODY)
    start_part(target, BODY, server.pages["/f"].etag)
    download(Source(url, sha256=SHA256), target, progress=False)
    assert target.read_bytes() == BODY
    assert len(server.asked("/f")) == 1


def test_a_part_longer_than_the_file_starts_anew(server: Loopback, target: Path) -> None:
    url = server.put("/f", BODY)
    start_part(target, BODY + b"more", server.pages["/f"].etag)
    download(Source(url), target, progress=False)
    assert target.read_bytes() == BODY


def test_a_body_without_length_is_brought(server: Loopback, target: Path) -> None:
    download(Source(server.put("/f", BODY, length=False)), target, progress=False)
    assert target.read_bytes() == BODY


def test_a_wrong_hash_names_both_and_leaves_nothing(server: Loopback, target: Path) -> None:
    with pytest.raises(FetchError, match=f"sha256 {SHA256} where {'0' * 64} is expected"):
        download(Source(server.put("/f", BODY), sha256="0" * 64), target, progress=False)
    assert left(target) == []


def test_a_file_of_another_size_is_refused_before_it_is_brought(server: Loopback, target: Path) -> None:
    with pytest.raises(FetchError, match=f"has {len(BODY)} bytes where 7 were expected"):
        download(Source(server.put("/f", BODY), n_bytes=7), target, progress=False)
    assert left(target) == []


def test_what_the_check_refuses_leaves_nothing(server: Loopback, target: Path) -> None:
    def check(path: Path) -> None:
        raise ModelError(f"{path.name} is no good")

    with pytest.raises(ModelError, match="no good"):
        download(Source(server.put("/f", BODY)), target, check=check, progress=False)
    assert left(target) == []


@pytest.mark.parametrize(
    ("code", "words"), [(404, "does not exist"), (403, "licence.*HF_TOKEN"), (401, "HF_TOKEN"), (418, "HTTP 418")]
)
def test_a_refusal_is_final_and_leaves_nothing(server: Loopback, target: Path, code: int, words: str) -> None:
    server.fail("/f", status(code))
    with pytest.raises(FetchError, match=words):
        download(Source(server.put("/f", BODY)), target, progress=False)
    assert len(server.asked("/f")) == 1
    assert left(target) == []


def test_an_unreachable_server_is_one_line_and_leaves_nothing(target: Path) -> None:
    with pytest.raises(FetchError, match=r"could not be fetched.*refused") as caught:
        download(Source("http://127.0.0.1:9/f"), target, progress=False)
    assert "\n" not in str(caught.value)
    assert left(target) == []


def test_what_is_no_address_is_said(target: Path) -> None:
    with pytest.raises(FetchError, match="not a web address"):
        download(Source("huggingface.co/x"), target, progress=False)


def test_a_disk_without_room_is_found_before_anything_is_written(
    server: Loopback, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda folder: SimpleNamespace(free=5_000_000))
    with pytest.raises(FetchError, match="has 5 MB free and 18 MB are needed"):
        download(Source(server.put("/f", BODY)), target, progress=False)
    assert left(target) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_fills_up_underway_leaves_nothing(server: Loopback, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("file.bin.part").symlink_to("/dev/full")
    with pytest.raises(FetchError, match="is full: make room") as caught:
        download(Source(server.put("/f", BODY)), target, progress=False)
    assert isinstance(caught.value.__cause__, OSError) and caught.value.__cause__.errno == errno.ENOSPC
    assert left(target) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_said(server: Loopback, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(FetchError, match="cannot be written"):
        download(Source(server.put("/f", BODY)), tmp_path / "f", progress=False)


def test_a_file_where_the_folder_should_be_is_said(server: Loopback, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("not a folder")
    with pytest.raises(FetchError, match="cannot be written"):
        download(Source(server.put("/f", BODY)), tmp_path / "models" / "f", progress=False)


@pytest.mark.parametrize("name", ["CPULLM_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_opens_nothing(server: Loopback, target: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(FetchError, match="was not opened"):
        download(Source(server.put("/f", BODY)), target, progress=False)
    assert server.seen == []


def test_ctrl_c_keeps_the_part_for_the_next_run(
    server: Loopback, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, write = server.put("/f", BODY), fetch._write

    def interrupted(stream: object, block: bytes) -> None:
        write(stream, block[:500])  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch, "_write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        download(Source(url), target, progress=False)
    monkeypatch.setattr(fetch, "_write", write)
    download(Source(url), target, progress=False)
    assert server.asked("/f")[1].headers["Range"] == "bytes=500-"
    assert target.read_bytes() == BODY


FETCH_IN_A_PROCESS = """
import sys
from pathlib import Path
from cpullm.fetch import Source, download
download(Source(sys.argv[1], sha256=sys.argv[2]), Path(sys.argv[3]), progress=False)
"""


def start_process(url: str, target: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", FETCH_IN_A_PROCESS, url, SHA256, str(target)])


def test_two_processes_bring_it_once(server: Loopback, target: Path) -> None:
    server.fail("/f", stall(1000, seconds=1.0))
    processes = [start_process(server.put("/f", BODY), target) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert target.read_bytes() == BODY
    assert left(target) == ["file.bin"]
    assert len(server.asked("/f")) == 2, "the broken answer and the rest"


def test_a_killed_process_leaves_a_part_that_another_takes_up(server: Loopback, target: Path) -> None:
    server.fail("/f", stall(300_000, seconds=30.0))
    process = start_process(server.put("/f", BODY), target)
    part = target.with_name("file.bin.part")
    deadline = time.monotonic() + 10
    while not (part.exists() and part.stat().st_size >= 300_000) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    download(Source(server.url + "/f", sha256=SHA256), target, progress=False)
    assert server.asked("/f")[1].headers["Range"] == "bytes=300000-"
    assert target.read_bytes() == BODY


def test_threads_of_one_process_bring_it_once(server: Loopback, target: Path) -> None:
    source = Source(server.put("/f", BODY), sha256=SHA256)
    threads = [threading.Thread(target=download, args=(source, target), kwargs={"progress": False}) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_bytes() == BODY
    assert len(server.asked("/f")) == 1


def test_progress_tells_what_is_fetched_from_where(
    server: Loopback, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    download(Source(server.put("/f", BODY)), target)
    assert "fetching file.bin from 127.0.0.1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status_code", "content_range", "n_part", "expected"),
    [(200, "", 10, 0), (206, "bytes 10-99/100", 10, 10), (206, "bytes 0-99/100", 10, None), (206, "", 10, None)],
)
def test_where_an_answer_belongs(status_code: int, content_range: str, n_part: int, expected: int | None) -> None:
    assert fetch.first_byte(status_code, content_range, n_part) == expected
