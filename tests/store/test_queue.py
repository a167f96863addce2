"""Claims and leases: who may work on what."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from tests.store.things import LEASE, NOW, accept, running, update

from kamado.model.changes import UpdateOperation
from kamado.model.lifecycle import OperationState, Stop
from kamado.model.records import EngineRecord
from kamado.store import Journal, Store, schema
from kamado.store.shares import Room

LATER = NOW + LEASE + timedelta(seconds=1)


def _claim(store: Store, engine: str, limit: int = 10, late: bool = False) -> list[str]:
    return [operation.id for operation in store.operations.claim(engine, LATER if late else NOW, LEASE, limit)]


def test_a_claim_gives_a_lease(store: Store) -> None:
    operation = accept(store)
    (claimed,) = store.operations.claim("e1", NOW, LEASE, 5)
    assert (claimed.id, claimed.state, claimed.engine_id) == (operation.id, OperationState.RUNNING, "e1")
    assert (claimed.epoch, claimed.lease_expires_at, claimed.started_at) == (1, NOW + LEASE, NOW)
    assert store.operations.get(operation.id) == claimed
    assert _claim(store, "e2") == []


def test_oldest_first_and_no_more_than_asked(store: Store) -> None:
    ids = [accept(store, f"s{n}", created_at=NOW - timedelta(minutes=n)).id for n in range(5)]
    assert _claim(store, "e1", 0) == []
    assert _claim(store, "e1", 2) == [ids[4], ids[3]]
    assert _claim(store, "e2", 9) == [ids[2], ids[1], ids[0]]


def test_a_stack_has_one_running_operation(store: Store) -> None:
    first = running(store)
    second = update(store, first.stack_id)
    assert _claim(store, "e2") == []
    with Journal(store) as journal:
        ended = UpdateOperation(first.id, {"state": OperationState.SUPERSEDED, "finished_at": NOW})
        journal.submit(first.id, first.epoch, [ended]).result(10)
    assert _claim(store, "e2") == [second.id]
    record = store.operations.get(first.id)
    assert record is not None
    assert (record.state, record.lease_expires_at, record.engine_id) == (OperationState.SUPERSEDED, None, "e1")


def test_an_expired_lease_is_taken_over_before_its_successor_starts(store: Store) -> None:
    first = running(store)
    update(store, first.stack_id)
    taken = store.operations.claim("e2", LATER, LEASE, 10)
    assert [(operation.id, operation.epoch, operation.stop) for operation in taken] == [(first.id, 2, Stop.SUPERSEDED)]
    assert taken[0].started_at == NOW
    assert store.operations.renew("e1", LATER, LEASE, [first.id]) == {}
    assert _claim(store, "e3", late=True) == []


def test_renewal_keeps_a_lease(store: Store) -> None:
    first = running(store, "a")
    other = running(store, "b", "e2")
    assert store.operations.renew("e1", LATER, LEASE, [first.id, other.id, "unknown"]) == {first.id: Stop.NONE}
    assert store.operations.renew("e1", LATER, LEASE, []) == {}
    assert _claim(store, "e3", late=True) == [other.id]


def test_a_released_lease_is_free_at_once(store: Store) -> None:
    first = running(store, "a")
    other = running(store, "b", "e2")
    store.operations.release("e1", [first.id, other.id])
    store.operations.release("e1", [])
    assert store.operations.renew("e1", NOW, LEASE, [first.id]) == {}
    (taken,) = store.operations.claim("e3", NOW, LEASE, 10)
    assert (taken.id, taken.epoch) == (first.id, 2)


def test_a_request_to_stop(store: Store) -> None:
    works, waits, superseded = running(store, "a"), accept(store, "b"), running(store, "c", created_at=NOW - LEASE)
    update(store, superseded.stack_id)
    told = store.operations.request_stop([works.id, waits.id, superseded.id, "unknown"], Stop.CANCELLED, NOW)
    assert set(told) == {works.id, waits.id, superseded.id}
    assert store.operations.renew("e1", NOW, LEASE, [works.id, superseded.id]) == {
        works.id: Stop.CANCELLED,
        superseded.id: Stop.SUPERSEDED,
    }
    ended = store.operations.get(waits.id)
    assert ended is not None
    assert (ended.state, ended.finished_at) == (OperationState.CANCELLED, NOW)
    assert store.operations.request_stop([waits.id], Stop.CANCELLED, NOW) == []


def test_a_waiting_one_is_not_given_out_while_the_running_ones_row_is_locked(store: Store) -> None:
    """Skipping locked rows must not make the running operation invisible."""
    first = running(store)
    update(store, first.stack_id)
    free = accept(store, "free")
    if store.dialect == "sqlite":
        # Writers exclude each other there; a claim waits.
        assert _claim(store, "e2") == [free.id]
        return
    with store.writer.engine.begin() as connection:
        connection.execute(select(schema.operation.c.id).where(schema.operation.c.id == first.id).with_for_update())
        assert _claim(store, "e2") == [free.id]
        # Expired, but somebody holds the row: left to the next claim.
        assert _claim(store, "e2", late=True) == [free.id]
    assert _claim(store, "e2", late=True) == [first.id]


def test_operations_of_a_stack(store: Store) -> None:
    first = running(store)
    second = update(store, first.stack_id, created_at=NOW + LEASE, parent_id=first.id)
    assert [operation.id for operation in store.operations.of_stack(first.stack_id)] == [first.id, second.id]
    assert [operation.id for operation in store.operations.children(first.id, live=True)] == [second.id]
    store.operations.request_stop([second.id], Stop.CANCELLED, NOW)
    assert store.operations.children(first.id, live=True) == []
    assert store.operations.running("unknown") is None


def _share(store: Store, engine: str, room: Room, late: bool = False) -> tuple[list[str], bool]:
    """Names of the stacks, and whether there is more."""
    taken, more = store.operations.claim_share(engine, LATER if late else NOW, LEASE, room)
    stacks = [store.stacks.get(operation.stack_id) for operation in taken]
    return sorted(stack.name for stack in stacks if stack), more


def _accept_many(store: Store, project: str, count: int) -> None:
    for number in range(count):
        at = NOW + timedelta(seconds=number)
        accept(store, f"{project}{number:02}", project_id=project, created_at=at)


def test_projects_take_turns(store: Store) -> None:
    _accept_many(store, "a", 20)
    accept(store, "b00", project_id="b", created_at=NOW + timedelta(minutes=5))
    assert _share(store, "e1", Room(4, 10)) == (["a00", "a01", "a02", "b00"], False)
    assert _share(store, "e1", Room(20, 20, {"a": 3, "b": 1})) == ([f"a{n:02}" for n in range(3, 20)], False)
    assert _share(store, "e1", Room(20, 20)) == ([], False)


def test_a_project_leaves_the_last_places_to_others(store: Store) -> None:
    _accept_many(store, "a", 20)
    assert _share(store, "e1", Room(4, 3)) == (["a00", "a01", "a02"], False)
    assert _share(store, "e1", Room(1, 3, {"a": 3})) == ([], False)
    accept(store, "b00", project_id="b", created_at=NOW + timedelta(minutes=5))
    assert _share(store, "e1", Room(1, 3, {"a": 3})) == (["b00"], False)


def test_engines_leave_each_other_their_part(store: Store) -> None:
    _accept_many(store, "a", 40)
    for key, gone, heard in (
        ("e1", None, NOW),
        ("e2", None, NOW),
        ("e3", NOW, NOW),
        ("e4", None, NOW - timedelta(hours=1)),
    ):
        store.engines.beat(EngineRecord(key, "host", "kamado-engine", 1, NOW, heard, 60, gone))
    found: dict[str, int] = {"e1": 0, "e2": 0}
    rounds = 0
    more = True
    while more:
        for engine in found:
            names, more = _share(store, engine, Room(100, 100))
            found[engine] += len(names)
        rounds += 1
    assert sum(found.values()) == 40
    assert min(found.values()) >= 15
    assert rounds < 20


def test_what_was_given_up_is_shared_too_and_comes_first(store: Store) -> None:
    old = running(store, "old", "dead", project_id="a")
    update(store, old.stack_id, project_id="a")
    accept(store, "new", project_id="a", created_at=NOW - timedelta(hours=1))
    assert _share(store, "e1", Room(1, 1), late=True) == (["old"], False)
    assert _share(store, "e1", Room(5, 5), late=True) == (["new"], False)


def test_a_successor_that_cannot_start_is_not_more(store: Store) -> None:
    first = running(store)
    update(store, first.stack_id)
    assert _share(store, "e2", Room(5, 5)) == ([], False)
