"""A short run of random faults, `make test-long`; `make faults` makes many."""

from __future__ import annotations

import random

import pytest

from tests import faults

pytestmark = [pytest.mark.model, pytest.mark.long]


def test_random_faults_lose_nothing() -> None:
    seed = random.randrange(10_000)
    told = faults.run(4, seed, seconds=0, n_texts=24)
    assert told["lost"] == told["answered_twice"] == told["wrong"] == 0, told
    assert told["documents"] == 24
