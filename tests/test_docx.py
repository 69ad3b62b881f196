import io
import sys
import time
import zipfile

import pytest

from cpullm.errors import InputError, MachineError
from cpullm.readers import docx
from cpullm.records import Document
from tests import makers


def parsed(data: bytes) -> Document:
    return docx.parse(data, "it")


def of_body(body: str) -> str:
    return parsed(makers.docx_body(body)).text.strip()


def headings(document: Document) -> list[tuple[int, str]]:
    return [(mark.level, document.text[mark.start : mark.end]) for mark in document.marks]


def paragraph(inside: str) -> str:
    return f"<w:p>{inside}</w:p>"


def run(text: str, properties: str = "") -> str:
    return f"<w:r>{properties}<w:t xml:space='preserve'>{text}</w:t></w:r>"


def test_paragraphs_headings_lists_and_tables_come_in_document_order() -> None:
    document = parsed(
        makers.docx(
            ("Heading 1", "The Harbour"),
            ("Normal", "It had rained."),
            ("List Bullet", "coal"),
            ("Heading 2", "Morning"),
            ("table", "Coal|12\nRope|7"),
            ("Normal", "The end."),
            title="A Tale",
        )
    )
    assert document.text == ("The Harbour\n\nIt had rained.\n\ncoal\n\n\nMorning\n\nCoal | 12\nRope | 7\n\nThe end.\n")
    assert headings(document) == [(1, "The Harbour"), (2, "Morning")]
    assert document.title == "A Tale"


def test_a_style_s_outline_level_makes_a_heading_whatever_its_name() -> None:
    styles = f"""<w:styles {makers.W}>
      <w:style w:type="paragraph" w:styleId="berschrift2">
        <w:name w:val="Kapitel"/><w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style>
      <w:style w:type="paragraph" w:styleId="Eigen"><w:name w:val="Eigen"/><w:basedOn w:val="berschrift2"/></w:style>
      <w:style w:type="paragraph" w:styleId="Kreis"><w:name w:val="Kreis"/><w:basedOn w:val="Kreis"/></w:style>
    </w:styles>"""
    body = "".join(
        paragraph(f"<w:pPr><w:pStyle w:val='{style}'/></w:pPr>{run(style)}")
        for style in ("berschrift2", "Eigen", "Kreis")
    )
    own = paragraph(f"<w:pPr><w:outlineLvl w:val='0'/></w:pPr>{run('Own')}")
    document = parsed(makers.docx_body(body + own, {"word/styles.xml": styles}))
    assert headings(document) == [(2, "berschrift2"), (2, "Eigen"), (1, "Own")]


def test_one_paragraph_styled_as_title_is_the_title_and_several_are_headings_above_the_others() -> None:
    one = parsed(makers.docx(("Title", "A Tale"), ("Heading 1", "One"), ("Normal", "Text.")))
    assert (one.title, headings(one)) == ("A Tale", [(1, "One")])
    two = parsed(makers.docx(("Title", "Part A"), ("Heading 1", "One"), ("Title", "Part B")))
    assert headings(two) == [(1, "Part A"), (2, "One"), (1, "Part B")]


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        (
            run("kept") + "<w:ins>" + run(" added") + "</w:ins><w:del><w:r><w:delText>gone</w:delText></w:r></w:del>",
            "kept added",
        ),
        ("<w:moveFrom>" + run("from") + "</w:moveFrom><w:moveTo>" + run("to") + "</w:moveTo>", "to"),
        (run("see ") + "<w:hyperlink>" + run("the link") + "</w:hyperlink>", "see the link"),
        ("<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t><w:noBreakHyphen/><w:t>d</w:t></w:r>", "a\tb\nc-d"),
        (run("seen") + run("hidden", "<w:rPr><w:vanish/></w:rPr>"), "seen"),
        (run("seen", "<w:rPr><w:vanish w:val='0'/></w:rPr>"), "seen"),
        ("<w:pPr><w:tabs><w:tab w:val='left'/></w:tabs></w:pPr>" + run("no tab"), "no tab"),
        ("<w:sdt><w:sdtContent>" + run("controlled") + "</w:sdtContent></w:sdt>", "controlled"),
        ("<w:r><w:instrText>PAGE</w:instrText></w:r>" + run("7"), "7"),
        ("<!-- no text -->" + run("text"), "text"),
    ],
)
def test_a_paragraph_s_text_is_what_a_reader_sees(inside: str, text: str) -> None:
    assert of_body(paragraph(inside)) == text


def test_content_controls_around_paragraphs_are_no_border() -> None:
    assert of_body(f"<w:sdt><w:sdtContent>{paragraph(run('in it'))}</w:sdtContent></w:sdt>") == "in it"


def test_text_boxes_stand_once_after_their_paragraph() -> None:
    box = f"<w:txbxContent>{paragraph(run('boxed'))}</w:txbxContent>"
    both = (
        "<mc:AlternateContent xmlns:mc='http://schemas.openxmlformats.org/markup-compatibility/2006'>"
        f"<mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent>"
    )
    assert (
        of_body(paragraph(f"<w:r>{both}</w:r>{run('around')}") + paragraph(run("after"))) == "around\n\nboxed\n\nafter"
    )


def cell(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{paragraph(run(text))}</w:tc>"


def test_merged_cells_come_once() -> None:
    wide, tall, more = "<w:gridSpan w:val='2'/>", "<w:vMerge w:val='restart'/>", "<w:vMerge/>"
    rows = [
        cell("wide", wide) + cell("a"),
        cell("tall", tall) + cell("b") + cell("c"),
        cell("", more) + cell("d") + cell("e"),
    ]
    table = "<w:tbl>" + "".join(f"<w:tr>{row}</w:tr>" for row in rows) + "</w:tbl>"
    assert of_body(table) == "wide | a\ntall | b | c\nd | e"


def test_a_row_of_one_cell_is_read_as_paragraphs() -> None:
    inner = paragraph(run("one")) + paragraph(run("two"))
    assert of_body(f"<w:tbl><w:tr><w:tc>{inner}</w:tc></w:tr></w:tbl>") == "one\n\ntwo"


def test_a_table_in_a_table_s_cell_is_part_of_the_row() -> None:
    inner = f"<w:tbl><w:tr>{cell('x')}{cell('y')}</w:tr></w:tbl>"
    assert of_body(f"<w:tbl><w:tr>{cell('a')}<w:tc>{inner}</w:tc></w:tr></w:tbl>") == "a | x y"


def test_deleted_rows_are_out() -> None:
    deleted = f"<w:tr><w:trPr><w:del/></w:trPr>{cell('gone')}{cell('gone')}</w:tr>"
    assert of_body(f"<w:tbl>{deleted}<w:tr>{cell('a')}{cell('b')}</w:tr></w:tbl>") == "a | b"


def test_footnotes_stand_after_their_paragraph_even_one_that_refers_to_itself() -> None:
    notes = (
        f"<w:footnotes {makers.W}><w:footnote w:id='2'>{paragraph(run('the note') + NOTE)}</w:footnote></w:footnotes>"
    )
    relationships = {
        "word/_rels/document.xml.rels": RELATIONSHIPS,
        "word/footnotes.xml": notes,
        "word/styles.xml": f"<w:styles {makers.W}/>",
    }
    body = paragraph(run("text") + NOTE) + paragraph(run("more"))
    assert parsed(makers.docx_body(body, relationships)).text == "text\n\nthe note\n\nmore\n"


NOTE = "<w:r><w:footnoteReference w:id='2'/></w:r>"
KIND = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
RELATIONSHIPS = f"""<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
  <Relationship Id="a" Type="{KIND}/footnotes" Target="footnotes.xml"/>
  <Relationship Id="b" Type="{KIND}/styles" Target="styles.xml"/>
</Relationships>"""


def test_page_headers_are_out() -> None:
    import docx as package

    document = package.Document()
    document.sections[0].header.paragraphs[0].text = "Running head"
    document.add_paragraph("The text.")
    file = io.BytesIO()
    document.save(file)
    assert parsed(file.getvalue()).text == "The text.\n"


def test_a_document_without_text_is_an_error() -> None:
    with pytest.raises(InputError, match=r"^holds no text"):
        parsed(makers.docx(("Normal", " ")))


WHOLE = makers.docx(("Heading 1", "One"), ("Normal", makers.prose(20)))


def without(name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as whole:
        return makers.zip_of({other: whole.read(other) for other in whole.namelist() if other != name})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        WHOLE[: len(WHOLE) // 2],
        without("word/document.xml"),
        without("[Content_Types].xml"),
        without("_rels/.rels"),
        makers.zip_of({"word/document.xml": b"<a/>"}),
        makers.docx_body("<w:p>"),
        makers.docx_body("", {"word/document.xml": f"<w:document {makers.W}/>"}),
        makers.docx_body("", {"word/styles.xml": "<not-styles"}),
    ],
)
def test_damage_is_said_to_be_damage(data: bytes) -> None:
    with pytest.raises(InputError, match=r"^is a damaged DOCX[ :].*; get it again"):
        parsed(data)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docx", None)
    with pytest.raises(MachineError, match=r"python-docx; install it: pip install 'cpullm\[docx\]'"):
        parsed(WHOLE)


def test_tables_a_thousand_deep_are_refused() -> None:
    deep = "<w:tbl><w:tr><w:tc>" * 1000 + "</w:tc></w:tr></w:tbl>" * 1000
    with pytest.raises(InputError, match=r"damaged DOCX .*depth"):
        of_body(deep)


def test_tables_as_deep_as_the_parser_allows_are_read() -> None:
    deep = "<w:tbl><w:tr><w:tc>" * 80 + paragraph(run("x")) + "</w:tc></w:tr></w:tbl>" * 80
    assert of_body(deep) == "x"


@pytest.mark.parametrize("level", ["9" * 5000, "²", "-1", "1.5", ""])
def test_an_outline_level_that_is_none_makes_no_heading(level: str) -> None:
    styled = paragraph(f"<w:pPr><w:outlineLvl w:val='{level}'/></w:pPr>" + run("One"))
    assert headings(parsed(makers.docx_body(styled))) == []


def test_styles_based_on_each_other_in_a_long_chain_take_no_long() -> None:
    chain = "".join(
        f"<w:style w:type='paragraph' w:styleId='s{k}'><w:basedOn w:val='s{k + 1}'/></w:style>" for k in range(20_000)
    )
    last = "<w:style w:type='paragraph' w:styleId='s20000'><w:pPr><w:outlineLvl w:val='1'/></w:pPr></w:style>"
    styled = paragraph("<w:pPr><w:pStyle w:val='s0'/></w:pPr>" + run("One"))
    made = makers.docx_body(styled, {"word/styles.xml": f"<w:styles {makers.W}>{chain}{last}</w:styles>"})
    began = time.perf_counter()
    assert headings(parsed(made)) == [(2, "One")]
    assert time.perf_counter() - began < 2


def test_a_member_whose_name_no_archive_can_hold_is_damage() -> None:
    made = makers.zip_of({"a" * 40_000: b""}).replace(b"a", b"\x82")  # é, of two bytes once it is UTF-8
    with pytest.raises(InputError, match=r"^is a damaged DOCX "):
        parsed(made)


def test_entities_do_not_grow() -> None:
    entities = "".join(f"<!ENTITY e{k} '{f'&e{k - 1};' * 10}'>" for k in range(1, 10))
    doctype = f"<!DOCTYPE w [<!ENTITY e0 'growing '>{entities}]>"
    with pytest.raises(InputError):
        parsed(makers.docx_body(paragraph(run("&e9;")), doctype=doctype))


def test_xml_whose_tree_would_fill_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docx, "_MOST_NODES", 10_000)
    with pytest.raises(InputError, match=r"^has XML of more than 10000 tags"):
        of_body("<w:p/>" * 11_000)
