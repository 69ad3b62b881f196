"""The stages of pyspark.ml in a real session."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import LogisticRegression
from pyspark.ml.clustering import KMeans
from pyspark.ml.regression import LinearRegression
from pyspark.sql import functions as sql

from cpullm import Task, columns, tasks
from cpullm.columns.spark.ml import LLMEmbedder, LLMTransformer
from cpullm.errors import InputError, OptionError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.slow
ROWS = [
    (1, "Rain", "The river rose and the cellar was full of water.", 0.0),
    (2, "Goal", "The team won the match and the crowd sang.", 1.0),
    (3, "Flood", "Water stood in all the streets after the storm.", 0.0),
    (4, "Cup", "The players won the cup in the last minute.", 1.0),
    (5, "Hail", "Hail broke the windows and the storm took the roof.", 0.0),
    (6, "Race", "She won the race and the crowd sang for the team.", 1.0),
    (7, None, None, 1.0),
]
UNTUNED = {"tuned": False}  # as the tests' own process, which another does not know
LOADED = """
import json, sys
from pyspark.ml import PipelineModel
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
found = PipelineModel.load(sys.argv[1]).transform(spark.read.parquet(sys.argv[2])).collect()
found.sort(key=lambda row: row.id)
print("FOUND", json.dumps([[row.mood, row.features and row.features.toArray().tolist()] for row in found]))
spark.stop()
"""


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(ROWS, "id int, title string, body string, label double").coalesce(1)


@pytest.fixture(scope="module")
def vectors(rows: DataFrame, starter: Path, tmp_path_factory: pytest.TempPathFactory) -> DataFrame:
    """A vector for each row, of its title and body, written and read again."""
    path = str(tmp_path_factory.mktemp("vectors") / "vectors.parquet")
    stage = LLMEmbedder(inputCols=["title", "body"], outputCol="features", model=starter, options=UNTUNED)
    stage.transform(rows).write.parquet(path)
    return rows.sparkSession.read.parquet(path)


def _embedder(**params: Any) -> LLMEmbedder:
    return LLMEmbedder(**{"inputCol": "body", "outputCol": "features", **params})


def _transformer(**params: Any) -> LLMTransformer:
    return LLMTransformer(**{"inputCol": "body", "outputCol": "answer", **params})


class TestVectors:
    def test_the_new_column_may_have_any_name(self, rows: DataFrame, starter: Path) -> None:
        made = _embedder(outputCol="a.b `c`", model=starter, options=UNTUNED).transform(rows)
        assert made.columns == [*rows.columns, "a.b `c`", "error"]

    def test_a_row_has_one_vector_of_title_and_body_and_null_has_none(self, vectors: DataFrame) -> None:
        found = {row.id: row for row in vectors.collect()}
        assert vectors.columns == ["id", "title", "body", "label", "features", "error"]
        assert [found[i].features.size for i in range(1, 7)] == [576] * 6
        assert all(abs(found[i].features.norm(2) - 1) < 1e-5 for i in range(1, 7))
        assert found[7].features is None and found[7].error is None

    def test_they_are_those_of_a_pandas_table(self, vectors: DataFrame, starter: Path) -> None:
        frame = vectors.select("id", "title", "body").where("id < 4").toPandas()
        here = columns.transform(frame, {"v": columns.embed(["title", "body"])}, model=starter, progress=False)
        found = {row.id: row.features.toArray() for row in vectors.where("id < 4").collect()}
        assert all(np.array_equal(found[i], vector) for i, vector in zip(here.id, here.v, strict=True))

    def test_estimators_learn_from_them(self, vectors: DataFrame) -> None:
        data = vectors.where("features IS NOT NULL").cache()
        classifier = LogisticRegression(maxIter=20).fit(data)
        assert [row.prediction for row in classifier.transform(data).collect()] == [0.0, 1.0] * 3
        clusters = KMeans(k=2, seed=1).fit(data).transform(data)
        assert {row.prediction for row in clusters.collect()} == {0, 1}
        fitted = LinearRegression(regParam=0.01).fit(data).transform(data)
        assert all(abs(row.prediction - row.label) < 0.5 for row in fitted.collect())
        data.unpersist()

    def test_they_are_written_to_delta_as_arrays(self, vectors: DataFrame, tmp_path: Path) -> None:
        deltalake = pytest.importorskip("deltalake")
        from pyspark.ml.functions import vector_to_array

        table = vectors.withColumn("features", vector_to_array("features", "float32")).where("error IS NULL AND id < 7")
        pages = tmp_path / "pages"
        table.write.parquet(str(pages))
        import pyarrow.dataset

        deltalake.write_deltalake(str(tmp_path / "delta"), pyarrow.dataset.dataset(str(pages)).to_table())
        found = deltalake.DeltaTable(str(tmp_path / "delta")).to_pyarrow_table()
        assert len(found) == 6 and len(found["features"][0]) == 576


class TestPipelines:
    def test_one_that_is_saved_says_the_same_in_another_process(
        self, spark: SparkSession, rows: DataFrame, starter: Path, tmp_path: Path
    ) -> None:
        stages = [
            LLMTransformer(inputCol="body", outputCol="mood", task="sentiment", model=str(starter), options=UNTUNED),
            _embedder(model=starter, options=UNTUNED),
        ]
        pipeline = PipelineModel(stages)
        pipeline.save(str(tmp_path / "pipeline"))
        some = rows.where("id IN (1, 2, 7)")
        some.write.parquet(str(tmp_path / "rows"))
        here = [
            [row.mood, row.features and row.features.toArray().tolist()]
            for row in sorted(pipeline.transform(some).collect(), key=lambda row: row.id)
        ]
        command = [sys.executable, "-c", LOADED, str(tmp_path / "pipeline"), str(tmp_path / "rows")]
        told = subprocess.run(command, capture_output=True, text=True, timeout=300)
        (line,) = [line for line in told.stdout.splitlines() if line.startswith("FOUND ")] or [told.stderr]
        assert json.loads(line.removeprefix("FOUND ")) == here
        assert here[0][0] in ("positive", "negative", "neutral") and here[2] == [None, None]

    def test_one_that_is_fitted_is_saved_and_loaded(self, rows: DataFrame, starter: Path, tmp_path: Path) -> None:
        data = rows.where("body IS NOT NULL")
        fitted = Pipeline(stages=[_embedder(model=starter), LogisticRegression(maxIter=5)]).fit(data)
        fitted.save(str(tmp_path / "fitted"))
        loaded = PipelineModel.load(str(tmp_path / "fitted"))
        assert [row.prediction for row in loaded.transform(data).collect()] == [0.0, 1.0] * 3


class TestParams:
    def test_all_params_are_saved_and_loaded(self, tmp_path: Path) -> None:
        schema = {"type": "object", "properties": {"won": {"type": "boolean"}}}
        stage = _transformer(task="extract", schema=schema, options={"max_tokens": 30}, errorCol="why", model="m")
        stage.setModelAt("/models/m.gguf").setOutputCol("won")
        stage.save(str(tmp_path / "stage"))
        loaded = LLMTransformer.load(str(tmp_path / "stage"))
        assert loaded.uid == stage.uid
        assert {p.name: v for p, v in loaded.extractParamMap().items()} == {
            p.name: v for p, v in stage.extractParamMap().items()
        }
        assert loaded.getOptions() == {"max_tokens": 30} and json.loads(loaded.getOrDefault("schema")) == schema
        assert "JSON schema" in stage.explainParams()

    def test_a_task_file_is_read_once_and_carried(self, tmp_path: Path) -> None:
        path = tmp_path / "colour.ini"
        path.write_text("[task]\nabout = colours\nask = {text}\nchoices = red, blue\njoin = majority\n")
        expected = tasks.find(path)
        stage = _transformer(task=path)
        path.unlink()
        assert Task(**json.loads(stage.getTask())) == expected

    def test_answers_about_several_columns_and_questions(self, rows: DataFrame, starter: Path) -> None:
        stage = LLMTransformer(
            inputCols=["title", "body"], outputCol="short", task="summarize", words=6, options={"strategy": "coverage"}
        ).setModel(starter)
        short = {row.id: row.short for row in stage.transform(rows).collect()}
        assert short[7] is None and len(short[1].split()) < 14
        colours = _transformer(task="classify", labels=["weather", "sport"], model=starter)
        found = colours.transform(rows.where("id < 3")).collect()
        assert {row.answer for row in found} <= {"weather", "sport"}

    @pytest.mark.parametrize(
        ("params", "told"),
        [
            ({"inputCol": None, "task": "sentiment"}, "takes inputCol or inputCols, and none is given"),
            ({"inputCols": ["title"], "task": "sentiment"}, "takes inputCol or inputCols, and both are given"),
            ({"outputCol": None, "task": "sentiment"}, "needs outputCol"),
            ({}, "needs task"),
            ({"task": "classify"}, "the task classify needs labels"),
            ({"task": "answer"}, "the task answer needs questionCol"),
            ({"task": "sentiment", "labels": ["a", "b"]}, "labels is for the task classify"),
            ({"task": "sentiment", "words": 8}, "words is for the task summarize"),
            ({"task": "sentiment", "inputCol": "text"}, "No column 'text'; there are 'id', 'title'"),
            ({"task": "answer", "questionCol": "q"}, "No column 'q'"),
            ({"task": "sentiment", "outputCol": "title"}, "has a column 'title' already"),
            ({"task": "sentiment", "inputCol": "label"}, "cast it to string"),
            ({"task": "sentiment", "model": "nowhere"}, "no model is called 'nowhere'"),
        ],
    )
    def test_what_cannot_work_is_said_before_any_row_is_read(
        self, rows: DataFrame, params: dict[str, Any], told: str
    ) -> None:
        from cpullm.errors import CpullmError

        with pytest.raises(CpullmError, match=told):
            _transformer(**params).transform(rows)

    @pytest.mark.parametrize(
        ("params", "told"),
        [
            ({"task": "nonsense"}, "no task is called 'nonsense'"),
            ({"task": 3}, "task must be a name"),
            ({"task": '{"name": "a"}'}, "task is no Task as JSON"),
            ({"task": "extract", "schema": "no json"}, "schema must be a JSON object"),
            ({"options": {"nothing": 1}}, "nothing"),
            ({"options": "[1]"}, "options must be a JSON object"),
        ],
    )
    def test_a_bad_param_is_refused_as_it_is_set(self, spark: SparkSession, params: dict[str, Any], told: str) -> None:
        with pytest.raises(OptionError, match=told):
            _transformer(**params)

    def test_an_unknown_param_is_named(self, spark: SparkSession) -> None:
        with pytest.raises(OptionError, match="has no param 'inputcol'; there are"):
            _embedder().setParams(inputcol="body")

    def test_a_missing_column_is_an_input_error(self, rows: DataFrame) -> None:
        with pytest.raises(InputError, match="No column 'text'"):
            _embedder(inputCol="text").transform(rows.select(sql.col("id"), sql.col("body")))
