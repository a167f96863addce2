"""Killed or stopped at durable writes and calls to the cloud, then taken over: the end is as if nothing had happened.

A sample of the points, another one each time; ``make chaos`` takes all. A failure says how to run that one again.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.simulation.killing import differences, prepare
from tests.simulation.scenarios import SCENARIOS


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_end_is_the_same_wherever_it_is_killed(name: str, folder: Path, seed: int) -> None:
    dice = random.Random(f"{seed} {name}")
    prepared = prepare(SCENARIOS[name], folder)
    assert len(prepared.points) > 8
    once = [dice.randrange(len(prepared.points))]
    twice = [dice.randrange(len(prepared.points)), dice.randrange(30)]
    for points, stop in ((once, False), (twice, False), ([dice.randrange(len(prepared.points))], True)):
        found = differences(prepared, points, stop=stop)
        again = " ".join([*(["--stop"] if stop else []), *(f"--point {point}" for point in points)])
        assert not found, f"python -m tests.simulation kill --scenario {name} {again}"
