"""ROUGE (Lin 2004) by the field's own package, rouge-score; it is imported when the first score is asked for."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import regex

from cpullm.errors import MachineError
from cpullm.splitters import sentences
from cpullm.words import words

ROUGE = ("rouge1", "rouge2", "rougeL", "rougeLsum")
_LETTER = regex.compile(r"\p{L}")
_LATIN = regex.compile(r"\p{Latin}")
_N_KEPT = 4096  # texts of which the words are remembered: references are scored against again and again


def check_installed() -> None:
    """Raise MachineError if rouge-score is missing."""
    if importlib.util.find_spec("rouge_score") is None:
        raise MachineError("ROUGE needs the package rouge-score; install it: pip install 'cpullm[eval]'.")


def rouge(references: Sequence[str], text: str, *, average: bool = False) -> dict[str, float]:
    """F1 of each of `ROUGE`, 0 to 1: that of the reference it agrees with best, or the mean over the references."""
    scorer = _scorer(is_latin(" ".join(references)))
    lines = _lines(text)
    found = [scorer.score(_lines(reference), lines) for reference in references]
    by_name = {name: [float(one[name].fmeasure) for one in found] for name in ROUGE}
    return {name: sum(given) / len(given) if average else max(given) for name, given in by_name.items()}


def is_latin(text: str) -> bool:
    """Whether at least half of its letters are Latin; rouge-score's own words are of a to z only."""
    letters = _LETTER.findall(text)
    return 2 * sum(_LATIN.match(letter) is not None for letter in letters) >= len(letters)


def _lines(text: str) -> str:
    """A sentence a line, which is what ROUGE-Lsum reads; the other measures take no notice."""
    return "\n".join(" ".join(text[start:end].split()) for start, end in sentences(text))


@lru_cache(2)
def _scorer(latin: bool) -> Any:
    check_installed()
    from rouge_score.rouge_scorer import RougeScorer
    from rouge_score.tokenizers import DefaultTokenizer

    return RougeScorer(list(ROUGE), tokenizer=_Words(DefaultTokenizer(use_stemmer=True).tokenize if latin else words))


class _Words:
    """What rouge-score takes for a tokenizer."""

    def __init__(self, tokenize: Callable[[str], list[str]]) -> None:
        self.tokenize = lru_cache(_N_KEPT)(tokenize)
