"""Which splitter is taken, and the splitters that do not look for chapters: marked headings, sizes, patterns."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpullm.errors import InputError, OptionError
from cpullm.options import SPLITTERS, Splitting
from cpullm.readers.blocks import Blocks
from cpullm.records import Document, Mark, Split
from cpullm.splitters import estimated_tokens, split
from tests.test_splitters import PROSE, book, checked


def marked(*headings: tuple[int, str], text: str = PROSE) -> Document:
    """A document whose format marks these headings, (level, title), each with a text under it."""
    blocks = Blocks()
    for level, title in headings:
        blocks.heading(title, level)
        blocks.paragraph(text)
    return blocks.document("d")


def titles(done: Split, kind: str = "body") -> list[tuple[str, ...]]:
    return [(*chunk.levels, chunk.title) for chunk in done.chunks if chunk.kind == kind]


class TestAuto:
    @pytest.mark.parametrize(
        ("document", "splitter", "why"),
        [
            (Document("d", book("CHAPTER I", "CHAPTER II")), "chapters", "2 units"),
            (marked((1, "Method"), (1, "Results")), "headings", "marks, of level 1: 2 units"),
            (Document("d", PROSE), "whole", "short enough"),
            (Document("d", f"{PROSE}\n\n" * 400), "paragraphs", "no headings found"),
            (Document("d", f"{PROSE} " * 400), "tokens", "no short paragraphs"),
        ],
    )
    def test_takes_what_the_text_has_and_says_why(self, document: Document, splitter: str, why: str) -> None:
        done = checked(document)
        assert done.splitter == splitter and why in done.why and "\n" not in done.why

    def test_cuts_at_the_highest_level_that_divides(self) -> None:
        done = checked(marked((1, "Report"), (2, "Method"), (3, "Data"), (3, "Models"), (2, "Results")))
        assert titles(done) == [("Report",), ("Report", "Method"), ("Report", "Results")]

    def test_numbers_in_a_list_are_no_chapters_beside_marked_headings(self) -> None:
        blocks = Blocks()
        for title in ("Dough", "Filling"):
            blocks.heading(title, 2)
            for number in range(1, 5):
                blocks.paragraph(f"{number}.")
                blocks.paragraph(PROSE)
        assert titles(checked(blocks.document("d"))) == [("Dough",), ("Filling",)]

    def test_marked_headings_are_surer_than_numbers_that_only_some_of_them_have(self) -> None:
        done = checked(marked((1, "Report"), (2, "Summary"), (2, "1. Markets"), (3, "1.1 Home"), (2, "2. Finance")))
        assert [title[-1] for title in titles(done)] == ["Report", "Summary", "1. Markets", "2. Finance"]

    def test_sections_that_are_too_long_are_cut_at_the_next_level(self) -> None:
        document = marked((1, "One"), (2, "a"), (2, "b"), (1, "Two"), (2, "c"), (2, "d"))
        assert titles(checked(document)) == [("One",), ("Two",)]
        assert len(checked(document, Splitting(chunk_tokens=32)).chunks) == 6

    def test_text_without_spaces_between_its_words_is_text(self) -> None:
        prose = "渡船在七点钟离开了码头没有人睡过觉" * 30
        assert titles(checked(marked((1, "方法"), (1, "结果"), text=prose))) == [("方法",), ("结果",)]

    def test_headings_that_only_hold_others_do_not_divide(self) -> None:
        blocks = Blocks()
        for level, title in [(1, "One"), (2, "a"), (2, "b"), (1, "Two"), (2, "c")]:
            blocks.heading(title, level)
            blocks.paragraph(PROSE if level == 2 else "")
        assert titles(checked(blocks.document("d"))) == [("One", "a"), ("One", "b"), ("Two", "c")]

    def test_lines_in_the_midst_of_marked_headings_are_no_chapters(self) -> None:
        blocks = Blocks()
        for title in ("Usage", "Notes on use"):
            blocks.heading(title, 1)
            blocks.paragraph(book("CHAPTER I", "CHAPTER II"))
        assert titles(checked(blocks.document("d"))) == [("Usage",), ("Notes on use",)]

    def test_an_introduction_is_a_part_of_a_report(self) -> None:
        assert titles(checked(marked((1, "Introduction"), (1, "Results")))) == [("Introduction",), ("Results",)]
        numbered = book("Chapter 1: Introduction", "Chapter 2: Methods", "Chapter 3: Results")
        assert len(titles(checked(Document("d", numbered)))) == 3

    def test_a_preface_and_acknowledgements_are_front_and_back_matter(self) -> None:
        document = marked((1, "Preface"), (1, "The Mill"), (1, "The Weir"), (1, "Acknowledgements"))
        assert [chunk.kind for chunk in checked(document).chunks] == ["front", "body", "body", "back"]

    def test_an_unnumbered_heading_marked_like_the_chapters_is_one_too(self) -> None:
        done = checked(marked((1, "A Book"), (2, "Chapter 1"), (2, "Chapter 2"), (2, "The Storm"), (2, "Chapter 3")))
        assert (done.splitter, [chunk[-1] for chunk in titles(done)]) == (
            "chapters", ["Chapter 1", "Chapter 2", "The Storm", "Chapter 3"],
        )  # fmt: skip

    def test_a_tables_row_stays_whole_unless_a_splitter_is_named(self) -> None:
        row = Document("d", book("CHAPTER I", "CHAPTER II"), row=True)
        assert [len(checked(row, splitting).chunks) for splitting in (None, Splitting("chapters"))] == [1, 2]

    def test_a_text_of_white_space_is_an_error(self) -> None:
        assert [chunk.error for chunk in split(Document("d", " \n\t")).chunks] == ["The text is empty."]

    @pytest.mark.parametrize("splitter", ["auto", "whole", "tokens"])
    @pytest.mark.parametrize("text", ["\u200b", "\ufeff", "\u2060\n\n\u00ad", "\u200e \u180e"])
    def test_a_text_that_shows_nothing_is_empty(self, text: str, splitter: str) -> None:
        (chunk,) = split(Document("d", text), Splitting(splitter=splitter)).chunks
        assert (chunk.text, chunk.error) == ("", "The text is empty.")

    def test_nor_is_a_chapter_without_a_visible_text_a_unit(self) -> None:
        unseen = checked(Document("d", f"CHAPTER I\n\n\u200b\u200b\n\nCHAPTER II\n\n{PROSE}"), Splitting("chapters"))
        empty = checked(Document("d", f"CHAPTER I\n\n  \n\nCHAPTER II\n\n{PROSE}"), Splitting("chapters"))
        assert titles(unseen) == titles(empty)

    def test_a_document_that_could_not_be_read_is_one_chunk_with_its_error(self) -> None:
        [chunk] = split(Document("d", "", error="is a damaged PDF")).chunks
        assert (chunk.text, chunk.error) == ("", "is a damaged PDF")


class TestHeadings:
    def test_every_marked_heading_is_a_unit_under_the_path_of_those_above(self) -> None:
        document = marked((1, "Report"), (2, "Method"), (3, "Data"), (2, "Results"), (1, "Glossary"))
        done = checked(document, Splitting("headings"))
        assert titles(done) == [
            ("Report",), ("Report", "Method"), ("Report", "Method", "Data"), ("Report", "Results"),
        ]  # fmt: skip

    def test_a_number_and_its_title_on_two_marked_lines_are_one(self) -> None:
        blocks = Blocks()
        for number in "1", "2":
            blocks.heading(number, 2)
            blocks.heading(f"Night {number}", 2)
            blocks.paragraph(PROSE)
        assert titles(checked(blocks.document("d"), Splitting("headings"))) == [("1 Night 1",), ("2 Night 2",)]

    def test_text_before_the_first_heading_is_kept(self) -> None:
        document = Document("d", f"{PROSE}\n\nTitle\n\n{PROSE}", marks=(Mark(len(PROSE) + 2, len(PROSE) + 7, 1),))
        assert titles(checked(document, Splitting("headings"))) == [("",), ("Title",)]

    def test_without_marks_the_texts_own_headings_count(self) -> None:
        done = checked(Document("d", book("CHAPTER I", "CHAPTER II")), Splitting("headings"))
        assert done.splitter == "chapters" and "marks no headings" in done.why

    def test_without_any_heading_it_is_one_unit(self) -> None:
        for splitter in ("headings", "chapters"):
            done = checked(Document("d", PROSE), Splitting(splitter))
            assert (done.splitter, len(done.chunks)) == ("whole", 1)


class TestSizes:
    TEXT = "\n\n".join(f"{number}: {PROSE.strip()}" for number in range(60))

    def test_paragraphs_are_packed_but_never_cut(self) -> None:
        chunks = checked(Document("d", self.TEXT), Splitting("paragraphs", chunk_tokens=500)).chunks
        assert "\n\n".join(chunk.text for chunk in chunks) == self.TEXT
        sizes = [estimated_tokens(chunk.text) for chunk in chunks]
        assert max(sizes) <= 500 < min(a + b for a, b in pairwise(sizes))

    def test_a_paragraph_that_is_too_long_stands_alone(self) -> None:
        chunks = checked(Document("d", f"Short.\n\n{PROSE}\n\nShort."), Splitting("paragraphs", chunk_tokens=16)).chunks
        assert [chunk.text for chunk in chunks] == ["Short.", PROSE.strip(), "Short."]

    def test_tokens_are_counted_by_the_tokenizer_given(self) -> None:
        document, splitting = Document("d", self.TEXT), Splitting("tokens", chunk_tokens=100)
        chunks = split(document, splitting, count_tokens=lambda text: len(text.split())).chunks
        assert max(chunk.words for chunk in chunks) <= 100
        assert sum(chunk.words for chunk in chunks) == len(self.TEXT.split())

    def test_the_licence_stays_outside(self) -> None:
        start, end = (f"*** {word} OF THE PROJECT GUTENBERG EBOOK ***" for word in ("START", "END"))
        text = f"licence\n\n{start}\n\n{PROSE}\n\n{end}\n\nlicence"
        for splitter in ("paragraphs", "tokens", "whole"):
            assert [chunk.kind for chunk in checked(Document("d", text), Splitting(splitter)).chunks] == [
                "front", "body", "back",
            ]  # fmt: skip


class TestRegex:
    def test_what_matches_is_a_heading(self) -> None:
        document = Document("d", f"On top.\n\n# One\n{PROSE}\n# Two\n{PROSE}")
        done = checked(document, Splitting("regex", r"^# .+$"))
        assert titles(done) == [("# One",), ("# Two",)] and titles(done, "front") == [("",)]
        assert [chunk.line for chunk in done.chunks] == [1, 3, 5]

    def test_nothing_matches(self) -> None:
        done = checked(Document("d", PROSE), Splitting("regex", "^KAPITEL"))
        assert (done.splitter, len(done.chunks)) == ("whole", 1) and "match of '^KAPITEL'" in done.why

    def test_a_pattern_that_matches_everything_leaves_one_unit(self) -> None:
        assert checked(Document("d", PROSE), Splitting("regex", ".*")).splitter == "whole"

    def test_a_pattern_that_backtracks_without_end_is_stopped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("cpullm.splitters.packed._PATTERN_SECONDS", 0.2)
        [chunk] = split(Document("d", "a" * 60), Splitting("regex", r"(a|aa)+(b|a)*c$")).chunks
        assert chunk.text == "" and "took more than" in str(chunk.error)

    @pytest.mark.parametrize(
        ("splitting", "says"),
        [
            ({"splitter": "regex"}, "give both"),
            ({"pattern": "x"}, "give both"),
            ({"splitter": "regex", "pattern": "("}, "no regular expression"),
            ({"splitter": "kapitel"}, "no splitter is called 'kapitel'; there are auto"),
            ({"chunk_tokens": 1}, "chunk_tokens must be from 16"),
        ],
    )
    def test_what_cannot_work_is_refused(self, splitting: dict[str, object], says: str) -> None:
        with pytest.raises(OptionError, match=says):
            Splitting(**splitting)  # type: ignore[arg-type]

    def test_a_bare_name_is_no_splitting(self) -> None:
        with pytest.raises(OptionError, match=r"as Splitting\('chapters'\), got 'chapters'"):
            split(Document("d", PROSE), "chapters")  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["# {}", "## {} ##", "{}\n=====", "{}\n-----"])
def test_markdowns_markup_is_part_of_its_headings(form: str) -> None:
    pytest.importorskip("markdown_it")
    from cpullm.readers import markdown

    names = ["Usage", "Terms", "Chapter 1", "Chapter 2"]
    text = "".join(f"{form.format(name)}\n\n{PROSE}\n\n" for name in names)
    for splitter in ("auto", "headings", "chapters"):
        chunks = checked(markdown.parse(text.encode(), "d"), Splitting(splitter)).chunks
        assert [(chunk.title, chunk.text) for chunk in chunks] == [(name, PROSE.strip()) for name in names]


heading = st.sampled_from(["Chapter 1", "II", "Preface", "THE END"]) | st.text(max_size=40)
blocks = st.lists(st.tuples(st.sampled_from([0, 0, 1, 2, 3, 6]), heading | st.just(PROSE)), max_size=30)


@given(blocks, st.sampled_from([name for name in SPLITTERS if name != "regex"]))
def test_every_splitter_accounts_for_every_character(parts: list[tuple[int, str]], splitter: str) -> None:
    made = Blocks()
    for level, text in parts:
        if level:
            made.heading(text, level)
        else:
            made.paragraph(text)
    try:
        document = made.document("d")
    except InputError:
        document = Document("d", "")
    assert checked(document, Splitting(splitter, chunk_tokens=16)).chunks
