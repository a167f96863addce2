"""Nested stacks in the journal's transactions: made, started and stopped by the operations of their parents.

Called by the journal only, many at a time. The trap: an operation waits in the queue with its parent's changes, so a parent that
a crash takes back takes its children back too; nothing here may be written outside that transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, or_, select

from kamado.model.changes import InsertStack, StartOperation, StopChildren
from kamado.model.identifiers import new_id
from kamado.model.lifecycle import OperationState, Status, Stop
from kamado.store import bulk, schema
from kamado.store.crypt import Cipher
from kamado.store.encoding import encode_time
from kamado.store.events import event_row
from kamado.store.operations import operation_row
from kamado.store.stacks import stack_columns, stack_row

Row = dict[str, Any]

_PENDING, _RUNNING = str(OperationState.PENDING), str(OperationState.RUNNING)
_CHUNK = 500
_TARGET = ("template_id", "files", "environment")


@dataclass(frozen=True, slots=True)
class NewStack:
    """The rows of a nested stack that begins."""

    stack: Row
    operation: Row
    event: Row

    def ended(self) -> NewStack:
        """The same with its operation ended: the parent was superseded in the meantime."""
        return replace(self, operation={**self.operation, **_superseded(self.operation["created_at"])})


@dataclass(frozen=True, slots=True)
class Start:
    """The rows of an operation on a nested stack."""

    stack_id: str
    operation: Row
    values: Row
    event: Row
    as_it_is: bool


def new_stack(change: InsertStack, cipher: Cipher) -> NewStack:
    """The rows of a change."""
    stack = {**stack_row(change.stack, cipher), "operation_id": change.operation.id}
    return NewStack(stack, operation_row(change.operation, cipher), event_row(change.event, cipher))


def new_start(change: StartOperation, cipher: Cipher) -> Start:
    """The rows of a change."""
    values = {**stack_columns(change.values, cipher), "operation_id": change.operation.id}
    operation = change.operation
    row, event = operation_row(operation, cipher), event_row(change.event, cipher)
    return Start(operation.stack_id, row, values, event, change.as_it_is)


def insert(connection: Connection, new: Sequence[NewStack]) -> None:
    """Write nested stacks."""
    bulk.insert(connection, schema.stack, [item.stack for item in new])
    bulk.insert(connection, schema.operation, [item.operation for item in new])
    bulk.insert(connection, schema.event, [item.event for item in new])


def start(connection: Connection, starts: Sequence[Start]) -> None:
    """Write operations on nested stacks; of several on one stack the last counts."""
    wanted = {item.stack_id: item for item in starts}
    ids = list(wanted)
    for begin in range(0, len(ids), _CHUNK):
        _start_some(connection, {key: wanted[key] for key in ids[begin : begin + _CHUNK]})


def _start_some(connection: Connection, wanted: dict[str, Start]) -> None:
    table = schema.operation.c
    live = (
        select(table.id, table.stack_id, table.slot)
        .where(table.stack_id.in_(list(wanted)), table.slot.is_not(None))
        .with_for_update()
    )
    found = connection.execute(live).all()
    stack = schema.stack.c
    there = (
        select(stack.id, *(stack[name] for name in _TARGET))
        .where(stack.id.in_(list(wanted)), stack.deleted_at == 0)
        .with_for_update(key_share=True)
    )
    alive = {key: dict(zip(_TARGET, target, strict=True)) for key, *target in connection.execute(there)}
    stopped: dict[str, Row] = {}
    for key, stack_id, slot in found:
        if stack_id in alive:
            ended = _superseded(wanted[stack_id].operation["created_at"]) if slot == _PENDING else {}
            stopped[key] = {**ended, "stop": str(Stop.SUPERSEDED)}
    bulk.update(connection, schema.operation, stopped)
    chosen = [item for key, item in wanted.items() if key in alive]
    rows = [{**item.operation, **(alive[item.stack_id] if item.as_it_is else {})} for item in chosen]
    bulk.insert(connection, schema.operation, rows)
    bulk.update(connection, schema.stack, {item.stack_id: item.values for item in chosen})
    bulk.insert(connection, schema.event, [item.event for item in chosen])


def stop_children(connection: Connection, change: StopChildren) -> None:
    """Stop what an operation has started in nested stacks."""
    table = schema.operation
    started = table.c.parent_id == change.operation_id
    now = encode_time(change.now)
    assert now is not None
    if change.stop is Stop.SUPERSEDED:
        waiting = table.update().where(started, table.c.slot == _PENDING).values(_superseded(now))
        running = table.update().where(started, table.c.slot == _RUNNING).values(stop=str(Stop.SUPERSEDED))
        connection.execute(waiting)
        connection.execute(running)
        return
    # One that waits is not ended here: the engine that takes it closes its stack and what is nested in that.
    connection.execute(
        table.update()
        .where(started, table.c.slot.is_not(None), table.c.stop != str(Stop.SUPERSEDED))
        .values(stop=str(change.stop))
    )
    _close_forsaken(connection, change.stack_id, now)


def _close_forsaken(connection: Connection, owner_id: str, now: int) -> None:
    """Nested stacks in the middle of something that nobody brings to an end: each gets an operation that only ends it.

    A superseded operation that still runs does not count: it leaves the stack's state to one that comes after it.
    """
    stack, table = schema.stack.c, schema.operation.c
    ends_it = or_(table.slot == _PENDING, (table.slot == _RUNNING) & (table.stop != str(Stop.SUPERSEDED)))
    live = select(table.id).where(table.stack_id == stack.id, ends_it).exists()
    forsaken = select(stack.operation_id).where(
        stack.owner_id == owner_id, stack.deleted_at == 0, stack.status == str(Status.IN_PROGRESS), ~live
    )
    last = connection.execute(select(schema.operation).where(table.id.in_(forsaken))).mappings().all()
    closing = [
        {
            **row,
            "id": new_id(),
            "state": _PENDING,
            "slot": _PENDING,
            "stop": str(Stop.CANCELLED),
            "created_at": now,
            "engine_id": None,
            "lease_expires_at": None,
            "started_at": None,
            "finished_at": None,
        }
        for row in last
    ]
    bulk.insert(connection, schema.operation, closing)
    bulk.update(connection, schema.stack, {row["stack_id"]: {"operation_id": row["id"]} for row in closing})


def _superseded(now: int) -> Row:
    return {
        "state": str(OperationState.SUPERSEDED),
        "slot": None,
        "stop": str(Stop.SUPERSEDED),
        "finished_at": now,
    }
