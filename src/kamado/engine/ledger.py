"""The books of one running operation: its rows as they are now, and the changes that are not yet submitted.

One rule makes it safe to go on before a write is durable: batches of an operation become durable in the order in which they
are submitted. A call to the cloud waits for its own intent, which is submitted after everything the call stands on; the operation's
end is the last batch of all. So nothing outside the process can ever rest on a change that a crash could take back, and steps that
touch nothing outside (local types) need not wait at all.

Used by the event loop only, except `save`, which handler threads call for the one row they work on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from typing import Any

from kamado.engine.ports import JournalPort
from kamado.engine.post import Post
from kamado.model.changes import (
    AppendEvent,
    Change,
    InsertOperation,
    InsertResource,
    InsertStack,
    RemoveResource,
    StartOperation,
    StopChildren,
    UpdateResource,
)
from kamado.model.records import EventRecord, ResourceRecord, changed

_NEWS = (InsertStack, StartOperation, StopChildren, InsertOperation)


class NotWritten(Exception):
    """A commit failed, or the lease is gone: the books on disk are behind, and the operation must be let go of. The cause says why."""


class Ledger:
    """Rows by id, and the batch that gathers.

    ``announce`` is called, in any thread, when new work for engines is durable. ``post`` brings the news of commits to the loop.
    ``submit`` is `JournalPort.submit`, bound to the operation and its epoch.
    """

    def __init__(
        self,
        journal: JournalPort,
        operation_id: str,
        epoch: int,
        rows: Iterable[ResourceRecord],
        announce: Callable[[], None] | None = None,
        post: Post | None = None,
    ) -> None:
        self.rows: dict[str, ResourceRecord] = {}
        self._standing: dict[str, set[str]] = {}
        """physical id → ids of rows that have, or once had, that"""
        for row in rows:
            self._put(row)
        self._submit: Callable[[list[Change]], Future[None]] = lambda changes: journal.submit(
            operation_id, epoch, changes
        )
        self._batch: list[Change] = []
        self._inserted: dict[str, int] = {}
        self._updated: dict[str, int] = {}
        self._last: Future[None] | None = None
        self._announce = announce
        self._post = post or Post()
        self._news = False
        self.let_go = ""
        """What a forced deletion leaves behind, as its last line tells; the operation's reason keeps it through a crash."""

    def _put(self, row: ResourceRecord) -> ResourceRecord:
        self.rows[row.id] = row
        if row.physical_id is not None:
            self._standing.setdefault(row.physical_id, set()).add(row.id)
        return row

    def sharing(self, row: ResourceRecord) -> list[ResourceRecord]:
        """The other rows with the physical id of this one; its cost does not grow with the stack."""
        ids = self._standing.get(row.physical_id or "", ())
        others = [self.rows[row_id] for row_id in ids if row_id != row.id and row_id in self.rows]
        return [other for other in others if other.physical_id == row.physical_id]

    def insert(self, record: ResourceRecord) -> None:
        """A new row."""
        self._put(record)
        self._inserted[record.id] = len(self._batch)
        self._batch.append(InsertResource(record))

    def update(self, row_id: str, **values: Any) -> ResourceRecord:
        """New values of a row; several changes of one row in a batch become one."""
        row = self._put(changed(self.rows[row_id], **values))
        place = self._inserted.get(row_id)
        if place is not None:
            self._batch[place] = InsertResource(row)
            return row
        place = self._updated.get(row_id)
        if place is not None:
            earlier = self._batch[place]
            if isinstance(earlier, UpdateResource):
                self._batch[place] = UpdateResource(row_id, {**earlier.values, **values}, row.secret)
                return row
        self._updated[row_id] = len(self._batch)
        self._batch.append(UpdateResource(row_id, values, row.secret))
        return row

    def remove(self, row_id: str) -> None:
        """The row goes."""
        self.rows.pop(row_id, None)
        self._batch.append(RemoveResource(row_id))

    def event(self, record: EventRecord) -> None:
        """A line of history."""
        self._batch.append(AppendEvent(record))

    def note(self, change: Change) -> None:
        """Any other change."""
        self._news = self._news or isinstance(change, _NEWS)
        self._batch.append(change)

    @property
    def gathered(self) -> int:
        """How many changes wait for `flush`."""
        return len(self._batch)

    def flush(self) -> Future[None] | None:
        """Submits what has gathered; the future of the latest batch, None when there never was one."""
        if self._batch:
            batch, self._batch = self._batch, []
            self._inserted, self._updated = {}, {}
            self._last = self._submit(batch)
            if self._news and self._announce is not None:
                announce = self._announce
                self._last.add_done_callback(lambda _: announce())
            self._news = False
        return self._last

    async def durable(self) -> None:
        """Submits what has gathered, and waits until everything is durable. Raises NotWritten."""
        future = self.flush()
        if future is None:
            return
        if not future.done():
            arrived = asyncio.get_running_loop().create_future()
            post = self._post.here()
            future.add_done_callback(lambda _: post.deliver(partial(_arrive, arrived)))
            await arrived
        error = future.exception()
        if error is not None:
            raise NotWritten(str(error)) from error

    def save(self, row_id: str, **values: Any) -> None:
        """From a handler's thread: new values of its row, durable on return. Raises LeaseLost.

        Nothing else changes that row meanwhile (its step waits for the handler), and what the step had noted was flushed before.
        """
        row = self.rows[row_id]
        self._submit([UpdateResource(row_id, values, row.secret)]).result()
        self._put(changed(row, **values))


def _arrive(arrived: asyncio.Future[None]) -> None:
    if not arrived.done():
        arrived.set_result(None)
