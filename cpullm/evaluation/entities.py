"""Private data and names held against what people marked: what is masked of it, what else is, which names are found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cpullm.evaluation import bootstrap
from cpullm.masking import Private

# What sets call the three kinds of names that are told apart; other names count by their spans alone.
_TYPES = {
    **dict.fromkeys(("PERSON", "PER"), "PERSON"),
    **dict.fromkeys(("LOCATION", "LOC", "GPE", "FAC", "FACILITY", "PLACE", "GEO-LOC"), "LOCATION"),
    **dict.fromkeys(("ORGANIZATION", "ORGANISATION", "ORG", "CORPORATION", "COMPANY", "GROUP"), "ORGANIZATION"),
}
_OTHER_NAMES = frozenset("MISC PRODUCT CREATIVE-WORK WORK_OF_ART EVENT NORP NRP".split())


@dataclass(frozen=True, slots=True)
class Marked:
    """A text and what people marked in it: spans with the type that the set gives them."""

    text: str
    entities: tuple[Private, ...]


def name_type(kind: str) -> str | None:
    """What kind of name a set's type is, itself if it is another kind of name, None if it is no name."""
    upper = kind.upper()
    return _TYPES.get(upper) or (upper if upper in _OTHER_NAMES else None)


def told(rows: Sequence[Marked], found: Mapping[str, Sequence[Sequence[Private]]]) -> dict[str, Any]:
    """Each system's figures with their intervals: of what it masks, and of its names."""
    return {system: {**_masking(rows, spans), **_names(rows, spans)} for system, spans in found.items()}


def _masking(rows: Sequence[Marked], found: Sequence[Sequence[Private]]) -> dict[str, Any]:
    """Recall by kind, of spans and of letters and digits; how much of what is masked is private, how much else is."""
    counts = [_masked(row, spans) for row, spans in zip(rows, found, strict=True)]
    kinds = sorted({kind for one in counts for kind in one.whole} | {kind for one in counts for kind in one.spans})
    return {
        "recall": _ratio([(sum(one.whole.values()), sum(one.spans.values())) for one in counts]),
        "kinds": {
            kind: {
                "spans": sum(one.spans[kind] for one in counts),
                "whole": _ratio([(one.whole[kind], one.spans[kind]) for one in counts]),
                "in_part": sum(one.part[kind] for one in counts),
            }
            for kind in kinds
        },
        "precision": _ratio([(one.rightly, one.masked) for one in counts]),
        "others_masked": _ratio([(one.masked - one.rightly, one.others) for one in counts]),
    }


@dataclass(slots=True)
class _Counts:
    """Of one text: marked spans by kind, those masked whole, in part; signs masked, rightly so; unmarked signs."""

    spans: Counter[str]
    whole: Counter[str]
    part: Counter[str]
    masked: int
    rightly: int
    others: int


def _masked(row: Marked, spans: Sequence[Private]) -> _Counts:
    """Signs are letters and digits: whether a comma is masked matters to nobody."""
    signs = {place for place, sign in enumerate(row.text) if sign.isalnum()}
    masked = {place for one in spans for place in range(one.start, one.end)} & signs
    marked = {place for one in row.entities for place in range(one.start, one.end)} & signs
    counts = _Counts(Counter(), Counter(), Counter(), len(masked), len(masked & marked), len(signs - marked))
    for one in row.entities:
        own = signs & set(range(one.start, one.end))
        counts.spans[one.kind] += 1
        counts.whole[one.kind] += own <= masked
        counts.part[one.kind] += bool(own & masked) and not own <= masked
    return counts


def _names(rows: Sequence[Marked], found: Sequence[Sequence[Private]]) -> dict[str, Any]:
    """F1 of names with the very same spans, and with the same type too."""
    n_names = 0
    untyped, typed = [], []
    for row, spans in zip(rows, found, strict=True):
        marked = {(one.start, one.end): kind for one in row.entities if (kind := name_type(one.kind))}
        ours = {(one.start, one.end): one.kind for one in spans if one.kind in _TYPES.values()}
        n_names += len(marked)
        right = [span for span in ours if span in marked]
        untyped.append((2 * len(right), len(ours) + len(marked)))
        typed.append((2 * sum(ours[span] == marked[span] for span in right), len(ours) + len(marked)))
    return {"names": n_names, "f1": _ratio(untyped), "typed_f1": _ratio(typed)}


def _ratio(counts: Sequence[tuple[int, int]]) -> dict[str, float] | None:
    """The share over all texts, with its interval; None where there is nothing to be counted."""
    parts, totals = (np.array(values, np.float64) for values in zip(*counts, strict=True))
    if not totals.sum():
        return None
    with np.errstate(invalid="ignore"):  # a resample may have nothing of a kind
        resampled = bootstrap.resample(lambda weights: (weights @ parts) / (weights @ totals), len(counts))
    low, high = bootstrap.percentiles(resampled)
    return asdict(bootstrap.Interval(float(parts.sum() / totals.sum()), low, high))
