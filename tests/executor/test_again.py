"""What comes out broken is made anew; what must make way does; what has the same name as its successor is not deleted with it."""

from tests.engine_world import World

from kamado.model.lifecycle import Action
from kamado.plugin.errors import PermanentError, ResourceInError

T = "Test::Thing"


def test_what_comes_out_broken_is_deleted_and_made_anew(world: World) -> None:
    world.cloud.faults["get"] = [ResourceInError("ERROR", "no host"), ResourceInError("ERROR", "no host")]
    stack = world.accept({"a": {"type": T}})
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    assert world.cloud.called("create") == ["a"] * 3
    assert world.cloud.called("delete") == ["a"] * 2
    attempt = ["a CREATE_FAILED", "a DELETE_IN_PROGRESS", "a DELETE_COMPLETE", "a CREATE_IN_PROGRESS"]
    assert world.history(stack, "a") == ["a CREATE_IN_PROGRESS", *attempt, *attempt, "a CREATE_COMPLETE"]
    world.check(stack)


def test_the_first_failure_is_told_when_all_attempts_failed(world: World) -> None:
    world.cloud.faults["get"] = [ResourceInError("ERROR", f"number {count}") for count in range(9)]
    stack = world.accept({"a": {"type": T}})
    world.run()
    reason = 'ResourceInError: resources.a: Went to status ERROR due to "number 0"'
    assert world.state(stack) == "CREATE_FAILED"
    assert world.stack(stack).reason == f"Resource CREATE failed: {reason}"
    assert world.cloud.called("create") == ["a"] * 6
    assert world.loop.passed > 20  # it waits longer and longer between them
    world.check(stack)


def test_what_stands_in_the_way_is_waited_for(world: World) -> None:
    world.cloud.faults["create"] = [PermanentError("taken", "Conflict")]
    stack = world.accept({"a": {"type": T}})
    world.run()
    assert world.state(stack) == "CREATE_COMPLETE"
    assert world.cloud.called("delete") == []
    world.check(stack)


def test_other_failures_are_final(world: World) -> None:
    world.cloud.faults["create"] = [PermanentError("never", "BadRequest")]
    stack = world.accept({"a": {"type": T}})
    world.run()
    assert world.state(stack) == "CREATE_FAILED"
    assert world.cloud.called("create") == ["a"]


def _holder(kind: str) -> dict[str, object]:
    return {"a": {"type": "Test::Holder", "properties": {"place": "p", "kind": kind}}}


def test_the_old_one_makes_way_before_its_replacement_is_made(world: World) -> None:
    stack = world.accept(_holder("x"))
    world.run()
    world.accept(_holder("y"), Action.UPDATE, stack)
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert [(thing["kind"], thing["place"]) for thing in world.cloud.things.values()] == [("y", "p")]
    assert world.cloud.called("create") == ["a", "a"]
    world.check(stack)


def test_a_rollback_gives_back_what_the_old_one_gave_up(world: World) -> None:
    stack = world.accept({**_holder("x"), "z": {"type": T, "depends_on": "a"}})
    world.run()
    old = world.rows(stack)["a"].physical_id
    bad = {**_holder("y"), "z": {"type": T, "depends_on": "a", "properties": {"kind": "y", "broken": True}}}
    world.accept(bad, Action.UPDATE, stack, rollback=True)
    world.run()
    assert world.state(stack) == "ROLLBACK_COMPLETE"
    assert world.rows(stack)["a"].physical_id == old
    places = [thing["place"] for thing in world.cloud.things.values() if "place" in thing]
    assert places == ["p"]
    world.check(stack)


def test_a_replacement_of_the_same_name_is_not_deleted_with_the_old_one(world: World) -> None:
    def named(kind: str) -> dict[str, object]:
        return {"a": {"type": "Test::Named", "properties": {"kind": kind}}}

    stack = world.accept(named("x"))
    world.run()
    world.accept(named("y"), Action.UPDATE, stack)
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"
    assert [thing["kind"] for thing in world.cloud.things.values()] == ["y"]
    world.check(stack)
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert world.cloud.things == {}
