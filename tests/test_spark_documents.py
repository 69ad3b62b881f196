"""Files and tables read and split on real local Spark: rows as `readers` and `splitters` give them, errors as rows."""

from __future__ import annotations

import gzip
import json
import os
import resource
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cpullm import readers, splitters
from cpullm import spark as on_spark
from cpullm.errors import EngineError, InputError, MachineError, OptionError
from cpullm.options import Splitting
from cpullm.records import row
from cpullm.spark import documents, rows

BOOK = "".join(f"CHAPTER {n}\n\n{'The miller sold his boat to Ann. ' * 40}\n\n\n" for n in ("I", "II", "III", "IV"))
HTML = "<html><body><h1>One</h1><p>First text of it.</p><h1>Two</h1><p>Second text of it.</p></body></html>"
NAMES = [
    "a+b%2Bc.txt",
    "a b.txt",
    "100%.txt",
    "x%20y.txt",
    "tür.txt",
    "第一回.txt",
    "#1?.txt",
    "12:30.txt",
    "[x] {y}.txt",
    "back\\slash.txt",
]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A directory of files of several kinds, two of them bad."""
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "book.txt").write_text(BOOK, "utf-8")
    (tmp_path / "deep" / "page.html").write_text(HTML, "utf-8")
    (tmp_path / "deep" / "er" / "packed.txt.gz").write_bytes(gzip.compress(BOOK.encode("utf-16")))
    (tmp_path / "deep" / "table.csv").write_text("id,text\nx,Some words.\ny,\n", "utf-8")
    (tmp_path / "deep" / "broken.epub").write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "empty.txt").touch()
    (tmp_path / ".hidden.txt").write_text(BOOK, "utf-8")
    return tmp_path


def collected(frame: Any) -> list[dict[str, Any]]:
    return sorted((line.asDict() for line in frame.collect()), key=lambda line: (line["document_id"], line["index"]))


def expected(read: list[Any], splitting: Splitting | None = None) -> list[dict[str, Any]]:
    lines = []
    for document in read:
        split = splitters.split(document, splitting)
        extra = {"splitter": split.splitter}
        lines += [
            {"id": chunk.id, **row(chunk), "levels": list(chunk.levels), "words": chunk.words, **extra}
            for chunk in split.chunks
        ]
    return sorted(lines, key=lambda line: (line["document_id"], line["index"]))


@pytest.mark.parametrize("splitting", [None, Splitting("paragraphs", chunk_tokens=100)])
def test_a_directory_gives_the_chunks_of_this_process(spark, library, splitting):
    frame = on_spark.split_files(spark, library, splitting)
    assert frame.columns == list(rows.CHUNK)
    here = expected(list(readers.read_all(library)), splitting)
    assert collected(frame) == here
    assert {line["document_id"] for line in here if line["error"]} == {
        "deep/broken.epub", "deep/table.csv#y", "empty.txt",
    }  # fmt: skip
    assert len([line for line in here if line["document_id"] == "book.txt"]) >= 4


def test_one_file_gets_the_id_that_a_reader_gives_it(spark, library):
    found = collected(on_spark.split_files(spark, library / "book.txt"))
    assert found == expected([readers.read(library / "book.txt")])
    assert found[0]["document_id"] == "book"


def test_one_table_gives_its_own_ids(spark, tmp_path):
    (tmp_path / "t.csv").write_text("key,body\nx,Some words.\ny,More words.\n", "utf-8")
    reading = on_spark.Reading(id_column="key", text_column="body")
    frame = on_spark.read_files(spark, tmp_path / "t.csv", reading)
    assert {(line.document_id, line.text) for line in frame.collect()} == {("x", "Some words."), ("y", "More words.")}


def test_a_glob_takes_the_files_it_matches(spark, library):
    (library / "deep" / "b.txt").write_text(BOOK, "utf-8")
    found = on_spark.read_files(spark, f"{library}/*/*.txt").collect()
    assert [line.document_id for line in found] == ["deep/b.txt"]


@pytest.mark.parametrize("folder", ["plain", "with space", "a,b", "[x] {y}", "ü%41"])
def test_any_name_is_read_and_is_the_id(spark, tmp_path, folder):
    (tmp_path / folder).mkdir()
    for name in NAMES:
        (tmp_path / folder / name).write_text(f"Text of {name}", "utf-8")
    found = on_spark.read_files(spark, tmp_path / folder).collect()
    assert {(line.document_id, line.text, line.error) for line in found} == {(n, f"Text of {n}", None) for n in NAMES}
    one = on_spark.read_files(spark, tmp_path / folder / "[x] {y}.txt").first()
    assert (one.document_id, one.text) == ("[x] {y}", "Text of [x] {y}.txt")


def test_documents_read_keep_their_marks_when_they_are_split_later(spark, library):
    read = on_spark.read_files(spark, library)
    assert read.columns == list(rows.DOCUMENT)
    assert max(len(line.marks) for line in read.collect()) == 2
    assert collected(on_spark.split_documents(read)) == collected(on_spark.split_files(spark, library))


def test_a_file_that_goes_away_or_is_too_large_is_a_row(spark, library):
    (library / "large.txt").write_bytes(BOOK.encode() * 10)
    frame = on_spark.read_files(spark, library, on_spark.Reading(max_bytes=20_000))
    (library / "book.txt").unlink()
    errors = {line.document_id: line.error for line in frame.collect()}
    assert errors["book.txt"] == "book.txt could not be read on an executor (No such file or directory)."
    assert f"large.txt is of {len(BOOK) * 10} bytes, more than max_bytes (20000)" in errors["large.txt"]
    assert errors["deep/page.html"] is None


def test_a_file_the_worker_may_not_open_is_a_row(tmp_path):
    reading = on_spark.Reading()
    (found,) = documents._documents((f"file:{tmp_path}", 5, None), str(tmp_path.parent), False, reading)
    assert found.error is not None
    assert "could not be read on an executor (Is a directory)" in found.error


def test_files_that_only_spark_can_open_are_brought_by_it(spark, library):
    configuration = spark._jsc.hadoopConfiguration()
    configuration.set("fs.viewfs.mounttable.shelf.link./books", library.as_uri())
    (library / "large.txt").write_bytes(BOOK.encode() * 10)
    reading = on_spark.Reading(max_bytes=20_000)
    here = collected(on_spark.split_files(spark, library, reading=reading))
    assert collected(on_spark.split_files(spark, "viewfs://shelf/books", reading=reading)) == here
    assert next(line["error"] for line in here if line["document_id"] == "large.txt")
    one = on_spark.read_files(spark, "viewfs://shelf/books/book.txt").first()
    assert (one.document_id, one.text) == ("book", BOOK)


def test_nothing_is_read_before_rows_are_asked_for(spark, library):
    tracker = spark.sparkContext.statusTracker()
    before = set(tracker.getJobIdsForGroup(None))
    on_spark.split_documents(on_spark.read_files(spark, library))
    frame = on_spark.split_table(spark.range(3).selectExpr("id", "string(id) AS text"))
    assert set(tracker.getJobIdsForGroup(None)) == before
    frame.collect()
    assert set(tracker.getJobIdsForGroup(None)) > before


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nothing", "there is no file or directory .*nothing; check its name"),
        ("void", "there is no file under .*void"),
        ("*.none", "there is no file or directory"),
        ("no://where", 'cannot be listed by Spark .*No FileSystem for scheme "no"'),
        ("", "cannot be listed by Spark"),
    ],
)
def test_a_path_without_files_is_refused_in_one_line(spark, tmp_path, path, message):
    (tmp_path / "void").mkdir()
    with pytest.raises(InputError, match=message) as raised:
        on_spark.split_files(spark, path if ":" in path or not path else f"{tmp_path}/{path}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("max_bytes", [0, 2**31, "5", 1.5, True, None])
def test_a_limit_that_spark_cannot_have_is_refused(max_bytes):
    with pytest.raises(OptionError, match=f"max_bytes must be a whole number from 1 to 2147483647, got {max_bytes!r}"):
        on_spark.Reading(max_bytes=max_bytes)


def test_a_session_that_cannot_list_files_is_refused(tmp_path):
    with pytest.raises(OptionError, match="Spark Connect"):
        on_spark.read_files(object(), tmp_path)  # type: ignore[arg-type]


def test_a_missing_package_on_an_executor_stops_the_job_in_one_line(spark, library):
    def without(_: Any) -> Any:
        raise MachineError("Reading PDF needs the package pypdfium2; install it: pip install 'cpullm[pdf]'.")

    frame = spark.range(1).mapInPandas(lambda batches: map(without, batches), "id long")
    with pytest.raises(MachineError, match=r"^Reading PDF needs .* 'cpullm\[pdf\]'\.$"), on_spark.readable_errors():
        frame.collect()


def test_what_spark_itself_cannot_do_is_one_line_too(spark):
    with pytest.raises(EngineError, match="The Spark job failed: ") as raised, on_spark.readable_errors():
        spark.sql("SELECT raise_error('no')").collect()
    assert "\n" not in str(raised.value)


def test_a_table_gives_the_chunks_of_its_texts_and_bad_rows_say_why(spark):
    table = [("a", BOOK), ("b", None), (None, "Some words."), ("d", "Some more words.")]
    found = collected(
        on_spark.split_table(spark.createDataFrame(table, "`my id` string, `a.b` string"), "my id", "a.b")
    )
    assert {line["document_id"]: line["error"] for line in found} == {
        "a": None, "b": "The text is null.", "": "The id is null.", "d": None,
    }  # fmt: skip
    assert all(BOOK[line["start"] : line["end"]] == line["text"] for line in found if line["document_id"] == "a")
    assert len([line for line in found if line["document_id"] == "a"]) == 1


def test_texts_of_a_table_stay_whole_unless_a_splitting_is_given(spark):
    frame = spark.createDataFrame([("a", BOOK)], "id string, text string")
    assert [line["splitter"] for line in collected(on_spark.split_table(frame))] == ["whole"]
    assert len(collected(on_spark.split_table(frame, splitting=Splitting("chapters")))) == 4


def test_rows_of_a_table_in_a_folder_stay_whole_and_a_books_chapters_do_not(spark, tmp_path):
    (tmp_path / "a#1.txt").write_text(BOOK, "utf-8")
    (tmp_path / "t.jsonl.gz").write_bytes(gzip.compress(json.dumps({"id": "x", "text": BOOK}).encode()))

    def counts(splitting: Splitting | None) -> Counter[str]:
        return Counter(line["document_id"] for line in collected(on_spark.split_files(spark, tmp_path, splitting)))

    assert counts(None) == {"a#1.txt": 4, "t.jsonl.gz#x": 1}
    assert counts(Splitting("chapters")) == {"a#1.txt": 4, "t.jsonl.gz#x": 4}


def test_every_document_of_a_table_gives_a_row(spark):
    table = [("empty", ""), ("blank", " \n "), ("invisible", "\u200b")]
    found = collected(on_spark.split_table(spark.createDataFrame(table, "id string, text string")))
    assert {line["document_id"] for line in found} == {"empty", "blank", "invisible"}
    assert [line["error"] for line in found if line["document_id"] == "blank"] == ["The text is empty."]


def test_a_table_without_the_column_or_of_numbers_is_refused(spark):
    with pytest.raises(InputError, match=r"No column 'text'; there are 'id'\."):
        on_spark.split_table(spark.range(3))
    with pytest.raises(InputError, match="'id' is of type bigint"):
        on_spark.split_table(spark.range(3), "id", "id")


def test_documents_with_a_column_of_another_type_are_refused(spark):
    frame = spark.createDataFrame([("a", "", "text", 3, None, False)], rows.ddl({**rows.DOCUMENT, "marks": "int"}))
    with pytest.raises(InputError, match="'marks' is of type int"):
        on_spark.split_documents(frame)


def test_tables_hold_many_small_rows_or_one_large_one():
    many = [tuple("x" if name == "text" else None for name in rows.DOCUMENT)] * 25_000
    assert [len(table) for table in rows.tables(many, rows.DOCUMENT)] == [10_000, 10_000, 5_000]
    large = [("", "", "x" * (3 << 20), [], None, False)] * 5
    assert [len(table) for table in rows.tables(large, rows.DOCUMENT)] == [2, 2, 1]
    assert list(rows.tables([], rows.DOCUMENT)) == []


def test_a_workers_memory_does_not_grow_with_the_number_of_files(spark, tmp_path):
    def peaks(batches: Any) -> Any:
        time.sleep(0.5)  # so that each of the two workers takes one partition
        for batch in batches:
            yield batch.assign(id=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)

    def peak() -> int:
        return max(line.id for line in spark.range(2, numPartitions=2).mapInPandas(peaks, "id long").collect())

    n_files, megabyte = 150, (BOOK * 200)[: 1 << 20]
    for n in range(n_files):
        (tmp_path / f"{n:03}.txt").write_text(megabyte, "utf-8")
    before = peak()
    read = on_spark.read_files(spark, tmp_path).selectExpr("count(*)", "sum(length(text))").first()
    assert tuple(read) == (n_files, n_files << 20)
    assert peak() - before < 100


def test_a_pipe_among_the_files_is_a_row_with_an_error(spark, tmp_path):
    (tmp_path / "a.txt").write_text("Some text.", encoding="utf-8")
    os.mkfifo(tmp_path / "pipe")
    found = collected(on_spark.split_files(spark, tmp_path))
    assert [(line["document_id"], line["error"] is None) for line in found] == [("a.txt", True), ("pipe", False)]
