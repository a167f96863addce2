"""The events of a stack as they come: server-sent events, as browsers and `curl -N` read them.

Called by `events`. The trap: a connection may break at any time; each event carries its id, and who comes back with it as Last-Event-ID
misses nothing. Another: events are numbered before they are committed, so each look begins some seconds back.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kamado.api import views
from kamado.model.records import StackRecord
from kamado.orchestrator import events
from kamado.orchestrator.context import Services
from kamado.store.events import EventFilter
from kamado.streams import Stream

HEARTBEAT_SECONDS = 15.0
LONGEST_SECONDS = 3600.0
LATE_SECONDS = 5.0
"""So long after an event was told, one that was numbered before it may still come: transactions of several engines end in any order."""
_AT_ONCE = 200


class Seats:
    """How many may follow at the same time in one process."""

    def __init__(self, most: int) -> None:
        self._free = threading.BoundedSemaphore(most)

    def take(self) -> bool:
        """Whether there was one."""
        return self._free.acquire(blocking=False)

    def give_back(self) -> None:
        """One is free again."""
        self._free.release()


class EventStream(Stream):
    """One follower of one stack. Ends when the stack is gone, or after an hour: by then a token may be, too."""

    def __init__(
        self,
        services: Services,
        base: str,
        stack: StackRecord,
        wanted: EventFilter,
        depth: int,
        leave: Callable[[], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._services, self._base, self._stack, self._depth = services, base, stack, depth
        self._wanted = replace(wanted, sort_keys=("event_time",), sort_dir="asc", limit=_AT_ONCE)
        self._leave: Callable[[], None] | None = leave
        self._monotonic = monotonic
        self._started = self._told = monotonic()
        self._sent: dict[str, float] = {}
        """events after the marker that were told, and when"""
        self._first = True

    def more(self) -> bytes | None:
        """New events; now and then a comment that keeps the connection open."""
        now = self._monotonic()
        if now - self._started > LONGEST_SECONDS:
            return None
        # Asked before the events, so that those of the end are not missed.
        gone = self._services.store.stacks.get(self._stack.id) is None
        found = events.listing(self._services, self._stack, self._wanted, self._depth)
        fresh = [(owner, record) for owner, record in found if record.id not in self._sent]
        if gone and not fresh:
            return None
        self._sent |= {record.id: now for _, record in fresh}
        self._move_on([record.id for _, record in found], now)
        text = "retry: 1000\n\n" if self._first else ""
        text += "".join(self._line(owner, record) for owner, record in fresh)
        if not text and now - self._told > HEARTBEAT_SECONDS:
            text = ": still there\n\n"
        if text:
            self._told, self._first = now, False
        return text.encode()

    def _move_on(self, told: list[str], now: float) -> None:
        """Begin after the events that were told long enough ago; after all of a full page, for more are waiting."""
        for event_id in told:
            if len(told) < _AT_ONCE and now - self._sent[event_id] < LATE_SECONDS:
                break
            self._wanted = replace(self._wanted, marker=event_id)
            del self._sent[event_id]

    def _line(self, owner: StackRecord, record: Any) -> str:
        shown = views.event(self._base, owner, record, root=self._stack if self._depth else None)
        return f"id: {record.id}\ndata: {json.dumps(shown)}\n\n"

    def close(self) -> None:
        """Its seat is free again; may be called more than once."""
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()
