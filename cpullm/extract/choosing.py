"""The sentences from which the whole text could best be foretold.

A summary is good if its words and pairs of words are the text's, and each is worth less the more often it is there
already: the sum over all of (times in the text) x log(1 + times in the summary). That is about the text's likelihood
under a model of the summary's words (KLSum: Haghighi and Vanderwende 2009), and submodular (Lin and Bilmes 2011), so
that taking the best sentence again and again comes near the best set. Pairs of all words, for a summary must sound as
the text does, not only hold its terms: what people tell of a story has its “of the ship” and “in the city”.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import log1p

import regex

from cpullm.extract.budget import Budget
from cpullm.extract.candidates import candidates
from cpullm.words import words

_Concept = tuple[str, ...]

_KINDS = {1: 0.25, 2: 0.75}  # of the weight: single words', and pairs'
_GUIDED = 0.3  # of the weight: the guides', where there are any
_COST = 0.7  # exponent of a sentence's length: 1 takes many short ones, 0 few long ones
_NAMED, _SPOKEN = 1.3, 0.6
_NAME = regex.compile(r"(?<=[\p{Ll},;]\s)\p{Lu}\p{Ll}")  # a capital within the sentence
_SPEECH = regex.compile(r"[“\"‘'«»„「『]|[-–—]\s")
_FEW = 2  # times that a concept must occur in the text to count, if any does: most single pairs are chance


def choose(
    sentences: Sequence[str],
    n_words: int,
    *,
    guides: Sequence[str] = (),
    said: Sequence[str] = (),
    among: Sequence[int] | None = None,
) -> list[int]:
    """Indices, in the text's order, of sentences of together at most `n_words` (white-space separated) words.

    `guides` are texts about it, as a model's answers, which say what matters; `said` are sentences that the summary has
    already; only those of the indices `among` are chosen, if given, though all count. Without `said` something is
    chosen of a text that has anything: one sentence, the best or the shortest, may be longer than `n_words`.
    """
    tokens = [words(sentence) for sentence in sentences]
    allowed = candidates(sentences)
    if among is not None:
        # What may stand in a summary of a part may do so in that of the whole.
        allowed = sorted(set(among).intersection(allowed) or among)
    budget = Budget(tokens, sentences, n_words)
    have: Counter[_Concept] = Counter()
    for sentence in map(words, said):
        budget.has_said(sentence)
        have.update(_concepts(sentence))
    weights = _weights(tokens, [words(guide) for guide in guides])
    tells = {i: _telling(sentences[i]) for i in allowed}
    _take_best({i: tokens[i] for i in allowed}, weights, tells, have, budget)
    return budget.chosen(allowed)


def _concepts(tokens: Sequence[str]) -> Iterable[_Concept]:
    """Words, and pairs of neighbours."""
    yield from zip(tokens)
    yield from pairwise(tokens)


def _weights(texts: Sequence[Sequence[str]], guides: Sequence[Sequence[str]]) -> dict[_Concept, float]:
    """What each concept is worth: its share of the text's, and of the guides'."""
    counts = _counts(texts)
    frequent = {concept: count for concept, count in counts.items() if count >= _FEW}
    weights = _shares(frequent or counts)
    told = {concept: count for concept, count in _counts(guides).items() if concept in counts}
    if not told:
        return weights
    of_guides = _shares(told)
    return {
        concept: (1 - _GUIDED) * weights.get(concept, 0.0) + _GUIDED * of_guides.get(concept, 0.0)
        for concept in weights | of_guides
    }


def _counts(texts: Iterable[Sequence[str]]) -> Counter[_Concept]:
    counts: Counter[_Concept] = Counter()
    for tokens in texts:
        counts.update(_concepts(tokens))
    return counts


def _shares(counts: dict[_Concept, int]) -> dict[_Concept, float]:
    """Of all words, and of all pairs; each kind has its part of the whole."""
    totals = Counter[int]()
    for concept, count in counts.items():
        totals[len(concept)] += count
    return {concept: _KINDS[len(concept)] * count / totals[len(concept)] for concept, count in counts.items()}


def _telling(sentence: str) -> float:
    """How well it says who does something: better with a name in it, less as what somebody says."""
    told = _NAMED if _NAME.search(sentence) else 1.0
    return told * _SPOKEN if _SPEECH.match(sentence) else told


def _take_best(
    tokens: dict[int, list[str]],
    weights: dict[_Concept, float],
    tells: dict[int, float],
    have: Counter[_Concept],
    budget: Budget,
) -> None:
    """The best gain for its length first. Gains only fall, so who is still the best need not wait for the others."""
    counts = {i: Counter(concept for concept in _concepts(tokens[i]) if concept in weights) for i in tokens}
    # A text begins with what it is about; in a long one that is soon said.
    costs = {i: budget.lengths[i] ** _COST / (1 + 1 / (1 + i)) / tells[i] for i in tokens}

    def gain(i: int) -> float:
        new = sum(weights[concept] * log1p(count / (1 + have[concept])) for concept, count in counts[i].items())
        return float(new / costs[i])

    heap = [(-gain(i), i) for i in tokens if budget.fits(i)]
    heapq.heapify(heap)
    while heap:
        _, i = heapq.heappop(heap)
        now = (-gain(i), i) if budget.fits(i) else None
        if now is not None and heap and now > heap[0]:
            heapq.heappush(heap, now)
        elif now is not None and budget.offer(i, tokens[i]):
            have.update(counts[i])
