"""What is no model is named; a hash is read once."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from cpullm import gguf
from cpullm.errors import ModelError
from cpullm.fetch import file_sha256
from cpullm.gguf import check_gguf, sha256_of


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write(tmp_path / "model.gguf", b"GGUF\x03\x00\x00\x00 and so on")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / ".sha256.json"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"tjgg\x03\x00\x00\x00" + bytes(100), "old GGML format.*take the model's .gguf file"),
        (b"lmgg" + bytes(100), "old GGML format"),
        (b"Once upon a time", "is text, not a model"),
        (b"\n<html><body>404</body></html>", "is a web page, not a model"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git-lfs pointer"),
        (b"PK\x03\x04" + bytes(100), "zip archive or PyTorch"),
        (b"GGUF\x01\x00\x00\x00", "GGUF of version 1"),
        (b"\x00\x01\x02\x03" * 50, "is not a GGUF file"),
    ],
)
def test_what_is_no_gguf_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        check_gguf(write(tmp_path / "model.gguf", content))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", [2, 3])
def test_both_current_gguf_versions_pass(tmp_path: Path, version: int) -> None:
    check_gguf(write(tmp_path / "model.gguf", b"GGUF" + version.to_bytes(4, "little")))


def test_a_hash_is_read_once_until_the_file_changes(model: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Path] = []
    monkeypatch.setattr(gguf, "file_sha256", lambda path: reads.append(path) or file_sha256(path))
    first = sha256_of(model, cache)
    assert (sha256_of(model, cache), len(reads)) == (first, 1)
    content = model.read_bytes()[:-1] + b"!"
    write(model, content)
    os.utime(model, ns=(1, 1))
    assert sha256_of(model, cache) == hashlib.sha256(content).hexdigest()


def test_another_file_under_the_same_name_is_read_although_size_and_time_agree(model: Path, cache: Path) -> None:
    sha256_of(model, cache)
    stat, content = model.stat(), model.read_bytes()[:-1] + b"!"
    os.replace(write(model.with_name("other"), content), model)
    os.utime(model, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert sha256_of(model, cache) == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("content", [b"not json", b"[]", b'{"x": 1}', b"\xff"])
def test_a_damaged_cache_is_no_error(model: Path, cache: Path, content: bytes) -> None:
    write(cache, content)
    assert sha256_of(model, cache) == file_sha256(model)


def test_a_cache_that_cannot_be_written_is_no_error(model: Path, cache: Path) -> None:
    cache.mkdir()
    assert sha256_of(model, cache) == file_sha256(model)
    assert sorted(path.name for path in model.parent.iterdir()) == [".sha256.json", "model.gguf"]
