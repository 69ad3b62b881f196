"""The tasks as SQL functions: `register_sql(spark)`, then `SELECT llm_sentiment(review) FROM reviews`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpullm import worker
from cpullm.columns import column
from cpullm.columns.column import Column
from cpullm.columns.transformation import LEAST_ROWS, Transformation, located, transformation
from cpullm.errors import InputError, OptionError
from cpullm.installed import default_model
from cpullm.job import EngineOptions
from cpullm.options import Options
from cpullm.plan import JOINT
from cpullm.preparing import Chosen

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_TEXT, _QUESTION, _ANSWER, _ERROR = "text", "question", "answer", "error"
ON_ERROR = ("null", "fail")
_N_ARGUMENTS = 64  # of which it is remembered what they ask


@dataclass(frozen=True, slots=True)
class Function:
    """A SQL function: the type of its answers, what it asks about a text by its further arguments, how many these are.

    With `has_questions` the argument after the text is the row's own question.
    """

    type: str
    column: Callable[..., Column]
    least: int = 0
    most: int = 0
    has_questions: bool = False
    arguments: str = "text"

    def usage(self, name: str) -> str:
        """How it is called."""
        return f"{name}({self.arguments})"


Row = tuple[Any, ...]
_VECTOR, AGGREGATE = "llm_embed", "llm_summarize_agg"


def _extract(text: str, schema: str) -> Column:
    try:
        return column.extract(text, json.loads(schema))
    except (TypeError, ValueError) as error:
        raise OptionError(f"llm_extract takes a JSON schema as its second argument: {error}.") from None


def _ask(text: str, wording: str) -> Column:
    if "{text}" not in str(wording):  # no file's name: a query reads no files of executors
        raise OptionError(f"llm_ask takes a wording with {{text}} in it, got {wording!r}.")
    return column.ask(text, wording)


FUNCTIONS = {
    "llm_summarize": Function("string", column.summarize, 0, 1, arguments="text[, words]"),
    "llm_sentiment": Function("string", column.sentiment),
    "llm_classify": Function("string", column.classify, 1, 1, arguments="text, labels"),
    "llm_mask": Function("string", column.mask),
    _VECTOR: Function("array<float>", column.embed),
    "llm_title": Function("string", column.title),
    "llm_keywords": Function("array<string>", column.keywords),
    "llm_names": Function("array<struct<text:string,kind:string,start:int,end:int>>", column.names),
    "llm_extract": Function("string", _extract, 1, 1, arguments="text, schema"),
    "llm_translate": Function("string", column.translate, 1, 1, arguments="text, language"),
    "llm_answer": Function(
        "string", lambda text: column.answer(text, _QUESTION), has_questions=True, arguments="text, question"
    ),
    "llm_ask": Function("string", _ask, 1, 1, arguments="text, wording"),
}


def register_sql(
    spark: SparkSession,
    *,
    model: str | Path | None = None,
    on_error: str = "null",
    model_at: str | None = None,
    progress: bool = True,
    **options: Any,
) -> list[str]:
    """Make the tasks SQL functions of the session; their names.

    `llm_sentiment(text)`, `llm_summarize(text, 30)`, … (`FUNCTIONS`), and the aggregate `llm_summarize_agg(text)`: one
    summary of all texts of a group. Null gives null. What cannot be answered gives null, or, with `on_error` "fail",
    ends the query. An embedding model gives `llm_embed` alone. Keywords are as in `transform`. Raises CpullmError.
    """
    from cpullm.engine.embedding import is_embedding

    if on_error not in ON_ERROR:
        raise OptionError(f"on_error must be one of {', '.join(ON_ERROR)}, got {on_error!r}.")
    settings = Options.of(options)
    chosen = Chosen.of(model or default_model(), settings, progress=progress)
    vectors_alone = is_embedding(worker.vocabulary(str(chosen.model.path.resolve())))
    # The tasks that take most room: an engine that has it serves all.
    largest = {"short": column.summarize(_TEXT), "other": column.translate(_TEXT, "German")}
    columns = {"vector": column.embed(_TEXT)} if vectors_alone else largest
    asked = located(transformation(chosen, columns, settings, _ERROR), spark, model_at)
    how = _How(chosen, asked.engine, settings, on_error == "fail")
    functions = {_VECTOR: FUNCTIONS[_VECTOR]} if vectors_alone else FUNCTIONS
    made = {name: _scalar(name, function, how) for name, function in functions.items()}
    if not vectors_alone:
        made[AGGREGATE] = _aggregate(how)
    for name, function in made.items():
        spark.udf.register(name, function)
    return list(made)


@dataclass(frozen=True, slots=True)
class _How:
    """What executors are told of the model and the engine."""

    chosen: Chosen
    engine: EngineOptions
    options: Options
    fails: bool

    def transformation(self, asked: Column) -> Transformation:
        """One column as this executor is to answer it."""
        from cpullm import spark as on_spark

        engine = on_spark.engine_here(self.engine)
        model = replace(self.chosen.model, path=Path(engine.model))
        chosen = replace(self.chosen, model=model, setting=engine.setting)
        made = transformation(chosen, {_ANSWER: asked}, self.options, _ERROR)
        return made.with_engine(replace(engine, n_ctx=max(engine.n_ctx, made.engine.n_ctx)))

    def answers(self, made: Transformation, columns: Mapping[str, Sequence[str | None]]) -> list[Any]:
        """The values, None where there is none."""
        from cpullm import spark as on_spark

        with on_spark.turn():
            found = made.values(lambda name: columns[name])
        errors = [error for error in found[_ERROR] if error is not None]
        if errors and self.fails:
            raise InputError(f"{len(errors)} of {len(found[_ERROR])} rows cannot be answered, the first: {errors[0]}")
        return found[_ANSWER]


def _scalar(name: str, function: Function, how: _How) -> Any:
    import pandas as pd

    def answered(batches):  # type: ignore[no-untyped-def] # its hints are put there below, as Spark reads them
        @lru_cache(_N_ARGUMENTS)
        def made(arguments: Row) -> Transformation:
            return how.transformation(function.column(_TEXT, *arguments))

        for rows in _together(batches):
            yield pd.Series(_answered(name, function, how, made, rows), dtype=object)

    answered.__annotations__ = {"batches": Iterator[pd.Series], "return": Iterator[pd.Series]}
    return _pandas_udf(answered, function.type)


def _answered(
    name: str, function: Function, how: _How, made: Callable[[Row], Transformation], rows: list[Row]
) -> list[Any]:
    """The rows' answers: those with the same further arguments together."""
    n_given = len(rows[0]) - 1 - function.has_questions
    if not function.least <= n_given <= function.most:
        raise InputError(
            f"{name} is called with {n_given + 1 + function.has_questions} arguments: {function.usage(name)}"
        )
    for one in (value for row in rows for value in row[: 1 + function.has_questions]):
        if one is not None and not isinstance(one, str):
            raise InputError(f"{name} takes text, got {one!r}; cast it to string: {function.usage(name)}")
    found: list[Any] = [None] * len(rows)
    for arguments, places in _alike(rows, 1 + function.has_questions).items():
        if None in arguments:
            continue
        columns = {_TEXT: [rows[i][0] for i in places], _QUESTION: [rows[i][-1] for i in places]}
        for i, value in zip(places, how.answers(made(arguments), columns), strict=True):
            is_text = value is None or isinstance(value, str) or function.type != "string"
            found[i] = value if is_text else json.dumps(value, ensure_ascii=False)
    return found


def _aggregate(how: _How) -> Any:
    """A group's texts as one, so that short ones share windows; in sorted order, for Spark's is another each time."""
    import pandas as pd

    made: list[Transformation] = []

    def answered(texts):  # type: ignore[no-untyped-def] # as above
        there = sorted(text for text in texts if text is not None)
        if not made:
            made.append(how.transformation(column.summarize(_TEXT)))
        return how.answers(made[0], {_TEXT: [JOINT.join(there) if there else None]})[0]

    answered.__annotations__ = {"texts": pd.Series, "return": str}
    return _pandas_udf(answered, "string")


def _pandas_udf(function: Any, kind: str) -> Any:
    from pyspark.sql.pandas import functions

    untyped: Any = functions  # its types know no function whose hints come later
    return untyped.pandas_udf(function, kind)


def _together(batches: Iterable[Any]) -> Iterator[list[Row]]:
    """The rows of neighbouring batches, enough to keep an engine full; a batch is a column, or several."""
    held: list[Row] = []
    for batch in batches:
        columns = batch if isinstance(batch, tuple) else (batch,)
        held += zip(*(map(_plain, column) for column in columns), strict=True)
        if len(held) >= LEAST_ROWS:
            yield held
            held = []
    if held:
        yield held


def _plain(value: Any) -> Any:
    """A value as the functions of `cpullm.columns` take it, and hashable."""
    if hasattr(value, "tolist"):  # numpy's arrays and numbers
        value = value.tolist()
    if isinstance(value, float):  # whole numbers, where pandas has a null among them
        return None if math.isnan(value) else int(value) if value.is_integer() else value
    if isinstance(value, dict):
        value = list(value.items())
    return tuple(value) if isinstance(value, list) else value


def _alike(rows: Sequence[Row], n_first: int) -> dict[tuple[Any, ...], list[int]]:
    """The places of the rows by all but their first values."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for i, row in enumerate(rows):
        found.setdefault(tuple(row[n_first:]), []).append(i)
    return found
