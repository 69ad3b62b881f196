"""Sentences by their place in the graph of a text's sentences: LexRank (Erkan and Radev 2004), TextRank (Mihalcea and
Tarau 2004). The classic way, against which others are held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from cpullm.extract.budget import Budget
from cpullm.extract.candidates import candidates
from cpullm.words import words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

_DAMPING = 0.85
_ROUNDS = 100
_PART = 2000  # sentences that are compared with one another, each with each


def lexrank(sentences: Sequence[str], n_words: int) -> list[int]:
    """Indices, in the text's order, of the sentences most like all others by the cosine of their TF-IDF vectors.

    The continuous form, without a threshold. Together they have at most `n_words` (white-space separated) words, but
    for one sentence that is longer.
    """
    return _ranked(sentences, n_words, _by_cosines)


def textrank(sentences: Sequence[str], n_words: int) -> list[int]:
    """The same by the words that two sentences share, over the logarithms of their lengths."""
    return _ranked(sentences, n_words, _by_overlap)


def _ranked(sentences: Sequence[str], n_words: int, rank: Callable[[list[Counter[str]]], Vector]) -> list[int]:
    allowed = candidates(sentences)
    tokens = [words(sentence) for sentence in sentences]
    counts = [Counter(tokens[i]) for i in allowed]
    scores = rank(counts) if counts else np.empty(0)
    budget = Budget(tokens, sentences, n_words)
    for place in np.argsort(-scores, kind="stable").tolist():
        budget.offer(allowed[place], counts[place])
    return budget.chosen(allowed)


def _by_cosines(counts: list[Counter[str]]) -> Vector:
    """LexRank without the graph itself: similarities are products, so a step goes by way of the words."""
    rows, columns, values = _entries(counts)
    n_sentences, n_words = len(counts), int(columns.max(initial=-1)) + 1
    values = values * np.log(n_sentences / np.bincount(columns, minlength=n_words))[columns]
    norms = np.sqrt(np.bincount(rows, values**2, n_sentences))
    values /= np.where(norms == 0, 1, norms)[rows]

    def similar(weights: Vector) -> Vector:
        """Each sentence's similarities to all, weighed and summed."""
        of_words = np.bincount(columns, values * weights[rows], n_words)
        return np.asarray(np.bincount(rows, values * of_words[columns], n_sentences), np.float64)

    return _walk(similar, n_sentences)


def _by_overlap(counts: list[Counter[str]]) -> Vector:
    """TextRank; of a long text in parts, for its graph grows with the square."""
    n_parts = -(-len(counts) // _PART)
    bounds = [len(counts) * part // n_parts for part in range(n_parts + 1)]
    return np.concatenate([_by_overlap_of(counts[start:end]) * (end - start) for start, end in pairwise(bounds)])


def _by_overlap_of(counts: list[Counter[str]]) -> Vector:
    rows, columns, _ = _entries(counts)
    has = np.zeros((len(counts), int(columns.max(initial=-1)) + 1), np.float32)
    has[rows, columns] = 1
    sizes = np.log(np.maximum(1, has.sum(axis=1)))
    lengths = sizes[:, None] + sizes[None, :]
    edges = np.where(lengths > 0, has @ has.T / np.where(lengths > 0, lengths, 1), 0).astype(np.float64)
    np.fill_diagonal(edges, 0)
    return _walk(lambda weights: edges @ weights, len(counts))


def _entries(counts: list[Counter[str]]) -> tuple[NDArray[np.int64], NDArray[np.int64], Vector]:
    """The matrix of sentences and words by its entries: rows, columns, how often."""
    numbers: dict[str, int] = {}
    columns = [numbers.setdefault(word, len(numbers)) for count in counts for word in count]
    rows = np.repeat(np.arange(len(counts)), [len(count) for count in counts])
    values = [float(times) for count in counts for times in count.values()]
    return rows, np.array(columns, np.int64), np.array(values)


def _walk(similar: Callable[[Vector], Vector], n: int) -> Vector:
    """How often one who walks from sentence to sentence, by likeness, is where (PageRank)."""
    totals = similar(np.ones(n))
    scores = np.full(n, 1 / n)
    for _ in range(_ROUNDS):
        scores = (1 - _DAMPING) / n + _DAMPING * similar(scores / np.where(totals == 0, 1, totals))
    return scores
