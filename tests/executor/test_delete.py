"""Deleting stacks: everything goes, in reverse order; what was never made costs no call; what is asked to stay stays."""

from tests.engine_world import World

from kamado.model.lifecycle import Action
from kamado.plugin.errors import PermanentError

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
