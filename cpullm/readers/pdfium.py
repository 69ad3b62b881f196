"""Runs PDFium in a process of its own, under limits: damage can crash it, and a PDF of 2 kB can keep it for ever.

The source of this module is that process's program: standard library and pypdfium2 only. Its arguments are where that
is installed, the memory it may take besides that for the file, in bytes, and the seconds that it may spend on one page.
It takes a PDF on standard input and prints JSON lines: `{"pages", "title", "outline"}`, then for each page
`{"lines", "drawn"}`; or `{"error"}`.
Each line is `[text, left, right, base, size]` in points, in the direction in which most of the page is written; what
stands across it (stamps, labels of axes) is left out. `drawn` says that the page shows something without any text.
"""

import json
import math
import resource
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from ctypes import c_double
from typing import Any

_MOST_PAGES = 20_000
_MOST_CHARACTERS = 50_000_000
_MOST_BOOKMARKS = 20_000
_MEMORY_PER_BYTE = 8
_SECONDS, _SECONDS_PER_PAGE, _MOST_SECONDS = 15, 0.1, 300  # of the processor, for the whole document
_WIDE_GAP = 1.2
_FARTHEST = 1e6
_HYPHENS = "\ufffe\x02"  # what PDFium puts for a hyphen at a line's end
_DIRECTIONS = ((1, 0), (0, 1), (-1, 0), (0, -1))


def main() -> None:
    """Read a PDF from standard input, print its lines."""
    place, memory, seconds = sys.argv[1:]
    sys.path.append(place)
    import pypdfium2 as pdfium

    data = sys.stdin.buffer.read()
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_AS, int(memory) + _MEMORY_PER_BYTE * len(data))
    _lower(resource.RLIMIT_CPU, _SECONDS)
    signal.setitimer(signal.ITIMER_PROF, float(seconds))
    try:
        pdf = pdfium.PdfDocument(data)
        n_pages = len(pdf)
        if n_pages > _MOST_PAGES:
            return _say({"error": f"has {n_pages} pages, more than {_MOST_PAGES}; cut it into parts."})
        _say({"pages": n_pages, "title": _title(pdf), "outline": _outline(pdf)})
        _lower(resource.RLIMIT_CPU, min(_MOST_SECONDS, int(_SECONDS + _SECONDS_PER_PAGE * n_pages)))
        _print_pages(pdf, n_pages, float(seconds))
    except pdfium.PdfiumError as error:
        _say({"error": _reason(str(error))})


def _print_pages(pdf: Any, n_pages: int, seconds: float) -> None:
    n_characters = 0
    for number in range(n_pages):
        signal.setitimer(signal.ITIMER_PROF, seconds)
        lines, drawn = _lines(pdf, number)
        n_characters += sum(len(line[0]) for line in lines)
        if n_characters > _MOST_CHARACTERS:
            return _say({"error": f"holds more than {_MOST_CHARACTERS} characters; cut it into parts."})
        _say({"lines": lines, "drawn": drawn})


def _say(value: object) -> None:
    print(json.dumps(value), flush=True)


def _lower(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]
    try:
        resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    except (ValueError, OSError):  # macOS knows RLIMIT_AS and refuses it
        pass


def _reason(error: str) -> str:
    if "password" in error.lower() or "security" in error.lower():
        return "is an encrypted PDF; save it without its password first."
    said = error.replace(" (PDFium: Success)", "").rstrip(".")
    return f"is a damaged PDF ({said}); get it again, or save it anew."


def _title(pdf: Any) -> str:
    return str(pdf.get_metadata_value("Title"))


def _outline(pdf: Any) -> list[tuple[int, int, str]]:
    """The bookmarks that lead to a page: level from 1, page from 0, title."""
    found: list[tuple[int, int, str]] = []
    for n_seen, bookmark in enumerate(pdf.get_toc()):
        if n_seen >= _MOST_BOOKMARKS:
            break
        target = bookmark.get_dest()
        page = target.get_index() if target else None
        if page is not None:
            found.append((bookmark.level + 1, page, bookmark.get_title()))
    return found


def _lines(pdf: Any, number: int) -> tuple[list[list[Any]], bool]:
    from pypdfium2 import PdfiumError

    try:
        page = pdf[number]
        text = page.get_textpage()
    except PdfiumError as error:
        raise PdfiumError(f"page {number + 1} of {len(pdf)} cannot be read: {error}") from error
    try:
        lines = list(_segments(text.raw))
        drawn = not lines and next(page.get_objects(max_depth=1), None) is not None
    finally:
        text.close()
        page.close()
    turns = Counter(turn for turn, line in lines for _ in line[0])
    most = turns.most_common(1)[0][0] if turns else 0
    return [line for turn, line in lines if turn == most], drawn


def _segments(text: Any) -> Iterator[tuple[int, list[Any]]]:
    """The page's lines in the order it draws them, cut where a gap is wide, each with its direction."""
    words: list[tuple[Any, ...]] = []
    for word in _words(text):
        if words and not _goes_on(words[-1], word):
            yield _segment(words)
            words = []
        words.append(word)
    if words:
        yield _segment(words)


def _goes_on(last: tuple[Any, ...], word: tuple[Any, ...]) -> bool:
    _, turn, size, base, _, right, ends = last
    high = max(size, word[2])
    gap = word[4] - right
    return bool(not ends and turn == word[1] and abs(base - word[3]) < 0.6 * high and -high < gap < _WIDE_GAP * high)


def _segment(words: list[tuple[Any, ...]]) -> tuple[int, list[Any]]:
    """The words of one line; its size and base are those of most of its characters."""
    sizes: Counter[float] = Counter()
    for word in words:
        sizes[word[2]] += len(word[0])
    size = sizes.most_common(1)[0][0]
    base = next(word[3] for word in words if word[2] == size)
    left, right = min(word[4] for word in words), max(word[5] for word in words)
    return words[0][1], [" ".join(word[0] for word in words), round(left, 1), round(right, 1), round(base, 1), size]


def _words(text: Any) -> Iterator[tuple[Any, ...]]:
    """`(word, direction, size, base, left, right, ends its line)` for each word of the page."""
    import pypdfium2.raw as pdfium

    codes = [pdfium.FPDFText_GetUnicode(text, index) for index in range(max(0, pdfium.FPDFText_CountChars(text)))]
    characters = [chr(code) if code < 0x110000 else "\ufffd" for code in codes]
    first = 0
    for index, character in enumerate([*characters, "\n"]):
        hyphen = character in _HYPHENS
        if not (character.isspace() or character == "\0" or hyphen):
            continue
        if first < index:
            word = "".join(characters[first:index]) + "-" * hyphen
            yield word, *_place(text, first, index - 1), hyphen or character in "\r\n"
        first = index + 1


def _place(text: Any, first: int, last: int) -> tuple[int, float, float, float, float]:
    """Direction (quarters of a turn), size, base, left and right end of the characters `first` to `last`."""
    import pypdfium2.raw as pdfium

    matrix, x, y = pdfium.FS_MATRIX(), c_double(), c_double()
    pdfium.FPDFText_GetMatrix(text, first, matrix)
    pdfium.FPDFText_GetCharOrigin(text, first, x, y)
    turn = round(2 * math.atan2(_real(matrix.b), _real(matrix.a)) / math.pi) % 4
    size = _real(pdfium.FPDFText_GetFontSize(text, first) * math.hypot(matrix.c, matrix.d))
    ux, uy = _DIRECTIONS[turn]
    corners = [*_corners(text, first), *_corners(text, last)]
    along = [ux * at_x + uy * at_y for at_x, at_y in corners]
    base = ux * _real(y.value) - uy * _real(x.value)
    return turn, max(1.0, round(size, 1)), base, min(along), max(along)


def _corners(text: Any, index: int) -> tuple[tuple[float, float], tuple[float, float]]:
    import pypdfium2.raw as pdfium

    left, right, bottom, top = c_double(), c_double(), c_double(), c_double()
    pdfium.FPDFText_GetCharBox(text, index, left, right, bottom, top)
    return (_real(left.value), _real(bottom.value)), (_real(right.value), _real(top.value))


def _real(value: float) -> float:
    """The number, or the nearest that a page could have: a hostile one has places that are infinite or no number."""
    return 0.0 if math.isnan(value) else max(-_FARTHEST, min(value, _FARTHEST))


if __name__ == "__main__":
    main()
