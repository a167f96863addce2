"""The group-commit writer: all that engines change, many operations' changes in one transaction, fenced by their leases.

The executor submits and waits for the future before it goes on. While one commit runs the next batch gathers. An operation that is
alone never waits; of many that go on side by side the next changes are given a moment to come together. The trap: a future that fails
with anything but `LeaseLost` means that this operation's state on disk is behind what the engine believes; the engine must let go of the
operation and let recovery read it again.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Connection, bindparam, select

from kamado.model.changes import (
    AppendEvent,
    Change,
    InsertOperation,
    InsertResource,
    InsertStack,
    RemoveResource,
    RemoveSnapshot,
    StartOperation,
    StopChildren,
    UpdateOperation,
    UpdateResource,
    UpdateSnapshot,
    UpdateStack,
)
from kamado.model.identifiers import new_id
from kamado.model.lifecycle import OperationState, Stop
from kamado.store import bulk, nested, schema
from kamado.store.crypt import Cipher
from kamado.store.errors import JournalClosed, LeaseLost
from kamado.store.events import event_row
from kamado.store.operations import operation_columns, operation_row
from kamado.store.resources import resource_row, resource_values
from kamado.store.retry import JOURNAL, Trouble, diagnose
from kamado.store.snapshots import snapshot_columns
from kamado.store.stacks import stack_columns, write_tags

if TYPE_CHECKING:
    from kamado.store.store import Store

_LARGEST_BATCH = 5_000
"""Changes in one transaction, so that a commit stays short and others get their turn."""

_MOMENT, _LONGEST = 0.001, 0.008
"""Seconds for which a batch gathers for each operation of the one before, when these were several, and at most: a transaction costs more
than most that is in it.
"""

_MARK_KEPT = 30 * 24 * 3600 * 1_000_000
"""Microseconds after which a journal that wrote nothing counts as dead; should it live, it makes a new mark."""

_NOT_WHEN_SUPERSEDED = frozenset(
    {"action", "status", "reason", "updated_at", "deleted_at", "live_name", "operation_id"}
    | {"template_id", "files", "environment", "tags"}
)
"""Columns of the stack row that belong to the newest accepted operation: a superseded one does not write them."""


@dataclass(slots=True)
class Stats:
    """What the journal has done since it was opened."""

    commits: int = 0
    submissions: int = 0
    changes: int = 0


@dataclass(slots=True)
class _Batch:
    """The rows of one transaction, several changes of one row merged in the order of submission."""

    new_resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    removed: dict[str, None] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    stacks: dict[str, dict[str, Any]] = field(default_factory=dict)
    tags: dict[str, Sequence[str]] = field(default_factory=dict)
    operations: dict[str, dict[str, Any]] = field(default_factory=dict)
    new_operations: list[dict[str, Any]] = field(default_factory=list)
    snapshots: dict[str, dict[str, Any]] = field(default_factory=dict)
    removed_snapshots: list[str] = field(default_factory=list)
    new_stacks: list[nested.NewStack] = field(default_factory=list)
    starts: list[nested.Start] = field(default_factory=list)
    stops: list[StopChildren] = field(default_factory=list)

    def write(self, connection: Connection) -> None:
        """Write everything, a statement a table and set of columns."""
        bulk.insert(connection, schema.resource, list(self.new_resources.values()))
        bulk.update(connection, schema.resource, self.resources)
        bulk.delete(connection, schema.resource, self.removed)
        bulk.insert(connection, schema.event, self.events)
        bulk.update(connection, schema.stack, self.stacks)
        for stack_id, tags in self.tags.items():
            write_tags(connection, stack_id, tags)
        bulk.update(connection, schema.operation, self.operations)
        bulk.insert(connection, schema.operation, self.new_operations)
        bulk.update(connection, schema.snapshot, self.snapshots)
        bulk.delete(connection, schema.snapshot, self.removed_snapshots)
        nested.insert(connection, self.new_stacks)
        nested.start(connection, self.starts)
        for stop in self.stops:
            nested.stop_children(connection, stop)


_Entry = tuple[Callable[[_Batch, Any, Any, bool], None], Any, Any]


@dataclass(slots=True, eq=False)
class Submission:
    """Changes of one operation that are written all or none."""

    operation_id: str
    epoch: int
    entries: list[_Entry]
    ends: bool
    future: Future[None] = field(default_factory=Future)


class GroupCommit:
    """Writes submissions, those of one call in one transaction. It has no thread: who calls decides what gathers, and when."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.stats = Stats()
        self._id = new_id()
        self._marked = False
        self._number = 0

    def submission(self, operation_id: str, epoch: int, changes: Sequence[Change]) -> Submission:
        """The changes, encoded. Raises TypeError and ValueError as `Journal.submit`."""
        cipher = self._store.cipher
        entries = []
        ends = False
        for change in changes:
            entries.append(_ENCODE[type(change)](change, cipher))
            if type(change) is UpdateOperation:
                if change.id != operation_id:
                    raise ValueError("a journal writes its own operation's row only")
                state = change.values.get("state")
                ends = ends or (state is not None and OperationState(state).ended)
        return Submission(operation_id, epoch, entries, ends)

    def commit(self, batch: list[Submission]) -> dict[Submission, BaseException | None]:
        """Writes a batch; what became of each submission, None when it is durable. The futures are the caller's to settle."""
        try:
            lost = self._write(batch)
        except BaseException as error:
            if len(batch) > 1 and diagnose(error) is Trouble.FATAL:
                return self._commit_singly(batch)
            return dict.fromkeys(batch, error)
        self.stats.commits += 1
        self.stats.submissions += len(batch)
        self.stats.changes += sum(len(submission.entries) for submission in batch if submission not in lost)
        return {one: LeaseLost(one.operation_id, one.epoch) if one in lost else None for one in batch}

    def _commit_singly(self, batch: list[Submission]) -> dict[Submission, BaseException | None]:
        """After a failure that is not the weather's: find whose it is; what that operation submitted later fails too."""
        failed: dict[str, BaseException] = {}
        found: dict[Submission, BaseException | None] = {}
        for submission in batch:
            error = failed.get(submission.operation_id)
            if error is None:
                error = self.commit([submission])[submission]
                if error is not None and not isinstance(error, LeaseLost):
                    failed[submission.operation_id] = error
            found[submission] = error
        return found

    def close(self) -> None:
        """Takes back the mark that says which batch was the last."""
        if self._marked:
            mark = schema.journal_mark
            self._store.write(
                lambda connection: connection.execute(mark.delete().where(mark.c.id == self._id)).rowcount
            )
            self._marked = False

    def _write(self, batch: list[Submission]) -> set[Submission]:
        self._number += 1
        lost: set[Submission] = set()

        def work(connection: Connection) -> None:
            if self._landed(connection):
                return
            lost.clear()
            rows = _Batch()
            leases = _leases(connection, {submission.operation_id for submission in batch})
            ended: set[str] = set()
            for submission in batch:
                key = submission.operation_id
                epoch, superseded = leases.get(key, (-1, False))
                if epoch != submission.epoch or key in ended:
                    lost.add(submission)
                    continue
                for merge, name, value in submission.entries:
                    merge(rows, name, value, superseded)
                if submission.ends:
                    ended.add(key)
            rows.write(connection)

        self._store.write(work, JOURNAL)
        return lost

    def _landed(self, connection: Connection) -> bool:
        """Whether this batch was committed already by a try whose answer was lost. Not on SQLite, which has no wire."""
        if self._store.dialect == "sqlite":
            return False
        table = schema.journal_mark
        values = {"batch": self._number, "updated_at": time.time_ns() // 1000}
        mine = table.c.id == self._id
        if connection.execute(table.update().where(mine, table.c.batch < self._number).values(values)).rowcount:
            return False
        if connection.execute(select(table.c.id).where(mine)).first() is not None:
            return True
        # The first batch; rows that killed journals left behind go on this occasion.
        connection.execute(table.delete().where(table.c.updated_at < values["updated_at"] - _MARK_KEPT))
        connection.execute(table.insert(), {"id": self._id, **values})
        self._marked = True
        return False


class Journal:
    """One writer thread over a store. Close it (or use it as a context manager) before the store.

    ``submit`` may be called from any thread.
    """

    def __init__(self, store: Store) -> None:
        self._writer = GroupCommit(store)
        self._queue: list[Submission] = []
        self._closed = False
        self._ready = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def stats(self) -> Stats:
        """What was written so far."""
        return self._writer.stats

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, operation_id: str, epoch: int, changes: Sequence[Change]) -> Future[None]:
        """Write ``changes`` under the lease that ``operation_id`` has at ``epoch``; the future is done once they are durable.

        Changes of one submission are written all or none. The future fails with `LeaseLost` when the lease is gone or the
        operation has ended. Values are encoded here: TypeError for unknown fields or what is not JSON, ValueError for a
        change of another operation's row. Raises `JournalClosed` after `close`. The future cannot be cancelled.
        """
        submission = self._writer.submission(operation_id, epoch, changes)
        submission.future.set_running_or_notify_cancel()
        with self._ready:
            if self._closed:
                raise JournalClosed("the journal is closed")
            self._queue.append(submission)
            if len(self._queue) == 1:
                self._ready.notify()
        return submission.future

    def close(self) -> None:
        """Write what was submitted, then end the thread."""
        with self._ready:
            self._closed = True
            self._ready.notify()
        self._thread.join()
        self._writer.close()

    def _run(self) -> None:
        crowd = 0
        while True:
            with self._ready:
                while not self._queue and not self._closed:
                    self._ready.wait()
                if not self._queue:
                    return
            if crowd > 1:
                time.sleep(min(crowd * _MOMENT, _LONGEST))
            with self._ready:
                batch = self._take()
            crowd = len({submission.operation_id for submission in batch})
            for submission, error in self._writer.commit(batch).items():
                if error is None:
                    submission.future.set_result(None)
                else:
                    submission.future.set_exception(error)

    def _take(self) -> list[Submission]:
        """The next batch; when not all fits, operations take turns, so that a huge one does not hold up the others."""
        if sum(len(submission.entries) for submission in self._queue) <= _LARGEST_BATCH:
            batch, self._queue = self._queue, []
            return batch
        turns: dict[str, deque[Submission]] = {}
        for submission in self._queue:
            turns.setdefault(submission.operation_id, deque()).append(submission)
        batch, size = [], 0
        while turns and size < _LARGEST_BATCH:
            for key in list(turns):
                submission = turns[key].popleft()
                batch.append(submission)
                size += len(submission.entries)
                if not turns[key]:
                    del turns[key]
        self._queue = [submission for rest in turns.values() for submission in rest]
        return batch


_LEASES = (
    select(schema.operation.c.id, schema.operation.c.epoch, schema.operation.c.stop)
    .where(
        schema.operation.c.id.in_(bindparam("ids", expanding=True)),
        schema.operation.c.slot == str(OperationState.RUNNING),
        schema.operation.c.engine_id.is_not(None),
    )
    .order_by(schema.operation.c.id)
    .with_for_update()
)


def _leases(connection: Connection, ids: set[str]) -> dict[str, tuple[int, bool]]:
    """By operation that is held: its epoch, and whether it is superseded. Locks the rows."""
    rows = connection.execute(_LEASES, {"ids": sorted(ids)})
    return {key: (epoch, stop == str(Stop.SUPERSEDED)) for key, epoch, stop in rows}


def _insert_resource(batch: _Batch, key: str, row: dict[str, Any], _: bool) -> None:
    batch.new_resources[key] = row


def _update_resource(batch: _Batch, key: str, values: dict[str, Any], _: bool) -> None:
    new = batch.new_resources.get(key)
    if new is not None:
        batch.new_resources[key] = {**new, **values}
    else:
        old = batch.resources.get(key)
        batch.resources[key] = values if old is None else {**old, **values}


def _remove_resource(batch: _Batch, key: str, _: None, __: bool) -> None:
    batch.resources.pop(key, None)
    if batch.new_resources.pop(key, None) is None:
        batch.removed[key] = None


def _append_event(batch: _Batch, _: str, row: dict[str, Any], __: bool) -> None:
    batch.events.append(row)


def _update_stack(
    batch: _Batch, key: str, change: tuple[dict[str, Any], Sequence[str] | None], superseded: bool
) -> None:
    values, tags = change
    if superseded:
        values = {name: value for name, value in values.items() if name not in _NOT_WHEN_SUPERSEDED}
    elif tags is not None:
        batch.tags[key] = tags
    batch.stacks[key] = {**batch.stacks.get(key, {}), **values}


def _update_operation(batch: _Batch, key: str, values: dict[str, Any], _: bool) -> None:
    batch.operations[key] = {**batch.operations.get(key, {}), **values}


def _insert_operation(batch: _Batch, _: str, row: dict[str, Any], superseded: bool) -> None:
    if superseded:
        # A newer request waits already; the follow-up is recorded, and ended.
        row = {
            **row,
            "state": str(OperationState.SUPERSEDED),
            "slot": None,
            "stop": str(Stop.SUPERSEDED),
            "finished_at": row["created_at"],
        }
    batch.new_operations.append(row)


def _update_snapshot(batch: _Batch, key: str, values: dict[str, Any], _: bool) -> None:
    batch.snapshots[key] = {**batch.snapshots.get(key, {}), **values}


def _remove_snapshot(batch: _Batch, key: str, _: None, __: bool) -> None:
    batch.removed_snapshots.append(key)


def _insert_stack(batch: _Batch, _: str, new: nested.NewStack, superseded: bool) -> None:
    batch.new_stacks.append(new.ended() if superseded else new)


def _start_operation(batch: _Batch, _: str, start: nested.Start, superseded: bool) -> None:
    if not superseded:
        batch.starts.append(start)


def _stop_children(batch: _Batch, _: str, stop: StopChildren, __: bool) -> None:
    batch.stops.append(stop)


def _encode_stack(change: UpdateStack, cipher: Cipher) -> _Entry:
    return _update_stack, change.id, (stack_columns(change.values, cipher), change.values.get("tags"))


_ENCODE: Mapping[type[Any], Callable[[Any, Cipher], _Entry]] = {
    InsertResource: lambda c, cipher: (_insert_resource, c.record.id, resource_row(c.record, cipher)),
    UpdateResource: lambda c, cipher: (_update_resource, c.id, resource_values(c.values, c.secret, cipher)),
    RemoveResource: lambda c, _: (_remove_resource, c.id, None),
    AppendEvent: lambda c, cipher: (_append_event, c.record.id, event_row(c.record, cipher)),
    UpdateStack: _encode_stack,
    UpdateOperation: lambda c, cipher: (_update_operation, c.id, operation_columns(c.values, cipher)),
    UpdateSnapshot: lambda c, cipher: (_update_snapshot, c.id, snapshot_columns(c.values, cipher)),
    RemoveSnapshot: lambda c, _: (_remove_snapshot, c.id, None),
    InsertOperation: lambda c, cipher: (_insert_operation, c.record.id, operation_row(c.record, cipher)),
    InsertStack: lambda c, cipher: (_insert_stack, c.stack.id, nested.new_stack(c, cipher)),
    StartOperation: lambda c, cipher: (_start_operation, c.operation.id, nested.new_start(c, cipher)),
    StopChildren: lambda c, _: (_stop_children, c.operation_id, c),
}
