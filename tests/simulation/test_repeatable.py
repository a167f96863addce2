"""The same seed gives the same run, byte by byte; an hour passes at once; a process that is stopped does nothing."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

from tests.simulation.client import Client
from tests.simulation.killing import empty_database
from tests.simulation.schedules import draw, live
from tests.simulation.simulation import Simulation

THING = {"a": {"type": "Test::Thing"}}


def _digest(seed: int, folder: Path) -> str:
    return live(draw(random.Random(seed)), seed, folder).digest


def test_a_seed_gives_the_same_writes_and_calls_each_time(folder: Path) -> None:
    assert _digest(3, folder) == _digest(3, folder)
    assert _digest(3, folder) != _digest(4, folder)


def test_another_process_with_another_order_of_sets_does_the_same(folder: Path, tmp_path: Path) -> None:
    traces = []
    for hash_seed in ("1", "2"):
        trace = tmp_path / hash_seed
        command = [sys.executable, "-m", "tests.simulation", "live", "5", "--trace", str(trace)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": hash_seed}, timeout=120)
        traces.append(trace.read_bytes())
    assert traces[0] == traces[1]


def _simulation(folder: Path, seed: int) -> Simulation:
    path = folder / "repeatable.sqlite"
    shutil.copy(empty_database(folder), path)
    return Simulation(path, seed)


def test_time_passes_in_the_simulation_only(folder: Path) -> None:
    with _simulation(folder, 1) as simulation:
        simulation.cloud.build_seconds = 3000.0

        async def script(client: Client) -> None:
            assert await client.rest(await client.create(THING)) == "CREATE_COMPLETE"

        simulation.run(script)
        simulation.end()
        assert 3000 < simulation.time < 3100


def test_a_process_that_is_stopped_does_nothing_until_it_goes_on(folder: Path) -> None:
    with _simulation(folder, 1) as simulation:

        async def script(client: Client) -> None:
            (engine,) = simulation.engines
            engine.pause(500.0)
            await client.rest(await client.create(THING))

        simulation.run(script)
        lines = [float(line.split()[0]) for line in simulation.trace if " engine1 " in line]
        assert not [moment for moment in lines if 1.0 < moment < 500.0]
        assert simulation.time > 500
