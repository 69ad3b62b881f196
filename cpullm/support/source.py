"""A text prepared to be asked: how well does it bear out a sentence, where, and what of it has it not?"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

from cpullm.splitters.sentences import sentences
from cpullm.support.copying import Copy, cheapest, turns
from cpullm.support.index import Index
from cpullm.support.names import Known
from cpullm.words import words

_STRETCHES = 3
_LEAST_SHARE = 0.2  # of the words found, for a stretch to be named beside the best
_INVENTED = 0.5  # what is left of the score for each number or name that the source has not, and for a turned “not”


@dataclass(frozen=True, slots=True)
class Support:
    """How well a source bears out a sentence, from 0 to 1, and the stretches of its text that do, in order."""

    score: float
    spans: tuple[tuple[int, int], ...] = ()


class Source:
    """A text, indexed once: 1,000 words take about 7 ms, and each question about 1 ms."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._index = Index(text)
        self._known = Known(self._index)

    @cached_property
    def words(self) -> list[str]:
        """The text's words, as they are compared."""
        return [word for word, *_ in self._index.words]

    def support(self, sentence: str) -> Support:
        """The one to three stretches that bear it out best; a sentence that stands in the text has 1 and its place.

        The score is the share of its words that the text has, less where they come from many places, halved for each
        name or number that the text has not and for a “not” too many or too few.
        """
        place = self._index.find(sentence.strip())
        if place is not None:
            return Support(1.0, (place,))
        asked = words(sentence)
        if not asked:
            return Support(0.0)
        copy = cheapest(asked, self._index)
        faults = len(self._known.missing(sentence)) + turns(asked, copy, self._index)
        return Support((1 - copy.cost / len(asked)) * _INVENTED**faults, self._stretches(copy))

    def unsupported(self, sentence: str, answer: str = "") -> tuple[str, ...]:
        """As the function of that name."""
        if self._index.find(sentence.strip()) is not None:
            return ()
        missing = self._known.missing(sentence, answer)
        return tuple(dict.fromkeys(sentence[start:end] for start, end in missing))

    def _stretches(self, copy: Copy) -> tuple[tuple[int, int], ...]:
        """The sentences, neighbours as one, that the most words come from; rare words count more."""
        index = self._index
        weights: dict[int, float] = defaultdict(float)
        for _, place in copy.steps:
            weights[index.homes[place]] += 1 / math.sqrt(len(index.places[index.words[place][0]]))
        joined: list[list[int]] = []
        for home in sorted(weights):
            if joined and home == joined[-1][-1] + 1:
                joined[-1].append(home)
            else:
                joined.append([home])
        weighed = sorted(((sum(weights[home] for home in run), run) for run in joined), key=lambda pair: -pair[0])
        least = _LEAST_SHARE * sum(weights.values())
        chosen = [run for number, (weight, run) in enumerate(weighed[:_STRETCHES]) if not number or weight >= least]
        return tuple(sorted((index.sentences[run[0]][0], index.sentences[run[-1]][1]) for run in chosen))


def unsupported(sentence: str, source: Source, answer: str = "") -> tuple[str, ...]:
    """The names, numbers and dates in a sentence that the source has not, as they stand in the sentence.

    `answer` is the whole that the sentence is of: what it has in small letters elsewhere is no name at the start.
    """
    return source.unsupported(sentence, answer)


def summary_support(document: str, summary: str) -> float:
    """How likely the document bears out all of a summary: the product of its sentences' scores; 0 without any."""
    source = Source(document)
    scores = [source.support(summary[start:end]).score for start, end in sentences(summary)]
    return math.prod(scores) if scores else 0.0
