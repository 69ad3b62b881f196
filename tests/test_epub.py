"""EPUB: the spine's files as one text, headings as the navigation ranks them, whatever the files' borders are."""

import pytest

from cpullm.readers import epub
from tests import gold
from tests.epub_books import LONG, book, epub2, epub3, headings, opf, xhtml

CORPORA = gold.corpora()


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


def test_fonts_in_the_reading_order_are_passed_over():
    fonts = '<item id="f" href="f.otf" media-type="application/vnd.ms-opentype"/>'
    package = opf(["a.html"], extra=fonts).replace("<itemref", '<itemref idref="f"/><itemref', 1)
    files = {"OEBPS/book.opf": package, "OEBPS/a.html": xhtml("<p>It rained.</p>"), "OEBPS/f.otf": b"OTTO\0\0"}
    assert epub.parse(book(files), "book").text == "It rained.\n"


def test_a_paragraph_of_many_files_is_one():
    pieces = [f"and piece {n} went-" if n % 2 else f"and piece {n}," for n in range(6)]
    document = epub2({f"{n}.html": f"<p>{piece}</p>" for n, piece in enumerate(pieces)}, [])
    assert document.text == (
        "and piece 0, and piece 1 went-and piece 2, and piece 3 went-and piece 4, and piece 5 went-\n"
    )


def test_a_file_that_is_named_in_several_cases_is_read_once_where_it_is_first():
    package = opf(["a.html", "b.html", "A.html"])
    files = {"OEBPS/a.html": xhtml("<p>It rained.</p>"), "OEBPS/b.html": xhtml("<p>It stopped.</p>")}
    assert epub.parse(book({"OEBPS/book.opf": package, **files}), "it").text == "It rained.\n\nIt stopped.\n"


@pytest.mark.skipif(CORPORA is None, reason="the shared corpora are not beside this checkout")
def test_a_real_book_cut_by_size_runs_on_with_every_chapter_once():
    assert CORPORA
    document = epub.parse((CORPORA / "war-of-the-worlds.epub").read_bytes(), "worlds")
    titles = [title for _, title in headings(document)]
    chapters = [title for title in titles if title.startswith("CHAPTER ")]
    assert len(chapters) == 27
    assert titles.count("BOOK ONE") == titles.count("BOOK TWO") == 1
    assert "in the south.\n\nHe read and re-read the paper" in document.text
