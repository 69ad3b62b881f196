"""Texts → answers, in this process: cut into windows, asked about, merged. What an executor does with its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cpullm import preparing, tasks, worker
from cpullm.guards import UNSUPPORTED
from cpullm.merge import Merging
from cpullm.plan import Setup
from cpullm.records import Chunk, Summary, encodable
from cpullm.tree import CHAPTER

_ONE_GROUP = 10_000_000  # tokens: this process has one engine, which is fullest if all is one group


@dataclass(frozen=True, slots=True)
class Answer:
    """A text's value, None where there is none, and why."""

    value: Any
    error: str | None = None


def here(setup: Setup) -> Setup:
    """The setup for rows answered in this process."""
    options = replace(setup.options, group_tokens=_ONE_GROUP, levels=CHAPTER)
    return replace(setup, options=options)


def answers(
    setup: Setup,
    texts: Sequence[str | None],
    questions: Mapping[str, Sequence[str | None]] | None = None,
    *,
    progress: bool = False,
) -> list[list[Answer]]:
    """Each task's answers, in the order of the tasks and of the texts. None is answered by None.

    `questions`, by the names of tasks, are those that texts come with. Raises CpullmError where the machine or the
    engine fails; a text that cannot be answered has an error.
    """
    asked = {asked.task.name: asked.task for asked in setup.tasks}
    given = {
        name: [None if one is None else encodable(one) for one in found] for name, found in (questions or {}).items()
    }
    chunks = [_chunk(i, encodable(text)) for i, text in enumerate(texts) if text is not None]
    by_id = {name: {_id(i): one for i, one in enumerate(found) if one is not None} for name, found in given.items()}
    summaries = _summaries(here(setup), chunks, by_id, progress) if chunks else []
    found = {(summary.task, summary.document_id): summary for summary in summaries}
    return [
        [
            Answer(None) if text is None or _is_null(given.get(name), i) else _answer(task, found[name, str(i)])
            for i, text in enumerate(texts)
        ]
        for name, task in asked.items()
    ]


def _summaries(
    setup: Setup, chunks: list[Chunk], questions: Mapping[str, Mapping[str, str]], progress: bool
) -> list[Summary]:
    worker.load(setup.job)
    vocabulary = worker.vocabulary(setup.job.engine.model)
    plan = preparing.planned(chunks, setup, vocabulary)
    with worker.time_limit(setup.job.group_seconds):
        summaries, _ = Merging(plan, vocabulary, worker.run, progress=progress, questions=questions).all()
    return summaries


def _answer(task: tasks.Task, summary: Summary) -> Answer:
    if not summary.summary:
        return Answer(None, summary.error)
    left_out = [] if task.schema is None else [reason for reason in summary.reasons if reason.startswith(UNSUPPORTED)]
    try:
        return Answer(tasks.value(task, summary.summary), summary.error or "; ".join(left_out) or None)
    except ValueError as error:
        return Answer(None, str(error))


def _is_null(questions: Sequence[str | None] | None, i: int) -> bool:
    return questions is not None and questions[i] is None


def _chunk(i: int, text: str) -> Chunk:
    return Chunk(str(i), 0, (), "", "body", 1, 0, len(text), text)


def _id(i: int) -> str:
    return _chunk(i, "").id
