"""What a single line would be as a heading: its keyword, its number, its kind."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from cpullm.splitters import vocabulary
from cpullm.splitters.number_words import joiners
from cpullm.splitters.numbers import Number, chinese, letters, may_begin, plain, read, roman

LAST, UNREADABLE = -1, -2
"""The numbers of headings that say only that they are the last, or say it in a word that is not known."""
DATE = "a date"
"""The form of lines that only are a date."""

_LONGEST_LINE, _LONGEST_HEAD, _LONGEST_NUMBER, _LONGEST_EASTERN = 160, 100, 40, 40
_MOST_NAME_WORDS, _MOST_BARE_WORDS, _MOST_DATE_WORDS, _LONGEST_MINOR_WORD = 8, 14, 6, 4
_PUNCTUATION = ".,:;)]–—-·。、：،؛"
_ENDS_NUMBER = (".", ":", ")", "]", "–", "—", "-", "·", "、", "：")
_MARKUP = '#*_=~|•·<>«»\u201c\u201d" \t\u3000\ufeff\u200e\u200f'
_SIGNS = frozenset("§ № #".split())
_DASH = re.compile(r"\s*(?:--+|[—–―]|\s-\s)\s*")
_SPACED = re.compile(r"(?:\w ){3,}\w(?=\s{2,}|\W*$)")
_WIDE = re.compile(r"[\uff00-\uffef\u2160-\u217f]")
_DECIMAL = re.compile(r"(?:\d+|[A-Z])(?:\.\d+){1,5}\.?")
_DATE_IN_DIGITS = re.compile(r"\d{4}([-./])\d{1,2}\1\d{1,2}\.?|\d{1,2}([-./])\d{1,2}\2\d{4}\.?")
_SMALL_ROMAN = re.compile(r"[IVXLCivxlc][ivxlc]{0,7}\.")
_MARK = re.compile(r"\[\d{1,3}\]$")
_GLUED = re.compile(r"\b(\d{1,3}\.|[IVXLC]+\.)(?=[A-Z][a-z])")
_EAST = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_NUMERAL = (
    r"(?P<n>[0-9]{1,4}|[零〇○一二三四五六七八九十百千兩两弐貳參参壹贰叁肆伍陆柒捌玖拾卅廿일이삼사오육칠팔구십백]{1,9})"
)
_UNITS = "章回卷巻節节部篇集話话折幕場场編编課课条條款冊册品장부권편막절화회과조"
_EASTERN = tuple(
    re.compile(pattern)
    for pattern in (
        rf"[第제]\s*{_NUMERAL}\s*(?P<unit>[{_UNITS}])(?P<rest>.*)",
        rf"(?P<unit>卷|巻|其の|その|之|篇|第)之?\s*{_NUMERAL}(?P<rest>(?:[\s:].*)?)",
        rf"{_NUMERAL}\s?(?P<unit>[{_UNITS}])(?P<rest>(?:[\s:.].*)?)",
        rf"(?P<unit>){_NUMERAL}(?P<rest>(?:[、.\s:].*)?)",
    )
)
_THIRDS = {"上": 1, "中": 2, "下": 3}


@dataclass(frozen=True, slots=True)
class Look:
    """What a line would be as a heading; `bare` if nothing else stands on it, `letter` its value if it is A, B, C …"""

    form: str
    number: int | None
    kind: str = "body"
    bare: bool = True
    letter: int | None = None


def look(line: str, *, alone: bool) -> Look | None:
    """The heading that a line would be, if it could be one; `alone` if it is a paragraph of its own."""
    if len(line) > _LONGEST_LINE:
        return None
    if not (line := _bare_text(line)) or (line[0] in "[(" and line[-1] not in "])"):
        return None
    if _EAST.match(line) or (line[0].isdigit() and _EAST.search(line[:8])):
        return _eastern(line, alone=alone)
    head = line[:_LONGEST_HEAD]
    words = (_DASH.sub(" — ", head) if "-" in head or not head.isascii() else head).split()
    if not words or not (words[0][0].isalnum() or words[0] in _SIGNS):
        return None
    if line[0].islower():
        small = _bare_number(words, alone=alone) if alone and _SMALL_ROMAN.fullmatch(words[0]) else None
        return small or _numbered(words, _head(words[0]), lower=True) or _number_first(words, alone=alone, lower=True)
    if alone and (name := _named(line, words) or _date(words)):
        return name
    return _bare_number(words, alone=alone) or _numbered(words, _head(words[0])) or _number_first(words, alone=alone)


def named_kind(word: str) -> str | None:
    """The kind of a part of a book that has a name of its own (`epilogue`, `preface`); None for other words."""
    return vocabulary.kinds().get(word)


def is_known(form: str) -> bool:
    """Whether a form numbers the divisions of books everywhere: a bare number, a known keyword, a named part."""
    head = form.partition(":")[0].rstrip(".")
    return not head.isalpha() or len(head) == 1 or head in vocabulary.divisions() or named_kind(head) is not None


def is_titled(words: Sequence[str]) -> bool:
    """Whether every longer word begins with a capital, as in titles."""
    return (
        all(not word[0].islower() or len(word) <= _LONGEST_MINOR_WORD for word in words) and not words[0][0].islower()
    )


def _bare_text(line: str) -> str:
    """The line without markup and dashes round it, its wide signs and spaced letters as plain ones."""
    if not line.isascii() and _WIDE.search(line):
        line = unicodedata.normalize("NFKC", line)
    line = line.strip(_MARKUP)
    if line[:1] in "-–—" and line[-1:] in "-–—":
        line = line.strip("-–— ")
    if (line[:1], line[-1:]) in (("[", "]"), ("(", ")"), ("【", "】"), ("「", "」"), ("《", "》")):
        line = line[1:-1].strip(_MARKUP)
    line = _MARK.sub("", line) if line[-1:] == "]" else line
    if "." in line[:_LONGEST_NUMBER]:
        line = _GLUED.sub(r"\1 ", line, count=1)
    spaced = _SPACED.match(line) if line[1:2] == " " else None
    return line if not spaced else spaced.group().replace(" ", "") + line[spaced.end() :]


def _date(words: Sequence[str]) -> Look | None:
    """A line that only is a date, as the entries of a diary have: 3 May, Monday, January 1, 1900, 1900-01-31."""
    if len(words) == 1 and _DATE_IN_DIGITS.fullmatch(words[0]):
        return Look(DATE, None)
    names = [plain(_head(word)) for word in words[:_MOST_DATE_WORDS]]
    months = sum(name in vocabulary.months() for name in names)
    if months != 1 or not 2 <= len(words) <= _MOST_DATE_WORDS:
        return None
    numbers = [name for name in names if name not in vocabulary.months() and name not in vocabulary.days()]
    return Look(DATE, None) if 0 < len(numbers) <= 2 and all(read([name]) for name in numbers) else None


def _head(word: str) -> str:
    return word.rstrip(_PUNCTUATION)


def _named(line: str, words: Sequence[str]) -> Look | None:
    """Preface, contents, notes …: one name, or a short line in capitals that begins or ends with it."""
    if len(words) > _MOST_NAME_WORDS:
        return None
    names = [plain(_head(word)) for word in words if word != "—"]
    kind = named_kind(name := vocabulary.alone("-".join(names)))
    if kind and not (kind == "back" and line[-1] == ":"):
        return Look(name, None, kind)
    counted = any(read([_head(word)]) for word in words[:-1])
    kind = None if counted else named_kind(names[-1])
    if 1 < len(words) <= 3 and kind and kind != "body" and is_titled(words):
        return Look(names[-1], None, kind)
    kind = named_kind(names[0]) if len(names) > 1 else None
    if kind in ("front", "back", "contents") and is_titled(words) and (line.isupper() or line[-1].isalnum()):
        return None if read([_head(words[1])]) else Look(names[0], None, kind)
    return None


def _number(words: Sequence[str], *, keyword: bool) -> tuple[Number, int | None] | None:
    """The number that the words begin with, and its value as a letter if it is one; no number goes past punctuation."""
    if not may_begin(words[0]):
        return None
    window: list[str] = []
    for word in words[:5]:
        window.append(_head(word))
        if word != window[-1] or not window[-1]:
            break
    first = window[0]
    if _DECIMAL.fullmatch(first):
        return Number(int(first.rstrip(".").rsplit(".", 1)[1]), 1, "." * first.rstrip(".").count(".")), None
    found = read(window)
    letter = _letter(words[0], first, keyword=keyword)
    small = keyword or (len(words) > 1 and _SMALL_ROMAN.fullmatch(words[0]))
    if found is None and small and (value := roman(first.upper())) is not None:
        found = Number(value, 1, "i")
    if letter is not None and len(first) == 1 and first == words[0] and len(words) > 1:
        letter = None
    if found is None and letter is not None:
        found = Number(letter, 1, "a")
    return None if found is None else (found, letter)


def _letter(word: str, head: str, *, keyword: bool) -> int | None:
    """A letter as number: A to Z with a stop or after a keyword, Greek and Hebrew ones with their marks."""
    if len(head) == 1 and "A" <= head <= "Z":
        return ord(head) - ord("A") + 1 if keyword or word[1:2] in (".", ")") else None
    if not head.isascii() and (keyword or word[-1] in "΄ʹ´׳") and not head[0].islower():
        return letters(head)
    return None


def _bare_number(words: Sequence[str], *, alone: bool) -> Look | None:
    """A number alone, one with a title after a stop or a dash, or before a title's capitals."""
    found = _number(words, keyword=alone and len(words) == 1)
    if found is None:
        if len(words) == 1 and alone and (value := roman(_head(words[0]).upper())) is not None:
            return Look("", value)
        return None
    number, letter = found
    form = number.style if number.style.startswith(".") else ""
    last, rest = words[number.words - 1], words[number.words :]
    if not rest:
        return Look(form, number.value, letter=letter)
    stopped = last.endswith(_ENDS_NUMBER) or rest[0] == "—"
    if number.style in ("one", "first") and not last.endswith((".", ":")) and rest[0] != "—":
        return None
    if not stopped and not (_is_open_title(number, rest) and alone):
        return None
    ends = len(rest) == 1 or rest[0].endswith(_ENDS_NUMBER) or rest[1] == "—"
    if ends and not form and plain(_head(rest[0])) in vocabulary.divisions():
        return None
    return Look(form, number.value, bare=False, letter=letter)


def _is_open_title(number: Number, rest: Sequence[str]) -> bool:
    """Whether words are a title although nothing parts them from the number: in capitals, or after 1.1 and the like."""
    if rest[-1][-1] in ".,;" or len(rest) > _MOST_BARE_WORDS * (1 + number.style.startswith(".")):
        return False
    if number.style.startswith("."):
        return not rest[0][0].islower()
    return (
        number.style in ("1", "i") and is_titled(rest) and (len(rest[0]) > 1 or number.style == "1" or number.value > 1)
    )


def _numbered(words: Sequence[str], keyword: str, *, lower: bool = False) -> Look | None:
    """A keyword, then a number: CHAPTER I, Chapter the First, § 1, No. 1."""
    name = plain(keyword) if keyword not in _SIGNS else keyword
    known = name in vocabulary.divisions() or name in _SIGNS or name in ("no", "nr", "num")
    if len(words) < 2 or (lower and not known) or words[0][-1] in ":,;" or name in vocabulary.not_divisions():
        return None
    if not known and (not keyword.isalpha() or len(keyword) < 3 or name in vocabulary.articles()):
        return None
    for place in (1, 2):
        if place == 2 and (len(words) < 3 or plain(words[1]) not in vocabulary.articles()):
            return None
        if words[place].casefold().rstrip(_PUNCTUATION) == "last" and place == 2:
            return Look(name, LAST, named_kind(name) or "body", len(words) == 3)
        found = _number(words[place:], keyword=known)
        if found is not None:
            return _with_keyword(name, found, words, place)
    return None


def _with_keyword(name: str, found: tuple[Number, int | None], words: Sequence[str], place: int) -> Look | None:
    number, letter = found
    after = place + number.words
    if after < len(words) and words[after][0].islower() and not words[after - 1].endswith(_ENDS_NUMBER):
        return None
    again = [_head(word) for word in words[after:]]
    if any(plain(word) == name and read(again[place + 1 :]) for place, word in enumerate(again)):
        return None
    form = name + number.style if number.style.startswith(".") else name
    return Look(form, number.value, named_kind(name) or "body", after == len(words), letter)


def _number_first(words: Sequence[str], *, alone: bool, lower: bool = False) -> Look | None:
    """A number, then a keyword: Second Part, 1. Kapitel, Das erste Buch, I LUKU."""
    place = 1 if plain(words[0]) in vocabulary.articles() and len(words) > 2 else 0
    found = _number(words[place:], keyword=False)
    if found is None:
        return _unreadable(words) if place == 0 and alone and not lower else None
    after = place + found[0].words
    if (
        after + 2 < len(words)
        and words[after].casefold() in joiners()
        and plain(words[after + 1]) in vocabulary.lasts()
    ):
        after += 2
    if after >= len(words):
        return None
    keyword, bare = _head(words[after]), after + 1 == len(words)
    name = plain(keyword)
    known = name in vocabulary.divisions()
    if not known and (
        lower or found[0].style != "first" or not keyword.isalpha() or name in vocabulary.not_divisions()
    ):
        return None
    if not bare and not words[after].endswith(_ENDS_NUMBER) and words[after + 1] != "—":
        return None
    return Look(name, found[0].value, named_kind(name) or "body", bare)


def _unreadable(words: Sequence[str]) -> Look | None:
    if len(words) != 2 or not words[0].isalpha() or not _head(words[1]).isalpha():
        return None
    return Look(plain(_head(words[1])), UNREADABLE, named_kind(plain(_head(words[1]))) or "body")


def _eastern(line: str, *, alone: bool) -> Look | None:
    """第…章, 제1장, 卷一, 一: the unit's sign is the form; white space, nothing or a short title follows."""
    head = re.split(r"[\s:：]", line, maxsplit=1)[0]
    kind = named_kind(plain(head)) or named_kind(plain(line.replace(" ", ""))) if alone else None
    if kind and len(line) <= _LONGEST_EASTERN:
        return Look(plain(head), None, kind)
    if line[0] in _THIRDS and (len(line) == 1 or (len(line) == 2 and line[1] in _UNITS)):
        return Look("上" + line[1:], _THIRDS[line[0]])
    for pattern in _EASTERN:
        match = pattern.fullmatch(line)
        number = chinese(match["n"]) if match else None
        if match is None or number is None:
            continue
        rest = match["rest"].strip(" :：、.")
        if rest[:1] in "第제" and rest and (inner := _eastern(rest, alone=alone)):
            return inner
        glued = bool(rest) and match["rest"][0] not in " :：、.\u3000"
        if (glued or not match["unit"]) and rest and (len(line) > _LONGEST_EASTERN or line[-1] in "。！？」”，,"):
            return None
        return Look(match["unit"], number, bare=not rest)
    return None
