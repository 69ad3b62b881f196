"""What people try first, as they write it: a sentiment table, files through a pipeline, vectors, a regression."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from cpullm import spark as on_spark
from cpullm import transform
from cpullm.columns import embed, sentiment, title
from cpullm.columns.spark import write_tfrecord

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow
REVIEWS = [
    "I love this product! It works exactly as I hoped.",
    "The service was excellent and the people were friendly.",
    "This is the worst purchase I have ever made.",
    "I am very disappointed, it broke after one day.",
]
MOODS = ["positive", "positive", "negative", "negative"]


def test_a_table_of_four_sentences_has_two_positive_and_two_negative(spark: SparkSession, starter: Path) -> None:
    asked = {"mood": sentiment("review")}
    table = pd.DataFrame({"id": range(4), "review": REVIEWS})
    assert list(transform(table, asked, model=starter, progress=False)["mood"]) == MOODS
    rows = transform(spark.createDataFrame(table), asked, model=starter).collect()
    assert [row.mood for row in sorted(rows, key=lambda row: row.id)] == MOODS


def test_files_in_a_folder_for_each_label_become_features_in_parquet_and_tfrecord(
    spark: SparkSession, starter: Path, tmp_path: Path
) -> None:
    from tfrecord.reader import tfrecord_loader

    texts = {"rain": "It rained all night. The river rose.", "fire": "The mill burned down. Nobody was hurt."}
    for label, text in texts.items():
        (tmp_path / "in" / label).mkdir(parents=True)
        (tmp_path / "in" / label / "a.html").write_text(f"<html><body><p>{text}</p></body></html>")
        (tmp_path / "in" / label / "b.txt").write_text(text)
    (tmp_path / "in" / "fire" / "c.docx").write_bytes(b"no document")
    files = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(str(tmp_path / "in"))
    documents = on_spark.parse_files(files).selectExpr(
        "document_id", "regexp_extract(document_id, '/([^/]+)/[^/]+$', 1) AS label", "text", "error"
    )
    made = transform(documents, {"vector": embed("text"), "headline": title("text")}, model=starter, max_tokens=16)
    made.write.parquet(str(tmp_path / "features"))
    features = spark.read.parquet(str(tmp_path / "features"))
    rows = {Path(row.document_id).name + row.label: row for row in features.collect()}
    assert {name: row.error is None for name, row in rows.items()} == {
        "a.htmlrain": True, "b.txtrain": True, "a.htmlfire": True, "b.txtfire": True, "c.docxfire": False,
    }  # fmt: skip
    assert rows["a.htmlfire"].vector == rows["b.txtfire"].vector != rows["b.txtrain"].vector
    assert all(row.headline for row in rows.values() if row.error is None)
    assert write_tfrecord(features.select("label", "vector").where("vector IS NOT NULL"), tmp_path / "tf") == 4
    read = [one for file in (tmp_path / "tf").glob("part-*") for one in tfrecord_loader(str(file), None)]
    assert sorted(bytes(one["label"]).decode() for one in read) == ["fire", "fire", "rain", "rain"]
    assert {len(one["vector"]) for one in read} == {len(rows["b.txtfire"].vector)}


def test_a_title_and_an_abstract_are_one_vector_per_row(spark: SparkSession, starter: Path, tmp_path: Path) -> None:
    from cpullm.columns.spark.ml import LLMEmbedder

    rows = [("a", "Rain", "It rained all night."), ("b", "Fire", None), ("c", None, None)]
    papers = spark.createDataFrame(rows, "id string, title string, abstract string")
    stage = LLMEmbedder(inputCols=["title", "abstract"], outputCol="vector", model=str(starter))
    stage.transform(papers).write.parquet(str(tmp_path / "vectors"))
    found = {row.id: row.vector for row in spark.read.parquet(str(tmp_path / "vectors")).collect()}
    assert found["a"].size == found["b"].size > 100 and found["c"] is None


def test_a_text_and_a_number_are_features_of_a_regression(spark: SparkSession, starter: Path) -> None:
    from pyspark.ml import Pipeline
    from pyspark.ml.feature import VectorAssembler
    from pyspark.ml.regression import LinearRegression

    from cpullm.columns.spark.ml import LLMEmbedder

    rows = [(REVIEWS[i % 4], float(i), 5.0 * (i % 4 < 2) + i / 10) for i in range(12)]
    table = spark.createDataFrame(rows, "review string, age double, stars double")
    pipeline = Pipeline(
        stages=[
            LLMEmbedder(inputCol="review", outputCol="vector", model=str(starter)),
            VectorAssembler(inputCols=["vector", "age"], outputCol="features"),
            LinearRegression(featuresCol="features", labelCol="stars", regParam=0.01),
        ]
    )
    told = pipeline.fit(table).transform(table).select("stars", "prediction").collect()
    assert max(abs(row.stars - row.prediction) for row in told) < 1.0
