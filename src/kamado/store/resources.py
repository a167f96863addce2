"""Resource rows: read by orchestrator, engine and APIs; written by the journal, and one at a time by requests that no engine
serves (signals, marks of health).

The codecs of this module decide how a `ResourceRecord` looks as columns; they run for every row of every stack, so they are
plain positional code.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import BindParameter, Connection, Select, bindparam, select

from kamado.model.lifecycle import Action, Phase, Status
from kamado.model.records import EventRecord, ResourceRecord
from kamado.store import bulk, schema
from kamado.store.crypt import Cipher
from kamado.store.encoding import (
    at,
    clean,
    clean_optional,
    decode_list,
    decode_time,
    encode_list,
    encode_map,
    encode_time,
)
from kamado.store.events import event_row
from kamado.store.remembered import Remembered, Rows

if TYPE_CHECKING:
    from kamado.store.store import Store

_ENCODERS: dict[str, Callable[[Any], Any]] = {
    "stack_id": str,
    "name": clean,
    "type": clean,
    "action": str,
    "status": str,
    "reason": clean,
    "created_at": encode_time,
    "updated_at": encode_time,
    "physical_id": clean_optional,
    "physical_name": clean_optional,
    "operation_id": clean_optional,
    "phase": str,
    "progress": encode_map,
    "properties": encode_map,
    "definition": str,
    "metadata": encode_map,
    "attributes": encode_map,
    "data": encode_map,
    "requires": encode_list,
    "replaces": clean_optional,
    "replaced_by": clean_optional,
    "deletion_policy": str,
    "external_id": clean_optional,
    "secret": bool,
    "implementation": clean_optional,
}
_SEALED = ("progress", "properties", "attributes", "data")

_SECRET_DATA = frozenset({"password", "secret_key", "ec2_signed_url", "signal", "token", "os-collect-config"})
"""Keys of a type's own data by which somebody could act in its name: data with one of them are always encrypted."""

_ACTIONS = {str(action): action for action in Action}
_STATUSES = {str(status): status for status in Status}
_PHASES = {str(phase): phase for phase in Phase}

_COLUMNS = tuple(schema.resource.c[name] for name in ("id", *_ENCODERS))
_LISTED = tuple(
    schema.resource.c[name]
    for name in (
        "id",
        "stack_id",
        "name",
        "type",
        "action",
        "status",
        "reason",
        "created_at",
        "updated_at",
        "physical_id",
        "physical_name",
        "requires",
        "replaced_by",
        "implementation",
    )
)
_RECORDS = 20_000
"""Rows of lists that are remembered, about 2 KB each with their record."""

_KEY: BindParameter[str] = bindparam("key")
_OF_STACK = select(*_COLUMNS).where(schema.resource.c.stack_id == _KEY).order_by(
    schema.resource.c.created_at, schema.resource.c.id
)  # fmt: skip
_LISTED_OF_STACKS = select(*_LISTED).where(schema.resource.c.stack_id.in_(bindparam("keys", expanding=True)))
"""Unsorted: to sort records when they are made is cheaper than to have wide rows sorted each time."""
_AGE = itemgetter(7, 0)
"""By when it was made, and its id: what a row of `_LISTED` is sorted by."""
_OF_STACKS = (
    select(*_LISTED)
    .where(schema.resource.c.stack_id.in_(bindparam("keys", expanding=True)))
    .order_by(schema.resource.c.created_at, schema.resource.c.id)
)
_OF_STACKS = (
    select(*_COLUMNS)
    .where(schema.resource.c.stack_id.in_(bindparam("ids", expanding=True)))
    .order_by(schema.resource.c.created_at, schema.resource.c.id)
)
_NAMED = _OF_STACK.where(schema.resource.c.name.in_(bindparam("names", expanding=True)))
"""Built once: to put a statement together costs more than to run it."""


def resource_row(record: ResourceRecord, cipher: Cipher) -> dict[str, Any]:
    """All columns of a new row."""
    row = {"id": record.id}
    for name, encode in _ENCODERS.items():
        row[name] = encode(getattr(record, name))
    if record.secret:
        for name in _SEALED:
            row[name] = cipher.seal_map(getattr(record, name))  # type: ignore[assignment]
    elif not _SECRET_DATA.isdisjoint(record.data):
        row["data"] = cipher.seal_map(record.data)  # type: ignore[assignment]
    return row


def resource_values(values: Mapping[str, Any], secret: bool, cipher: Cipher) -> dict[str, Any]:
    """Columns for new values of some fields. Raises TypeError for a name that is no field."""
    row = {}
    for name, value in values.items():
        encode = _ENCODERS.get(name)
        if encode is None:
            raise TypeError(f"a resource has no field {name!r} that could be changed")
        row[name] = encode(value)
    if secret or values.get("secret"):
        for name in _SEALED:
            if name in row:
                row[name] = cipher.seal_map(values[name])
    elif "data" in row and not _SECRET_DATA.isdisjoint(values["data"]):
        row["data"] = cipher.seal_map(values["data"])
    return row


def resource_record(row: Sequence[Any], cipher: Cipher) -> ResourceRecord:
    """The record of a row of `_COLUMNS`."""
    (
        key,
        stack_id,
        name,
        type_name,
        action,
        status,
        reason,
        created_at,
        updated_at,
        physical_id,
        physical_name,
        operation_id,
        phase,
        progress,
        properties,
        definition,
        metadata,
        attributes,
        data,
        requires,
        replaces,
        replaced_by,
        deletion_policy,
        external_id,
        secret,
        implementation,
    ) = row
    opened = cipher.open_map
    return ResourceRecord(
        key,
        stack_id,
        name,
        type_name,
        _ACTIONS[action],
        _STATUSES[status],
        reason,
        at(created_at),
        decode_time(updated_at),
        physical_id,
        physical_name,
        operation_id,
        _PHASES[phase],
        None if progress is None else opened(progress),
        None if properties is None else opened(properties),
        definition,
        {} if metadata == "{}" else opened(metadata),
        {} if attributes == "{}" else opened(attributes),
        {} if data == "{}" else opened(data),
        decode_list(requires),
        replaces,
        replaced_by,
        deletion_policy,
        external_id,
        secret,
        implementation,
    )


def _listed_record(row: Sequence[Any]) -> ResourceRecord:
    """The record of a row of `_LISTED`."""
    (
        key,
        stack_id,
        name,
        type_name,
        action,
        status,
        reason,
        created_at,
        updated_at,
        physical_id,
        physical_name,
        requires,
        replaced_by,
        implementation,
    ) = row
    return ResourceRecord(
        key,
        stack_id,
        name,
        type_name,
        _ACTIONS[action],
        _STATUSES[status],
        reason,
        at(created_at),
        decode_time(updated_at),
        physical_id,
        physical_name,
        requires=decode_list(requires),
        replaced_by=replaced_by,
        implementation=implementation,
    )


Decide = Callable[[ResourceRecord], tuple[Mapping[str, Any], Sequence[EventRecord]]]
"""Given a locked row: new values of its fields, and lines of history."""


class Resources:
    """Reading resource rows, and changing single ones."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._records_of_lists: Remembered[ResourceRecord] = Remembered(_RECORDS)
        self._lists: Remembered[dict[str, list[ResourceRecord]]] = Remembered(_RECORDS)

    def of_stack(self, stack_id: str) -> list[ResourceRecord]:
        """All rows of a stack, those being replaced too, oldest first."""
        return self._read(_OF_STACK, {"key": stack_id})

    def listed(self, stack_ids: Collection[str]) -> Mapping[str, Sequence[ResourceRecord]]:
        """As `of_stacks` with what lists show: no properties, attributes, metadata, data, progress.

        Rows that are still the same give the records, and the very map, made before, for lists are read over and over.
        """
        keys = list(stack_ids)
        rows = self._store.read(lambda connection: Rows.read(connection, _LISTED_OF_STACKS, {"keys": keys}))
        return self._lists.get(tuple(keys), rows, lambda: self._grouped(keys, rows.all()), _count)

    def _grouped(self, stack_ids: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, list[ResourceRecord]]:
        found: dict[str, list[ResourceRecord]] = {stack_id: [] for stack_id in stack_ids}
        for row in sorted(rows, key=_AGE):
            found[row[1]].append(self._records_of_lists.get(row[0], row, partial(_listed_record, row)))
        return found

    def of_stacks(self, stack_ids: Collection[str]) -> dict[str, list[ResourceRecord]]:
        """All rows of several stacks, by stack; a stack without resources has an empty list."""
        found: dict[str, list[ResourceRecord]] = {stack_id: [] for stack_id in stack_ids}
        if found:
            for record in self._read(_OF_STACKS, {"ids": list(found)}):
                found[record.stack_id].append(record)
        return found

    def named(self, stack_id: str, names: Collection[str]) -> list[ResourceRecord]:
        """The rows of these names, those being replaced too, oldest first."""
        if not names:
            return []
        return self._read(_NAMED, {"key": stack_id, "names": list(names)})

    def get(self, stack_id: str, name: str) -> ResourceRecord | None:
        """The row in use: of several with that name the newest one that is not replaced."""
        rows = self.named(stack_id, (name,))
        return in_use(rows).get(name)

    def by_id(self, key: str) -> ResourceRecord | None:
        """One row by its own id."""
        return next(iter(self._records(schema.resource.c.id == key)), None)

    def by_physical_id(self, project_id: str, physical_id: str) -> list[ResourceRecord]:
        """Rows of live stacks of a project that hold this object of the cloud."""
        stack = schema.stack.c
        stacks = select(stack.id).where(stack.project_id == project_id, stack.deleted_at == 0)
        table = schema.resource.c
        return self._records(table.physical_id == physical_id, table.stack_id.in_(stacks))

    def failed(self, stack_id: str) -> frozenset[str]:
        """Names of a stack's resources that have failed and were not replaced. 1 query."""
        table = schema.resource.c
        statement = select(table.name).where(
            table.stack_id == stack_id, table.status == str(Status.FAILED), table.replaced_by.is_(None)
        )
        return frozenset(self._store.read(lambda connection: connection.scalars(statement).all()))

    def holding(self, stack_id: str, physical_id: str) -> list[ResourceRecord]:
        """The rows of a stack that have this physical id, oldest first."""
        table = schema.resource.c
        return self._records(table.stack_id == stack_id, table.physical_id == physical_id)

    def known_as(self, stack_id: str, physical_name: str) -> list[ResourceRecord]:
        """The rows of a stack that have this physical name, oldest first."""
        table = schema.resource.c
        return self._records(table.stack_id == stack_id, table.physical_name == physical_name)

    def physical_ids(self, type_name: str, stack_ids: Collection[str]) -> set[str]:
        """Ids in the cloud that resources of a type in these stacks hold."""
        table = schema.resource.c
        statement = select(table.physical_id).where(
            table.stack_id.in_(list(stack_ids)), table.type == type_name, table.physical_id.is_not(None)
        )
        return set(self._store.read(lambda connection: connection.scalars(statement).all()))

    def taken(self, physical_ids: Collection[str]) -> set[str]:
        """Those of ``physical_ids`` that some row holds: what an adoption may not take."""
        table = schema.resource.c
        statement = select(table.physical_id).where(table.physical_id.in_(list(physical_ids)))
        return set(self._store.read(lambda connection: connection.scalars(statement).all()))

    def holders(self, physical_id: str) -> set[str]:
        """Ids of the rows of any stack that hold an object of the cloud. 1 query."""
        table = schema.resource.c
        statement = select(table.id).where(table.physical_id == physical_id)
        return set(self._store.read(lambda connection: connection.scalars(statement).all()))

    def change(self, key: str, decide: Decide) -> ResourceRecord | None:
        """Change one row outside of any operation; the row as it is then, None when it is gone.

        ``decide`` is given the locked row and says which fields get which values, and what is told of it; it may raise to refuse. An
        operation that runs writes only what it changes itself, so its other fields are safe from it. 3 queries.
        """
        return self._store.write(lambda connection: change_row(connection, key, decide, self._store.cipher))

    def _records(self, *conditions: Any) -> list[ResourceRecord]:
        table = schema.resource.c
        return self._read(select(*_COLUMNS).where(*conditions).order_by(table.created_at, table.id), {})

    def _read(self, statement: Select[Any], values: Mapping[str, Any]) -> list[ResourceRecord]:
        cipher = self._store.cipher

        def work(connection: Connection) -> list[ResourceRecord]:
            return [resource_record(row, cipher) for row in connection.execute(statement, values).all()]

        return self._store.read(work)


def _count(listed: Mapping[str, Sequence[ResourceRecord]]) -> int:
    return sum(map(len, listed.values())) + len(listed)


def lock_row(connection: Connection, key: str) -> None:
    """Keep others from writing a row until the transaction ends."""
    connection.execute(select(schema.resource.c.id).where(schema.resource.c.id == key).with_for_update())


def change_row(connection: Connection, key: str, decide: Decide, cipher: Cipher) -> ResourceRecord | None:
    """`Resources.change` within a transaction."""
    table = schema.resource
    found = connection.execute(select(*_COLUMNS).where(table.c.id == key).with_for_update()).first()
    if found is None:
        return None
    row = resource_record(found, cipher)
    values, events = decide(row)
    if values:
        bulk.update(connection, table, {key: resource_values(values, row.secret, cipher)})
    bulk.insert(connection, schema.event, [event_row(record, cipher) for record in events])
    return replace(row, **values)


def in_use(records: Collection[ResourceRecord]) -> dict[str, ResourceRecord]:
    """By name the row in use: the newest that is not replaced, else the newest."""
    found: dict[str, ResourceRecord] = {}
    for record in records:
        other = found.get(record.name)
        if other is None or _rank(record) >= _rank(other):
            found[record.name] = record
    return found


def _rank(record: ResourceRecord) -> tuple[bool, Any]:
    return record.replaced_by is None, record.created_at
