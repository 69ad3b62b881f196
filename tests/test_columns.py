"""`transform`: new columns of pandas and Spark tables, typed, with the rest as it was."""

from __future__ import annotations

import datetime
import decimal
import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest

import cpullm
from cpullm import Task, columns, tasks
from cpullm.columns import answer, ask, extract, sentiment, summarize, title, transform
from cpullm.errors import InputError, OptionError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 99},
        "tags": {"type": "array", "items": {"enum": ["old", "young"]}, "maxItems": 2},
    },
    "required": ["name", "age", "tags"],
}
REVIEWS = pd.DataFrame(
    {
        "stars": [5, 1, 3, 4],
        "review": ["A wonderful film, I loved it.", None, " \n", "The worst film of the year. I left early."],
        "question": ["What was loved?", "Who left?", "Why?", None],
    },
    index=[7, 3, 5, 9],
)
# Asks no model, so that most tests are quick.
SHORT = {"short": summarize("review", 8)}


class TestShapes:
    @pytest.mark.parametrize(
        ("schema", "kind"),
        [
            ({"type": "string"}, pa.string()),
            ({"type": ["integer", "null"]}, pa.int64()),
            ({"anyOf": [{"type": "number"}, {"type": "null"}]}, pa.float64()),
            ({"anyOf": [{"type": "number"}, {"type": "string"}]}, pa.string()),
            ({"enum": [1, 2, None]}, pa.int64()),
            ({"enum": [1, "a"]}, pa.string()),
            ({"const": True}, pa.bool_()),
            ({"type": "array", "items": {"$ref": "#/$defs/a"}}, pa.list_(pa.float64())),
            ({"$ref": "#/$defs/loop"}, pa.struct([("next", pa.string())])),
            ({"type": "object"}, pa.string()),
            ({}, pa.string()),
        ],
    )
    def test_a_schema_is_a_type_and_json_text_where_no_column_can_hold_it(
        self, schema: dict[str, Any], kind: pa.DataType
    ) -> None:
        defs = {
            "a": {"type": "number"},
            "loop": {"type": "object", "properties": {"next": {"$ref": "#/$defs/loop"}}},
        }
        whole = {"type": "object", "properties": {"x": schema}, "$defs": defs}
        assert tasks.answer_type(tasks.extract(whole)) == pa.struct([("x", kind)])

    def test_a_schema_changed_later_changes_no_task(self) -> None:
        schema: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}}
        task = tasks.extract(schema)
        schema["properties"]["a"]["type"] = "integer"
        assert tasks.answer_type(task) == pa.struct([("a", pa.string())])

    def test_a_value_has_its_type_and_what_is_missing_is_null(self) -> None:
        task = tasks.extract({"type": "object", "properties": {"n": {"type": "number"}, "x": {}, "s": PERSON}})
        assert tasks.value(task, '{"n": 2, "x": [1, "é"]}') == {"n": 2.0, "x": '[1, "é"]', "s": None}

    def test_a_number_that_no_column_holds_is_said(self) -> None:
        with pytest.raises(ValueError, match="no bigint holds"):
            tasks.value(tasks.extract(PERSON), '{"age": 99999999999999999999}')
        with pytest.raises(ValueError, match="no double holds"):
            tasks.value(tasks.extract({"type": "array", "items": {"type": "number"}}), f"[1{'0' * 400}]")

    def test_answers_about_pieces_give_each_property_the_first_value_and_all_items(self) -> None:
        answers = ['{"name": null, "age": 3, "tags": ["old"]}', '{"name": "Ann", "age": 4, "tags": ["old", "young"]}']
        assert tasks.join(tasks.extract(PERSON), answers) == ['{"name": "Ann", "age": 3, "tags": ["old", "young"]}']


class TestGrounded:
    @pytest.mark.parametrize(
        ("said", "kept", "left_out"),
        [
            ('{"name": "ann lee", "age": 9, "tags": ["old"]}', '{"name": "ann lee", "age": 9, "tags": ["old"]}', []),
            ('{"name": "Mara", "age": 9, "tags": ["old"]}', "null", ["Mara"]),
        ],
    )
    def test_strings_that_the_text_has_not_go_and_judgements_stay(
        self, said: str, kept: str, left_out: list[str]
    ) -> None:
        assert tasks.grounded(tasks.extract(PERSON), said, "Lee, Ann’s aunt") == (kept, left_out)

    def test_items_of_a_list_go_one_by_one(self) -> None:
        task = tasks.extract({"type": "array", "items": {"type": "string"}})
        assert tasks.grounded(task, '["Ann", "Bob", "Åse"]', "ann and A\u030ase") == ('["Ann", "Åse"]', ["Bob"])

    def test_what_a_schema_gives_by_reference_or_among_others_stays(self) -> None:
        mood = {"enum": ["good", "bad"]}
        task = tasks.extract(
            {
                "type": "object",
                "properties": {
                    "mood": {"$ref": "#/$defs/Mood"},
                    "other": {"anyOf": [{"$ref": "#/$defs/Mood"}, {"type": "null"}]},
                    "all": {"type": "array", "items": {"allOf": [{"$ref": "#/$defs/Mood"}]}},
                },
                "$defs": {"Mood": mood},
            }
        )
        said = '{"mood": "good", "other": "bad", "all": ["bad"]}'
        assert tasks.grounded(task, said, "It rained.") == (said, [])

    def test_an_object_stays_if_a_string_in_a_list_of_it_does(self) -> None:
        task = tasks.extract({"type": "object", "properties": {"title": {}, "cast": {"type": "array", "items": {}}}})
        found = tasks.grounded(task, '{"title": "Foo", "cast": ["Ann"]}', "Ann acts.")
        assert found == ('{"title": null, "cast": ["Ann"]}', ["Foo"])

    @pytest.mark.parametrize(
        ("word", "text"),
        [
            ("Italie", "Elle aime l’Italie."),
            ("Ankara", "Ankara'da yaşıyor."),
            ("김철수", "김철수는 왔다."),
            ("東京", "東京に"),
        ],
    )
    def test_a_word_with_an_article_or_ending_at_it_is_known(self, word: str, text: str) -> None:
        task = tasks.extract({"type": "array", "items": {"type": "string"}})
        said = json.dumps([word], ensure_ascii=False)
        assert tasks.grounded(task, said, text) == (said, [])


class TestAsked:
    @pytest.mark.parametrize(
        ("made", "said"),
        [
            (lambda: summarize("a", 3), "words must be from 5"),
            (lambda: sentiment([]), "column must be a column's name"),
            (lambda: sentiment(3), "column must be a column's name"),  # type: ignore[arg-type]
            (lambda: columns.translate("a", "x; drop"), "language must be a language's name"),
            (lambda: extract("a", {"type": "string"}), "of type object or array"),
            (lambda: extract("a", {"type": "object", "properties": {"b": {"enum": {1}}}}), "must be a JSON schema"),
            (lambda: columns.classify("a", []), "labels must be a list of texts"),
            (lambda: answer("a", 3), "question must be the name of the column"),  # type: ignore[arg-type]
        ],
    )
    def test_what_cannot_be_asked_is_refused_at_once(self, made: Any, said: str) -> None:
        with pytest.raises(OptionError, match=said):
            made()

    @pytest.mark.parametrize(
        ("asked", "keywords", "said"),
        [
            ({}, {}, "columns must be names and what is asked"),
            ({"mood": "sentiment"}, {}, "as sentiment"),
            ({"review": sentiment("review")}, {}, "has a column 'review' already"),
            ({"mood": sentiment("text")}, {}, "No column 'text'"),
            ({"error": sentiment("review")}, {}, "name the one for errors with error_column"),
            ({"mood": sentiment("review")}, {"error_column": "stars"}, "'stars' holds 5, which is no text"),
            ({"mood": ask("review", "mood")}, {}, "no task is called 'mood'"),
            ({"mood": ask("review", "{text} {question}")}, {}, "comes with a question"),
            ({"mood": sentiment("stars")}, {}, "'stars' holds 5, which is no text"),
            ({"mood": sentiment("review")}, {"batch": 3}, "no option is called 'batch'"),
        ],
    )
    def test_a_table_and_columns_that_do_not_go_together_are_refused(
        self, starter: Any, asked: Any, keywords: dict[str, Any], said: str
    ) -> None:
        with pytest.raises((InputError, OptionError), match=said):
            transform(REVIEWS, asked, model=starter, progress=False, **keywords)

    def test_what_is_no_table_is_refused(self) -> None:
        with pytest.raises(InputError, match="takes a pandas or Spark DataFrame, got list"):
            transform([1], SHORT)


def test_a_run_has_no_questions_for_its_texts(starter: Any) -> None:
    with pytest.raises(OptionError, match="comes with a question for each text, and a source has none"):
        cpullm.run([cpullm.Document("a", "It rained.")], tasks=[tasks.answer()], model=starter, progress=False)


def test_names_of_fields_are_no_places_of_the_wording() -> None:
    described = {"type": "array", "items": {"type": "string"}, "description": "all {text}\nmerge = x"}
    task = tasks.extract({"type": "object", "properties": {"{question}": {"type": "string"}, "{text}": {}}})
    assert ": question, text. Answer" in task.ask and not task.has_questions
    assert ": all text merge = x. Answer" in tasks.extract(described).ask


def test_a_row_has_each_error_once_with_the_columns_that_have_it(starter: Any) -> None:
    asked = {"a": summarize("t"), "b": columns.names("t"), "c": summarize("t", 9)}
    found = transform(pd.DataFrame({"t": [""]}), asked, model=starter, strategy="coverage", progress=False)
    assert found["error"].iloc[0] == "a, c: The text is empty; nothing was asked of the model."


class TestPandas:
    @pytest.mark.parametrize(
        ("table", "said"),
        [
            (pd.DataFrame({"review": ["It rained.", ["a", "b"]]}), r"holds \['a', 'b'\], which is no text"),
            (
                pd.DataFrame([["It rained.", "", ""]], columns=["review", "error", "error"]),
                "more than one column 'error'",
            ),
        ],
    )
    def test_a_table_that_has_no_texts_is_refused(self, starter: Any, table: pd.DataFrame, said: str) -> None:
        with pytest.raises(InputError, match=said):
            transform(table, SHORT, model=starter, strategy="coverage", progress=False)

    def test_other_columns_rows_their_order_and_index_stay_and_null_stays_null(self, starter: Any) -> None:
        found = transform(REVIEWS, SHORT, model=starter, strategy="coverage", progress=False)
        pd.testing.assert_frame_equal(found[["stars", "review", "question"]], REVIEWS)
        assert list(found["short"]) == [REVIEWS["review"].iloc[0], None, None, "The worst film of the year."]
        assert [error and error[:17] for error in found["error"]] == [None, None, "The text is empty", None]

    def test_several_columns_are_one_text(self, starter: Any) -> None:
        asked = {"short": summarize(["review", "question"], 100)}
        found = transform(REVIEWS, asked, model=starter, strategy="coverage", progress=False)
        texts = ["A wonderful film, I loved it.", "Who left?", "Why?", "The worst film of the year."]
        assert list(found["short"]) == texts

    def test_an_error_column_that_is_there_is_gone_on_with(self, starter: Any) -> None:
        table = pd.DataFrame({"text": ["", "It rained."], "error": ["No PDF.", None]})
        found = transform(table, {"short": summarize("text")}, model=starter, strategy="coverage", progress=False)
        assert list(found.columns) == ["text", "error", "short"]
        assert list(found["error"]) == ["No PDF. The text is empty; nothing was asked of the model.", None]

    def test_a_column_may_have_any_name_and_the_table_given_stays(self, starter: Any) -> None:
        table = pd.DataFrame({"text": ["It rained."]})
        found = transform(table, {"self": summarize("text")}, model=starter, strategy="coverage", progress=False)
        assert list(found["self"]) == ["It rained."] and list(table.columns) == ["text"]

    def test_a_table_without_rows_gets_its_columns(self, starter: Any) -> None:
        found = transform(REVIEWS[:0], SHORT, model=starter, progress=False)
        assert list(found.columns) == [*REVIEWS.columns, "short", "error"] and len(found) == 0

    def test_a_question_for_each_row_and_typed_values(self, starter: Any) -> None:
        asked = {"who": answer("review", "question"), "what": extract("review", PERSON)}
        found = transform(REVIEWS, asked, model=starter, max_tokens=64, progress=False)
        assert isinstance(found["who"].iloc[0], str) and list(found["who"].iloc[1:]) == [None] * 3
        assert found["what"].iloc[0].keys() == {"name", "age", "tags"} and found["what"].iloc[1] is None

    def test_a_long_question_is_that_rows_error_alone(self, starter: Any) -> None:
        table = pd.DataFrame({"text": ["a b c", "d e f"], "q": ["why? " * 300, "Who?"]})
        found = transform(table, {"a": answer("text", "q")}, model=starter, max_tokens=8, progress=False)
        assert found["a"].isna().tolist() == [True, False]
        assert "The question has" in found["error"].iloc[0] and found["error"].iloc[1] is None

    def test_answers_are_those_of_a_run(self, starter: Any) -> None:
        text = "A wonderful film, I loved it."
        found = transform(pd.DataFrame({"t": [text]}), {"x": title("t")}, model=starter, progress=False)
        told = cpullm.run([cpullm.Document("a", text, row=True)], tasks=["title"], model=starter, progress=False)
        assert found["x"].iloc[0] == told.summaries[0].summary


@pytest.mark.slow
class TestSpark:
    def test_a_table_is_answered_as_in_pandas_and_passes_through(self, starter: Any, spark: SparkSession) -> None:
        table = spark.createDataFrame(
            [
                (i, decimal.Decimal("1.5"), datetime.datetime(2020, 1, i + 1), {"a": [1]}, *row)
                for i, row in enumerate(zip(REVIEWS["review"], REVIEWS["question"], strict=True))
            ],
            "id int, price decimal(5,2), at timestamp, more map<string,array<int>>, review string, `question` string",
        ).coalesce(1)
        asked = {
            "short": summarize("review", 8),
            "what": extract("review", PERSON),
            "dead one": ask(
                "review", Task("dies", "{text}\n\nDoes anybody die?", choices=("yes", "no"), join="majority")
            ),
            "who": answer("review", "question"),
        }
        made = transform(table, asked, model=starter, strategy="coverage", max_tokens=48)
        assert made.schema[: len(table.columns)] == table.schema
        assert dict(made.dtypes)["what"] == "struct<name:string,age:bigint,tags:array<string>>"
        rows = [row.asDict(recursive=True) for row in made.collect()]
        assert [{name: row[name] for name in table.columns} for row in rows] == [
            row.asDict(recursive=True) for row in table.collect()
        ]
        here = transform(REVIEWS, asked, model=starter, strategy="coverage", max_tokens=48, progress=False)
        for name in (*asked, "error"):
            assert [row[name] for row in rows] == list(here[name])

    def test_names_may_hold_anything_and_be_twice(self, starter: Any, spark: SparkSession) -> None:
        odd = "a.b `c`"
        table = spark.sql("SELECT 1 AS n, 2 AS n, 'It rained.' AS x, '' AS error").withColumnRenamed("x", odd)
        made = transform(table, {"s.t `u`": summarize(odd)}, model=starter, strategy="coverage")
        assert made.columns == ["n", "n", odd, "error", "s.t `u`"]
        assert [tuple(row) for row in made.collect()] == [(1, 2, "It rained.", None, "It rained.")]

    def test_a_column_that_spark_takes_for_another_is_refused(self, starter: Any, spark: SparkSession) -> None:
        with pytest.raises(InputError, match="'Error' and 'error' are the same"):
            transform(spark.sql("SELECT 'a' AS review, '' AS Error"), SHORT, model=starter, strategy="coverage")

    def test_small_arrow_batches_are_answered_together(
        self, starter: Any, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "3")
        try:
            table = spark.range(20).selectExpr("id", "concat('Row ', id, ' stands here.') AS review").coalesce(1)
            found = transform(table, SHORT, model=starter, strategy="coverage").collect()
        finally:
            spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")
        assert [(row.id, row.short) for row in found] == [(i, f"Row {i} stands here.") for i in range(20)]

    def test_a_column_that_is_no_text_is_refused_before_any_work(self, starter: Any, spark: SparkSession) -> None:
        with pytest.raises(InputError, match="'id' is of type bigint; cast it"):
            transform(spark.range(2), {"short": summarize("id")}, model=starter)
