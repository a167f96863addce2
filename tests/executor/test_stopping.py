"""Superseding, cancelling, handing over: no new step starts, what is in flight is not lost, the next one goes on from what is there."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.engine_world import World

from kamado.engine.engine import Engine
from kamado.engine.system import InlineCalls
from kamado.model.lifecycle import Action, OperationState, Status
from kamado.plugin.errors import PermanentError

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


def cancelled(world: World, stack: str, after: float):  # type: ignore[no-untyped-def]
    """Somebody cancels what runs on the stack."""

    async def meanwhile(engine: Engine) -> None:
        await asyncio.sleep(after)
        assert world.store.operations.cancel(stack)
        engine.wake()
        await asyncio.sleep(5)
        assert world.stack(stack).status is Status.FAILED
        assert world.stack(stack).reason.endswith("cancelled")

    return meanwhile


@pytest.mark.parametrize("crash", [False, True])
def test_what_is_in_flight_when_it_is_cancelled_goes_on_to_its_end(world: World, crash: bool) -> None:
    """As in Heat; who is interrupted in the middle of an update would have to be replaced."""
    world.cloud.build_seconds = 100
    stack = world.accept(CHAIN)
    if crash:

        async def die(engine: Engine) -> None:
            await cancelled(world, stack, 150)(engine)
            world.dead = True

        world.run(die)
        world.reborn()
        world.run()
    else:
        world.run(cancelled(world, stack, 150))
    assert world.state(stack) == "CREATE_FAILED"
    assert world.stack(stack).reason == "Stack CREATE cancelled"
    assert world.states(stack) == {"a": "CREATE_COMPLETE", "b": "CREATE_COMPLETE"}
    assert world.history(stack, "world") == ["world CREATE_IN_PROGRESS", "world CREATE_FAILED"]
    assert world.cloud.called("create") == ["a", "b"]
    world.check(stack)
    world.accept(CHAIN, Action.UPDATE, stack)
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert world.cloud.called("create") == ["a", "b", "c"]


def test_what_fails_after_it_was_cancelled_is_a_failure_of_its_own(world: World) -> None:
    stack = world.accept({"a": {"type": T}})
    world.run()
    world.cloud.build_seconds = 100
    world.accept({"a": {"type": T}, "b": {"type": T, "properties": {"broken": True}}}, Action.UPDATE, stack)
    world.cloud.faults["get"] = [None, None, None, PermanentError("it is gone wrong")] + [None] * 50
    world.run(cancelled(world, stack, 0.15))
    assert world.states(stack) == {"a": "CREATE_COMPLETE", "b": "CREATE_FAILED"}
    assert world.stack(stack).reason == "Stack UPDATE cancelled"
    world.check(stack)


def test_a_newer_update_does_not_wait_for_what_is_in_flight_after_a_cancel(world: World) -> None:
    world.cloud.build_seconds = 3000
    stack = world.accept(CHAIN)

    async def meanwhile(engine: Engine) -> None:
        await cancelled(world, stack, 50)(engine)
        world.cloud.build_seconds = 0
        world.accept({"a": {"type": T, "properties": {"kind": "y"}}}, Action.UPDATE, stack)
        engine.wake()

    world.run(meanwhile)
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert world.loop.passed < 200
    assert [thing["kind"] for thing in world.cloud.things.values()] == ["y"]
    world.check(stack)


def test_what_is_in_flight_after_a_cancel_has_the_time_of_the_action(world: World) -> None:
    world.cloud.build_seconds = 3000
    stack = world.accept(CHAIN, deadline=world.clock.now() + timedelta(seconds=600))
    world.run(cancelled(world, stack, 50))
    assert world.stack(stack).reason == "Stack CREATE cancelled"
    assert world.rows(stack)["a"].reason == "CREATE aborted (user triggered cancel)"
    assert 600 < world.loop.passed < 700
    world.check(stack)


def test_what_waits_at_a_hook_when_it_is_cancelled_is_not_begun(world: World) -> None:
    stack = world.accept(CHAIN, entries={"b": {"hooks": "pre-create"}})
    world.run(cancelled(world, stack, 50))
    assert world.states(stack) == {"a": "CREATE_COMPLETE", "b": "INIT_COMPLETE"}
    assert world.loop.passed < 100


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


@pytest.mark.parametrize("between", [Action.CHECK, Action.SNAPSHOT])
def test_what_sleeps_stays_known_to_sleep(world: World, between: Action) -> None:
    stack = world.accept(CHAIN)
    world.run()
    for action in (Action.SUSPEND, between, Action.RESUME):
        world.accept({}, action, stack)
        world.run()
        assert world.state(stack) == f"{action}_COMPLETE"
        asleep = action is not Action.RESUME
        assert [thing["suspended"] for thing in world.cloud.things.values()] == [asleep] * 3
    assert all(row.progress is None for row in world.rows(stack).values())


def test_what_failed_is_not_put_to_sleep(world: World) -> None:
    stack = world.accept({"a": {"type": T}, "b": {"type": T}})
    world.run()
    row = world.rows(stack)["b"]
    world.store.resources.change(row.id, lambda now: ({"action": Action.CHECK, "status": Status.FAILED}, ()))
    world.accept({}, Action.SUSPEND, stack)
    world.run()
    said = "Resource SUSPEND failed: Error: resources.b: State ('CHECK', 'FAILED') invalid for suspend"
    assert (world.state(stack), world.stack(stack).reason) == ("SUSPEND_FAILED", said)
    assert world.states(stack)["b"] == "CHECK_FAILED"
    row = world.rows(stack)["b"]
    world.store.resources.change(row.id, lambda now: ({"action": Action.RESUME}, ()))
    world.accept({}, Action.SUSPEND, stack)
    world.run()
    assert world.states(stack) == {"a": "SUSPEND_COMPLETE", "b": "SUSPEND_COMPLETE"}


@pytest.mark.parametrize("action", [Action.SUSPEND, Action.CHECK, Action.RESUME])
def test_what_is_in_the_middle_of_something_else_stays_what_it_is(world: World, action: Action) -> None:
    """As in Heat; and that an update may have changed something is not forgotten."""
    stack = world.accept({"a": {"type": T}})
    world.run()
    attempted = {"attempted": {"size": 2}}
    row = world.rows(stack)["a"]
    world.store.resources.change(
        row.id, lambda now: ({"status": Status.IN_PROGRESS, "action": Action.UPDATE, "progress": attempted}, ())
    )
    lines = len(world.history(stack, "a"))
    world.accept({}, action, stack)
    world.run()
    assert world.state(stack) == f"{action}_FAILED"
    said = f"Error: resources.a: State ('UPDATE', 'IN_PROGRESS') invalid for {action.lower()}"
    assert said in world.stack(stack).reason
    assert world.history(stack, "a")[lines:] == ["a UPDATE_FAILED"]
    assert world.rows(stack)["a"].progress == attempted


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
