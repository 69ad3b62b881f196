"""Where a book begins and ends between the header and the licence that Project Gutenberg puts round it.

The forms changed over the years: `*END*THE SMALL PRINT!` closed the header until about 2003, `*** START OF` since.
Files without an end marker have a closing line, in the book's language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cpullm.splitters.lines import line_end, line_start

_OPENING = re.compile(r"[ \t]{0,40}\*\*\*[ \t]{0,4}START OF\b.{0,300}?GUTENBERG", re.IGNORECASE | re.DOTALL)
_CLOSING = re.compile(r"[ \t]{0,40}\*\*\*[ \t]{0,4}END OF\b.{0,300}?GUTENBERG", re.IGNORECASE | re.DOTALL)
_SMALL_PRINT = re.compile(r"[ \t]{0,40}\*{3}[ \t]?START[ \t]?\*\*[ \t]?THE SMALL PRINT")
_SMALL_PRINT_END = re.compile(r"[ \t]{0,40}\*[ \t]?END[ \t]?\*?[ \t]?THE SMALL PRINT")
_CREDITS = re.compile(
    r"\s{0,200}(?:this |the )?(?:produced|transcribed|prepared|scanned|e-?text prepared|"
    r"e-?(?:text|book) was (?:produced|prepared|transcribed|scanned)|project gutenberg e-?(?:text|book)[^\n]{0,80})"
    r"(?: (?:by|of)\b|\n)",
    re.IGNORECASE,
)
_CLOSING_LINE = re.compile(
    r"[ \t*_]{0,40}(?:end of (?:the |this )?|ende (?:dieses |diese |des )?|fin de |fine (?:di |del )?|fin del? )"
    r"(?:pro[jy]e[ck]t|progetto) gutenberg",
    re.IGNORECASE,
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
    marker = next(_lines(text, _OPENING, ("***",), 0), None)
    small = next(_lines(text, _SMALL_PRINT_END, ("SMALL PRINT",), 0), len(text))
    ends = [] if marker is None else [_marker_end(text, marker)]
    ends += [line_end(text, small)] if small < len(text) // 2 else []
    return _after_credits(text, max(ends)) if ends else 0


def _lines(text: str, form: re.Pattern[str], words: Sequence[str], start: int) -> Iterator[int]:
    """Where lines of this form begin, in order; each holds one of the words, which are quick to find."""
    for word in words:
        place = start
        while (place := text.find(word, place)) >= 0:
            line = max(start, line_start(text, place))
            if form.match(text, line, line + _LONGEST_MARKER):
                yield line
            place = line_end(text, place)


def _marker_end(text: str, place: int) -> int:
    """The end of the marker, which may run over several lines until its closing asterisks."""
    lines = text[place : place + _LONGEST_MARKER].split("\n")
    for number, line in enumerate(lines[:_MARKER_LINES]):
        if line.rstrip().endswith("***") and len(line.strip()) > 3:
            return place + len("\n".join(lines[: number + 1]))
    return line_end(text, place)


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
    last = max(_lines(text, _OPENING, ("***",), start), default=start)
    middle = last + (len(text) - last) // 2
    ends = list(_lines(text, _CLOSING, ("***",), last))[-1:]
    ends += list(_lines(text, _CLOSING_LINE, ("utenberg", "UTENBERG"), last))
    ends += list(_lines(text, _SMALL_PRINT, ("SMALL PRINT",), middle))
    return min(ends, default=len(text))
