"""What all tests share: a clean environment, the starter model, one Spark session."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# A loaded machine is slow, which is no failure.
hypothesis.settings.register_profile("cpullm", deadline=None, max_examples=60)
hypothesis.settings.load_profile("cpullm")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests reaches them."""
    for name in list(os.environ):
        if name.startswith(("CPULLM_", "HF_", "HUGGINGFACE_")):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def no_tuning(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What `cpullm tune` found on this machine changes no test."""
    from cpullm.tune import store

    monkeypatch.setattr(store, "path", lambda: tmp_path_factory.getbasetemp() / "tuned.json")


@pytest.fixture(scope="session")
def starter() -> Path:
    """The starter model's file, fetched if need be; a machine that cannot have it fails these tests."""
    from cpullm import catalog, installed

    return catalog.resolve_model(installed.STARTER, progress=False).path.resolve()


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """A real session of two workers with one CPU each, adaptive execution on as it is by default."""
    from pyspark.sql import SparkSession

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        session = (
            SparkSession.builder.master("local[2]")
            .appName("cpullm-tests")
            .config("spark.task.cpus", "1")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.sql.adaptive.enabled", "true")
            .getOrCreate()
        )
        yield session
        session.stop()
