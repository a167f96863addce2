"""Nested stacks are exported whole, abandoned with their parent, and taken over with it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.engine_world import NESTED_TYPES, World
from tests.nested.test_life import FILES, one

from kamado.engine.engine import Engine
from kamado.engine.export import stack_data
from kamado.model.lifecycle import Action
from kamado.plugin.errors import PermanentError

ALIKE = {"type": "one.yaml", "properties": {"size": 2}}
KINDS: dict[str, dict[str, Any]] = {
    "OS::Heat::ResourceGroup": {"count": 2, "resource_def": ALIKE},
    "OS::Heat::AutoScalingGroup": {"min_size": 0, "max_size": 5, "desired_capacity": 2, "resource": ALIKE},
    "OS::Heat::ResourceChain": {"resources": ["one.yaml", "Test::Thing"]},
}
REMOVED = [{"resource_list": ["0"]}]


def exported(world: World, stack_id: str) -> dict[str, Any]:
    """As the orchestrator exports a tree."""
    found: dict[str, dict[str, Any]] = {}
    for stack in reversed(world.tree(stack_id)):
        body = world.store.templates.get(stack.target.template_id)
        found[stack.id] = stack_data(stack, body, {}, world.store.resources.of_stack(stack.id), found)
    return found[stack_id]


def shape(world: World, stack_id: str) -> Any:
    """A tree as far as it stays the same when it is handed over: names, what the leaves are in the cloud, what groups keep."""
    rows = world.rows(stack_id)
    nested = {row.name for row in rows.values() if row.type in NESTED_TYPES}
    return {
        name: (shape(world, str(row.physical_id)), row.data) if name in nested else row.physical_id
        for name, row in rows.items()
    }


def given_up(world: World, stack: str) -> None:
    world.accept({}, Action.DELETE, stack, options={"abandon": True})
    world.run()
    assert world.state(stack) == "DELETE_COMPLETE"
    assert world.tree(stack) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_tree_is_the_same_after_it_was_handed_over(world: World, kind: str) -> None:
    resources = {"c": one(size=3), "g": {"type": kind, "properties": KINDS[kind], "depends_on": "c"}}
    stack = world.accept(resources, files=FILES)
    world.run()
    before, data, things = shape(world, stack), exported(world, stack), dict(world.cloud.things)
    given_up(world, stack)
    assert world.cloud.things == things
    world.cloud.calls.clear()
    heir = world.accept(resources, Action.ADOPT, name="heir", files=FILES, options={"adopt": data["resources"]})
    world.run()
    assert world.state(heir) == "ADOPT_COMPLETE"
    assert shape(world, heir) == before
    assert {f"{one.action}_{one.status}" for one in world.tree(heir)} == {"ADOPT_COMPLETE"}
    assert {verb for verb, _ in world.cloud.calls} <= {"get"}
    world.check(heir)

    world.accept(resources, Action.UPDATE, heir, files=FILES)
    world.run()
    assert (world.state(heir), shape(world, heir)) == ("UPDATE_COMPLETE", before)
    world.accept({}, Action.DELETE, heir)
    world.run()
    assert (world.state(heir), world.cloud.things, world.tree(heir)) == ("DELETE_COMPLETE", {}, [])


def test_names_that_a_group_has_removed_stay_away(world: World) -> None:
    group = {"count": 2, "resource_def": ALIKE}
    stack = world.accept({"g": {"type": "OS::Heat::ResourceGroup", "properties": group}}, files=FILES)
    world.run()
    fewer = {"g": {"type": "OS::Heat::ResourceGroup", "properties": {**group, "removal_policies": REMOVED}}}
    world.accept(fewer, Action.UPDATE, stack, files=FILES)
    world.run()
    before, data = shape(world, stack), exported(world, stack)
    assert set(data["resources"]["g"]["resources"]) == {"1", "2"}
    given_up(world, stack)
    heir = world.accept(fewer, Action.ADOPT, name="heir", files=FILES, options={"adopt": data["resources"]})
    world.run()
    assert shape(world, heir) == before
    more = {"type": "OS::Heat::ResourceGroup", "properties": {**group, "count": 3}}
    world.accept({"g": more}, Action.UPDATE, heir, files=FILES)
    world.run()
    assert set(world.rows(world.child(heir, "g").id)) == {"1", "2", "3"}
    world.check(heir)


def test_what_is_retained_goes_from_the_books_with_the_rest(world: World) -> None:
    stack = world.accept({"c": {**one(), "deletion_policy": "Retain"}}, files=FILES)
    world.run()
    given_up(world, stack)
    assert len(world.cloud.things) == 1


@pytest.mark.parametrize("left_out", ["the stack", "what is in it"])
def test_a_nested_stack_of_which_nothing_is_told_is_not_made(world: World, left_out: str) -> None:
    key = world.cloud.create("other-a-x", size=1, kind="x", peer=None)
    resources = {"a": {"type": "Test::Thing"}, "c": {**one(), "depends_on": "a"}}
    told = {"a": {"resource_id": key}, **({} if left_out == "the stack" else {"c": {"resources": {}}})}
    stack = world.accept(resources, Action.ADOPT, rollback=True, files=FILES, options={"adopt": told})
    world.run()
    assert world.state(stack) == "ROLLBACK_COMPLETE"
    assert (list(world.cloud.things), [each.id for each in world.tree(stack)]) == ([key], [stack])
    said = [line.reason for line in world.store.events.page([stack]) if line.status == "FAILED"]
    assert "Resource ID was not provided." in said[-1]


def test_what_was_taken_over_in_a_nested_stack_is_given_back(world: World) -> None:
    stack = world.accept({"c": one()}, files=FILES)
    world.run()
    data, things = exported(world, stack)["resources"], dict(world.cloud.things)
    given_up(world, stack)
    resources = {"c": one(), "z": {"type": "Test::Thing", "depends_on": "c"}}
    heir = world.accept(resources, Action.ADOPT, name="heir", rollback=True, files=FILES, options={"adopt": data})
    world.run()
    assert world.state(heir) == "ROLLBACK_COMPLETE"
    assert (world.cloud.things, [each.id for each in world.tree(heir)]) == (things, [heir])


@pytest.mark.parametrize("deep", [False, True])
def test_a_taking_over_that_is_tried_again_takes_over_and_makes_nothing(world: World, deep: bool) -> None:
    two = {name: {"type": "Test::Thing", **more} for name, more in (("a", {}), ("b", {"depends_on": "a"}))}
    files = {"one.yaml": {"heat_template_version": "2018-08-31", "resources": two}}
    resources = {"c": {"type": "one.yaml"}, "d": {"type": "Test::Thing", "depends_on": "c"}} if deep else two
    stack = world.accept(resources, files=files)
    world.run()
    data, things = exported(world, stack)["resources"], dict(world.cloud.things)
    given_up(world, stack)
    world.cloud.calls.clear()
    # The first is there and cannot be looked at, so what comes after is not begun.
    world.cloud.faults["get"] = [PermanentError("no", "Forbidden")]
    heir = world.accept(resources, Action.ADOPT, name="heir", files=files, options={"adopt": data})
    world.run()
    assert world.state(heir) == "ADOPT_FAILED"
    world.accept(resources, Action.ADOPT, heir, files=files, options={"adopt": data})
    world.run()
    assert world.state(heir) == "ADOPT_COMPLETE"
    assert world.cloud.things == things
    assert {verb for verb, _ in world.cloud.calls} == {"get"}
    assert len(world.tree(heir)) == (2 if deep else 1)
    world.check(heir)


@pytest.mark.parametrize("ends", ["UPDATE_COMPLETE", "ROLLBACK_COMPLETE"])
def test_an_update_that_overtakes_a_taking_over_takes_over_what_is_left(world: World, ends: str) -> None:
    two = {name: {"type": "Test::Thing", **more} for name, more in (("a", {}), ("b", {"depends_on": "a"}))}
    files = {"one.yaml": {"heat_template_version": "2018-08-31", "resources": two}}
    resources = {"c": {"type": "one.yaml"}, "d": {"type": "Test::Thing", "depends_on": "c"}}
    stack = world.accept(resources, files=files)
    world.run()
    data, things = exported(world, stack)["resources"], dict(world.cloud.things)
    given_up(world, stack)
    for thing in world.cloud.things.values():
        thing["ready_at"] += timedelta(seconds=100)
    world.cloud.calls.clear()
    new = {"n": {"type": "Test::Thing"}, "e": {"type": "one.yaml"}}
    if ends == "ROLLBACK_COMPLETE":
        new["z"] = {"type": "Test::Thing", "depends_on": ["d", "n", "e"], "properties": {"broken": True}}
    heir = world.accept(resources, Action.ADOPT, name="heir", files=files, options={"adopt": data})

    async def meanwhile(engine: Engine) -> None:
        await asyncio.sleep(10)
        assert world.states(heir) == {"c": "ADOPT_IN_PROGRESS"}
        more, options = {**resources, **new}, {"adopt": data}
        world.accept(more, Action.UPDATE, heir, files=files, options=options, rollback="z" in new)
        engine.wake()

    world.run(meanwhile)
    assert world.state(heir) == ends
    kept = {key: thing["name"] for key, thing in world.cloud.things.items() if key in things}
    assert kept == {key: thing["name"] for key, thing in things.items()}
    made = ["a", "b", "n"] if ends == "UPDATE_COMPLETE" else []
    assert len(world.cloud.things) == len(things) + len(made)
    assert {row.physical_id for each in world.tree(heir) for row in world.rows(each.id).values()} >= set(things)
    world.check(heir)
