"""Lines of pages → paragraphs, by gaps, indentation and short last lines; words broken at line ends joined. Pure."""

from __future__ import annotations

import itertools
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cpullm.readers.pages import LARGER, Line, body_size

_SMALLER = 0.92  # than the body's size: a note
_GAP, _HEADING_GAP = 1.25, 1.6  # leadings between paragraphs, between the lines of two headings
_INDENT = 0.4  # ems
_LONGEST_WORD = 100
_MANY, _JUSTIFIED = 10, 0.2  # lines, and what share of them ends at one place
_BREAK, _LINE, _SPACE = "\n\n", "\n", " "
_ITEM = re.compile(r"(?:[•‣◦▪●○–*·-]|\(?(?:\d{1,3}|[a-zA-Z])[.)]|\[\d+\])\s")
_BULLET = re.compile(r"[•‣◦▪●○]\s?")
_LEADER = re.compile(r"(?:[.·…_]\s?){4}\s*\S{1,8}$")
_WORD = re.compile(r"\w+(?:[-‐]\w+)*")
_ENDS_BROKEN = re.compile(r"(\w+)[-‐\xad]$")
_SENTENCE_END = re.compile(r"[.!?:…。！？][\"'”’»)\]*_]*$")
_DASH = re.compile(r"\S(?:—|--)$")
_BEGINS = re.compile(r"[^\W\d_]+")
_CJK = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60\U00020000-\U0003ffff]")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph or heading: its lines, and before each what joins it to the last. `level` is 0 for a paragraph."""

    lines: tuple[Line, ...]
    joints: tuple[str, ...]
    level: int = 0


@dataclass(frozen=True, slots=True)
class _Column:
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is usual: size and width in points, leading in sizes, offset of lines and of first lines in ems."""

    size: float
    width: float
    leading: float
    offset: float
    indent: float
    columns: dict[Line, _Column]


def blocks(pages: list[list[Line]], headings: Mapping[Line, tuple[int, int]]) -> Iterator[Block]:
    """The paragraphs of the pages' lines, running on across columns and pages; notes stand after the paragraph.

    `headings`: first line → number of lines and level of what is known to be a heading.
    """
    shape = _shape(pages)
    notes: deque[list[Line]] = deque()
    lines: list[Line] = []
    for page in pages:
        text, small = _notes_apart(page, shape.size)
        lines += text
        if small:
            notes.append(small)
    for block, following in _cut(lines, shape, headings):
        yield block
        while notes and (following is None or notes[0][0].page < following.page):
            yield from (note for note, _ in _cut(notes.popleft(), shape, {}))


def _notes_apart(page: list[Line], size: float) -> tuple[list[Line], list[Line]]:
    first = len(page)
    while first and page[first - 1].size < _SMALLER * size:
        first -= 1
    return (page[:first], page[first:]) if first else (page, [])


def _cut(
    lines: list[Line], shape: _Shape, headings: Mapping[Line, tuple[int, int]]
) -> Iterator[tuple[Block, Line | None]]:
    """Each block, with the line after it."""
    at = 0
    while at < len(lines):
        n_lines, level = headings.get(lines[at], (0, 0))
        block = lines[at : at + n_lines]
        joints = [_SPACE] * n_lines
        if not level:
            block, joints = _paragraph(lines, at, shape, headings)
        at += len(block)
        yield Block(tuple(block), tuple(joints), level), lines[at] if at < len(lines) else None


def _paragraph(
    lines: list[Line], at: int, shape: _Shape, headings: Mapping[Line, tuple[int, int]]
) -> tuple[list[Line], list[str]]:
    block, joints = [lines[at]], [""]
    filled = False
    for number in range(at + 1, len(lines)):
        if lines[number] in headings:
            break
        following = lines[number + 1] if number + 1 < len(lines) else None
        joint = _joint(block, lines[number], shape)
        alone = following is None or _joint([lines[number]], following, shape) != _SPACE
        if joint == _BREAK or (alone and _may_end(block, lines[number], joint, shape)):
            break
        prose_follows = following is not None and not _fits(lines[number], following, shape)
        if joint == _LINE and (filled or prose_follows) and not _is_row(lines[number - 1]):
            break
        filled = filled or joint == _SPACE
        block.append(lines[number])
        joints.append(joint)
    return block, joints


def _may_end(block: list[Line], line: Line, joint: str, shape: _Shape) -> bool:
    """Whether a block may end with its page or column, before a line that is a paragraph or a heading by itself."""
    if shape.columns[block[-1]] is shape.columns[line]:
        return False
    return _SENTENCE_END.search(block[-1].text) is not None if joint == _SPACE else len(block) == 1


def _joint(block: list[Line], line: Line, shape: _Shape) -> str:
    """What stands between the block and the line after it: a paragraph's end, a line's end or a space."""
    last = block[-1]
    together = shape.columns[last] is shape.columns[line]
    large = last.size > LARGER * shape.size
    gap = (last.base - line.base) / line.size
    if _differ(last, line):
        return _BREAK
    if together and gap > (_HEADING_GAP if large else _GAP) * shape.leading:
        return _BREAK
    if large:
        return _SPACE if together else _BREAK
    if _broken_at_end(last.text) and line.text[0].islower():
        return _SPACE
    if _is_row(last) or _is_row(line):
        return _LINE
    if _begins_paragraph(block, line, shape):
        return _BREAK
    return _LINE if _fits(last, line, shape) else _SPACE


def _differ(one: Line, other: Line) -> bool:
    return abs(one.size - other.size) > (1 - _SMALLER) * max(one.size, other.size)


def _is_row(line: Line) -> bool:
    """Whether it is a row of a table or an entry of a table of contents."""
    return "\t" in line.text or _LEADER.search(line.text) is not None


def _begins_paragraph(block: list[Line], line: Line, shape: _Shape) -> bool:
    """Whether the line's indentation, or its number or bullet, makes it a paragraph's first."""
    last = block[-1]
    before, here = _offset(last, shape), _offset(line, shape)
    is_item = _ITEM.match(block[0].text) is not None
    if _BULLET.match(line.text) or (is_item and _ITEM.match(line.text)):
        return True
    if here > before + _INDENT:
        return not (is_item and len(block) == 1 and not _fits(last, line, shape))
    if here < before - _INDENT:
        return here < -_INDENT or len(block) > 1
    return len(block) == 1 and here > _INDENT and abs(here - shape.indent) < _INDENT


def _offset(line: Line, shape: _Shape) -> float:
    return (line.left - shape.columns[line].left) / line.size - shape.offset


def _fits(last: Line, line: Line, shape: _Shape) -> bool:
    """Whether the line's first word had room at the end of the last one, which so ends on purpose."""
    word = 1 if _CJK.match(line.text) else len(line.text.split(maxsplit=1)[0])
    width = (line.right - line.left) * word / len(line.text)
    column = shape.columns[last]
    end = column.right if column is shape.columns[line] else max(column.right, column.left + shape.width)
    return last.right + width + 0.5 * last.size < end


def _shape(pages: list[list[Line]]) -> _Shape:
    size = body_size(pages) or 1.0
    columns = [column for page in pages for column in _columns(page)]
    widths = sorted(max(line.right for line in column) - min(line.left for line in column) for column in columns)
    usual = widths[len(widths) // 2] if widths else 0.0
    places = {line: place for column in columns for place in [_column(column, usual)] for line in column}
    body = [line for column in columns for line in column if abs(line.size - size) < 0.1 * size]
    gaps = Counter(
        round((one.base - two.base) / size, 1)
        for column in columns
        for one, two in itertools.pairwise(column)
        if one.size == two.size == size and one.base - two.base > 0.5 * size
    )
    offsets = Counter(round(2 * (line.left - places[line].left) / size) / 2 for line in body)
    offset = _most(offsets, 0.0)
    indents = Counter({at - offset: count for at, count in offsets.items() if at - offset > _INDENT})
    return _Shape(size, usual, _most(gaps, 1.2), offset, _most(indents, 0.0), places)


def _most(counts: Counter[float], otherwise: float) -> float:
    return max(counts, key=lambda value: (counts[value], -value)) if counts else otherwise


def _columns(page: list[Line]) -> Iterator[list[Line]]:
    """The runs of lines of one size that go down the page."""
    column: list[Line] = []
    for line in page:
        if column and (line.base > column[-1].base + 0.5 * line.size or _differ(line, column[-1])):
            yield column
            column = []
        column.append(line)
    if column:
        yield column


def _column(lines: list[Line], usual: float) -> _Column:
    """The left and right end of a column of text; one line that sticks out does not count.

    The right end is where many lines end, as in justified text, else where the longest ones do.
    """
    lefts, rights = sorted(line.left for line in lines), sorted(line.right for line in lines)
    many = len(lines) >= _MANY
    left, right = (lefts[1], rights[-2]) if many else (lefts[0], max(rights[-1], lefts[0] + usual))
    at, count = Counter(map(round, rights)).most_common(1)[0]
    return _Column(left, at if many and count >= _JUSTIFIED * len(lines) else right)


def words(lines: Iterable[Line]) -> frozenset[str]:
    """Every word and hyphenated compound of the lines, in lower case, without those that a line's end breaks."""
    known: set[str] = set()
    was_broken = False
    for line in lines:
        found = _WORD.findall(line.text)
        broken = _broken_at_end(line.text) is not None
        known.update(word.casefold() for word in found[was_broken : len(found) - broken])
        was_broken = broken
    return frozenset(known)


def text(block: Block, known: frozenset[str]) -> str:
    """The block's text; of a word broken at a line's end, `known` words decide whether its hyphen stays."""
    parts = [block.lines[0].text]
    for line, joint in zip(block.lines[1:], block.joints[1:], strict=True):
        if joint == _SPACE:
            parts[-1], joint = _mended(parts[-1], line.text, known)
        parts += [joint, line.text]
    return "".join(parts).replace("\xad", "")


def _mended(last: str, following: str, known: frozenset[str]) -> tuple[str, str]:
    """The last line's text without a hyphen that only breaks a word, and what joins the following line to it."""
    broken, begins = _broken_at_end(last), _BEGINS.match(following)
    if broken and begins:
        return (last if _is_compound(broken[1], begins[0], known) and last[-1] != "\xad" else last[:-1]), ""
    if broken or _DASH.search(last):
        return last, ""
    return last, "" if _CJK.match(last[-1]) and _CJK.match(following) else _SPACE


def _broken_at_end(last: str) -> re.Match[str] | None:
    # Of the end alone: searched in a line of a million letters the pattern would start at each of them.
    return _ENDS_BROKEN.search(last[-_LONGEST_WORD:])


def _is_compound(one: str, two: str, known: frozenset[str]) -> bool:
    """Whether the hyphen between the two belongs there: the text has them so elsewhere, or has both as words."""
    first, second = one.casefold(), two.casefold()
    if not two[0].islower() and not f"{one}{two}".isupper():
        return True
    return f"{first}{second}" not in known and (f"{first}-{second}" in known or {first, second} <= known)
