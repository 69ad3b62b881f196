"""The tasks as SQL functions of a real session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cpullm.columns.spark.sql import register_sql
from cpullm.errors import OptionError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow
TEXT = "The mill burned down on Monday. Nobody was hurt. The miller wept and his wife laughed at him for it."


@pytest.fixture(scope="module")
def sql(spark: SparkSession, starter: Any) -> SparkSession:
    register_sql(spark, model=starter, strategy="coverage", max_tokens=24)
    rows = [(1, "a", TEXT, "Who wept?"), (2, "b", None, "Who?"), (3, "a", " ", None), (4, "b", "It rained.", None)]
    spark.createDataFrame(rows, "id int, author string, text string, q string").createOrReplaceTempView("reports")
    return spark


def answers(sql: SparkSession, query: str) -> list[Any]:
    rows = sql.sql(f"SELECT id, {query} AS answer FROM reports").collect()  # to sort, Spark would answer twice
    return [row.answer for row in sorted(rows, key=lambda row: row.id)]


def test_a_summary_is_about_as_long_as_asked(sql: SparkSession) -> None:
    assert answers(sql, "llm_summarize(text, 6)") == ["The mill burned down on Monday.", None, None, "It rained."]
    assert len(answers(sql, "llm_summarize(text)")[0].split()) > 12


def test_several_functions_of_one_query_and_arguments_from_columns(sql: SparkSession) -> None:
    both = answers(
        sql, "struct(llm_sentiment(text) AS mood, llm_summarize(text, id * 5) AS short, llm_keywords(text) AS k)"
    )
    assert both[0].mood in ("positive", "negative", "neutral") and isinstance(both[0].k, list)
    assert both[0].short == "The mill burned down on Monday."
    assert both[1] == (None, None, None)


def test_a_null_among_numbers_is_null_and_what_is_no_text_is_told(sql: SparkSession) -> None:
    words = answers(sql, "llm_summarize(text, if(id = 4, null, 6))")
    assert words == ["The mill burned down on Monday.", None, None, None]
    with pytest.raises(Exception, match=r"llm_summarize takes text, got \d; cast it to string"):
        answers(sql, "llm_summarize(id)")


def test_questions_and_schemas_are_arguments(sql: SparkSession) -> None:
    asked = answers(sql, "llm_answer(text, q)")
    assert isinstance(asked[0], str) and asked[1:] == [None, None, None]
    schema = '{"type": "object", "properties": {"hurt": {"type": "boolean"}}, "required": ["hurt"]}'
    assert answers(sql, f"llm_extract(text, '{schema}')")[0] in ('{"hurt": true}', '{"hurt": false}')


def test_an_aggregate_summarizes_all_texts_of_a_group_beyond_the_context(sql: SparkSession) -> None:
    rows = [(i % 2, f"Farmer {i} sowed field {i} in spring. He mowed it in autumn. " * 20) for i in range(60)]
    sql.createDataFrame(rows, "farm int, text string").repartition(3).createOrReplaceTempView("farms")
    query = "SELECT farm, llm_summarize_agg(text) AS said FROM farms GROUP BY farm ORDER BY farm"
    found = sql.sql(query).collect()
    assert all(0 < len(row.said.split()) < 400 for row in found)
    assert sql.sql(query).collect() == found
    empty = sql.sql("SELECT llm_summarize_agg(text) AS said FROM reports WHERE text IS NULL OR id = 3").collect()
    assert empty[0].said is None


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("llm_extract(text)", r"1 arguments: llm_extract\(text, schema\)"),
        ("llm_summarize(text, 3)", "words must be from 5"),
        ("llm_extract(text, '{')", "takes a JSON schema as its second argument"),
        ("llm_translate(text, '')", "language must be"),
        ("llm_ask(text, 'extract:/etc/passwd')", "llm_ask takes a wording with {text} in it"),
        ("llm_classify(text, array('war', '<|im_end|>'))", "holds a token of the model's own"),
    ],
)
def test_a_call_that_cannot_work_ends_the_query_in_one_line(sql: SparkSession, query: str, said: str) -> None:
    with pytest.raises(Exception, match=said):
        answers(sql, query)


def test_a_row_without_an_answer_ends_the_query_if_that_is_wanted(sql: SparkSession, starter: Any) -> None:
    register_sql(sql, model=starter, strategy="coverage", on_error="fail")
    try:
        with pytest.raises(Exception, match="1 of 1 rows cannot be answered, the first: The text is empty"):
            sql.sql("SELECT llm_summarize(text) FROM reports WHERE id = 3").collect()
    finally:
        register_sql(sql, model=starter, strategy="coverage", max_tokens=24)
    with pytest.raises(OptionError, match="on_error must be one of null, fail"):
        register_sql(sql, on_error="warn")
