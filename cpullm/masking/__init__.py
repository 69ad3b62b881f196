"""Private data in texts: what has a shape is found by rules, names are judged by the model, all of it is blotted out.

Pure but for the model's answers, which the caller fetches: one request of the task `TASK` for each question, its text
and its question as they are there.

    by_rules = find(text)
    possible = candidates(text, by_rules)
    asked = questions(text, possible)
    answers = [the model's choice for each of them, or None]
    masked(text, found(text, by_rules, names(text, possible, asked, answers)))
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import regex

from cpullm.masking.candidates import Candidate, candidates
from cpullm.masking.private import Private, apart, plain
from cpullm.masking.rules import find

TASK = "name"  # its file is cpullm/tasks/name.ini
SIGN = "█"
KINDS = {"person": "PERSON", "place": "LOCATION", "company": "ORGANIZATION"}  # a `word` is no name
_UNTOLD = "person"  # what has no answer is masked: rather too much than a name
_AROUND = 400  # signs on either side of a name that the model is shown, about: one piece serves all names in it
_CODE = r"(?:[A-Z]{1,2}-)?(?!(?:1\d|20)\d\d(?!\d))\d{4,6}(?![\p{L}\p{N}%€$£]|[.,:]\d)"
_BEFORE = regex.compile(rf"(?<![\p{{L}}\p{{N}}.,:/$€£-])(?<code>{_CODE}),? ")
_AFTER = regex.compile(rf",?[ ](?<code>{_CODE})")
_REACH = 12  # signs before a place in which its code may stand

__all__ = [
    "KINDS",
    "SIGN",
    "TASK",
    "Candidate",
    "Private",
    "Question",
    "candidates",
    "find",
    "found",
    "masked",
    "names",
    "questions",
]


@dataclass(frozen=True, slots=True)
class Question:
    """What the model is asked: what is `name`, in this piece of the text?"""

    piece: str
    name: str


def questions(text: str, possible: Sequence[Candidate]) -> list[Question]:
    """One for each name, about where it stands first; none for what stands after Mr."""
    asked: dict[str, Question] = {}
    start = end = 0
    for one in possible:
        name = text[one.start : one.end]
        if one.titled or name in asked:
            continue
        if one.end > end:
            start, end = _piece(text, max(one.start, end), one.end)
            start = min(start, one.start)
        asked[name] = Question(text[start:end], name)
    return list(asked.values())


def _piece(text: str, start: int, end: int) -> tuple[int, int]:
    """The text about a name, up to the ends of lines or words, with room for the names that follow."""
    least, most = max(0, start - _AROUND), min(len(text), end + 2 * _AROUND)
    first = text.rfind("\n", least, start) + 1 or (text.find(" ", least, start) + 1 if least else 0) or least
    last = text.find("\n", end + _AROUND, most)
    last = last if last >= 0 else most if most == len(text) else text.rfind(" ", end, most)
    return first, last if last >= end else most


def names(
    text: str, possible: Sequence[Candidate], asked: Sequence[Question], answers: Sequence[str | None]
) -> list[Private]:
    """The candidates that are names, by kind, in order. What has no answer, as where no model is asked, is a PERSON."""
    told = {one.name: answer for one, answer in zip(asked, answers, strict=True) if answer is not None}
    told |= dict.fromkeys((text[one.start : one.end] for one in possible if one.titled), "person")
    judged = [(one, told.get(text[one.start : one.end], _UNTOLD)) for one in possible]
    return [Private(one.start, one.end, KINDS[answer]) for one, answer in judged if answer in KINDS]


def found(text: str, by_rules: Sequence[Private], named: Sequence[Private]) -> list[Private]:
    """All that is private: what the rules found, the names, and the postal codes beside places; in order."""
    return apart([*by_rules, *named, *_codes(plain(text), named)], text)


def masked(text: str, private: Iterable[Private], sign: str = SIGN) -> str:
    """The text with each sign of these replaced by one; white space stays, and so do length and all that is around."""
    signs = list(text)
    for one in private:
        signs[one.start : one.end] = [old if old.isspace() else sign for old in signs[one.start : one.end]]
    return "".join(signs)


def _codes(text: str, named: Iterable[Private]) -> Iterator[Private]:
    for place in named:
        if place.kind == "LOCATION":
            before = _BEFORE.finditer(text, max(0, place.start - _REACH), place.start)
            beside = [match for match in before if match.end() == place.start]
            beside += [match for match in [_AFTER.match(text, place.end)] if match]
            yield from (Private.of(match.span("code"), "ZIP_CODE") for match in beside)
