"""What engines do besides operations: snapshots that are to go."""

import asyncio
from collections.abc import Callable

from tests.engine_world import START, World

from kamado.model.identifiers import new_id
from kamado.model.lifecycle import Action, Status
from kamado.model.records import SNAPSHOT_ID, SnapshotRecord
from kamado.plugin.errors import PermanentError, TemporaryError
from kamado.store import schema

T = "Test::Thing"
TEMPLATE = {"a": {"type": T}, "b": {"type": "OS::Heat::Value", "properties": {"value": 1}}}


def with_snapshot(world: World) -> tuple[str, str]:
    """A stack and its snapshot, which somebody wants removed."""
    stack = world.accept(TEMPLATE)
    world.run()
    made = SnapshotRecord(new_id(), stack, "p", "s", Action.CREATE, Status.IN_PROGRESS, START, None, {})
    row = {"id": made.id, "stack_id": stack, "project_id": "p", "name": "s", "action": "CREATE"}
    row |= {"status": "IN_PROGRESS", "created_at": 0, "data": "{}"}
    world.store.write(lambda connection: connection.execute(schema.snapshot.insert().values(**row)))
    world.accept({}, Action.SNAPSHOT, stack, options={SNAPSHOT_ID: made.id})
    world.run()
    assert len(world.cloud.copies) == 1
    world.store.snapshots.update(made.id, {"action": Action.DELETE, "status": Status.IN_PROGRESS})
    return stack, made.id


def until(true: Callable[[], bool]):  # type: ignore[no-untyped-def]
    async def work(engine: object) -> None:
        while not true():
            await asyncio.sleep(1)

    return work


def test_a_snapshot_goes_with_what_it_keeps(world: World) -> None:
    stack, _ = with_snapshot(world)
    world.cloud.faults["drop"] = [TemporaryError("busy")]
    world.run(until(lambda: world.store.snapshots.of_stack(stack) == []), seconds=300)
    assert world.cloud.copies == set()
    assert world.state(stack) == "SNAPSHOT_COMPLETE"


def test_what_the_stack_has_no_more_goes_too(world: World) -> None:
    stack, _ = with_snapshot(world)
    world.accept({"b": TEMPLATE["b"]}, Action.UPDATE, stack)
    world.run(until(lambda: world.store.snapshots.of_stack(stack) == []), seconds=300)
    assert world.cloud.copies == set()


def test_a_snapshot_that_cannot_go_says_why_and_may_be_asked_again(world: World) -> None:
    stack, key = with_snapshot(world)
    world.cloud.faults["drop"] = [PermanentError("it is locked", "Locked")]
    world.run(until(lambda: world.store.snapshots.of_stack(stack)[0].status is Status.FAILED), seconds=300)
    [left] = world.store.snapshots.of_stack(stack)
    assert (left.action, left.reason) == (Action.DELETE, "Locked: it is locked")
    world.store.snapshots.update(key, {"action": Action.DELETE, "status": Status.IN_PROGRESS})
    world.run(until(lambda: world.store.snapshots.of_stack(stack) == []), seconds=300)
    assert world.cloud.copies == set()
