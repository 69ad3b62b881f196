"""Answers in JSON held against their text: what a free string says and the text does not have is left out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import regex

from cpullm.records import encodable
from cpullm.tasks.shapes import referred
from cpullm.tasks.task import Task
from cpullm.words import words

_GONE = object()
_HANGUL = regex.compile(r"\p{Hangul}")


def grounded(task: Task, answer: str, text: str) -> tuple[str, list[str]]:
    """The answer without the strings whose words the text has not, and these.

    Such an item of a list goes, such a property is null, and an object of which no string stays goes as a whole.
    Strings that the schema gives (`enum`, `const`), numbers and flags are the model's judgement, and stay.
    """
    held = _Held(task.schema or {}, _known(text))
    kept = held.kept(json.loads(answer), [held.root])
    if not held.left_out:
        return answer, []
    return encodable(json.dumps(None if kept is _GONE else kept, ensure_ascii=False)), held.left_out


def _known(text: str) -> frozenset[str]:
    """The text's words, and the parts of those with an apostrophe: `l'italie`, `ankara'da`."""
    return frozenset(part for word in words(text) for part in (word, *word.split("'")))


@dataclass(slots=True)
class _Held:
    """A schema, the words that are known, what was left out, and how many free strings stayed."""

    root: Mapping[str, Any]
    known: frozenset[str]
    left_out: list[str] = field(default_factory=list)
    n_found: int = 0

    def kept(self, value: Any, schemas: Sequence[Any]) -> Any:
        """The value, which one of the schemas describes, without what is not known; `_GONE` if nothing is left."""
        said = [one for schema in schemas for one in _said(schema, self.root, frozenset())]
        if isinstance(value, str):
            return self._string(value, said)
        if isinstance(value, list):
            below = [one["items"] for one in said if "items" in one]
            return [kept for item in value if (kept := self.kept(item, below)) is not _GONE]
        return self._object(value, said) if isinstance(value, dict) else value

    def _string(self, value: str, said: Sequence[Mapping[str, Any]]) -> Any:
        if any(value == one.get("const") or value in one.get("enum", ()) for one in said):
            return value
        if not all(map(self._is_known, words(value))):
            self.left_out.append(value)
            return _GONE
        self.n_found += 1
        return value

    def _is_known(self, word: str) -> bool:
        """Korean words have their particles behind them."""
        return word in self.known or (
            _HANGUL.match(word) is not None and any(one.startswith(word) for one in self.known)
        )

    def _object(self, value: Mapping[str, Any], said: Sequence[Mapping[str, Any]]) -> Any:
        before = len(self.left_out), self.n_found
        properties = [one["properties"] for one in said if "properties" in one]
        found = {
            name: self.kept(one, [below[name] for below in properties if name in below]) for name, one in value.items()
        }
        has_strings = self.n_found > before[1] or any(isinstance(one, str) for one in found.values())
        if len(self.left_out) > before[0] and not has_strings:
            return _GONE
        return {name: None if one is _GONE else one for name, one in found.items()}


def _said(schema: Any, root: Mapping[str, Any], above: frozenset[str]) -> Iterator[Mapping[str, Any]]:
    """The schema, what it refers to and what it lets choose from."""
    if not isinstance(schema, Mapping):
        return
    yield schema
    name = schema.get("$ref")
    if isinstance(name, str) and name not in above:
        yield from _said(referred(name, root), root, above | {name})
    for key in ("anyOf", "oneOf", "allOf"):
        for one in schema.get(key) or ():
            yield from _said(one, root, above)
