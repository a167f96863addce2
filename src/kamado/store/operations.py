"""The durable work queue: operations, claims, leases.

Engines claim, renew and release here; what they do under a lease goes through the journal, which fences by the epoch. At
most one operation of a stack runs and at most one waits: the unique constraint on (stack, slot) holds that by construction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import BindParameter, Connection, and_, bindparam, func, or_, select
from sqlalchemy.exc import IntegrityError

from kamado.model.lifecycle import Action, OperationState, Stop
from kamado.model.records import ADOPT_DATA, OperationRecord, Target
from kamado.store import schema
from kamado.store.crypt import Cipher
from kamado.store.encoding import at, clean, clean_optional, decode_time, encode_map, encode_time
from kamado.store.errors import LeaseLost
from kamado.store.shares import Room, lot, shares

if TYPE_CHECKING:
    from kamado.store.store import Store

_ENCODERS: dict[str, Callable[[Any], Any]] = {
    "stack_id": str,
    "action": str,
    "created_at": encode_time,
    "parent_id": clean_optional,
    "engine_id": clean_optional,
    "epoch": int,
    "lease_expires_at": encode_time,
    "started_at": encode_time,
    "finished_at": encode_time,
    "deadline": encode_time,
    "stop": str,
    "rollback": bool,
    "credential_id": clean_optional,
    "request_id": clean,
    "reason": clean,
    "options": encode_map,
    "project_id": str,
}

_ACTIONS = {str(action): action for action in Action}
_STATES = {str(state): state for state in OperationState}
_STOPS = {str(stop): stop for stop in Stop}

_COLUMNS = tuple(
    schema.operation.c[name]
    for name in (
        "id",
        "stack_id",
        "action",
        "state",
        "template_id",
        "files",
        "environment",
        "created_at",
        "previous_template_id",
        "previous_files",
        "previous_environment",
        "parent_id",
        "engine_id",
        "epoch",
        "lease_expires_at",
        "started_at",
        "finished_at",
        "deadline",
        "stop",
        "rollback",
        "credential_id",
        "request_id",
        "reason",
        "options",
        "project_id",
    )
)

_PENDING, _RUNNING = str(OperationState.PENDING), str(OperationState.RUNNING)


def target_columns(target: Target, cipher: Cipher) -> dict[str, Any]:
    """The three columns that hold a target."""
    return {
        "template_id": target.template_id,
        "files": encode_map(target.files),
        "environment": cipher.seal_environment(target.environment),
    }


def _previous_columns(target: Target | None, cipher: Cipher) -> dict[str, Any]:
    if target is None:
        return {"previous_template_id": None, "previous_files": None, "previous_environment": None}
    return {f"previous_{name}": value for name, value in target_columns(target, cipher).items()}


def _state_columns(state: str) -> dict[str, Any]:
    live = state in (_PENDING, _RUNNING)
    columns: dict[str, Any] = {"state": state, "slot": state if live else None}
    if state != _RUNNING:
        columns["lease_expires_at"] = None
    return columns


def operation_row(record: OperationRecord, cipher: Cipher) -> dict[str, Any]:
    """All columns of a new row."""
    row = {name: encode(getattr(record, name)) for name, encode in _ENCODERS.items()}
    row["id"] = record.id
    if ADOPT_DATA in record.options:
        row["options"] = cipher.seal_map(record.options)  # what resources keep may be secret
    row.update(target_columns(record.target, cipher))
    row.update(_previous_columns(record.previous, cipher))
    row.update(_state_columns(str(record.state)))
    return row


def operation_columns(values: Mapping[str, Any], cipher: Cipher) -> dict[str, Any]:
    """Columns for new values of some fields; an ended state drops the lease. Raises TypeError for a name that is no field."""
    row: dict[str, Any] = {}
    for name, value in values.items():
        if name == "target":
            row.update(target_columns(value, cipher))
        elif name == "previous":
            row.update(_previous_columns(value, cipher))
        elif name in _ENCODERS:
            row[name] = _ENCODERS[name](value)
        elif name != "state":
            raise TypeError(f"an operation has no field {name!r} that could be changed")
    if "state" in values:
        row.update(_state_columns(str(values["state"])))
    return row


def operation_record(row: Sequence[Any], cipher: Cipher) -> OperationRecord:
    """The record of a row of `_COLUMNS`."""
    (
        key,
        stack_id,
        action,
        state,
        template_id,
        files,
        environment,
        created_at,
        previous_template_id,
        previous_files,
        previous_environment,
        parent_id,
        engine_id,
        epoch,
        lease_expires_at,
        started_at,
        finished_at,
        deadline,
        stop,
        rollback,
        credential_id,
        request_id,
        reason,
        options,
        project_id,
    ) = row
    previous = None
    if previous_template_id is not None:
        previous = Target(
            previous_template_id, cipher.open_map(previous_files), cipher.open_environment(previous_environment)
        )
    return OperationRecord(
        key,
        stack_id,
        _ACTIONS[action],
        _STATES[state],
        Target(template_id, cipher.open_map(files), cipher.open_environment(environment)),
        at(created_at),
        previous,
        parent_id,
        engine_id,
        epoch,
        decode_time(lease_expires_at),
        decode_time(started_at),
        decode_time(finished_at),
        decode_time(deadline),
        _STOPS[stop],
        rollback,
        credential_id,
        request_id,
        reason,
        cipher.open_map(options),
        project_id,
    )


Fence = tuple[str, int]
"""Operation id and epoch whose lease must still be held."""


def check_fence(connection: Connection, fence: Fence | None) -> None:
    """Lock the operation of ``fence``. Raises `LeaseLost` when its lease is not held."""
    if fence is None:
        return
    table = schema.operation.c
    statement = (
        select(table.id)
        .where(table.id == fence[0], table.epoch == fence[1], table.slot == _RUNNING, table.engine_id.is_not(None))
        .with_for_update()
    )
    if connection.execute(statement).first() is None:
        raise LeaseLost(*fence)


_LIVE_OF_STACK = (schema.operation.c.stack_id == bindparam("stack"), schema.operation.c.slot.is_not(None))
_LIVE = select(*_COLUMNS).where(*_LIVE_OF_STACK).order_by(schema.operation.c.slot.desc()).with_for_update()
_LIVE_IDS = select(schema.operation.c.id).where(*_LIVE_OF_STACK).with_for_update()


def lock_live_operations(connection: Connection, stack_id: str) -> bool:
    """Lock the operations of a stack that run or wait; whether there are any."""
    return connection.execute(_LIVE_IDS, {"stack": stack_id}).first() is not None


def live_operations(connection: Connection, stack_id: str, cipher: Cipher) -> list[OperationRecord]:
    """The operations of a stack that run or wait, locked, in that order. Mostly there are none, and then no more is asked than that."""
    if not lock_live_operations(connection, stack_id):
        return []
    return [operation_record(row, cipher) for row in connection.execute(_LIVE, {"stack": stack_id})]


class Operations:
    """The queue as engines and requests see it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def claim(self, engine_id: str, now: datetime, lease: timedelta, limit: int) -> list[OperationRecord]:
        """Take up to ``limit`` operations for an engine, oldest first; each has a new epoch and a lease until ``now + lease``.

        First those whose engine let the lease run out or gave it back, then pending ones of stacks on which nothing runs
        (an operation whose lease ran out still counts as running: it is taken over and ended before its successor starts).
        1 query when there is nothing to take, else 5.
        """
        at = {"now": encode_time(now)}
        if limit <= 0 or not self._store.read(lambda connection: connection.execute(_WAITING, at).first()):
            return []

        def work(connection: Connection) -> list[OperationRecord]:
            ids = list(connection.scalars(_EXPIRED, {**at, "most": limit}).all())
            if len(ids) < limit:
                ids += connection.scalars(_NEXT, {"most": limit - len(ids)}).all()
            return self._take(connection, ids, engine_id, now, lease)

        return self._claimed(work)

    def claim_share(
        self, engine_id: str, now: datetime, lease: timedelta, room: Room
    ) -> tuple[list[OperationRecord], bool]:
        """Like `claim`, fair between projects and leaving the other engines their part; and whether that left any for which there is room.

        1 query when there is nothing to take; else 4, and 1 or 2 a project.
        """
        at = {"now": encode_time(now)}
        waiting = self._store.read(lambda connection: connection.execute(_READY, at).all())
        if not waiting or room.places <= 0:
            return [], False
        engines = self._store.read(lambda connection: connection.scalar(_ALIVE, at) or 0)
        lapsed: dict[str, int] = {}
        counts: dict[str, int] = {}
        for project, slot, count, _ in waiting:
            counts[project] = counts.get(project, 0) + count
            if slot == _RUNNING:
                lapsed[project] = count
        possible = sum(shares(counts, room).values())
        places = min(possible, lot(sum(counts.values()), engines))
        parts = shares(counts, Room(places, room.most, room.held))

        if not parts:
            return [], False

        def work(connection: Connection) -> list[OperationRecord]:
            ids: list[str] = []
            for project, part in parts.items():
                some: list[str] = []
                if project in lapsed:
                    some += connection.scalars(_EXPIRED_OF, {**at, "project": project, "most": part})
                if len(some) < part:
                    some += connection.scalars(_NEXT_OF, {"project": project, "most": part - len(some)})
                ids += some
            return self._take(connection, ids, engine_id, now, lease)

        taken = self._claimed(work)
        return taken, len(taken) < possible

    def take_over(self, engine_id: str, now: datetime, lease: timedelta) -> list[OperationRecord]:
        """Take every operation that runs, its lease run out or not: for an engine that knows to be the only one. 3 queries."""
        running = select(schema.operation.c.id).where(schema.operation.c.slot == _RUNNING).with_for_update()

        def work(connection: Connection) -> list[OperationRecord]:
            return self._take(connection, list(connection.scalars(running)), engine_id, now, lease)

        return self._store.write(work)

    def _claimed(self, work: Callable[[Connection], list[OperationRecord]]) -> list[OperationRecord]:
        try:
            return self._store.write(work)
        except IntegrityError:
            # Another engine started an operation of one of these stacks in the meantime; the next claim sees it.
            return []

    def _take(
        self, connection: Connection, ids: list[str], engine_id: str, now: datetime, lease: timedelta
    ) -> list[OperationRecord]:
        """The operations, which are locked, made an engine's."""
        if not ids:
            return []
        until = {"until": encode_time(now + lease), "now": encode_time(now)}
        connection.execute(_TAKE, {"ids": ids, "engine": engine_id, **until})
        return [operation_record(row, self._store.cipher) for row in connection.execute(_TAKEN, {"ids": ids}).all()]

    def renew(self, engine_id: str, now: datetime, lease: timedelta, ids: Collection[str]) -> dict[str, Stop]:
        """Prolong leases to ``now + lease``; by id whether to stop. Ids that are not the engine's any more are missing.

        2 queries.
        """
        if not ids:
            return {}
        mine = {"ids": sorted(ids), "engine": engine_id}

        def work(connection: Connection) -> dict[str, Stop]:
            connection.execute(_PROLONG, {**mine, "until": encode_time(now + lease)})
            return {key: _STOPS[stop] for key, stop in connection.execute(_STILL_HELD, mine).all()}

        return self._store.write(work)

    def release(self, engine_id: str, ids: Collection[str]) -> None:
        """Give leases back, so that another engine can go on at once; late writes of this one are refused."""
        if not ids:
            return
        table = schema.operation
        statement = (
            table.update()
            .where(table.c.id.in_(sorted(ids)), table.c.engine_id == engine_id, table.c.slot == _RUNNING)
            .values(engine_id=None, lease_expires_at=None)
        )
        self._store.write(lambda connection: connection.execute(statement).rowcount)

    def request_stop(self, ids: Collection[str], stop: Stop, now: datetime) -> list[str]:
        """Tell running operations to stop and end waiting ones at once; the ids of those that were live.

        A running one that was superseded stays superseded. 4 queries.
        """
        if not ids:
            return []
        table = schema.operation
        ended = OperationState.CANCELLED if stop is Stop.CANCELLED else OperationState.SUPERSEDED
        chosen = table.c.id.in_(sorted(ids))

        def work(connection: Connection) -> list[str]:
            live = select(table.c.id).where(chosen, table.c.slot.is_not(None)).order_by(table.c.id)
            found = list(connection.scalars(live.with_for_update()).all())
            connection.execute(
                table.update()
                .where(chosen, table.c.slot == _PENDING)
                .values({**_state_columns(str(ended)), "stop": str(stop), "finished_at": encode_time(now)})
            )
            connection.execute(
                table.update()
                .where(chosen, table.c.slot == _RUNNING, table.c.stop != str(Stop.SUPERSEDED))
                .values(stop=str(stop))
            )
            return found

        return self._store.write(work)

    def cancel(self, stack_id: str) -> bool:
        """Tell what runs or waits on a stack to end where it is; whether there was something.

        Its engine writes what became of it. 1 query.
        """
        table = schema.operation
        statement = (
            table.update()
            .where(table.c.stack_id == stack_id, table.c.slot.is_not(None), table.c.stop == str(Stop.NONE))
            .values(stop=str(Stop.CANCELLED))
        )
        return bool(self._store.write(lambda connection: connection.execute(statement).rowcount))

    def length(self) -> tuple[int, int, datetime | None]:
        """How many operations wait, how many run, and when the oldest that waits was accepted. 1 query."""
        table = schema.operation.c
        statement = (
            select(table.slot, func.count(), func.min(table.created_at))
            .where(table.slot.in_((_PENDING, _RUNNING)))
            .group_by(table.slot)
        )
        rows = self._store.read(lambda connection: connection.execute(statement).all())
        found = {slot: (count, oldest) for slot, count, oldest in rows}
        waiting, oldest = found.get(_PENDING, (0, None))
        return waiting, found.get(_RUNNING, (0, None))[0], decode_time(oldest)

    def get(self, key: str) -> OperationRecord | None:
        """One operation by its id."""
        return next(iter(self._records(schema.operation.c.id == key)), None)

    def running(self, stack_id: str) -> OperationRecord | None:
        """The operation that an engine works on, or worked on when it died."""
        table = schema.operation.c
        return next(iter(self._records(table.stack_id == stack_id, table.slot == _RUNNING)), None)

    def live(self, stack_id: str) -> list[OperationRecord]:
        """The operations of a stack that have not ended, oldest first: at most one runs and one waits."""
        table = schema.operation.c
        return self._records(table.stack_id == stack_id, table.slot.is_not(None))

    def at_work(self, stack_ids: Collection[str]) -> set[str]:
        """Those of ``stack_ids`` on which an operation has not ended. 1 query."""
        ids = {"ids": list(stack_ids)}
        return self._store.read(lambda connection: set(connection.scalars(_AT_WORK, ids).all()))

    def children(self, parent_id: str, live: bool = False) -> list[OperationRecord]:
        """The operations on nested stacks that an operation started, oldest first; with ``live`` only those not ended."""
        table = schema.operation.c
        conditions = (table.parent_id == parent_id, table.slot.is_not(None))
        return self._records(*(conditions if live else conditions[:1]))

    def of_stack(self, stack_id: str) -> list[OperationRecord]:
        """All operations of a stack, oldest first."""
        return self._records(schema.operation.c.stack_id == stack_id)

    def _records(self, *conditions: Any) -> list[OperationRecord]:
        table = schema.operation.c
        statement = select(*_COLUMNS).where(*conditions).order_by(table.created_at, table.id)
        cipher = self._store.cipher
        return self._store.read(
            lambda connection: [operation_record(row, cipher) for row in connection.execute(statement)]
        )


def _statements() -> tuple[Any, ...]:
    """Built once: to put a statement together costs more than to run it. ``now`` and ``most`` are told when it is run."""
    table = schema.operation.c
    other = schema.operation.alias("other")
    now: BindParameter[int] = bindparam("now")
    most: BindParameter[int] = bindparam("most")
    lapsed = or_(table.lease_expires_at.is_(None), table.lease_expires_at < now)
    runs = select(other.c.id).where(other.c.stack_id == table.stack_id, other.c.slot == _RUNNING).exists()
    ready = or_((table.slot == _RUNNING) & lapsed, (table.slot == _PENDING) & ~runs)
    may_be_taken = and_(table.slot.in_((_RUNNING, _PENDING)), ready)
    expired = select(table.id).where(table.slot == _RUNNING, lapsed).order_by(table.created_at, table.id)
    pending = select(table.id).where(table.slot == _PENDING, ~runs).order_by(table.created_at)
    oldest = func.min(table.created_at)
    by_project = (
        select(table.project_id, table.slot, func.count(), oldest)
        .where(may_be_taken)
        .group_by(table.project_id, table.slot)
        .order_by(oldest, table.project_id)
    )
    return (
        select(table.id).where(may_be_taken).limit(1),
        by_project,
        expired.limit(most).with_for_update(skip_locked=True),
        pending.limit(most).with_for_update(skip_locked=True),
        expired.where(table.project_id == bindparam("project")).limit(most).with_for_update(skip_locked=True),
        pending.where(table.project_id == bindparam("project")).limit(most).with_for_update(skip_locked=True),
    )


_WAITING, _READY, _EXPIRED, _NEXT, _EXPIRED_OF, _NEXT_OF = _statements()
"""Whether any may be taken; project, slot, how many may be taken, and since when the oldest of them waits, in that order; what to take
next, of all and of a project: whose leases ran out, what waits."""

_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_TAKE = (
    schema.operation.update()
    .where(schema.operation.c.id.in_(_IDS))
    .values(
        state=_RUNNING,
        slot=_RUNNING,
        engine_id=bindparam("engine"),
        epoch=schema.operation.c.epoch + 1,
        lease_expires_at=bindparam("until"),
        started_at=func.coalesce(schema.operation.c.started_at, bindparam("now")),
    )
)
_TAKEN = (
    select(*_COLUMNS)
    .where(schema.operation.c.id.in_(_IDS))
    .order_by(schema.operation.c.created_at, schema.operation.c.id)
)
_HELD = (
    schema.operation.c.id.in_(_IDS),
    schema.operation.c.engine_id == bindparam("engine"),
    schema.operation.c.slot == _RUNNING,
)
_PROLONG = schema.operation.update().where(*_HELD).values(lease_expires_at=bindparam("until"))
_STILL_HELD = select(schema.operation.c.id, schema.operation.c.stop).where(*_HELD)
_AT_WORK = select(schema.operation.c.stack_id).where(
    schema.operation.c.stack_id.in_(_IDS), schema.operation.c.slot.is_not(None)
)
_ALIVE = (
    select(func.count())
    .select_from(schema.engine)
    .where(
        schema.engine.c.deleted_at.is_(None),
        schema.engine.c.updated_at + schema.engine.c.report_interval * 2_000_000 >= bindparam("now"),
    )
)
"""How many engines have reported within two of their intervals and not said goodbye."""
