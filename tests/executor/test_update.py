"""Updates: in place, by replacement, decided by the run; kept things are not touched."""

from typing import Any

import pytest
from tests.engine_world import World

from kamado.model.lifecycle import Action

T = "Test::Thing"


def updated(world: World, before: object, after: object, **options: object) -> str:
    stack = world.accept(before)
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    world.cloud.calls.clear()
    world.accept(after, Action.UPDATE, stack, **options)
    world.run()
    return stack


def test_nothing_changed_means_no_call_at_all(world: World) -> None:
    template = {
        "a": {"type": T, "properties": {"size": 2}},
        "b": {"type": T, "properties": {"peer": {"get_attr": ["a", "address"]}}},
    }
    stack = updated(world, template, template)
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert world.cloud.calls == []
    assert world.history(stack)[-2:] == ["world UPDATE_IN_PROGRESS", "world UPDATE_COMPLETE"]


def test_a_change_in_place_keeps_the_id(world: World) -> None:
    stack = world.accept({"a": {"type": T, "properties": {"size": 1}}})
    world.run()
    key = world.rows(stack)["a"].physical_id
    world.accept({"a": {"type": T, "properties": {"size": 2}}}, Action.UPDATE, stack)
    world.run()
    row = world.rows(stack)["a"]
    assert (row.physical_id, row.action, row.properties) == (key, Action.UPDATE, {"size": 2, "broken": False})
    assert world.cloud.things[str(key)]["size"] == 2
    assert world.history(stack, "a")[-2:] == ["a UPDATE_IN_PROGRESS", "a UPDATE_COMPLETE"]
    world.check(stack)


def test_a_replacement_is_made_first_and_dependants_move_over(world: World) -> None:
    def template(kind: str) -> object:
        return {
            "a": {"type": T, "properties": {"kind": kind}},
            "b": {"type": T, "properties": {"peer": {"get_resource": "a"}}},
        }

    stack = updated(world, template("x"), template("y"))
    assert world.state(stack) == "UPDATE_COMPLETE"
    rows = world.rows(stack)
    assert rows["b"].properties is not None
    assert rows["b"].properties["peer"] == rows["a"].physical_id
    verbs = [(verb, what.split("-")[1]) for verb, what in world.cloud.calls if verb in ("create", "update", "delete")]
    assert verbs == [("create", "a"), ("update", "b"), ("delete", "a")]
    assert rows["a"].replaces is not None
    assert rows["b"].requires == (rows["a"].id,)
    world.check(stack)


def test_a_replacement_is_told_as_an_update_that_could_not_be(world: World) -> None:
    stack = updated(world, *({"a": {"type": T, "properties": {"kind": kind}}} for kind in "xy"))
    told = [line for line in world.store.events.page([stack]) if line.resource_name == "a"][::-1]
    assert [(line.action, line.status) for line in told[2:6]] == [
        ("UPDATE", "IN_PROGRESS"),
        ("UPDATE", "COMPLETE"),
        ("CREATE", "IN_PROGRESS"),
        ("CREATE", "COMPLETE"),
    ]
    assert told[3].reason == "The Resource a requires replacement."
    assert told[3].physical_id == told[1].physical_id
    # Before there is an id, the physical name stands for it.
    assert str(told[0].physical_id).startswith("world-a-")


def test_a_handler_may_ask_to_be_replaced(world: World) -> None:
    def template(swap: str) -> object:
        return {"a": {"type": T, "properties": {"swap": swap}}, "b": {"type": T, "depends_on": "a"}}

    stack = updated(world, template("x"), template("y"))
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert world.cloud.called("create") == ["a"]
    assert world.cloud.called("delete") == ["a"]
    assert world.rows(stack)["b"].requires == (world.rows(stack)["a"].id,)
    world.check(stack)


def test_a_value_that_only_the_run_knows_decides_at_run_time(world: World) -> None:
    def template(size: int) -> object:
        return {
            "a": {"type": T, "properties": {"size": size}},
            "same": {"type": T, "properties": {"peer": {"get_attr": ["a", "address"]}}},
            "other": {"type": T, "properties": {"size": {"get_attr": ["a", "size"]}}},
        }

    stack = updated(world, template(1), template(2))
    assert world.cloud.called("update") == ["a", "other"]
    assert world.history(stack, "same") == ["same CREATE_IN_PROGRESS", "same CREATE_COMPLETE"]
    world.check(stack)


def test_removed_resources_go_in_reverse_order(world: World) -> None:
    before = {
        "a": {"type": T},
        "b": {"type": T, "depends_on": "a"},
        "c": {"type": T, "depends_on": "b"},
        "d": {"type": T},
    }
    stack = updated(world, before, {"d": {"type": T}})
    assert world.cloud.called("delete") == ["c", "b", "a"]
    assert list(world.rows(stack)) == ["d"]
    world.check(stack)


def test_a_changed_parameter_changes_what_reads_it(world: World) -> None:
    body = {
        "heat_template_version": "2018-08-31",
        "parameters": {"size": {"type": "number"}},
        "resources": {"a": {"type": T, "properties": {"size": {"get_param": "size"}}}, "b": {"type": T}},
    }
    stack = world.accept(body, parameters={"size": 1})
    world.run()
    world.cloud.calls.clear()
    world.accept(body, Action.UPDATE, stack, parameters={"size": 2})
    world.run()
    assert world.cloud.called("update") == ["a"]
    assert [thing["size"] for thing in world.cloud.things.values()] == [2, 1]


def test_what_failed_is_replaced(world: World) -> None:
    stack = world.accept({"a": {"type": T, "properties": {"broken": True}}})
    world.run()
    assert world.state(stack) == "CREATE_FAILED"
    world.accept({"a": {"type": T}}, Action.UPDATE, stack)
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert world.cloud.called("create") == ["a"] * 7  # six that broke, one that did not
    world.check(stack)


def test_what_failed_is_kept_where_its_type_says_so(world: World) -> None:
    stack = world.accept({"a": {"type": "Test::Sturdy", "properties": {"broken": True}}})
    world.run()
    assert world.state(stack) == "CREATE_FAILED"
    world.accept({"a": {"type": "Test::Sturdy"}}, Action.UPDATE, stack)
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert world.cloud.called("create") == ["a"] * 6  # the last of the attempts stays
    world.check(stack)


def test_an_update_that_half_failed_counts_as_changed_when_it_is_taken_back(world: World) -> None:
    template = {"a": {"type": "Test::Sturdy", "properties": {"size": 1}}}
    stack = world.accept(template)
    world.run()
    world.accept({"a": {"type": "Test::Sturdy", "properties": {"size": 2, "broken": True}}}, Action.UPDATE, stack)
    world.run()
    assert world.state(stack) == "UPDATE_FAILED"
    world.cloud.calls.clear()
    world.accept(template, Action.UPDATE, stack)
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert world.cloud.called("update") == ["a"]


def test_failed_update_rolls_back_to_the_old_one_that_still_lives(world: World) -> None:
    def template(kind: str, broken: bool) -> object:
        return {
            "a": {"type": T, "properties": {"kind": kind}},
            "b": {"type": T, "properties": {"peer": {"get_resource": "a"}}},
            "z": {"type": T, "depends_on": "b", "properties": {"size": 2 if broken else 1, "broken": broken}},
        }

    stack = world.accept(template("x", False))
    world.run()
    first = world.rows(stack)["a"].physical_id
    world.accept(template("y", True), Action.UPDATE, stack, rollback=True)
    world.run()
    assert world.state(stack) == "ROLLBACK_COMPLETE"
    rows = world.rows(stack)
    assert rows["a"].physical_id == first
    assert rows["a"].replaced_by is None
    assert rows["b"].properties is not None
    assert rows["b"].properties["peer"] == first
    world.check(stack)


def test_a_new_reader_of_an_old_attribute_reads_it_once(world: World) -> None:
    before = {"a": {"type": T}}
    after = {
        "a": {"type": T},
        "v": {"type": "OS::Heat::Value", "properties": {"value": {"get_attr": ["a", "address"]}}},
    }
    stack = updated(world, before, after)
    rows = world.rows(stack)
    assert rows["v"].properties == {"value": f"at {rows['a'].physical_id}"}
    assert world.history(stack, "a") == ["a CREATE_IN_PROGRESS", "a CREATE_COMPLETE"]


def test_metadata_alone_is_an_update_without_a_call(world: World) -> None:
    stack = updated(world, {"a": {"type": T, "metadata": {"x": 1}}}, {"a": {"type": T, "metadata": {"x": 2}}})
    assert world.rows(stack)["a"].metadata == {"x": 2}
    assert world.cloud.called("update") == []
    assert world.history(stack, "a")[-1] == "a UPDATE_COMPLETE"


def test_a_dependency_that_was_replaced_is_forgotten_before_it_goes(world: World) -> None:
    def template(kind: str) -> object:
        return {"a": {"type": T, "properties": {"kind": kind}}, "b": {"type": T, "depends_on": "a"}}

    stack = updated(world, template("x"), template("y"))
    rows = world.rows(stack)
    assert rows["b"].requires == (rows["a"].id,)
    assert world.history(stack, "b") == ["b CREATE_IN_PROGRESS", "b CREATE_COMPLETE"]


def test_an_external_resource_is_looked_at_and_left_alone(world: World) -> None:
    world.cloud.create("somebody-elses-thing", size=5)
    template = {
        "a": {"type": T, "external_id": "id1"},
        "v": {"type": "OS::Heat::Value", "properties": {"value": {"get_attr": ["a", "size"]}}},
    }
    stack = world.accept({**template})
    world.run()
    assert world.states(stack)["a"] == "CHECK_COMPLETE"
    assert world.rows(stack)["v"].properties == {"value": 5}
    world.accept({**template, "a": {**template["a"], "properties": {"size": 9}}}, Action.UPDATE, stack)
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert world.cloud.called("update") == []
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert list(world.cloud.things) == ["id1"]


def test_an_external_resource_that_cannot_be_looked_at_says_so(world: World) -> None:
    stack = world.accept({"a": {"type": "OS::Heat::RandomString", "external_id": "somebody's"}})
    world.run()
    assert world.history(stack, "a") == ["a ADOPT_IN_PROGRESS", "a ADOPT_COMPLETE", "a CHECK_COMPLETE"]
    assert world.rows(stack)["a"].reason == "CHECK not supported for OS::Heat::RandomString"


@pytest.mark.parametrize(("first", "then"), [("id1", "id2"), ("id1", None), (None, "id2")])
def test_what_a_resource_stands_for_may_change_and_what_is_somebody_elses_stays(
    world: World, first: str | None, then: str | None
) -> None:
    for _ in range(2):
        world.cloud.create("somebody-elses-thing", size=5)

    def template(external: str | None) -> dict[str, Any]:
        own: dict[str, Any] = {"type": T, **({"external_id": external} if external else {})}
        return {"a": own, "v": {"type": "OS::Heat::Value", "properties": {"value": {"get_resource": "a"}}}}

    stack = updated(world, template(first), template(then))
    assert world.state(stack) == "UPDATE_COMPLETE"
    now = world.rows(stack)["a"].physical_id
    assert world.rows(stack)["v"].properties == {"value": now}
    assert world.cloud.things.keys() == {"id1", "id2", str(now)}
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert world.cloud.things.keys() == {"id1", "id2"}


def test_a_type_that_changed_is_a_replacement(world: World) -> None:
    stack = updated(world, {"a": {"type": T}}, {"a": {"type": "Test::Sturdy"}})
    assert world.rows(stack)["a"].type == "Test::Sturdy"
    world.check(stack)
