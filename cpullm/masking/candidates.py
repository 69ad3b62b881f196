"""What may be a name: capitalised words that follow one another. What is one, the model says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

import regex

from cpullm.masking.private import Private
from cpullm.support.common import COURTESY, FUNCTION
from cpullm.support.dates import MONTHS
from cpullm.words import folded

_WORD = (
    r"(?<![\p{L}\p{M}\p{N}])(?:\p{Ll}{1,2}['’]?)?[\p{Lu}\p{Lt}][\p{L}\p{M}\p{N}]*+"
    r"(?:[-‐'’&](?![sS]\b)[\p{L}\p{N}]++)*+"
)
_CAPITAL = regex.compile(_WORD)
# Within a line: a space, an initial's full stop, `&`, and small words that stand within names.
_PARTICLES = (
    r"(?:d[aeiou]s?|del|della|de la|de los|du|la|le|von|van|van de[nr]|zu|zum|bin|ibn|al|el|ten|ter|of|of the|&|y|und|"
    r"et)"
)
_JOINT = regex.compile(rf"\.?[ \t\u00a0](?:{_PARTICLES}[ \t\u00a0])?|\.")
_OPENING = regex.compile(r"(?:^|[.!?…:;]|[\n\r]|[-–—]\s|[\[(\"“”„«‹*>])[\p{P}\p{S}\s]*+$")
_LOOKED_BACK = 12  # signs before a word in which a sentence's end is sought
_TITLES = COURTESY - frozenset("st north south east west northern southern eastern western".split())
_DAYS = MONTHS | frozenset("monday tuesday wednesday thursday friday saturday sunday".split())
_NAMES_TOO = frozenset({"may", "will"})
_SHORT = 2  # signs of what has a full stop within a name: J., St.
_LONGEST_WORD = 40
_LONGEST = 10  # words of one name
_NAME, _TITLE, _NONE = "name", "title", "none"
_Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stretch of text that may be a name. `titled`: it stands after Mr. and the like, and is one."""

    start: int
    end: int
    titled: bool = False


def candidates(text: str, taken: Iterable[Private] = ()) -> list[Candidate]:
    """All outside of what is `taken`, in order, none in another; scripts without capitals have none."""
    found: list[Candidate] = []
    run: list[_Span] = []
    places = {place for one in taken for place in range(one.start, one.end)}
    for match in _CAPITAL.finditer(text):
        start, end = match.span()
        if start in places or end - start > _LONGEST_WORD:
            continue
        if run and (len(run) == _LONGEST or not _is_joint(text, run[-1], start)):
            found += _cut(text, run)
            run = []
        run.append((start, end))
    return [*found, *_cut(text, run)]


def _is_joint(text: str, before: _Span, start: int) -> bool:
    """Whether a name may go on at `start`: a full stop stands after initials and the like only."""
    begin, end = before
    return _JOINT.fullmatch(text, end, start) is not None and (
        text[end] != "." or end - begin <= _SHORT or folded(text[begin:end]) in _TITLES
    )


def _cut(text: str, run: list[_Span]) -> Iterator[Candidate]:
    """A run without the words that are no names, in parts if they stand within it."""
    alone = len(run) == 1 and _opens(text, run[0][0])
    kinds: list[str] = []
    for start, end in run:
        word = folded(text[start:end])
        within = kinds[-1:] == [_NAME] and _is_initial(text, start, end)
        kinds.append(_TITLE if word in _TITLES else _NONE if _is_none(word, alone) and not within else _NAME)
    before = _NONE
    for kind, members in groupby(zip(kinds, run, strict=True), key=lambda member: member[0]):
        spans = [span for _, span in members]
        start, end = spans[0][0], spans[-1][1]
        if kind == _NAME and end - start > 1:
            yield Candidate(start, end, before == _TITLE)
        before = kind


def _is_none(word: str, alone: bool) -> bool:
    """Whether a word is none of a name; May and Will are, unless one opens a sentence and stands `alone`."""
    if word in _NAMES_TOO:
        return alone
    return word in _DAYS or word in FUNCTION


def _is_initial(text: str, start: int, end: int) -> bool:
    return end == start + 1 and text[end : end + 1] == "."


def _opens(text: str, start: int) -> bool:
    return start == 0 or _OPENING.search(text[max(0, start - _LOOKED_BACK) : start]) is not None
