"""EPUB: the spine's files as one text, headings as the navigation ranks them, whatever the files' borders are."""

import io
import sys
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpullm.errors import CpullmError, InputError, MachineError
from cpullm.readers import epub, markup
from cpullm.records import Document

WORLDS = Path("/work/shared/corpora/war-of-the-worlds.epub")
LONG = "The rain fell on the harbour and on the hill behind it, and nobody came out to look. " * 6
CONTAINER = """<?xml version="1.0"?><container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0">
<rootfiles><rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"""


def xhtml(body: str) -> str:
    return f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>{body}</body></html>'


def opf(names: list[str], *, extra: str = "", attributes: dict[str, str] | None = None, after: str = "") -> str:
    attributes = attributes or {}
    items = "".join(
        f'<item id="i{n}" href="{name}" media-type="application/xhtml+xml"/>' for n, name in enumerate(names)
    )
    refs = "".join(f'<itemref idref="i{n}" {attributes.get(name, "")}/>' for n, name in enumerate(names))
    return (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/" version="2.0">'
        f"<metadata><dc:title>The Rain</dc:title></metadata><manifest>{items}{extra}</manifest>"
        f'<spine toc="ncx">{refs}</spine>{after}</package>'
    )


def ncx(points: list[tuple[str, str]]) -> str:
    """An EPUB 2 navigation; a title that begins with spaces goes below the one before."""
    written, depth = "", 0
    for title, src in points:
        level = (len(title) - len(title.lstrip())) // 2 + 1
        written += "</navPoint>" * (depth - level + 1)
        depth = level
        written += f"<navPoint><navLabel><text>{title.strip()}</text></navLabel><content src='{src}'/>"
    return f'<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap>{written}{"</navPoint>" * depth}</navMap></ncx>'


NCX_ITEM = '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
NAV_ITEM = '<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>'


def book(files: dict[str, str | bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"META-INF/container.xml": CONTAINER, **files}.items():
            archive.writestr(name, content)
    return made.getvalue()


def epub2(chapters: dict[str, str], points: list[tuple[str, str]], **options: str) -> Document:
    files = {f"OEBPS/{name}": xhtml(body) for name, body in chapters.items()}
    package = opf(list(chapters), extra=NCX_ITEM, **options)
    return epub.parse(book({**files, "OEBPS/book.opf": package, "OEBPS/toc.ncx": ncx(points)}), "book")


def headings(document: Document) -> list[tuple[int, str]]:
    return [(mark.level, document.text[mark.start : mark.end]) for mark in document.marks]


def test_the_spine_is_the_order_and_the_navigation_gives_the_levels():
    document = epub2(
        {"z.html": "<h3>BOOK ONE</h3><h4>I</h4><p>It rained.</p>", "a.html": "<h4>II</h4><p>It stopped.</p>"},
        [("Book One", "z.html"), ("  I", "z.html"), ("  II", "a.html")],
    )
    assert headings(document) == [(1, "BOOK ONE"), (2, "I"), (2, "II")]
    assert document.text == "BOOK ONE\n\n\nI\n\nIt rained.\n\n\nII\n\nIt stopped.\n"
    assert document.title == "The Rain"


def test_headings_the_navigation_lacks_keep_their_distance_from_those_it_has():
    document = epub2(
        {"a.html": "<h2>One</h2><p>a</p><h3>Morning</h3><p>b</p><h5>Tea</h5><p>c</p>"}, [("One", "a.html")]
    )
    assert headings(document) == [(1, "One"), (2, "Morning"), (4, "Tea")]


def test_number_and_title_may_be_two_points_or_two_headings():
    document = epub2(
        {"a.html": f"<h2>CHAPTER I</h2><h2>The Fog</h2><p>{LONG}</p><h2>2</h2><h2>The Sea</h2><p>{LONG}</p>"},
        [("CHAPTER I", "a.html"), ("The Fog", "a.html"), ("2. The Sea", "a.html#missing")],
    )
    assert [title for _, title in headings(document)] == ["CHAPTER I", "The Fog", "2", "The Sea"]


def test_many_chapters_in_one_file_are_found_by_fragment():
    body = "".join(f'<div id="c{n}"><p class="t">Chapter {n}</p><p>{LONG}</p></div>' for n in range(1, 6))
    document = epub2({"all.html": body}, [(f"Chapter {n}", f"all.html#c{n}") for n in range(1, 6)])
    assert headings(document) == [(1, f"Chapter {n}") for n in range(1, 6)]


def test_a_title_that_is_the_first_line_of_a_paragraph_becomes_a_heading():
    document = epub2(
        {"a.html": f'<p><a id="x"></a>CHAPTER I<br/>The Fog<br/>{LONG}</p>'}, [("Chapter I: The Fog", "a.html#x")]
    )
    assert headings(document) == [(1, "CHAPTER I The Fog")]
    assert document.text.endswith(LONG.strip() + "\n")


def test_a_heading_the_point_leads_to_is_ranked_whatever_it_says():
    document = epub2({"a.html": f"<h4>* * *</h4><p>{LONG}</p>"}, [("The Fog", "a.html")])
    assert headings(document) == [(1, "* * *")]


def test_a_title_the_text_lacks_is_put_in_only_where_there_is_no_heading():
    document = epub2(
        {"a.html": f"<p>{LONG}</p>", "b.html": f'<h2>Two</h2><p>{LONG}</p><p id="m">In the middle. {LONG}</p>'},
        [("One", "a.html"), ("Two", "b.html"), ("A page", "b.html#m")],
    )
    assert headings(document) == [(1, "One"), (1, "Two")]


def test_a_point_into_a_paragraph_makes_no_heading_of_it():
    document = epub2(
        {"a.html": f'<h2>One</h2><p>{LONG} <a id="p"/>{LONG}</p>'}, [("One", "a.html"), ("Page 7", "a.html#p")]
    )
    assert headings(document) == [(1, "One")]


def test_a_book_without_navigation_has_its_own_headings():
    document = epub.parse(
        book({"OEBPS/book.opf": opf(["a.html"]), "OEBPS/a.html": xhtml("<h2>One</h2><p>a</p>")}), "book"
    )
    assert headings(document) == [(2, "One")]


def test_a_paragraph_cut_by_the_end_of_a_file_is_one_again():
    document = epub2(
        {"a.html": "<h2>One</h2><p>He opened the door and</p>", "b.html": "<p>went out.</p><p>It rained.</p>"},
        [("One", "a.html")],
    )
    assert document.text == "One\n\nHe opened the door and went out.\n\nIt rained.\n"


@pytest.mark.parametrize(("first", "second"), [("He went.", "then he"), ("He went", "Then he"), ("“Yes”", "said he")])
def test_paragraphs_that_may_be_two_stay_two(first, second):
    document = epub2({"a.html": f"<h2>One</h2><p>{first}</p>", "b.html": f"<p>{second}</p>"}, [])
    assert document.text == f"One\n\n{first}\n\n{second}\n"


def epub3(nav: str, chapters: dict[str, str]) -> Document:
    files = {f"OEBPS/{name}": xhtml(body) for name, body in chapters.items()}
    nav_page = f'<html xmlns:epub="http://www.idpf.org/2007/ops"><body>{nav}</body></html>'
    package = opf(["nav.xhtml", *chapters], extra=NAV_ITEM)
    return epub.parse(book({**files, "OEBPS/book.opf": package, "OEBPS/nav.xhtml": nav_page}), "book")


def test_the_navigation_document_of_epub_3_ranks_and_is_no_text():
    nav = """<nav epub:type="page-list"><ol><li><a href="a%20b.xhtml#p">1</a></li></ol></nav>
    <nav epub:type="toc"><h1>Contents</h1>
    <ol><li><span>Part One</span><ol><li><a href="a%20b.xhtml">The Fog</a></li>
    <li><a href="c.xhtml#x">The Sea</a></li></ol></li></ol></nav>"""
    document = epub3(
        nav,
        {
            "a b.xhtml": f"<h1>Part One</h1><h1>The Fog</h1><p>{LONG}</p>",
            "c.xhtml": f'<h1 id="x">The Sea</h1><p>{LONG}</p>',
        },
    )
    assert headings(document) == [(1, "Part One"), (2, "The Fog"), (2, "The Sea")]
    assert "Contents" not in document.text


def test_what_is_not_linear_a_contents_page_and_a_cover_stay_out():
    guide = '<guide><reference type="toc" href="toc.html"/><reference type="cover" href="cover.html"/></guide>'
    document = epub2(
        {
            "cover.html": "<p>A cover</p>",
            "toc.html": '<p>Contents</p><p><a href="a.html">The Fog in links</a></p>',
            "a.html": "<h2>One</h2><p>It rained.</p>",
            "n.html": "<p>A pop-up</p>",
        },
        [],
        attributes={"n.html": 'linear="no"'},
        after=guide,
    )
    assert document.text == "One\n\nIt rained.\n"


def test_a_contents_page_that_holds_the_book_stays():
    guide = '<guide><reference type="toc" href="all.html"/></guide>'
    document = epub2({"all.html": f'<p><a href="#a">One</a></p><h2 id="a">One</h2><p>{LONG}</p>'}, [], after=guide)
    assert LONG.strip() in document.text


def test_boilerplate_of_web_pages_is_text_in_a_book():
    document = epub2({"a.html": '<h2>One</h2><aside class="footer"><p>A note.</p></aside>'}, [])
    assert "A note." in document.text


def test_paths_in_the_wrong_case_and_with_percent_signs_are_found():
    package = opf(["Text/a%20b.html"])
    document = epub.parse(book({"oebps/BOOK.opf": package, "oebps/text/A b.html": xhtml("<p>It rained.</p>")}), "book")
    assert document.text == "It rained.\n"


def test_a_package_without_namespaces_is_read():
    package = "<package><metadata><dc:title>Rain</dc:title></metadata><manifest><item id='a' href='a.html'/></manifest>"
    package += "<spine><itemref idref='a'/></spine></package>"
    document = epub.parse(book({"OEBPS/book.opf": package, "OEBPS/a.html": "<p>It rained."}), "book")
    assert (document.text, document.title) == ("It rained.\n", "Rain")


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


def test_a_missing_lxml_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "lxml", None)
    with pytest.raises(MachineError, match="needs the package lxml; install it"):
        epub.parse(SEED, "book")


@pytest.mark.skipif(not WORLDS.is_file(), reason="needs the corpora")
def test_a_real_book_cut_by_size_runs_on_with_every_chapter_once():
    document = epub.parse(WORLDS.read_bytes(), "worlds")
    titles = [title for _, title in headings(document)]
    chapters = [title for title in titles if title.startswith("CHAPTER ")]
    assert len(chapters) == 27
    assert titles.count("BOOK ONE") == titles.count("BOOK TWO") == 1
    assert "in the south.\n\nHe read and re-read the paper" in document.text


SEED = book(
    {
        "OEBPS/book.opf": opf(["a.html", "b.html"], extra=NCX_ITEM + NAV_ITEM),
        "OEBPS/toc.ncx": ncx([("One", "a.html"), ("  Two", "b.html#x")]),
        "OEBPS/nav.xhtml": "<html><body><nav><ol><li><a href='a.html'>One</a></li></ol></nav></body></html>",
        "OEBPS/a.html": xhtml(f"<h2>One</h2><p>{LONG}</p>"),
        "OEBPS/b.html": xhtml(f'<h2 id="x">Two</h2><p>{LONG}</p>'),
    }
)


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
