"""Private data that has a shape: mail, phones, cards, accounts, addresses, dates of days, ages.

Every pattern is bounded, so that a text takes time by its length whatever stands in it. They are written for `plain`
text. What is a number by its shape alone is private only where a word beside it says so.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import regex

from cpullm.masking import addresses
from cpullm.masking import vocabulary as said
from cpullm.masking.private import BEGINS, ENDS, LETTER, Private, apart, plain
from cpullm.support.common import FUNCTION

_Span = tuple[int, int]
_Check = Callable[[regex.Match[str]], "_Span | None"]

_ENDINGS = frozenset("com org net edu gov mil int info biz name pro io app dev ai xyz online site shop eu".split())
_SECOND = frozenset("co com org net ac gov edu or ne".split())
_TRAILING = ".,;:!?)]}'\"’”»*_"
_NEAR = 48  # signs before a number in which a word may say what it is
_OLDEST = 130
_LEAST_NUMBER = 5  # letters and digits
_PHONE = regex.compile(said.PHONE)
_PHONE_AFTER = regex.compile(said.PHONE_AFTER)
_CARD = regex.compile(said.CARD)
_VERSION = regex.compile(r"(?i)(?:\bversion|\brelease|\bv)[ .]?$")


@dataclass(frozen=True, slots=True)
class _Rule:
    """A kind, its pattern, and what else must hold: the span, or None. Without one it is `value`, or all of it."""

    kind: str
    pattern: regex.Pattern[str]
    check: _Check | None = None


def find(text: str) -> list[Private]:
    """All private data of a shape, in order, none over another."""
    as_plain = plain(text)
    found = [one for rule in _RULES for one in _found(rule, as_plain)]
    return apart([*found, *addresses.find(as_plain)], text)


def _found(rule: _Rule, text: str) -> Iterator[Private]:
    for match in rule.pattern.finditer(text):
        span = rule.check(match) if rule.check else match.span("value" if "value" in rule.pattern.groupindex else 0)
        if span is not None:
            yield Private.of(span, rule.kind)


def _before(match: regex.Match[str]) -> str:
    text: str = match.string
    return text[max(0, match.start() - _NEAR) : match.start()]


def _digits(match: regex.Match[str]) -> str:
    return "".join(filter(str.isdecimal, match.group()))


def _url(match: regex.Match[str]) -> _Span:
    return match.start(), match.start() + len(match.group().rstrip(_TRAILING))


def _host(match: regex.Match[str]) -> _Span | None:
    """A host without http:// is one if it ends as most do: end.it and setup.py are none."""
    labels = match["host"].lower().split(".")
    known = labels[-1] in _ENDINGS or (len(labels) > 2 and labels[-2] in _SECOND and len(labels[-1]) == 2)
    return _url(match) if known else None


def _ip(match: regex.Match[str]) -> _Span | None:
    text = match.group().rstrip(":.")
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    is_version = found.version == 4 and _VERSION.search(_before(match)) is not None
    is_word = found.version == 6 and not any(map(str.isdecimal, text))  # Cafe::add
    return None if is_version or is_word else (match.start(), match.start() + len(text))


def _card(match: regex.Match[str]) -> _Span | None:
    digits = _digits(match)
    issued = digits[0] in "23456" or digits.startswith("1800")
    return match.span() if _CARD.search(_before(match)) or (issued and _luhn(digits)) else None


def _luhn(digits: str) -> bool:
    doubled = [2 * int(digit) for digit in digits[-2::-2]]
    return (sum(map(int, digits[-1::-2])) + sum(value - 9 * (value > 9) for value in doubled)) % 10 == 0


def _iban(match: regex.Match[str]) -> _Span | None:
    """The longest beginning whose check digits hold (ISO 7064, mod 97): words may follow."""
    if not match.group().isascii():  # without case, ſ is an s
        return None
    ends = [match.end(), *(match.start() + at for at, sign in enumerate(match.group()) if sign in " -")]
    for end in sorted(ends, reverse=True):
        signs = regex.sub("[ -]", "", match.string[match.start() : end]).upper()
        number = "".join(str(int(sign, 36)) for sign in signs[4:] + signs[:4])
        if 15 <= len(signs) <= 34 and int(number) % 97 == 1:
            return match.start(), end
    return None


def _phone(match: regex.Match[str]) -> _Span | None:
    """Digits in groups: a phone by their form, or because a word says so."""
    digits, text = _digits(match), match.group()
    if not 7 <= len(digits) <= 15:
        return None
    groups = [len(group) for group in regex.split(r"[ ()./-]+", text) if group]
    shaped = groups in ([3, 3, 4], [1, 3, 3, 4]) or (groups == [2, 2, 2, 2] and "-" in text) or text[0] == "("
    national = text[0] == "0" and 9 <= len(digits) <= 12 and "." not in text
    told = _PHONE.search(_before(match)) or _PHONE_AFTER.match(match.string, match.end())
    return match.span() if shaped or national or told else None


def _day(match: regex.Match[str]) -> _Span | None:
    """A date in digits, if it can be one. With full stops it has all four digits of its year: 1.2.10 is a version."""
    parts = [int(match[name]) for name in "abc"]
    others = sorted(part for part in parts if part <= 31)
    full = 4 in (len(match["a"]), len(match["c"]))
    fits = len(others) == 2 if full else len(others) == 3
    return match.span() if fits and 0 < others[0] <= 12 and (full or "." not in match.group()) else None


def _number(match: regex.Match[str]) -> _Span | None:
    """What stands after `passport` and the like, if it is long enough to be somebody's: tax 2019 is not."""
    return match.span("value") if sum(map(str.isalnum, match["value"])) >= _LEAST_NUMBER else None


def _age(match: regex.Match[str]) -> _Span | None:
    return match.span("value") if 0 < int(match["value"]) < _OLDEST else None


def _called(match: regex.Match[str]) -> _Span | None:
    """A name in any letters, after words that say that one follows."""
    return match.span("value") if match["value"].split()[0].lower() not in FUNCTION else None


def _rule(kind: str, pattern: str, check: _Check | None = None, *, cased: bool = False) -> _Rule:
    return _Rule(kind, regex.compile(pattern, 0 if cased else regex.IGNORECASE), check)


_NO_NUMBER = rf"{BEGINS}(?<![$€£¥-]|\p{{N}}[.,])"  # where a number may begin, and where it is at its end
_NUMBER_ENDS = rf"{ENDS}(?![%€$£]|[.,]\d)"
_HOST = r"[\p{L}\p{N}][\p{L}\p{N}-]{0,62}+(?:\.[\p{L}\p{N}-]{1,63}+){1,6}+"
_PATH = r"(?:[/?#][^\s<>\"“”]{0,2000}+)?"
_TIME = r"(?:(?:T|,? (?:at )?)\d{1,2}:\d{2}(?::\d{2})?(?:\.\d{1,6})?(?:Z|[+-]\d{2}:?\d{2})?)?"
_YEAR = r"(?:,?[ -](?:de )?\d{4}\b)?"
_NUMERIC = r"(?<a>\d{1,4})(?<sign>[-/.])(?<b>\d{1,2})(?P=sign)(?<c>\d{1,4})"
_ORDINAL = r"(?:st|nd|rd|th|er|\.|º)?[ -](?:of |de |di )?"
_VALUE = r"(?<value>(?:[A-Z]{1,4}[ -]?)?\d[A-Za-z\d]*+(?:[./ -]?[A-Z]{0,3}\d[A-Z\d]*+){0,8}+[A-Z]?)"
_NO_NAME = r"(?!(?:and|but|or|from|i|y|et|und|e)\b)"
_NAME = (
    r"[ ]{0,20}+(?<value>[\p{L}\p{M}][\p{L}\p{M}'’.-]{0,30}+"
    rf"(?:[ ]{_NO_NAME}[\p{{L}}\p{{M}}'’-]{{1,30}}+){{0,2}}+)"
)
_RULES = (
    _rule("URL", r"\b(?:https?|ftps?|ssh|file)://[^\s<>\"“”「」]{1,2000}+", _url),
    _rule("EMAIL_ADDRESS", rf"(?<!{LETTER}|[\p{{N}}._%+-])(?:mailto:)?(?:{LETTER}|[\p{{N}}._%+'-]){{1,64}}+@{_HOST}"),
    _rule("URL", rf"{BEGINS}www\.{_HOST}(?::\d{{1,5}})?{_PATH}", _url),
    _rule("URL", rf"(?<![\p{{L}}\p{{N}}.@/_-])(?<host>{_HOST}){_PATH}", _host),
    _rule("USER_NAME", r"(?<![\p{L}\p{N}@./_-])@[\p{L}\p{N}_][\p{L}\p{N}_.]{1,38}+(?<!\.)(?!@)"),
    _rule("MAC_ADDRESS", rf"{BEGINS}[\da-f]{{2}}([:-])[\da-f]{{2}}(?:\1[\da-f]{{2}}){{4}}{ENDS}"),
    _rule("IP_ADDRESS", r"(?<![\p{L}\p{N}.:])\d{1,3}(?:\.\d{1,3}){3}(?![\p{L}\p{N}]|\.\d)", _ip),
    _rule("IP_ADDRESS", rf"(?<![\p{{L}}\p{{N}}:.])(?=[\da-f:]{{0,4}}:)[\da-f:]{{4,45}}+{ENDS}", _ip),
    _rule("IBAN_CODE", rf"{BEGINS}[a-z]{{2}}\d{{2}}(?:[ -]?[a-z\d]{{1,4}}){{3,8}}+{ENDS}", _iban),
    _rule("US_SSN", rf"{BEGINS}(?<!-)\d{{3}}-\d{{2}}-\d{{4}}{ENDS}(?!-\d)"),
    _rule("CREDIT_CARD", rf"{BEGINS}(?<!\d[.,])\d(?:[ -]?\d){{11,18}}+{ENDS}(?![ -]\d)", _card),
    _rule("DATE_TIME", rf"(?<![\p{{N}}.,/-]){_NUMERIC}(?![\p{{N}}/]|[.,-]\d){_TIME}", _day),
    _rule("DATE_TIME", r"\d{4}年\d{1,2}月\d{1,2}[日号]|\d{4}년 ?\d{1,2}월 ?\d{1,2}일"),
    _rule("DATE_TIME", rf"(?<![\p{{N}}.,])\d{{1,2}}{_ORDINAL}{said.MONTHS}\b\.?{_YEAR}{_TIME}"),
    _rule("DATE_TIME", rf"\b{said.MONTHS}\.?[ ]\d{{1,2}}(?:st|nd|rd|th)?(?![\p{{N}}:]|[.,]\d){_YEAR}{_TIME}"),
    _rule("PHONE_NUMBER", rf"{BEGINS}\+\d(?:[ ()./-]{{0,2}}\d){{6,14}}+(?!\p{{N}})"),
    _rule(
        "PHONE_NUMBER", rf"{_NO_NUMBER}\(?\d{{1,5}}\)?(?:[ ./-]{{0,2}}\(?\d{{1,5}}\)?){{0,6}}+{_NUMBER_ENDS}", _phone
    ),
    _rule("ID_NUMBER", rf"{BEGINS}(?i:{said.NUMBERED}{said.SAYS}){_VALUE}{ENDS}", _number, cased=True),
    _rule("AGE", rf"{_NO_NUMBER}(?<value>\d{{1,3}})(?={said.YEARS_OLD})", _age),
    _rule("AGE", rf"\b{said.AGED}[ ]?(?<value>\d{{1,3}})(?!-){_NUMBER_ENDS}", _age),
    _rule("AGE", rf"\b{said.HAS}[ ](?<value>\d{{1,3}})(?=[ ](?:ans|años|anni|anos)\b)", _age),
    _rule("AGE", rf"{_NO_NUMBER}(?<value>\d{{1,3}})(?= ?(?:[岁歳세살]|лет\b|года?\b))", _age),
    _rule(
        "AGE", rf"\b{said.IS}[ ](?<value>\d{{1,3}})(?=[ ]?(?:[.!?;\n,]|$|and\b|now\b|today|tomorrow|years?\b))", _age
    ),
    _rule("AGE", r"(?<=\p{Lu}\p{Ll}{1,24}, )(?<value>\d{1,2})(?=, \p{Ll})", _age, cased=True),
    _rule("PERSON", rf"(?:\b|(?<=\p{{Han}})){said.CALLED}{_NAME}", _called),
)
