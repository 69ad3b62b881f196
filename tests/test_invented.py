"""The independent checker finds what summaries name and their text has not."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.invented import Text, check, main, misses

BOOK = "CHAPTER I\n\nAnna Pávlovna met twelve Russians in 1805.\n\nCHAPTER II\n\n"
SECOND = len(BOOK)
BOOK += "Pierre won 3,600 rubles of Mr. Dólokhov.\n"


def row(summary: str, level: str = "chapter", start: int = 11, end: int = SECOND - 14) -> dict[str, object]:
    return {
        "document_id": "book", "level": level, "index": 0, "levels": ("Part One",), "title": "CHAPTER I",
        "start": start, "end": end, "summary": summary,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("summary", "missing"),
    [
        ("Then Anna met Kuragin.", ["Kuragin"]),
        ("In 1806 she met 3,700.", ["1806", "3,700"]),
        ("She met thirteen of them, with Mr. Morio.", ["thirteen", "Morio"]),
        ("She, Denísov-Birionik, came.", ["Denísov", "Birionik"]),
        ("However, he won. Overall, “Nobody lost,” I think.", []),
        ("He met Pavlovna’s Russia and the twelfth of 12 with 3600 rubles.", []),
    ],
)
def test_capitalised_words_and_numbers_that_the_text_has_not_are_found(summary: str, missing: list[str]) -> None:
    assert list(misses(summary, Text(BOOK))) == missing


def test_a_chapters_summary_is_held_against_the_chapter_and_its_headings() -> None:
    assert [miss for _, miss in check([row("In Part One she met Pierre.")], BOOK)] == ["Pierre"]
    assert check([row("In Part One she met Pierre.", "book")], BOOK + "Part One") == []


def test_the_command_prints_each_and_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book = tmp_path / "book.txt"
    book.write_text(BOOK, encoding="utf-8")
    table = tmp_path / "summaries.parquet"
    pd.DataFrame([row("She met Pierre."), row("She met Anna.")]).to_parquet(table)
    assert main([str(table), str(book)]) == 1
    assert capsys.readouterr().out == "book chapter 0: Pierre\n1 invented in 1 of 2 summaries\n"
    pd.DataFrame([row("She met Anna.")]).to_parquet(table)
    assert main([str(table), str(book)]) == 0
    assert main([]) == 2
