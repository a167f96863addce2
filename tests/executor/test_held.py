"""Operations that are held to a plan: the engine looks once more before the first step, and touches nothing when the plan does not hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.engine_world import World, held

from kamado.model.lifecycle import Action, Status
from kamado.model.records import ResourceRecord

T = "Test::Thing"
NESTED = {
    "heat_template_version": "2018-08-31",
    "parameters": {"size": {"type": "number", "default": 1}},
    "resources": {"t": {"type": T, "properties": {"size": {"get_param": "size"}}}},
}
FILES = {"one.yaml": NESTED}


def things(size: int) -> dict[str, Any]:
    properties = {"size": size}
    return {"a": {"type": T, "properties": properties}, "c": {"type": "one.yaml", "properties": properties}}


def made(world: World) -> str:
    stack = world.accept(things(1), files=FILES)
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    return stack


def marked(row: ResourceRecord) -> tuple[dict[str, Any], list[Any]]:
    return {"action": Action.CHECK, "status": Status.FAILED, "reason": "rust"}, []


def test_one_that_still_holds_is_carried_out(world: World) -> None:
    stack = made(world)
    world.accept(things(2), Action.UPDATE, stack, files=FILES, options=held(world, stack))
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert sorted(thing["size"] for thing in world.cloud.things.values()) == [2, 2]


@pytest.mark.parametrize("where", ["above", "inside"])
def test_one_that_does_not_leaves_the_stack_as_it_was(world: World, where: str) -> None:
    stack = made(world)
    before = world.stack(stack)
    world.accept(things(2), Action.UPDATE, stack, files=FILES, options=held(world, stack), rollback=True)
    assert world.stack(stack).target != before.target
    row = world.rows(stack)["a"] if where == "above" else world.rows(world.child(stack, "c").id)["t"]
    world.store.resources.change(row.id, marked)
    calls = list(world.cloud.calls)
    rows = world.all_rows(stack)
    world.run()
    after = world.stack(stack)
    assert world.cloud.calls == calls
    assert world.all_rows(stack) == rows
    assert replace(after, reason=before.reason) == before
    reason = (
        "Stack UPDATE refused: the plan does not hold any more, resources of the stack have changed. Nothing was done."
    )
    assert after.reason == reason
    assert world.history(stack)[-1] == "world UPDATE_FAILED"
    assert [operation.state for operation in world.store.operations.of_stack(stack)][-1] == "FAILED"
    world.accept(things(3), Action.UPDATE, stack, files=FILES)
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"


def test_a_refused_deletion_deletes_nothing(world: World) -> None:
    stack = made(world)
    world.accept({}, Action.DELETE, stack, options=held(world, stack))
    world.store.resources.change(world.rows(stack)["a"].id, marked)
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    assert len(world.cloud.things) == 2


def test_types_that_changed_end_a_plan(world: World) -> None:
    stack = made(world)
    world.accept(things(2), Action.UPDATE, stack, files=FILES, options=held(world, stack, types="others"))
    world.run()
    assert "other resource types" in world.stack(stack).reason
    assert world.state(stack) == "CREATE_COMPLETE"


def test_a_newer_operation_finds_the_stack_as_the_refused_one_found_it(world: World) -> None:
    stack = made(world)
    world.accept(things(2), Action.UPDATE, stack, files=FILES, options=held(world, stack))
    world.store.resources.change(world.rows(stack)["a"].id, marked)
    world.accept(things(5), Action.UPDATE, stack, files=FILES)
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert sorted(thing["size"] for thing in world.cloud.things.values()) == [5, 5]
    world.check(stack)
