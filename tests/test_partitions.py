"""Keys that Spark deals out one to a partition."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpullm.spark import partitions


@pytest.mark.parametrize(("number", "hashed"), [(0, 933211791), (1, -559580957), (2, 1765031574), (3, -1823081949)])
def test_numbers_are_hashed_as_spark_does(number: int, hashed: int) -> None:
    assert partitions.spark_hash(number) == hashed


def test_spark_itself_agrees(spark: Any) -> None:
    rows = spark.range(2000).selectExpr("cast(id as int) as number", "hash(cast(id as int)) as hashed").collect()
    assert all(partitions.spark_hash(row.number) == row.hashed for row in rows)


@given(st.integers(1, 400))
def test_every_partition_gets_one_key(n: int) -> None:
    keys = partitions.keys(n)
    assert [partitions.spark_hash(key) % n for key in keys] == list(range(n))


def test_groups_lie_one_to_a_partition_in_their_order(spark: Any) -> None:
    rows = [(key, place) for place, key in enumerate(partitions.keys(24)) for _ in range(place % 3 + 1)]
    frame = spark.createDataFrame(rows, "place int, group int").repartition(24, "place")
    found = frame.rdd.glom().map(lambda part: {row.group for row in part}).collect()
    assert found == [{place} for place in range(24)]
