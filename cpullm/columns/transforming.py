"""`transform`: new columns of a pandas or Spark DataFrame, its other columns, its rows and their order as they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpullm import embedding, readers, worker
from cpullm.columns.column import Column
from cpullm.columns.spark import frames
from cpullm.columns.transformation import located, transformation
from cpullm.errors import InputError, OptionError
from cpullm.installed import default_model
from cpullm.options import Options
from cpullm.preparing import Chosen

if TYPE_CHECKING:
    import pandas as pd


def transform(
    frame: Any,
    columns: Mapping[str, Column],
    *,
    model: str | Path | None = None,
    error_column: str = "error",
    model_at: str | None = None,
    progress: bool = True,
    **options: Any,
) -> Any:
    """The frame with new columns: what `cpullm.columns` asks of its texts, as {"mood": sentiment("review"), …}.

    A pandas DataFrame is answered here and now. A Spark DataFrame, also a streaming one, is answered by its executors
    when its rows are asked for, each partition by one task; other columns, rows and their order stay as they are. Null
    stays null. A row that cannot be answered has nulls, and says why in `error_column`, which is null for the others;
    one that the frame has is gone on with. `model_at` is where executors find the model themselves: a path of every
    host, or a URI. Further keywords are the fields of `Options`. Raises CpullmError.
    """
    spark = frame.sparkSession if hasattr(frame, "mapInArrow") else None
    if spark is None and not hasattr(frame, "iloc"):
        raise InputError(f"transform takes a pandas or Spark DataFrame, got {type(frame).__name__}.")
    _check_names(list(frame.columns), columns, error_column)
    chosen = Chosen.of(model or default_model(), Options.of(options), progress=progress)
    made = transformation(chosen, columns, Options.of(options), error_column)
    made = replace(made, goes_on=error_column in frame.columns)
    readers.check_columns(list(frame.columns), *made.inputs)
    made = located(made, spark, model_at)
    if spark is not None:
        return frames.answered(frame, made)
    try:
        found = made.values(lambda name: _texts(frame, name), progress=progress)
    finally:
        embedding.close()
        worker.close()
    import pandas as pd

    new = frame.copy()
    for name, values in found.items():
        new[name] = pd.Series(values, index=frame.index, dtype=object)
    return new


def _check_names(there: list[str], columns: Mapping[str, Column], error_column: str) -> None:
    if not isinstance(columns, Mapping) or not columns:
        raise OptionError(
            f"columns must be names and what is asked, as {{'mood': sentiment('review')}}, got {columns!r}."
        )
    for name, column in columns.items():
        if not isinstance(name, str) or not name or not isinstance(column, Column):
            raise OptionError(
                f"columns must be names and what is asked, as sentiment('review'), got {name!r}: {column!r}."
            )
        if name in there:
            raise InputError(f"the table has a column {name!r} already; give the new one another name.")
    if error_column in columns:
        raise OptionError(f"columns has one called {error_column!r}; name the one for errors with error_column.")


def _texts(frame: pd.DataFrame, name: str) -> list[str | None]:
    """A column's texts; None for what pandas holds for null."""
    import pandas as pd

    found: list[str | None] = []
    for text in frame[name]:
        if not isinstance(text, str) and not (pd.api.types.is_scalar(text) and pd.isna(text)):
            raise InputError(f"Column {name!r} holds {text!r}, which is no text; make it text first.")
        found.append(text if isinstance(text, str) else None)
    return found
