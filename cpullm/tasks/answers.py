"""Answers of a task: the grammar they follow, whether one is whole, and how several become one without a model."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from cpullm.records import FinishReason, encodable
from cpullm.tasks.task import Task


def choices_grammar(choices: Sequence[str]) -> str:
    """GBNF for one of these texts."""
    # GBNF's strings escape as JSON's do.
    return "root ::= " + " | ".join(json.dumps(choice, ensure_ascii=False) for choice in choices)


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
    it came first. `append`: one after another.
    """
    if not answers:
        return []
    if task.join == "majority":
        return [Counter(answers).most_common(1)[0][0]]
    if task.join == "union":
        items = [item for answer in answers for item in _parsed(answer) or []]
        once = {json.dumps(item, sort_keys=True): item for item in items}
        return [encodable(json.dumps(list(once.values()), ensure_ascii=False))]
    return ["\n\n".join(answers)]


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
