"""The history of stacks: appended by the journal and the accept transactions, paged by the APIs.

``seq`` (the order of appending) gives order and paging; the UUID is what clients see.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, and_, bindparam, func, or_, select

from kamado.model.records import EventRecord
from kamado.store import schema
from kamado.store.crypt import Cipher
from kamado.store.encoding import at, clean, clean_optional, encode_map, encode_time

if TYPE_CHECKING:
    from kamado.store.store import Store

_COLUMNS = tuple(
    schema.event.c[name]
    for name in (
        "id",
        "stack_id",
        "resource_name",
        "resource_type",
        "physical_id",
        "action",
        "status",
        "reason",
        "created_at",
        "properties",
        "secret",
    )
)
_BEYOND = (
    select(schema.event.c.seq)
    .where(schema.event.c.stack_id == bindparam("stack"))
    .order_by(schema.event.c.seq.desc())
    .offset(bindparam("skip"))
    .limit(1)
)
"""The newest event of a stack but so many."""

_SORT_KEYS = {
    "event_time": schema.event.c.seq,
    "created_at": schema.event.c.seq,
    "resource_type": schema.event.c.resource_type,
}


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events, in which order. Empty tuples filter nothing.

    ``sort_keys`` are Heat's (``event_time``, ``resource_type``; others are ignored); without any, newest first. ``marker``
    is the id of the last event of the page before; an unknown one is ignored. ``limit`` None means all.
    """

    names: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    sort_keys: tuple[str, ...] = ()
    sort_dir: str | None = None
    marker: str | None = None
    limit: int | None = None


_ALL = EventFilter()


def event_row(record: EventRecord, cipher: Cipher) -> dict[str, Any]:
    """All columns of a new row but ``seq``."""
    return {
        "id": record.id,
        "stack_id": record.stack_id,
        "resource_name": clean(record.resource_name),
        "resource_type": clean(record.resource_type),
        "physical_id": clean_optional(record.physical_id),
        "action": str(record.action),
        "status": str(record.status),
        "reason": clean(record.reason),
        "created_at": encode_time(record.created_at),
        "properties": cipher.seal_map(record.properties) if record.secret else encode_map(record.properties),
        "secret": record.secret,
    }


def event_record(row: Sequence[Any], cipher: Cipher) -> EventRecord:
    """The record of a row of `_COLUMNS`."""
    key, stack_id, name, type_name, physical_id, action, status, reason, created_at, properties, secret = row
    opened = None if properties is None else cipher.open_map(properties)
    return EventRecord(
        key, stack_id, name, type_name, physical_id, action, status, reason, at(created_at), opened, secret
    )


class Events:
    """Reading events."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def page(self, stack_ids: Collection[str], filter: EventFilter = _ALL) -> list[EventRecord]:  # noqa: A002
        """Events of these stacks. 1 query, 2 with a marker."""
        if not stack_ids:
            return []
        keys = [_SORT_KEYS[key] for key in filter.sort_keys if key in _SORT_KEYS]
        direction = filter.sort_dir or ("asc" if keys else "desc")
        if schema.event.c.seq not in keys:
            keys.append(schema.event.c.seq)
        conditions = _conditions(stack_ids, filter)
        cipher = self._store.cipher

        def work(connection: Connection) -> list[EventRecord]:
            where = list(conditions)
            if filter.marker is not None:
                mark = connection.execute(select(*keys).where(schema.event.c.id == filter.marker)).first()
                if mark is not None:
                    where.append(beyond(keys, tuple(mark), direction))
            order = [key.asc() if direction == "asc" else key.desc() for key in keys]
            statement = select(*_COLUMNS).where(*where).order_by(*order)
            if filter.limit is not None:
                statement = statement.limit(filter.limit)
            return [event_record(row, cipher) for row in connection.execute(statement)]

        return self._store.read(work)

    def get(self, stack_id: str, event_id: str) -> EventRecord | None:
        """One event of a stack."""
        table = schema.event.c
        statement = select(*_COLUMNS).where(table.id == event_id, table.stack_id == stack_id)
        row = self._store.read(lambda connection: connection.execute(statement).first())
        return None if row is None else event_record(row, self._store.cipher)

    def count(self, stack_ids: Collection[str], filter: EventFilter = _ALL) -> int:  # noqa: A002
        """How many events the filter lets through, whatever its page."""
        statement = select(func.count()).select_from(schema.event).where(*_conditions(stack_ids, filter))
        return self._store.read(lambda connection: connection.execute(statement).scalar_one())

    def trim(self, stack_id: str, keep: int) -> int:
        """Remove all but the newest ``keep`` events of a stack; how many went. 1 query, and 1 that writes when there are more."""
        table = schema.event.c
        wanted = {"stack": stack_id, "skip": keep}
        last = self._store.read(lambda connection: connection.scalar(_BEYOND, wanted))
        if last is None:
            return 0
        statement = schema.event.delete().where(table.stack_id == stack_id, table.seq <= last)
        return self._store.write(lambda connection: connection.execute(statement).rowcount)


def beyond(keys: list[Any], values: tuple[Any, ...], direction: str) -> Any:
    """The condition that a row comes after the one whose sort keys have ``values``, all keys in one direction."""
    alternatives = []
    for position, key in enumerate(keys):
        equal = [keys[i] == values[i] for i in range(position)]
        step = key > values[position] if direction == "asc" else key < values[position]
        alternatives.append(and_(*equal, step))
    return or_(*alternatives)


def _conditions(stack_ids: Collection[str], filter: EventFilter) -> list[Any]:  # noqa: A002
    table = schema.event.c
    ids = list(stack_ids)
    conditions: list[Any] = [table.stack_id == ids[0] if len(ids) == 1 else table.stack_id.in_(ids)]
    for column, values in (
        (table.resource_name, filter.names),
        (table.resource_type, filter.types),
        (table.action, filter.actions),
        (table.status, filter.statuses),
        (table.id, filter.ids),
    ):
        if values:
            conditions.append(column.in_(values))
    return conditions
