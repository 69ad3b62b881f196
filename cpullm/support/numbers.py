"""The numbers of a text by their values: 3,600 is 3600 and three thousand six hundred, 1st is first."""

from __future__ import annotations

from dataclasses import dataclass

import regex

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_ORDINALS = (
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_SMALL = {
    **{word: value for value, word in enumerate(_UNITS)},
    **{word: value for value, word in enumerate(_ORDINALS)},
    **{word: 10 * value for value, word in enumerate(_TENS, 2)},
    **{word[:-1] + "ieth": 10 * value for value, word in enumerate(_TENS, 2)},
    **{word[:-1] + "ies": 10 * value for value, word in enumerate(_TENS, 2)},
}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_SCALES |= {f"{word}th": value for word, value in _SCALES.items()}
_SCALES |= {f"{word}s": value for word, value in _SCALES.items() if not word.endswith("th")}
_SCALES |= {"m": 10**6, "mn": 10**6, "bn": 10**9, "k": 1000}
SPELLED = frozenset({*_SMALL, *_SCALES} - {"m", "mn", "bn", "k"})
_LETTERED = "|".join(sorted(SPELLED, key=len, reverse=True))
_PERCENT = r"(?<percent>\s?(?:%|per\s?cent|prozent|pour\s?cent|por\s?cien))?"
_DIGITS = (
    r"(?<![\p{L}\p{N}])(?<digits>\p{Nd}++(?:[.,'’  ](?=\p{Nd}{3}(?!\p{Nd}))\p{Nd}{3}|[.,]\p{Nd}++)*+)"
    r"(?<suffix>(?:st|nd|rd|th|s)\b)?(?:[  -]?(?<scale>hundreds?|thousands?|[mbtr]+illions?|m|mn|bn|k)\b)?"
)
_WORDS = (
    rf"(?:\b(?<share>half|quarter\sof)\san?\s)?(?<words>\b(?:{_LETTERED})\b"
    rf"(?:(?:\s+and\s+|[\s-]+)(?:{_LETTERED})\b)*+)"
)
_NUMBER = regex.compile(rf"(?:{_DIGITS}|{_WORDS}){_PERCENT}", regex.IGNORECASE)
_SHARES = {"half": 0.5, "quarter": 0.25}
_TOKENISED = regex.compile(r"(?<=\p{Nd}) ([.,]) (?=\p{Nd})")  # 1 , 600 in texts whose words were set apart
_SAID_OF_ANYTHING = 2  # one, two, first and second are said of what no text counts


@dataclass(frozen=True, slots=True)
class Number:
    """One number: its span, the values it may mean (1.500 has two), and whether it is a share in percent.

    `raw` are its values without the scale behind it: the 3 of “3 million”.
    """

    start: int
    end: int
    values: frozenset[float]
    raw: frozenset[float]
    percent: bool


class Numbers:
    """The numbers of a text, to be asked for."""

    def __init__(self, text: str) -> None:
        joined = _TOKENISED.sub(r"\1", text)
        self.found = numbers(text)
        found = self.found + (numbers(joined) if joined != text else [])
        self._values = {value for number in found for value in number.values | number.raw}
        self._shares = {value for number in found if number.percent for value in number.values}

    def missing(self, sentence: str) -> list[tuple[int, int]]:
        """Spans of the sentence's numbers that are not there in any spelling; a share in percent must be one there."""
        return [
            (number.start, number.end)
            for number in numbers(sentence)
            if number.values.isdisjoint(self._shares if number.percent else self._values)
        ]


def numbers(text: str) -> list[Number]:
    """All numbers that say something, in order; “two” and “first” do not."""
    return [number for match in _NUMBER.finditer(text) if (number := _number(match)) is not None]


def _number(match: regex.Match[str]) -> Number | None:
    percent = match["percent"] is not None
    if match["words"]:
        value = _spelled(match["words"]) * _SHARES.get((match["share"] or "").split(" ")[0].lower(), 1)
        values, raw = {value}, set[float]()
        vague = value <= _SAID_OF_ANYTHING
    else:
        values, raw = _read(match["digits"], match["scale"]), _read(match["digits"], None)
        vague = match["digits"] == "00" or (match["suffix"] is not None and values <= {1.0, 2.0})
    if not values or (vague and not percent):
        return None
    return Number(match.start(), match.end(), frozenset(values), frozenset(raw), percent)


def _read(digits: str, scale: str | None) -> set[float]:
    """The values of 1,500 (one of two), of 1.5 million, of 10m, which may be metres."""
    parts = regex.split(r"[.,'’  ]", digits)
    values: set[float] = set()
    if not "".join(parts).isdecimal():
        return values  # digits of a script that Python does not know yet
    if len(parts) == 1 or all(len(part) == 3 for part in parts[1:]):
        values.add(float("".join(parts)))
    if len(parts) > 1 and regex.search(r"[.,]\p{Nd}+$", digits):
        values.add(float(f"{''.join(parts[:-1])}.{parts[-1]}"))
    if scale:
        scaled = {value * _SCALES[scale.lower()] for value in values}
        return scaled | values if len(scale) == 1 else scaled
    return values


def _spelled(words: str) -> float:
    total = part = 0
    for word in regex.findall(r"\p{L}+", words.lower()):
        if word in _SMALL:
            part += _SMALL[word]
        elif word in _SCALES:
            part = max(part, 1) * _SCALES[word]
            if word[:7] != "hundred":
                total, part = total + part, 0
    return float(total + part)
