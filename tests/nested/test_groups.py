"""What groups do: members by index, growing and shrinking, changes in batches, attributes of all members."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.engine_world import World

from kamado.engine.engine import Engine
from kamado.engine.scope import RowScope
from kamado.model.lifecycle import Action
from kamado.plugin.errors import PermanentError
from kamado.resources.heat.batches import Batch, Pace, batches

GROUP = "OS::Heat::ResourceGroup"


def group(count: Any, policy: dict[str, Any] | None = None, removed: Any = None, type_: str = "Test::Thing", mode: str = "append",
          **properties: Any) -> dict[str, Any]:  # fmt: skip
    values: dict[str, Any] = {"count": count, "resource_def": {"type": type_, "properties": properties}}
    if removed is not None:
        values |= {"removal_policies": [{"resource_list": removed}], "removal_policies_mode": mode}
    return {"type": GROUP, "properties": values, **({"update_policy": policy} if policy else {})}


def value(of: Any) -> dict[str, Any]:
    return {"type": "OS::Heat::Value", "properties": {"value": of}}


def members(world: World, stack: str, name: str = "g") -> dict[str, str]:
    """Member → its id, of those that are there."""
    return {key: str(row.physical_id) for key, row in world.rows(world.child(stack, name).id).items()}


def update(world: World, stack: str, resources: dict[str, Any], **more: Any) -> None:
    world.accept(resources, Action.UPDATE, stack, **more)
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE", world.stack(stack).reason
    world.check(stack)


def test_members_differ_by_their_index(world: World) -> None:
    stack = world.accept({"g": group(3, swap="of %index%")})
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    there = {name: world.cloud.things[key]["swap"] for name, key in members(world, stack).items()}
    assert there == {"0": "of 0", "1": "of 1", "2": "of 2"}
    world.check(stack)


def test_the_index_variable_may_be_another_and_is_not_looked_for_in_metadata(world: World) -> None:
    one = group(2, swap="<i> %index%")
    one["properties"]["index_var"] = "<i>"
    one["properties"]["resource_def"]["metadata"] = {"m": "<i>"}
    stack = world.accept({"g": one})
    world.run()
    rows = world.rows(world.child(stack, "g").id)
    assert {name: world.cloud.things[str(row.physical_id)]["swap"] for name, row in rows.items()} == {
        "0": "0 %index%",
        "1": "1 %index%",
    }
    assert [dict(row.metadata) for row in rows.values()] == [{"m": "<i>"}, {"m": "<i>"}]


def test_an_empty_group_is_a_stack_without_resources(world: World) -> None:
    stack = world.accept({"g": group(0), "refs": value({"get_attr": ["g", "refs"]})})
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    assert world.rows(stack)["refs"].properties == {"value": []}


def test_growing_and_shrinking_touches_nobody_else(world: World) -> None:
    stack = world.accept({"g": group(2)})
    world.run()
    first = members(world, stack)
    world.cloud.calls.clear()
    update(world, stack, {"g": group(12)})
    grown = members(world, stack)
    assert sorted(grown, key=int) == [str(number) for number in range(12)]
    assert {name: grown[name] for name in first} == first
    assert {verb for verb, _ in world.cloud.calls} == {"create", "get"}
    update(world, stack, {"g": group(1)})
    assert members(world, stack) == {"0": first["0"]}


def test_a_removal_policy_names_members_for_good(world: World) -> None:
    reading = {"removed": value({"get_attr": ["g", "removed_rsrc_list"]})}
    stack = world.accept({"g": group(4), **reading})
    world.run()
    before = members(world, stack)
    update(world, stack, {"g": group(3, removed=["1"]), **reading})
    assert members(world, stack) == {name: before[name] for name in ("0", "2", "3")}
    assert world.rows(stack)["removed"].properties == {"value": ["1"]}
    update(world, stack, {"g": group(4), **reading})
    assert sorted(members(world, stack)) == ["0", "2", "3", "4"]
    update(world, stack, {"g": group(4, removed=[before["2"]]), **reading})
    assert sorted(members(world, stack)) == ["0", "3", "4", "5"]
    assert world.rows(stack)["removed"].properties == {"value": ["1", "2"]}


def test_in_update_mode_only_what_is_named_now_stays_away(world: World) -> None:
    stack = world.accept({"g": group(2, removed=[0])})
    world.run()
    assert sorted(members(world, stack)) == ["1", "2"]
    update(world, stack, {"g": group(2, removed=["2"], mode="update")})
    assert sorted(members(world, stack)) == ["0", "1"]


def test_a_name_that_nobody_has_is_overlooked_by_an_update(world: World) -> None:
    stack = world.accept({"g": group(2)})
    world.run()
    update(world, stack, {"g": group(2, removed=["7", "no such"])})
    assert sorted(members(world, stack)) == ["0", "1"]


def test_attributes_of_all_members(world: World) -> None:
    reading = {
        "refs": ["g", "refs"],
        "map": ["g", "refs_map"],
        "each": ["g", "address"],
        "named": ["g", "attributes", "address"],
        "second": ["g", "resource.1"],
        "inside": ["g", "resource.1", "address"],
        "dotted": ["g", "resource.1.address"],
    }
    stack = world.accept({"g": group(11), **{name: value({"get_attr": path}) for name, path in reading.items()}})
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    ids = members(world, stack)
    in_order = [ids[str(number)] for number in range(11)]
    rows = world.rows(stack)
    found = {name: rows[name].properties["value"] for name in reading}
    assert found["refs"] == in_order
    assert found["map"] == ids
    assert found["each"] == [f"at {key}" for key in in_order]
    assert found["named"] == {name: f"at {key}" for name, key in ids.items()}
    assert found["second"] == ids["1"]
    assert found["inside"] == found["dotted"] == f"at {ids['1']}"


@pytest.mark.parametrize("kind", ["ResourceGroup", "ResourceChain"])
def test_what_a_group_shows_is_what_each_member_shows(world: World, kind: str) -> None:
    inner = "OS::Heat::TestResource"
    values = {
        "ResourceGroup": {"count": 2, "resource_def": {"type": inner}},
        "ResourceChain": {"resources": [inner] * 2},
    }
    group = {"type": f"OS::Heat::{kind}", "properties": values[kind]}
    body = {"g": group, "v": value({"a": {"get_attr": ["g", "show"]}, "b": {"get_attr": ["g", "output"]}})}
    stack = world.accept(body)
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE", world.stack(stack).reason
    assert world.rows(stack)["v"].properties == {"value": {"a": [None, None], "b": ["test_string"] * 2}}


def test_a_path_goes_into_the_value_of_each_member(world: World) -> None:
    one = group(2, type_="OS::Heat::Value", value={"list": ["%index%", "x"]})
    stack = world.accept(
        {
            "g": one,
            "a": value({"get_attr": ["g", "value", "list", 0]}),
            "b": value({"get_attr": ["g", "attributes", "value", "list"]}),
        }
    )
    world.run()
    rows = world.rows(stack)
    assert rows["a"].properties == {"value": ["0", "1"]}
    assert rows["b"].properties == {"value": {"0": ["0", "x"], "1": ["1", "x"]}}
    assert RowScope(None, rows.get).attribute("g", ("value", "list", 1)) == ["x", "x"]


def test_a_path_leads_through_a_member_that_is_a_nested_stack(world: World) -> None:
    inner = {"t": {"type": "Test::Thing", "properties": {"size": 1}}}
    files = {"one.yaml": {"heat_template_version": "2018-08-31", "resources": inner}}
    reading = {"path": ["g", "resource.1", "resource.t", "address"], "dotted": ["g", "resource.1.resource.t.address"]}
    resources = {"g": group(2, type_="one.yaml"), **{name: value({"get_attr": to}) for name, to in reading.items()}}
    stack = world.accept(resources, files=files)
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    thing = world.rows(world.child(world.child(stack, "g").id, "1").id)["t"]
    for name in reading:
        assert world.rows(stack)[name].properties == {"value": f"at {thing.physical_id}"}


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (["resource.9", "address"], "Member '9' not found in group resource 'g'."),
        (["resource.x"], "Member 'x' not found in group resource 'g'."),
        (["attributes"], "The Referenced Attribute (g attributes) is incorrect."),
    ],
)
def test_who_reads_a_member_that_there_is_not_fails(world: World, path: list[str], words: str) -> None:
    stack = world.accept({"g": group(2), "v": value({"get_attr": ["g", *path]})})
    world.run()
    assert world.state(stack) == "CREATE_FAILED"
    assert words in world.stack(stack).reason
    update(world, stack, {"g": group(10), "v": value({"get_attr": ["g", "refs"]})})


def test_lists_follow_a_group_that_grows(world: World) -> None:
    reading = {"each": value({"get_attr": ["g", "address"]})}
    stack = world.accept({"g": group(1), **reading})
    world.run()
    update(world, stack, {"g": group(3), **reading})
    ids = members(world, stack)
    assert world.rows(stack)["each"].properties == {"value": [f"at {ids[name]}" for name in ("0", "1", "2")]}


def test_what_nothing_changes_about_is_not_looked_at(world: World) -> None:
    stack = world.accept({"g": group(3)})
    world.run()
    world.cloud.calls.clear()
    update(world, stack, {"g": group(3), "n": {"type": "OS::Heat::None"}})
    assert world.cloud.calls == []
    assert world.history(world.child(stack, "g").id).count("world-g UPDATE_IN_PROGRESS") == 0


def test_a_member_may_be_a_nested_stack_whose_file_changes(world: World) -> None:
    def file(size: int) -> dict[str, Any]:
        inner = {"t": {"type": "Test::Thing", "properties": {"size": size}}}
        return {"one.yaml": {"heat_template_version": "2018-08-31", "resources": inner}}

    stack = world.accept({"g": group(2, type_="one.yaml")}, files=file(1))
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    update(world, stack, {"g": group(2, type_="one.yaml")}, files=file(2))
    assert [thing["size"] for thing in world.cloud.things.values()] == [2, 2]


def test_a_secret_of_the_members_is_not_written_into_their_template(world: World) -> None:
    body = {
        "heat_template_version": "2018-08-31",
        "parameters": {"word": {"type": "string", "hidden": True}},
        "resources": {"g": group(2, swap={"get_param": "word"})},
    }
    stack = world.accept(body, parameters={"word": "open sesame"})
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    assert [thing["swap"] for thing in world.cloud.things.values()] == ["open sesame"] * 2
    child = world.child(stack, "g")
    assert "sesame" not in str(world.store.templates.get(child.target.template_id))
    assert "members" in child.target.environment["encrypted_param_names"]
    assert not [event for event in world.store.events.page([stack, child.id]) if "sesame" in str(event)]


def test_members_that_fail_are_repaired_by_the_next_update(world: World) -> None:
    world.cloud.faults["create:g"] = [PermanentError("no room", "Broken")]
    stack = world.accept({"g": group(3)})
    world.run()
    assert world.state(stack) == "CREATE_FAILED"
    update(world, stack, {"g": group(3)})
    assert len(world.cloud.things) == 3


def test_a_group_is_made_in_batches(world: World) -> None:
    policy = {"batch_create": {"max_batch_size": 2, "pause_time": 10}}
    world.cloud.build_seconds = 5
    stack = world.accept({"g": group(5, policy)})
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    world.check(stack)
    made = sorted((thing["created_at"], thing["name"].split("-")[-2]) for thing in world.cloud.things.values())
    times = [time for time, _ in made]
    assert [name for _, name in made] == ["0", "1", "2", "3", "4"]
    assert times[0] == times[1]
    assert times[2] == times[3]
    assert all(
        (later - earlier).total_seconds() >= 15 for earlier, later in ((times[1], times[2]), (times[3], times[4]))
    )


def test_a_rolling_update_keeps_as_many_in_service_as_asked(world: World) -> None:
    policy = {"rolling_update": {"max_batch_size": 2, "min_in_service": 2, "pause_time": 3}}
    stack = world.accept({"g": group(3, policy, size=1)})
    world.run()
    before = members(world, stack)
    world.cloud.calls.clear()
    seen: list[int] = []
    world.cloud.build_seconds = 4

    def count() -> int:
        return sum(thing["ready_at"] <= world.clock.now() for thing in world.cloud.things.values())

    async def watch(engine: Engine) -> None:
        while engine.running or not seen:
            seen.append(count())
            await asyncio.sleep(0.5)

    world.accept({"g": group(3, policy, size=2)}, Action.UPDATE, stack)
    world.run(watch)
    assert world.state(stack) == "UPDATE_COMPLETE"
    world.check(stack)
    assert members(world, stack) == before
    assert world.cloud.called("create") == ["g"]  # one stands in
    assert world.cloud.called("update") == ["g", "g", "g"]
    assert [thing["size"] for thing in world.cloud.things.values()] == [2, 2, 2]
    assert min(seen) >= 3


def test_pauses_that_take_longer_than_the_stack_may_are_refused(world: World) -> None:
    policy = {"rolling_update": {"max_batch_size": 1, "pause_time": 3000}}
    stack = world.accept({"g": group(3, policy, size=1)})
    world.run()
    world.accept({"g": group(3, policy, size=2)}, Action.UPDATE, stack)
    world.run()
    assert world.state(stack) == "UPDATE_FAILED"
    assert "will result in stack update timeout" in world.stack(stack).reason


def test_a_group_that_is_deleted_takes_its_members_along(world: World) -> None:
    stack = world.accept({"g": group(4)})
    world.run()
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert world.state(stack) == "DELETE_COMPLETE"
    assert world.cloud.things == {}


def test_a_chain_makes_one_after_the_other(world: World) -> None:
    world.cloud.build_seconds = 5
    chain = {
        "type": "OS::Heat::ResourceChain",
        "properties": {
            "resources": ["Test::Thing", "Test::Sturdy", "OS::Heat::None"],
            "resource_properties": {"size": 3},
        },
    }
    chain["properties"]["resources"].pop()  # type: ignore[attr-defined]
    reading = {"refs": value({"get_attr": ["c", "refs"]}), "all": value({"get_attr": ["c", "attributes", "size"]})}
    stack = world.accept({"c": chain, **reading})
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    rows = world.rows(world.child(stack, "c").id)
    assert [rows[name].type for name in ("0", "1")] == ["Test::Thing", "Test::Sturdy"]
    first, second = (world.cloud.things[str(rows[name].physical_id)] for name in ("0", "1"))
    assert (second["created_at"] - first["created_at"]).total_seconds() >= 5
    assert world.rows(stack)["refs"].properties == {"value": [rows["0"].physical_id, rows["1"].physical_id]}
    assert world.rows(stack)["all"].properties == {"value": {"0": 3, "1": 3}}
    world.check(stack)


@pytest.mark.parametrize(
    ("before", "after", "changed", "pace", "steps"),
    [
        ("", "01234", "", Pace(2), [Batch(("0", "1")), Batch(("2", "3")), Batch(("4",))]),
        ("012", "012", "012", Pace(1), [Batch(("2",)), Batch(("1",)), Batch(("0",))]),
        ("0123", "0234", "023", Pace(2, 2), [Batch(("4", "3"), ("1",)), Batch(("2", "0"))]),
        ("012", "012", "012", Pace(2, 2), [Batch(("5", "2")), Batch(("1", "0")), Batch(drop=("5",))]),
        ("01", "01", "01", Pace(9, 9), [Batch(("5", "6")), Batch(("1", "0")), Batch(drop=("5", "6"))]),
        ("01", "0", "", Pace(1), [Batch((), ("1",))]),
    ],
)
def test_steps_from_some_members_to_others(
    before: str, after: str, changed: str, pace: Pace, steps: list[Batch]
) -> None:
    assert batches(list(before), list(after), set(changed), iter("56789"), pace) == steps
