"""Holding operations: which are ours, keeping their leases, hearing that one is to stop or is lost.

An operation is ours from its claim until its last transaction, for as long as its lease is renewed in time; fencing in the store makes
sure that being wrong about that changes nothing. Used by the engine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from kamado.engine.executor import Execution
from kamado.engine.ports import Calls, Clock, EngineSettings, Queue
from kamado.model.lifecycle import Stop
from kamado.model.records import OperationRecord
from kamado.store.shares import Room


@dataclass
class Leases:
    """The operations that this engine holds."""

    engine_id: str
    queue: Queue
    clock: Clock
    calls: Calls
    settings: EngineSettings
    held: dict[str, Execution] = field(default_factory=dict)

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=self.settings.lease_seconds)

    @property
    def room(self) -> Room:
        """What more this engine takes; operations that wait for nested stacks leave their places to these.

        A quarter of the places is not for one project alone: however long its operations take, others get to theirs.
        """
        working = Counter(one.operation.project_id for one in self.held.values() if not one.only_waits)
        places = self.settings.concurrent_operations
        return Room(places - working.total(), places - places // 4, working)

    async def claim(self) -> tuple[list[OperationRecord], bool]:
        """Takes its part of what waits, as far as there is room; and whether that left any for which there is room."""
        room = self.room
        if room.places <= 0:
            return [], False
        return await self.calls.run(
            partial(self.queue.claim_share, self.engine_id, self.clock.now(), self._lease, room)
        )

    async def take_over(self) -> list[OperationRecord]:
        """Takes everything that runs, for whoever held it is gone."""
        return await self.calls.run(partial(self.queue.take_over, self.engine_id, self.clock.now(), self._lease))

    async def renew(self) -> None:
        """Prolongs all leases; executions hear whether they are to stop, or are no longer ours."""
        before = dict(self.held)
        if not before:
            return
        since = self.clock.now(), self.clock.monotonic()
        renew = partial(self.queue.renew, self.engine_id, since[0], self._lease, list(before))
        ours: Mapping[str, Stop] = await self.calls.run(renew)
        for key, execution in before.items():
            if self.held.get(key) is not execution:
                continue  # it has ended meanwhile
            if key not in ours:
                execution.lose()
            else:
                execution.hold.prolong(since)
                execution.stop(ours[key])

    async def give_back(self, ids: list[str]) -> None:
        """Lets others go on with them at once."""
        if ids:
            await self.calls.run(partial(self.queue.release, self.engine_id, ids))
