"""Holding operations: which are ours, keeping their leases, hearing that one is to stop or is lost.

An operation is ours from its claim until its last transaction, for as long as its lease is renewed in time; fencing in the store makes
sure that being wrong about that changes nothing. Used by the engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from kamado.engine.executor import Execution
from kamado.engine.ports import Calls, Clock, EngineSettings, Queue
from kamado.model.lifecycle import Stop
from kamado.model.records import OperationRecord


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
    def room(self) -> int:
        """How many more operations this engine takes; those that wait for nested stacks leave their place to these."""
        working = sum(not execution.only_waits for execution in self.held.values())
        return self.settings.concurrent_operations - working

    async def claim(self) -> list[OperationRecord]:
        """Takes what waits, as far as there is room."""
        if self.room <= 0:
            return []
        claim = partial(self.queue.claim, self.engine_id, self.clock.now(), self._lease, self.room)
        return await self.calls.run(claim)

    async def take_over(self) -> list[OperationRecord]:
        """Takes everything that runs, for whoever held it is gone: seen from one lease ahead, all their leases have run out."""
        second = timedelta(seconds=1)
        ahead = self.clock.now() + self._lease + second
        # Counted from ahead, a lease of minus one second ends where one from now would.
        return await self.calls.run(partial(self.queue.claim, self.engine_id, ahead, -second, 100_000))

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
