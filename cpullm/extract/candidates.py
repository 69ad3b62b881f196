"""Which of a text's sentences may stand in a summary: no heading, no rule of asterisks, no note, no mere cry."""

from __future__ import annotations

from collections.abc import Sequence

import regex

from cpullm.splitters.sentences import is_whole
from cpullm.words import words

_LEAST_WORDS = 6
_LETTER = regex.compile(r"[\p{L}\p{M}]")
_LOWER = regex.compile(r"\p{Ll}|\p{Lo}")  # a heading in capitals has none; scripts without capitals have the second
_LEADER = regex.compile(r"(?:[.·…_]\s){3}\S*\s*\d|[.·_]{4}")  # to the page in a table of contents, a line to fill in
_MOST_INSIDE = 8  # sentences that go on within a note or a speech; a mark that is open longer was a slip
_PAIRS = {"“": "”", "«": "»", "「": "」", "『": "』"}
_CLOSING = frozenset(_PAIRS.values())
_BEFORE_QUOTE = "([*_ "


def candidates(sentences: Sequence[str]) -> list[int]:
    """The indices of what may be chosen: sentences that read as such, alone.

    Where there is none: those that only need their neighbours; else what has words; else all.
    """
    noted = _in_notes(sentences)
    whole = [i for i, sentence in enumerate(sentences) if i not in noted and is_sentence(sentence)]
    broken = _in_speeches(sentences)
    alone = [i for i in whole if i not in broken]
    return alone or whole or [i for i, text in enumerate(sentences) if words(text)] or list(range(len(sentences)))


def is_sentence(text: str) -> bool:
    """Whether it reads as a sentence: a few words, some in small letters, and an end."""
    n_signs = sum(not sign.isspace() for sign in text)
    return (
        is_whole(text)
        and len(words(text)) >= _LEAST_WORDS
        and 2 * len(_LETTER.findall(text)) > n_signs
        and _LOWER.search(text) is not None
        and _LEADER.search(text) is None
    )


def _in_notes(sentences: Sequence[str]) -> set[int]:
    """Those that an editor's square bracket begins, or that stand in one: [Transcriber's Note: …]."""
    noted: set[int] = set()
    opened: int | None = None
    for i, sentence in enumerate(sentences):
        if sentence.lstrip("( *_").startswith("["):
            opened = i
            noted.add(i)
        if opened is None:
            continue
        if sentence.rfind("]") > sentence.rfind("["):
            noted.update(range(opened, i + 1))
            opened = None
        elif i - opened >= _MOST_INSIDE:
            opened = None
    return noted


def _in_speeches(sentences: Sequence[str]) -> set[int]:
    """Those that are cut out of a quotation: it begins before them, or goes on behind them."""
    broken: set[int] = set()
    closing = ""  # what ends the quotation that is open
    n_inside = 0
    for i, sentence in enumerate(sentences):
        first = sentence.lstrip(_BEFORE_QUOTE)[:1]
        # Every paragraph of a long speech opens it anew; and a slip must not turn the rest of a book inside out.
        if (first == '"' and sentence.count('"') != 1) or first in _PAIRS or n_inside >= _MOST_INSIDE:
            closing = ""
        begins_inside = bool(closing)
        closing = _open_after(sentence, closing)
        n_inside = n_inside + 1 if closing else 0
        if begins_inside or closing:
            broken.add(i)
    return broken


def _open_after(sentence: str, closing: str) -> str:
    """What will end the quotation that is open after the sentence, empty if none is."""
    for sign in sentence:
        if sign == closing:
            closing = ""
        elif not closing and (sign == '"' or sign in _PAIRS):
            closing = _PAIRS.get(sign, '"')
    return closing
