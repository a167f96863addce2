"""Snapshots: made with the request, filled by the journal when their operation ends, removed when asked for.

Called by the orchestrator; `snapshot_row` and `snapshot_columns` by the other modules that write rows of this table. The trap: the data
holds parameters and what resources keep, so it is always encrypted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, bindparam, func, select

from kamado.model.lifecycle import Action, Status
from kamado.model.records import SnapshotRecord
from kamado.store import bulk, schema
from kamado.store.crypt import Cipher
from kamado.store.encoding import at, clean, clean_optional, encode_time

if TYPE_CHECKING:
    from kamado.store.store import Store

_COLUMNS = tuple(
    schema.snapshot.c[name]
    for name in ("id", "stack_id", "project_id", "name", "action", "status", "created_at", "reason", "data")
)

_OF_STACKS = (
    select(*_COLUMNS)
    .where(schema.snapshot.c.stack_id.in_(bindparam("ids", expanding=True)))
    .order_by(schema.snapshot.c.created_at, schema.snapshot.c.id)
)


def snapshot_row(record: SnapshotRecord, cipher: Cipher) -> dict[str, Any]:
    """All columns of a new row."""
    return {
        "id": record.id,
        "stack_id": record.stack_id,
        "project_id": clean(record.project_id),
        "name": clean_optional(record.name),
        "created_at": encode_time(record.created_at),
        **snapshot_columns(
            {"action": record.action, "status": record.status, "reason": record.reason, "data": record.data}, cipher
        ),
    }


def snapshot_columns(values: Mapping[str, Any], cipher: Cipher) -> dict[str, Any]:
    """Columns for new values of some fields. Raises KeyError for a name that is no field."""
    encoders: dict[str, Callable[[Any], Any]] = {
        "action": str,
        "status": str,
        "reason": clean_optional,
        "data": cipher.seal_map,
    }
    return {name: encoders[name](value) for name, value in values.items()}


def _record(row: Sequence[Any], cipher: Cipher) -> SnapshotRecord:
    key, stack_id, project_id, name, action, status, created_at, reason, data = row
    return SnapshotRecord(
        key, stack_id, project_id, name, Action(action), Status(status), at(created_at), reason, cipher.open_map(data)
    )


def fail_snapshot(connection: Connection, key: str, reason: str) -> None:
    """One that will not be made any more."""
    table = schema.snapshot
    values = {"status": str(Status.FAILED), "reason": reason}
    connection.execute(
        table.update().where(table.c.id == key, table.c.status == str(Status.IN_PROGRESS)).values(values)
    )


class Snapshots:
    """Reading, marking and removing snapshots; `Stacks.start` makes them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, stack_id: str, key: str) -> SnapshotRecord | None:
        """One snapshot of a stack."""
        table = schema.snapshot.c
        return next(iter(self._records(table.stack_id == stack_id, table.id == key)), None)

    def of_stack(self, stack_id: str) -> list[SnapshotRecord]:
        """All snapshots of a stack, oldest first."""
        return self._records(schema.snapshot.c.stack_id == stack_id)

    def going(self) -> list[SnapshotRecord]:
        """All that somebody wants removed, oldest first."""
        table = schema.snapshot.c
        return self._records(table.action == str(Action.DELETE), table.status == str(Status.IN_PROGRESS))

    def of_stacks(self, stack_ids: Collection[str]) -> dict[str, list[SnapshotRecord]]:
        """All snapshots of several stacks, by stack, oldest first; a stack without any is missing."""
        found: dict[str, list[SnapshotRecord]] = {}
        cipher = self._store.cipher
        rows = self._store.read(lambda connection: connection.execute(_OF_STACKS, {"ids": list(stack_ids)}).all())
        for record in (_record(row, cipher) for row in rows):
            found.setdefault(record.stack_id, []).append(record)
        return found

    def count(self, stack_id: str) -> int:
        """How many a stack has."""
        statement = select(func.count()).where(schema.snapshot.c.stack_id == stack_id)
        return self._store.read(lambda connection: connection.execute(statement).scalar_one())

    def update(self, key: str, values: Mapping[str, Any]) -> None:
        """New values of some fields."""
        columns = snapshot_columns(values, self._store.cipher)
        self._store.write(lambda connection: bulk.update(connection, schema.snapshot, {key: columns}))

    def remove(self, key: str) -> None:
        """It goes."""
        self._store.write(lambda connection: bulk.delete(connection, schema.snapshot, [key]))

    def _records(self, *conditions: Any) -> list[SnapshotRecord]:
        table = schema.snapshot.c
        statement = select(*_COLUMNS).where(*conditions).order_by(table.created_at, table.id)
        cipher = self._store.cipher
        return self._store.read(lambda connection: [_record(row, cipher) for row in connection.execute(statement)])
