"""Answers in JSON held against their text: what a free string says and the text does not have is left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cpullm.records import encodable
from cpullm.tasks.task import Task
from cpullm.words import words

_GONE = object()


def grounded(task: Task, answer: str, text: str) -> tuple[str, list[str]]:
    """The answer without the strings whose words the text has not, and these.

    Such an item of a list goes, such a property is null. Strings that the schema gives (`enum`, `const`), numbers and
    flags are the model's judgement, and stay.
    """
    left_out: list[str] = []
    kept = _kept(json.loads(answer), task.schema, set(words(text)), left_out)
    if not left_out:
        return answer, []
    return encodable(json.dumps(None if kept is _GONE else kept, ensure_ascii=False)), left_out


def _kept(value: Any, schema: Any, known: set[str], left_out: list[str]) -> Any:
    """The value without what is not known, `_GONE` if nothing of it is left."""
    schema = schema if isinstance(schema, Mapping) else {}
    if isinstance(value, str):
        if schema.keys() & {"enum", "const"} or known >= set(words(value)):
            return value
        left_out.append(value)
        return _GONE
    if isinstance(value, list):
        items = [_kept(item, schema.get("items"), known, left_out) for item in value]
        return [item for item in items if item is not _GONE]
    if isinstance(value, dict):
        properties = schema.get("properties") or {}
        n_before = len(left_out)
        found = {name: _kept(one, properties.get(name), known, left_out) for name, one in value.items()}
        has_strings = any(isinstance(one, str) for one in found.values())
        if len(left_out) > n_before and not has_strings:
            return _GONE
        return {name: None if one is _GONE else one for name, one in found.items()}
    return value
