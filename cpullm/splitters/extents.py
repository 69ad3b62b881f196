"""Where a unit's title ends and its text begins, and where the last text ends."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

from cpullm.splitters.headings import Heading, looks_like_title
from cpullm.splitters.lines import line_start

_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
_LINE = re.compile(r"[^\n]+")
_LONGEST_TITLE = 300
_MOST_RULES = 4
_MOST_TITLED = 0.9
_RULE = frozenset("-–—=*_~·•. \t\u3000")
_ENDS = frozenset(
    ("the end", "finis", "ende", "конец", "кінець", "koniec", "slut", "τέλος", "完", "全書完", "終", "끝")
)
_ENDS_IN_CAPITALS = frozenset(("END", "FIN", "FINE", "FIM", "EINDE", "LOPPU", "VÉGE", "SON"))
_MOST_AFTER_END = 0.1


def with_titles(text: str, chosen: Sequence[Heading]) -> list[Heading]:
    """Takes the paragraph after a heading into its title, if after most headings of its form stands such a one."""
    below = [_title_below(text, heading, after) for heading, after in zip_longest(chosen, chosen[1:])]
    of_form: dict[str, list[bool]] = defaultdict(list)
    for heading, span in zip(chosen, below, strict=True):
        of_form[heading.form].append(span is not None)
    titled = {form for form, found in of_form.items() if len(found) > 1 and sum(found) >= _MOST_TITLED * len(found)}
    return [
        replace(heading, title=f"{heading.title} {text[slice(*span)]}", end=span[1])
        if span and heading.form in titled and heading.number is not None
        else heading
        for heading, span in zip(chosen, below, strict=True)
    ]


def text_end(text: str, start: int, end: int) -> int:
    """The end of the last unit's text: before a line apart that says so (`THE END`), with little text after it."""
    first = max(start, end - int(_MOST_AFTER_END * end) - _LONGEST_TITLE)
    for line in _LINE.finditer(text, line_start(text, first), end):
        words = line.group().strip(" \t*_") if line.end() - line.start() < _LONGEST_TITLE else ""
        if line.start() >= start and _says_end(words) and _is_apart(text, line.start()):
            return line.start()
    return end


def _says_end(words: str) -> bool:
    """`THE END`, `Finis.`; not `end` or `Fine`, which programs and people say. After `THE END.` more may follow."""
    said = (words.partition(".")[0] if words.isupper() else words.rstrip(".")).strip(" !")
    return said in _ENDS_IN_CAPITALS or (said.casefold() in _ENDS and not said[:1].islower())


def _is_apart(text: str, start: int) -> bool:
    """Whether the line above the one that begins here is blank."""
    return not text[line_start(text, max(0, start - 1)) : start].strip()


def stripped(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without white space and rules at its ends; an empty span stays where it began."""
    left, right = _bare(text, start, end)
    for _ in range(_MOST_RULES):
        first, last = text.find("\n", left, right), text.rfind("\n", left, right)
        if first >= 0 and _is_rule(text, left, first):
            left, right = _bare(text, first, right)
        elif first >= 0 and _is_rule(text, last + 1, right):
            left, right = _bare(text, left, last)
        else:
            break
    return (left, right) if left < right else (start, start)


def _bare(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    return (start + left, start + len(piece.rstrip())) if left < len(piece) else (end, end)


def _is_rule(text: str, start: int, end: int) -> bool:
    return 3 <= end - start <= _LONGEST_TITLE and _RULE.issuperset(text[start:end])


def _title_below(text: str, heading: Heading, after: Heading | None) -> tuple[int, int] | None:
    """The span of the one-line paragraph under a heading that looks like a title, if text follows it."""
    limit = min(heading.end + _LONGEST_TITLE, after.start if after else len(text))
    window = text[heading.end : limit]
    start = heading.end + len(window) - len(window.lstrip())
    blank = _BLANK_LINE.search(text, start, limit)
    if not blank or "\n" in text[start : blank.start()] or not looks_like_title(text[start : blank.start()]):
        return None
    return start, blank.start()
