"""Claims and leases: who may work on what."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from tests.store.things import LEASE, NOW, accept, running, update

from kamado.model.changes import UpdateOperation
from kamado.model.lifecycle import OperationState, Stop
from kamado.store import Journal, Store, schema

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
    with store.writer.begin() as connection:
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
