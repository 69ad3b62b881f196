"""Does a score tell faithful summaries from unfaithful ones, as people judged them? The area under its ROC curve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cpullm.errors import InputError
from cpullm.evaluation import bootstrap
from cpullm.evaluation.bootstrap import Weights
from cpullm.evaluation.reading import Judged
from cpullm.evaluation.traits import overlap
from cpullm.support import summary_support

SUPPORT, OVERLAP = "support", "token overlap"
JUDGES: dict[str, Callable[[str, str], float]] = {SUPPORT: summary_support, OVERLAP: overlap}


def judge(judged: Sequence[Judged], scores: dict[str, list[float]]) -> dict[str, Any]:
    """The record of one file: AUROC of every judge's scores with intervals, and how support differs from overlap.

    The highest judgement in the file counts as faithful. Summaries of one document are drawn together.
    """
    best = max(row.judgement for row in judged)
    labels = np.array([row.judgement == best for row in judged])
    if labels.all():
        raise InputError(f"All {len(judged)} summaries are judged alike ({best:g}): AUROC needs both kinds.")
    numbers: dict[str, int] = {}
    documents = np.array([numbers.setdefault(row.document, len(numbers)) for row in judged])
    areas = {name: _area(given, labels) for name, given in scores.items()}
    whole = np.ones((1, len(judged)))
    drawn = {name: bootstrap.resample(_of(area, documents), len(numbers), len(judged)) for name, area in areas.items()}
    values = {name: float(area(whole)[0]) for name, area in areas.items()}
    gap = bootstrap.difference(values[SUPPORT] - values[OVERLAP], drawn[SUPPORT] - drawn[OVERLAP], len(numbers))
    return {
        "summaries": len(judged),
        "documents": len(numbers),
        "faithful": int(labels.sum()),
        "faithful_judgement": best,
        "auroc": {
            name: asdict(bootstrap.Interval(value, *bootstrap.percentiles(drawn[name])))
            for name, value in values.items()
        },
        "difference": asdict(gap),
    }


def auroc(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """How often a faithful summary has a higher score than an unfaithful one; equal scores count half."""
    return float(_area(scores, np.asarray(labels, bool))(np.ones((1, len(scores))))[0])


def _of(area: Callable[[Weights], NDArray[np.float64]], documents: NDArray[np.int_]) -> Callable[[Weights], ArrayLike]:
    """The area by how often each document was drawn, not each summary."""
    return lambda weights: area(weights[:, documents])


def _area(scores: Sequence[float], labels: NDArray[np.bool_]) -> Callable[[Weights], NDArray[np.float64]]:
    """The area as a figure of the summaries' weights; not a number where one kind was not drawn."""
    given = np.asarray(scores, np.float64)
    order = np.argsort(given, kind="stable")
    ordered, faithful = given[order], labels[order]
    ties = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])

    def area(weights: Weights) -> NDArray[np.float64]:
        drawn = weights[:, order]
        high = np.add.reduceat(drawn * faithful, ties, axis=1)
        low = np.add.reduceat(drawn * ~faithful, ties, axis=1)
        won = (high * (low.cumsum(axis=1) - low / 2)).sum(axis=1)
        pairs = high.sum(axis=1) * low.sum(axis=1)
        areas = np.full(len(won), np.nan)
        np.divide(won, pairs, out=areas, where=pairs > 0)
        return areas

    return area
