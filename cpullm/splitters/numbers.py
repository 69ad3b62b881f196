"""Numbers as headings write them: digits of any script, Roman numerals, letters, words, Chinese numerals."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

from cpullm.splitters import number_words

_ROMAN = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,4})")
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
# Letters of other alphabets that look like Roman numerals and are printed for them.
_ROMAN_LOOKS = str.maketrans("ІӀХСМѴΙΧΜ", "IIXCMVIXM")
_LONGEST_WORD = 40
_LONGEST_ROMAN = 15
_LONGEST_DIGITS = 4
_MOST_WORDS = 5
_ORDINAL_ENDINGS = frozenset("st nd rd th er ere re eme e ieme me o a os as ª º ° te de ste i ya я й е го ая".split())
_GREEK = {sign: value for value, sign in enumerate("αβγδεϛζηθ", start=1)}
_GREEK |= {sign: 10 * value for value, sign in enumerate("ικλμνξοπϟ", start=1)} | {"ρ": 100}
_HEBREW = {sign: value for value, sign in enumerate("אבגדהוזחט", start=1)}
_HEBREW |= {sign: 10 * value for value, sign in enumerate("יכלמנסעפצ", start=1)} | {"ק": 100}
_PUNCTUATION = ".,:;)]-"
_LETTER_MARKS = "΄ʹ´'’`׳״\"″′"
_CHINESE_DIGITS = {sign: value for value, sign in enumerate("零一二三四五六七八九")}
_CHINESE_DIGITS |= {sign: value for value, sign in enumerate("영일이삼사오육칠팔구")}
_CHINESE_DIGITS |= {sign: value for value, sign in enumerate("〇壹贰叁肆伍陆柒捌玖")}
_CHINESE_DIGITS |= {"○": 0, "兩": 2, "两": 2, "弐": 2, "貳": 2, "參": 3, "参": 3}
_CHINESE_UNITS = {"十": 10, "百": 100, "千": 1000, "십": 10, "백": 100, "拾": 10, "卅": 30, "廿": 20}


@dataclass(frozen=True, slots=True)
class Number:
    """A number that stands in a line: its value, how many words it takes, its look.

    `style` is `1` for digits, `i` for Roman numerals, `a` for letters, `one` for words, `first` for ordinals.
    """

    value: int
    words: int
    style: str


@lru_cache(maxsize=65536)
def plain(word: str) -> str:
    """The word in lower case without accents and apostrophes, as the tables of words are read."""
    decomposed = unicodedata.normalize("NFD", word.casefold())
    kept = "".join(sign for sign in decomposed if not unicodedata.combining(sign) and sign not in "'’ʼ`´\u200c\u0640")
    return kept.replace("ı", "i")


@lru_cache(maxsize=65536)
def may_begin(word: str) -> bool:
    """Whether a number may begin with this word, punctuation and all: the quick answer for most words of prose."""
    head = word.rstrip(_PUNCTUATION)
    if len(head) < 2 or not head.isascii() or head[0].isdecimal() or _ROMAN.fullmatch(head.upper()) or "." in head:
        return True
    return _word(plain(_first_part(head))) is not None


def read(words: Sequence[str]) -> Number | None:
    """The number that the words begin with, the longest there is; they carry no punctuation but hyphens."""
    if not words:
        return None
    if (single := _sign(words[0])) is not None:
        return single
    if _word(plain(_first_part(words[0]))) is None:
        return None
    for count in range(min(_MOST_WORDS, len(words)), 0, -1):
        found = _spelled(tuple(words[:count]))
        if found is not None:
            return Number(found[0], count, found[1])
    return None


def chinese(numeral: str) -> int | None:
    """The value of a Chinese numeral, with units (一百二十) or by position (一二零), or of digits."""
    if not numeral or len(numeral) > _LONGEST_ROMAN:
        return None
    if numeral.isdecimal():
        return int(numeral)
    if all(sign in _CHINESE_DIGITS for sign in numeral):
        return int("".join(str(_CHINESE_DIGITS[sign]) for sign in numeral))
    total, digit = 0, None
    for sign in numeral:
        if sign in _CHINESE_UNITS:
            total += (1 if digit is None else digit) * _CHINESE_UNITS[sign]
            digit = None
        elif sign in _CHINESE_DIGITS:
            digit = _CHINESE_DIGITS[sign] or None
        else:
            return None
    return total + (digit or 0)


def letters(token: str) -> int | None:
    """The value of a Greek or Hebrew numeral (ΙΒ΄, י״ב); None for anything else."""
    signs = plain(token.strip(_LETTER_MARKS).replace("״", "").replace('"', "")).replace("στ", "ϛ")
    for table in (_GREEK, _HEBREW):
        values = [table.get(sign, 0) for sign in signs]
        if 0 < len(signs) <= 3 and all(values):
            rising = sum(before <= after for before, after in pairwise(values))
            return sum(values) if not rising or signs in ("טו", "טז") else None
    return None


def roman(token: str) -> int | None:
    """The value of a Roman numeral in capitals; None for anything else."""
    token = token if token.isascii() else unicodedata.normalize("NFKC", token).translate(_ROMAN_LOOKS)
    if not token or len(token) > _LONGEST_ROMAN or not _ROMAN.fullmatch(token):
        return None
    values = [_ROMAN_VALUES[letter] for letter in token]
    return sum(-v if v < after else v for v, after in zip(values, [*values[1:], 0], strict=True))


def _sign(token: str) -> Number | None:
    """A number in digits or Roman numerals, with an ordinal's ending or without."""
    if not token or len(token) > _LONGEST_WORD:
        return None
    if token[0].isdecimal():
        digits = token.rstrip("ªº°")
        digits = (
            digits
            if digits.isdecimal()
            else digits.rstrip("-абвгдежзийклмнопрстуфхцчшщыэюяabcdefghijklmnopqrstuvwxyzèé")
        )
        ending = plain(token[len(digits) :].strip("-'’"))
        if not digits.isdecimal() or len(digits) > _LONGEST_DIGITS or (ending and ending not in _ORDINAL_ENDINGS):
            return None
        return Number(int(digits), 1, "first" if ending else "1")
    value = roman(token)
    return None if value is None else Number(value, 1, "i")


def _first_part(word: str) -> str:
    return word.replace("־", "-").partition("-")[0]


@lru_cache(maxsize=65536)
def _spelled(words: tuple[str, ...]) -> tuple[int, str] | None:
    """Value and style of words that make up one number, and of nothing else."""
    parts = [part for word in words for part in word.casefold().replace("־", "-").split("-")]
    if len(parts) > _MOST_WORDS + 2 or any(not part or len(part) > _LONGEST_WORD for part in parts):
        return None
    total, style = 0, "one"
    for place, part in enumerate(parts):
        if 0 < place < len(parts) - 1 and part in number_words.joiners():
            continue
        if part in number_words.times_ten() and 1 < total < 10:
            total *= 10
            continue
        value = _word(plain(part))
        joined = None if value is None else 80 if total == 4 and part.startswith("vingt") else _joined(total, value[0])
        if value is None or joined is None:
            return None
        total, style = joined, "first" if style == "first" else value[1]
    return total, style


def _joined(total: int, value: int) -> int | None:
    """Two parts of a number put together (20 and 1, 1 and 20, 2 and 100); None if they do not fit."""
    if not total:
        return value
    if value == 100:
        return total * 100 if total < 10 else None
    fits = value < 10 if total % 100 and total not in (60, 80) else value < 20 if total < 100 else True
    if total % 10 == 0 and fits and value < max(20, total):
        return total + value
    return total + value if total < 10 <= value and value % 10 == 0 else None


@lru_cache(maxsize=65536)
def _word(word: str) -> tuple[int, str] | None:
    """Value and style of one word, also of one glued from two (einundzwanzigstes, ventidue)."""
    words = _words()
    if word in words:
        return words[word]
    if len(word) > _LONGEST_WORD:
        return None
    for prefix in ("wal", "ال", "وال", "و", "ו", "ה"):
        if word.startswith(prefix) and word[len(prefix) :] in words:
            return words[word[len(prefix) :]]
    for place in range(2, len(word) - 1):
        left = words.get(word[:place])
        right = words.get(word[place:]) or _after_joiner(word[place:])
        if left and right and (value := _joined(left[0], right[0])) is not None:
            return value, right[1]
    return None


def _after_joiner(word: str) -> tuple[int, str] | None:
    return next(
        (_words().get(word[len(joiner) :]) for joiner in ("und", "en", "och", "og", "i") if word.startswith(joiner)),
        None,
    )


@cache
def _words() -> dict[str, tuple[int, str]]:
    words = {plain(word): (value, "first") for word, value in number_words.ordinals()}
    return words | {plain(word): (value, "one") for word, value in number_words.cardinals()}
