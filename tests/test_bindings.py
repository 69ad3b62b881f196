"""How llama.cpp's threads wait is decided while it is loaded, and nothing of that stays in the environment."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# Prints what libgomp saw (OMP_DISPLAY_ENV makes it say so), then what the process has afterwards.
PROGRAM = "import cpullm.engine.bindings, os; print('after:', os.environ.get('GOMP_SPINCOUNT'))"


def _run(**environment: str) -> tuple[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**env, **environment}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip(), done.stderr


@pytest.fixture(autouse=True, scope="module")
def openmp() -> None:
    from cpullm.engine.bindings import uses_openmp

    if not uses_openmp():
        pytest.skip("llama.cpp was built without OpenMP")


def test_threads_spin_a_thousand_turns_and_the_environment_is_as_before() -> None:
    after, seen = _run(OMP_DISPLAY_ENV="VERBOSE")
    assert "GOMP_SPINCOUNT = '1000'" in seen
    assert after == "after: None"


@pytest.mark.parametrize("given", ["7", "300000"])
def test_a_users_own_spin_count_is_kept(given: str) -> None:
    after, seen = _run(OMP_DISPLAY_ENV="VERBOSE", GOMP_SPINCOUNT=given)
    assert f"GOMP_SPINCOUNT = '{given}'" in seen
    assert after == f"after: {given}"


def test_a_users_waiting_policy_is_kept() -> None:
    _, seen = _run(OMP_DISPLAY_ENV="VERBOSE", OMP_WAIT_POLICY="passive")
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in seen
    assert "GOMP_SPINCOUNT = '1000'" not in seen
