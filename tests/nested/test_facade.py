"""What a nested template reads of the resource that it stands for in its parent: `resource_facade`. The real engine and store."""

from __future__ import annotations

from typing import Any

from tests.engine_world import World
from tests.nested.test_life import template

from kamado.model.lifecycle import Action

READS = template(
    {
        "v": {"type": "OS::Heat::Value", "properties": {"value": {"resource_facade": "metadata"}}},
        "k": {"type": "Test::Thing", "deletion_policy": {"resource_facade": "deletion_policy"}},
    },
    None,
    policy={"resource_facade": "deletion_policy"},
    rolling={"resource_facade": "update_policy"},
    meta={"get_attr": ["v", "value"]},
)
FILES = {"one.yaml": READS}


def parent(metadata: Any, **more: Any) -> dict[str, Any]:
    return {
        "source": {"type": "Test::Thing"},
        "c": {"type": "one.yaml", "metadata": metadata, **more},
        "read": {"type": "OS::Heat::Value", "properties": {"value": {"get_attr": ["c"]}}},
    }


def read(world: World, stack: str) -> dict[str, Any]:
    found = (world.rows(stack)["read"].properties or {})["value"]
    return {name: found[name] for name in ("policy", "rolling", "meta")}


def test_the_parents_values_arrive(world: World) -> None:
    resources = parent({"from": {"get_attr": ["source", "address"]}}, deletion_policy="retain")
    stack = world.accept(resources, files=FILES)
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    address = f"at {world.rows(stack)['source'].physical_id}"
    assert read(world, stack) == {"policy": "Retain", "rolling": {}, "meta": {"from": address}}
    assert world.rows(world.child(stack, "c").id)["k"].deletion_policy == "Retain"


def test_what_changes_in_the_parent_reaches_the_nested_stack(world: World) -> None:
    stack = world.accept(parent({"a": 1}), files=FILES)
    world.run()
    child = world.child(stack, "c").id
    assert read(world, stack) == {"policy": "Delete", "rolling": {}, "meta": {"a": 1}}
    world.accept(parent({"a": 2}, deletion_policy="Retain"), Action.UPDATE, stack, files=FILES)
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert world.child(stack, "c").id == child
    assert (world.rows(child)["v"].properties, world.rows(child)["k"].deletion_policy) == (
        {"value": {"a": 2}},
        "Retain",
    )
    assert read(world, stack)["meta"] == {"a": 2}


def test_nothing_is_said_of_it(world: World) -> None:
    stack = world.accept(
        {
            "c": {"type": "one.yaml"},
            "read": {"type": "OS::Heat::Value", "properties": {"value": {"get_attr": ["c"]}}},
        },
        files=FILES,
    )
    world.run()
    assert read(world, stack) == {"policy": "Delete", "rolling": {}, "meta": {}}
