"""Chapters, parts and tables of contents: little texts of our own, the sample book, the shared corpora."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpullm.options import Splitting
from cpullm.readers import read
from cpullm.records import Chunk, Document, Split, is_blank
from cpullm.splitters import split
from tests import gold

SAMPLE = Path(__file__).parents[1] / "corpora" / "sample.txt"
CORPORA = gold.corpora()
PROSE = "The ferry left at seven and nobody aboard had slept. " * 12
RULES = frozenset("-–—=*_~·•.").union(*(sign for sign in map(chr, range(0x110000)) if sign.isspace()))
ROMAN = "I II III IV V VI VII VIII IX X XI XII".split()

needs_corpora = pytest.mark.skipif(CORPORA is None, reason="the shared corpora are not beside this checkout")


def checked(document: Document, splitting: Splitting | None = None) -> Split:
    """The split, after what must hold for every one: exact offsets, no overlap, every character accounted for."""
    text, done = document.text, split(document, splitting)
    for chunk in done.chunks:
        assert chunk.text == text[chunk.start : chunk.end] == chunk.text.strip()
        assert chunk.line <= text.count("\n", 0, chunk.start) + 1
    assert [chunk.index for chunk in done.chunks] == list(range(len(done.chunks)))
    assert all(before.end <= after.start for before, after in pairwise(done.chunks))
    assert [0, *(span.end for span in done.spans)] == [*(span.start for span in done.spans), len(text)]
    whole = {(chunk.kind, chunk.start, chunk.end) for chunk in done.chunks if chunk.text}
    assert {(span.kind, span.start, span.end) for span in done.spans if span.kind not in ("heading", "blank")} == whole
    between = "".join(text[span.start : span.end] for span in done.spans if span.kind == "blank")
    assert all(sign in RULES or is_blank(sign) for sign in set(between))
    return done


def pieces(text: str) -> list[Chunk]:
    """The chunks of a text's body, split by the splitter auto."""
    return [chunk for chunk in checked(Document("d", text)).chunks if chunk.kind == "body"]


def titles(text: str) -> list[str]:
    return [chunk.title for chunk in pieces(text)]


def book(*headings: str) -> str:
    return "".join(f"{heading}\n\n{PROSE}\n\n\n" for heading in headings)


@pytest.mark.parametrize(
    "form",
    [
        [f"CHAPTER {number}" for number in ROMAN],
        [f"Chapter {number}. A Name for {number}" for number in range(1, 13)],
        [f"{number}." for number in ROMAN],
        [f"{number}. The Way to {number}" for number in ROMAN],
        [f"STAVE {number}:  THE SONG" for number in ROMAN],
        ["Part One", "Part Two", "Part Three", "Part Four"],
        ["First Evening", "Second Evening", "Third Evening"],
        ["Erstes Kapitel", "Zweites Kapitel", "Drittes Kapitel"],
        ["CHAPITRE PREMIER", "CHAPITRE II", "CHAPITRE III"],
        ["第一回　標題", "第二回　標題", "第三回"],
        ["CHAPTER I.", "CHAPTER II.", "CHAPTER THE LAST"],
        ["บทที่ 1", "บทที่ 2", "บทที่ ๓"],
        ["2024-05-03", "2024-05-04", "2024-05-07"],
        ["1. DEFINITIONS", "2. TERM", "3. FEES", "SCHEDULE 1", "SCHEDULE 2"],
        ["Chapter 1: Introduction", "Chapter 2: Methods", "Chapter 3: Results"],
    ],
)
def test_every_form_that_counts_is_found(form: list[str]) -> None:
    assert titles("The Title\n\n" + book(*form)) == [" ".join(heading.split()) for heading in form]


def test_a_table_of_contents_is_not_the_book() -> None:
    headings = [f"CHAPTER {number}" for number in ROMAN]
    for contents in ("\n\n".join(headings), "\n".join(headings), "\n".join(f"    {h}  A Name  7" for h in headings)):
        chunks = pieces(f"CONTENTS\n\n{contents}\n\n\n\n{book(*headings)}")
        assert len(chunks) == 12 and all(chunk.words == 120 for chunk in chunks)


def test_numbers_restart_under_each_level() -> None:
    parts = [f"BOOK {name}: 18{n}5\n\n\n" + book(*(f"CHAPTER {r}" for r in ROMAN[:n])) for n, name in
             enumerate(["ONE", "TWO", "THREE"], start=2)]  # fmt: skip
    chunks = pieces("".join(parts) + "FIRST EPILOGUE\n\n" + book("CHAPTER I", "CHAPTER II"))
    assert len(chunks) == 2 + 3 + 4 + 2
    assert [chunk.levels for chunk in chunks[:3]] == [("BOOK ONE: 1825",)] * 2 + [("BOOK TWO: 1835",)]
    assert all("BOOK" not in chunk.text and "EPILOGUE" not in chunk.text for chunk in chunks)


def test_a_title_under_the_number_is_joined() -> None:
    assert titles(book("CHAPTER I\nTHE LONG WAY HOME", "CHAPTER II\nTHE END OF IT"))[0] == "CHAPTER I THE LONG WAY HOME"
    below = book(*(f"{number}.\n\nTHE ROAD TO {number}" for number in ROMAN))
    assert titles(below)[3] == "IV. THE ROAD TO IV" and pieces(below)[3].text.startswith("The ferry")


def test_a_wrong_number_and_a_second_print_do_not_break_the_sequence() -> None:
    numbers = ["I", "II", "III", "VI", "V", "VI"]
    assert len(titles(book(*(f"Chapter {number}" for number in numbers)))) == 6
    assert len(titles(book("Chapter 1", "Chapter 2\n\nChapter 2", "Chapter 3"))) == 3


def test_chance_lines_are_no_headings() -> None:
    dialogue = "Then I went.\n\nWhen I saw him, I left.\n\nM. Duval came in.\n\nChapter 9 was torn out of it.\n\n"
    text = book("CHAPTER I", "CHAPTER II").replace("\n\n\n", f"\n\n{dialogue}\n\n") + book("CHAPTER III")
    assert titles(text) == ["CHAPTER I", "CHAPTER II", "CHAPTER III"]
    listed = f"{PROSE}\n\n1. apples\n\n2. pears\n\n3. plums\n\n{PROSE}\n\n"
    assert titles("CHAPTER I\n\n" + listed + book("CHAPTER II", "CHAPTER III")) == [
        "CHAPTER I",
        "CHAPTER II",
        "CHAPTER III",
    ]


def test_titles_alone_are_found_by_the_room_above_them() -> None:
    names = ["THE LAMP", "A WINDOW", "THE LONG ROAD HOME", "NIGHT"]
    text = "A Book\n\n\n\n\n" + "".join(f"{name}\n\n{PROSE}\n\nALONE\n\n{PROSE}\n\n\n\n\n" for name in names)
    assert titles(text) == names


def test_preface_epilogue_and_contents_have_their_kind() -> None:
    chunks = checked(Document("d", book("PREFACE", "Chapter 1", "Chapter 2", "Epilogue", "GLOSSARY"))).chunks
    assert [chunk.kind for chunk in chunks] == ["front", "body", "body", "body", "back"]


def test_no_blank_lines_at_all() -> None:
    line = PROSE[:60] + "\n"
    text = "".join(f"Chapter {number}\n{line * 30}" for number in range(1, 6))
    assert [chunk.line for chunk in pieces(text)] == [1, 32, 63, 94, 125]


@pytest.mark.parametrize(
    "start", ["*** START OF THIS PROJECT GUTENBERG EBOOK ***", "***START OF THE PROJECT GUTENBERG EBOOK\nA NAME ***"]
)
def test_header_and_footer_are_left_out(start: str) -> None:
    end = "End of the Project Gutenberg EBook of A Name\n\n*** END OF THIS PROJECT GUTENBERG EBOOK ***\n\nlicence"
    [chunk] = pieces(f"licence\n\n{start}\n\n{PROSE}\n\n{end}\n\n*** START: FULL LICENSE ***\n")
    assert chunk.text == PROSE.strip() and chunk.line == start.count("\n") + 5


@pytest.mark.parametrize(
    "header",
    [
        "**The Project Gutenberg Etext of A Name**\n\nlegal\n\n*END*THE SMALL PRINT! FOR ETEXTS*Ver.04*END*",
        "licence\n\n***START**THE SMALL PRINT!**START***\n\n*END THE SMALL PRINT! FOR ETEXTS*Ver.03*END*",
        "licence\n\n***START OF THE PROJECT GUTENBERG EBOOK A NAME***\n\n\nE-text prepared by Someone\nand others",
        "*** START OF THIS PROJECT GUTENBERG EBOOK A NAME ***\n\nThis etext was produced by Someone, 1999",
    ],
)
@pytest.mark.parametrize(
    "footer",
    [
        "End of Project Gutenberg's A Name",
        "End of The Project Gutenberg Etext of A Name",
        "Ende dieses Projekt Gutenberg Etextes A Name",
        "Fin de Project Gutenberg's A Name",
        "*** END OF THE PROJECT GUTENBERG EBOOK A NAME ***",
        "***START**THE SMALL PRINT!**FOR ETEXTS**START***",
    ],
)
def test_headers_and_footers_of_all_years_are_left_out(header: str, footer: str) -> None:
    text = PROSE * 3
    assert [chunk.text for chunk in pieces(f"{header}\n\n\n{text}\n\n\n{footer}\n\nlegal")] == [text.strip()]


def test_a_closing_line_ends_the_book_without_a_header() -> None:
    assert pieces(f"{PROSE}\n\n\nEnd of Project Gutenberg's A Name\n\nlicence")[0].text == PROSE.strip()


@pytest.mark.parametrize("line", ["*** START OF RECORDING ***", "*** END OF MORNING SESSION ***"])
def test_other_lines_of_asterisks_are_text(line: str) -> None:
    assert [chunk.words for chunk in pieces(f"{PROSE}\n\n{line}\n\n{PROSE}")] == [240 + len(line.split())]


@pytest.mark.parametrize("line", ["THE END", "The End.", "_Finis._", "FIN", "Ende", "完", "THE END. YOURS, A FRIEND."])
def test_what_follows_the_end_is_back_matter(line: str) -> None:
    chunks = checked(Document("d", book(*(f"CHAPTER {n}" for n in range(1, 12))) + f"{line}\n\nOther books.")).chunks
    assert [chunk.kind for chunk in chunks] == ["body"] * 11 + ["back"]


@pytest.mark.parametrize("line", ["end", "Fine.", "fin", "In the end", "word\nTHE END"])
def test_other_lines_are_no_end(line: str) -> None:
    assert pieces(book("CHAPTER I", "CHAPTER II", "CHAPTER III") + f"{line}\n\nMore.")[-1].text.endswith("More.")


def test_an_end_with_much_after_it_is_none() -> None:
    assert pieces(book("CHAPTER I", "CHAPTER II") + f"THE END\n\n{PROSE}")[-1].words == 242


def test_words_under_a_parts_heading_are_kept_as_front_matter() -> None:
    chapters = book("CHAPTER I", "CHAPTER II")
    text = "".join(f"PART {name}\n\nIn which little happens.\n\n{chapters}" for name in ("ONE", "TWO"))
    chunks = checked(Document("d", text)).chunks
    assert [(chunk.kind, chunk.words, chunk.levels) for chunk in chunks[:2]] == [
        ("front", 4, ()), ("body", 120, ("PART ONE",)),
    ]  # fmt: skip


def test_a_text_without_headings_is_one_chunk() -> None:
    assert [chunk.text for chunk in pieces(f"\n\n{PROSE}\n\n{PROSE}\n")] == [f"{PROSE}\n\n{PROSE}".strip()]
    [empty] = pieces("")
    assert (empty.text, empty.title, empty.kind, empty.line) == ("", "", "body", 1)
    assert split(Document("d", "Hello.", title="A Letter")).chunks[0].title == "A Letter"


def test_a_long_text_before_the_first_heading_is_kept() -> None:
    assert len(pieces(PROSE * 20 + "\n\n" + book("Chapter 1", "Chapter 2"))) == 3


@pytest.mark.parametrize(
    "text",
    [
        *("I" * 300_000, " " * 300_000, "\n" * 300_000, "*" * 300_000, "***\n" * 75_000, "A" + "." * 300_000),
        *("I.\n\n" * 20_000, "Epilogue\n\n" * 9_000, "A Title\n\n\n\n" * 20_000, "First ..... 1\n" * 20_000),
        *("word " * 60_000, "*** END OF X\n" * 20_000, "Chapter 1\n\nChapter 2\n\nwords\n\n" * 9_000),
    ],
)
def test_nothing_hangs(text: str) -> None:
    began = time.monotonic()
    pieces(text)
    assert time.monotonic() - began < 5


line = st.one_of(
    st.sampled_from(["", "", "", "CHAPTER I", "Chapter 2", "III.", "BOOK ONE", "Epilogue", "CONTENTS", "THE LAMP",
                     "第二回", "First Part", "CHAPTER THE LAST", "*** START OF A", "*** END OF A", "THE END", "----"]),
    st.text(max_size=30),
    st.just(PROSE[:300]),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(line, max_size=60))
def test_any_lines_at_all_give_ordered_exact_chunks(lines: list[str]) -> None:
    assert checked(Document("d", "\n".join(lines))).chunks


def test_the_sample_book() -> None:
    chunks = pieces(read(SAMPLE).text)
    assert [chunk.title for chunk in chunks] == [f"CHAPTER {number}" for number in ROMAN[:5]] * 2
    assert len({chunk.levels for chunk in chunks}) == 2 and all(chunk.words > 300 for chunk in chunks)


@needs_corpora
@pytest.mark.parametrize("slug", [] if CORPORA is None else [entry["slug"] for entry in gold.books(CORPORA)])
def test_the_shared_corpora(slug: str) -> None:
    assert CORPORA is not None
    entry = next(entry for entry in gold.books(CORPORA) if entry["slug"] == slug)
    result = gold.compare(CORPORA, entry)
    assert result.found.keys() == result.expected.keys()
    if result.levels:
        assert len({chunk.levels for chunk in result.chunks if chunk.kind == "body"}) == result.levels
    if slug.startswith("war-and-peace"):
        assert result.exact == 365 and max(result.found.values()) == entry["longest_chapter_words"]
