"""What is private in a text: a span and its kind. Rules and model give these, and masking takes them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

import regex

# Digits of every script, blanks, dashes and wide forms: each stands for one ASCII sign.
_VARIANTS = regex.compile(r"[^\P{Nd}0-9]|[^\P{Zs} ]|[^\P{Pd}-]|[\uFF01-\uFF5E]|−")

_FREE = regex.compile(rb"\x00+")
_TRIMMED = regex.compile(r"[\p{L}\p{N}](?:.*[\p{L}\p{N}])?", regex.DOTALL)


@dataclass(frozen=True, slots=True, order=True)
class Private:
    """A stretch of a text that is private, and why: PERSON, EMAIL_ADDRESS, …"""

    start: int
    end: int
    kind: str

    @classmethod
    def of(cls, span: tuple[int, int], kind: str) -> Private:
        """From where a pattern matched."""
        return cls(*span, kind)


# For patterns: what begins and ends as a word does. Scripts without spaces between words have no such places.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
BEGINS = rf"(?:(?<![\p{{L}}\p{{N}}])|(?<=[{_UNSPACED}]))"
ENDS = rf"(?:(?![\p{{L}}\p{{N}}])|(?=[{_UNSPACED}]))"
LETTER = rf"(?![{_UNSPACED}])\p{{L}}"


def plain(text: str) -> str:
    """The text with ASCII digits, dashes and blanks, sign for sign, so that offsets stay."""
    return text if text.isascii() else _VARIANTS.sub(_ascii, text)


def _ascii(match: regex.Match[str]) -> str:
    sign = match.group()
    category = unicodedata.category(sign)
    if category == "Nd":
        return str(unicodedata.decimal(sign, 0))  # one that Python does not know yet is some digit
    if category == "Zs":
        return " "
    return "-" if category in ("Pd", "Sm") and sign != "+" and not "＋" <= sign <= "＞" else chr(ord(sign) - 0xFEE0)


def apart(found: Iterable[Private], text: str) -> list[Private]:
    """The same in order, none over another: a sign is the first one's that claims it; what is cut begins and ends with
    letters or digits."""
    claimed = bytearray(len(text))
    kept: list[Private] = []
    for one in found:
        free = _FREE.finditer(claimed[one.start : one.end])
        kept += (left for match in free if (left := _left(one, match.span(), text)))
        claimed[one.start : one.end] = b"\1" * (one.end - one.start)
    return sorted(kept)


def _left(one: Private, span: tuple[int, int], text: str) -> Private | None:
    """A part of what was found that nothing else has."""
    start, end = one.start + span[0], one.start + span[1]
    ends = _TRIMMED.search(text, start, end)
    if ends is None or (start, end) == (one.start, one.end):
        return ends and one
    return Private.of(ends.span(), one.kind)
