"""The bar of a level: the time that is left is believable from the first group on."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpullm.progress import Bar, seconds_left
from cpullm.records import Request


def _request(i: int, group_id: int) -> Request:
    return Request(f"{i:04}", group_id, "summarize", "", f"text {i}", "", 100, 20)


@given(n_engines=st.integers(1, 64), n_waves=st.integers(2, 20), size=st.integers(2, 16), seconds=st.floats(1, 100))
def test_while_equal_groups_end_one_by_one_it_is_never_far_off(
    n_engines: int, n_waves: int, size: int, seconds: float
) -> None:
    """The engines' groups end evenly spread over a wave; the very first ones say least."""
    n_groups, lasts = n_engines * n_waves, n_waves * seconds
    work = list(accumulate([1.0] * n_groups * size, initial=0))
    for done in range(1, n_groups):
        elapsed = seconds * done / n_engines
        told = seconds_left(work, done * size, n_engines * size // 2, elapsed)
        assert told <= 2 * lasts
        if done >= 2 * n_engines:
            assert told == pytest.approx(lasts - elapsed, abs=0.35 * lasts)


def test_nothing_is_left_at_the_end() -> None:
    assert seconds_left([0, 1, 2, 3], 3, 2, 10.0) == 0


def test_it_goes_by_the_work_and_not_by_the_number() -> None:
    assert seconds_left([0, 8, 9, 10], 1, 0, 8.0) == 2.0


def test_the_bar_tells_documents_rate_and_what_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar("windows", [_request(i, i // 2) for i in range(4)], n_kept=6, n_engines=1, shown=True) as bar:
        for _ in range(4):
            bar.show(1, 120)
    told = capsys.readouterr().err
    assert "windows: 100%" in told and "10/10" in told and "00:00 left" in told and "tokens/s" in told


def test_groups_told_twice_do_not_pass_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar("windows", [_request(i, 0) for i in range(4)], n_kept=0, n_engines=3, shown=True) as bar:
        for _ in range(4):
            bar.show(2, 120)
    assert "4/4" in capsys.readouterr().err


def test_it_says_nothing_where_it_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar("windows", [_request(0, 0)], n_kept=0, n_engines=1, shown=False) as bar:
        bar.show(1, 120)
    assert capsys.readouterr().err == ""
