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


class Mask:
    """In the place of a task: private data is blotted out (`cpullm.masking`)."""


class Embed:
    """In the place of a task: a text becomes a vector (`cpullm.embedding`)."""


class Named:
    """In the place of a task: the names in a text, where they stand and of what kind they are (`cpullm.masking`)."""


@dataclass(frozen=True, slots=True)
class Column:
    """A new column: `task` asked about the text in `columns` (several are joined by a blank line).

    `question` names the column with a question for each text, `words` is about how long a summary is.
    """

    columns: tuple[str, ...]
    task: str | Path | Task | Mask | Embed | Named
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
    """The persons, places and organizations named: a list of structs text, kind, start and end (in characters)."""
    return Column(_names(column), Named())


def extract(column: Names, schema: Mapping[str, Any]) -> Column:
    """What the text says of a JSON schema's fields: a struct, or a list, of the types that the schema says."""
    return Column(_names(column), tasks.extract(schema))


def classify(column: Names, labels: Sequence[str]) -> Column:
    """The label that fits best; labels say by themselves what they mean."""
    return Column(_names(column), tasks.classify(labels))


def mask(column: Names) -> Column:
    """The text with private data blotted out: names, mail, phones, cards, ids …; its length and the rest stay."""
    return Column(_names(column), Mask())


def embed(column: Names) -> Column:
    """The text as a vector of length 1, for search, clusters and models of numbers; best by an embedding model."""
    return Column(_names(column), Embed())


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
