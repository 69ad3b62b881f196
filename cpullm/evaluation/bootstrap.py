"""How far a mean may be off by chance: documents drawn anew, with replacement, many times (Efron's percentiles)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

N_RESAMPLES = 10_000
LEAST = 6  # of fewer documents all may differ one way by chance more often than once in 20
ABOVE, BELOW, NONE, FEW = "above", "below", "no difference shown", f"fewer than {LEAST} documents"
_SEED = 20_040_725  # the day on which ROUGE was presented
_CELLS = 2_000_000

Weights = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure, and between what it lies in 95 of 100 resamples."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """One system's mean less another's on the same documents, its interval, and what may be said of it.

    `p` is the share of resamples in which the difference is gone or turned round, doubled for both sides.
    """

    value: float
    low: float
    high: float
    p: float
    verdict: str


def mean(values: Sequence[float]) -> Interval:
    """The mean of one value a document. At least one is needed."""
    given = np.asarray(values, np.float64)
    return Interval(float(given.mean()), *percentiles(_means(given)))


def paired(ours: Sequence[float], theirs: Sequence[float]) -> Difference:
    """How two systems differ on the same documents, in the same order."""
    differences = np.asarray(ours, np.float64) - np.asarray(theirs, np.float64)
    return difference(float(differences.mean()), _means(differences), len(differences))


def difference(value: float, resampled: NDArray[np.float64], n_documents: int) -> Difference:
    """The difference with its interval and verdict, from what it is in each resample."""
    low, high = percentiles(resampled)
    p = min(1.0, 2.0 * float(min((resampled <= 0).mean(), (resampled >= 0).mean())))
    verdict = ABOVE if low > 0 else BELOW if high < 0 else NONE
    return Difference(value, low, high, p, FEW if n_documents < LEAST else verdict)


def percentiles(resampled: NDArray[np.float64]) -> tuple[float, float]:
    """Between which values 95 % lie; resamples that give no figure are left out."""
    low, high = np.nanpercentile(resampled, (2.5, 97.5))
    return float(low), float(high)


def resample(figure: Callable[[Weights], ArrayLike], n: int, n_rows: int = 0) -> NDArray[np.float64]:
    """The figure in every resample of n documents. `figure` takes, for each resample, how often each was drawn.

    `n_rows` is what it makes of the documents, if that is more; it only bounds the memory.
    """
    n_at_once = max(1, _CELLS // max(n, n_rows))
    return np.concatenate([np.asarray(figure(block), np.float64) for block in _weights(n, n_at_once)])


def _means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return resample(lambda weights: weights @ values / len(values), len(values))


def _weights(n: int, n_at_once: int) -> Iterator[Weights]:
    """The same resamples for the same n, whatever is measured, so that differences are of the same documents."""
    generator = np.random.default_rng(_SEED)
    left = N_RESAMPLES
    while left:
        rows = min(left, n_at_once)
        drawn = generator.integers(0, n, (rows, n)) + n * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)
        left -= rows
