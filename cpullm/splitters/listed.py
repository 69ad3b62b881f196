"""Titles that a table of contents lists and that stand again as lines of the text: these are headings."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from cpullm.splitters.lines import Line
from cpullm.splitters.looks import look

_FEWEST = 3
_FEWEST_UNNAMED = 4
_MOST_ENTRIES = 3000
_LONGEST_TITLE = 120
_MOST_TITLE_LINES = 3
_PROSE_LINE = 50
_PROSE_LINES = 4
_TITLE_PAGE = 60
_BEGINNING = 8
_SOON = 6
_STANZA_LINES = 4
_ROMAN = frozenset("ivxlc")
_STOPS = frozenset("。，；！？．")
_QUOTES = frozenset("\"“‘«„'")
_PAGE = re.compile(r"(?<![\s.·…_:,-])[\s.·…_:,-]*[\s.·…_](?:\d+|[ivxlcIVXLC]+)\.?$")
_NO_LETTERS = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"^\W*(?:\w+\W+)?(?:\d+|[ivxlcIVXLC]+)\b[\s.:)–—-]+")

_Paragraphs = Sequence[Sequence[Line]]


@dataclass(frozen=True, slots=True)
class Listed:
    """A title that the contents list: the lines it takes in the text, and whether its entry has a number too."""

    lines: int
    numbered: bool = False


def titles(paragraphs: _Paragraphs) -> tuple[dict[int, Listed], set[int]]:
    """Each listed title that stands again outside its list, by the number of its line; the list's own such lines."""
    place = _contents(paragraphs)
    if place is None:
        return _unnamed(paragraphs), set()
    entries, end = _entries(paragraphs, place + 1)
    before = paragraphs[max(0, place - _TITLE_PAGE) : place] if 2 * place < len(paragraphs) else []
    for line in chain.from_iterable(before):
        entries.pop(_key(line.text), None)
    found = _recurring(chain(paragraphs[:place], paragraphs[end:]), entries)
    if len(found) < _FEWEST:
        return {}, set()
    again = {_joined_key(block, found[block[0].number].lines) for block in paragraphs if block[0].number in found}
    lines = chain.from_iterable(paragraphs[place + 1 : end])
    return found, {line.number for line in lines if _key(_PAGE.sub("", line.text)) in again}


def _contents(paragraphs: _Paragraphs) -> int | None:
    """The paragraph that only says `contents`; the first one, before the last part of the text if there is one."""
    for place, paragraph in enumerate(paragraphs):
        first = paragraph[0].text
        if len(first) <= _PROSE_LINE and (seen := look(first, alone=True)) and seen.kind == "contents":
            return place
    return None


def _entries(paragraphs: _Paragraphs, first: int) -> tuple[dict[str, bool], int]:
    """The keys of the list's lines, alone and two together, and the paragraph after the list."""
    entries: dict[str, bool] = {}
    before, lines = "", 0
    for end in range(first, len(paragraphs)):
        paragraph = paragraphs[end]
        head = _key(paragraph[0].text)
        if (
            lines > _MOST_ENTRIES
            or _is_prose(paragraph)
            or (head in entries and end > first and _long_after(paragraphs, end, entries))
        ):
            return entries, end
        for line in paragraph:
            bare = _PAGE.sub("", line.text)
            title = _NUMBER.sub("", bare)
            for key in (_key(line.text), _key(bare), before + _key(bare), _key(title)):
                if _tells(key):
                    entries.setdefault(key, title != bare)
            before = _key(_NUMBER.sub("", line.text))
            lines += 1
    return entries, len(paragraphs)


def _recurring(paragraphs: Iterator[Sequence[Line]], entries: dict[str, bool]) -> dict[int, Listed]:
    found: dict[int, Listed] = {}
    beginnings = {key[:_BEGINNING] for key in entries}
    for paragraph in paragraphs:
        first = paragraph[0].text
        if len(first) > _LONGEST_TITLE or first[0].islower() or _STOPS & set(first):
            continue
        if first[0] in _QUOTES and not first.isupper():
            continue
        if _joined_key(paragraph, 2)[:_BEGINNING] not in beginnings and _key(first) not in entries:
            continue
        for count in range(min(_MOST_TITLE_LINES, len(paragraph)), 0, -1):
            key = _joined_key(paragraph, count)
            if key in entries:
                found[paragraph[0].number] = Listed(count, entries[key])
                break
    return found


def _unnamed(paragraphs: _Paragraphs) -> dict[int, Listed]:
    """Titles listed without the word `contents`: neighbouring lines that stand once more each, in their order."""
    places: dict[str, list[int]] = defaultdict(list)
    lines = list(chain.from_iterable(paragraphs))
    heads = {paragraph[0].number for paragraph in paragraphs}
    for place, line in enumerate(lines):
        if len(line.text) > _PROSE_LINE or line.text[0].islower() or line.text[-1] in ",;" or _STOPS & set(line.text):
            continue
        if _tells(key := _key(line.text)):
            places[key].append(place)
    pairs = sorted(found for found in places.values() if len(found) == 2 and lines[found[1]].number in heads)
    for block in _blocks(pairs):
        again = [second for _, second in block]
        if len(block) >= _FEWEST_UNNAMED and again == sorted(again) and again[0] > block[-1][0]:
            return {lines[second].number: Listed(1) for second in again}
    return {}


def _blocks(pairs: Sequence[list[int]]) -> list[list[list[int]]]:
    """Pairs whose first places follow on each other, the longest block first."""
    blocks: list[list[list[int]]] = []
    for pair in pairs:
        if blocks and pair[0] - blocks[-1][-1][0] <= 2:
            blocks[-1].append(pair)
        else:
            blocks.append([pair])
    return sorted(blocks, key=len, reverse=True)[:5]


def _is_prose(paragraph: Sequence[Line]) -> bool:
    long = sum(_width(line.text) > _PROSE_LINE and not line.text[-1].isdigit() for line in paragraph)
    return long >= _PROSE_LINES or any(len(line.text) > 3 * _LONGEST_TITLE for line in paragraph)


def _long_after(paragraphs: _Paragraphs, place: int, entries: dict[str, bool]) -> bool:
    """Whether prose or a stanza follows soon: then a title that was listed stands over its text."""
    return any(
        _is_prose(paragraph) or _width(paragraph[0].text) > _PROSE_LINE or _is_stanza(paragraph, entries)
        for paragraph in paragraphs[place + 1 : place + _SOON]
    )


def _is_stanza(paragraph: Sequence[Line], entries: dict[str, bool]) -> bool:
    """Whether several lines have neither a page number nor a listed title."""
    return len(paragraph) >= _STANZA_LINES and not any(
        line.text[-1].isdigit() or _key(line.text) in entries for line in paragraph
    )


def _width(text: str) -> int:
    """Columns that a line takes; signs of the East take two."""
    return len(text) if text.isascii() else max(len(text), len(text.encode()) * 2 // 3)


def _key(text: str) -> str:
    return _NO_LETTERS.sub("", text.casefold())


def _joined_key(lines: Sequence[Line], count: int) -> str:
    return _key("".join(line.text for line in lines[:count]))


def _tells(key: str) -> bool:
    """Whether a key has letters enough to be known again."""
    return len(key) > 1 and not key.isdecimal() and (len(key) > 2 or not key.isascii()) and not set(key) <= _ROMAN
