"""The kill harness: a scenario is lived through once, then again for each of its points, and the process dies there.

Points are every durable write and every call to the cloud, before and after it (after: it is done, but the process that did it never
hears of it). Another process takes over; compared are stack, rows, history, nested stacks and what the cloud holds.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.databases import KEY
from tests.simulation.client import Client
from tests.simulation.scenarios import Scenario
from tests.simulation.simulation import Simulation

from kamado.store import Store

SEED = 7
# Without slack, for there is one clock: whoever looks for what was made since a moment that is too late finds nothing.
SETTINGS = {"action_retry_limit": 2, "lease_seconds": 10.0, "claim_interval": 4.0, "adoption_slack": 0.0}

Summary = dict[str, Any]


@dataclass
class Prepared:
    """A scenario where the killing begins, and how it ends when nobody is killed."""

    scenario: Scenario
    folder: Path
    stack: str = ""
    time: float = 0.0
    things: dict[str, Any] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    made: int = 0
    wanted: Summary = field(default_factory=dict)
    points: list[str] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """The database as it was then."""
        return self.folder / f"{self.scenario.name}.sqlite"


def empty_database(folder: Path) -> Path:
    """A database with all tables: making them takes longer than a whole run."""
    path = folder / "empty.sqlite"
    if not path.exists():
        Store.open(f"sqlite:///{path}", KEY, durable=False).close()
    return path


def prepare(scenario: Scenario, folder: Path) -> Prepared:
    """Lives through what comes before, then through the story without a kill."""
    prepared = Prepared(scenario, folder)
    shutil.copy(empty_database(folder), prepared.path)
    before = scenario.before
    if before is not None:
        path = folder / "run.sqlite"
        shutil.copy(empty_database(folder), path)
        with Simulation(path, SEED, settings=SETTINGS) as simulation:

            async def script(client: Client) -> None:
                prepared.stack = await before(client, "")

            simulation.run(script)
            simulation.end()
            prepared.time = simulation.time
            prepared.things = simulation.cloud.things
            prepared.users = simulation.cloud.users
            prepared.made = simulation.cloud.made
        shutil.copy(path, prepared.path)
    prepared.wanted, prepared.points = _live(prepared, ())
    assert prepared.wanted["stack"] == scenario.ends, prepared.wanted
    return prepared


STOPPED = 35.0
"""Seconds for which a process is stopped that does not die: longer than its lease."""


def differences(
    prepared: Prepared, points: Sequence[int], trace_file: Path | None = None, *, stop: bool = False
) -> dict[str, Any]:
    """What is otherwise than without a kill: what was wanted and what was found; {} when all is well.

    The process dies at the first of ``points``, its successor at the second, counted from there … With ``stop`` they do not die but
    are stopped (SIGSTOP, and SIGCONT when their leases are long lost): then nobody may touch what another one works on.
    """
    try:
        found, _ = _live(prepared, points, trace_file, STOPPED if stop else 0.0)
    except AssertionError as error:
        return {"error": str(error)}
    wanted = prepared.wanted
    return {key: (wanted[key], found[key]) for key in wanted if wanted[key] != found[key]}


def _live(
    prepared: Prepared, points: Sequence[int], trace_file: Path | None = None, stop_for: float = 0.0
) -> tuple[Summary, list[str]]:
    path = prepared.folder / "run.sqlite"
    shutil.copy(prepared.path, path)
    with Simulation(path, SEED, settings=SETTINGS, began=prepared.time, trace_file=trace_file) as simulation:
        simulation.cloud.things = copy.deepcopy(prepared.things)
        simulation.cloud.users = dict(prepared.users)
        simulation.cloud.made = prepared.made
        simulation.deaths = [(point, stop_for) for point in points]
        stack = ""

        async def script(client: Client) -> None:
            nonlocal stack
            stack = await prepared.scenario.story(client, prepared.stack)
            await client.rest(stack)

        simulation.run(script)
        simulation.check(stack)
        assert not simulation.trespasses, simulation.trespasses
        return simulation.summary(stack), simulation.points
