"""Answers to rows on two sides that share no document, no near duplicate and no passage; every answer is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from cpullm.dataset import rows, sides
from cpullm.dataset.rows import Asked, Candidate, Dropped, Row
from cpullm.options import Hygiene, Training
from cpullm.records import Summary


@dataclass(frozen=True, slots=True)
class Dataset:
    """Rows for training and for validation, what was left out, and `report`, the counts and where all comes from."""

    train: list[Row]
    validation: list[Row]
    dropped: list[Dropped]
    report: dict[str, Any] = field(repr=False)

    def write(self, folder: str | Path) -> list[Path]:
        """Write rows as JSONL and Parquet, dropped.jsonl, report.json and report.md; see `cpullm.dataset.writing`."""
        from cpullm.dataset import writing

        return writing.write(self, Path(folder))


def divided(
    summaries: Sequence[Summary],
    texts: Mapping[str, str],
    asked: Mapping[str, Asked],
    training: Training,
    hygiene: Hygiene,
    count_tokens: Callable[[Candidate], int] | None = None,
) -> Dataset:
    """Choose and divide; `texts` are the documents' by their ids, `count_tokens` says how long a row is."""
    found = rows.candidates(summaries, texts, asked, training.licence or "")
    kept, dropped = rows.selected(found, training, asked, count_tokens)
    together = sides.clusters({one.row.document_id: texts[one.row.document_id] for one in kept}, hygiene)
    held = sides.held_out(together, texts, training)
    train, validation, shared, n_words = _apart(kept, held)
    sizes = {"train": _ids(train), "validation": _ids(validation)}
    asked_about = {summary.document_id for summary in summaries}
    report = {
        "documents": {
            "without a unit": len(texts) - len(asked_about),
            "without a row": len(asked_about) - sum(map(len, sizes.values())),
            **{side: len(ids) for side, ids in sizes.items()},
        },
        "answers": _counts(found, train, validation, [*dropped, *shared]),
        "tasks": {
            name: _counts(*(_of(name, those) for those in (found, train, validation, [*dropped, *shared])))
            for name in asked
        },
        "split": {"share": training.validation, "seed": training.split_seed, "clusters": len(together)},
        "longest_common_passage_words": n_words,
        "warnings": _warnings(train, validation, together, training),
    }
    return Dataset([one.row for one in train], [one.row for one in validation], [*dropped, *shared], report)


def _apart(kept: Sequence[Candidate], held: set[str]) -> tuple[list[Candidate], list[Candidate], list[Dropped], int]:
    """The rows of each side without those that bring a passage over, these, and the words of the longest one left.

    What goes is a row for training with a passage of validation; then, of either side, a text that stands whole in the
    other's.
    """
    validation = [one for one in kept if one.row.document_id in held]
    train = [one for one in kept if one.row.document_id not in held]
    train, gone = _left(train, validation, sides.PASSAGE_WORDS)
    validation, more = _left(validation, train)
    common = sides.common_words((one.text for one in train), (one.text for one in validation))
    return train, validation, gone + more, max((n_words for n_words, _ in common), default=0)


def _left(
    those: Sequence[Candidate], others: Sequence[Candidate], most: float = inf
) -> tuple[list[Candidate], list[Dropped]]:
    """Those that share no passage of so many words with the others and do not stand whole there, and the rest."""
    left, gone = [], []
    common = sides.common_words((one.text for one in those), (one.text for one in others))
    for one, (n_words, is_whole) in zip(those, common, strict=True):
        if is_whole or n_words >= most:
            gone.append(one.dropped(rows.PASSAGE, f"{n_words} words"))
        else:
            left.append(one)
    return left, gone


def _ids(those: Iterable[Candidate]) -> set[str]:
    return {one.row.document_id for one in those}


def _of(task: str, those: Iterable[Any]) -> list[Any]:
    return [one for one in those if (one.task if isinstance(one, Dropped) else one.row.task) == task]


def _counts(
    found: Sequence[Any], train: Sequence[Any], validation: Sequence[Any], dropped: Sequence[Dropped]
) -> dict[str, Any]:
    counts = Counter(one.reason for one in dropped)
    reasons = {reason: counts[reason] for reason in rows.REASONS if counts[reason]}
    return {"all": len(found), "dropped": reasons, "train": len(train), "validation": len(validation)}


def _warnings(
    train: Sequence[Candidate], validation: Sequence[Candidate], together: Sequence[Sequence[str]], training: Training
) -> list[str]:
    if not train and not validation:
        return ["No answer became a row: see what was dropped, and why."]
    if len(together) == 1 and training.validation > 0:
        which = (
            "one document" if len(together[0]) == 1 else f"{len(together[0])} documents, near duplicates of each other"
        )
        return [
            f"There are rows of {which}, so all of them are for training: parts of one text cannot be held out without "
            "a leak. Give more documents, or validate on others."
        ]
    if not train:
        return ["No row is left for training: all share passages with validation. Drop duplicates, or change the seed."]
    if not validation and training.validation > 0:
        return ["No row is left for validation: all of them stand in texts for training. Change the seed."]
    return []
