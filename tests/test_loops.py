"""Loops: an answer that goes round in circles is ended soon, and one that does not never is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cpullm.engine.loops import LoopDetector

RUN = 8  # tokens that must stand in the answer already to count as said before
REPEATED = 31  # tokens that only repeat when an answer is ended


def _ended_after(tokens: list[int]) -> int | None:
    """How many tokens it takes until the answer loops; None if it never does."""
    detector = LoopDetector()
    return next((n for n, token in enumerate(tokens, 1) if detector.add(token)), None)


@st.composite
def _without_a_repeated_run(draw: st.DrawFn) -> list[int]:
    """Few kinds of tokens, so that shorter runs repeat all the time, but none of eight does."""
    tokens: list[int] = []
    seen: set[tuple[int, ...]] = set()
    for wanted in draw(st.lists(st.integers(0, 2), max_size=300)):
        free = [token for token in (wanted, 0, 1, 2) if (*tokens[1 - RUN :], token) not in seen]
        if not free:
            break
        tokens.append(free[0])
        if len(tokens) >= RUN:
            seen.add(tuple(tokens[-RUN:]))
    return tokens


@given(_without_a_repeated_run())
def test_an_answer_that_never_says_eight_tokens_twice_is_not_ended(tokens: list[int]) -> None:
    assert _ended_after(tokens) is None


@given(st.lists(st.integers(0, 9), max_size=100), st.lists(st.integers(0, 9), min_size=1, max_size=60))
def test_whatever_repeats_itself_is_ended_by_its_31st_token_said_again(begin: list[int], period: list[int]) -> None:
    tokens = begin + period * 40
    ended = _ended_after(tokens)
    assert ended is not None and ended <= len(begin) + len(period) + REPEATED


@given(st.integers(0, 50), st.integers(1, 60))
def test_a_loop_after_new_words_is_ended_at_that_token_and_not_before(n_begin: int, n_period: int) -> None:
    begin, period = list(range(100, 100 + n_begin)), list(range(n_period))
    assert _ended_after(begin + period * 40) == n_begin + n_period + REPEATED


@given(st.integers(0, REPEATED - 1))
def test_words_said_again_and_then_left_are_no_loop(n_again: int) -> None:
    said = list(range(60))
    assert _ended_after(said + said[:n_again] + list(range(100, 160))) is None


def test_31_tokens_said_again_are_a_loop() -> None:
    said = list(range(60))
    assert _ended_after(said + said[10 : 10 + REPEATED]) == len(said) + REPEATED


def test_only_what_repeats_is_counted_as_repeated() -> None:
    detector = LoopDetector()
    tokens = [*range(100, 120), *[7, 8, 9] * 40]
    for token in tokens[: _ended_after(tokens)]:
        detector.add(token)
    assert detector.n_repeated == REPEATED


def test_nothing_is_repeated_once_new_words_come() -> None:
    detector = LoopDetector()
    for token in [*range(20), *range(20), 50]:
        detector.add(token)
    assert detector.n_repeated == 0
