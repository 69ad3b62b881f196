"""Where a book begins and ends between the header and the licence that Project Gutenberg puts round it.

The forms changed over the years: `*END*THE SMALL PRINT!` closed the header until about 2003, `*** START OF` since.
Files without an end marker have a closing line, in the book's language.
"""

from __future__ import annotations

import re

_OPENING = re.compile(r"^[ \t]{0,40}\*\*\*[ \t]{0,4}START OF\b", re.IGNORECASE | re.MULTILINE)
_SMALL_PRINT_END = re.compile(r"^[ \t]{0,40}\*[ \t]?END[ \t]?\*?[ \t]?THE SMALL PRINT[^\n]{0,200}$", re.MULTILINE)
_SMALL_PRINT = re.compile(r"^[ \t]{0,40}\*{3}[ \t]?START[ \t]?\*\*[ \t]?THE SMALL PRINT", re.MULTILINE)
_CREDITS = re.compile(
    r"\s{0,200}(?:this |the )?(?:produced|transcribed|prepared|scanned|e-?text prepared|"
    r"e-?(?:text|book) was (?:produced|prepared|transcribed|scanned)|project gutenberg e-?(?:text|book)[^\n]{0,80})"
    r"(?: (?:by|of)\b|\n)",
    re.IGNORECASE,
)
_CLOSING = re.compile(r"^[ \t]{0,40}\*\*\*[ \t]{0,4}END OF\b", re.IGNORECASE | re.MULTILINE)
_CLOSING_LINE = re.compile(
    r"^[ \t*_]{0,40}(?:end of (?:the |this )?|ende (?:dieses |diese |des )?|fin de |fine (?:di |del )?|fin del? )"
    r"(?:pro[jy]e[ck]t|progetto) gutenberg",
    re.IGNORECASE | re.MULTILINE,
)
_MARKER_LINES = 3
_LONGEST_MARKER = 400
_MOST_CREDITS = 4
_BLANK_LINE = re.compile(r"\n[^\S\n]{0,80}\n")


def body(text: str) -> tuple[int, int]:
    """Start and end of the book itself; the whole text if it carries no markers."""
    start = _start(text)
    return start, _end(text, start)


def _start(text: str) -> int:
    marker = _OPENING.search(text)
    small = _SMALL_PRINT_END.search(text, 0, len(text) // 2)
    ends = [_marker_end(text, marker.start())] if marker else []
    ends += [small.end()] if small else []
    return _after_credits(text, max(ends)) if ends else 0


def _marker_end(text: str, place: int) -> int:
    """The end of the marker, which may run over several lines until its closing asterisks."""
    lines = text[place : place + _LONGEST_MARKER].split("\n")
    for number, line in enumerate(lines[:_MARKER_LINES]):
        if line.rstrip().endswith("***") and len(line.strip()) > 3:
            return place + len("\n".join(lines[: number + 1]))
    first = text.find("\n", place)
    return len(text) if first < 0 else first


def _after_credits(text: str, start: int) -> int:
    """Leaves out the paragraphs just below the header that say who prepared the file."""
    for _ in range(_MOST_CREDITS):
        credit = _CREDITS.match(text, start)
        blank = _BLANK_LINE.search(text, credit.end() - 1) if credit else None
        if blank is None or blank.start() - start > 2 * _LONGEST_MARKER:
            break
        start = blank.start()
    return start


def _end(text: str, start: int) -> int:
    """Before the closing line or marker, whichever is first; of several books in one file, the last one's."""
    last = max((marker.start() for marker in _OPENING.finditer(text, start)), default=start)
    middle = last + (len(text) - last) // 2
    ends = [marker.start() for marker in _CLOSING.finditer(text, last)][-1:]
    for pattern, begin in ((_CLOSING_LINE, last), (_SMALL_PRINT, middle)):
        found = pattern.search(text, begin)
        ends += [found.start()] if found else []
    return min(ends, default=len(text))
