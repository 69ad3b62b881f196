"""An answer as a row for training, or the reason why it is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cpullm.options import Training
from cpullm.records import FinishReason, Summary, columns, encodable

NO_ANSWER = "no answer"
IN_PART = "answered in part"
NOT_WHOLE = "cut off or in a loop"
OTHER_METHOD = "another method"
WEAK = "weak support"
MENDED = "mended"
TOO_LONG = "too long"
TWICE = "the same row"
SAME_ANSWER = "the same answer"
PASSAGE = "a passage of the other side"
REASONS = (NO_ANSWER, IN_PART, NOT_WHOLE, OTHER_METHOD, WEAK, MENDED, TOO_LONG, TWICE, SAME_ANSWER, PASSAGE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of a task whose answers become rows: its wording with `{text}`, whether any text is an answer, and
    the model that was asked, empty if none was."""

    wording: str
    is_free: bool
    model: str
    model_sha256: str


@dataclass(frozen=True, slots=True)
class Row:
    """One question and its answer. `unit` is that of `cpullm split`, of a part or book its first; `start` and `end` are
    the text's place in its document. `support` is that of the weakest sentence, None where none is held against a text.
    What is not known is empty: readers of JSONL take a column of nulls for one that has no type.
    """

    prompt: str
    answer: str
    document_id: str
    unit: str
    level: str
    title: str
    start: int
    end: int
    task: str
    model: str
    model_sha256: str
    method: str
    support: float | None
    reasons: tuple[str, ...]
    licence: str

    def record(self) -> dict[str, Any]:
        """As the files have it: a chat, then where it comes from."""
        chat = [{"role": "user", "content": self.prompt}, {"role": "assistant", "content": self.answer}]
        names = [name for name in columns(Row) if name not in ("prompt", "answer", "reasons")]
        return {"messages": chat, **{name: getattr(self, name) for name in names}, "reasons": "; ".join(self.reasons)}


@dataclass(frozen=True, slots=True)
class Dropped:
    """What did not become a row: a document that hygiene dropped (`kept_id` stays for it), or an answer."""

    document_id: str
    unit: str | None
    level: str | None
    task: str | None
    reason: str
    detail: str | None = None
    kept_id: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answer, the row that it would be, and the text it is about."""

    summary: Summary
    row: Row
    text: str

    def dropped(self, reason: str, detail: str | None = None) -> Dropped:
        """Left out, and why."""
        row = self.row
        return Dropped(row.document_id, row.unit, row.level, row.task, reason, detail)


def candidates(
    summaries: Iterable[Summary], texts: Mapping[str, str], asked: Mapping[str, Asked], licence: str
) -> list[Candidate]:
    """Every answer as the row that it would be, in the documents' order; `texts` are the documents'."""
    found = []
    for summary in summaries:
        task = asked[summary.task]
        text = texts[summary.document_id][summary.start : summary.end]
        row = Row(
            prompt=task.wording.replace("{text}", text),
            answer=encodable(summary.summary),
            document_id=summary.document_id,
            unit=f"{summary.document_id}/{summary.index}",
            level=summary.level,
            title=summary.title,
            start=summary.start,
            end=summary.end,
            task=summary.task,
            model=task.model,
            model_sha256=task.model_sha256,
            method=summary.method,
            support=min((sentence.support for sentence in summary.sentences), default=None),
            reasons=summary.reasons,
            licence=licence,
        )
        found.append(Candidate(summary, row, text))
    return found


def selected(
    found: Iterable[Candidate],
    training: Training,
    asked: Mapping[str, Asked],
    count_tokens: Callable[[Candidate], int] | None = None,
) -> tuple[list[Candidate], list[Dropped]]:
    """Those that become rows, and the others with the first reason that holds."""
    kept, dropped = [], []
    seen: set[tuple[str, ...]] = set()
    for one in found:
        refused = _refused(one, training) or _too_long(one, training, count_tokens)
        refused = refused or _repeated(one, asked[one.row.task].is_free, seen)
        if refused is None:
            kept.append(one)
        else:
            dropped.append(refused)
    return kept, dropped


def _refused(one: Candidate, training: Training) -> Dropped | None:
    """What the answer itself lacks. One that was held against its text was mended, and is whole."""
    row, summary = one.row, one.summary
    if not row.answer.strip():
        return one.dropped(NO_ANSWER, summary.error)
    if summary.error is not None:
        return one.dropped(IN_PART, summary.error)
    if row.support is None:
        ended = (FinishReason.LENGTH, FinishReason.LOOP)
        return one.dropped(NOT_WHOLE, summary.finish_reason) if summary.finish_reason in ended else None
    if training.methods is not None and row.method not in training.methods:
        return one.dropped(OTHER_METHOD, row.method)
    if row.support < training.least_support:
        return one.dropped(WEAK, f"{row.support:.3f}")
    if row.reasons and not training.mended:
        return one.dropped(MENDED, "; ".join(row.reasons))
    return None


def _too_long(one: Candidate, training: Training, count: Callable[[Candidate], int] | None) -> Dropped | None:
    if training.row_tokens is None or count is None:
        return None
    n_tokens = count(one)
    return one.dropped(TOO_LONG, f"{n_tokens} tokens") if n_tokens > training.row_tokens else None


def _repeated(one: Candidate, is_free: bool, seen: set[tuple[str, ...]]) -> Dropped | None:
    """A row that is there already; of answers in free words also those that another text has got."""
    row, answer = one.row, " ".join(one.row.answer.casefold().split())
    whole, same = ("row", row.task, row.prompt, row.answer), ("answer", row.task, answer)
    if whole in seen:
        return one.dropped(TWICE)
    if is_free and same in seen:
        return one.dropped(SAME_ANSWER)
    seen.update((whole, same))
    return None
