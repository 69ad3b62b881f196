"""Sections without headings of their own: paragraphs packed together, windows of tokens; and a pattern's matches."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import regex

from cpullm.errors import InputError
from cpullm.records import Document
from cpullm.splitters import gutenberg
from cpullm.splitters.sections import Section, framed, opening, plain
from cpullm.splitters.windows import windows

BYTES_PER_TOKEN = 4
_PATTERN_SECONDS = 20.0
_BLANK_LINES = regex.compile(r"\n[^\S\n]*+\n\s*+")


def estimated_tokens(text: str) -> int:
    """Tokens of a text when no tokenizer is at hand: one for four bytes of UTF-8."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def paragraphs(document: Document, chunk_tokens: int) -> list[Section]:
    """Whole paragraphs, one after the other as long as they have at most `chunk_tokens` (estimated) together."""
    places = _places(document)
    cuts = [places[0]]
    size = 0
    for left, right in pairwise(places):
        tokens = estimated_tokens(document.text[left:right])
        if size and size + tokens > chunk_tokens:
            cuts.append(left)
            size = 0
        size += tokens
    return framed(document.text, [plain("body", *span) for span in pairwise([*cuts, places[-1]])])


def longest_paragraph(document: Document) -> int:
    """Tokens (estimated) of the longest paragraph of the text's body."""
    return max(estimated_tokens(document.text[left:right]) for left, right in pairwise(_places(document)))


def _places(document: Document) -> list[int]:
    """Where the paragraphs of the text's body begin, and its end."""
    start, end = gutenberg.body(document.text)
    return [start, *(blank.end() for blank in _BLANK_LINES.finditer(document.text, start, end)), end]


def tokens(document: Document, chunk_tokens: int, count_tokens: Callable[[str], int]) -> list[Section]:
    """Windows of at most `chunk_tokens`, about equal, cut where the text pauses."""
    start, end = gutenberg.body(document.text)
    spans = windows(document.text[start:end], chunk_tokens, count_tokens)
    cuts = [start, *(start + left for left, _ in spans[1:]), end]
    return framed(document.text, [plain("body", *span) for span in pairwise(cuts)])


def matches(document: Document, pattern: str) -> list[Section]:
    """A section after each match of a regular expression, which is its heading; `^` and `$` are line ends.

    Empty if nothing matches. InputError if the pattern takes too long on this text.
    """
    start, end = gutenberg.body(document.text)
    compiled = regex.compile(pattern, regex.MULTILINE)
    try:
        found = [
            match.span()
            for match in compiled.finditer(document.text, start, end, timeout=_PATTERN_SECONDS)
            if match.group().strip()
        ]
    except TimeoutError:
        raise InputError(f"The pattern {pattern!r} took more than {_PATTERN_SECONDS:.0f} s; make it simpler.") from None
    if not found:
        return []
    ends = [*(left for left, _ in found[1:]), end]
    cut = [_match(document.text, span, until) for span, until in zip(found, ends, strict=True)]
    return framed(document.text, [opening(start, found[0][0], end), *cut])


def _match(text: str, span: tuple[int, int], end: int) -> Section:
    return Section("body", (), " ".join(text[slice(*span)].split()), *span, end)
