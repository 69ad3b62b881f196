"""Lines of text with their places on pages → lines in reading order, without running heads and page numbers. Pure."""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

_EDGE = 3  # running heads are among so many lines from the top or the bottom
_LONGEST_HEAD = 200
_ALOOF = 1.5  # sizes from a head to the text
_REPEATS = 3
_REPEATS_NUMBERED_TOP = 5  # "Chapter 1", "Chapter 2" … each on a page of its own may be no running head
LARGER = 1.15  # than the body's size: a heading
_FOR_HEIGHTS = 5
_COLUMN_ROWS = 4
_COLUMN_WORDS = 3
_CELL_GAP = 2.0
_MOST_FEET = 4
_NUMBER = re.compile(r"\d{1,5}")
_ROMAN = re.compile(r"[ivxlc]{1,8}")
_ROMAN_DIGITS = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}

Key = tuple[bool, str, bool]


@dataclass(frozen=True, slots=True)
class Line:
    """A line, or a piece of one: its text, its left and right end, its base line (upwards) and size, in points.

    The size is at least 1.
    """

    text: str
    left: float
    right: float
    base: float
    size: float
    page: int


def body_size(pages: list[list[Line]]) -> float:
    """The size of most characters."""
    sizes: Counter[float] = Counter()
    for page in pages:
        for line in page:
            sizes[line.size] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def without_furniture(pages: list[list[Line]]) -> list[list[Line]]:
    """The pages without what repeats at their top or bottom, numbers that count the pages apart."""
    largest = body_size(pages) * LARGER
    where: dict[Key, list[int]] = defaultdict(list)
    for number, page in enumerate(pages):
        edges = [(top, line) for top in (True, False) for row in _edge(page, top)[:_EDGE] for line in row]
        for key in {key for top, line in edges for key in _keys(line, top)}:
            where[key].append(number)
    repeated = {key: set(numbers) for key, numbers in where.items() if len(numbers) >= _needed(key, len(pages))}
    furniture = [_furniture(page, repeated, largest) for page in pages]
    heights = _heights(furniture)
    furniture = [_furniture(page, repeated, largest, heights) for page in pages]
    left = [[line for line in page if line not in out] for page, out in zip(pages, furniture, strict=True)]
    return left if any(left) else pages


def _needed(key: Key, n_pages: int) -> int:
    top, text, counted = key
    if top and counted and any(character.isalpha() for character in text):
        return _REPEATS_NUMBERED_TOP
    return max(2, min(_REPEATS, n_pages))


def _edge(page: list[Line], top: bool) -> list[list[Line]]:
    """The outermost rows of the page from the outside in, and one more."""
    rows: dict[int, list[Line]] = defaultdict(list)
    for line in page:
        rows[round(line.base)].append(line)
    return [rows[base] for base in sorted(rows, reverse=top)[: _EDGE + 1]]


def _keys(line: Line, top: bool) -> Iterator[Key]:
    """What the line would have in common with another page's: its text, or its text with a number that counts pages."""
    text = line.text.casefold()
    if len(text) > _LONGEST_HEAD:
        return
    yield top, text, False
    if _ROMAN.fullmatch(text):
        yield top, str(_roman(text) - line.page), True
    for number in _NUMBER.finditer(text):
        yield top, f"{text[: number.start()]}{int(number[0]) - line.page:+}{text[number.end() :]}", True


def _roman(text: str) -> int:
    values = [_ROMAN_DIGITS[digit] for digit in text]
    following = [*values[1:], 0]
    return sum(-value if value < after else value for value, after in zip(values, following, strict=True))


def _furniture(
    page: list[Line], repeated: dict[Key, set[int]], largest: float, heights: frozenset[tuple[bool, int]] = frozenset()
) -> dict[Line, bool]:
    """The lines that repeat, from the outside in up to the first row that does not, and whether they are at the top.

    They stand apart from the text; a line that does not is text, though it may be a refrain.
    """
    found: dict[Line, bool] = {}
    for top in (True, False):
        rows = _edge(page, top)
        outer: list[Line] = []
        for row, inner in zip(rows[:_EDGE], [*rows[1:], None], strict=False):
            here = [line for line in row if line.size <= largest and _repeats(line, top, repeated, heights)]
            outer += here
            if inner is None or abs(row[0].base - inner[0].base) > _ALOOF * inner[0].size:
                found.update(dict.fromkeys(outer, top))
            if len(here) < len(row):
                break
    return found


def _repeats(line: Line, top: bool, repeated: dict[Key, set[int]], heights: frozenset[tuple[bool, int]]) -> bool:
    return (top, round(line.base)) in heights or any(_near(key, line, repeated) for key in _keys(line, top))


def _near(key: Key, line: Line, repeated: dict[Key, set[int]]) -> bool:
    pages = repeated.get(key, ())
    return any(line.page + step in pages for step in (-2, -1, 1, 2))


def _heights(furniture: list[dict[Line, bool]]) -> frozenset[tuple[bool, int]]:
    """The heights at which most pages have furniture; a head that occurs only once stands there too."""
    counts = Counter(height for out in furniture for height in {(top, round(line.base)) for line, top in out.items()})
    return frozenset(height for height, n_pages in counts.items() if 2 * n_pages > len(furniture) >= _FOR_HEIGHTS)


def feet_last(page: list[Line]) -> list[Line]:
    """The page's lines as drawn, but what is drawn first and stands below all else, as some notes, at its end."""
    feet: list[list[Line]] = []
    while len(feet) < _MOST_FEET and (n := _foot(page)):
        feet.append(page[:n])
        page = page[n:]
    feet.sort(key=lambda foot: -foot[0].base)
    return [*page, *itertools.chain.from_iterable(feet)]


def _foot(page: list[Line]) -> int:
    """How many lines are drawn before others that all stand above them and go down the page."""
    lowest = list(itertools.accumulate((line.base for line in reversed(page)), min))[::-1]
    highest = itertools.accumulate((line.base for line in page), max)
    n = next((n for n, (up, down) in enumerate(zip(highest, lowest[1:], strict=False), 1) if up < down), 0)
    downwards = sum(one.base > two.base for one, two in itertools.pairwise(page[n:]))
    return n if 0 < 2 * n <= len(page) and 2 * downwards > len(page) - n - 1 else 0


def in_reading_order(lines: list[Line], depth: int = 3) -> list[Line]:
    """The page's lines, the pieces of one line joined (cells by a tab); what is set in columns is read by columns.

    The order in which the page was drawn holds, except where it runs across columns of text.
    """
    rows = _rows(lines)
    gutter = _gutter(rows) if depth else None
    if gutter is None:
        return [_joined(row) for row in rows]
    ordered: list[Line] = []
    left: list[Line] = []
    right: list[Line] = []
    for row in rows:
        if any(piece.left < gutter < piece.right for piece in row):
            ordered += [*in_reading_order(left, depth - 1), *in_reading_order(right, depth - 1), _joined(row)]
            left, right = [], []
        else:
            left += [piece for piece in row if piece.left < gutter]
            right += [piece for piece in row if piece.left >= gutter]
    return [*ordered, *in_reading_order(left, depth - 1), *in_reading_order(right, depth - 1)]


def _rows(lines: list[Line]) -> list[list[Line]]:
    """The lines that follow each other on one height, from left to right, together."""
    rows: list[list[Line]] = []
    for line in lines:
        last = rows[-1][-1] if rows else None
        if last and abs(last.base - line.base) < 0.3 * last.size and last.right <= line.left:
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows


def _joined(row: list[Line]) -> Line:
    longest = max(row, key=lambda piece: len(piece.text))
    text = row[0].text
    for one, two in itertools.pairwise(row):
        text += ("\t" if two.left - one.right > _CELL_GAP * longest.size else " ") + two.text
    return replace(row[0], text=text, right=row[-1].right, size=longest.size, base=longest.base)


def _gutter(rows: list[list[Line]]) -> float | None:
    """The place that most gaps between pieces share, if text, not a table's cells, stands on both sides of it."""
    gaps = [(one.right, two.left) for row in rows for one, two in itertools.pairwise(row)]
    if len(gaps) < _COLUMN_ROWS:
        return None
    edges = sorted([(left, 1) for left, _ in gaps] + [(right, -1) for _, right in gaps])
    most = depth = 0
    gutter = 0.0
    for (at, step), (after, _) in itertools.pairwise(edges):
        depth += step
        if depth > most:
            most, gutter = depth, (at + after) / 2
    return gutter if most >= _COLUMN_ROWS and _is_text(rows, gutter) else None


def _is_text(rows: list[list[Line]], gutter: float) -> bool:
    across = [row for row in rows if row[0].right <= gutter <= row[-1].left]
    words = sorted(len(piece.text.split()) for row in across for piece in row)
    return words[len(words) // 2] >= _COLUMN_WORDS
