"""Until when an operation is certainly ours. What fencing is for the database, this is for the cloud, which knows no epochs.

A process that was stopped, or cut off from the database, for longer than its lease must not do what somebody else may be doing by
now; so each call of a handler looks at the clocks first, and again before each request that it sends. Made by the executor, prolonged by
the leases.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from kamado.engine.ports import Clock
from kamado.model.records import OperationRecord
from kamado.plugin import lifecycle
from kamado.store.errors import LeaseLost

T = TypeVar("T")


class Hold:
    """The hold on one operation. It ends by whichever clock is ahead: a clock that jumps costs time, not truth. Safe from any thread."""

    def __init__(self, clock: Clock, lease: float, operation: OperationRecord) -> None:
        self._clock = clock
        self._lease = lease
        self._operation = operation
        now, monotonic = self._moment()
        self._until = operation.lease_expires_at or now + timedelta(seconds=lease)
        self._until_monotonic = monotonic + lease

    def _moment(self) -> tuple[datetime, float]:
        """The time by both clocks."""
        return self._clock.now(), self._clock.monotonic()

    def prolong(self, since: tuple[datetime, float]) -> None:
        """The lease was renewed; ``since`` is the time by both clocks, taken before."""
        self._until = since[0] + timedelta(seconds=self._lease)
        self._until_monotonic = since[1] + self._lease

    def call(self, function: Callable[[], T]) -> T:
        """Calls it, unless the hold has ended. Raises LeaseLost."""
        self._check()
        return lifecycle.guarded(self._check, function)

    def _check(self) -> None:
        now, monotonic = self._moment()
        if now >= self._until or monotonic >= self._until_monotonic:
            raise LeaseLost(self._operation.id, self._operation.epoch)
