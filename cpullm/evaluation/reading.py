"""JSONL → what is to be scored: documents with references, summaries with people's labels, other systems' summaries."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from cpullm.errors import InputError
from cpullm.evaluation.entities import Marked
from cpullm.evaluation.labelled import Labelled
from cpullm.masking import Private
from cpullm.records import encodable, is_blank

_ROWS = "rows are {id, document, references}, {document, summary, label}, {text, label} or {text, entities}"


@dataclass(frozen=True, slots=True)
class Case:
    """A document and the summaries that people wrote of it."""

    id: str
    document: str
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """A summary of a document and how people judged it: 1 or 0, or a score."""

    document: str
    summary: str
    judgement: float


@dataclass(frozen=True, slots=True)
class Row:
    """One line's object, and where it stands."""

    path: Path
    line: int
    values: dict[str, Any]

    def refused(self, what: str) -> InputError:
        """The error that says what is wrong with it."""
        return InputError(f"{self.path}, line {self.line}: {what}.")

    def text(self, *names: str) -> str:
        """The text under the first of these names that is there. Raises InputError if it is missing or blank."""
        name = next((name for name in names if self.values.get(name) is not None), None)
        if name is None:
            raise self.refused(f"there is no {names[0]!r}; {_ROWS}")
        value = self.values[name]
        if not isinstance(value, str):
            raise self.refused(f"{name!r} must be a text, got {_shown(value)}")
        if is_blank(value):
            raise self.refused(f"{name!r} is empty")
        return encodable(value)

    def id(self, name: str) -> str:
        """The id under this name, a text or a whole number."""
        value = self.values.get(name)
        if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
            found = f"got {_shown(value)}" if value is not None else "there is none"
            raise self.refused(f"{name!r} must be a text or a whole number, {found}; {_ROWS}")
        return encodable(str(value))


def read(path: Path, limit: int | None = None) -> list[Case] | list[Judged] | list[Marked] | list[Labelled]:
    """The file's first `limit` rows; its first row says of which kind they are. Raises InputError."""
    rows = list(islice(_rows(path), limit))
    if not rows:
        raise InputError(f"{path} holds no rows; {_ROWS}.")
    first = rows[0].values
    if "entities" in first:
        return [Marked(row.text("text"), _entities(row)) for row in rows]
    if "text" in first and "label" in first:
        return [Labelled(row.text("text"), row.id("label")) for row in rows]
    if "summary" in first and ("label" in first or "score" in first):
        return _judged(rows)
    return _cases(rows)


def outputs(path: Path, ids: Iterable[str]) -> tuple[dict[str, dict[str, str]], int]:
    """Each system's summaries by document id, from rows {document_id, system, summary}; and how many were of other ids.

    An empty summary is one. Raises InputError if a system lacks a document.
    """
    wanted = list(ids)
    known, n_others = set(wanted), 0
    found: dict[str, dict[str, str]] = {}
    for row in _rows(path):
        document, system, summary = row.id("document_id"), row.id("system"), row.values.get("summary")
        if not isinstance(summary, str):
            raise row.refused(f"'summary' must be a text, got {_shown(summary)}")
        texts = found.setdefault(system, {})
        if document in texts:
            raise row.refused(f"system {system!r} has a second summary of document {document!r}")
        texts[document] = encodable(summary)
        n_others += document not in known
    if not found:
        raise InputError(f"{path} holds no rows; rows are {{document_id, system, summary}}.")
    for system, texts in found.items():
        missing = [document for document in wanted if document not in texts]
        if missing:
            raise InputError(
                f"{path}: system {system!r} has no summary of {len(missing)} of {len(wanted)} documents, "
                f"as {missing[0]!r}; add them, or take documents off."
            )
    return {system: {id: texts[id] for id in wanted} for system, texts in found.items()}, n_others


def _rows(path: Path) -> Iterator[Row]:
    try:
        # Lines end at line feeds only: JSON's texts may hold other separators as they are.
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    for number, line in enumerate(lines, start=1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            values = json.loads(text) if text else None
        except (ValueError, RecursionError) as error:
            reason = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else f"is no JSON ({error})"
            raise InputError(f"{path}, line {number} {reason}; one JSON object a line is read.") from None
        if isinstance(values, dict):
            yield Row(path, number, values)
        elif text:
            raise InputError(f"{path}, line {number}: an object is read, got {_shown(values)}; {_ROWS}.")


def _cases(rows: list[Row]) -> list[Case]:
    cases: dict[str, Case] = {}
    for row in rows:
        case = Case(row.id("id"), row.text("document"), _references(row))
        if case.id in cases:
            raise row.refused(f"the id {case.id!r} was there before; ids must be unique")
        cases[case.id] = case
    return list(cases.values())


def _references(row: Row) -> tuple[str, ...]:
    given = row.values.get("references")
    if given is None or isinstance(given, str):
        return (row.text("references", "reference", "summary"),)
    if not isinstance(given, list) or not given or not all(isinstance(one, str) for one in given):
        raise row.refused(f"'references' must be a list of texts, got {_shown(given)}")
    if any(map(is_blank, given)):
        raise row.refused("one of 'references' is empty")
    return tuple(map(encodable, given))


def _judged(rows: list[Row]) -> list[Judged]:
    name = "label" if "label" in rows[0].values else "score"
    return [Judged(row.text("document"), row.text("summary"), _judgement(row, name)) for row in rows]


def _entities(row: Row) -> tuple[Private, ...]:
    """The row's spans, {start, end, type}: characters of its text."""
    given = row.values.get("entities")
    if not isinstance(given, list):
        raise row.refused(f"'entities' must be a list of {{start, end, type}}, got {_shown(given)}")
    return tuple(_entity(row, one) for one in given)


def _entity(row: Row, given: Any) -> Private:
    start, end, kind = (given.get(name) if isinstance(given, dict) else None for name in ("start", "end", "type"))
    n = len(row.values["text"])
    if not (type(start) is type(end) is int and isinstance(kind, str) and kind and 0 <= start < end <= n):
        raise row.refused(
            f"an entity must be {{start, end, type}} within the text's {n} characters, got {_shown(given)}"
        )
    return Private(start, end, encodable(kind))


def _judgement(row: Row, name: str) -> float:
    value = row.values.get(name)
    if name == "label" and value not in (0, 1):
        raise row.refused(f"'label' must be 1 for faithful or 0, got {_shown(value)}")
    try:
        number = float(value) if isinstance(value, (int, float)) else math.nan
    except OverflowError:  # a whole number of hundreds of digits
        number = math.inf
    if not math.isfinite(number):
        raise row.refused(f"{name!r} must be a number, got {_shown(value)}")
    return number


def _shown(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return encodable(text if len(text) <= 40 else f"{text[:40]}…")
