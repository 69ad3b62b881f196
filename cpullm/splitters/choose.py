"""Which splitter cuts a document: the one asked for, or, for `auto`, the one whose evidence the text holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from cpullm.errors import InputError
from cpullm.options import Splitting
from cpullm.records import Chunk, Document, Split
from cpullm.splitters import chapters, outline, packed
from cpullm.splitters.sections import Section, chunks, whole

_WHOLE_CHUNKS = 16
"""A text without headings stays one unit up to so many times `chunk_tokens`."""

_LONGEST_CHUNKS = 8
"""Sections longer than so many times `chunk_tokens` are cut at the next level of headings."""

_Choice = tuple[str, str, list[Section]]


def split(
    document: Document,
    splitting: Splitting | None = None,
    *,
    count_tokens: Callable[[str], int] = packed.estimated_tokens,
) -> Split:
    """Cut a document; `document.text[chunk.start:chunk.end] == chunk.text` always, and chunks never overlap.

    `count_tokens` is the tokenizer for the splitter `tokens`; without it a token is four bytes of UTF-8.
    """
    splitting = Splitting.of(splitting)
    if document.error is None and document.text.strip():
        try:
            name, why, sections = _chosen(document, splitting, count_tokens)
            return Split(name, why, *chunks(document, sections))
        except InputError as error:
            document = replace(document, error=str(error))
    document = replace(document, text=document.text if document.error is None else "", marks=())
    return Split("whole", "there is no text to cut", *chunks(document, whole(document)))


def _chosen(document: Document, splitting: Splitting, count_tokens: Callable[[str], int]) -> _Choice:
    if splitting.splitter == "auto":
        return _auto(document, splitting, count_tokens)
    if splitting.splitter in ("chapters", "headings"):
        return _by_headings(document, splitting)
    if splitting.splitter == "paragraphs":
        sections = packed.paragraphs(document, splitting.chunk_tokens)
        return "paragraphs", f"asked for: whole paragraphs, up to about {splitting.chunk_tokens} tokens", sections
    if splitting.splitter == "tokens":
        sections = packed.tokens(document, splitting.chunk_tokens, count_tokens)
        return "tokens", f"asked for: at most {splitting.chunk_tokens} tokens each", sections
    if splitting.splitter == "regex":
        sections = packed.matches(document, splitting.pattern or "")
        if _units(document, sections):
            return "regex", f"asked for: {_described(document, sections)} under {splitting.pattern!r}", sections
        return "whole", f"no text under a match of {splitting.pattern!r}: one unit", whole(document)
    return "whole", "asked for: one unit", whole(document)


def _by_headings(document: Document, splitting: Splitting) -> _Choice:
    name, longest = splitting.splitter, _longest(splitting)
    ways: dict[str, Callable[[Document], list[Section]]] = {
        "chapters": partial(chapters.sections, longest=longest),
        "headings": outline.sections,
    }
    sections = ways.pop(name)(document)
    if _bodies(sections):
        return name, f"asked for: {_described(document, sections)}", sections
    ((other, way),) = ways.items()
    sections = way(document)
    if _bodies(sections):
        missing = "no chapter headings" if name == "chapters" else "the format marks no headings"
        return other, f"{missing}; {_described(document, sections)}", sections
    return "whole", "no headings found: one unit", whole(document)


def _auto(document: Document, splitting: Splitting, count_tokens: Callable[[str], int]) -> _Choice:
    if document.row:
        return "whole", "a table's row", whole(document)
    sections = chapters.sections(document, _longest(splitting))
    if sum(section.start < section.text for section in sections) > 1:
        return "chapters", f"by headings that count on or stand out: {_described(document, sections)}", sections
    level = outline.main_level(document, _longest(splitting))
    if level is not None:
        sections = outline.sections(document, level)
        why = f"by headings that the format marks, of level {level}: {_described(document, sections)}"
        return "headings", why, sections
    size = packed.estimated_tokens(document.text)
    if size <= _WHOLE_CHUNKS * splitting.chunk_tokens:
        return "whole", f"no headings found, and short enough for one unit (about {size} tokens)", whole(document)
    if packed.longest_paragraph(document) <= 2 * splitting.chunk_tokens:
        sections = packed.paragraphs(document, splitting.chunk_tokens)
        return "paragraphs", f"no headings found in about {size} tokens; paragraphs packed together", sections
    sections = packed.tokens(document, splitting.chunk_tokens, count_tokens)
    return "tokens", f"no headings and no short paragraphs in about {size} tokens; equal pieces", sections


def _longest(splitting: Splitting) -> int:
    """Characters that a section may have before deeper headings cut it."""
    return _LONGEST_CHUNKS * splitting.chunk_tokens * packed.BYTES_PER_TOKEN


def _bodies(sections: Sequence[Section]) -> int:
    return sum(section.kind == "body" and section.start < section.text for section in sections)


def _units(document: Document, sections: Sequence[Section]) -> list[Chunk]:
    return [chunk for chunk in chunks(document, sections)[0] if chunk.kind == "body" and chunk.text]


def _described(document: Document, sections: Sequence[Section]) -> str:
    units = _units(document, sections)
    parts = len({unit.levels for unit in units if unit.levels})
    noun = "unit" if len(units) == 1 else "units"
    return f"{len(units)} {noun}" + (f" in {parts} part{'s' * (parts > 1)}" if parts else "")
