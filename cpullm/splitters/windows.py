"""A text too long for the model → windows about equal in tokens, cut where the text itself pauses."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

import regex

from cpullm.splitters.sentences import BREAK, NO_MARK, STOP, WIDE_STOP

CountTokens = Callable[[str], int]

# From coarse to fine; a cut comes after the match. Every pattern starts once per run, so none is quadratic.
_LEVELS = tuple(
    regex.compile(pattern)
    for pattern in (
        BREAK,
        rf"(?:{STOP}|{WIDE_STOP}){NO_MARK}",
        rf"(?:[,;:][\p{{Pe}}\p{{Pf}}\"']{{0,5}}+\s++|(?<![，、；：])[，、；：]++\s*+){NO_MARK}",
        rf"(?<!\s)\s++{NO_MARK}",
        r"\X",
        r"(?s).",
    )
)
_WORD, _GRAPHEME = 3, 4
_PENALTIES = (0.0, 0.15, 0.3, 0.5, 2.0, 4.0)
_PIECES_PER_WINDOW = 8
_SLACK = 0.95
_UNEVEN = 0.35
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of text that is not cut, its tokens when counted alone, and the level of the cut after it."""

    end: int
    cost: int
    level: int


@dataclass(frozen=True, slots=True)
class _Cutter:
    """One text with its budget and its tokenizer."""

    text: str
    budget: int
    count: CountTokens

    def fits(self, start: int, end: int) -> bool:
        return end - start <= 1 or self.count(self.text[start:end]) <= self.budget

    def cuts(self, start: int, end: int, level: int) -> Iterator[int]:
        """Ends of the units of one level within a span, its own end last."""
        for match in _LEVELS[level].finditer(self.text, start, end):
            if match.end() < end:
                yield match.end()
        yield end

    def pieces(self, start: int, end: int, level: int, grain: int) -> Iterator[_Piece]:
        """The span in pieces of about `grain` characters, finer levels only where a unit is much longer."""
        left = right = start
        for cut in self.cuts(start, end, level):
            if cut - right > grain:
                if left < right:
                    yield from self._group(left, right, level, grain)
                yield from self._unit(right, cut, level, grain)
                left = cut
            elif cut - left >= grain:
                yield from self._group(left, cut, level, grain)
                left = cut
            right = cut
        if left < right:
            yield from self._group(left, right, level, grain)

    def _group(self, start: int, end: int, level: int, grain: int) -> Iterator[_Piece]:
        cost = self.count(self.text[start:end])
        if cost <= self._limit(level):
            yield _Piece(end, cost, level)
        else:
            yield from self.pieces(start, end, level, grain // 4)

    def _unit(self, start: int, end: int, level: int, grain: int) -> Iterator[_Piece]:
        cost = self.count(self.text[start:end])
        if cost <= self._limit(level) or end - start == 1:
            yield _Piece(end, cost, level)
            return
        for piece in self.pieces(start, end, level + 1, grain):
            yield replace(piece, level=level) if piece.end == end else piece

    def _limit(self, level: int) -> int:
        """Tokens from which a unit is cut finer: a word or a grapheme only when it does not fit at all."""
        return self.budget if level >= _WORD else max(1, self.budget // 4)


def windows(text: str, budget: int, count_tokens: CountTokens) -> list[tuple[int, int]]:
    """Spans of at most `budget` tokens that hold all of the text but white space between them, in order.

    They are about equal, and cut after a paragraph where possible, else a sentence, a clause, a word, a grapheme;
    a single code point above the budget stands alone. White space only gives no window.
    """
    if budget < 1:
        raise ValueError(f"budget must be at least 1 token, got {budget}.")
    cutter = _Cutter(text, budget, count_tokens)
    start, end = _stripped(text, 0, len(text))
    if start == end:
        return []
    total = count_tokens(text[start:end])
    if total <= budget or end - start == 1:
        return [(start, end)]
    grain = max(1, (end - start) * budget // (total * _PIECES_PER_WINDOW))
    pieces = list(cutter.pieces(start, end, 0, grain))
    total = max(total, sum(piece.cost for piece in pieces))
    n_windows = int(total / (budget * _SLACK)) + 1
    for attempt in range(_ATTEMPTS):
        spans = _spans(text, start, _balanced(pieces, n_windows + attempt, budget))
        if all(cutter.fits(*span) for span in spans):
            return spans
    return [fitting for span in spans for fitting in _halved(cutter, span)]


def _balanced(pieces: Sequence[_Piece], n_windows: int, budget: int) -> list[int]:
    """Ends of about equal windows: near each ideal place the cut that costs least in distance and level."""
    sums = list(accumulate(piece.cost for piece in pieces))
    ends: list[int] = []
    before, first = 0, 0
    for left in range(min(n_windows, len(pieces)), 1, -1):
        share = (sums[-1] - before) / left
        last = len(pieces) - left
        low = bisect_left(sums, before + share * (1 - _UNEVEN), first, last + 1)
        high = bisect_right(sums, before + min(share * (1 + _UNEVEN), budget), first, last + 1)
        nearest = min(max(first, bisect_left(sums, before + share, first, last + 1)), last)
        ideal = before + share
        choice = min(
            range(low, high),
            key=lambda place: abs(sums[place] - ideal) / max(share, 1) + _PENALTIES[pieces[place].level],
            default=max(first, nearest - 1) if nearest > first and sums[nearest] - before > budget else nearest,
        )
        ends.append(pieces[choice].end)
        before, first = sums[choice], choice + 1
    return [*ends, pieces[-1].end]


def _spans(text: str, start: int, ends: Sequence[int]) -> list[tuple[int, int]]:
    spans = [_stripped(text, before, end) for before, end in pairwise([start, *ends])]
    return [span for span in spans if span[0] < span[1]]


def _halved(cutter: _Cutter, span: tuple[int, int]) -> list[tuple[int, int]]:
    """Cuts a span again and again until every part fits; for tokens that do not add up."""
    done: list[tuple[int, int]] = []
    todo = [span]
    while todo:
        start, end = _stripped(cutter.text, *todo.pop())
        if start == end:
            continue
        if cutter.fits(start, end):
            done.append((start, end))
            continue
        middle = _middle_cut(cutter, start, end)
        todo += [(middle, end), (start, middle)]
    return done


def _middle_cut(cutter: _Cutter, start: int, end: int) -> int:
    """The coarsest cut in the middle half of the span, or the middle's nearest word, grapheme or code point."""
    middle, quarter = (start + end) // 2, (end - start) // 4
    for level in range(len(_LEVELS)):
        cuts = [cut for cut in cutter.cuts(start, end, level) if cut < end]
        nearest = min(cuts, key=lambda cut: abs(cut - middle), default=None)
        if nearest is not None and (level >= _WORD or abs(nearest - middle) <= quarter):
            return nearest
    return middle


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    left = start + len(piece) - len(piece.lstrip())
    return (left, start + len(piece.rstrip())) if left < end else (end, end)
