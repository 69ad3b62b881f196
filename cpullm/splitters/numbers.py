"""Numbers as headings write them: digits, Roman numerals, words in several languages, Chinese numerals."""

from __future__ import annotations

import re
import unicodedata

_ROMAN = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,4})")
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_LONGEST_WORD = 40
_LONGEST_ROMAN = 15
_LONGEST_DIGITS = 4

_ENGLISH = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_ENGLISH_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth"
)
_ENGLISH_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_GERMAN = (
    "ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn "
    "achtzehn neunzehn"
)
_GERMAN_ORDINALS = (
    "erst zweit dritt viert fünft sechst siebent acht neunt zehnt elft zwölft dreizehnt vierzehnt fünfzehnt "
    "sechzehnt siebzehnt achtzehnt neunzehnt"
)
_GERMAN_TENS = "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig"
_GERMAN_ENDINGS = ("er", "es", "e")
_ROMANCE_ORDINALS = (
    "premier deuxieme troisieme quatrieme cinquieme sixieme septieme huitieme neuvieme dixieme",
    "premiere seconde",
    "primero segundo tercero cuarto quinto sexto septimo octavo noveno decimo",
    "primera segunda tercera cuarta quinta sexta septima octava novena decima",
    "primo secondo terzo quarto quinto sesto settimo ottavo nono decimo",
    "prima seconda terza quarta quinta sesta settima ottava nona decima",
)
_CHINESE_DIGITS = {sign: value for value, sign in enumerate("零一二三四五六七八九")}
_CHINESE_DIGITS |= {"〇": 0, "○": 0, "兩": 2, "两": 2}
_CHINESE_UNITS = {"十": 10, "百": 100, "千": 1000}


def plain(word: str) -> str:
    """The word in lower case without accents, as the tables here spell it."""
    decomposed = unicodedata.normalize("NFD", word.casefold())
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))


def _english() -> tuple[dict[str, int], dict[str, int]]:
    units, unit_ordinals = _ENGLISH.split(), _ENGLISH_ORDINALS.split()
    cardinals = {word: value for value, word in enumerate(units, start=1)}
    ordinals = {word: value for value, word in enumerate(unit_ordinals, start=1)}
    for tens, word in enumerate(_ENGLISH_TENS.split(), start=2):
        cardinals[word] = tens * 10
        ordinals[word[:-1] + "ieth"] = tens * 10
        for unit in range(9):
            cardinals[f"{word}-{units[unit]}"] = tens * 10 + unit + 1
            ordinals[f"{word}-{unit_ordinals[unit]}"] = tens * 10 + unit + 1
    return cardinals, ordinals


def _german() -> dict[str, int]:
    stems = {word: value for value, word in enumerate(_GERMAN_ORDINALS.split(), start=1)} | {"siebt": 7}
    for tens, word in enumerate(_GERMAN_TENS.split(), start=2):
        stems[word + "st"] = tens * 10
        for unit, name in enumerate(_GERMAN.split()[:9], start=1):
            stems[f"{name}und{word}st"] = tens * 10 + unit
    return {plain(stem + ending): value for stem, value in stems.items() for ending in _GERMAN_ENDINGS}


def _romance() -> dict[str, int]:
    return {word: value for words in _ROMANCE_ORDINALS for value, word in enumerate(words.split(), start=1)}


_CARDINAL, _ORDINAL = _english()
_ORDINAL = _romance() | _german() | _ORDINAL


def cardinal(token: str) -> int | None:
    """The value of digits, a Roman numeral or a number word, ordinals too; None for anything else."""
    if not token or len(token) > _LONGEST_WORD:
        return None
    if token.isascii() and token.isdigit():
        return int(token) if len(token) <= _LONGEST_DIGITS else None
    return _roman(token) or _CARDINAL.get(token.casefold()) or ordinal(token)


def ordinal(token: str) -> int | None:
    """The value of an ordinal in words or digits (`second`, `2nd`); None for anything else."""
    if len(token) > _LONGEST_WORD:
        return None
    word = plain(token)
    digits = word[:-2]
    if digits.isascii() and digits.isdigit() and word[-2:] in ("st", "nd", "rd", "th") and len(digits) <= 4:
        return int(digits)
    return _ORDINAL.get(word)


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


def _roman(token: str) -> int | None:
    if len(token) > _LONGEST_ROMAN or not _ROMAN.fullmatch(token):
        return None
    values = [_ROMAN_VALUES[letter] for letter in token]
    return sum(-v if v < after else v for v, after in zip(values, [*values[1:], 0], strict=True))
