"""The words of a text as they are compared: in small letters, without accents' variants and possessives."""

from __future__ import annotations

import unicodedata

import regex

# Scripts that leave no space between words: their signs are compared one by one.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
WORD = regex.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[\p{{L}}\p{{M}}\p{{N}}])++(?:['’](?![sS]\b)\p{{L}}++)*+")


Word = tuple[str, int, int]  # as it is compared, its start and its end


def words(text: str) -> list[str]:
    """All words, in order; numbers are words. “The Prince’s” gives `the`, `prince`, and its `s`, which is dropped."""
    return [word for word, _, _ in located(text)]


def located(text: str) -> list[Word]:
    """The same words, each with its start and end in the text."""
    return [
        (folded(match.group()), match.start(), match.end())
        for match in WORD.finditer(text)
        if not _is_possessive(text, match)
    ]


def folded(word: str) -> str:
    """A word as it is compared: `Andréevna` and `andreevna` are one."""
    if word.isascii():
        return word.lower()
    apart = unicodedata.normalize("NFKD", word.casefold())
    return "".join(char for char in apart if not unicodedata.combining(char)).replace("’", "'")


def _is_possessive(text: str, match: regex.Match[str]) -> bool:
    return match.group() in ("s", "S") and text[match.start() - 1 : match.start()] in ("'", "’")
