"""Where a book begins and ends between the header and the licence that Project Gutenberg puts round it."""

from __future__ import annotations

_MARKERS = ("***START OF", "***END OF")
_MARKER_LINES = 3


def body(text: str) -> tuple[int, int]:
    """Start and end of the book itself; the whole text if it carries no markers."""
    start = _start(text)
    return start, _end(text, start)


def _start(text: str) -> int:
    place = 0
    while (place := text.find("***", place)) >= 0:
        if _is_marker(text, place, _MARKERS[0]):
            return _after_marker(text, place)
        place = _line_end(text, place)
    return 0


def _end(text: str, start: int) -> int:
    stop = len(text)
    while (place := text.rfind("***", start, stop)) >= 0:
        stop = max(start, _line_start(text, place))
        first = text.find("***", stop, place + 3)
        if _is_marker(text, first, _MARKERS[1]):
            return _before_closing_line(text, start, stop)
    return _closing_line(text, start)


def _closing_line(text: str, start: int) -> int:
    """Where a line says that the Gutenberg text ends, for files without markers; else the text's end."""
    place = start
    while (place := text.find("\nEnd of ", place)) >= 0:
        if "project gutenberg" in text[place : place + 40].casefold():
            return place
        place += 1
    return len(text)


def _is_marker(text: str, place: int, marker: str) -> bool:
    head = text[place : place + 20].upper().replace(" ", "")
    return head.startswith(marker.replace(" ", "")) and not text[_line_start(text, place) : place].strip()


def _line_start(text: str, place: int) -> int:
    return text.rfind("\n", 0, place) + 1


def _after_marker(text: str, place: int) -> int:
    """The end of the marker, which may run over several lines until its closing asterisks."""
    first = end = _line_end(text, place)
    for _ in range(_MARKER_LINES):
        line = text[_line_start(text, end) : end].strip()
        if line.endswith("***") and len(line) > 3:
            return end
        end = _line_end(text, min(end + 1, len(text)))
    return first


def _line_end(text: str, place: int) -> int:
    end = text.find("\n", place)
    return len(text) if end < 0 else end


def _before_closing_line(text: str, start: int, end: int) -> int:
    """Leaves out the paragraph just above the marker if it says that the Gutenberg text ends here."""
    tail = text[max(start, end - 1000) : end].rstrip()
    offset = max(start, end - 1000)
    paragraph = tail.rfind("\n\n") + 1
    words = tail[paragraph:].casefold()
    if words.lstrip().startswith("end of") and "gutenberg" in words:
        return offset + paragraph
    return end
