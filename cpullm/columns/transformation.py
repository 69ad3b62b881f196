"""What becomes of a table: its texts answered, column by column, wherever its rows are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from cpullm import worker
from cpullm.columns.answering import Answer
from cpullm.columns.asked import Asked, apart, asked_of
from cpullm.columns.column import Column
from cpullm.job import EngineOptions
from cpullm.options import Options
from cpullm.placement import placed
from cpullm.preparing import Chosen

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Rows of neighbouring Arrow batches that are answered together, so that the engine is full.
LEAST_ROWS = 256
_LEAST_CHARACTERS = 1 << 20


@dataclass(frozen=True, slots=True)
class Transformation:
    """What becomes of a table, as executors are told it."""

    asked: tuple[Asked, ...]
    names: tuple[str, ...]
    error_column: str
    goes_on: bool = False  # an error column that the table has

    @property
    def engine(self) -> EngineOptions:
        """The engine that answers, the same for all, with room for all."""
        engines = [one.setup.job.engine for one in self.asked]
        first = min(engines, key=lambda engine: engine.embeds)  # that for vectors takes what it needs of it
        return replace(first, n_ctx=max(engine.n_ctx for engine in engines if engine.embeds == first.embeds))

    def with_engine(self, engine: EngineOptions) -> Transformation:
        """The same, answered by this engine."""
        return replace(self, asked=tuple(one.with_engine(engine) for one in self.asked))

    @property
    def inputs(self) -> list[str]:
        """The columns that are read for their texts."""
        told = [self.error_column] if self.goes_on else []
        return list(dict.fromkeys([*(name for one in self.asked for name in one.inputs), *told]))

    @property
    def fields(self) -> list[pa.Field]:
        """The new columns."""
        kinds = {name: kind for one in self.asked for name, kind in one.outputs.items()}
        told = {} if self.goes_on else {self.error_column: pa.string()}
        return [pa.field(name, kind) for name, kind in {**{name: kinds[name] for name in self.names}, **told}.items()]

    def values(self, column: Callable[[str], Sequence[str | None]], *, progress: bool = False) -> dict[str, list[Any]]:
        """The new columns' values, in their order, from the texts of the columns that are read."""
        found: dict[str, list[Answer]] = {}
        for one in self.asked:
            found.update(one.answers(column, progress=progress))
        values = {name: [one.value for one in found[name]] for name in self.names}
        rows = zip(*([(name, one.error) for one in found[name]] for name in self.names), strict=True)
        errors = [_told(row) for row in rows]
        if self.goes_on:
            both = zip(column(self.error_column), errors, strict=True)
            errors = [" ".join(filter(None, pair)) or None for pair in both]
        return {**values, self.error_column: errors}


def transformation(
    chosen: Chosen, columns: Mapping[str, Column], options: Options, error_column: str
) -> Transformation:
    """The columns' tasks as this model is asked them, those about one text together. Raises OptionError."""
    together: dict[tuple[Any, ...], dict[str, Column]] = {}
    for name, column in columns.items():
        together.setdefault((column.columns, apart(column)), {})[name] = column
    vocabulary = worker.vocabulary(str(chosen.model.path.resolve()))
    asked = [asked_of(chosen, members, options, vocabulary) for members in together.values()]
    asked.sort(key=lambda one: one.setup.job.engine.embeds)  # these take the weights that the others have loaded
    return Transformation(tuple(asked), tuple(columns), error_column)


def located(made: Transformation, spark: SparkSession | None, model_at: str | None) -> Transformation:
    """The transformation where it is to run, its engine's model on the way there. What cannot fit is refused."""
    from cpullm import spark as on_spark

    made = made.with_engine(made.engine)
    setups = [one.setup for one in made.asked]  # those that need no engine, or one for vectors alone, come last
    asked = max(setups, key=lambda setup: (setup.job.needs_engine, not setup.job.engine.embeds))
    engine = placed(asked, spark, model_at).job.engine
    return made.with_engine(engine if spark is None else on_spark.shipped(spark, engine))


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


def _told(errors: Sequence[tuple[str, str | None]]) -> str | None:
    """A row's errors in one line, each once, with the columns that have it unless all do."""
    told: dict[str, list[str]] = {}
    for name, error in errors:
        if error is not None:
            told.setdefault(error, []).append(name)
    if any(len(names) == len(errors) for names in told.values()):
        return next(iter(told))
    return " ".join(f"{', '.join(names)}: {error}" for error, names in told.items()) or None
