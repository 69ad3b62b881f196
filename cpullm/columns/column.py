"""What is asked of a table's columns: one function for each kind of answer, each gives a `Column` for `transform`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpullm import tasks
from cpullm.errors import OptionError
from cpullm.options import Options
from cpullm.tasks import Task

Names = str | Sequence[str]


@dataclass(frozen=True, slots=True)
class Column:
    """A new column: `task` asked about the text in `columns` (several are joined by a blank line).

    `question` names the column with a question for each text, `words` is about how long a summary is.
    """

    columns: tuple[str, ...]
    task: str | Path | Task
    question: str | None = None
    words: int | None = None


def summarize(column: Names, words: int | None = None) -> Column:
    """A summary of about so many words."""
    Options(words=words)
    return Column(_names(column), "summarize", words=words)


def sentiment(column: Names) -> Column:
    """positive, negative or neutral."""
    return Column(_names(column), "sentiment")


def title(column: Names) -> Column:
    """A title in one line."""
    return Column(_names(column), "title")


def keywords(column: Names) -> Column:
    """What the text is about: a list of strings."""
    return Column(_names(column), "keywords")


def names(column: Names) -> Column:
    """People and places named: a list of strings."""
    return Column(_names(column), "names")


def extract(column: Names, schema: Mapping[str, Any]) -> Column:
    """What the text says of a JSON schema's fields: a struct, or a list, of the types that the schema says."""
    return Column(_names(column), tasks.extract(schema))


def translate(column: Names, language: str) -> Column:
    """The text in another language, by its English name as `German`."""
    return Column(_names(column), tasks.translate(language))


def answer(column: Names, question: str) -> Column:
    """The answer to each row's own question, which stands in the column `question`."""
    if not isinstance(question, str):
        raise OptionError(f"question must be the name of the column with the questions, got {question!r}.")
    return Column(_names(column), tasks.answer(), question=question)


def ask(column: Names, task: str | Path | Task) -> Column:
    """Any task: a name, an .ini file, a `Task`, or a wording with `{text}` in it, answered in free text."""
    if isinstance(task, str) and "{text}" in task:
        task = Task("ask", task, join="append")
    return Column(_names(column), tasks.find(task) if isinstance(task, Path) else task)


def _names(column: Any) -> tuple[str, ...]:
    found = (column,) if isinstance(column, str) else tuple(column) if isinstance(column, Sequence) else ()
    if not found or not all(isinstance(name, str) for name in found):
        raise OptionError(f"column must be a column's name, or several as ['title', 'abstract'], got {column!r}.")
    return found
