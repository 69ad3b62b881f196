"""TFRecord files: every row an Example, read back by another reader."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cpullm.columns.spark.tfrecord import write_tfrecord
from cpullm.errors import InputError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow


def test_every_row_is_an_example_and_null_is_a_feature_that_is_not_there(spark: SparkSession, tmp_path: Path) -> None:
    from pyspark.sql import functions
    from tfrecord.reader import tfrecord_loader

    rows = [(i, f"é{i}", 0.5 * i, [f"a{i}", "b"], [1.0, float(i)], True) for i in range(7)] + [
        (9, None, None, [], None, False)
    ]
    kinds = "id int, text string, score double, tags array<string>, vector array<float>, ok boolean"
    frame = spark.createDataFrame(rows, kinds).withColumn("a.b", functions.lit(1)).repartition(3)
    assert write_tfrecord(frame, tmp_path / "out") == 8
    names = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert names == ["_SUCCESS", "part-00000.tfrecord", "part-00001.tfrecord", "part-00002.tfrecord"]
    found = [one for name in names[1:] for one in tfrecord_loader(str(tmp_path / "out" / name), None)]
    by_id = {int(one["id"][0]): one for one in found}
    assert (
        sorted(by_id) == [*range(7), 9]
        and all(one["a.b"][0] == 1 for one in found)
        and by_id[9].keys() & {"text", "score", "vector"} == set()
    )
    assert (
        bytes(by_id[3]["text"]).decode() == "é3" and list(by_id[3]["vector"]) == [1.0, 3.0] and by_id[3]["ok"][0] == 1
    )


def test_a_folder_that_is_full_and_a_type_that_no_example_holds_are_refused(
    spark: SparkSession, tmp_path: Path
) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(InputError, match="is there already, and not empty"):
        write_tfrecord(spark.range(1), tmp_path)
    with pytest.raises(InputError, match="'s' is of type struct<a:int>"):
        write_tfrecord(spark.sql("SELECT struct(1 AS a) AS s"), tmp_path / "out")
    with pytest.raises(InputError, match="more than one column 'a'"):
        write_tfrecord(spark.sql("SELECT 1 AS a, 2 AS a"), tmp_path / "out")
    with pytest.raises(InputError, match="a list with a null in it"):
        write_tfrecord(spark.sql("SELECT array(1, NULL) AS s"), tmp_path / "out")
