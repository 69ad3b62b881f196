"""What a summary is like beside its document, without any reference; pure. Words are those of `cpullm.words`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import fmean

from cpullm.splitters import is_whole, sentences
from cpullm.support import Source, unsupported
from cpullm.words import located, words

TRAITS = (
    "words", "compression", "coverage", "density", "novelty", "support", "invented", "loop", "cut_off", "empty",
)  # fmt: skip
_RUN = 8
_REPEATED = 3


def traits(source: Source, text: str) -> dict[str, float | None]:
    """All `TRAITS` of a summary; of an empty one there are only the first and the last three."""
    spoken = words(text)
    found: dict[str, float | None] = dict.fromkeys(TRAITS)
    found |= {"words": len(spoken), "loop": loops(spoken), "cut_off": cut_off(text), "empty": not spoken}
    if spoken:
        document = source.words
        lengths = list(fragments(document, spoken))
        found |= {
            "compression": len(document) / len(spoken),
            "coverage": sum(lengths) / len(spoken),
            "density": sum(length**2 for length in lengths) / len(spoken),
            "novelty": novelty(document, text),
            "support": fmean(source.support(sentence).score for sentence in _sentences(text)),
            "invented": sum(len(unsupported(sentence, source)) for sentence in _sentences(text)),
        }
    return {name: None if value is None else float(value) for name, value in found.items()}


def first_words(text: str, n: int) -> str:
    """The text up to its n-th word."""
    found = located(text)
    return text if len(found) <= n else text[: found[n - 1][2]] if n else ""


def overlap(document: str, summary: str) -> float:
    """The share of the summary's words that the document has; 0 without words."""
    there, spoken = set(words(document)), words(summary)
    return sum(word in there for word in spoken) / max(1, len(spoken))


def fragments(document: Sequence[str], summary: Sequence[str]) -> Iterator[int]:
    """Lengths of the extractive fragments, as Grusky et al. (2018) find them: greedily, the longest run shared."""
    known = set(document)
    pairs: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, pair in enumerate(pairwise(document)):
        pairs[pair].append(place)
    start = 0
    while start < len(summary):
        places = pairs.get((summary[start], summary[start + 1]), []) if start + 1 < len(summary) else []
        length = max((_shared(document, place, summary, start) for place in places), default=0)
        length = length or int(summary[start] in known)
        if length:
            yield length
        start += max(1, length)


def _shared(document: Sequence[str], place: int, summary: Sequence[str], start: int) -> int:
    most = min(len(document) - place, len(summary) - start)
    return next((i for i in range(most) if document[place + i] != summary[start + i]), most)


def novelty(document: Sequence[str], summary: str) -> float | None:
    """The share of the word pairs in the summary's sentences that the document lacks; None if there are no pairs."""
    known = set(pairwise(document))
    spoken = [words(sentence) for sentence in _sentences(summary)]
    pairs = [pair for sentence in spoken for pair in pairwise(sentence)]
    return sum(pair not in known for pair in pairs) / len(pairs) if pairs else None


def loops(spoken: Sequence[str]) -> bool:
    """Whether a run of eight words comes three times."""
    runs: dict[tuple[str, ...], int] = defaultdict(int)
    for start in range(len(spoken) - _RUN + 1):
        runs[tuple(spoken[start : start + _RUN])] += 1
    return max(runs.values(), default=0) >= _REPEATED


def cut_off(text: str) -> bool:
    """Whether the last sentence has no end."""
    return bool(text.strip()) and not is_whole(text)


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]
