"""Tasks that take an argument: a language, a schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import regex

from cpullm.errors import OptionError
from cpullm.tasks.files import json_of, parse
from cpullm.tasks.task import QUESTION, SO_FAR, TEXT, Task

_LANGUAGE = regex.compile(r"\p{L}[\p{L}\p{M} ()'-]{1,39}")
_MOST_FIELDS = 30  # that the wording names


def translate(language: str) -> Task:
    """The text in another language, by its English name as `German`; piece by piece. Raises OptionError."""
    if not isinstance(language, str) or not _LANGUAGE.fullmatch(language):
        raise OptionError(f"language must be a language's name, as 'German', got {language!r}.")
    return _made("translate", language=language)


def extract(schema: Mapping[str, Any]) -> Task:
    """What the text says of a JSON schema's fields, for schemas of type object or array; strings that it has not go."""
    try:
        schema = json.loads(json.dumps(schema, default=dict))  # the caller's may change later
    except (TypeError, ValueError) as error:
        raise OptionError(f"schema must be a JSON schema: {error}.") from None
    kind = schema.get("type") if isinstance(schema, dict) else None
    if kind not in ("object", "array"):
        raise OptionError(f"schema must be a JSON schema of type object or array, got {schema!r}.")
    task = _made("extract", fields=", ".join(_fields(schema)[:_MOST_FIELDS]) or "what is asked for")
    return replace(task, schema=schema, join="fields" if kind == "object" else "union", guards=True)


def classify(labels: Sequence[str]) -> Task:
    """Which of the labels fits the text best; they say by themselves what they mean. Raises OptionError."""
    if isinstance(labels, str) or not isinstance(labels, Sequence) or not labels:
        raise OptionError(f"labels must be a list of texts, as ['sports', 'politics'], got {labels!r}.")
    return replace(_made("classify"), choices=tuple(labels))


def answer() -> Task:
    """The answer to a question that comes with each text."""
    return _made("answer")


def naming() -> Task:
    """What a name stands for that comes with each text: person, place, company, or a word that is no name."""
    return _made("name")


def _extract_by(path: str) -> Task:
    """`extract` by the schema in a JSON file."""
    return extract(json_of("schema", Path(path).expanduser()))


# Those that a name can say: `translate:German`.
WITH_ARGUMENT: dict[str, Callable[[str], Task]] = {
    "translate": translate,
    "classify": lambda labels: classify([label.strip() for label in labels.split("|")]),
    "extract": _extract_by,
}


def _made(name: str, **arguments: str) -> Task:
    text = files("cpullm.tasks").joinpath(f"{name}.ini").read_text(encoding="utf-8")
    for argument, said in arguments.items():
        text = text.replace(f"{{{argument}}}", said)
    return parse(name, text)


def _fields(schema: Any) -> list[str]:
    """The names of a schema's properties, each with what it is described as; of a list's items too."""
    if not isinstance(schema, Mapping):
        return []
    if schema.get("type") == "array":
        return _fields(schema.get("items")) or [_said(str(schema.get("description") or "a list"))]
    properties = schema.get("properties")
    named = properties.items() if isinstance(properties, Mapping) else ()
    return [_field(str(name), one) for name, one in named]


def _field(name: str, schema: Any) -> str:
    described = schema.get("description") if isinstance(schema, Mapping) else None
    return _said(f"{name} ({described})" if described else name)


def _said(words: str) -> str:
    """The words as part of a wording: in one line, and without its places."""
    for place in (TEXT, SO_FAR, QUESTION):
        words = words.replace(place, place[1:-1])
    return " ".join(words.split())
