"""Random lives of stacks, with faults of the cloud, deaths and pauses of engines; see `tests.simulation.invariants`.

A failure says how to live through that seed again: ``python -m tests.simulation live SEED``.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.simulation.schedules import draw, live

SEEDS = 8


@pytest.mark.parametrize("number", range(SEEDS))
def test_every_operation_ends_and_nothing_is_lost(number: int, seed: int, folder: Path) -> None:
    mine = seed * 100 + number
    try:
        live(draw(random.Random(mine)), mine, folder)
    except AssertionError as error:
        raise AssertionError(f"python -m tests.simulation live {mine}") from error


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(dice=st.randoms(use_true_random=False), seed=st.integers(0, 2**32))
def test_schedules_that_hypothesis_makes_as_small_as_it_can(dice: random.Random, seed: int, folder: Path) -> None:
    live(draw(dice), seed, folder)
