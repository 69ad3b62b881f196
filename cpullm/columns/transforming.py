"""`transform`: new columns of a pandas or Spark DataFrame, its other columns, its rows and their order as they were."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import regex

from cpullm import readers, tasks, worker
from cpullm.columns.answering import Answer, answers
from cpullm.columns.column import Column
from cpullm.errors import InputError, OptionError
from cpullm.installed import default_model
from cpullm.job import EngineOptions
from cpullm.options import Options
from cpullm.placement import placed
from cpullm.plan import Setup
from cpullm.preparing import Chosen, setup

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame, SparkSession

_JOINT = "\n\n"  # between the texts of several columns
# Rows of neighbouring Arrow batches that are answered together, so that the engine is full.
LEAST_ROWS = 256
_LEAST_CHARACTERS = 1 << 20


@dataclass(frozen=True, slots=True)
class Asked:
    """All that is asked about one text: the new columns with their columns of questions, in the tasks' order."""

    columns: tuple[str, ...]
    setup: Setup
    outputs: tuple[tuple[str, str | None], ...]


def _with_setup(asked: Asked, setup: Setup) -> Asked:
    return replace(asked, setup=setup)


@dataclass(frozen=True, slots=True)
class Transformation:
    """What becomes of a table, as executors are told it."""

    asked: tuple[Asked, ...]
    outputs: Mapping[str, pa.DataType]
    error_column: str
    goes_on: bool = False  # an error column that the table has

    @property
    def engine(self) -> EngineOptions:
        """The engine that answers, the same for all, with room for all."""
        engines = [one.setup.job.engine for one in self.asked]
        return replace(engines[0], n_ctx=max(engine.n_ctx for engine in engines))

    def with_engine(self, engine: EngineOptions) -> Transformation:
        """The same, answered by this engine."""
        setups = [replace(one.setup, job=replace(one.setup.job, engine=engine)) for one in self.asked]
        return replace(self, asked=tuple(map(_with_setup, self.asked, setups)))

    @property
    def inputs(self) -> list[str]:
        """The columns that are read for their texts."""
        read = [name for one in self.asked for name in (*one.columns, *(q for _, q in one.outputs if q is not None))]
        return list(dict.fromkeys(read))

    @property
    def fields(self) -> list[pa.Field]:
        """The new columns."""
        told = {} if self.goes_on else {self.error_column: pa.string()}
        return [pa.field(name, kind) for name, kind in {**self.outputs, **told}.items()]

    def values(self, column: Callable[[str], Sequence[str | None]], *, progress: bool = False) -> dict[str, list[Any]]:
        """The new columns' values, in their order, from the texts of the columns that are read."""
        found: dict[str, list[Answer]] = {}
        for one in self.asked:
            texts = _joined([column(name) for name in one.columns])
            names = [asked.task.name for asked in one.setup.tasks]
            questions = {
                name: column(question)
                for name, (_, question) in zip(names, one.outputs, strict=True)
                if question is not None
            }
            told = answers(one.setup, texts, questions, progress=progress)
            found.update({output: given for (output, _), given in zip(one.outputs, told, strict=True)})
        values = {name: [one.value for one in found[name]] for name in self.outputs}
        rows = zip(*([(name, one.error) for one in found[name]] for name in self.outputs), strict=True)
        errors = [_told(row) for row in rows]
        if self.goes_on:
            both = zip(column(self.error_column), errors, strict=True)
            errors = [" ".join(filter(None, pair)) or None for pair in both]
        return {**values, self.error_column: errors}


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
    readers.check_columns(list(frame.columns), *made.inputs)
    made = located(replace(made, goes_on=error_column in frame.columns), spark, model_at)
    if spark is not None:
        return _on_spark(frame, made)
    try:
        found = made.values(lambda name: _texts(frame, name), progress=progress)
    finally:
        worker.close()
    import pandas as pd

    new = {name: pd.Series(found[name], index=frame.index, dtype=object) for name in found}
    return frame.assign(**new)


def transformation(
    chosen: Chosen, columns: Mapping[str, Column], options: Options, error_column: str
) -> Transformation:
    """The columns' tasks as this model is asked them, those about one text together. Raises OptionError."""
    found = {name: _task(name, column, chosen, i) for i, (name, column) in enumerate(columns.items())}
    by_text: dict[tuple[Any, ...], list[str]] = {}
    for name, column in columns.items():  # what is asked about smaller pieces is asked apart
        by_text.setdefault((column.columns, found[name].window_tokens), []).append(name)
    with chosen.vocabulary() as vocabulary:
        asked = [
            Asked(
                texts,
                setup(chosen, [found[name] for name in names], options, vocabulary),
                tuple((name, columns[name].question) for name in names),
            )
            for (texts, _), names in by_text.items()
        ]
    outputs = {name: tasks.answer_type(task) for name, task in found.items()}
    return Transformation(tuple(asked), outputs, error_column)


def _task(name: str, column: Column, chosen: Chosen, i: int) -> tasks.Task:
    """The column's task, called as the column is as far as a task can be."""
    entry = chosen.model.entry
    task = tasks.find(column.task, entry.wording if entry else "")
    if task.has_questions != (column.question is not None):
        wants = (
            "comes with a question: take columns.answer" if task.has_questions else "has no {question} in its wording"
        )
        raise OptionError(f"the task of column {name!r} {wants}.")
    named = regex.sub(r"[^\w-]", "_", name)
    return replace(task, name=named if named == name else f"{named}-{i}", words=column.words or task.words)


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


def located(made: Transformation, spark: SparkSession | None, model_at: str | None) -> Transformation:
    """The transformation where it is to run, its engine's model on the way there. What cannot fit is refused."""
    from cpullm import spark as on_spark

    made = made.with_engine(made.engine)
    asked = max((one.setup for one in made.asked), key=lambda setup: setup.job.needs_engine)
    engine = placed(asked, spark, model_at).job.engine
    return made.with_engine(engine if spark is None else on_spark.shipped(spark, engine))


def _on_spark(frame: DataFrame, made: Transformation) -> DataFrame:
    from pyspark.sql.pandas.types import from_arrow_type
    from pyspark.sql.types import StructField, StructType

    from cpullm import spark as on_spark

    kinds = dict(frame.dtypes)
    for name in [*made.inputs, *([made.error_column] if made.goes_on else [])]:
        if kinds[name] != "string":
            raise InputError(f"Column {name!r} is of type {kinds[name]}; cast it to string first.")
    schema = StructType([*frame.schema.fields, *(StructField(f.name, from_arrow_type(f.type)) for f in made.fields)])

    def answered(batches):  # type: ignore[no-untyped-def] # Spark reads type hints, and would look for these on executors
        return transformed(batches, made.with_engine(on_spark.engine_here(made.engine)))

    return frame.mapInArrow(answered, schema)


def transformed(batches: Iterable[pa.RecordBatch], made: Transformation) -> Iterator[pa.RecordBatch]:
    """Arrow batches with the new columns; small ones are answered together."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(one.num_rows for one in held) >= LEAST_ROWS or sum(one.nbytes for one in held) >= _LEAST_CHARACTERS:
            yield from _with_columns(held, made)
            held = []
    if held:
        yield from _with_columns(held, made)


def _with_columns(batches: list[pa.RecordBatch], made: Transformation) -> Iterator[pa.RecordBatch]:
    from cpullm import spark as on_spark

    table = pa.Table.from_batches(batches)
    with on_spark.turn():
        found = made.values(lambda name: table[name].to_pylist())
    for field in made.fields:
        table = table.append_column(field, pa.array(found[field.name], field.type))
    if made.goes_on:
        place = table.schema.get_field_index(made.error_column)
        table = table.set_column(place, table.field(place), pa.array(found[made.error_column], table.field(place).type))
    yield from table.combine_chunks().to_batches()


def _texts(frame: pd.DataFrame, name: str) -> list[str | None]:
    """A column's texts; None for what pandas holds for null."""
    import pandas as pd

    found: list[str | None] = []
    for text in frame[name]:
        if not isinstance(text, str) and not pd.isna(text):
            raise InputError(f"Column {name!r} holds {text!r}, which is no text; make it text first.")
        found.append(text if isinstance(text, str) else None)
    return found


def _joined(columns: Sequence[Sequence[str | None]]) -> list[str | None]:
    """Each row's texts, those that are there, a blank line between them."""
    rows = ([text for text in row if text is not None] for row in zip(*columns, strict=True))
    return [_JOINT.join(row) if row else None for row in rows]


def _told(errors: Sequence[tuple[str, str | None]]) -> str | None:
    """A row's errors in one line: once if all columns have the same."""
    told = [(name, error) for name, error in errors if error is not None]
    if len({error for _, error in told}) == 1 and len(told) == len(errors):
        return told[0][1]
    return " ".join(f"{name}: {error}" for name, error in told) or None
