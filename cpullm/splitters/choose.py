"""Which splitter cuts a document: the one asked for, or, for `auto`, the one whose evidence the text holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from cpullm.errors import InputError
from cpullm.options import Splitting
from cpullm.records import Document, Split, is_blank
from cpullm.splitters import chapters, outline, packed
from cpullm.splitters.sections import Section, chunks, whole

_WHOLE_CHUNKS = 16
"""A text without headings stays one unit up to so many times `chunk_tokens`."""

_LONGEST_CHUNKS = 8
"""Sections longer than so many times `chunk_tokens` are cut at the next level of headings."""


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
    if document.error is None and not is_blank(document.text):
        try:
            return _asked_for(document, splitting, count_tokens)
        except InputError as error:
            document = replace(document, error=str(error))
    document = replace(document, text=document.text if document.error is None else "", marks=())
    return _split(document, "whole", "there is no text to cut", whole(document))


def _asked_for(document: Document, splitting: Splitting, count_tokens: Callable[[str], int]) -> Split:
    if splitting.splitter == "auto":
        return _auto(document, splitting, count_tokens)
    if splitting.splitter in ("chapters", "headings"):
        return _by_headings(document, splitting)
    if splitting.splitter == "paragraphs":
        why = f"asked for: whole paragraphs, up to about {splitting.chunk_tokens} tokens"
        return _split(document, "paragraphs", why, packed.paragraphs(document, splitting.chunk_tokens))
    if splitting.splitter == "tokens":
        why = f"asked for: at most {splitting.chunk_tokens} tokens each"
        return _split(document, "tokens", why, packed.tokens(document, splitting.chunk_tokens, count_tokens))
    if splitting.splitter == "regex":
        sections = packed.matches(document, splitting.pattern or "")
        found = _counted(document, "regex", "asked for: ", sections, f" under {splitting.pattern!r}")
        if any(chunk.kind == "body" and chunk.text for chunk in found.chunks):
            return found
        return _split(document, "whole", f"no text under a match of {splitting.pattern!r}: one unit", whole(document))
    return _split(document, "whole", "asked for: one unit", whole(document))


def _by_headings(document: Document, splitting: Splitting) -> Split:
    outlined = outline.outline(document, _longest(splitting))
    ways = {"chapters": chapters.sections, "headings": outline.sections}
    sections = ways.pop(splitting.splitter)(outlined)
    if _headed(sections):
        return _counted(document, splitting.splitter, "asked for: ", sections)
    ((other, way),) = ways.items()
    sections = way(outlined)
    if _headed(sections):
        missing = "no chapter headings; " if splitting.splitter == "chapters" else "the format marks no headings; "
        return _counted(document, other, missing, sections)
    return _split(document, "whole", "no headings found: one unit", whole(document))


def _auto(document: Document, splitting: Splitting, count_tokens: Callable[[str], int]) -> Split:
    if document.row:
        return _split(document, "whole", "a table's row", whole(document))
    outlined = outline.outline(document, _longest(splitting))
    sections = chapters.sections(outlined)
    if sum(section.start < section.text for section in sections) > 1:
        return _counted(document, "chapters", "by headings that count on or stand out: ", sections)
    if outlined.level is not None:
        why = f"by headings that the format marks, of level {outlined.level}: "
        return _counted(document, "headings", why, outline.sections(outlined, outlined.level))
    size = packed.estimated_tokens(document.text)
    if size <= _WHOLE_CHUNKS * splitting.chunk_tokens:
        why = f"no headings found, and short enough for one unit (about {size} tokens)"
        return _split(document, "whole", why, whole(document))
    if packed.longest_paragraph(document) <= 2 * splitting.chunk_tokens:
        why = f"no headings found in about {size} tokens; paragraphs packed together"
        return _split(document, "paragraphs", why, packed.paragraphs(document, splitting.chunk_tokens))
    why = f"no headings and no short paragraphs in about {size} tokens; equal pieces"
    return _split(document, "tokens", why, packed.tokens(document, splitting.chunk_tokens, count_tokens))


def _longest(splitting: Splitting) -> int:
    """Characters that a section may have before deeper headings cut it."""
    return _LONGEST_CHUNKS * splitting.chunk_tokens * packed.BYTES_PER_TOKEN


def _headed(sections: Sequence[Section]) -> bool:
    return any(section.kind == "body" and section.start < section.text for section in sections)


def _split(document: Document, splitter: str, why: str, sections: Sequence[Section]) -> Split:
    return Split(splitter, why, *chunks(document, sections))


def _counted(document: Document, splitter: str, before: str, sections: Sequence[Section], after: str = "") -> Split:
    """The split, with how many units there are in how many parts as what it says of itself."""
    done = _split(document, splitter, "", sections)
    units = [chunk for chunk in done.chunks if chunk.kind == "body" and chunk.text]
    parts = len({unit.levels for unit in units if unit.levels})
    told = f"{len(units)} unit{'s' * (len(units) != 1)}" + (f" in {parts} part{'s' * (parts > 1)}" if parts else "")
    return replace(done, why=f"{before}{told}{after}")
