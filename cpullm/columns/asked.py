"""What is asked about the texts of one column, or of several joined, as one model is asked it; and its answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import regex

from cpullm import embedding, masking, tasks
from cpullm.columns.answering import Answer, answers
from cpullm.columns.column import Column, Embed, Mask, Named
from cpullm.columns.masking import private
from cpullm.errors import OptionError
from cpullm.job import EngineOptions
from cpullm.options import Options
from cpullm.plan import JOINT, Setup
from cpullm.preparing import Chosen, setup

if TYPE_CHECKING:
    from cpullm.engine.llama import LlamaModel

_NAMES = pa.list_(pa.struct([("text", pa.string()), ("kind", pa.string()), ("start", pa.int32()), ("end", pa.int32())]))
Texts = Callable[[str], Sequence[str | None]]


@dataclass(frozen=True, slots=True)
class Asked:
    """Columns read, and the new ones, by their names, with what each asks of a text."""

    setup: Setup
    columns: Mapping[str, Column]

    @property
    def inputs(self) -> list[str]:
        """The columns that are read."""
        read = [(*column.columns, *filter(None, [column.question])) for column in self.columns.values()]
        return list(dict.fromkeys(name for names in read for name in names))

    @property
    def outputs(self) -> dict[str, pa.DataType]:
        """The new columns' types."""
        kinds = [tasks.answer_type(asked.task) for asked in self.setup.tasks]
        return dict(zip(self.columns, kinds, strict=True))

    def with_engine(self, engine: EngineOptions) -> Asked:
        """The same, answered by this engine."""
        return replace(self, setup=replace(self.setup, job=replace(self.setup.job, engine=engine)))

    def texts(self, texts: Texts) -> list[str | None]:
        """Each row's text; None if no column has one."""
        first = next(iter(self.columns.values()))
        return _joined([texts(name) for name in first.columns])

    def answers(self, texts: Texts, *, progress: bool) -> dict[str, list[Answer]]:
        """The new columns' values."""
        named = zip(self.setup.tasks, self.columns.values(), strict=True)
        questions = {asked.task.name: texts(column.question) for asked, column in named if column.question is not None}
        told = answers(self.setup, self.texts(texts), questions, progress=progress)
        return dict(zip(self.columns, told, strict=True))


@dataclass(frozen=True, slots=True)
class Private(Asked):
    """What rules and the model find in a text: blotted out, or its names told."""

    @property
    def outputs(self) -> dict[str, pa.DataType]:
        """Texts, and lists of names."""
        return {
            name: _NAMES if isinstance(column.task, Named) else pa.string() for name, column in self.columns.items()
        }

    def answers(self, texts: Texts, *, progress: bool) -> dict[str, list[Answer]]:
        """Masked texts have as many signs as before. Null stays null, and an empty text has nothing in it."""
        found = self.texts(texts)
        there = [text for text in found if text is not None]
        spans = iter(private(self.setup, there, progress=progress))
        pairs = [None if text is None else (text, next(spans)) for text in found]
        return {
            name: [Answer(None) if pair is None else Answer(_told(column, *pair)) for pair in pairs]
            for name, column in self.columns.items()
        }


def _told(column: Column, text: str, spans: list[masking.Private]) -> Any:
    if isinstance(column.task, Mask):
        return masking.masked(text, spans)
    return [
        {"text": text[one.start : one.end], "kind": one.kind, "start": one.start, "end": one.end}
        for one in spans
        if one.kind in masking.KINDS.values()
    ]


@dataclass(frozen=True, slots=True)
class Embedded(Asked):
    """A text as a vector, by an engine of its own on the same model."""

    @property
    def outputs(self) -> dict[str, pa.DataType]:
        """Numbers."""
        return {name: pa.list_(pa.float32()) for name in self.columns}

    def with_engine(self, engine: EngineOptions) -> Embedded:
        """The same by this engine's model and threads."""
        own = self.setup.job.engine
        setting = replace(own.setting, n_threads=engine.setting.n_threads)
        engine = replace(engine, n_ctx=own.n_ctx, setting=setting, embeds=True)
        return replace(self, setup=replace(self.setup, job=replace(self.setup.job, engine=engine)))

    def answers(self, texts: Texts, *, progress: bool) -> dict[str, list[Answer]]:
        """Null stays null; an empty text has no vector."""
        found = [Answer(one.value, one.error) for one in embedding.vectors(self.setup, self.texts(texts))]
        return dict.fromkeys(self.columns, found)


def asked_of(chosen: Chosen, columns: Mapping[str, Column], options: Options, vocabulary: LlamaModel) -> Asked:
    """What is asked together, as this model is asked it. Raises OptionError."""
    if all(isinstance(column.task, (Mask, Named)) for column in columns.values()):
        return Private(setup(chosen, [tasks.naming()], options, vocabulary), columns)
    if all(isinstance(column.task, Embed) for column in columns.values()):
        return Embedded(embedding.setup(chosen, options, vocabulary), columns)
    found = [_task(name, column, chosen, i) for i, (name, column) in enumerate(columns.items())]
    return Asked(setup(chosen, found, options, vocabulary), columns)


def apart(column: Column) -> object:
    """What is asked of a text together has this in common: the kind of answer, and how long the pieces are."""
    if isinstance(column.task, (Mask, Named)):
        return Private
    if isinstance(column.task, Embed):
        return Embedded
    return tasks.find(column.task).window_tokens


def _task(name: str, column: Column, chosen: Chosen, i: int) -> tasks.Task:
    """The column's task, called as the column is as far as a task can be."""
    assert not isinstance(column.task, (Mask, Named, Embed))
    entry = chosen.model.entry
    task = tasks.find(column.task, entry.wording if entry else "")
    if task.has_questions != (column.question is not None):
        wants = "comes with a question: take columns.answer" if task.has_questions else "has no {question} to be asked"
        raise OptionError(f"the task of column {name!r} {wants}.")
    named = regex.sub(r"[^\w-]", "_", name)
    return replace(task, name=named if named == name else f"{named}-{i}", words=column.words or task.words)


def _joined(columns: Sequence[Sequence[str | None]]) -> list[str | None]:
    """Each row's texts, those that are there, a blank line between them."""
    rows = ([text for text in row if text is not None] for row in zip(*columns, strict=True))
    return [JOINT.join(row) if row else None for row in rows]
