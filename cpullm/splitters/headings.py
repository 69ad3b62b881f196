"""Lines that could be headings. Each candidate says its form and number; sequence.py decides which ones are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cpullm.splitters.numbers import cardinal, chinese, ordinal, plain

LAST = -1
"""The number of a heading that says only that it is the last one."""
UNREADABLE = -2
"""The number of a heading whose form may be known, but not its number word."""
TITLE = "a title"
"""The form of titles without number or keyword."""

_LINE = re.compile(r"[^\n]+")
_LONGEST_LINE = 160
_MOST_TITLE_LINES = 3
_MOST_TITLE_WORDS = 15
_MOST_CAPITAL_WORDS = 40
_BLANK_LINES_BEFORE_TITLE = 3
_PUNCTUATION = ".,:;)]–—-"
_MARKUP = "#*_= \t\u3000"
# Numbered, but parts of a page, not of a book; and words that are no keyword.
_NOT_DIVISIONS = frozenset("fig figure footnote illustration image line note page plate table the vers verse".split())
_BEFORE_NUMBER = frozenset("the no no. nr nr. number".split())
_NAMED = {
    "front": "preface introduction foreword dedication avant-propos vorwort einleitung prologo prefacio prefazione 序",
    "body": "prologue epilogue conclusion interlude postscript prolog epilog epilogo 楔子 尾聲",
    "back": "afterword appendix appendices glossary index note notes nachwort anhang postface",
    "contents": "contents toc inhalt inhaltsverzeichnis indice sommaire 目錄 目录",
}
_KINDS = {word: kind for kind, words in _NAMED.items() for word in words.split()}


@dataclass(frozen=True, slots=True)
class Heading:
    """A candidate: `form` is its keyword in lower case (empty for a bare number), `number` is None if it has none.

    `start` is the offset of its line, `end` the offset after its title; `kind` is body, front, back or contents.
    """

    form: str
    number: int | None
    title: str
    line: int
    start: int
    end: int
    kind: str = "body"


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class _Look:
    """What a line would be as a heading; `bare` if nothing else stands on it."""

    form: str
    number: int | None
    kind: str = "body"
    bare: bool = True


def candidates(text: str, start: int, end: int) -> list[Heading]:
    """Every heading candidate of `text[start:end]`, in order."""
    found: list[Heading] = []
    before = -_BLANK_LINES_BEFORE_TITLE
    for paragraph in _paragraphs(text, start, end):
        headings = _of_paragraph(paragraph)
        unsure = all(heading.number == UNREADABLE for heading in headings)
        if unsure and paragraph[0].number - before > _BLANK_LINES_BEFORE_TITLE and _is_title(paragraph):
            headings.append(_heading(paragraph, _Look(TITLE, None)))
        found += headings
        before = paragraph[-1].number
    return found


def named_kind(word: str) -> str | None:
    """The kind of a part of a book that has a name of its own (`epilogue`, `preface`); None for other words."""
    return _KINDS.get(word)


def looks_like_title(text: str) -> bool:
    """Short and in capitals, or short without the stop that ends a sentence."""
    words = len(text.split())
    if text.isupper():
        return words <= _MOST_CAPITAL_WORDS
    return 0 < words <= _MOST_TITLE_WORDS and text[-1].isalnum() and not text[0].islower()


def _is_title(lines: Sequence[_Line]) -> bool:
    text = " ".join(line.text for line in lines) if len(lines) <= _MOST_TITLE_LINES else ""
    return looks_like_title(text) and any(sign.isalpha() for sign in text)


def _paragraphs(text: str, start: int, end: int) -> Iterator[list[_Line]]:
    paragraph: list[_Line] = []
    number, place = text.count("\n", 0, start) + 1, start
    for match in _LINE.finditer(text, start, end):
        newlines = text.count("\n", place, match.start())
        number, place = number + newlines, match.start()
        if newlines > 1 and paragraph:
            yield paragraph
            paragraph = []
        line = match.group().strip()
        if line:
            paragraph.append(_Line(number, match.start(), match.end(), line))
        elif paragraph:
            yield paragraph
            paragraph = []
    if paragraph:
        yield paragraph


def _of_paragraph(lines: Sequence[_Line]) -> list[Heading]:
    """Headings that open the paragraph, one after the other, or stand inside it as a line with nothing else."""
    found: list[Heading] = []
    looks = [_look(line.text, alone=len(lines) == 1) for line in lines]
    looks[1:] = [None if look and look.number == UNREADABLE else look for look in looks[1:]]
    place, opening = 0, True
    while place < len(lines):
        look = looks[place]
        if look and (opening or (look.bare and look.form)):
            rest = _title_lines(lines, looks, place)
            if rest is not None:
                found.append(_heading(lines[place : place + 1 + rest], look))
                place += 1 + rest
                continue
        opening = False
        place += 1
    return found


def _heading(lines: Sequence[_Line], look: _Look) -> Heading:
    title = " ".join(" ".join(line.text.split()) for line in lines)
    return Heading(look.form, look.number, title, lines[0].number, lines[0].start, lines[-1].end, look.kind)


def _title_lines(lines: Sequence[_Line], looks: Sequence[_Look | None], place: int) -> int | None:
    """How many lines after this one still belong to its title; None if it is the beginning of prose."""
    look = looks[place]
    bare = look is not None and look.bare
    following = place + 1
    while following < len(lines) and not looks[following]:
        following += 1
        if following - place - 1 > _MOST_TITLE_LINES:
            return 0 if bare else None
    rest = following - place - 1
    if bare and rest and not looks_like_title(" ".join(line.text for line in lines[place + 1 : following])):
        return 0
    return rest


def _look(line: str, *, alone: bool) -> _Look | None:
    if len(line) > _LONGEST_LINE:
        return None
    line = line.strip(_MARKUP)
    if not line or line[0].islower():
        return None
    if line[0] == "第":
        return _chinese(line)
    tokens = line[:80].replace("--", " -- ").replace("—", " — ").split()
    first = tokens[0].rstrip(_PUNCTUATION)
    if alone and len(tokens) <= 3:
        name = plain(tokens[-1].rstrip(_PUNCTUATION))
        kind = named_kind(name)
        if kind and (len(tokens) == 1 or kind != "body"):
            return _Look(name, None, kind)
    number = cardinal(first)
    if number is not None and (len(tokens) == 1 or first != tokens[0]):
        return _Look("", number, bare=len(tokens) == 1)
    if len(tokens) == 1:
        return None
    return _numbered(tokens, first) or _number_first(tokens)


def _chinese(line: str) -> _Look | None:
    """第…回, 第…章: the unit's sign is the form, and white space or nothing follows it."""
    head = line.split(None, 1)[0].rstrip(":：")
    number = chinese(head[1:-1])
    return None if number is None else _Look(head[-1], number)


def _numbered(tokens: Sequence[str], keyword: str) -> _Look | None:
    if not keyword.isalpha() or len(keyword) < 3 or plain(keyword) in _NOT_DIVISIONS:
        return None
    place = 2 if len(tokens) > 2 and tokens[1].casefold() in _BEFORE_NUMBER else 1
    token = tokens[place].rstrip(_PUNCTUATION)
    number = LAST if place == 2 and token.casefold() == "last" else cardinal(token)
    if number is None:
        return None
    name = plain(keyword)
    return _Look(name, number, named_kind(name) or "body", bare=len(tokens) == place + 1)


def _number_first(tokens: Sequence[str]) -> _Look | None:
    place = 1 if tokens[0].casefold() == "the" else 0
    if len(tokens) < place + 2:
        return None
    number, keyword = ordinal(tokens[place]), tokens[place + 1].rstrip(_PUNCTUATION)
    alone = len(tokens) == place + 2
    if number is None and alone and place == 0 and tokens[0].isalpha():
        number = UNREADABLE
    if number is None or not keyword.isalpha() or not (alone or tokens[place + 1] != keyword):
        return None
    name = plain(keyword)
    return _Look(name, number, named_kind(name) or "body", bare=alone)
