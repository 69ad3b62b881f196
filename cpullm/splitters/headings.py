"""Lines that could be headings. Each candidate says its form and number; sequence.py decides which ones are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from cpullm.splitters import listed, looks
from cpullm.splitters.lines import Line, paragraphs
from cpullm.splitters.looks import UNREADABLE, Look, is_known

TITLE = "a title"
"""The form of titles without number or keyword."""
MIXED = "a title:m"
"""The form of titles in small letters with no more room above them than other paragraphs have."""
WORK = "a work"
"""The form of titles without number that only hold numbered headings: works in one volume, parts."""
LISTED = "a listed title"
"""The form of titles that the table of contents lists."""
NUMBERED = "a listed title:n"
"""The form of titles that the table of contents lists with a number before them."""

_MOST_TITLE_LINES = 3
_LONGEST_LINE = 160
_LONGEST_INNER = 60
_MARGIN_LINES = 4
_SLACK = 6
_QUOTES = frozenset("\"'“‘«„")
_LONGEST_TITLE = 400
_MOST_TITLE_WORDS = 15
_MOST_CAPITAL_WORDS = 40
_MOST_STOPPED_WORDS = 8
_MOST_BLANK_LINES = 3
_FEWEST_WITH_ROOM = 3
_MOST_WITH_ROOM = 0.2


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


def candidates(text: str, start: int, end: int) -> list[Heading]:
    """Every heading candidate of `text[start:end]`, in order."""
    blocks = paragraphs(text, start, end)
    titles, entries = listed.titles(blocks)
    room = _room(blocks)
    found: list[Heading] = []
    letters: dict[str, int | None] = {}
    before = -_MOST_BLANK_LINES
    for block in blocks:
        headings = _of_paragraph(block, letters)
        above = min(_MOST_BLANK_LINES, block[0].number - before - 1)
        before = block[-1].number
        title = titles.get(block[0].number)
        if block[0].number in entries:
            headings = [replace(heading, kind="contents") for heading in headings]
        elif title is not None:
            kind = headings[0].kind if headings and headings[0].number is None else "body"
            headings.append(_heading(block[: title.lines], Look(NUMBERED if title.numbered else LISTED, None, kind)))
        elif above >= room and not any(is_known(heading.form) and heading.number != UNREADABLE for heading in headings):
            headings += _title(block, room)
        found += headings
    return found


def looks_like_title(text: str) -> bool:
    """Short and in capitals, or short without the stop that ends a sentence."""
    if len(text) > _LONGEST_TITLE:
        return False
    words = len(text.split())
    if text.isupper():
        return words <= _MOST_CAPITAL_WORDS
    return 0 < words <= _MOST_TITLE_WORDS and text[-1].isalnum() and not text[0].islower()


def _room(blocks: Sequence[Sequence[Line]]) -> int:
    """How many blank lines stand over a title: as many as stand seldom, but more than once or twice."""
    above = [block[0].number - before[-1].number - 1 for before, block in pairwise(blocks)]
    for room in range(_MOST_BLANK_LINES, 1, -1):
        with_room = sum(blank >= room for blank in above)
        if with_room >= _FEWEST_WITH_ROOM and (room == _MOST_BLANK_LINES or with_room <= _MOST_WITH_ROOM * len(above)):
            return room
    return min(1, sum(above))


def _title(block: Sequence[Line], room: int) -> list[Heading]:
    """The title that a paragraph is, or that its first line is if prose begins on the next one."""
    lines = block if len(block) <= _MOST_TITLE_LINES else block[: int(_is_broken(block, 0))]
    text = " ".join(line.text for line in lines)
    stopped = room == _MOST_BLANK_LINES and _is_stopped_title(text.split())
    if not lines or not (stopped or looks_like_title(text)) or not any(sign.isalpha() for sign in text):
        return []
    if room > 1 or (text.isupper() and text[0] not in _QUOTES):
        return [_heading(lines, Look(TITLE, None))]
    mixed = room == 1 and looks.is_titled(text.split()) and text[0].isupper() and len(lines) == len(block)
    return [_heading(lines, Look(MIXED, None))] if mixed else []


def _is_stopped_title(words: Sequence[str]) -> bool:
    """Whether words are a title with a stop after it, and with none inside."""
    stops = [word[-1] in ".,;:" for word in words]
    return (
        1 < len(words) <= _MOST_STOPPED_WORDS
        and looks.is_titled(words)
        and stops == [False] * (len(words) - 1) + [True]
    )


def _of_paragraph(lines: Sequence[Line], letters: dict[str, int | None]) -> list[Heading]:
    """Headings that open the paragraph, one after the other, or stand inside it as a line with nothing else."""
    found: list[Heading] = []
    seen = [looks.look(lines[0].text, alone=len(lines) == 1 or _is_broken(lines, 0))]
    seen += [looks.look(line.text, alone=False) if len(line.text) <= _LONGEST_INNER else None for line in lines[1:]]
    place, opening = 0, True
    while place < len(lines):
        look = seen[place]
        if look and (opening or (look.form and (look.bare or _is_own_line(look, lines, place)))):
            rest = _title_lines(lines, seen, place)
            if rest is not None and not _is_sentence(look, lines[place : place + 1 + rest]):
                found.append(_heading(lines[place : place + 1 + rest], _counted(look, letters)))
                place += 1 + rest
                continue
        opening = False
        place += 1
    return found


def _is_own_line(look: Look, lines: Sequence[Line], place: int) -> bool:
    """Whether a heading with its title stands within a paragraph on a line of its own, a sentence ended above it."""
    text, before = lines[place].text, lines[place - 1].text
    if look.number is None or look.number < 0 or not is_known(look.form) or before[-1].isalnum() or before[-1] in ",;":
        return False
    return text.isupper() or (text[-1].isalnum() and (not text[0].isascii() or looks.is_titled(text.split())))


def _is_broken(lines: Sequence[Line], place: int) -> bool:
    """Whether a line ends although the next word would have fitted on it: then prose begins on the next line."""
    if place + 2 >= len(lines) or lines[place].text[-1] in ",;":
        return False
    margin = max(len(line.text) for line in lines[place + 1 : place + 1 + _MARGIN_LINES])
    return len(lines[place].text) + len(lines[place + 1].text.split(None, 1)[0]) + _SLACK < margin


def _is_sentence(look: Look, lines: Sequence[Line]) -> bool:
    """Whether a bare number opens prose, as the items of a list and the paragraphs of a law do."""
    if look.form or look.bare:
        return False
    words = " ".join(line.text for line in lines).split()
    return (
        len(words) > (_MOST_TITLE_WORDS if words[-1][-1] in ".;," else 2 * _MOST_TITLE_WORDS)
        and words[-1].upper() != words[-1]
    )


def _counted(look: Look, letters: dict[str, int | None]) -> Look:
    """A letter that is a Roman numeral too (C, I, V) is a letter if it comes after the one before it."""
    if look.number is None:
        return look
    value = look.letter
    if value is not None and value != look.number and letters.get(look.form) != value - 1:
        value = None
    letters[look.form] = value
    return look if value is None else Look(look.form, value, look.kind, look.bare)


def _heading(lines: Sequence[Line], look: Look) -> Heading:
    told = [line for line in lines if any(sign.isalnum() for sign in line.text)]
    title = " ".join(" ".join(line.text.split()) for line in told or lines)
    return Heading(look.form, look.number, title, lines[0].number, lines[0].start, lines[-1].end, look.kind)


def _title_lines(lines: Sequence[Line], seen: Sequence[Look | None], place: int) -> int | None:
    """How many lines after this one still belong to its title; None if it is the beginning of prose."""
    look = seen[place]
    bare = look is not None and look.bare
    following = place + 1
    while following < len(lines) and not _opens(seen[following]) and len(lines[following].text) <= _LONGEST_LINE:
        following += 1
        if following - place - 1 > _MOST_TITLE_LINES:
            return 0 if bare or _is_broken(lines, place) else None
    rest = following - place - 1
    if bare and rest and not looks_like_title(" ".join(line.text for line in lines[place + 1 : following])):
        return 0
    return rest


def _opens(look: Look | None) -> bool:
    """Whether a line opens a heading of its own: a chance number after some word does not."""
    return look is not None and is_known(look.form)
