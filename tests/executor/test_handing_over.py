"""Stacks that take over what exists already, and stacks that go without it."""

from tests.engine_world import World

from kamado.model.lifecycle import Action

T = "Test::Thing"


def test_a_stack_that_adopts_makes_nothing_and_owns_everything(world: World) -> None:
    key = world.cloud.create("other-a-x", size=3, kind="x", peer=None)
    world.cloud.calls.clear()
    given = {"a": {"resource_id": key, "resource_data": {"k": "v"}, "metadata": {"m": 1}}}
    stack = world.accept({"a": {"type": T, "properties": {"kind": "x"}}}, Action.ADOPT, options={"adopt": given})
    world.run()
    row = world.rows(stack)["a"]
    assert world.state(stack) == "ADOPT_COMPLETE"
    assert (row.physical_id, row.data, row.metadata) == (key, {"k": "v"}, {"m": 1})
    assert world.history(stack, "a") == ["a ADOPT_IN_PROGRESS", "a ADOPT_COMPLETE"]
    assert world.cloud.called("create") == []
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert world.cloud.things == {}


def test_what_has_no_id_fails_and_the_rest_is_given_back(world: World) -> None:
    key = world.cloud.create("other-a-x", size=1, kind="x", peer=None)
    template = {"a": {"type": T}, "b": {"type": T, "depends_on": "a"}}
    stack = world.accept(template, Action.ADOPT, rollback=True, options={"adopt": {"a": {"resource_id": key}}})
    world.run()
    assert world.state(stack) == "ROLLBACK_COMPLETE"
    assert world.rows(stack) == {}
    assert list(world.cloud.things) == [key]
    said = [line.reason for line in world.store.events.page([stack]) if line.status == "FAILED"]
    assert said[-1] == "Exception: resources.b: Resource ID was not provided."


def test_an_abandoned_stack_leaves_everything_in_the_cloud(world: World) -> None:
    stack = world.accept({"a": {"type": T}, "b": {"type": T, "depends_on": "a"}})
    world.run()
    world.accept({}, Action.DELETE, stack, options={"abandon": True})
    world.run()
    assert world.state(stack) == "DELETE_COMPLETE"
    assert world.rows(stack) == {}
    assert len(world.cloud.things) == 2
    assert world.history(stack, "a")[-2:] == ["a DELETE_IN_PROGRESS", "a DELETE_COMPLETE"]
