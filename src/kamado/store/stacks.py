"""Stacks: accepting requests on them in one transaction, finding, listing and counting them.

Called by the orchestrator (accept, show, list) and by the engine's ports. Between requests the journal writes stack rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import BindParameter, Connection, Row, bindparam, func, or_, select
from sqlalchemy.exc import IntegrityError

from kamado.model.lifecycle import Action, OperationState, Status, Stop
from kamado.model.records import SNAPSHOT_ID, EventRecord, OperationRecord, SnapshotRecord, StackRecord, Target
from kamado.store import bulk, schema
from kamado.store.crypt import Cipher
from kamado.store.encoding import (
    at,
    clean,
    clean_optional,
    decode_list,
    decode_time,
    encode_list,
    encode_time,
)
from kamado.store.errors import NameTaken, StackGone
from kamado.store.events import event_row
from kamado.store.operations import (
    Fence,
    check_fence,
    live_operations,
    lock_live_operations,
    operation_row,
    target_columns,
)
from kamado.store.remembered import Remembered
from kamado.store.resources import Decide, change_row, lock_row
from kamado.store.snapshots import fail_snapshot, snapshot_row
from kamado.store.stack_pages import WHOLE, StackFilter, conditions, page_rows

if TYPE_CHECKING:
    from kamado.store.store import Store

Unless = Callable[[StackRecord, Sequence[OperationRecord]], None]
"""Called with the locked stack and its live operations before anything is written; raises to refuse."""

_ENCODERS: dict[str, Callable[[Any], Any]] = {
    "name": clean,
    "project_id": clean,
    "action": str,
    "status": str,
    "reason": clean,
    "created_at": encode_time,
    "updated_at": encode_time,
    "parent_resource": clean_optional,
    "root_id": str,
    "nested_depth": int,
    "timeout_mins": lambda value: value,
    "disable_rollback": bool,
    "description": clean,
    "tags": encode_list,
    "user_id": clean,
    "username": clean,
    "credential_id": clean_optional,
    "stack_user_project_id": clean_optional,
    "operation_id": clean_optional,
}

_ACTIONS = {str(action): action for action in Action}
_STATUSES = {str(status): status for status in Status}

_RECORDS = 20_000
"""Rows of lists that are remembered, about 2 KB each with their record."""
_CHARACTERS = 16 * 2**20
"""As much text of whole rows is remembered."""

_STACK = schema.stack.c
_WHOSE: BindParameter[str] = bindparam("project")
_WORD: BindParameter[str] = bindparam("word")
_MINE = or_(_STACK.project_id == _WHOSE, _STACK.stack_user_project_id == _WHOSE)
_NEWEST = select(*WHOLE).order_by(_STACK.created_at.desc()).limit(1)

# Built once: to put a statement together costs more than to run it.
_BY_ID = select(*WHOLE).where(_STACK.id == bindparam("key"))
_LOCKED = _BY_ID.where(_STACK.deleted_at == 0).with_for_update(key_share=True)
_SEVERAL = select(*WHOLE).where(_STACK.id.in_(bindparam("ids", expanding=True)))
_OWN_BY_ID = _NEWEST.where(_STACK.id == _WORD, _MINE)
_ROOT_BY_NAME = _NEWEST.where(_STACK.project_id == _WHOSE, _STACK.live_name == _WORD)
_NESTED_BY_NAME = _NEWEST.where(_STACK.name == _WORD, _STACK.deleted_at == 0, _MINE)
_TAKEN = select(_STACK.id).where(_STACK.project_id == _WHOSE, _STACK.live_name == _WORD)


def stack_row(record: StackRecord, cipher: Cipher) -> dict[str, Any]:
    """All columns of a new row."""
    row = {name: encode(getattr(record, name)) for name, encode in _ENCODERS.items()}
    return {
        **row,
        **target_columns(record.target, cipher),
        "id": record.id,
        "owner_id": record.owner_id or "",
        "root_id": record.root_id or record.id,
        "deleted_at": encode_time(record.deleted_at) or 0,
        "live_name": None if record.owner_id or record.deleted_at else clean(record.name),
    }


def stack_columns(values: Mapping[str, Any], cipher: Cipher) -> dict[str, Any]:
    """Columns for new values of some fields. Raises TypeError for a name that is no field."""
    row: dict[str, Any] = {}
    for name, value in values.items():
        if name == "target":
            row.update(target_columns(value, cipher))
        elif name == "deleted_at":
            row["deleted_at"] = encode_time(value) or 0
            row["live_name"] = None
        elif name in _ENCODERS:
            row[name] = _ENCODERS[name](value)
        else:
            raise TypeError(f"a stack has no field {name!r} that could be changed")
    return row


def stack_record(row: Sequence[Any], cipher: Cipher) -> StackRecord:
    """The record of a row of `WHOLE`, or of `PLAIN` with a target that knows its template only."""
    (
        key,
        name,
        project_id,
        action,
        status,
        reason,
        template_id,
        created_at,
        updated_at,
        deleted_at,
        owner_id,
        root_id,
        nested_depth,
        parent_resource,
        timeout_mins,
        disable_rollback,
        description,
        tags,
        user_id,
        username,
        credential_id,
        stack_user_project_id,
        operation_id,
        *body,
    ) = row
    target = (
        Target(template_id, cipher.open_map(body[0]), cipher.open_environment(body[1])) if body else Target(template_id)
    )
    return StackRecord(
        key,
        name,
        project_id,
        _ACTIONS[action],
        _STATUSES[status],
        reason,
        target,
        at(created_at),
        decode_time(updated_at),
        at(deleted_at) if deleted_at else None,
        owner_id or None,
        root_id,
        nested_depth,
        parent_resource,
        timeout_mins,
        bool(disable_rollback),
        description,
        decode_list(tags),
        user_id,
        username,
        credential_id,
        stack_user_project_id,
        operation_id,
    )


def write_tags(connection: Connection, stack_id: str, tags: Sequence[str], fresh: bool = False) -> None:
    """Make the rows that the tag filters look at equal to ``tags``."""
    if not fresh:
        connection.execute(schema.stack_tag.delete().where(schema.stack_tag.c.stack_id == stack_id))
    rows = [{"stack_id": stack_id, "tag": clean(tag)} for tag in dict.fromkeys(tags)]
    bulk.insert(connection, schema.stack_tag, rows)


class Stacks:
    """Accepting, finding and listing stacks."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._whole: Remembered[StackRecord] = Remembered(_CHARACTERS)
        self._plain: Remembered[StackRecord] = Remembered(_RECORDS)
        self._pages: Remembered[list[StackRecord]] = Remembered(_RECORDS)

    def create(
        self, stack: StackRecord, operation: OperationRecord, event: EventRecord, *, fence: Fence | None = None
    ) -> None:
        """Accept a new stack: stack, operation and event in one transaction. 4 queries.

        Raises `NameTaken` when a live root stack of that name is in the project, and `LeaseLost` when the operation of
        ``fence`` (the parent's, for a nested stack) is no longer held.
        """
        cipher = self._store.cipher
        row = stack_row(stack, cipher)
        row["operation_id"] = operation.id
        operation_columns = operation_row(operation, cipher)
        event_columns = event_row(event, cipher)

        def work(connection: Connection) -> None:
            check_fence(connection, fence)
            bulk.insert(connection, schema.stack, [row])
            write_tags(connection, stack.id, stack.tags, fresh=True)
            bulk.insert(connection, schema.operation, [operation_columns])
            bulk.insert(connection, schema.event, [event_columns])

        try:
            self._store.write(work)
        except IntegrityError:
            # Either the name, or our own rows: written by a first try whose COMMIT answer was lost.
            if self._store.operations.get(operation.id) is not None:
                return
            if row["live_name"] is not None and self.has(stack.project_id, row["live_name"]):
                raise NameTaken(stack.project_id, stack.name) from None
            raise

    def start(
        self,
        operation: OperationRecord,
        stack_values: Mapping[str, Any],
        event: EventRecord,
        *,
        unless: Unless | None = None,
        fence: Fence | None = None,
        snapshot: SnapshotRecord | None = None,
        row: tuple[str, Decide] | None = None,
    ) -> list[str]:
        """Accept an operation on an existing stack in one transaction; the ids of the operations it supersedes.

        ``stack_values`` are new values of the stack's fields (``operation_id`` is set by itself). A pending operation of the
        stack ends at once as SUPERSEDED, a running one is told to stop and keeps the stack until its engine ended it.
        ``unless`` may refuse: it is called with the locked row and the live operations. 5 queries; 1 more where rows are locked, and
        2 when something is superseded. Raises `StackGone`, `LeaseLost`, and what ``unless`` raises. ``snapshot`` is made in the same
        transaction, and ``row`` (the id of a resource of any stack) changed as `kamado.store.resources.Resources.change` does; it may
        refuse too.
        """
        cipher = self._store.cipher
        values = {**stack_columns(stack_values, cipher), "operation_id": operation.id}
        operation_columns = operation_row(operation, cipher)
        event_columns = event_row(event, cipher)
        snapshot_columns = None if snapshot is None else snapshot_row(snapshot, cipher)
        superseded: list[str] = []

        def work(connection: Connection) -> None:
            check_fence(connection, fence)
            # A resource's row, operations, the stack: the journal locks in this order too.
            if row is not None:
                lock_row(connection, row[0])
            if self._store.dialect != "sqlite":  # where whoever writes has locked everything
                lock_live_operations(connection, operation.stack_id)
            stack = self._locked(connection, operation.stack_id)
            live = live_operations(connection, operation.stack_id, cipher)
            if any(other.id == operation.id for other in live) or (row is not None and _known(connection, operation)):
                # A first try was committed and its answer lost.
                return
            superseded[:] = [other.id for other in live]
            if unless is not None:
                unless(stack, live)
            supersede(connection, live, operation.created_at)
            bulk.insert(connection, schema.operation, [operation_columns])
            bulk.update(connection, schema.stack, {operation.stack_id: values})
            if snapshot_columns is not None:
                bulk.insert(connection, schema.snapshot, [snapshot_columns])
            if row is not None:
                change_row(connection, *row, cipher)
            if "tags" in stack_values:
                write_tags(connection, operation.stack_id, stack_values["tags"])
            bulk.insert(connection, schema.event, [event_columns])

        self._store.write(work)
        return superseded

    def get(self, key: str, show_deleted: bool = False) -> StackRecord | None:
        """A stack by its id."""
        row = self._store.read(lambda connection: connection.execute(_BY_ID, {"key": key}).first())
        if row is None:
            return None
        cipher = self._store.cipher
        record = self._whole.get(
            key, row, lambda: stack_record(row, cipher), lambda _: len(row.files) + len(row.environment) + 2000
        )
        return record if show_deleted or record.deleted_at is None else None

    def several(self, ids: Collection[str]) -> list[StackRecord]:
        """Those of ``ids`` that there are, deleted ones too, in any order. 1 query for each 500."""
        keys = list(ids)
        cipher = self._store.cipher

        def work(connection: Connection) -> list[StackRecord]:
            parts = (keys[begin : begin + 500] for begin in range(0, len(keys), 500))
            rows = (row for part in parts for row in connection.execute(_SEVERAL, {"ids": part}).all())
            return [stack_record(row, cipher) for row in rows]

        return self._store.read(work)

    def keep_user_project(self, ids: Collection[str], user_project_id: str) -> None:
        """Write down the project of the users of stacks. Outside of any operation: whoever finds none for a tree makes the same one."""
        table = schema.stack
        statement = table.update().where(table.c.id.in_(sorted(ids))).values(stack_user_project_id=user_project_id)
        self._store.write(lambda connection: connection.execute(statement))

    def find(self, project_id: str, name_or_id: str) -> StackRecord | None:
        """A stack of a project by id (deleted ones too) or name (live ones only; a root before nested ones).

        The project of a stack's own users counts as well. 1 query for a root's name or an id, 2 for a nested stack's name.
        """
        ways = (_OWN_BY_ID,) if _looks_like_id(name_or_id) else ()
        values = {"project": project_id, "word": name_or_id}

        def work(connection: Connection) -> Row[Any] | None:
            found = (connection.execute(way, values).first() for way in (*ways, _ROOT_BY_NAME, _NESTED_BY_NAME))
            return next((row for row in found if row is not None), None)

        row = self._store.read(work)
        return None if row is None else stack_record(row, self._store.cipher)

    def has(self, project_id: str, name: str) -> bool:
        """Whether a project has a live root stack of that name. 1 query."""
        values = {"project": project_id, "word": name}
        return self._store.read(lambda connection: connection.execute(_TAKEN, values).first()) is not None

    def page(self, filter: StackFilter, *, whole: bool = False) -> Sequence[StackRecord]:  # noqa: A002
        """The stacks that the filter lets through. 1 query, 2 with a marker.

        The targets know their template only, no files and no environment, unless ``whole`` is asked for. Without that, rows that are
        still the same give the records, and the very list, made before, for lists are read over and over.
        """
        rows = self._store.read(lambda connection: page_rows(connection, filter, whole))
        cipher = self._store.cipher
        if whole:
            return [stack_record(row, cipher) for row in rows.all()]

        def make() -> list[StackRecord]:
            return [self._plain.get(row[0], row, partial(stack_record, row, cipher)) for row in rows.all()]

        return self._pages.get(filter, rows, make, len)

    def count(self, filter: StackFilter) -> int:  # noqa: A002
        """How many stacks the filter lets through, whatever its page."""
        statement = select(func.count()).select_from(schema.stack).where(*conditions(filter))
        return self._store.read(lambda connection: connection.execute(statement).scalar_one())

    def children(self, owner_id: str, show_deleted: bool = False) -> list[StackRecord]:
        """The nested stacks of a stack, whole, oldest first."""
        return self._many(schema.stack.c.owner_id == owner_id, show_deleted)

    def tree(self, root_id: str, show_deleted: bool = False) -> list[StackRecord]:
        """A root stack and all that is nested in it, whole: parents before children, then oldest first."""
        return self._many(schema.stack.c.root_id == root_id, show_deleted)

    def unsound(self, root_id: str) -> frozenset[str]:
        """Ids of the nested stacks of a tree that failed, have a failed resource, or such a stack inside. 1 query, 2 when there are any."""
        table, row = schema.stack.c, schema.resource.c
        nested = (table.root_id == root_id, table.owner_id != "", table.deleted_at == 0)
        failed = str(Status.FAILED)
        broken = select(row.id).where(row.stack_id == table.id, row.status == failed).exists()
        found = set(self._ids(select(table.id).where(*nested, or_(table.status == failed, broken))))
        if not found:
            return frozenset()
        pairs = select(table.id, table.owner_id).where(*nested)
        owners = self._store.read(lambda connection: {row[0]: row[1] for row in connection.execute(pairs)})
        for key in list(found):
            while key in owners:
                found.add(key)
                key = owners[key]
        return frozenset(found)

    def busy(self, ids: Collection[str]) -> set[str]:
        """Those of ``ids`` that are live and in the middle of an action. 1 query for each 500."""
        table = schema.stack.c
        keys = list(ids)
        found: set[str] = set()
        for begin in range(0, len(keys), 500):
            statement = select(table.id).where(
                table.id.in_(keys[begin : begin + 500]),
                table.deleted_at == 0,
                table.status == str(Status.IN_PROGRESS),
            )
            found.update(self._ids(statement))
        return found

    def tags(self, key: str) -> tuple[str, ...]:
        """The tags of a stack, in order."""
        statement = select(schema.stack.c.tags).where(schema.stack.c.id == key)
        text = self._store.read(lambda connection: connection.scalar(statement))
        return () if text is None else decode_list(text)

    def purge(self, before: datetime, project_id: str | None = None, limit: int = 100) -> int:
        """Remove up to ``limit`` stacks deleted before that time with all that belongs to them; how many went.

        Call again until it gives 0. Bodies of templates and files stay. 2 queries.
        """
        table = schema.stack
        statement = select(table.c.id).where(table.c.deleted_at > 0, table.c.deleted_at < encode_time(before))
        if project_id is not None:
            statement = statement.where(table.c.project_id == project_id)

        def work(connection: Connection) -> int:
            ids = connection.scalars(statement.limit(limit)).all()
            bulk.delete(connection, table, ids)
            return len(ids)

        return self._store.write(work)

    def _ids(self, statement: Any) -> Sequence[str]:
        return self._store.read(lambda connection: connection.scalars(statement).all())

    def _many(self, condition: Any, show_deleted: bool) -> list[StackRecord]:
        table = schema.stack.c
        statement = select(*WHOLE).where(condition).order_by(table.nested_depth, table.created_at, table.id)
        if not show_deleted:
            statement = statement.where(table.deleted_at == 0)
        cipher = self._store.cipher
        return self._store.read(lambda connection: [stack_record(row, cipher) for row in connection.execute(statement)])

    def _locked(self, connection: Connection, key: str) -> StackRecord:
        row = connection.execute(_LOCKED, {"key": key}).first()
        if row is None:
            raise StackGone(key)
        return stack_record(row, self._store.cipher)


def supersede(connection: Connection, live: Sequence[OperationRecord], now: datetime) -> None:
    """End those that wait, tell those that run to stop."""
    for other in live:
        if other.state is OperationState.PENDING:
            values: dict[str, Any] = {
                "state": str(OperationState.SUPERSEDED),
                "slot": None,
                "finished_at": encode_time(now),
                "stop": str(Stop.SUPERSEDED),
            }
            if SNAPSHOT_ID in other.options:
                fail_snapshot(connection, str(other.options[SNAPSHOT_ID]), f"Stack {other.action} cancelled")
        else:
            values = {"stop": str(Stop.SUPERSEDED)}
        bulk.update(connection, schema.operation, {other.id: values})


def _known(connection: Connection, operation: OperationRecord) -> bool:
    table = schema.operation.c
    return connection.execute(select(table.id).where(table.id == operation.id)).first() is not None


def _looks_like_id(text: str) -> bool:
    return (len(text) == 36 and text.count("-") == 4) or len(text) == 32
