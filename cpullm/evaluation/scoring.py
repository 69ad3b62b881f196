"""Every system's texts → scores of each, their means with intervals, and how one system differs from the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from cpullm.evaluation import bootstrap
from cpullm.evaluation.reading import Case
from cpullm.evaluation.rouge import rouge
from cpullm.evaluation.systems import DEFAULT
from cpullm.evaluation.traits import first_words, traits
from cpullm.support import Source

COMPARED = ("rouge2", "rougeL")  # ROUGE-1 tells nothing apart on long documents
Scores = dict[str, float | None]


def score(case: Case, texts: Mapping[str, str], n_words: int, *, average: bool) -> dict[str, Scores]:
    """Each system's scores on one document: ROUGE of the first so many words, all else of the whole text."""
    source = Source(case.document)
    return {
        system: {**rouge(case.references, first_words(text, n_words), average=average), **traits(source, text)}
        for system, text in texts.items()
    }


def means(scores: Sequence[Scores]) -> dict[str, Any]:
    """By measure: the mean over the documents that have it, its interval, and how many they are."""
    return dict(_means(scores))


def _means(scores: Sequence[Scores]) -> Iterator[tuple[str, dict[str, Any] | None]]:
    for name in scores[0]:
        values = [value for one in scores if (value := one[name]) is not None]
        yield name, {**asdict(bootstrap.mean(values)), "documents": len(values)} if values else None


def reference_system(systems: Sequence[str], given: Sequence[str] = ()) -> str:
    """The one that is held against the others: the default, else the first of those `given`, else the first."""
    return DEFAULT if DEFAULT in systems else next(iter((*given, *systems)))


def compare(scores: Mapping[str, Sequence[Scores]], system: str) -> dict[str, dict[str, Any]]:
    """How the system differs from each other one on the same documents, in each of the measures compared."""
    return {
        other: {
            name: asdict(bootstrap.paired(_values(scores[system], name), _values(theirs, name))) for name in COMPARED
        }
        for other, theirs in scores.items()
        if other != system
    }


def _values(scores: Sequence[Scores], name: str) -> list[float]:
    return [value for one in scores if (value := one[name]) is not None]
