"""Corpus hygiene on real local Spark: what goes, what stays, and that neither order nor partitions matter."""

from __future__ import annotations

import random
import sys
import time
from typing import Any

import pandas as pd
import pytest

from cpullm.errors import CpullmError, InputError, MachineError
from cpullm.options import Hygiene
from cpullm.records import Document
from cpullm.spark import hygiene as on_spark
from tests.encoding_table import TEXTS
from tests.test_hygiene import edited, prose

ENGLISH = "The ferry left late that morning, and the baker waved to it from the quay."
GERMAN = "Der Hund schläft im Garten, während die Katze wacht und der Vogel leise singt."
CHINESE = TEXTS["zh"].replace("\n", "")[:120]


def cleaned(spark: Any, rows: list[tuple[Any, ...]], schema: str = "document_id string, text string", **options: Any):
    return on_spark.clean(spark.createDataFrame(rows, schema), Hygiene(**options))


def dropped(result: on_spark.Cleaned) -> dict[str, tuple[str, str | None]]:
    return {row.document_id: (row.reason, row.kept_id) for row in result.report.collect()}


def kept(result: on_spark.Cleaned) -> set[str]:
    return {row.document_id for row in result.kept.collect()}


def test_what_stays_is_in_one_form_and_has_a_language(spark):
    rows = [("a", f"\ufeff{ENGLISH}\u00a0 The \ufb01rst exam-\nple.\x00", 1), ("b", GERMAN, 2)]
    result = cleaned(spark, rows, "document_id string, text string, stars int")
    assert result.kept.columns == ["document_id", "text", "stars", "language"]
    assert sorted(map(tuple, result.kept.collect())) == [
        ("a", f"{ENGLISH} The first example.", 1, "en"),
        ("b", GERMAN, 2, "de"),
    ]
    assert result.report.count() == 0
    assert on_spark.summary_lines(result.report) == ["dropped: no document"]


def test_copies_go_and_the_longest_or_else_the_least_id_stays(spark):
    text = " ".join(prose(1))
    rows = [("c", text), ("b", text), ("d", text.replace(" ", "\n\n", 3)), ("a", text), ("other", ENGLISH)]
    result = cleaned(spark, rows)
    assert kept(result) == {"d", "other"}
    assert dropped(result) == {id_: ("exact duplicate", "d") for id_ in "abc"}
    assert on_spark.summary_lines(result.report) == ["dropped, exact duplicate: 3 documents of 1200 words"]


def test_copies_that_differ_in_white_space_and_hyphenation_go(spark):
    words = prose(2)
    lines = [" ".join(words[i : i + 8]) for i in range(0, 400, 8)]
    broken = "\n".join(line[:-2] + "-\n" + line[-2:] for line in lines)
    result = cleaned(spark, [("a", " ".join(lines)), ("b", "\t" + "\r\n".join(lines)), ("c", broken)])
    assert len(kept(result)) == 1
    assert {reason for reason, _ in dropped(result).values()} == {"exact duplicate"}


def test_near_duplicates_go_and_others_stay(spark):
    n = 60
    rows = []
    for seed in range(n):
        words = prose(seed)
        rows += [
            (f"{seed:02}", " ".join(words)),
            (f"{seed:02} edited", " ".join([*edited(words, 0.01, seed)[:-1], "!"])),
            (f"{seed:02} rewritten", " ".join(edited(words, 0.1, seed))),
        ]
    result = cleaned(spark, rows)
    found = result.report.collect()
    assert all(row.reason == "near duplicate" and 0.8 <= row.similarity <= 1 for row in found)
    assert all({row.document_id, row.kept_id} == {row.kept_id[:2], row.kept_id[:2] + " edited"} for row in found)
    # A hundredth of the words edited leaves a true similarity of about 0.9; the estimate strays by 0.03.
    assert len(found) >= 0.95 * n
    assert result.kept.count() == 3 * n - len(found)


def test_a_chain_keeps_both_ends_that_are_not_similar(spark):
    words = prose(7, 1000)
    chain = [" ".join(prose(8 + i, 100 * i) + words[: 1000 - 100 * i]) for i in range(5)]
    rows = [(str(i), text) for i, text in enumerate(chain)]
    result = cleaned(spark, rows)
    gone = dropped(result)
    assert 0 < len(gone) < 4
    assert all(kept_id not in gone for _, kept_id in gone.values())


def test_the_result_depends_on_neither_order_nor_partitions(spark):
    rows = [(f"{s}-{i}", " ".join(edited(prose(s), 0.01 * (i % 3), i))) for s in range(15) for i in range(8)]
    first = None
    for seed, n_partitions in ((1, 1), (2, 7)):
        random.Random(seed).shuffle(rows)
        frame = spark.createDataFrame(rows, "document_id string, text string").repartition(n_partitions)
        result = on_spark.clean(frame)
        found = sorted(map(tuple, result.report.collect())), sorted(map(tuple, result.kept.collect()))
        assert first is None or found == first
        first = found
    assert first is not None and first[0] and first[1]


@pytest.mark.parametrize("share", [0.0, 0.01])
def test_a_great_many_copies_of_one_text_are_no_trouble(spark, share):
    n = 10_000 if share == 0 else 1_000
    words = prose(3, 60 if share == 0 else 200)
    rows = [(f"{i:05}", " ".join(edited(words, share, i))) for i in range(n)]
    started = time.perf_counter()
    result = cleaned(spark, rows)
    assert result.report.count() > 0.5 * n
    assert (result.report.count() == n - 1) or share
    assert time.perf_counter() - started < 60


def test_chinese_is_tagged_and_compared_by_characters(spark):
    result = cleaned(spark, [("a", CHINESE), ("b", "　　" + CHINESE[:25] + "\n" + CHINESE[25:]), ("c", CHINESE[::-1])])
    assert kept(result) == {"b", "c"}
    assert dropped(result) == {"a": ("near duplicate", "b")}
    assert {row.language for row in result.kept.collect()} == {"zh"}


def test_texts_without_words_are_empty_or_stay(spark):
    rows = [("null", None), ("none", ""), ("blank", " \u200b\n"), ("stars", "* * *"), ("dots", "…"), ("one", "Hello")]
    result = cleaned(spark, rows)
    assert kept(result) == {"stars", "dots", "one"}
    assert dropped(result) == {id_: ("empty", None) for id_ in ("null", "none", "blank")}


def test_other_languages_go_if_asked_for_before_duplicates_are_looked_for(spark):
    rows = [("a", ENGLISH), ("b", GERMAN), ("c", GERMAN), ("d", "4711")]
    assert dropped(cleaned(spark, rows, languages=("en",))) == {id_: ("language", None) for id_ in "bcd"}
    assert dropped(cleaned(spark, rows, languages=("en", "und"))) == {id_: ("language", None) for id_ in "bc"}


def test_documents_with_errors_stay_as_they_are(spark):
    rows = [("a", "", "is damaged"), ("b", "", "is damaged"), ("c", ENGLISH, None), ("d", ENGLISH, None)]
    result = cleaned(spark, rows, "document_id string, text string, error string")
    assert kept(result) == {"a", "b", "c"}
    assert dropped(result) == {"d": ("exact duplicate", "c")}


def test_marks_stay_on_their_headings(spark):
    schema = "document_id string, text string, marks array<struct<start:int,end:int,level:int>>"
    result = cleaned(spark, [("a", f"\u200b\ufb01rst\n\n{ENGLISH}", [(1, 5, 2)])], schema)
    row = result.kept.first()
    assert [(row.text[mark.start : mark.end], mark.level) for mark in row.marks] == [("first", 2)]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", "x"), ("a", "y")], "'a' more than once"),
        ([("a", "x"), (None, "y")], "empty in 1 rows"),
    ],
)
def test_ids_that_are_missing_or_doubled_are_refused(spark, rows, message):
    with pytest.raises(InputError, match=message):
        cleaned(spark, rows)


def test_other_column_names_are_possible_and_wrong_ones_are_named(spark):
    frame = spark.createDataFrame([(1, ENGLISH), (2, ENGLISH)], "`the key` long, `the.body` string")
    result = on_spark.clean(frame, id_column="the key", text_column="the.body")
    assert [row["the key"] for row in result.kept.collect()] == [1]
    with pytest.raises(InputError, match="No column 'document_id', 'text'"):
        on_spark.clean(frame)


@pytest.mark.parametrize(
    ("values", "schema", "message"),
    [
        ((b"x",), "text binary", "Column 'text' is of type binary; give one of type string"),
        ((1,), "text int", "Column 'text' is of type int"),
        (("x", 3), "text string, marks int", "Column 'marks' is of type int"),
        (("x", 3), "text string, error int", "Column 'error' is of type int"),
    ],
)
def test_a_column_of_a_type_that_cannot_be_is_refused(spark, values, schema, message):
    with pytest.raises(InputError, match=message):
        cleaned(spark, [("a", *values)], f"document_id string, {schema}")


def test_a_missing_package_is_told_before_any_job(spark, monkeypatch):
    monkeypatch.setitem(sys.modules, "py3langid", None)
    tracker = spark.sparkContext.statusTracker()
    before = set(tracker.getJobIdsForGroup(None))
    with pytest.raises(MachineError, match="Hygiene needs the package py3langid"):
        on_spark.clean_documents(spark, [Document("a", ENGLISH)])
    assert set(tracker.getJobIdsForGroup(None)) == before


def test_documents_of_this_process_stay_what_they_are_but_for_their_form(spark):
    documents = [
        Document("b", ENGLISH, "Title", row=True),
        Document("a", GERMAN),
        Document("c", "", error="is damaged"),
    ]
    kept, report = on_spark.clean_documents(spark, documents)
    assert (kept, len(report)) == (documents, 0)


def test_what_fails_in_a_job_is_one_line(spark):
    bad = spark.createDataFrame([("a",)], "document_id string").selectExpr("document_id", "raise_error('no') AS text")
    with pytest.raises(CpullmError, match="The Spark job failed: ") as raised:
        on_spark.clean(bad.selectExpr("document_id", "string(text) AS text"))
    assert "\n" not in str(raised.value)


def test_signatures_of_a_component_are_joined_once_and_the_best_drops_what_is_near(monkeypatch):
    joined, signatures = [], on_spark._signatures
    monkeypatch.setattr(on_spark, "_signatures", lambda column: joined.append(1) or signatures(column))
    kinds = ["a" * 10, "a" * 9 + "b", "c" * 10, "c" * 10, "d" * 10]
    table = pd.DataFrame(
        {
            "id": list("54321"),
            "n_characters": 9,
            "words": [1, 2, 3, 4, 5],
            "signature": [k.encode("utf-32-le") for k in kinds],
        }
    )
    found = on_spark._dropped(table, 0.8)
    assert list(found.itertuples(index=False, name=None)) == [
        ("3", "near duplicate", "2", 1.0, 3),
        ("5", "near duplicate", "4", 0.9, 1),
    ]
    assert len(joined) == 1


@pytest.fixture
def many_partitions(spark):
    before = {name: spark.conf.get(name) for name in ("spark.sql.adaptive.enabled", "spark.sql.shuffle.partitions")}
    for name, value in zip(before, ("false", "50"), strict=True):
        spark.conf.set(name, value)
    yield
    for name, value in before.items():
        spark.conf.set(name, value)


def test_a_few_documents_are_a_few_tasks(spark, many_partitions):
    tracker = spark.sparkContext.statusTracker()
    before = set(tracker.getJobIdsForGroup(None))
    words = prose(1)
    documents = [Document(name, " ".join(edited(words, 0.001, n))) for n, name in enumerate("abc")]
    kept, report = on_spark.clean_documents(spark, documents)
    assert (len(kept), len(report)) == (1, 2)
    jobs = [tracker.getJobInfo(job) for job in set(tracker.getJobIdsForGroup(None)) - before]
    stages = [tracker.getStageInfo(stage) for job in jobs for stage in job.stageIds]
    assert 0 < sum(stage.numCompletedTasks for stage in stages if stage) < 30
