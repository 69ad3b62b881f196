import math
import re
import sys
from pathlib import Path

import pytest

from cpullm.errors import InputError, MachineError
from cpullm.readers import pdf, pdfium
from cpullm.records import Document
from tests import makers
from tests.makers import Placed


def parsed(data: bytes) -> Document:
    return pdf.parse(data, "it")


def paragraphs(document: Document) -> list[str]:
    return document.text.strip().split("\n\n")


def headings(document: Document) -> list[tuple[int, str]]:
    return [(mark.level, document.text[mark.start : mark.end]) for mark in document.marks]


def drawn(lines: list[str], *, x: float = 50, y: float = 550, step: float = 12) -> list[Placed]:
    return [Placed(x, y - step * number, line) for number, line in enumerate(lines)]


FULL = [f"These {number} words fill the whole of the line from left to right" for number in "abcdef"]
BOOK = [(f"Chapter {number}", [makers.prose(4 + k, number + k) for k in range(12)]) for number in range(1, 6)]


def squeezed(document: Document) -> list[str]:
    return [" ".join(block.split()) for block in re.split(r"\n{2,}", document.text.strip())]


@pytest.mark.parametrize("columns", [1, 2])
def test_a_typeset_book_gives_its_paragraphs_and_headings(columns: int) -> None:
    document = parsed(makers.pdf_book(BOOK, columns=columns, head="A Running Head"))
    assert squeezed(document) == [text for heading, texts in BOOK for text in [heading, *texts]]
    assert headings(document) == [(1, heading) for heading, _ in BOOK]
    assert document.title == "A Book"


def test_the_outline_marks_headings_that_look_like_text() -> None:
    document = parsed(makers.pdf_book(BOOK, outline=True, heading_size=10))
    assert headings(document) == [(1, heading) for heading, _ in BOOK]


def test_the_outline_s_depth_is_the_level_and_a_title_may_take_two_lines() -> None:
    pages = [drawn(["Part One", "", "The Landing", "and the Mole", "", "It had rained since noon."])]
    document = parsed(makers.pdf(pages, outline=[(0, "PART ONE", 0), (1, "1. The Landing and the Mole", 0)]))
    assert headings(document) == [(1, "Part One"), (2, "The Landing and the Mole")]


def test_a_bookmark_whose_title_is_not_on_its_page_marks_nothing() -> None:
    document = parsed(makers.pdf([drawn(["It had rained since noon."])], outline=[(0, "Cover", 0)]))
    assert document.marks == ()


def test_larger_type_ranks_headings_by_size() -> None:
    page = [Placed(50, 550, "The Harbour", 24), Placed(50, 510, "Morning", 14), *drawn([makers.SENTENCES[0]], y=480)]
    assert headings(parsed(makers.pdf([page]))) == [(1, "The Harbour"), (2, "Morning")]


def test_lines_become_paragraphs_by_gap_and_line_breaks_become_spaces() -> None:
    first, second = ["One line that is full and runs on", "to the second one which is full.."], ["Then there is a gap."]
    page = drawn(first) + drawn(second, y=510)
    assert paragraphs(parsed(makers.pdf([page]))) == [" ".join(first), second[0]]


def test_lines_become_paragraphs_by_indentation() -> None:
    lines = ["a line of the text that is quite full up", "and another line of it, just about as full"]
    page = [line for k in range(3) for line in (Placed(62, 550 - 24 * k, lines[0]), Placed(50, 538 - 24 * k, lines[1]))]
    assert paragraphs(parsed(makers.pdf([page]))) == [" ".join(lines)] * 3


def test_a_short_last_line_ends_a_paragraph() -> None:
    full = "These words fill the whole of the line from left to right"
    page = drawn([full, full, "and end.", full, full, "Again."])
    assert paragraphs(parsed(makers.pdf([page]))) == [f"{full} {full} and end.", f"{full} {full} Again."]


def test_short_lines_stay_lines() -> None:
    verse = ["The lamps are out,", "the rain is in,", "the clerk has gone", "to bed."]
    page = [*drawn(["These words fill the whole of the line from left to right"]), *drawn(verse, y=500)]
    assert paragraphs(parsed(makers.pdf([page])))[1] == "\n".join(verse)


def test_a_paragraph_runs_on_over_the_page() -> None:
    pages = [drawn(FULL[:3]), drawn([FULL[3], "and end."])]
    assert paragraphs(parsed(makers.pdf(pages))) == [" ".join(FULL[:4]) + " and end."]


@pytest.mark.parametrize(
    ("lines", "joined"),
    [
        (["This is an exam-", "ple of it."], "This is an example of it."),
        (["A well-known man, and well-", "known he is."], "A well-known man, and well-known he is."),
        (["Half of it, past it: half-", "past six."], "Half of it, past it: half-past six."),
        (["Years from 1914-", "1918 and more."], "Years from 1914-1918 and more."),
        (["The house of Jean-", "Paul in the lane."], "The house of Jean-Paul in the lane."),
        (["She looked up\u2014", "and left him."], "She looked up\u2014and left him."),
    ],
)
def test_words_broken_at_line_ends_are_joined_and_real_hyphens_stay(lines: list[str], joined: str) -> None:
    assert joined in paragraphs(parsed(makers.pdf([drawn(lines)])))[0]


def test_running_heads_and_page_numbers_go() -> None:
    def page(number: int) -> list[Placed]:
        head = Placed(50, 580, "The Harbour" if number % 2 else "Being a Tale")
        return [
            head,
            *drawn([f"Page text {'abcdefghij'[number]} stands here."]),
            Placed(200, 20, f"\u2013 {number + 7} \u2013"),
        ]

    text = parsed(makers.pdf(map(page, range(10)))).text
    assert [word for word in ("Harbour", "Tale", "\u2013", "7", "12") if word in text] == []
    assert [letter for letter in "abcdefghij" if f"Page text {letter} stands here." not in text] == []


def test_numbered_headings_that_open_each_page_stay() -> None:
    pages = [drawn([f"Chapter {number}", "", f"Text {'abcd'[number - 1]} is here."]) for number in range(1, 5)]
    assert [f"Chapter {number}" in parsed(makers.pdf(pages)).text for number in range(1, 5)] == [True] * 4


def test_columns_drawn_row_by_row_are_read_column_by_column() -> None:
    left = [f"left {letter} of the column here" for letter in "abcdefgh"]
    right = [f"right {letter} of the column here" for letter in "abcdefgh"]
    page = [Placed(50, 580, "A heading that stands over both of the columns on the page")]
    for number, (one, two) in enumerate(zip(left, right, strict=True)):
        page += [Placed(50, 550 - 12 * number, one), Placed(220, 550 - 12 * number, two)]
    text = " ".join(parsed(makers.pdf([page])).text.split())
    assert text.index("left h") < text.index("right a")
    assert text.index("both of the") < text.index("left a")


def test_rows_of_a_table_stay_together() -> None:
    rows = [("Coal", "12"), ("Rope", "7"), ("Lamps", "31"), ("Nails", "440"), ("Tar", "2")]
    page = [
        piece
        for k, (one, two) in enumerate(rows)
        for piece in (Placed(50, 500 - 12 * k, one), Placed(250, 500 - 12 * k, two))
    ]
    assert parsed(makers.pdf([page])).text == "Coal\t12\nRope\t7\nLamps\t31\nNails\t440\nTar\t2\n"


def test_footnotes_stand_after_the_paragraph_that_runs_over_the_page() -> None:
    note = Placed(50, 60, "A note in small type.", 7)
    found = paragraphs(parsed(makers.pdf([[*drawn(FULL[:3]), note], drawn([FULL[3], "and end.", *FULL[4:]])])))
    assert found == [" ".join(FULL[:4]) + " and end.", note.text, " ".join(FULL[4:])]


def test_chinese_lines_join_without_a_space() -> None:
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont

    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    page = [
        Placed(50, 550, "滚滚长江东逝水浪花淘尽英", font="STSong-Light"),
        Placed(50, 536, "雄是非成败。", font="STSong-Light"),
    ]
    assert parsed(makers.pdf([page])).text == "滚滚长江东逝水浪花淘尽英雄是非成败。\n"


def test_scanned_pages_are_named_and_ocr_is_advised() -> None:
    with pytest.raises(InputError, match=r"^has no text layer \(images on 3 of 3 pages\); run OCR .*ocrmypdf"):
        parsed(makers.pdf_scan(3))


def test_a_few_pages_of_text_among_scanned_ones_are_not_taken_for_the_whole() -> None:
    mixed = makers.pdf_objects(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R 4 0 R 4 0 R]/Count 3>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 5 0 R/Resources<</Font<</F 7 0 R>>>>>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 6 0 R>>",
            makers.pdf_stream(b"", b"BT /F 12 Tf (cover) Tj ET"),
            makers.pdf_stream(b"", b"0 0 9 9 re f"),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        ]
    )
    with pytest.raises(InputError, match=r"^has text on only 1 of 3 pages, the others are images; run OCR"):
        parsed(mixed)


def test_an_encrypted_pdf_is_said_to_be_one() -> None:
    with pytest.raises(InputError, match=r"^is an encrypted PDF"):
        parsed(makers.pdf([drawn(["secret"])], password="key"))


def test_a_pdf_of_blank_pages_holds_no_text() -> None:
    with pytest.raises(InputError, match=r"^holds no text"):
        parsed(makers.pdf([[], []]))


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7\n", b"%PDF-1.7\n" + bytes(range(256)) * 20])
def test_damage_is_said_to_be_damage(data: bytes) -> None:
    with pytest.raises(InputError, match=r"^is a damaged PDF .*; get it again"):
        parsed(data)


def test_a_page_that_cannot_be_read_is_named() -> None:
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R 9 0 R]/Count 2>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
    ]
    with pytest.raises(InputError, match="page 2 of 2 cannot be read"):
        parsed(makers.pdf_objects(objects))


@pytest.mark.parametrize("matrix", [b"1 0 0 -1", b"0 1 -1 0", b"1000000 0 0 1000000", b"0.05 0 0 0.05"])
def test_text_is_read_however_it_is_turned_or_scaled(matrix: bytes) -> None:
    content = b"%b 9 9 cm BT /F 12 Tf 10 10 Td (one) Tj 0 -14 Td (two) Tj ET" % matrix
    assert parsed(makers.pdf_page(content)).text.split() == ["one", "two"]


@pytest.mark.parametrize(("value", "place"), [(math.inf, 1e6), (-math.inf, -1e6), (math.nan, 0.0), (7.5, 7.5)])
def test_places_that_are_infinite_or_no_number_become_places(value: float, place: float) -> None:
    assert pdfium._real(value) == place


def test_a_bomb_of_forms_ends_in_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "_MEMORY", 200 << 20)
    with pytest.raises(InputError, match="is a PDF page 1 of which cannot be read, or needs too much memory"):
        parsed(makers.pdf_bomb())


def test_a_page_that_takes_for_ever_ends_in_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "_SECONDS_PER_PAGE", 0.5)
    with pytest.raises(InputError, match="page 1 of which takes longer to read than any honest one"):
        parsed(makers.pdf_bomb())


def test_modules_that_lie_about_do_not_get_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("json", "encodings", "pypdfium2"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('the wrong module')")
    data = makers.pdf([drawn(["It had rained since noon."])])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert parsed(data).text == "It had rained since noon.\n"


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    with pytest.raises(MachineError, match=r"pypdfium2; install it: pip install 'cpullm\[pdf\]'"):
        parsed(b"%PDF-1.7")


def test_a_python_that_cannot_be_started_is_the_machine_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf.sys, "executable", "/no/python/here")
    with pytest.raises(MachineError, match=r"could not start '/no/python/here'"):
        parsed(b"%PDF-1.7")


def test_pages_that_are_all_alike_are_no_furniture() -> None:
    pages = [drawn(["It had rained since noon."])] * 4
    assert parsed(makers.pdf(pages)).text.count("rained") == 4


def test_more_pages_than_a_document_has_are_refused() -> None:
    kids = [b"<</Type/Pages/Count %d/Kids[%b]>>" % (30 ** (3 - k), b"%d 0 R " % (3 + k) * 30) for k in range(3)]
    page = b"<</Type/Page/MediaBox[0 0 9 9]>>"
    with pytest.raises(InputError, match=r"^has 27000 pages, more than 20000"):
        parsed(makers.pdf_objects([b"<</Type/Catalog/Pages 2 0 R>>", *kids, page]))
