"""What every splitter gives: sections that tile a document. Here they become chunks with exact offsets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cpullm.records import Chunk, Document, Span, is_blank
from cpullm.splitters import gutenberg
from cpullm.splitters.extents import stripped

_MOST_FRONT_MATTER = 0.25
_EMPTY = "The text is empty."


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, from `start` to `text`, and the text under it, to `end`, where the next section starts.

    `kind` is body, front or back.
    """

    kind: str
    levels: tuple[str, ...]
    title: str
    start: int
    text: int
    end: int


def plain(kind: str, start: int, end: int, title: str = "") -> Section:
    """A section without a heading in the text."""
    return Section(kind, (), title, start, start, end)


def opening(start: int, first: int, end: int) -> Section:
    """What stands before the first heading: front matter, unless it is more than a quarter of the text."""
    return plain("body" if first - start > _MOST_FRONT_MATTER * (end - start) else "front", start, first)


def framed(text: str, inner: Sequence[Section]) -> list[Section]:
    """The sections of a text's body, with what stands before and after it: a library's header and licence."""
    around = [plain("front", 0, inner[0].start), *inner, plain("back", inner[-1].end, len(text))]
    return [section for section in around if section.start < section.end]


def whole(document: Document) -> list[Section]:
    """All of the text's body as one section."""
    return framed(document.text, [plain("body", *gutenberg.body(document.text), document.title)])


def chunks(document: Document, sections: Sequence[Section]) -> tuple[tuple[Chunk, ...], tuple[Span, ...]]:
    """A chunk for each section that has a text, and what every character of the document is.

    A document without any text has one empty chunk: it must not vanish.
    """
    lines = _Lines(document.text)
    made: list[Chunk] = []
    spans: list[Span] = []
    for section in sections:
        start, end = stripped(document.text, section.text, section.end)
        text = document.text[start:end]
        end = start if is_blank(text) else end
        spans += _spans(section, start, end)
        if start < end:
            line = lines.at(section.start if section.start < section.text else start)
            made.append(
                Chunk(document.id, len(made), section.levels, section.title, section.kind, line, start, end, text)
            )
    if not made:
        made = [Chunk(document.id, 0, (), document.title, "body", 1, 0, 0, "", document.error or _EMPTY)]
    return tuple(made), tuple(spans)


def _spans(section: Section, start: int, end: int) -> Iterator[Span]:
    kinds = ("heading", "blank", section.kind, "blank")
    places = (section.start, section.text, start, end, section.end)
    for kind, (left, right) in zip(kinds, pairwise(places), strict=True):
        if left < right:
            yield Span(kind, left, right)


class _Lines:
    """Line numbers of offsets that only grow."""

    def __init__(self, text: str) -> None:
        self._text, self._place, self._line = text, 0, 1

    def at(self, place: int) -> int:
        self._line += self._text.count("\n", self._place, place)
        self._place = place
        return self._line
