"""Random templates, operations, faults and deaths: every accepted operation ends, and in the end the cloud holds what the rows say.

Each seed is one repeatable run in one thread. A seed that fails is a bug with its reproduction.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.databases import KEY
from tests.engine_world import Cloud, World

from kamado.engine.engine import Engine
from kamado.model.lifecycle import Action
from kamado.plugin.errors import PermanentError, TemporaryError
from kamado.store import Store

SEEDS = 80
TYPES = ("Test::Thing", "Test::Thing", "Test::Sturdy", "OS::Heat::Value")


def _template(dice: random.Random) -> dict[str, Any]:
    resources: dict[str, Any] = {}
    for number in range(dice.randint(1, 6)):
        kind = dice.choice(TYPES)
        peers = [name for name in resources if dice.random() < 0.4]
        peer: Any = None
        if peers:
            reads = resources[peers[0]]["type"] == "OS::Heat::Value"
            peer = (
                {"get_attr": [peers[0], "value" if reads else "address"]}
                if dice.random() < 0.5
                else {"get_resource": peers[0]}
            )
        if kind == "OS::Heat::Value":
            properties = {"value": peer or dice.randint(1, 3)}
        else:
            properties = {"size": dice.randint(1, 3), "kind": dice.choice("xy"), "swap": dice.choice("pq")}
            properties |= {"peer": peer} if peer else {}
            properties |= {"broken": True} if dice.random() < 0.08 else {}
        resources[f"r{number}"] = {"type": kind, "properties": properties, "depends_on": peers[1:]}
    return resources


def _faults(dice: random.Random) -> dict[str, list[Any]]:
    faults: dict[str, list[Any]] = {}
    for verb in ("create", "update", "delete", "get", "list"):
        kinds: list[Any] = [None, None, TemporaryError("busy"), PermanentError("no")]
        if verb == "create":
            kinds.append(Cloud.LOSE)
        faults[verb] = [dice.choice(kinds) for _ in range(dice.randint(0, 4))]
    return faults


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_operation_ends_and_nothing_is_lost(
    seed: int, tmp_path_factory: pytest.TempPathFactory, empty: Path
) -> None:
    dice = random.Random(seed)
    database = tmp_path_factory.mktemp("world") / "k.sqlite"
    shutil.copy(empty, database)
    world = World(Store(f"sqlite:///{database}", KEY, durable=False))
    try:
        _live(world, dice)
    finally:
        world.close()
        world.store.close()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "k.sqlite"
    Store.open(f"sqlite:///{path}", KEY, durable=False).close()
    return path


def _live(world: World, dice: random.Random) -> None:
    stack = world.accept(_template(dice), rollback=dice.random() < 0.4)
    for turn in range(dice.randint(1, 5)):
        if turn:
            world.accept(_template(dice), Action.UPDATE, stack, rollback=dice.random() < 0.4)
        world.cloud.faults = _faults(dice)
        world.cloud.build_seconds = dice.choice((0, 0, 5))
        _until_over(world, dice, stack)
        world.check(stack)
    world.cloud.faults = {}
    world.accept({}, Action.DELETE, stack)
    _until_over(world, dice, stack)
    world.check(stack)
    assert world.state(stack) == "DELETE_COMPLETE"
    assert world.cloud.things == {}


def _until_over(world: World, dice: random.Random, stack: str) -> None:
    while True:
        world.points.clear()
        world.kill_at = dice.randint(0, 40) if dice.random() < 0.6 else None
        newer = _template(dice) if dice.random() < 0.2 else None

        async def meanwhile(engine: Engine, newer: Any = newer, after: float = dice.random() * 8) -> None:
            await asyncio.sleep(after)
            if newer is not None and not world.dead and world.stack(stack).action is not Action.DELETE:
                world.accept(newer, Action.UPDATE, stack)
                engine.wake()

        world.run(meanwhile)
        if not world.dead:
            return
        world.reborn()
