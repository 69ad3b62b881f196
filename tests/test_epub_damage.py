"""EPUB: encrypted, damaged and hostile books are refused by name, and none takes long."""

import io
import sys
import time
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpullm.errors import CpullmError, InputError, MachineError
from cpullm.readers import epub, markup, navigation
from tests.epub_books import LONG, NAV_ITEM, NCX_ITEM, book, cut_book, epub2, ncx, opf, xhtml

SEED = book(
    {
        "OEBPS/book.opf": opf(["a.html", "b.html"], extra=NCX_ITEM + NAV_ITEM),
        "OEBPS/toc.ncx": ncx([("One", "a.html"), ("  Two", "b.html#x")]),
        "OEBPS/nav.xhtml": "<html><body><nav><ol><li><a href='a.html'>One</a></li></ol></nav></body></html>",
        "OEBPS/a.html": xhtml(f"<h2>One</h2><p>{LONG}</p>"),
        "OEBPS/b.html": xhtml(f'<h2 id="x">Two</h2><p>{LONG}</p>'),
    }
)


def encrypted(algorithm: str, uri: str) -> bytes:
    entry = (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" xmlns:e="http://www.w3.org/2001/04/xmlenc#">'
        f'<e:EncryptedData><e:EncryptionMethod Algorithm="{algorithm}"/><e:CipherData><e:CipherReference URI="{uri}"/>'
        "</e:CipherData></e:EncryptedData></encryption>"
    )
    files = {"OEBPS/book.opf": opf(["a.html"]), "OEBPS/a.html": xhtml("<p>It rained.</p>")}
    return book({"META-INF/encryption.xml": entry, **files})


def test_an_encrypted_book_is_refused():
    with pytest.raises(InputError, match=r"^is an encrypted EPUB \(DRM\); "):
        epub.parse(encrypted("http://www.w3.org/2001/04/xmlenc#aes256-cbc", "OEBPS/a.html"), "book")


def test_obfuscated_fonts_do_not_matter():
    document = epub.parse(encrypted("http://www.idpf.org/2008/embedding", "OEBPS/font.otf"), "book")
    assert document.text == "It rained.\n"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"META-INF/container.xml": "<container/>"}, "names no package"),
        ({"META-INF/container.xml": ""}, "'META-INF/container.xml' is no XML"),
        ({}, "no 'OEBPS/book.opf'"),
        ({"OEBPS/book.opf": "<package/>"}, "no reading order"),
        ({"OEBPS/book.opf": "<package><spine><itemref idref='c9'/></spine></package>"}, "names 'c9'"),
        ({"OEBPS/book.opf": opf(["gone.html"])}, "no 'OEBPS/gone.html'"),
        ({"OEBPS/book.opf": opf(["a.html"]), "OEBPS/a.html": xhtml("")}, "^holds no text; "),
    ],
)
def test_a_damaged_book_is_refused_with_the_part_named(files, message):
    with pytest.raises(InputError, match=message):
        epub.parse(book(files), "book")


def test_a_part_that_cannot_be_read_is_named(monkeypatch):
    def refuse(text: str) -> None:
        raise InputError("nests its elements too deep.")

    monkeypatch.setattr(markup, "tree", refuse)
    with pytest.raises(InputError, match=r"^is a damaged EPUB: 'OEBPS/a.html' nests"):
        epub.parse(SEED, "book")


def test_an_entity_bomb_in_the_package_does_not_expand():
    entities = "".join(f'<!ENTITY {chr(98 + n)} "{("&" + chr(97 + n) + ";") * 10}">' for n in range(12))
    package = f'<!DOCTYPE package [<!ENTITY a "ha">{entities}]>' + opf(["a.html"]).replace("The Rain", "The &m;")
    with pytest.raises(InputError, match="damaged"):
        epub.parse(book({"OEBPS/book.opf": package, "OEBPS/a.html": xhtml("<p>It rained.</p>")}), "book")


def test_a_navigation_of_very_many_points_takes_no_long():
    body = "".join(f"<p>{n}</p>" for n in range(5000)) + "<p>" + "rain " * 100_000 + "</p>"
    started = time.monotonic()
    document = epub2({"a.html": body}, [(f"Point {n}", "a.html") for n in range(5000)])
    assert "rain" in document.text
    assert time.monotonic() - started < 5


def test_a_paragraph_cut_into_very_many_files_takes_no_long():
    made = cut_book(1500, 60)
    started = time.monotonic()
    assert epub.parse(made, "book").text.count("\n") == 1
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "nav", ["<li><b>" * 110 + "<b/>" * 100_000, "<li><span>" * 110 + "rain " * 100_000], ids=["elements", "text"]
)
def test_a_navigation_nested_deep_takes_no_long(nav: str) -> None:
    files = {"OEBPS/a.html": xhtml("<p>It rained.</p>"), "OEBPS/nav.xhtml": f"<html><body><nav><ol>{nav}"}
    made = book({"OEBPS/book.opf": opf(["a.html"], extra=NAV_ITEM), **files})
    started = time.monotonic()
    assert epub.parse(made, "book").text == "It rained.\n"
    assert time.monotonic() - started < 5


def test_titles_without_end_in_the_navigation_fill_no_memory() -> None:
    root = markup.xml("<ncx>" + "<navPoint><navLabel>" * 100 + "rain " * 20_000)
    points = navigation.ncx_points(root, "toc.ncx")
    assert len(points) == 100
    assert max(len(point.title) for point in points) < 2000


def test_a_missing_lxml_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "lxml", None)
    with pytest.raises(MachineError, match=r"^Reading EPUB needs the package lxml; .*cpullm\[epub\]"):
        epub.parse(SEED, "book")


def corrupt(source: bytes, data: st.DataObject) -> bytes:
    changed = bytearray(source)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(changed)))
        cut = data.draw(st.integers(0, 30))
        piece = data.draw(st.one_of(st.binary(max_size=8), st.just(bytes(changed[place : place + 200]))))
        changed[place : place + cut] = piece
    return bytes(changed[: data.draw(st.one_of(st.none(), st.integers(0, len(changed))))])


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_corrupted_archive_is_a_document_or_a_clear_error(data):
    check(corrupt(SEED, data))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_corrupted_part_is_a_document_or_a_clear_error(data):
    with zipfile.ZipFile(io.BytesIO(SEED)) as archive:
        files = {each: archive.read(each) for each in archive.namelist()}
    name = data.draw(st.sampled_from(sorted(files)))
    check(book({**files, name: corrupt(files[name], data)}))


def check(data: bytes) -> None:
    try:
        document = epub.parse(data, "x")
    except CpullmError:
        return
    assert document.text.strip()
    assert all(document.text[mark.start : mark.end].strip() for mark in document.marks)
