"""Answers as values of a column: a JSON schema as a type of Arrow, and an answer as a value of that type."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from typing import Any

import pyarrow as pa

from cpullm.tasks.task import Task

_SCALARS = {"string": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}
_KINDS: dict[type, str] = {str: "string", bool: "boolean", int: "integer", float: "number"}
_BIGINT = 2**63


def answer_type(task: Task) -> pa.DataType:
    """The type of a column that holds the task's answers: a string, or what its schema says.

    What no column can hold, as an object of any properties, is JSON text there.
    """
    return pa.string() if task.schema is None else _type(task.schema, task.schema, frozenset())


def value(task: Task, answer: str) -> Any:
    """An answer as a value of that type. Raises ValueError where it has none."""
    return answer if task.schema is None else _value(json.loads(answer), answer_type(task))


def _type(schema: Any, root: Mapping[str, Any], above: frozenset[str]) -> pa.DataType:
    if not isinstance(schema, Mapping):
        return pa.string()
    if isinstance(name := schema.get("$ref"), str):
        return pa.string() if name in above else _type(referred(name, root), root, above | {name})
    options = [option for option in schema.get("anyOf") or schema.get("oneOf") or [] if option != {"type": "null"}]
    if options:
        types = {str(found): found for option in options for found in [_type(option, root, above)]}
        return next(iter(types.values())) if len(types) == 1 else pa.string()
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return _scalar({_KINDS.get(type(one), "") for one in values if one is not None})
    said = schema.get("type")
    named = {said} if isinstance(said, str) else set(said or ()) - {"null"}
    kind = next(iter(named)) if len(named) == 1 else ""
    if kind == "array":
        return pa.list_(_type(schema.get("items"), root, above))
    if kind == "object" and schema.get("properties"):
        return pa.struct([(name, _type(one, root, above)) for name, one in schema["properties"].items()])
    return _scalar(named)


def _scalar(kinds: Set[str]) -> pa.DataType:
    return _SCALARS.get(next(iter(kinds)), pa.string()) if len(kinds) == 1 else pa.string()


def referred(name: str, root: Mapping[str, Any]) -> Any:
    """The part of a schema that a `$ref` of it names, None if there is none."""
    found: Any = root
    for part in name.removeprefix("#").strip("/").split("/"):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _value(found: Any, kind: pa.DataType) -> Any:
    if found is None:
        return None
    if pa.types.is_struct(kind):
        return {field.name: _value(found.get(field.name), field.type) for field in kind}
    if pa.types.is_list(kind):
        return [_value(one, kind.value_type) for one in found]
    if pa.types.is_string(kind):
        return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    if pa.types.is_integer(kind) and not -_BIGINT <= found < _BIGINT:
        raise ValueError(f"The answer has the number {str(found)[:20]}, which no bigint holds.")
    try:
        return float(found) if pa.types.is_floating(kind) else found
    except OverflowError:
        raise ValueError(f"The answer has the number {str(found)[:20]}, which no double holds.") from None
