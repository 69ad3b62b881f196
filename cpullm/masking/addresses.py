"""Where people live: streets with their numbers, flats, boxes, and the codes of places beside them."""

from __future__ import annotations

from collections.abc import Iterator

import regex

from cpullm.masking import vocabulary as said
from cpullm.masking.private import ENDS, Private

_CAP = r"\p{Lu}[\p{L}\p{M}'’.-]{0,24}+"
_CAPS = rf"{said.SMALL}{{0,3}}+{_CAP}(?:[ ]{said.SMALL}{{0,2}}+{_CAP}){{0,4}}+"
_ALONE = r"(?<![\p{L}\p{N}.,])"
_BEFORE = rf"{_ALONE}(?:\d{{1,6}}[A-Za-z]?[ ,]{{1,2}}){{0,2}}+"  # numbers of the house, and of what is in it
_NUMBER = r"(?:,?[ ](?:n[°ºo.]{1,2}[ ]?|№[ ]?|д\.[ ]?)?\d{1,5}[ ]?(?:[a-zA-Z]\b)?(?!\p{N}|[.,]\d))"
_WORDS = rf"(?:(?:{_CAP}|\d{{1,3}}(?:st|nd|rd|th))[ ]){{1,4}}?"
_STREETS = tuple(
    regex.compile(pattern)
    for pattern in (
        rf"{_ALONE}(?:\d{{1,6}}[A-Za-z]?[ ,]{{1,2}}){{1,3}}+(?:[NSEWnsew]\.?[ ])?{_WORDS}(?i:{said.STREET})\b\.?",
        rf"{_BEFORE}\p{{Lu}}[\p{{L}}\p{{M}}-]{{2,30}}?(?i:{said.STREET_ENDING})\.?{_NUMBER}",
        rf"{_BEFORE}(?:{_CAP}[ ]){{1,4}}?(?i:{said.STREET_ALONE}){_NUMBER}",
        rf"{_BEFORE}(?i:{said.STREET_FIRST})[ ]{_CAPS}{_NUMBER}",
        rf"{_ALONE}\d{{1,5}}(?:[ ]?(?:bis|ter))?,?[ ](?:\d{{1,5}}[ ])?(?i:{said.STREET_FIRST})[ ]{_CAPS}",
        r"[\p{Han}]{2,12}?(?:路|街|大道|巷|胡同)\d{1,5}[号號弄]",
        r"[\p{Han}\p{Katakana}]{1,12}\d{1,2}丁目[\d番地号-]{0,12}+",
        rf"(?i)\b{said.UNIT}\.?[ ]?#?[ ]?\d{{1,5}}[A-Za-z]?\b",
        rf"(?i)\b{said.BOX}[ ]\d{{1,7}}|\b(?:PSC|CMR|Unit|HC|RR)[ ]\d{{1,6}},?[ ]Box[ ]\d{{1,6}}",
        r"\b[AFD]PO[ ]A[AEP][ ]\d{5}(?:-\d{4})?",
    )
)
_CODES = tuple(
    regex.compile(pattern)
    for pattern in (
        rf"(?<=\b{said.US_STATE},? )(?<value>\d{{5}}(?:-\d{{4}})?){ENDS}",
        rf"(?<![\p{{L}}\p{{N}}])(?<value>[A-Z]{{1,2}}\d[A-Z\d]? \d[A-Z]{{2}}|[A-Z]\d[A-Z] ?\d[A-Z]\d){ENDS}",
        rf"(?i){said.POSTAL}(?:[ ](?:is|ist|est|es|no\.?))?[ :=#]{{0,3}}"
        rf"(?<value>(?=[a-z\d -]{{0,8}}?\d)[a-z\d]{{2,10}}(?:[ -]\d[a-z\d]{{1,4}})?){ENDS}",
    )
)
_CUE = regex.compile(said.ADDRESS)
# Within an address: a number with capitals beside it, and one that stands by itself.
_NAMED = regex.compile(
    rf"{_ALONE}(?:\d{{1,6}}[ ,]{{1,2}}){{0,2}}(?:{_CAP}[ ]){{1,4}}+\d{{1,5}}\b|"
    rf"{_ALONE}\d{{1,6}}[ ]{_CAP}(?:[ ]{_CAP}){{0,3}}+"
)
_PART = regex.compile(rf"(?i)\b{said.PART}\.?[ ]?#?[ ]?\d{{1,5}}[A-Za-z]?\b")
_CODE = regex.compile(
    r"(?!(?:19|20)\d\d(?!\p{N}))(?<![\p{L}\p{N}.,:/$€£])(?:[A-Z]{1,2}-)?\d{2,6}(?:-\d{3,4})?"
    r"(?:[ ]\d{2,3}(?!\p{N}))?(?![\p{L}\p{N}%€$£:]|[.,]\d)"
)
_BLOCK = 110  # signs that an address goes on after its street, at most
_NEAR = 40  # signs before a unit in which its street may stand
_ENDS = regex.compile(r"\n\s{0,99}?\n|[.!?][\"”)]?\s{1,9}(?=\p{Lu}\p{Ll}{1,20}+\s\p{Ll})|[;?!]")


def find(text: str) -> list[Private]:
    """Streets and codes of a plain text."""
    streets = [Private.of(match.span(), "STREET_ADDRESS") for pattern in _STREETS for match in pattern.finditer(text)]
    codes = [Private.of(match.span("value"), "ZIP_CODE") for pattern in _CODES for match in pattern.finditer(text)]
    return [*streets, *codes, *_beside(text, streets)]


def _beside(text: str, streets: list[Private]) -> Iterator[Private]:
    """The numbers of an address: near a street, or with capitals after a word that says that an address follows."""
    done = 0
    near = [(max(0, one.start - _NEAR), one.end, True) for one in streets]
    for start, middle, sure in sorted([*near, *((cue.end(), cue.end(), False) for cue in _CUE.finditer(text))]):
        ending = _ENDS.search(text, middle, middle + _BLOCK)
        end = ending.start() if ending else min(len(text), middle + _BLOCK)
        named = [match.span() for match in _NAMED.finditer(text, max(start, done), end)]
        yield from (Private.of(span, "STREET_ADDRESS") for span in named)
        if sure or named:
            for pattern, kind in ((_CODE, "ZIP_CODE"), (_PART, "STREET_ADDRESS")):
                yield from (Private.of(match.span(), kind) for match in pattern.finditer(text, max(start, done), end))
            done = max(done, end)
