"""Deleting stacks: everything goes, in reverse order; what was never made costs no call; what is asked to stay stays."""

import asyncio

import pytest
from tests.engine_world import World

from kamado.cloud.failures import CloudError, FailureKind
from kamado.engine.engine import Engine
from kamado.model.lifecycle import Action
from kamado.model.records import FORCE, RETAIN
from kamado.plugin.errors import PermanentError, ResourceInError

T = "Test::Thing"


def test_everything_goes_in_reverse_order(world: World) -> None:
    stack = world.accept({"a": {"type": T}, "b": {"type": T, "depends_on": "a"}, "c": {"type": T, "depends_on": "b"}})
    world.run()
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert world.cloud.called("delete") == ["c", "b", "a"]
    assert world.state(stack) == "DELETE_COMPLETE"
    assert world.stack(stack).deleted_at is not None
    assert world.rows(stack) == {}
    assert world.history(stack, "a")[-2:] == ["a DELETE_IN_PROGRESS", "a DELETE_COMPLETE"]
    world.check(stack)


def test_what_is_gone_already_is_fine(world: World) -> None:
    stack = world.accept({"a": {"type": T}})
    world.run()
    world.cloud.things.clear()
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert world.state(stack) == "DELETE_COMPLETE"


def test_retain_leaves_it_in_the_cloud(world: World) -> None:
    stack = world.accept({"a": {"type": T, "deletion_policy": "retain"}})
    world.run()
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert world.cloud.called("delete") == []
    assert len(world.cloud.things) == 1
    assert world.history(stack, "a")[-1] == "a DELETE_COMPLETE"


def test_what_is_waited_for_is_told_while_it_is(world: World) -> None:
    stack = world.accept({"a": {"type": T}})
    world.run()
    world.cloud.faults["delete"] = [PermanentError("still in use by port 7", "Conflict")] * 3
    world.accept({}, Action.DELETE, stack)
    seen: list[tuple[str, str]] = []

    async def look(engine: Engine) -> None:
        await asyncio.sleep(3)
        row = world.rows(stack)["a"]
        seen.append((f"{row.action}_{row.status}", row.reason))

    world.run(look)
    assert seen == [("DELETE_IN_PROGRESS", "Conflict: resources.a: still in use by port 7 (it is tried again)")]
    assert world.state(stack) == "DELETE_COMPLETE"
    told = [line.reason for line in world.store.events.page([stack]) if line.resource_name == "a"]
    assert set(told) == {"state changed"}


def test_a_delete_that_fails_can_be_tried_again(world: World) -> None:
    stack = world.accept({"a": {"type": T}, "b": {"type": T, "depends_on": "a"}})
    world.run()
    world.cloud.faults["delete"] = [PermanentError("still in use", "Conflict")] * 6
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert world.state(stack) == "DELETE_FAILED"
    assert world.stack(stack).reason == "Resource DELETE failed: Conflict: resources.b: still in use"
    assert world.states(stack) == {"a": "CREATE_COMPLETE", "b": "DELETE_FAILED"}
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert world.state(stack) == "DELETE_COMPLETE"
    world.check(stack)


def test_what_is_in_use_for_a_moment_is_waited_for(world: World) -> None:
    stack = world.accept({"a": {"type": T}})
    world.run()
    world.cloud.faults["delete"] = [PermanentError("still in use", "Conflict")] * 2
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert world.state(stack) == "DELETE_COMPLETE"
    assert world.cloud.called("delete") == ["a"] * 3


def test_what_was_never_made_costs_no_call(world: World) -> None:
    world.cloud.faults["create"] = [PermanentError("no")]
    stack = world.accept({"a": {"type": T}})
    world.run()
    world.cloud.calls.clear()
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert world.cloud.calls == []
    assert world.state(stack) == "DELETE_COMPLETE"


def test_a_template_that_nobody_can_read_any_more_is_no_hindrance(world: World) -> None:
    stack = world.accept({"a": {"type": T}})
    world.run()
    world.accept(
        {"heat_template_version": "2018-08-31", "resources": {"x": {"type": "No::Such::Type"}}}, Action.DELETE, stack
    )
    world.run()
    assert world.state(stack) == "DELETE_COMPLETE"
    world.check(stack)


def test_an_unknown_type_ends_the_operation_with_a_reason(world: World) -> None:
    stack = world.accept({"a": {"type": "No::Such::Type"}})
    world.run()
    assert world.state(stack) == "CREATE_FAILED"
    assert "No::Such::Type" in world.stack(stack).reason


TWO = {"a": {"type": T}, "b": {"type": T, "depends_on": "a"}}


def test_what_the_request_names_stays_in_the_cloud(world: World) -> None:
    stack = world.accept(TWO)
    world.run()
    world.accept({}, Action.DELETE, stack, options={RETAIN: ["a"]})
    world.run()
    assert world.state(stack) == "DELETE_COMPLETE"
    assert world.cloud.called("delete") == ["b"]
    assert world.history(stack, "a")[-1] == "a DELETE_COMPLETE"


def test_a_name_in_a_nested_stack_stays(world: World) -> None:
    child = {"heat_template_version": "2018-08-31", "resources": TWO}
    stack = world.accept({"n": {"type": "one.yaml"}}, files={"one.yaml": child})
    world.run()
    kept = world.rows(world.child(stack, "n").id)["b"].physical_id
    world.accept({}, Action.DELETE, stack, options={RETAIN: ["n/b", "a"]})
    world.run()
    assert world.state(stack) == "DELETE_COMPLETE"
    assert list(world.cloud.things) == [kept]


@pytest.mark.parametrize("nested", [False, True])
def test_by_force_what_cannot_be_deleted_is_let_go_of_and_told(world: World, nested: bool) -> None:
    child = {"heat_template_version": "2018-08-31", "resources": TWO}
    stack = world.accept({"n": {"type": "one.yaml"}} if nested else TWO, files={"one.yaml": child} if nested else {})
    world.run()
    inner = world.child(stack, "n").id if nested else stack
    row = world.rows(inner)["b"]
    world.cloud.faults["delete"] = [PermanentError("not yours", "Forbidden")]  # b is the first to go
    world.accept({}, Action.DELETE, stack, options={FORCE: True})
    world.run()
    assert world.state(stack) == world.state(inner) == "DELETE_COMPLETE"
    assert list(world.cloud.things) == [row.physical_id]
    told = f"let go of, and perhaps still in the cloud: b (Test::Thing {row.physical_id})"
    assert world.stack(inner).reason == f"Stack DELETE completed successfully; {told}"
    assert world.history(inner, "b")[-1] == "b DELETE_FAILED"
    last = next(line for line in world.store.events.page([inner]) if line.resource_name == "b")
    assert last.reason == "Let go of by a forced deletion: Forbidden: resources.b: not yours"


def test_force_lets_go_of_nothing_that_can_be_deleted(world: World) -> None:
    stack = world.accept(TWO)
    world.run()
    world.cloud.faults["delete"] = [PermanentError("still in use", "Conflict")] * 2
    world.accept({}, Action.DELETE, stack, options={FORCE: True})
    world.run()
    assert world.cloud.things == {}
    assert world.stack(stack).reason == "Stack DELETE completed successfully"


def test_by_force_a_deletion_that_does_not_end_is_given_up_after_a_while(world: World) -> None:
    stack = world.accept({"a": {"type": "Test::Clinging"}})
    world.run()
    world.accept({}, Action.DELETE, stack, options={FORCE: True})
    before = world.loop.passed
    world.run()
    assert world.state(stack) == "DELETE_COMPLETE"
    assert 300 <= world.loop.passed - before < 400
    assert "Test::Clinging id1" in world.stack(stack).reason


def test_what_goes_wrong_while_it_is_deleted_is_deleted_again(world: World) -> None:
    stack = world.accept({"a": {"type": "Test::Clinging"}})
    world.run()
    world.cloud.faults["get"] = [ResourceInError("ERROR_DELETING", "a bad day")] * 2
    world.cloud.things["id1"]["lets_go"] = True
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert world.state(stack) == "DELETE_COMPLETE"
    assert world.cloud.called("update") == ["a"] * 3


def test_a_service_in_trouble_is_asked_to_delete_again(world: World) -> None:
    stack = world.accept({"a": {"type": T}})
    world.run()
    world.cloud.faults["delete"] = [CloudError(FailureKind.SERVER_ERROR, "oops", status=500)] * 2
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert world.state(stack) == "DELETE_COMPLETE"


def test_what_is_not_allowed_is_not_tried_again(world: World) -> None:
    stack = world.accept({"a": {"type": T}})
    world.run()
    world.cloud.faults["delete"] = [CloudError(FailureKind.FORBIDDEN, "no", status=403)]
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert world.state(stack) == "DELETE_FAILED"
    assert world.cloud.called("delete") == ["a"]


def test_what_is_in_the_way_is_named(world: World) -> None:
    stack = world.accept({"a": {"type": "Test::Clinging"}, "b": {"type": T}})
    world.run()
    other = next(key for key, thing in world.cloud.things.items() if "-b-" in thing["name"])
    world.cloud.things["id1" if other != "id1" else "id2"]["held_by"] = [other, "stranger"]
    world.cloud.faults["update"] = [PermanentError("in use", "Conflict")] * 6
    world.cloud.faults["delete:b"] = [PermanentError("no")]
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert world.rows(stack)["a"].reason == (
        f"Conflict: resources.a: in use In the way: thing {other} (resource b of this stack), thing stranger."
    )
