"""Streams: files in, answers out, each row once, also where a query was stopped and started again."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from cpullm import spark as on_spark
from cpullm import worker
from cpullm.columns import sentiment, summarize, transform
from cpullm.columns.transformation import located, transformation, transformed
from cpullm.errors import InputError, OptionError
from cpullm.options import Options
from cpullm.preparing import Chosen

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.slow


def arrive(folder: Path, name: str, text: str) -> None:
    """A file that is moved into the folder whole."""
    folder.mkdir(exist_ok=True)
    draft = folder.parent / f"{name}.draft"
    draft.write_text(text)
    os.replace(draft, folder / name)


def drained(made: DataFrame, folder: Path, **options: Any) -> None:
    """Answer all that is there, into Parquet, by a query that begins where the last one ended."""
    writer = made.writeStream.format("parquet").option("path", str(folder / "out"))
    query = writer.option("checkpointLocation", str(folder / "checkpoint")).trigger(availableNow=True).start()
    assert query.awaitTermination(300)


class TestTexts:
    def test_each_row_is_in_the_output_once_though_a_query_was_killed_in_the_middle(
        self, spark: SparkSession, starter: Path, tmp_path: Path
    ) -> None:
        inbox, out = tmp_path / "in", tmp_path / "out"
        for i in range(6):
            arrive(
                inbox, f"{i}.txt", f"Report {i} is here. The mill burned down.\nReport {i} again. Nobody was hurt.\n"
            )
        # The second micro-batch fails in the middle of its answers, the first time it is tried.
        broken = tmp_path / "broken"

        def fails_once(batches):  # type: ignore[no-untyped-def]
            for batch in batches:
                if any("Report 3" in text.as_py() for text in batch["value"]) and not broken.exists():
                    broken.touch()
                    os._exit(1)
                yield batch

        lines = spark.readStream.format("text").option("maxFilesPerTrigger", 2).load(str(inbox))
        asked = {"short": summarize("value", 5)}
        shaky = transform(lines.mapInArrow(fails_once, lines.schema), asked, model=starter, strategy="coverage")
        with pytest.raises(Exception, match=r"."):
            drained(shaky, tmp_path)
        n_before = spark.read.parquet(str(out)).count()
        arrive(inbox, "6.txt", "Report 6 is late. It rained.\n")
        drained(transform(lines, asked, model=starter, strategy="coverage"), tmp_path)
        found = Counter(row.value for row in spark.read.parquet(str(out)).collect())
        assert 0 < n_before < 13 and broken.exists()
        assert len(found) == 13 and set(found.values()) == {1}
        assert all(row.short for row in spark.read.parquet(str(out)).collect())

    def test_the_engine_stays_from_one_micro_batch_to_the_next(
        self, spark: SparkSession, starter: Path, tmp_path: Path
    ) -> None:
        for i in range(4):
            arrive(tmp_path / "in", f"{i}.txt", "I loved it.\n")
        lines = spark.readStream.format("text").option("maxFilesPerTrigger", 1).load(str(tmp_path / "in"))
        options = Options(n_threads=1)
        chosen = Chosen.of(starter, options, progress=False)
        made = located(transformation(chosen, {"mood": sentiment("value")}, options, "error"), spark, None)

        def watched(batches):  # type: ignore[no-untyped-def]
            for batch in transformed(batches, made.with_engine(on_spark.engine_here(made.engine))):
                told = f"{os.getpid()} {worker._load_seconds}"
                yield pa.record_batch([*batch.columns, pa.array([told])], [*batch.schema.names, "engine"])

        schema = lines.schema.add("mood", "string").add("error", "string").add("engine", "string")
        drained(lines.coalesce(1).mapInArrow(watched, schema), tmp_path)
        rows = spark.read.parquet(str(tmp_path / "out")).collect()
        assert {row.mood for row in rows} == {"positive"} and len(rows) == 4
        # Spark has a worker for each of two CPUs here, and takes them in turn.
        assert len({row.engine for row in rows}) <= 2


class TestFiles:
    def test_documents_of_a_folder_are_read_and_answered_as_they_come(
        self, spark: SparkSession, starter: Path, tmp_path: Path
    ) -> None:
        inbox = tmp_path / "in"
        arrive(inbox, "a.html", "<html><body><p>The mill burned down on Monday. It rained.</p></body></html>")
        arrive(inbox, "b.pdf", "no PDF at all")
        documents = on_spark.stream_files(spark, inbox, files_per_trigger=1)
        made = transform(documents, {"short": summarize("text", 6)}, model=starter, strategy="coverage")
        drained(made, tmp_path)
        arrive(inbox, "c.md", "# Rain\n\nIt rained all day. The river rose.")
        drained(made, tmp_path)
        rows = {Path(row.document_id).name: row for row in spark.read.parquet(str(tmp_path / "out")).collect()}
        assert rows["a.html"].short == "The mill burned down on Monday."
        assert rows["b.pdf"].short is None and "b.pdf" in rows["b.pdf"].error
        assert rows["c.md"].short == "# Rain It rained all day."
        assert len(rows) == 3

    def test_what_spark_read_as_binary_files_becomes_documents(self, spark: SparkSession, tmp_path: Path) -> None:
        arrive(tmp_path / "in", "a.txt", "It rained.")
        found = on_spark.parse_files(spark.read.format("binaryFile").load(str(tmp_path / "in"))).collect()
        assert [(row.text, row.error) for row in found] == [("It rained.", None)]
        assert found[0].document_id.endswith("/in/a.txt")

    def test_a_stream_that_cannot_be_is_refused(self, spark: SparkSession, tmp_path: Path) -> None:
        with pytest.raises(OptionError, match="files_per_trigger must be"):
            on_spark.stream_files(spark, tmp_path, files_per_trigger=0)
        with pytest.raises(InputError, match="cannot be listed by Spark"):
            on_spark.stream_files(spark, tmp_path / "none")
        with pytest.raises(InputError, match="No column 'content'"):
            on_spark.parse_files(spark.range(1).selectExpr("'a' AS path", "id AS length", "now() AS modificationTime"))
