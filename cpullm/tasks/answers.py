"""Answers of a task: the grammar they follow, whether one is whole, and how several become one without a model."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from cpullm.records import FinishReason, encodable
from cpullm.tasks.task import Task


def fault(task: Task, text: str, finish_reason: str) -> str | None:
    """Why this is no answer to the task, None if it is one: half a choice or half a JSON text is of no use."""
    if task.is_free:
        return None
    if finish_reason == FinishReason.LENGTH:
        return "The answer was cut at max_tokens before it was whole; raise max_tokens."
    if finish_reason == FinishReason.LOOP:
        return "The answer repeated itself and was ended before it was whole."
    if task.schema is not None and _parsed(text) is None:
        return "The answer is no whole JSON."
    return None


def join(task: Task, answers: Sequence[str]) -> list[str]:
    """The answers about a text's pieces, in its order, as one (none if there are none); by `task.join`.

    `majority`: the most frequent, among equals the one that came first. `union`: every item of the lists once, where
    it came first. `fields`: of each property the first value that is no null, and of lists the union. `append`: one
    after another.
    """
    if not answers:
        return []
    if task.join == "majority":
        return [Counter(answers).most_common(1)[0][0]]
    if task.join == "union":
        return [_written(_union(_parsed(answer) or [] for answer in answers))]
    if task.join == "fields":
        return [_written(_fields([_parsed(answer) or {} for answer in answers]))]
    return ["\n\n".join(answers)]


def _union(lists: Iterable[list[Any]]) -> list[Any]:
    return list({json.dumps(item, sort_keys=True): item for items in lists for item in items}.values())


def _fields(objects: Sequence[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in dict.fromkeys(name for one in objects for name in one):
        values = [value for one in objects if (value := one.get(name)) is not None]
        lists = [value for value in values if isinstance(value, list)]
        found[name] = _union(lists) if values and lists == values else values[0] if values else None
    return found


def _written(value: Any) -> str:
    return encodable(json.dumps(value, ensure_ascii=False))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
