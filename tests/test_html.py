"""HTML: what a browser shows becomes text, headings become marks, menus go, and no bytes break it."""

import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpullm.errors import CpullmError, InputError, MachineError
from cpullm.readers import html
from cpullm.records import Document
from tests import gold
from tests.web_pages import PAGES

CORPORA = gold.corpora()


def parsed(page: str) -> Document:
    return html.parse(page.encode(), "page")


def text(body: str) -> str:
    return parsed(f"<html><body>{body}</body></html>").text


def headings(document: Document) -> list[tuple[int, str]]:
    return [(mark.level, document.text[mark.start : mark.end]) for mark in document.marks]


def packed(string: str) -> str:
    return "".join(string.split())


def letters(string: str) -> str:
    return "".join(filter(str.isalnum, string))


def test_headings_are_marks_with_their_rank():
    document = parsed("<h1>One</h1><p>a</p><h3>Two <i>x</i></h3><p>b</p>")
    assert headings(document) == [(1, "One"), (3, "Two x")]
    assert document.text == "One\n\na\n\n\nTwo x\n\nb\n"


def test_a_heading_with_breaks_links_and_anchors_is_one_line():
    document = parsed('<h2><a href="#toc"><a name="c1"></a>CHAPTER I<br/>\n The <br>Fog</a></h2><p>It rose.</p>')
    assert headings(document) == [(2, "CHAPTER I The Fog")]


def test_a_heading_inside_a_link_is_a_heading():
    assert headings(parsed('<a href="#top"><h2>Rain</h2></a><p>It fell.</p>')) == [(2, "Rain")]


def test_a_heading_never_closed_does_not_swallow_what_follows():
    document = parsed("<h2>Rain<p>" + "It fell. " * 50 + "<p>" + "And fell. " * 50)
    assert headings(document) == [(2, "Rain")]
    assert document.text.count("And fell.") == 50


def test_a_role_can_make_a_heading():
    assert headings(parsed('<div role="heading" aria-level="3">Rain</div><p>It fell.</p>')) == [(3, "Rain")]


def test_white_space_collapses_as_in_a_browser():
    assert text("<p>  It\n\t<b>r</b>ained&nbsp;on <i> Sunday</i>.</p>") == "It rained on Sunday.\n"


def test_breaks_are_line_ends_and_rules_are_nothing():
    assert text("<p>one<br>two<br/> three</p><hr><p>four</p>") == "one\ntwo\nthree\n\nfour\n"


def test_preformatted_text_is_verbatim():
    assert text("<pre>\n  a  b\n\n    c   \n</pre><p>d</p>") == "a  b\n\n    c\n\nd\n"


def test_soft_hyphens_and_zero_width_characters_vanish():
    assert text("<p>har\u00adbour &shy;wa\u200bter</p>") == "harbour water\n"


def test_a_row_of_a_table_is_a_line():
    rows = "<tr><th>Year</th><th>Rain</th></tr><tr><td>1901</td><td><p>88 mm</p></td></tr>"
    assert text(f"<table>{rows}</table><p>So it was.</p>") == "Year | Rain\n1901 | 88 mm\n\nSo it was.\n"


def test_a_table_for_layout_is_running_text():
    assert text("<table><tr><td><p>One.</p><p>Two.</p></td><td>Three.</td></tr></table>") == "One.\n\nTwo.\n\nThree.\n"


@pytest.mark.parametrize(
    "unseen",
    [
        "<script>let a = '<p>x</p>'</script>",
        "<style>p {}</style>",
        "<noscript>x</noscript>",
        "<template><p>x</p></template>",
        "<svg><title>x</title><text>x</text></svg>",
        "<!-- x -->",
        '<img alt="x">',
        "<p hidden>x</p>",
        '<p style="color: red; display:none">x</p>',
        '<span class="pagenum">[Pg 12]</span>',
        '<a class="x-pageno" id="p9">ix</a>',
        '<span role="doc-pagebreak" id="p9">9</span>',
        "<textarea>x</textarea>",
        "<rt>x</rt>",
    ],
)
def test_what_is_not_shown_is_not_text(unseen):
    assert packed(text(f"<p>The rain {unseen} fell.</p>")) == "Therainfell."


def test_a_word_of_class_pagenum_stays():
    assert text('<p><span class="pagenum">Rain</span> fell.</p>') == "Rain fell.\n"


def test_a_long_text_of_class_pagenum_stays():
    assert "Not a number at all" in text('<p class="pagenum">Not a number at all, this one.</p>')


@pytest.mark.parametrize("kind", ["pb-4", "page-break", "pagebreak", "pagenumbers-off"])
def test_a_heading_with_a_class_for_its_looks_stays(kind):
    assert text(f'<h2 class="{kind}">IV</h2><p class="{kind}">It rained.</p>') == "IV\n\nIt rained.\n"


def test_a_missing_lxml_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "lxml", None)
    with pytest.raises(MachineError, match=r"^Reading HTML needs the package lxml; .*cpullm\[html\]"):
        parsed("<p>It rained.</p>")


def test_the_title_is_the_documents():
    assert parsed("<title> The\n Rain </title><p>fell</p>").title == "The Rain"


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_page_keeps_its_text_and_loses_the_rest(page):
    from lxml import html as lxml_html

    found = packed(parsed(page).text)
    stay = lxml_html.fromstring(page).xpath("//*[@data-t='stay']")
    go = lxml_html.fromstring(page).xpath("//*[@data-t='go']")
    pieces = [each.text if each.xpath(".//*[@data-t]") else each.text_content() for each in stay]
    assert stay and [piece for piece in pieces if packed(piece) not in found] == []
    assert [each.text_content() for each in go if packed(each.text_content()) in found] == []


def test_headings_of_a_book_stay_and_its_linked_contents_may_go():
    contents = "".join(f'<p><a href="#c{n}">CHAPTER {n}</a></p>' for n in range(30))
    chapters = "".join(f'<h2><a href="#top">CHAPTER {n}</a></h2><p>It rained all day.</p>' for n in range(30))
    document = parsed(f"<body>{contents}{chapters}</body>")
    assert headings(document) == [(2, f"CHAPTER {n}") for n in range(30)]
    assert document.text.count("It rained all day.") == 30


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ("<p>Mañana</p>".encode(), "Mañana"),
        (b"\xef\xbb\xbf<meta charset=latin-1>" + "<p>Mañana</p>".encode(), "Mañana"),
        ("\ufeff<p>Mañana</p>".encode("utf-16-le"), "Mañana"),
        ("<p>Mañana</p>".encode("utf-16-be"), "Mañana"),
        ('<meta charset="iso-8859-1"><p>a “Mañana”</p>'.encode("cp1252"), "a “Mañana”"),
        ('<?xml version="1.0" encoding="windows-1251"?><p>Дождь</p>'.encode("cp1251"), "Дождь"),
        ('<meta http-equiv=Content-Type content="text/html; charset=koi8-r"><p>Дождь</p>'.encode("koi8-r"), "Дождь"),
        ('<meta charset="gb2312"><p>下雨了</p>'.encode("gb18030"), "下雨了"),
        ('<meta charset="shift_jis"><p>雨が降る</p>'.encode("cp932"), "雨が降る"),
        ('<!-- <meta charset="koi8-r"> --><meta charset="cp1251"><p>Дождь</p>'.encode("cp1251"), "Дождь"),
        ('<meta charset="iso-8859-1"><p>Mañana</p>'.encode(), "Mañana"),
        ('<meta charset="utf-8"><p>Mañana</p>'.encode("cp1252"), "Mañana"),
        ('<meta charset="zip"><p>Mañana</p>'.encode(), "Mañana"),
    ],
)
def test_encodings_are_sniffed_and_false_declarations_not_believed(data, shown):
    assert html.parse(data, "page").text == shown + "\n"


def test_xhtml_is_read_as_xml():
    page = """<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/><script/></head>
    <body><h2><a id="x"/>Rain</h2><p>It&nbsp;fell &amp; fell&unknown;.</p></body></html>"""
    assert parsed(page).text == "Rain\n\nIt fell & fell&unknown;.\n"


@pytest.mark.parametrize("page", ["", "  ", "<html></html>", "<script>x</script>", "<p hidden>x</p>", "<!--x-->"])
def test_a_page_without_text_is_refused(page):
    with pytest.raises(InputError, match=r"^holds no text; "):
        parsed(page)


HOSTILE = {
    "deep blocks": "<div>" * 30_000 + "rain" + "</div>" * 30_000,
    "deep inline": "<b>" * 30_000 + "rain",
    "unclosed fonts": "<font size=2>line<p>" * 10_000 + "rain",
    "one line": "<p>" + "word " * 200_000 + "rain",
    "brackets": "<" * 300_000 + "<p>rain",
    "many attributes": "<p " + " ".join(f"a{n}=1" for n in range(20_000)) + ">rain",
    "quoted attributes": "<p " + " ".join(f"a{n}='<>'" for n in range(20_000)) + ">rain",
    "spaces": "<pre>x" + " " * 200_000 + "</pre><p>" + " " * 200_000 + "rain",
    "tables": "<table><tr><td>" * 5000 + "rain",
    "comments": "<!---->" * 50_000 + "rain",
    "open comments": "rain" + "<!--" * 50_000,
    "page numbers": "<span class=pagenum>" * 1000 + "<b> </b>" * 10_000 + "rain that fell and fell",
    "links": "<a href=x>" * 20_000 + "rain",
    "buttons": "<p>" + "<button>x</button> rain" * 20_000,
    "controls": "<p>ra\0i\x01n",
    "laughs": '<?xml version="1.0"?><!DOCTYPE html [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{("&" + chr(97 + n) + ";") * 10}">' for n in range(12))
    + ']><html xmlns="http://www.w3.org/1999/xhtml"><body><p title="&m;">&m; rain</p></body></html>',
}


@pytest.mark.parametrize("page", HOSTILE.values(), ids=HOSTILE)
def test_hostile_pages_are_read_soon_and_whole(page):
    started = time.monotonic()
    document = parsed(page)
    assert "rain" in document.text
    assert len(document.text) <= len(page) + 1
    assert time.monotonic() - started < 5


def test_what_is_nested_very_deep_is_read_whole_or_refused_not_cut():
    try:
        assert parsed("<x-a>" * 20_000 + "rain").text == "rain\n"
    except InputError as error:  # libxml2 from 2.14 on
        assert "too deep" in str(error)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"<p>", b"<?xml version='1.0'?>", b"<table><tr><td>"]))
def test_random_bytes_are_a_document_or_a_clear_error(data, start):
    check(start + data)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(PAGES)), st.data())
def test_a_corrupted_page_is_a_document_or_a_clear_error(page, data):
    source = bytearray(PAGES[page].encode())
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(source) - 1))
        source[place : place + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=10))
    check(bytes(source) or b"x")


def check(data: bytes) -> None:
    try:
        document = html.parse(data, "x")
    except CpullmError:
        return
    assert document.text.strip()
    assert all(document.text[mark.start : mark.end].strip() for mark in document.marks)


@pytest.mark.skipif(CORPORA is None, reason="the shared corpora are not beside this checkout")
@pytest.mark.parametrize(
    ("name", "marks", "chapters"),
    [("war-and-peace", 384, 365), ("frankenstein", 32, 24), ("huckleberry-finn", 7, 43)],
)
def test_a_book_comes_out_whole(name, marks, chapters):
    assert CORPORA
    document = html.parse((CORPORA / f"{name}.htm").read_bytes(), name)
    printed = (CORPORA / f"{name.replace('war-and-peace', 'war_and_peace')}.txt").read_bytes()
    found = letters(document.text)
    paragraphs = [each for each in printed.decode("utf-8-sig").replace("\r\n", "\n").split("\n\n") if len(each) > 300]
    lost, place = 0, 0
    for paragraph in paragraphs:
        at = found.find(letters(paragraph), place)
        lost, place = lost + (at < 0), max(place, at)
    assert len(document.marks) >= marks
    assert sum(line.strip().lower().startswith("chapter") for line in document.text.split("\n")) >= chapters
    assert len(paragraphs) > 300
    assert lost <= len(paragraphs) // 50
