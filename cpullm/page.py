"""summaries.md: the answers under their headings, each sentence of a summary with what supports it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from cpullm.records import FinishReason, Method, Origin, Sentence, Summary, encodable
from cpullm.tree import CHAPTER

if TYPE_CHECKING:
    from cpullm.summarize import Result

_SMALL = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_QUOTED = 160  # characters of a source that are shown
_Key = tuple[str, int]


def page(result: Result) -> str:
    """The answers under their parts' and chapters' headings, named by task if there are several; faults are marked."""
    units = [list(rows) for _, rows in groupby(result.summaries, key=lambda row: row.unit)]
    count = Counter(rows[0].document_id for rows in units if rows[0].level == CHAPTER)
    names = _Names(result, count)
    lines = [f"# {_title(result)}", "", *_by(result), ""]
    shown: tuple[str, ...] = ()
    for rows in units:
        path = _path(rows[0], count)
        for depth, title in enumerate(path):
            if path[: depth + 1] != shown[: depth + 1] or depth + 1 == len(path):
                anchor = names.anchor(rows[0]) if depth + 1 == len(path) else ""
                lines += [f"{'#' * min(depth + 2, 6)} {_heading(title)}{anchor}", ""]
        shown = path
        for row in rows:
            label = [f"**{escaped(row.task)}**", ""] if len(rows) > 1 else []
            lines += [*label, *_body(row), "", *names.sources(row)]
    return "\n".join(lines)


def _path(summary: Summary, count: Counter[str]) -> tuple[str, ...]:
    """The headings a summary stands under, its own last: of several documents, first the document's."""
    document = (summary.document_id,) if len(count) > 1 else ()
    if summary.level != CHAPTER:
        return (*document, *summary.levels, *((summary.title,) if summary.title else ()))
    alone = count[summary.document_id] == 1
    title = summary.title or ("" if alone and document else summary.document_id if alone else f"Line {summary.line}")
    return (*document, *summary.levels, *((title,) if title else ()))


def _title(result: Result) -> str:
    documents = {summary.document_id for summary in result.summaries}
    return _heading(documents.pop()) if len(documents) == 1 else f"{len(documents)} documents"


def _by(result: Result) -> list[str]:
    """Where the words come from, so that nobody takes a model's for the text's."""
    run = result.run
    model = run["model"]["name"] or run["model"]["file"]
    methods = {summary.method for summary in result.summaries if summary.sentences}
    plain = {summary.task: None for summary in result.summaries if summary.summary and not summary.sentences}
    of = {
        (): f"By {model}, a language model: check before use.",
        (Method.EXTRACTED.value,): "Sentences of the text itself, with the places where they stand.",
    }
    others = f" By {model}, as it gave them: {', '.join(map(escaped, plain))}." if methods and plain else ""
    mixed = (
        f"By {model}, a language model. Each sentence was held against the text: the numbers lead to what supports it, "
        "and how well, from 0 to 1. What the text does not bear out was taken out, and its own sentences put in its "
        "place: *repaired*. The rest is the model's: check before use."
    )
    limited = run.get("limit") is not None and run["limit"] == run["chunks"]
    units = "unit" if limited and run["limit"] == 1 else f"{run.get('limit')} units"
    first = [f"The first {units} only.", ""] if limited else []
    return [*first, of.get(tuple(methods), mixed) + others]


def _body(summary: Summary) -> list[str]:
    body = [escaped(paragraph) for paragraph in _numbered(summary).splitlines()]
    if not summary.sentences and summary.finish_reason == FinishReason.LENGTH:
        body += ["", "*(An answer was cut at `max_tokens`.)*"]
    if not summary.sentences and summary.finish_reason == FinishReason.LOOP:
        body += ["", "*(An answer repeated itself and was ended there.)*"]
    if summary.error is not None:
        body += ["", f"*(Error: {escaped(summary.error)})*"]
    return body


def _numbered(summary: Summary) -> str:
    """The text with a small number behind each sentence."""
    if not summary.sentences:
        return _readable(summary.summary)
    parts, place = [], 0
    for number, sentence in enumerate(summary.sentences, 1):
        parts += [summary.summary[place : sentence.end], str(number).translate(_SMALL)]
        place = sentence.end
    return "".join([*parts, summary.summary[place:]])


@dataclass(slots=True)
class _Chapter:
    """A chapter of the result as sources name it."""

    name: str
    anchor: str
    start: int
    text: str


class _Names:
    """The chapters that summaries lead to, by document and index."""

    def __init__(self, result: Result, count: Counter[str]) -> None:
        texts = {(chunk.document_id, chunk.index): chunk for chunk in result.chunks}
        documents = {name: number for number, name in enumerate(count)}
        self._is_tree = any(summary.level != CHAPTER for summary in result.summaries)
        self._chapters: Mapping[_Key, _Chapter] = {
            (row.document_id, row.index): _Chapter(
                " · ".join(map(_heading, _path(row, count)[len(count) > 1 :])),
                f"unit-{documents[row.document_id]}-{row.index}",
                row.start,
                texts[row.document_id, row.index].text if (row.document_id, row.index) in texts else "",
            )
            for row in result.summaries
            if row.level == CHAPTER
        }

    def anchor(self, summary: Summary) -> str:
        """What links from above lead to, behind a chapter's heading."""
        if summary.level != CHAPTER or not self._is_tree:
            return ""
        return f' <a id="{self._chapters[summary.document_id, summary.index].anchor}"></a>'

    def sources(self, summary: Summary) -> list[str]:
        """What supports each sentence: of those that stand in the text only where, of others also its words."""
        if not summary.sentences:
            return []
        if summary.method == Method.EXTRACTED:
            places = [
                f"{str(i).translate(_SMALL)} {self._places(summary, s)}" for i, s in enumerate(summary.sentences, 1)
            ]
            return [f"*Where it stands, in characters: {'; '.join(places)}*", ""]
        told = f": {escaped('; '.join(summary.reasons))}" if summary.reasons else ""
        lines = [f"{i}. {s.support:.2f} {self._quotes(summary, s)}" for i, s in enumerate(summary.sentences, 1)]
        return [f"*{summary.method}{told}*", "", *lines, ""]

    def _places(self, summary: Summary, sentence: Sentence) -> str:
        return ", ".join(self._place(summary, origin) for origin in sentence.sources)

    def _place(self, summary: Summary, origin: Origin) -> str:
        span = f"{origin.start}–{origin.end}"
        if summary.level == CHAPTER:
            return span
        chapter = self._chapters[summary.document_id, origin.index]
        return f"[{chapter.name}](#{chapter.anchor}) {span}"

    def _quotes(self, summary: Summary, sentence: Sentence) -> str:
        return " ".join(
            f"{self._place(summary, origin)}: “{self._quote(summary.document_id, origin)}”"
            for origin in sentence.sources
        )

    def _quote(self, document: str, origin: Origin) -> str:
        chapter = self._chapters[document, origin.index]
        text = " ".join(chapter.text[origin.start - chapter.start : origin.end - chapter.start].split())
        return escaped(text if len(text) <= _QUOTED else f"{text[: _QUOTED // 2]} … {text[-_QUOTED // 2 :]}")


def _readable(text: str) -> str:
    """JSON as a person reads it: the items of a list with commas, an object's values each under its name."""
    if not text.startswith(("[", "{")):
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # a text that only begins so
        return text
    if isinstance(value, dict):
        return "\n\n".join(f"{name}: {_phrase(part)}" for name, part in value.items())
    return _phrase(value) or "(none)"


def _phrase(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_phrase, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _heading(text: str) -> str:
    return escaped(" ".join(text.split()))


def escaped(text: str) -> str:
    """Text as Markdown shows it: a model's `<b>` or a title's `*` is text, not markup."""
    escaped = "".join(f"\\{char}" if char in "\\`*_<>[]#|~&" else char for char in encodable(text)).strip()
    # A line of = or - would make a heading of the paragraph above it, + and - would begin a list.
    return f"\\{escaped}" if escaped[:1] in ("=", "-", "+") else escaped
