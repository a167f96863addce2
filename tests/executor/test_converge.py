"""Updates that look at what is really there: what drifted is put right, what is gone is made anew, what is in order not touched."""

from __future__ import annotations

import re
from typing import Any

from tests.engine_world import World

from kamado.model.lifecycle import Action
from kamado.plugin.errors import PermanentError, TemporaryError

T = "Test::Thing"
CONVERGE = {"converge": True}
NESTED = {
    "heat_template_version": "2018-08-31",
    "resources": {"t": {"type": T, "properties": {"size": 4}}},
}


def two() -> dict[str, Any]:
    return {
        "a": {"type": T, "properties": {"size": 2}},
        "b": {"type": T, "properties": {"peer": {"get_resource": "a"}}},
    }


def made(world: World, resources: dict[str, Any], **more: Any) -> str:
    stack = world.accept(resources, **more)
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    world.cloud.calls.clear()
    return stack


def converge(world: World, stack: str, resources: dict[str, Any], **more: Any) -> None:
    world.accept(resources, Action.UPDATE, stack, **{"options": CONVERGE, **more})
    world.run()


def written(world: World) -> list[tuple[str, str]]:
    return [(verb, name.split("-")[1]) for verb, name in world.cloud.calls if verb not in ("get", "list")]


def test_what_is_in_order_is_only_looked_at(world: World) -> None:
    stack = made(world, two())
    converge(world, stack, two())
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert written(world) == []
    assert sorted(world.cloud.called("get")) == ["a", "b"]
    assert world.states(stack) == {"a": "CREATE_COMPLETE", "b": "CREATE_COMPLETE"}


def test_what_was_changed_behind_our_back_is_put_right(world: World) -> None:
    stack = made(world, two())
    key = str(world.rows(stack)["a"].physical_id)
    world.cloud.things[key]["size"] = 9
    converge(world, stack, two())
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert written(world) == [("update", "a")]
    assert world.cloud.things[key]["size"] == 2
    world.check(stack)


def test_what_was_deleted_behind_our_back_is_made_anew_and_its_users_follow(world: World) -> None:
    stack = made(world, two())
    old = str(world.rows(stack)["a"].physical_id)
    del world.cloud.things[old]
    converge(world, stack, two())
    assert world.state(stack) == "UPDATE_COMPLETE"
    rows = world.rows(stack)
    assert rows["a"].physical_id != old
    assert world.cloud.things[str(rows["b"].physical_id)]["peer"] == rows["a"].physical_id
    world.check(stack)


def test_without_being_asked_nobody_looks(world: World) -> None:
    stack = made(world, two())
    world.cloud.things.clear()
    converge(world, stack, two(), options={})
    assert world.cloud.calls == []


def test_the_service_may_look_at_each_update(world: World) -> None:
    stack = made(world, two())
    world.settings = type(world.settings)(alone=True, observe_on_update=True)
    converge(world, stack, two(), options={})
    assert sorted(world.cloud.called("get")) == ["a", "b"]


def test_nested_stacks_are_looked_at_too(world: World) -> None:
    outer = {"c": {"type": "one.yaml"}}
    stack = made(world, outer, files={"one.yaml": NESTED})
    [key] = world.cloud.things
    world.cloud.things[key]["size"] = 9
    converge(world, stack, outer, files={"one.yaml": NESTED})
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert world.cloud.things[key]["size"] == 4
    assert written(world) == [("update", "c")]


def test_a_look_that_fails_for_a_moment_is_taken_again(world: World) -> None:
    stack = made(world, two())
    world.cloud.faults["get"] = [TemporaryError("busy"), TemporaryError("busy")]
    converge(world, stack, two())
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert written(world) == []


def test_an_update_that_cannot_look_ends_before_it_begins(world: World) -> None:
    stack = made(world, two())
    world.cloud.faults["get"] = [PermanentError("not yours", "Forbidden")]
    converge(world, stack, {"a": {"type": T, "properties": {"size": 3}}})
    assert world.state(stack) == "UPDATE_FAILED"
    assert re.fullmatch("could not be looked at: Forbidden: resources.[ab]: not yours", world.stack(stack).reason)
    assert written(world) == []
    assert len(world.cloud.things) == 2
