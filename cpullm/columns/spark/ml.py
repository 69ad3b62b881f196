"""Stages of pyspark.ml: `LLMTransformer` asks a model about each row's text, `LLMEmbedder` gives the text a vector.

Both stand in a `Pipeline` like any other, are saved and loaded with it, and keep nothing but their params: a stage that
is loaded elsewhere finds its model by name or path there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark import keyword_only
from pyspark.ml.functions import array_to_vector
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.sql import functions as sql

from cpullm import columns, tasks
from cpullm.columns import Column
from cpullm.columns.spark.stage import Stage, json_object
from cpullm.errors import OptionError
from cpullm.tasks import Task

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

__all__ = ["LLMEmbedder", "LLMTransformer"]

_BY_RULES_TOO = ("mask", "names")  # more than one question each
# Tasks that are told more than a text, and the param that tells it.
_NEEDS = {"classify": "labels", "extract": "schema", "translate": "language", "answer": "questionCol"}


class LLMTransformer(Stage):
    """A new column with a model's answers about the text of one column, or of several.

    `task` is summarize, sentiment, title, keywords, names, mask, classify (with `labels`), extract (with `schema`),
    translate (with `language`), answer (with `questionCol`), another task's name, the path of a task file, a `Task`,
    or a wording with {text} in it. A task file is read once: the stage holds what it says.
    """

    task: Param[str] = Param(
        Params._dummy(),
        "task",
        "what is asked: a name, a wording with {text}, or a Task as JSON",
        TypeConverters.toString,
    )
    labels: Param[list[str]] = Param(
        Params._dummy(), "labels", "what classify chooses from", TypeConverters.toListString
    )
    schema: Param[str] = Param(
        Params._dummy(), "schema", "the JSON schema of what extract looks for", TypeConverters.toString
    )
    language: Param[str] = Param(
        Params._dummy(), "language", "what translate writes, as German", TypeConverters.toString
    )
    questionCol: Param[str] = Param(
        Params._dummy(), "questionCol", "column with each row's own question, for answer", TypeConverters.toString
    )
    words: Param[int] = Param(Params._dummy(), "words", "about how long a summary is, in words", TypeConverters.toInt)

    @keyword_only
    def __init__(
        self,
        *,
        inputCol: str | None = None,
        inputCols: Sequence[str] | None = None,
        outputCol: str | None = None,
        task: str | Path | Task | None = None,
        labels: Sequence[str] | None = None,
        schema: Mapping[str, Any] | str | None = None,
        language: str | None = None,
        questionCol: str | None = None,
        words: int | None = None,
        errorCol: str | None = None,
        model: str | Path | None = None,
        modelAt: str | None = None,
        options: Mapping[str, Any] | str | None = None,
    ) -> None:
        super().__init__()
        self._told(**self._input_kwargs)

    def setTask(self, value: str | Path | Task) -> Any:
        """What is asked."""
        return self._told(task=value)

    def setLabels(self, value: Sequence[str]) -> Any:
        """What classify chooses from."""
        return self._told(labels=value)

    def setSchema(self, value: Mapping[str, Any] | str) -> Any:
        """What extract looks for, a JSON schema."""
        return self._told(schema=value)

    def setLanguage(self, value: str) -> Any:
        """What translate writes."""
        return self._told(language=value)

    def setQuestionCol(self, value: str) -> Any:
        """The column with each row's question."""
        return self._told(questionCol=value)

    def setWords(self, value: int) -> Any:
        """About how long a summary is."""
        return self._told(words=value)

    def getTask(self) -> str:
        """What is asked: a name, a wording, or a Task as JSON."""
        return str(self.getOrDefault(self.task))

    def _told(self, **params: Any) -> Any:
        if params.get("task") is not None:
            params["task"] = _task_text(params["task"])
        if params.get("schema") is not None:
            params["schema"] = json_object("schema", params["schema"])
        if params.get("labels") is not None:
            params["labels"] = list(params["labels"])
        return super()._told(**params)

    def _column(self, inputs: list[str]) -> Column:
        if not self.isSet(self.task):
            raise OptionError(f"{self.uid} needs task, as 'sentiment'.")
        task = self.getTask()
        needed = _NEEDS.get(task)
        if needed is not None and not self.isSet(self.getParam(needed)):
            raise OptionError(f"{self.uid}: the task {task} needs {needed}.")
        for name, param in _NEEDS.items():
            if name != task and self.isSet(self.getParam(param)):
                raise OptionError(f"{self.uid}: {param} is for the task {name}, and the task is {task}.")
        told = self.getOrDefault(needed) if needed is not None else None
        if self.isSet(self.words):
            if task != "summarize":
                raise OptionError(f"{self.uid}: words is for the task summarize, and the task is {task}.")
            return columns.summarize(inputs, self.getOrDefault(self.words))
        if task == "extract":
            return columns.extract(inputs, json.loads(str(told)))
        if needed is not None:
            return getattr(columns, task)(inputs, told)  # type: ignore[no-any-return]
        if task in _BY_RULES_TOO:
            return getattr(columns, task)(inputs)  # type: ignore[no-any-return]
        return columns.ask(inputs, _task(task))


class LLMEmbedder(Stage):
    """A new column with a vector of length 1 for the text of one column, or of several: what estimators learn from.

    Null, and a text that is empty, have no vector; drop these rows before an estimator that takes none.
    """

    @keyword_only
    def __init__(
        self,
        *,
        inputCol: str | None = None,
        inputCols: Sequence[str] | None = None,
        outputCol: str | None = None,
        errorCol: str | None = None,
        model: str | Path | None = None,
        modelAt: str | None = None,
        options: Mapping[str, Any] | str | None = None,
    ) -> None:
        super().__init__()
        self._told(**self._input_kwargs)

    def _column(self, inputs: list[str]) -> Column:
        return columns.embed(inputs)

    def _transform(self, dataset: DataFrame) -> DataFrame:
        found, output = super()._transform(dataset), self._output()
        quoted = output.replace("`", "``")
        numbers = sql.col(f"`{quoted}`").cast("array<double>")
        return found.withColumn(output, sql.when(numbers.isNotNull(), array_to_vector(numbers)))


def _task_text(task: Any) -> str:
    """The task as a param holds it: a name or wording as it is, a file's or a Task as JSON."""
    if isinstance(task, str) and task.endswith(".ini"):
        task = Path(task)
    if isinstance(task, Path):
        task = tasks.find(task)
    if isinstance(task, Task):
        return json.dumps(asdict(task))
    if not isinstance(task, str):
        raise OptionError(f"task must be a name, a path, a wording with {{text}} or a Task, got {task!r}.")
    if isinstance(_task(task), str) and task not in (*_NEEDS, *_BY_RULES_TOO) and "{text}" not in task:
        tasks.find(task)
    return task


def _task(text: str) -> str | Task:
    """What the param holds, as columns are asked."""
    if not text.startswith('{"'):
        return text
    try:
        return Task(**json.loads(text))
    except (TypeError, ValueError) as error:
        raise OptionError(f"task is no Task as JSON: {error}.") from None
