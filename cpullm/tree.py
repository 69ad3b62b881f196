"""A document's chunks as a tree: chapters, the parts they stand under, the book. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from cpullm.records import Chunk

CHAPTER, PART, BOOK = LEVELS = ("chapter", "part", "book")
CLOSE = 1.2  # of the words wanted: as good as that many
WORDS = {CHAPTER: 120, PART: 250, BOOK: 450}  # of a summary made of the text's own sentences: a book's fills a page


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A unit that gets a summary. A chapter is one chunk; a part or a book has two or more `children`."""

    level: str
    chunks: tuple[Chunk, ...]
    levels: tuple[str, ...]
    title: str
    children: tuple[Node, ...] = field(default=(), repr=False)

    @property
    def first(self) -> Chunk:
        """The chunk it begins with."""
        return self.chunks[0]

    @property
    def height(self) -> int:
        """How many levels are under it."""
        return 1 + max(child.height for child in self.children) if self.children else 0

    def all(self) -> list[Node]:
        """It and all under it, each before its children."""
        return [self, *(node for child in self.children for node in child.all())]


def nodes(chunks: Sequence[Chunk], to: str) -> list[Node]:
    """Every unit up to the level `to`, in the documents' order: a book before its parts, a part before its chapters.

    A heading with one chapter under it is no part of its own, nor is a document of one chunk a book.
    """
    found: list[Node] = []
    for _, members in groupby(chunks, key=lambda chunk: chunk.document_id):
        document = tuple(members)
        children = _under(document, 0, to)
        if to == BOOK and len(children) > 1:
            children = [Node(BOOK, document, (), "", tuple(children))]
        found += [node for child in children for node in child.all()]
    return found


def _under(chunks: Sequence[Chunk], depth: int, to: str) -> list[Node]:
    """The units that stand directly under the first `depth` titles, which all the chunks share."""
    if to == CHAPTER:
        return [_chapter(chunk) for chunk in chunks]
    found: list[Node] = []
    for title, members in groupby(zip(_titles(chunks, depth), chunks, strict=True), key=lambda pair: pair[0]):
        below = tuple(chunk for _, chunk in members)
        if title is None:
            found += [_chapter(chunk) for chunk in below]
            continue
        children = _under(below, depth + 1, to)
        above = below[-1].levels[:depth]
        found += [Node(PART, below, above, title, tuple(children))] if len(children) > 1 else children
    return found


def _titles(chunks: Sequence[Chunk], depth: int) -> list[str | None]:
    """The title each chunk stands under at this depth, None for none. A heading's own text is the first of its part."""
    titles = [chunk.levels[depth] if len(chunk.levels) > depth else None for chunk in chunks]
    for i, (chunk, title, following) in enumerate(zip(chunks, titles, titles[1:], strict=False)):
        if title is None and len(chunk.levels) == depth and following and following == chunk.title:
            titles[i] = following
    return titles


def _chapter(chunk: Chunk) -> Node:
    return Node(CHAPTER, (chunk,), chunk.levels, chunk.title)
