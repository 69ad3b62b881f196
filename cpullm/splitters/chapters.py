"""Document → Chunks: one for each chapter, with the titles of the parts and books above it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cpullm.records import Chunk, Document
from cpullm.splitters import extents, gutenberg, sequence
from cpullm.splitters.headings import Heading, candidates

_MOST_FRONT_MATTER = 0.25
_LEVEL_TEXT_WORDS = 40


def split(document: Document) -> list[Chunk]:
    """The document's chapters in order, or one chunk with all of it if it has no headings.

    Header, licence, title page and tables of contents are left out; `document.text[start:end] == text` always.
    """
    text = document.text
    start, end = gutenberg.body(text)
    chosen = extents.with_titles(text, sequence.headings(text, candidates(text, start, end)))
    chunks = _chunks(document, chosen, end)
    if not any(chunk.kind == "body" for chunk in chunks):
        return [_chunk(document, Heading("", None, document.title, 0, start, start), (), end)]
    opening = chosen[0].start
    if opening - start > _MOST_FRONT_MATTER * (end - start):
        chunks.insert(0, _chunk(document, Heading("", None, "", 0, start, start), (), opening))
    return [replace(chunk, index=index) for index, chunk in enumerate(chunks)]


def _chunks(document: Document, chosen: Sequence[Heading], end: int) -> list[Chunk]:
    chunks: list[Chunk] = []
    above: list[tuple[int, str]] = []
    depths = sequence.levels(document.text, chosen)
    starts = [heading.start for heading in chosen[1:]]
    if chosen:
        starts.append(extents.text_end(document.text, chosen[-1].end, end))
    for heading, depth, until in zip(chosen, depths, starts, strict=True):
        if depth is not None:
            above = [level for level in above if level[0] < depth]
        elif heading.kind != "body":
            above = []
        chunk = _chunk(document, heading, tuple(title for _, title in above), until)
        if heading.kind != "contents" and chunk.text and (depth is None or chunk.words > _LEVEL_TEXT_WORDS):
            chunks.append(chunk)
        if depth is not None:
            above.append((depth, heading.title))
    return chunks


def _chunk(document: Document, heading: Heading, levels: tuple[str, ...], until: int) -> Chunk:
    start, end = extents.stripped(document.text, heading.end, until)
    line = heading.line or document.text.count("\n", 0, start) + 1
    return Chunk(document.id, 0, levels, heading.title, heading.kind, line, start, end, document.text[start:end])
