"""Superseding, cancelling, handing over: no new step starts, what is in flight is not lost, the next one goes on from what is there."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.engine_world import World

from kamado.engine.engine import Engine
from kamado.engine.system import InlineCalls
from kamado.model.lifecycle import Action, OperationState, Stop

T = "Test::Thing"
CHAIN = {"a": {"type": T}, "b": {"type": T, "depends_on": "a"}, "c": {"type": T, "depends_on": "b"}}


def test_a_delete_supersedes_a_creation(world: World) -> None:
    world.cloud.build_seconds = 100
    stack = world.accept(CHAIN)

    async def meanwhile(engine: Engine) -> None:
        await asyncio.sleep(150)
        world.accept({}, Action.DELETE, stack)
        engine.wake()

    world.run(meanwhile)
    assert world.state(stack) == "DELETE_COMPLETE"
    assert world.cloud.things == {}
    assert world.cloud.called("create") == ["a", "b"]
    assert world.loop.passed < 160
    states = [operation.state for operation in world.store.operations.of_stack(stack)]
    assert states == [OperationState.SUPERSEDED, OperationState.DONE]
    history = world.history(stack)
    assert history.index("world DELETE_IN_PROGRESS") < history.index("b DELETE_IN_PROGRESS")
    assert "world CREATE_COMPLETE" not in history


def test_a_newer_update_goes_on_with_what_the_older_began(world: World) -> None:
    world.cloud.build_seconds = 100
    stack = world.accept(CHAIN)

    async def meanwhile(engine: Engine) -> None:
        await asyncio.sleep(150)
        world.accept({**CHAIN, "d": {"type": T}}, Action.UPDATE, stack)
        engine.wake()

    world.run(meanwhile)
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert sorted(world.cloud.called("create")) == ["a", "b", "c", "d"]
    assert world.history(stack, "b") == ["b CREATE_IN_PROGRESS", "b CREATE_COMPLETE"]
    world.check(stack)


def test_a_newer_update_that_wants_it_otherwise_replaces_what_the_older_began(world: World) -> None:
    world.cloud.build_seconds = 100
    stack = world.accept({"a": {"type": T, "properties": {"kind": "x"}}})

    async def meanwhile(engine: Engine) -> None:
        await asyncio.sleep(50)
        world.accept({"a": {"type": T, "properties": {"kind": "y"}}}, Action.UPDATE, stack)
        engine.wake()

    world.run(meanwhile)
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert [thing["kind"] for thing in world.cloud.things.values()] == ["y"]
    world.check(stack)


def test_cancel_ends_as_failed_and_leaves_nothing_in_the_middle(world: World) -> None:
    world.cloud.build_seconds = 100
    stack = world.accept(CHAIN)

    async def meanwhile(engine: Engine) -> None:
        await asyncio.sleep(150)
        running = world.store.operations.running(stack)
        assert running is not None
        world.store.operations.request_stop([running.id], Stop.CANCELLED, world.clock.now())
        engine.wake()

    world.run(meanwhile)
    assert world.state(stack) == "CREATE_FAILED"
    assert world.stack(stack).reason == "Stack CREATE cancelled"
    assert world.states(stack) == {"a": "CREATE_COMPLETE", "b": "CREATE_FAILED"}
    assert world.rows(stack)["b"].reason == "CREATE aborted (user triggered cancel)"
    world.check(stack)


def test_an_engine_that_stops_leaves_its_work_to_the_next(world: World) -> None:
    world.cloud.build_seconds = 100
    stack = world.accept(CHAIN)

    async def meanwhile(engine: Engine) -> None:
        await asyncio.sleep(150)
        engine.stop()
        while engine.running:
            await asyncio.sleep(0.1)

    world.run(meanwhile, seconds=200)
    running = world.store.operations.running(stack)
    assert running is not None
    assert running.lease_expires_at is None
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    assert world.cloud.called("create") == ["a", "b", "c"]
    assert len(world.history(stack)) == len(set(world.history(stack)))
    world.check(stack)


class _SlowReads(InlineCalls):
    """Every read takes a moment, so that something can happen in between."""

    async def run(self, function: Callable[[], Any]) -> Any:
        await asyncio.sleep(0.01)
        return function()


@pytest.mark.parametrize("while_it", ["claims", "plans"])
def test_an_engine_told_to_stop_before_it_has_begun_starts_nothing(world: World, while_it: str) -> None:
    stacks = []

    async def meanwhile(first: Engine) -> None:
        first.stop()
        await asyncio.sleep(1)
        engine = Engine(replace(world.ports(), store_calls=_SlowReads()), world.settings)
        task = asyncio.create_task(engine.run())
        await asyncio.sleep(0.1)
        stacks.append(world.accept(CHAIN))
        engine.wake()
        if while_it == "claims":
            await asyncio.sleep(0.005)
        else:
            while not engine.running:
                await asyncio.sleep(0.001)
        engine.stop()
        await task

    world.run(meanwhile, seconds=5)
    assert world.cloud.called("create") == []
    (operation,) = world.store.operations.live(stacks[0])
    assert operation.lease_expires_at is None
    world.run()
    assert world.state(stacks[0]) == "CREATE_COMPLETE"
    assert world.cloud.called("create") == ["a", "b", "c"]
    world.check(stacks[0])


def test_suspend_resume_and_check(world: World) -> None:
    stack = world.accept(
        {
            "a": {"type": T},
            "b": {"type": T, "depends_on": "a"},
            "v": {"type": "OS::Heat::Value", "properties": {"value": 1}},
        }
    )
    world.run()
    world.accept({}, Action.SUSPEND, stack)
    world.run()
    assert world.state(stack) == "SUSPEND_COMPLETE"
    assert world.cloud.called("update") == ["b", "a"]
    world.accept({}, Action.RESUME, stack)
    world.run()
    assert world.state(stack) == "RESUME_COMPLETE"
    world.cloud.things.pop(str(world.rows(stack)["b"].physical_id))
    world.accept({}, Action.CHECK, stack)
    world.run()
    assert world.state(stack) == "CHECK_FAILED"
    assert world.states(stack) == {"a": "CHECK_COMPLETE", "b": "CHECK_FAILED", "v": "CHECK_COMPLETE"}
    reason = world.stack(stack).reason
    assert reason.startswith("Resource CHECK failed: b: NotFound: resources.b: no thing ")
    assert "CHECK not supported for OS::Heat::Value" in world.rows(stack)["v"].reason


def test_an_engine_that_is_stopped_before_it_runs_ends_at_once(world: World) -> None:
    engine = Engine(world.ports(), world.settings)
    engine.stop()
    world.accept(CHAIN)
    world.loop.run_until_complete(asyncio.wait_for(engine.run(), 10))
    assert world.cloud.calls == []


def test_what_was_cancelled_before_anybody_took_it_ends_too(world: World) -> None:
    stack = world.accept({"a": {"type": "Test::Thing"}})
    assert world.store.operations.cancel(stack)
    world.run()
    assert world.state(stack) == "CREATE_FAILED"
    assert world.stack(stack).reason == "Stack CREATE cancelled"
    assert world.cloud.calls == []
    assert not world.store.operations.cancel(stack)
