"""Sources of every kind become documents, each cut as its kind is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from cpullm import corpus
from cpullm.errors import InputError, OptionError
from cpullm.options import Hygiene, Splitting
from cpullm.records import Document, Mark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BOOK = "CHAPTER I\n\nThe clock told no time.\n\n\nCHAPTER II\n\nThe boats came home by it.\n"
MARKS = (Mark(0, 4, 1),)


def ids(source: Any, splitting: Splitting | None = None, limit: int | None = None, **columns: str) -> list[str]:
    return [chunk.id for chunk in corpus.read(source, **columns).chunks(splitting, limit)]


def test_a_file_is_cut_into_its_chapters(tmp_path: Path) -> None:
    path = tmp_path / "quay.txt"
    path.write_text(BOOK, encoding="utf-8")
    assert ids(path) == ids(str(path)) == ["quay/0", "quay/1"]


def test_a_folder_is_read_with_everything_below_it(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "quay.txt").write_text(BOOK, encoding="utf-8")
    (tmp_path / "rows.csv").write_text(f'id,text\na,"{BOOK}"\n', encoding="utf-8")
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.4 nothing")
    read = dict((document.id, split) for document, split in corpus.read(tmp_path).splits())
    assert [chunk.error is None for split in read.values() for chunk in split.chunks] == [False, True, True, True]
    assert [(id_, split.splitter) for id_, split in read.items()] == [
        ("bad.pdf", "whole"), ("more/quay.txt", "chapters"), ("rows.csv#a", "whole"),
    ]  # fmt: skip


@pytest.mark.parametrize("source", [Document("a", BOOK), [Document("a", BOOK)]])
def test_documents_are_cut(source: Any) -> None:
    assert ids(source) == ["a/0", "a/1"]


def test_rows_stay_whole_unless_a_splitter_is_named() -> None:
    table = pd.DataFrame({"id": ["a"], "text": [BOOK]})
    assert ids(table) == ["a/0"]
    assert ids(table, Splitting("chapters")) == ["a/0", "a/1"]


def test_a_tables_file_is_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f'key,body\na,"{BOOK}"\nb,Short.\n', encoding="utf-8")
    assert ids(path, id_column="key", text_column="body") == ["a/0", "b/0"]
    assert ids(path, text_column="body") == ["1/0", "2/0"]


def test_the_limit_counts_the_body_and_keeps_the_front_matter_before_it() -> None:
    document = Document("a", f"A Book\n\n\n{BOOK}")
    assert ids(document, Splitting("auto"), 1) == ["a/0", "a/1"]
    assert ids(document, Splitting("auto")) == ["a/0", "a/1", "a/2"]


@pytest.mark.parametrize("source", [3, [3], {"a": BOOK}])
def test_what_is_no_source_is_refused(source: Any) -> None:
    with pytest.raises(InputError, match="A source is a book's name or path"):
        corpus.read(source)


def test_no_rows_are_refused() -> None:
    with pytest.raises(InputError, match="nothing to summarize"):
        corpus.read([]).chunks()


def test_hygiene_needs_a_session() -> None:
    with pytest.raises(OptionError, match="hygiene runs on Spark"):
        corpus.read(Document("a", BOOK)).cleaned(None, Hygiene())


def test_hygiene_keeps_the_order_and_reports_what_went(spark: SparkSession) -> None:
    texts = {"b": f"{BOOK}\n", "a": "Another text.", "c": BOOK, "d": ""}
    documents = [Document(id_, text, marks=MARKS) for id_, text in texts.items()]
    kept, dropped = corpus.read(documents).cleaned(spark, Hygiene())
    assert [(document.id, document.marks) for document in kept.documents] == [("b", MARKS), ("a", MARKS)]
    rows = dropped.sort_values("document_id")[["document_id", "reason", "kept_id"]].to_numpy().tolist()
    assert rows == [["c", "exact duplicate", "b"], ["d", "empty", None]]
