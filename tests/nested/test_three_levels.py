"""Requests of a stack whose things are two levels down: restricted, hooked, stopped, taken back, out of time, failed and tried again."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.engine_world import World

from kamado.engine.engine import Engine
from kamado.engine.hooks import cleared, waits_at
from kamado.model.lifecycle import Action
from kamado.plugin.errors import PermanentError

NAMES = ("size", "kind", "broken")
FOREVER = 100_000.0


def passing_on(type_: str, output: Any) -> dict[str, Any]:
    return {
        "heat_template_version": "2018-08-31",
        "parameters": {"size": {"type": "number"}, "kind": {"type": "string"}, "broken": {"type": "boolean"}},
        "resources": {"t": {"type": type_, "properties": {name: {"get_param": name} for name in NAMES}}},
        "outputs": {"id": {"value": output}},
    }


FILES = {
    "one.yaml": passing_on("Test::Thing", {"get_resource": "t"}),
    "two.yaml": passing_on("one.yaml", {"get_attr": ["t", "id"]}),
}


def tree(size: int = 1, kind: str = "x", broken: bool = False) -> dict[str, Any]:
    return {"c": {"type": "two.yaml", "properties": {"size": size, "kind": kind, "broken": broken}}}


def made(world: World, **options: Any) -> str:
    stack = world.accept(tree(), files=FILES, **options)
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    return stack


def update(world: World, stack: str, resources: dict[str, Any], **options: Any) -> None:
    world.accept(resources, Action.UPDATE, stack, files=FILES, **options)


def states(world: World, stack: str) -> list[str]:
    """From the root down."""
    return [f"{one.action}_{one.status}" for one in sorted(world.tree(stack), key=lambda one: one.nested_depth)]


def entry(**says: Any) -> dict[str, Any]:
    """What the environment says of the thing at the bottom."""
    return {"c": {"t": {"t": says}}}


def bottom(world: World, stack: str) -> str:
    return max(world.tree(stack), key=lambda one: one.nested_depth).id


@pytest.mark.parametrize(("change", "action"), [({"size": 5}, "update"), ({"kind": "y"}, "replace")])
def test_what_must_not_be_touched_at_the_bottom_is_not(world: World, change: Any, action: str) -> None:
    stack = made(world)
    things = {key: dict(thing) for key, thing in world.cloud.things.items()}
    update(world, stack, tree(**change), entries=entry(restricted_actions=action))
    world.run()
    assert states(world, stack) == ["UPDATE_FAILED"] * 3
    where = "resources.c.resources.t.resources.t"
    reason = f"Resource UPDATE failed: ResourceActionRestricted: {where}: {action} is restricted for resource."
    assert world.stack(stack).reason == reason
    assert world.cloud.things == things
    update(world, stack, tree(**change))
    world.run()
    assert states(world, stack) == ["UPDATE_COMPLETE"] * 3
    world.check(stack)


@pytest.mark.parametrize("action", ["create", "update", "delete"])
@pytest.mark.parametrize("moment", ["pre", "post"])
def test_a_hook_at_the_bottom_holds_the_whole_tree(world: World, action: str, moment: str) -> None:
    hook, entries = f"{moment}-{action}", entry(hooks=f"{moment}-{action}")
    if action == "create":
        stack = world.accept(tree(), files=FILES, entries=entries)
    else:
        stack = made(world)
        if action == "update":
            update(world, stack, tree(size=5), entries=entries)
        else:
            # What the environment says at the bottom is known from the update before.
            update(world, stack, tree(), entries=entries)
            world.run()
            world.accept({}, Action.DELETE, stack)
    held: list[tuple[str, ...]] = []

    async def let_go(engine: Engine) -> None:
        await asyncio.sleep(60)
        row = world.store.resources.get(bottom(world, stack), "t")
        assert row is not None
        held.append((waits_at(row) or "", *states(world, stack)))
        world.store.resources.change(row.id, lambda now: ({"progress": cleared(now)}, ()))

    world.run(let_go)
    assert held == [(hook, *[f"{action.upper()}_IN_PROGRESS"] * 3)]
    assert world.state(stack) == f"{action.upper()}_COMPLETE"
    assert not world.live()
    assert [thing["size"] for thing in world.cloud.things.values()] == {"create": [1], "update": [5], "delete": []}[
        action
    ]


@pytest.mark.parametrize("back", [True, False])
def test_cancelling_reaches_the_bottom(world: World, back: bool) -> None:
    stack = made(world)
    world.cloud.build_seconds = 300.0
    update(world, stack, tree(size=3, kind="y"))

    async def stop(engine: Engine) -> None:
        await asyncio.sleep(30)
        assert states(world, stack) == ["UPDATE_IN_PROGRESS"] * 3
        if back:
            world.accept(tree(), Action.ROLLBACK, stack, files=FILES)
        else:
            assert world.store.operations.cancel(stack)
        engine.wake()

    world.run(stop)
    assert not world.live()
    if back:
        assert world.state(stack) == "ROLLBACK_COMPLETE"
        assert [(thing["size"], thing["kind"]) for thing in world.cloud.things.values()] == [(1, "x")]
        world.check(stack)
        return
    # What was in flight at the bottom came to its end; what is above was told, and begins nothing.
    assert world.state(stack) == "UPDATE_FAILED"
    assert all(state.startswith("UPDATE_") and not state.endswith("PROGRESS") for state in states(world, stack))
    world.cloud.build_seconds = 0
    update(world, stack, tree(size=3, kind="y"))
    world.run()
    assert states(world, stack) == ["UPDATE_COMPLETE"] * 3
    assert [(thing["size"], thing["kind"]) for thing in world.cloud.things.values()] == [(3, "y")]
    world.check(stack)


@pytest.mark.parametrize("action", [Action.SUSPEND, Action.RESUME, Action.CHECK])
def test_what_fails_at_the_bottom_fails_above_and_can_be_tried_again(world: World, action: Action) -> None:
    stack = made(world)
    if action is Action.RESUME:
        world.accept({}, Action.SUSPEND, stack)
        world.run()
        assert states(world, stack) == ["SUSPEND_COMPLETE"] * 3
    verb = "get" if action is Action.CHECK else "update"
    world.cloud.faults[verb] = [PermanentError("not now", "Forbidden")]
    world.accept({}, action, stack)
    world.run()
    assert states(world, stack) == [f"{action}_FAILED"] * 3
    reason = world.stack(stack).reason
    assert all(part in reason for part in ("resources.c", "resources.t", "Forbidden", "not now"))
    world.cloud.faults.clear()
    world.accept({}, action, stack)
    world.run()
    assert states(world, stack) == [f"{action}_COMPLETE"] * 3
    assert not world.live()


def test_an_update_that_fails_at_the_bottom_is_taken_back_at_every_depth(world: World) -> None:
    stack = made(world)
    update(world, stack, tree(size=7, kind="y", broken=True), rollback=True)
    world.run()
    assert world.state(stack) == "ROLLBACK_COMPLETE"
    assert [(thing["size"], thing["kind"]) for thing in world.cloud.things.values()] == [(1, "x")]
    assert not any(state.endswith(("FAILED", "PROGRESS")) for state in states(world, stack))
    world.check(stack)


@pytest.mark.parametrize("back", [True, False])
def test_an_update_that_runs_out_of_time_at_the_bottom(world: World, back: bool) -> None:
    stack = made(world)
    world.cloud.build_seconds = FOREVER
    update(world, stack, tree(kind="y"), rollback=back, deadline=world.clock.now() + timedelta(seconds=120))
    world.run()
    assert not world.live()
    assert world.loop.time() < 1000
    if back:
        assert world.state(stack) == "ROLLBACK_COMPLETE"
        assert [thing["kind"] for thing in world.cloud.things.values()] == ["x"]
        world.check(stack)
        return
    assert states(world, stack) == ["UPDATE_FAILED"] * 3
    assert world.stack(stack).reason == "Timed out"
    world.cloud.build_seconds = 0
    update(world, stack, tree(kind="y"))
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert [thing["kind"] for thing in world.cloud.things.values()] == ["y"]
    world.check(stack)
