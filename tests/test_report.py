"""The report: three files, each whole or not there, and nothing in them is markup by accident."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pyarrow.parquet as pq
import pytest

from cpullm import report
from cpullm.errors import CpullmError, OptionError
from cpullm.page import page
from cpullm.records import Chunk, Origin, Sentence, Summary, columns
from cpullm.summarize import Result

PLAIN = Summary("book", "chapter", 0, (), "I", 1, 0, 10, 2, "summarize", "A short one.", 1, 0, "stop", 20, 5, 0.5)
NAMES = ["summaries.parquet", "summaries.md", "run.json"]


def _result(*summaries: Summary) -> Result:
    return Result(list(summaries), {"model": {"name": "tiny", "file": "tiny.gguf"}})


def _summary(row: dict[str, Any]) -> Summary:
    sentences = tuple(Sentence.of(sentence) for sentence in row["sentences"])
    return Summary(**{**row, "levels": tuple(row["levels"]), "reasons": tuple(row["reasons"]), "sentences": sentences})


def _headings(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("#")]


class TestMarkdown:
    @pytest.mark.parametrize(
        "text", ["a <b>c</b>", "*a* _b_", "`code`", "# no heading", "[a](b)", "a|b", "back\\slash"]
    )
    @pytest.mark.parametrize("field", ["summary", "title", "document_id", "error"])
    def test_markup_in_text_is_escaped(self, field: str, text: str) -> None:
        shown = page(_result(replace(PLAIN, **{"title": "", field: text})))
        expected = "".join(f"\\{char}" if char in "\\`*_<>[]#|" else char for char in text)
        assert expected in shown
        assert text not in shown.replace(expected, "")

    @pytest.mark.parametrize("line", ["~~~", "===", "---", "a &lt;b&gt; c"])
    def test_lines_that_would_hide_or_raise_their_neighbours_are_escaped(self, line: str) -> None:
        assert line not in page(_result(replace(PLAIN, summary=f"Before.\n{line}\nAfter."))).splitlines()

    def test_a_title_of_two_lines_is_one_heading(self) -> None:
        shown = page(_result(replace(PLAIN, title="One\nTwo")))
        assert "## One Two" in shown

    def test_levels_are_shown_once(self) -> None:
        parts = [("PART ONE",), ("PART ONE",), ("PART TWO",)]
        summaries = [replace(PLAIN, index=i, levels=levels, title=f"{i}") for i, levels in enumerate(parts)]
        assert _headings(page(_result(*summaries))) == [
            "# book",
            "## PART ONE",
            "### 0",
            "### 1",
            "## PART TWO",
            "### 2",
        ]

    def test_a_level_of_the_same_name_in_another_part_is_shown_again(self) -> None:
        summaries = [replace(PLAIN, index=i, levels=(part, "BOOK I")) for i, part in enumerate(("ONE", "TWO"))]
        headings = _headings(page(_result(*summaries)))
        assert headings.count("### BOOK I") == 2

    def test_a_cut_answer_is_marked(self) -> None:
        assert "cut at `max_tokens`" in page(_result(replace(PLAIN, finish_reason="length")))
        assert "cut at" not in page(_result(PLAIN))

    def test_an_answer_that_looped_is_marked(self) -> None:
        assert "repeated itself" in page(_result(replace(PLAIN, finish_reason="loop")))

    def test_answers_of_several_tasks_stand_under_one_heading_each_with_its_name(self) -> None:
        rows = [replace(PLAIN, index=i, title=f"{i}", task=task) for i in (0, 1) for task in ("summarize", "my_task")]
        shown = page(_result(*rows))
        assert _headings(shown) == ["# book", "## 0", "## 1"]
        assert shown.count("**summarize**\n\nA short one.\n") == shown.count("**my\\_task**\n\nA short one.\n") == 2

    def test_one_task_is_not_named(self) -> None:
        assert "summarize" not in page(_result(PLAIN))

    @pytest.mark.parametrize(
        ("answer", "expected"),
        [
            ('["Ann Pell", "Zoë", 3]', "\nAnn Pell, Zoë, 3\n"),
            ("[]", "\n(none)\n"),
            ('{"who": ["Ann", "Bob"], "when": null}', "\nwho: Ann, Bob\n\nwhen: null\n"),
            ("[So it begins.", "\n\\[So it begins.\n"),
            ("[1] [2]", "\n\\[1\\] \\[2\\]\n"),
        ],
    )
    def test_json_is_shown_as_people_read_it(self, answer: str, expected: str) -> None:
        assert expected in page(_result(replace(PLAIN, summary=answer)))

    def test_an_error_is_marked(self) -> None:
        failed = replace(PLAIN, summary="", finish_reason="error", error="The text is null.")
        assert "*(Error: The text is null.)*" in page(_result(failed))

    def test_several_documents_are_counted_in_the_title(self) -> None:
        assert page(_result(PLAIN, replace(PLAIN, document_id="other"))).startswith("# 2 documents\n")

    def test_several_documents_are_the_topmost_headings(self) -> None:
        summaries = [PLAIN, replace(PLAIN, index=1, title="II"), replace(PLAIN, document_id="note", title="")]
        assert _headings(page(_result(*summaries))) == [
            "# 2 documents",
            "## book",
            "### I",
            "### II",
            "## note",
        ]

    def test_pieces_without_a_title_are_told_apart_by_their_lines(self) -> None:
        summaries = [replace(PLAIN, index=line, title="", line=line) for line in (1, 40)]
        assert _headings(page(_result(*summaries))) == ["# book", "## Line 1", "## Line 40"]


def _traced(method: str, *, support: float = 1.0, level: str = "chapter", **more: Any) -> Summary:
    """One sentence about the first nine characters of chapter 3."""
    sentence = Sentence(0, 12, support, (Origin(3, 100, 109),))
    return replace(PLAIN, level=level, index=3, start=100, method=method, sentences=(sentence,), **more)


CHAPTER = Chunk("book", 3, (), "I", "body", 1, 100, 120, "Some words and *more*")


class TestSources:
    def test_a_sentence_of_the_text_says_where_it_stands(self) -> None:
        shown = page(_result(_traced("extracted")))
        assert "A short one.¹" in shown and "*Where it stands, in characters: ¹ 100–109*" in shown
        assert "Sentences of the text itself" in shown

    def test_what_the_model_wrote_beside_an_extract_is_not_called_the_texts_own(self) -> None:
        title = replace(PLAIN, index=3, start=100, task="my_title")
        shown = page(_result(_traced("extracted"), title))
        assert "Sentences of the text itself" in shown and "By tiny, as it gave them: my\\_title." in shown

    def test_a_place_has_one_anchor_though_several_headings_stand_above_it(self) -> None:
        book = _traced("extracted", level="book")
        shown = page(_result(book, replace(_traced("extracted"), levels=("PART ONE",))))
        assert shown.count('<a id="unit-0-3">') == 1 and '## I <a id="unit-0-3">' in shown

    def test_a_sentence_of_the_model_says_how_well_it_is_supported_by_which_words(self) -> None:
        result = _result(_traced("repaired", support=0.61, reasons=("loop",)))
        result.chunks = [CHAPTER]
        assert "*repaired: loop*\n\n1. 0.61 100–109: “Some word”\n" in page(result)

    def test_what_is_quoted_is_no_markup(self) -> None:
        result = _result(_traced("generated"))
        result.chunks = [replace(CHAPTER, text="a *b* <i>")]
        assert "“a \\*b\\* \\<i\\>”" in page(result)

    def test_above_the_chapters_it_leads_to_the_chapter(self) -> None:
        shown = page(_result(_traced("extracted", level="book", title=""), _traced("extracted")))
        assert "¹ [I](#unit-0-3) 100–109" in shown and '## I <a id="unit-0-3"></a>' in shown
        assert shown.index("(#unit-0-3)") < shown.index('id="unit-0-3"')

    def test_a_book_of_which_only_the_first_units_were_read_says_so(self) -> None:
        result = _result(PLAIN)
        result.run |= {"limit": 1, "chunks": 1}
        assert "The first unit only." in page(result)
        result.run["chunks"] = 2
        assert "only" not in page(result)


class TestTable:
    def test_has_the_columns_of_summary_in_order(self) -> None:
        assert report.table([PLAIN]).column_names == columns(Summary)

    def test_has_the_types_of_the_schema(self) -> None:
        named = {"int32": "int", "list<item: ": "array<", "struct<": "struct<", ": ": ":", ", ": ","}
        schema = report.table([]).schema
        types = [str(field.type).replace("element", "item") for field in schema]
        for arrow, spark in named.items():
            types = [told.replace(arrow, spark) for told in types]
        told = ", ".join(f"{field.name} {kind}" for field, kind in zip(schema, types, strict=True))
        assert told == Summary.SCHEMA

    def test_round_trip_through_parquet_keeps_every_value(self, tmp_path: Path) -> None:
        summaries = [
            PLAIN,
            replace(PLAIN, index=1, levels=("PART ONE", "I"), summary="Ünï “code” 🦀"),
            replace(PLAIN, index=2, summary="", error="The text is null.", finish_reason="error"),
            replace(PLAIN, index=3, reasons=("loop",), sentences=(Sentence(0, 12, 0.5, (Origin(3, 4, 9),)),)),
        ]
        _result(*summaries).write(tmp_path)
        rows = pq.read_table(tmp_path / "summaries.parquet").to_pylist()
        assert [_summary(row) for row in rows] == summaries


class TestWrite:
    def test_writes_three_files_and_nothing_else(self, tmp_path: Path) -> None:
        paths = _result(PLAIN).write(tmp_path / "new" / "folder")
        assert [path.name for path in paths] == NAMES
        assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == sorted(NAMES)
        assert json.loads(paths[2].read_text("utf-8"))["model"]["name"] == "tiny"

    def test_replaces_an_earlier_report(self, tmp_path: Path) -> None:
        _result(PLAIN).write(tmp_path)
        _result(replace(PLAIN, summary="Another one.")).write(tmp_path)
        assert "Another one." in (tmp_path / "summaries.md").read_text("utf-8")

    def test_a_failing_rename_leaves_the_earlier_report_and_no_temporary(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _result(PLAIN).write(tmp_path)
        before = {name: (tmp_path / name).read_bytes() for name in NAMES}
        monkeypatch.setattr(os, "replace", _disk_full)
        with pytest.raises(CpullmError, match=r"Cannot write .*No space left on device"):
            _result(replace(PLAIN, summary="Another one.")).write(tmp_path)
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before

    def test_a_full_disk_leaves_no_half_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def half(_table: object, path: Path) -> NoReturn:
            path.write_bytes(b"PAR1 half")
            _disk_full()

        monkeypatch.setattr(pq, "write_table", half)
        with pytest.raises(CpullmError, match="No space left on device") as raised:
            _result(PLAIN).write(tmp_path)
        assert list(tmp_path.iterdir()) == []
        assert "\n" not in str(raised.value)

    def test_a_name_that_is_no_valid_unicode_costs_no_summary(self, tmp_path: Path) -> None:
        """A file's name may hold any bytes; Python reads them as lone surrogates."""
        paths = _result(replace(PLAIN, document_id="caf\udce9", title="")).write(tmp_path)
        assert "A short one." in paths[1].read_text("utf-8")


class TestCheckFolder:
    def test_makes_the_folder_and_leaves_nothing_in_it(self, tmp_path: Path) -> None:
        report.check_folder(tmp_path / "a" / "b")
        assert list((tmp_path / "a" / "b").iterdir()) == []

    def test_a_file_in_its_place_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        for folder in (tmp_path / "file", tmp_path / "file" / "folder"):
            with pytest.raises(OptionError, match=r"Cannot write into .*: .*Choose another folder"):
                report.check_folder(folder)

    def test_a_folder_that_cannot_be_written_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object, **__: object) -> NoReturn:
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(Path, "touch", refuse)  # root may write everywhere, so a mode would not do
        with pytest.raises(OptionError, match="Permission denied"):
            report.check_folder(tmp_path)


def _disk_full(*_: object) -> NoReturn:
    raise OSError(errno.ENOSPC, "No space left on device")
