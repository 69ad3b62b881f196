"""What an engine takes: the rates that measurements show, and its loop gone through with them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpullm.rates import Part, Point, Rates

RATES = Rates(2, token=0.01, sequence=0.025, step=0.2)
SMALL = st.floats(1e-6, 1e-2)


def part(prompt: int, new: int) -> Part:
    return Part(prompt, prompt, new)


def measured(rates: Rates, prompt_tokens: int, n_sequences: int) -> Point:
    """What such an engine shows: its prompt's seconds, and those of one step at that prompt's length."""
    prefill = rates.token * prompt_tokens + rates.attention * prompt_tokens**2 / 2
    step = rates.step + n_sequences * (rates.sequence + rates.context * prompt_tokens)
    return Point(prompt_tokens, n_sequences, prompt_tokens / prefill, n_sequences / step)


class TestFitted:
    @given(
        token=SMALL, attention=st.floats(0, 1e-5), step=st.floats(0, 0.1), sequence=SMALL, context=st.floats(0, 1e-5)
    )
    def test_finds_the_engine_that_was_measured(
        self, token: float, attention: float, step: float, sequence: float, context: float
    ) -> None:
        engine = Rates(8, token, sequence, attention, step, context)
        found = Rates.fitted([measured(engine, 192, 8), measured(engine, 1024, 8), measured(engine, 192, 1)], 8)
        for name in ("token", "attention", "step", "sequence", "context"):
            assert getattr(found, name) == pytest.approx(getattr(engine, name), rel=1e-6, abs=1e-9)

    def test_one_point_is_taken_for_all(self) -> None:
        found = Rates.fitted([Point(192, 8, 100.0, 16.0)], 8, load_seconds=2.0)
        assert found == Rates(8, token=0.01, sequence=1 / 16, load_seconds=2.0)

    def test_one_sequence_at_a_time_has_no_neighbour(self) -> None:
        found = Rates.fitted([Point(192, 1, 100.0, 16.0), Point(1024, 1, 80.0, 12.0)], 1)
        assert found.seconds([part(192, 2)]) == pytest.approx(1.92 + 1 / 16, rel=0.02)
        assert found.seconds([part(1024, 2)]) == pytest.approx(12.8 + 1 / 12, rel=0.02)

    @given(
        st.lists(
            st.tuples(st.sampled_from([64, 192, 1024]), st.floats(1, 1e4), st.floats(1, 1e3)), min_size=2, max_size=2
        ),
        st.floats(1, 1e3),
    )
    def test_measurements_that_contradict_each_other_give_no_negative_seconds(
        self, full: list[tuple[int, float, float]], alone: float
    ) -> None:
        points = [Point(n, 4, prefill, decode) for n, prefill, decode in full]
        found = Rates.fitted([*points, Point(64, 1, 100.0, alone)], 4)
        assert found.token > 0
        assert min(found.sequence, found.attention, found.step, found.context) >= -1e-12


class TestSeconds:
    def test_sequences_that_decode_together_share_a_step(self) -> None:
        """Alone a step takes 0.225 s, of two 0.25."""
        assert RATES.seconds([part(100, 11)]) == pytest.approx(1 + 10 * 0.225)
        assert RATES.seconds([part(100, 11)] * 2) == pytest.approx(2 + 10 * 0.25)
        assert RATES.seconds([part(100, 11), part(100, 6)]) == pytest.approx(2 + 5 * 0.25 + 5 * 0.225)

    def test_one_that_finds_no_place_waits(self) -> None:
        assert RATES.seconds([part(100, 11)] * 3) == pytest.approx(3 + 10 * 0.25 + 10 * 0.225)

    def test_what_is_shared_is_not_prefilled_again_but_attended_to(self) -> None:
        rates = Rates(1, token=0.01, sequence=0.1, attention=1e-4)
        assert rates.seconds([Part(100, 10, 1)]) == pytest.approx(0.1 + 1e-4 * (100**2 - 90**2) / 2)

    def test_a_longer_context_takes_longer(self) -> None:
        rates = Rates(1, token=0.01, sequence=0.1, context=0.001)
        assert rates.seconds([part(100, 11)]) == pytest.approx(1 + 10 * 0.1 + 0.001 * (1000 + 50))

    @given(
        parts=st.lists(st.tuples(st.integers(1, 900), st.integers(1, 160)), min_size=1, max_size=40),
        n_seq_max=st.integers(1, 16),
    )
    def test_no_order_beats_the_least(self, parts: list[tuple[int, int]], n_seq_max: int) -> None:
        rates = Rates(n_seq_max, 0.002, 0.003, 1e-6, 0.01, 1e-6)
        group = [part(prompt, new) for prompt, new in parts]
        assert rates.seconds(group) >= rates.least(group) * (1 - 1e-9)
