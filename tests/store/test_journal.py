"""The group-commit writer: what it writes, in which order, and for whom."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select
from tests.store.things import LEASE, NOW, a_resource, accept, an_event, an_operation, running, update

from kamado.model.changes import (
    AppendEvent,
    Change,
    InsertOperation,
    InsertResource,
    RemoveResource,
    UpdateOperation,
    UpdateResource,
    UpdateStack,
)
from kamado.model.identifiers import new_id
from kamado.model.lifecycle import Action, OperationState, Phase, Status, Stop
from kamado.model.records import OperationRecord, ResourceRecord, Target
from kamado.store import EventFilter, Journal, JournalClosed, LeaseLost, StackFilter, Store, schema

LATER = NOW + LEASE + timedelta(seconds=1)


@pytest.fixture
def held(store: Store) -> OperationRecord:
    """An operation that engine e1 holds."""
    return running(store)


def _write(store: Store, held: OperationRecord, *changes: Change) -> None:
    with Journal(store) as journal:
        journal.submit(held.id, held.epoch, changes).result(20)


def test_a_resource_comes_back_as_it_was_written(store: Store, held: OperationRecord) -> None:
    record = ResourceRecord(
        id=new_id(),
        stack_id=held.stack_id,
        name="net",
        type="OS::Neutron::Net",
        action=Action.UPDATE,
        status=Status.FAILED,
        reason="ResourceInError: resources.net: 'ü'",
        created_at=NOW,
        updated_at=NOW + timedelta(microseconds=1),
        physical_id=new_id(),
        physical_name="web-net-abc",
        operation_id=held.id,
        phase=Phase.CALLED,
        progress={"polled": 3},
        properties={"name": "x", "tags": ["a", {"b": None}], "big": 2**70, "float": 0.1},
        definition="d" * 64,
        metadata={"m": True},
        attributes={"status": "ACTIVE"},
        data={"k": "v"},
        requires=(new_id(), new_id()),
        replaces=new_id(),
        replaced_by=new_id(),
        deletion_policy="Retain",
        external_id="ext",
    )
    bare = a_resource(held.stack_id, "bare", created_at=NOW + timedelta(seconds=1))
    _write(store, held, InsertResource(record), InsertResource(bare))
    assert store.resources.of_stack(held.stack_id) == [record, bare]
    assert store.resources.by_id(record.id) == record
    assert store.resources.by_physical_id("p1", record.physical_id or "") == [record]
    assert store.resources.by_physical_id("p2", record.physical_id or "") == []


def test_changes_of_one_row_apply_in_order(store: Store, held: OperationRecord) -> None:
    new, old = a_resource(held.stack_id, "new"), a_resource(held.stack_id, "old")
    _write(store, held, InsertResource(old))
    with Journal(store) as journal:
        futures = [
            journal.submit(held.id, held.epoch, changes)
            for changes in (
                [InsertResource(new), UpdateResource(new.id, {"phase": Phase.INTENT, "physical_name": "n"})],
                [UpdateResource(old.id, {"phase": Phase.INTENT, "reason": "one"})],
                [UpdateResource(new.id, {"phase": Phase.CALLED, "physical_id": "p"})],
                [UpdateResource(old.id, {"phase": Phase.CALLED}), UpdateResource(old.id, {"reason": "two"})],
                [UpdateResource(old.id, {"requires": (new.id,), "metadata": {"a": 1}})],
            )
        ]
        for future in futures:
            assert future.result(20) is None
    rows = {row.name: row for row in store.resources.of_stack(held.stack_id)}
    assert (rows["new"].phase, rows["new"].physical_name, rows["new"].physical_id) == (Phase.CALLED, "n", "p")
    assert (rows["old"].phase, rows["old"].reason, rows["old"].requires) == (Phase.CALLED, "two", (new.id,))
    assert rows["old"].metadata == {"a": 1}


def test_removed_rows_go_and_their_events_stay(store: Store, held: OperationRecord) -> None:
    kept, gone, brief = (a_resource(held.stack_id, name) for name in ("kept", "gone", "brief"))
    _write(store, held, InsertResource(kept), InsertResource(gone))
    _write(
        store,
        held,
        UpdateResource(gone.id, {"status": Status.COMPLETE}),
        RemoveResource(gone.id),
        AppendEvent(an_event(held.stack_id, "gone", action="DELETE")),
        InsertResource(brief),
        RemoveResource(brief.id),
    )
    assert store.resources.of_stack(held.stack_id) == [kept]
    assert store.events.page([held.stack_id])[0].resource_name == "gone"


def test_events_keep_their_order_over_many_batches(store: Store, held: OperationRecord) -> None:
    with Journal(store) as journal:
        futures = [
            journal.submit(held.id, held.epoch, [AppendEvent(an_event(held.stack_id, f"r{number}"))])
            for number in range(500)
        ]
        for future in futures:
            future.result(20)
        assert journal.stats.changes == 500
        assert journal.stats.submissions == 500
        assert journal.stats.commits < 250
    names = [
        event.resource_name for event in store.events.page([held.stack_id], EventFilter(sort_keys=("event_time",)))
    ]
    assert names == ["web", *(f"r{number}" for number in range(500))]


def test_the_end_of_an_operation_with_its_follow_up(store: Store, held: OperationRecord) -> None:
    follow_up = an_operation(held.stack_id, action=Action.ROLLBACK, rollback=True)
    _write(
        store,
        held,
        UpdateOperation(held.id, {"state": OperationState.FAILED, "reason": "boom", "finished_at": NOW}),
        InsertOperation(follow_up),
        UpdateStack(held.stack_id, {"action": Action.ROLLBACK, "operation_id": follow_up.id, "tags": ("a",)}),
    )
    stack = store.stacks.get(held.stack_id)
    assert stack is not None
    assert (stack.action, stack.operation_id, stack.tags) == (Action.ROLLBACK, follow_up.id, ("a",))
    assert store.stacks.count(StackFilter(tags=("a",))) == 1
    (claimed,) = store.operations.claim("e2", NOW, LEASE, 5)
    assert (claimed.id, claimed.rollback) == (follow_up.id, True)


def test_a_superseded_operation_keeps_its_hands_off_the_stack(store: Store, held: OperationRecord) -> None:
    """The request that came in the meantime owns the stack's state; the loser's rollback never starts."""
    newer = update(store, held.stack_id, {"action": Action.UPDATE, "target": Target("n" * 64)})
    follow_up = an_operation(held.stack_id, action=Action.ROLLBACK)
    _write(
        store,
        held,
        UpdateStack(
            held.stack_id, {"action": Action.ROLLBACK, "status": Status.FAILED, "stack_user_project_id": "sup"}
        ),
        UpdateStack(held.stack_id, {"target": Target("o" * 64), "operation_id": follow_up.id, "tags": ("x",)}),
        UpdateOperation(held.id, {"state": OperationState.FAILED}),
        InsertOperation(follow_up),
    )
    stack = store.stacks.get(held.stack_id)
    assert stack is not None
    assert (stack.action, stack.status, stack.operation_id, stack.tags) == (
        *(Action.UPDATE, Status.IN_PROGRESS, newer.id, ()),
    )
    assert stack.target.template_id == "n" * 64
    assert stack.stack_user_project_id == "sup"
    ended = store.operations.get(follow_up.id)
    assert ended is not None
    assert (ended.state, ended.stop) == (OperationState.SUPERSEDED, Stop.SUPERSEDED)
    assert [operation.id for operation in store.operations.claim("e2", NOW, LEASE, 5)] == [newer.id]


def test_the_name_is_free_once_the_stack_is_deleted(store: Store, held: OperationRecord) -> None:
    _write(
        store,
        held,
        UpdateStack(held.stack_id, {"action": Action.DELETE, "status": Status.COMPLETE, "deleted_at": NOW}),
        UpdateOperation(held.id, {"state": OperationState.DONE}),
    )
    assert store.stacks.get(held.stack_id) is None
    assert store.stacks.find("p1", "web") is None
    found = store.stacks.find("p1", held.stack_id)
    assert found is not None
    assert found.deleted_at == NOW
    accept(store, "web")


@pytest.mark.parametrize("how", ["taken over", "released", "ended", "never held"])
def test_a_late_engine_changes_nothing(store: Store, held: OperationRecord, how: str) -> None:
    epoch = held.epoch
    other = running(store, "other")
    row, event = a_resource(held.stack_id), an_event(held.stack_id, "late")
    if how == "taken over":
        assert store.operations.claim("e2", LATER, LEASE, 5)
        store.operations.claim("e1", LATER + LEASE, LEASE, 5)
        other = next(iter(o for o in store.operations.of_stack(other.stack_id)))
    elif how == "released":
        store.operations.release("e1", [held.id])
    elif how == "ended":
        _write(store, held, UpdateOperation(held.id, {"state": OperationState.DONE}))
    else:
        epoch += 1
    with Journal(store) as journal:
        late = journal.submit(
            held.id, epoch, [InsertResource(row), AppendEvent(event), UpdateStack(held.stack_id, {"reason": "late"})]
        )
        fine = journal.submit(other.id, other.epoch, [AppendEvent(an_event(other.stack_id, "fine"))])
        with pytest.raises(LeaseLost) as raised:
            late.result(20)
        fine.result(20)
    assert (raised.value.operation_id, raised.value.epoch) == (held.id, epoch)
    assert store.resources.of_stack(held.stack_id) == []
    assert [found.resource_name for found in store.events.page([held.stack_id])] == ["web"]
    stack = store.stacks.get(held.stack_id)
    assert stack is not None
    assert stack.reason == "Stack CREATE started"


def test_nothing_is_written_after_the_end_even_in_the_same_batch(store: Store, held: OperationRecord) -> None:
    with Journal(store) as journal:
        end = journal.submit(held.id, held.epoch, [UpdateOperation(held.id, {"state": OperationState.DONE})])
        after = journal.submit(held.id, held.epoch, [AppendEvent(an_event(held.stack_id, "after"))])
        end.result(20)
        with pytest.raises(LeaseLost):
            after.result(20)
    assert store.events.count([held.stack_id]) == 1


def test_bad_changes_fail_their_operation_only(store: Store, held: OperationRecord) -> None:
    """A row that the database refuses takes its whole submission and what follows of its operation; others go on."""
    other = running(store, "other")
    with Journal(store) as journal:
        for _ in range(3):
            row, orphan = a_resource(held.stack_id, "row"), a_resource(new_id(), "orphan")
            bad = journal.submit(held.id, held.epoch, [InsertResource(row), InsertResource(orphan)])
            fine = journal.submit(other.id, other.epoch, [AppendEvent(an_event(other.stack_id, "fine"))])
            with pytest.raises(Exception, match=r"(?i)foreign key"):
                bad.result(20)
            fine.result(20)
    assert store.resources.of_stack(held.stack_id) == []
    assert store.events.count([other.stack_id]) == 4


def test_programming_errors_are_raised_to_the_caller(store: Store, held: OperationRecord) -> None:
    with Journal(store) as journal:
        for change, error in (
            (UpdateResource("x", {"nonsense": 1}), TypeError),
            (UpdateStack("x", {"nonsense": 1}), TypeError),
            (UpdateOperation(held.id, {"nonsense": 1}), TypeError),
            (UpdateOperation("another", {"reason": ""}), ValueError),
            (UpdateResource("x", {"data": {"a": object()}}), TypeError),
        ):
            with pytest.raises(error):
                journal.submit(held.id, held.epoch, [change])
        assert journal.submit(held.id, held.epoch, []).result(20) is None


def test_closing_writes_what_was_submitted(store: Store, held: OperationRecord) -> None:
    journal = Journal(store)
    futures = [
        journal.submit(held.id, held.epoch, [AppendEvent(an_event(held.stack_id, f"r{number}"))])
        for number in range(50)
    ]
    journal.close()
    assert all(future.done() for future in futures)
    assert store.events.count([held.stack_id]) == 51
    with pytest.raises(JournalClosed):
        journal.submit(held.id, held.epoch, [])


def test_many_threads_share_one_journal(store: Store) -> None:
    held = [running(store, f"s{number}", created_at=NOW + timedelta(seconds=number)) for number in range(4)]
    errors: list[BaseException] = []

    def work(operation: OperationRecord, journal: Journal) -> None:
        try:
            for number in range(25):
                row = a_resource(operation.stack_id, f"r{number}")
                journal.submit(operation.id, operation.epoch, [InsertResource(row)]).result(20)
                values: dict[str, Any] = {"status": Status.COMPLETE, "physical_id": row.id}
                journal.submit(operation.id, operation.epoch, [UpdateResource(row.id, values)]).result(20)
        except BaseException as error:
            errors.append(error)

    with Journal(store) as journal:
        threads = [threading.Thread(target=work, args=(operation, journal)) for operation in held]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []
    for operation in held:
        rows = store.resources.of_stack(operation.stack_id)
        assert {row.name for row in rows} == {f"r{number}" for number in range(25)}
        assert all(row.status is Status.COMPLETE and row.physical_id == row.id for row in rows)


def test_rows_in_use_and_ids_taken(store: Store, held: OperationRecord) -> None:
    old = a_resource(held.stack_id, "net", physical_id="n1", replaced_by="x")
    new = a_resource(held.stack_id, "net", physical_id="n2", created_at=NOW + LEASE, replaces=old.id)
    failed = a_resource(held.stack_id, "net", physical_id=None, created_at=NOW + LEASE + LEASE, replaced_by="y")
    port = a_resource(held.stack_id, "port", type="OS::Neutron::Port", physical_id="p1")
    _write(store, held, *(InsertResource(row) for row in (old, new, failed, port)))
    assert store.resources.get(held.stack_id, "net") == new
    assert store.resources.get(held.stack_id, "nobody") is None
    assert store.resources.named(held.stack_id, ["net", "port"]) == [
        *sorted([old, port], key=lambda row: row.id),
        *(new, failed),
    ]
    assert store.resources.named(held.stack_id, []) == []
    assert store.resources.physical_ids("OS::Neutron::Net", [held.stack_id]) == {"n1", "n2"}
    assert store.resources.taken(["n2", "p1", "free"]) == {"n2", "p1"}
    assert store.resources.of_stacks([held.stack_id, "none"]) == {
        held.stack_id: store.resources.of_stack(held.stack_id),
        "none": [],
    }


def test_a_huge_operation_does_not_hold_up_a_small_one(store: Store, held: OperationRecord) -> None:
    """While the database is busy, a lot gathers; what a small operation submits last does not come last."""
    small = running(store, "small")
    locked, free = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        connection.execute(select(schema.operation.c.id).where(schema.operation.c.id == held.id).with_for_update())
        locked.set()
        assert free.wait(60)

    holder = threading.Thread(target=store.write, args=(hold,))
    holder.start()
    assert locked.wait(20)
    done: list[str] = []
    with Journal(store) as journal:
        for number in range(6):
            events = [AppendEvent(an_event(held.stack_id, f"r{number}-{place}")) for place in range(2500)]
            future = journal.submit(held.id, held.epoch, events)
            future.add_done_callback(lambda _, name=f"huge{number}": done.append(name))
        future = journal.submit(small.id, small.epoch, [AppendEvent(an_event(small.stack_id))])
        future.add_done_callback(lambda _: done.append("small"))
        free.set()
    holder.join()
    assert done.index("small") < 3
    assert [name for name in done if name != "small"] == [f"huge{number}" for number in range(6)]
    events = store.events.page([held.stack_id], EventFilter(sort_keys=("event_time",)))
    assert [event.resource_name for event in events[1:]] == [f"r{n}-{place}" for n in range(6) for place in range(2500)]
