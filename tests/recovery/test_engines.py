"""Several engines on one database: leases, fencing, a sleeper that wakes too late; on each database that can be reached."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.engine_world import World

from kamado.engine.engine import Engine
from kamado.model.lifecycle import Action
from kamado.store import Store

T = "Test::Thing"
CHAIN = {"a": {"type": T}, "b": {"type": T, "depends_on": "a"}, "c": {"type": T, "depends_on": "b"}}


@pytest.fixture
def world(store: Store) -> Iterator[World]:
    made = World(store, alone=False)
    yield made
    made.close()


def test_the_whole_life_of_a_stack_on_each_database(world: World) -> None:
    stack = world.accept(
        {**CHAIN, "v": {"type": "OS::Heat::Value", "properties": {"value": {"get_attr": ["c", "address"]}}}}
    )
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    world.accept({**CHAIN, "a": {"type": T, "properties": {"kind": "y"}}}, Action.UPDATE, stack)
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"
    world.check(stack)
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert world.state(stack) == "DELETE_COMPLETE"
    assert world.cloud.things == {}


def test_an_engine_that_died_is_replaced_when_its_lease_has_run_out(world: World) -> None:
    world.cloud.build_seconds = 10
    stack = world.accept(CHAIN)
    world.kill_at = 12
    world.run()
    assert world.dead
    began = world.loop.passed
    world.reborn()
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    assert 15 < world.loop.passed - began < 70
    assert world.cloud.called("create") == ["a", "b", "c"]
    world.check(stack)


def test_a_sleeper_that_wakes_too_late_changes_nothing(world: World) -> None:
    world.cloud.build_seconds = 10
    stack = world.accept(CHAIN)

    async def meanwhile(first: Engine) -> None:
        await asyncio.sleep(5)
        # The first engine sleeps through its lease: another one takes the operation over while the first still believes it holds it.
        later = world.clock.now() + timedelta(seconds=world.settings.lease_seconds + 1)
        taken = world.store.operations.claim("somebody else", later, timedelta(seconds=-1), 10)
        assert [operation.stack_id for operation in taken] == [stack]
        before = world.store.resources.of_stack(stack), world.history(stack)
        while first.running:
            await asyncio.sleep(1)
        assert (world.store.resources.of_stack(stack), world.history(stack)) == before
        world.store.operations.release("somebody else", [taken[0].id])
        first.wake()

    world.run(meanwhile)
    assert world.state(stack) == "CREATE_COMPLETE"
    assert world.cloud.called("create") == ["a", "b", "c"]
    history = world.history(stack)
    assert len(history) == len(set(history))
    world.check(stack)


def test_two_engines_share_the_work_without_doing_any_of_it_twice(world: World) -> None:
    world.cloud.build_seconds = 3
    world.settings = replace(world.settings, concurrent_operations=2)
    stacks = []

    async def meanwhile(first: Engine) -> None:
        second = Engine(world.ports(), world.settings)
        task = asyncio.get_running_loop().create_task(second.run())
        await asyncio.sleep(1)
        for number in range(8):
            stacks.append(world.accept(CHAIN, name=f"s{number}"))
        first.wake()
        second.wake()
        await asyncio.sleep(1)
        assert (first.running, second.running) == (2, 2)
        while world.live():
            await asyncio.sleep(1)
        second.stop()
        await task

    world.run(meanwhile)
    assert [world.state(stack) for stack in stacks] == ["CREATE_COMPLETE"] * 8
    assert len(world.cloud.called("create")) == 24
