"""Mappings of types, for all resources and for single ones, while a stack lives: made, changed, taken away. The real engine and store."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine_world import World
from tests.nested.test_life import FILES, ONE, THING, template

from kamado.model.lifecycle import Action


def kept(world: World, stack: str, name: str) -> tuple[str, str]:
    row = world.rows(stack)[name]
    return row.type, row.implementation


SINGLE = {"c": {THING: "one.yaml"}}


def test_a_single_resource_is_made_from_a_template_file(world: World) -> None:
    stack = world.accept({"c": {"type": THING}, "d": {"type": THING}}, files=FILES, entries=SINGLE)
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    assert kept(world, stack, "c") == (THING, "one.yaml")
    assert kept(world, stack, "d") == (THING, THING)
    assert world.states(world.child(stack, "c").id) == {"t": "CREATE_COMPLETE"}
    assert len(world.cloud.things) == 2


def test_entries_are_for_exact_names_as_in_heat(world: World) -> None:
    entries = {"db_*": {THING: "OS::Heat::TestResource"}, "web": {"Test::*": "OS::Heat::TestResource"}}
    stack = world.accept(
        {"db_1": {"type": THING}, "web": {"type": THING}},
        entries=entries,
    )
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    assert sorted(world.cloud.called("create")) == ["db_1", "web"]


@pytest.mark.parametrize("entries", [{}, {"c": {THING: "OS::Heat::TestResource"}}])
def test_a_resource_that_becomes_another_type_by_the_environment_is_replaced(
    world: World, entries: dict[str, Any]
) -> None:
    resources = {"c": {"type": THING}}
    stack = world.accept(resources, files=FILES, entries=SINGLE)
    world.run()
    child = world.child(stack, "c").id
    world.accept(resources, Action.UPDATE, stack, entries=entries)
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert world.state(child) == "DELETE_COMPLETE", "the nested stack is deleted as what it is"
    assert kept(world, stack, "c") == (THING, entries.get("c", {}).get(THING, THING))
    assert len(world.cloud.things) == (0 if entries else 1)


def test_and_the_other_way_round(world: World) -> None:
    resources = {"c": {"type": THING}}
    stack = world.accept(resources)
    world.run()
    world.accept(resources, Action.UPDATE, stack, files=FILES, entries=SINGLE)
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert world.cloud.called("delete") == ["c"]
    assert world.states(world.child(stack, "c").id) == {"t": "CREATE_COMPLETE"}


def test_another_template_file_changes_the_nested_stack_in_place(world: World) -> None:
    two = template({"t": ONE["resources"]["t"], "u": {"type": THING}}, ONE["parameters"])
    stack = world.accept({"c": {"type": THING}}, files=FILES, entries=SINGLE)
    world.run()
    child = world.child(stack, "c")
    thing = world.rows(child.id)["t"].physical_id
    world.accept(
        {"c": {"type": THING}}, Action.UPDATE, stack, files={"two.yaml": two}, entries={"c": {THING: "two.yaml"}}
    )
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert world.child(stack, "c").id == child.id
    assert world.rows(child.id)["t"].physical_id == thing
    assert set(world.rows(child.id)) == {"t", "u"}
    assert kept(world, stack, "c") == (THING, "two.yaml")


def test_a_rolled_back_change_of_the_mapping_brings_the_old_one_back(world: World) -> None:
    broken = template({"t": {"type": THING, "properties": {"broken": True}}})
    stack = world.accept({"c": {"type": THING}})
    world.run()
    before = world.rows(stack)["c"]
    world.accept(
        {"c": {"type": THING}},
        Action.UPDATE,
        stack,
        files={"b.yaml": broken},
        entries={"c": {THING: "b.yaml"}},
        rollback=True,
    )
    world.run()
    assert world.state(stack) == "ROLLBACK_COMPLETE"
    after = world.rows(stack)["c"]
    assert (after.id, after.physical_id, after.implementation) == (before.id, before.physical_id, THING)
    assert set(world.cloud.things) == {before.physical_id}


@pytest.mark.parametrize("left", [{}, {"b": {"type": "OS::Heat::None"}}])
def test_an_alias_of_a_plain_type_that_is_taken_away(world: World, left: dict[str, Any]) -> None:
    stack = world.accept({"a": {"type": "My::Thing"}, "b": {"type": "OS::Heat::None"}}, registry={"My::Thing": THING})
    world.run()
    assert len(world.cloud.things) == 1
    world.accept(left or {"z": {"type": "OS::Heat::None"}}, Action.UPDATE, stack)
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert world.cloud.things == {}


def test_an_alias_that_means_something_else_now_does_not_change_what_was_made(world: World) -> None:
    resources = {"a": {"type": "My::Thing"}}
    stack = world.accept(resources, registry={"My::Thing": THING})
    world.run()
    world.accept(resources, Action.UPDATE, stack, registry={"My::Thing": "Test::Sturdy"})
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert kept(world, stack, "a") == ("My::Thing", "Test::Sturdy")
    assert world.cloud.called("create") == ["a", "a"]
    assert world.cloud.called("delete") == ["a"]


def test_a_stack_whose_alias_is_gone_can_be_deleted(world: World) -> None:
    stack = world.accept({"a": {"type": "My::Thing"}}, registry={"My::Thing": THING})
    world.run()
    world.accept({"a": {"type": "My::Thing"}}, Action.DELETE, stack)
    world.run()
    assert world.state(stack) == "DELETE_COMPLETE"
    assert world.cloud.things == {}
