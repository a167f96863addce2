"""What becomes of nested stacks when their parent is created, updated, stopped and deleted."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tests.engine_world import World

from kamado.engine.children import ChildReader
from kamado.engine.engine import Engine
from kamado.engine.targets import TargetLoader
from kamado.model.lifecycle import Action, Status
from kamado.store import Store, schema

THING = "Test::Thing"


def template(resources: dict[str, Any], parameters: dict[str, Any] | None = None, **outputs: Any) -> dict[str, Any]:
    return {
        "heat_template_version": "2018-08-31",
        "parameters": parameters or {},
        "resources": resources,
        "outputs": {name.replace("__", "::"): {"value": value} for name, value in outputs.items()},
    }


ONE = template(
    {"t": {"type": THING, "properties": {"size": {"get_param": "size"}, "kind": {"get_param": "kind"}, "broken": {"get_param": "broken"}}}},
    {
        "size": {"type": "number", "default": 1},
        "kind": {"type": "string", "default": "x"},
        "broken": {"type": "boolean", "default": False},
    },
    address={"get_attr": ["t", "address"]},
    id={"get_resource": "t"},
)  # fmt: skip
FILES = {"one.yaml": ONE}


def one(**properties: Any) -> dict[str, Any]:
    return {"type": "one.yaml", "properties": properties}


def test_a_template_file_is_a_resource_type(world: World) -> None:
    reader = {"type": "OS::Heat::Value", "properties": {"value": {"get_attr": ["c", "address"]}}}
    stack = world.accept({"c": one(size=3), "v": reader}, files=FILES)
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    child = world.child(stack, "c")
    assert (child.owner_id, child.root_id, child.nested_depth, child.parent_resource) == (stack, stack, 1, "c")
    assert world.states(child.id) == {"t": "CREATE_COMPLETE"}
    thing = world.rows(child.id)["t"]
    assert world.cloud.things[str(thing.physical_id)]["size"] == 3
    assert world.rows(stack)["v"].properties == {"value": f"at {thing.physical_id}"}
    assert world.history(stack, "c") == ["c CREATE_IN_PROGRESS", "c CREATE_COMPLETE"]
    operations = world.store.operations.of_stack(child.id)
    assert [operation.parent_id for operation in operations] == [world.store.operations.of_stack(stack)[0].id]
    world.check(stack)


def test_an_alias_in_the_registry_is_one_too(world: World) -> None:
    stack = world.accept(
        {"c": {"type": "My::One", "properties": {"size": 2}}}, files=FILES, registry={"My::One": "one.yaml"}
    )
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    assert world.rows(stack)["c"].type == "My::One"
    assert world.child(stack, "c").target.environment["resource_registry"] == {"resources": {}}
    world.check(stack)


def test_an_alias_that_is_taken_away_does_not_keep_its_stack(world: World) -> None:
    mapped = {"c": {"type": "My::One"}}
    stack = world.accept(mapped, files=FILES, registry={"My::One": "one.yaml"})
    world.run()
    world.accept({"d": {"type": "OS::Heat::None"}}, Action.UPDATE, stack)
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert world.cloud.things == {}
    world.check(stack)


def test_references_and_attributes(world: World) -> None:
    value = lambda what: {"type": "OS::Heat::Value", "properties": {"value": what}}  # noqa: E731
    named = template({"t": {"type": THING}}, None, OS__stack_id="me")
    resources = {
        "c": one(),
        "own": {"type": "two.yaml"},
        "reference": value({"get_resource": "c"}),
        "named": value({"get_resource": "own"}),
        "dotted": value({"get_attr": ["c", "resource.t.address"]}),
        "path": value({"get_attr": ["c", "resource.t", "size"]}),
        "id": value({"get_attr": ["c", "resource.t"]}),
        "all": value({"get_attr": ["c"]}),
    }
    stack = world.accept(resources, files={**FILES, "two.yaml": named})
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    child = world.child(stack, "c")
    thing = world.rows(child.id)["t"].physical_id
    found = {name: (row.properties or {}).get("value") for name, row in world.rows(stack).items()}
    assert found["reference"] == f"arn:openstack:heat::p:stacks/{child.name}/{child.id}"
    assert found["named"] == "me"
    assert (found["dotted"], found["path"], found["id"]) == (f"at {thing}", 1, thing)
    assert {"address": f"at {thing}", "id": thing}.items() <= found["all"].items()


def test_an_update_changes_a_child_in_place_replaces_inside_adds_and_removes(world: World) -> None:
    stack = world.accept({"same": one(), "place": one(), "inside": one(), "gone": one()}, files=FILES)
    world.run()
    before = {name: world.child(stack, name) for name in ("same", "place", "inside", "gone")}
    things = {name: world.rows(child.id)["t"].physical_id for name, child in before.items()}
    world.accept(
        {"same": one(), "place": one(size=2), "inside": one(kind="y"), "new": one()}, Action.UPDATE, stack, files=FILES
    )
    world.run()
    assert world.states(stack) == {
        "same": "CREATE_COMPLETE",
        "place": "UPDATE_COMPLETE",
        "inside": "UPDATE_COMPLETE",
        "new": "CREATE_COMPLETE",
    }
    for name in ("same", "place", "inside"):
        assert world.child(stack, name).id == before[name].id
    assert world.rows(before["same"].id)["t"].physical_id == things["same"]
    assert world.rows(before["place"].id)["t"].physical_id == things["place"]
    assert world.rows(before["inside"].id)["t"].physical_id != things["inside"]
    assert world.state(before["gone"].id) == "DELETE_COMPLETE"
    assert [operation.action for operation in world.store.operations.of_stack(before["same"].id)] == [Action.CREATE]
    world.check(stack)


def test_a_changed_file_reaches_the_child(world: World) -> None:
    stack = world.accept({"c": one()}, files=FILES)
    world.run()
    child = world.child(stack, "c").id
    more = template({**ONE["resources"], "u": {"type": THING}}, ONE["parameters"])
    world.accept({"c": one()}, Action.UPDATE, stack, files={"one.yaml": more})
    world.run()
    assert world.states(child) == {"t": "CREATE_COMPLETE", "u": "CREATE_COMPLETE"}
    assert world.state(child) == "UPDATE_COMPLETE"
    world.check(stack)


def test_a_deeper_changed_file_and_a_changed_default_reach_it_too(world: World) -> None:
    two = template({"inner": {"type": "one.yaml"}})
    stack = world.accept({"c": {"type": "two.yaml"}}, files={**FILES, "two.yaml": two})
    world.run()
    inner = world.child(world.child(stack, "c").id, "inner")
    assert inner.nested_depth == 2
    assert inner.root_id == stack
    world.accept(
        {"c": {"type": "two.yaml"}}, Action.UPDATE, stack, files={**FILES, "two.yaml": two}, defaults={"size": 7}
    )
    world.run()
    assert [thing["size"] for thing in world.cloud.things.values()] == [7]
    assert world.child(world.child(stack, "c").id, "inner").id == inner.id
    world.check(stack)


def test_a_failure_inside_is_told_with_its_place(world: World) -> None:
    two = template({"inner": {"type": "one.yaml", "properties": {"broken": True}}})
    stack = world.accept({"c": {"type": "two.yaml"}}, files={**FILES, "two.yaml": two})
    world.run()
    words = 'Went to status ERROR due to "it broke"'
    assert (
        world.stack(stack).reason
        == f"Resource CREATE failed: ResourceInError: resources.c.resources.inner.resources.t: {words}"
    )
    assert world.rows(stack)["c"].reason == f"ResourceInError: resources.c.resources.inner.resources.t: {words}"
    child = world.child(stack, "c")
    assert child.reason == f"Resource CREATE failed: ResourceInError: resources.inner.resources.t: {words}"
    world.check(stack)


def test_a_failed_child_is_repaired_by_the_next_update(world: World) -> None:
    stack = world.accept({"c": one(broken=True)}, files=FILES)
    world.run()
    child = world.child(stack, "c").id
    world.accept({"c": one()}, Action.UPDATE, stack, files=FILES)
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert world.child(stack, "c").id == child
    assert world.states(stack) == {"c": "UPDATE_COMPLETE"}
    world.check(stack)


def test_a_failed_child_is_tried_again_though_nothing_is_said_anew(world: World) -> None:
    from kamado.plugin.errors import PermanentError

    world.cloud.faults["create"] = [PermanentError("no", "Sorry")]
    stack = world.accept({"c": one()}, files=FILES)
    world.run()
    assert world.stack(stack).reason == "Resource CREATE failed: Sorry: resources.c.resources.t: no"
    world.accept({"c": one()}, Action.UPDATE, stack, files=FILES)
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"
    world.check(stack)


def test_a_rolled_back_creation_takes_the_children_away(world: World) -> None:
    stack = world.accept({"a": one(), "b": {**one(broken=True), "depends_on": "a"}}, files=FILES, rollback=True)
    world.run()
    assert world.state(stack) == "ROLLBACK_COMPLETE"
    assert world.rows(stack) == {}
    assert world.cloud.things == {}
    world.check(stack)


def test_a_rolled_back_update_brings_the_child_back(world: World) -> None:
    resources = {"a": one(size=1), "z": {"type": THING, "depends_on": "a"}}
    stack = world.accept(resources, files=FILES)
    world.run()
    bad = {"a": one(size=5), "z": {"type": THING, "depends_on": "a", "properties": {"broken": True}}}
    world.accept(bad, Action.UPDATE, stack, files=FILES, rollback=True)
    world.run()
    assert world.state(stack) == "ROLLBACK_COMPLETE"
    assert sorted(thing["size"] for thing in world.cloud.things.values()) == [1, 1]
    world.check(stack)


def test_a_deletion_reaches_every_depth(world: World) -> None:
    two = template({"inner": one(), "other": {"type": THING}})
    stack = world.accept({"c": {"type": "two.yaml"}, "d": one()}, files={**FILES, "two.yaml": two})
    world.run()
    assert len(world.tree(stack)) == 4
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert world.state(stack) == "DELETE_COMPLETE"
    assert world.tree(stack) == []
    assert world.cloud.things == {}
    assert {stack.status for stack in world.store.stacks.tree(stack, True)} == {"COMPLETE"}


def test_suspend_resume_and_check_reach_the_child(world: World) -> None:
    stack = world.accept({"c": one()}, files=FILES)
    world.run()
    child = world.child(stack, "c").id
    for action in (Action.SUSPEND, Action.RESUME, Action.CHECK):
        world.accept({}, action, stack)
        world.run()
        assert world.state(stack) == world.state(child) == f"{action}_COMPLETE"
        assert world.states(child) == {"t": f"{action}_COMPLETE"}


def test_stacks_do_not_nest_without_end(world: World) -> None:
    two = template({"again": {"type": "two.yaml"}})
    stack = world.accept({"c": {"type": "two.yaml"}}, files={"two.yaml": two})
    world.run()
    assert world.state(stack) == "CREATE_FAILED"
    assert world.stack(stack).reason.endswith("Request limit exceeded: Recursion depth exceeds 5.")
    assert max(found.nested_depth for found in world.tree(stack)) == 5
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert world.tree(stack) == []


def test_a_type_may_be_stood_for_by_a_template_that_uses_it(world: World) -> None:
    wrapped = template(
        {"t": {"type": THING, "properties": {"size": {"get_param": "size"}}}},
        {"size": {"type": "number", "default": 4}},
    )
    stack = world.accept({"c": {"type": THING}}, files={"one.yaml": wrapped}, registry={THING: "one.yaml"})
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    assert [thing["size"] for thing in world.cloud.things.values()] == [4]


def test_a_newer_update_supersedes_what_runs_in_the_child(world: World) -> None:
    world.cloud.build_seconds = 1000
    two = template({"inner": one(size=1)})
    stack = world.accept({"c": {"type": "two.yaml"}}, files={**FILES, "two.yaml": two})

    async def newer(engine: Engine) -> None:
        await world.clock.sleep(20)
        world.cloud.build_seconds = 0
        world.accept({"d": one(size=2)}, Action.UPDATE, stack, files=FILES)
        engine.wake()

    world.run(newer)
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert world.loop.time() < 900
    assert world.states(stack) == {"d": "CREATE_COMPLETE"}
    assert [thing["size"] for thing in world.cloud.things.values()] == [2]
    world.check(stack)


def test_a_newer_update_goes_on_with_a_child_in_the_middle(world: World) -> None:
    world.cloud.build_seconds = 100
    stack = world.accept({"c": one(size=1)}, files=FILES)

    async def newer(engine: Engine) -> None:
        await world.clock.sleep(20)
        world.accept({"c": one(size=2)}, Action.UPDATE, stack, files=FILES)
        engine.wake()

    world.run(newer)
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert [thing["size"] for thing in world.cloud.things.values()] == [2]
    world.check(stack)


def test_a_deletion_does_not_wait_for_what_runs_below(world: World) -> None:
    world.cloud.build_seconds = 5000
    two = template({"inner": one()})
    stack = world.accept({"c": {"type": "two.yaml"}}, files={**FILES, "two.yaml": two})

    async def delete(engine: Engine) -> None:
        await world.clock.sleep(20)
        world.accept({}, Action.DELETE, stack)
        engine.wake()

    world.run(delete)
    assert world.state(stack) == "DELETE_COMPLETE"
    assert world.loop.time() < 1000
    assert world.tree(stack) == []
    assert world.cloud.things == {}


def test_time_runs_out_at_every_depth(world: World) -> None:
    world.cloud.build_seconds = 100_000
    two = template({"inner": one()})
    stack = world.accept({"c": {"type": "two.yaml"}}, files={**FILES, "two.yaml": two})
    world.run()
    assert world.state(stack) == "CREATE_FAILED"
    assert world.stack(stack).reason == "Timed out"
    assert {found.status for found in world.tree(stack)} == {"FAILED"}
    assert not world.live()
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert world.cloud.things == {}


def test_many_children_do_not_starve_each_other(world: World) -> None:
    world.settings = type(world.settings)(alone=True, concurrent_operations=2)
    two = template({f"i{n}": one() for n in range(3)})
    stack = world.accept({f"c{n}": {"type": "two.yaml"} for n in range(4)}, files={**FILES, "two.yaml": two})
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    assert len(world.tree(stack)) == 1 + 4 + 12
    world.check(stack)


def test_what_failed_deep_inside_is_repaired_by_the_next_update(world: World) -> None:
    two = template({"inner": one(), "other": one()})
    files = {**FILES, "two.yaml": two}
    stack = world.accept({"c": {"type": "two.yaml"}, "d": one()}, files=files)
    world.run()
    middle = world.child(stack, "c").id
    inner = world.child(middle, "inner").id
    row = world.rows(inner)["t"]
    marked = {"action": Action.CHECK, "status": Status.FAILED, "reason": "rust"}
    world.store.resources.change(row.id, lambda _: (marked, []))
    assert world.states(stack) == {"c": "CREATE_COMPLETE", "d": "CREATE_COMPLETE"}
    assert world.store.stacks.unsound(stack) == {middle, inner}
    world.accept({"c": {"type": "two.yaml"}, "d": one()}, Action.UPDATE, stack, files=files)
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert world.rows(inner)["t"].physical_id != row.physical_id
    assert world.states(inner) == {"t": "CREATE_COMPLETE"}
    assert world.store.stacks.unsound(stack) == frozenset()
    others = (world.child(stack, "d").id, world.child(middle, "other").id)
    assert [len(world.store.operations.of_stack(key)) for key in others] == [1, 1]
    world.check(stack)


class _EndsMeanwhile:
    """A store in which the operation on a nested stack ends just before somebody asks whether there is one."""

    def __init__(self, store: Store) -> None:
        self.stacks = store.stacks
        self.operations = self
        self._store = store

    def at_work(self, stack_ids: Collection[str]) -> set[str]:
        for stack_id in stack_ids:
            said(self._store, stack_id, "COMPLETE")
        return self._store.operations.at_work(stack_ids)


def said(store: Store, stack_id: str, status: str) -> None:
    table = schema.stack
    store.write(
        lambda connection: connection.execute(table.update().where(table.c.id == stack_id).values(status=status))
    )


def test_a_nested_stack_that_ends_between_two_looks_is_not_begun_again(world: World) -> None:
    stack = world.accept({"c": one(size=1)}, files=FILES)
    world.run()
    key = world.child(stack, "c").id
    loader = TargetLoader(world.store, world.registry)
    said(world.store, key, "IN_PROGRESS")
    forsaken = ChildReader(world.store, loader, world.clock, lambda: world.cloud).state(key)
    assert forsaken is not None
    assert (forsaken.status, forsaken.working) == (Status.IN_PROGRESS, False)
    store: Any = _EndsMeanwhile(world.store)
    ended = ChildReader(store, loader, world.clock, lambda: world.cloud).state(key)
    assert ended is not None
    assert (ended.status, ended.working) == (Status.COMPLETE, True)
