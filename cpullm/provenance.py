"""Where in the documents a text stands that was put together from windows and from answers about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

from cpullm.records import Chunk, Completion, Method, Origin, Sentence
from cpullm.support import Source
from cpullm.words import words

_AROUND = 1000  # characters


@dataclass(frozen=True, slots=True)
class Passage:
    """A text on its way up the tree: each of its `sentences` knows its origins.

    A window is `verbatim`: one sentence that stands for all of it, and any stretch of it has its own place.
    """

    text: str
    sentences: tuple[Sentence, ...] = ()
    method: str = Method.EXTRACTED.value
    verbatim: bool = False

    @classmethod
    def window(cls, text: str, index: int, start: int) -> Passage:
        """A stretch of a chunk as it stands in the document."""
        origin = Origin(index, start, start + len(text))
        return cls(text, (Sentence(0, len(text), 1.0, (origin,)),), verbatim=True)

    @classmethod
    def answer(cls, completion: Completion, asked: Traced) -> Passage:
        """An answer about a text; its sentences lead to where that comes from.

        Sentences taken out of what a model wrote are no extract of the document.
        """
        found = tuple(
            replace(
                sentence,
                sources=united(origin for at in sentence.sources for origin in asked.origins(at.start, at.end)),
            )
            for sentence in completion.sentences
        )
        own = completion.method != Method.EXTRACTED or asked.is_own
        return cls(completion.text, found, completion.method if own else Method.REPAIRED.value)

    @classmethod
    def of(cls, text: Traced) -> Passage:
        """Joined passages as one."""
        if len(text.passages) == 1:
            return text.passages[0]
        methods = {passage.method for passage in text.passages}
        return cls(text.text, text.sentences, methods.pop() if len(methods) == 1 else Method.REPAIRED.value)

    def held(self, chunks: Mapping[int, Chunk], least_support: float) -> Passage:
        """An answer about answers, held against the text that these came from: each sentence has its support there,
        and at most three places; one that has less than the least goes, as long as another is left.
        """
        found = [_held(self.text[one.start : one.end], one, chunks) for one in self.sentences]
        best = max(found, key=lambda one: one.support, default=None)
        kept = [one for one in found if one.support >= least_support or one is best]
        if len(kept) == len(found):
            return replace(self, sentences=tuple(found))
        text, placed = "", []
        for one in kept:
            text += f"{' ' if text else ''}{self.text[one.start : one.end]}"
            placed.append(replace(one, start=len(text) - (one.end - one.start), end=len(text)))
        return Passage(text, tuple(placed), Method.REPAIRED.value)

    def origins(self, start: int, end: int) -> Iterator[Origin]:
        """Where a stretch of this text comes from."""
        for sentence in self.sentences:
            if sentence.start < end and start < sentence.end:
                if self.verbatim:
                    (origin,) = sentence.sources
                    yield Origin(origin.index, origin.start + start, origin.start + end)
                else:
                    yield from sentence.sources


@dataclass(frozen=True)
class Traced:
    """Passages joined to one text, as a prompt has it."""

    passages: tuple[Passage, ...]
    joint: str = ""

    @cached_property
    def text(self) -> str:
        """All of it."""
        return self.joint.join(passage.text for passage in self.passages)

    @property
    def is_verbatim(self) -> bool:
        """Whether it is a stretch of the document."""
        return all(passage.verbatim for passage in self.passages)

    @property
    def is_own(self) -> bool:
        """Whether all of it is made of the document's own sentences."""
        return all(passage.method == Method.EXTRACTED for passage in self.passages)

    @cached_property
    def n_words(self) -> int:
        """Its words."""
        return len(words(self.text))

    def origins(self, start: int, end: int) -> Iterator[Origin]:
        """Where a stretch of the text comes from."""
        for place, passage in self._placed():
            left, right = max(start - place, 0), min(end - place, len(passage.text))
            if left < right:
                yield from passage.origins(left, right)

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """The passages' sentences by their place in the whole text."""
        return tuple(
            replace(sentence, start=sentence.start + place, end=sentence.end + place)
            for place, passage in self._placed()
            for sentence in passage.sentences
        )

    def _placed(self) -> Iterator[tuple[int, Passage]]:
        start = 0
        for passage in self.passages:
            yield start, passage
            start += len(passage.text) + len(self.joint)


def _held(text: str, sentence: Sentence, chunks: Mapping[int, Chunk]) -> Sentence:
    """The sentence with its support in the text round the places it leads to, and the best of these."""
    wide = united(_around(origin, chunks[origin.index]) for origin in sentence.sources)
    stretches = [
        Passage.window(chunk.text[at.start - chunk.start : at.end - chunk.start], at.index, at.start)
        for at in wide
        for chunk in [chunks[at.index]]
    ]
    traced = Traced(tuple(stretches), "\n\n")
    found = Source(traced.text).support(text)
    sources = united(origin for span in found.spans for origin in traced.origins(*span))
    return replace(sentence, support=round(found.score, 3), sources=sources or sentence.sources)


def _around(origin: Origin, chunk: Chunk) -> Origin:
    """More of the chapter: what is said in one sentence is often named in those round it."""
    start, end = max(chunk.start, origin.start - _AROUND), min(chunk.end, origin.end + _AROUND)
    return Origin(origin.index, start, end)


def united(origins: Iterable[Origin]) -> tuple[Origin, ...]:
    """The stretches in the text's order, those that touch as one."""
    found: list[Origin] = []
    ordered = sorted(origins, key=lambda origin: (origin.index, origin.start))
    for _, of_chunk in groupby(ordered, key=lambda origin: origin.index):
        first, *others = of_chunk
        found.append(first)
        for origin in others:
            if origin.start <= found[-1].end + 1:
                found[-1] = replace(found[-1], end=max(found[-1].end, origin.end))
            else:
                found.append(origin)
    return tuple(found)
