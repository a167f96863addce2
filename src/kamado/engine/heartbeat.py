"""An engine's entry in the service list: written when it starts, renewed while it lives, closed when it ends in good order.

Used by the engine. Nothing but the list rests on it: who holds an operation, say the leases.
"""

from __future__ import annotations

import logging
import os
import socket
from datetime import datetime
from functools import partial

from kamado.engine.ports import EnginePorts
from kamado.model.records import EngineRecord

LOG = logging.getLogger(__name__)


class Heartbeat:
    """The entry of one engine. ``interval``: seconds between two reports."""

    def __init__(self, engine_id: str, binary: str, ports: EnginePorts, interval: float) -> None:
        self._engine_id = engine_id
        self._binary = binary
        self._ports = ports
        self._interval = interval
        self._started_at: datetime = ports.clock.now()

    async def beat(self) -> None:
        """Reports. Raises what the database raises."""
        record = EngineRecord(
            id=self._engine_id,
            hostname=socket.gethostname(),
            binary=self._binary,
            pid=os.getpid(),
            started_at=self._started_at,
            updated_at=self._ports.clock.now(),
            report_interval=int(self._interval),
        )
        await self._ports.store_calls.run(partial(self._ports.store.engines.beat, record))

    async def keep_beating(self) -> None:
        """Reports again and again, until cancelled."""
        while True:
            await self._ports.clock.sleep(self._interval)
            try:
                await self.beat()
            except Exception:
                LOG.exception("the heartbeat could not be written", extra={"engine": self._engine_id})

    async def goodbye(self) -> None:
        """This engine ends; it is no error when that cannot be written."""
        try:
            goodbye = partial(self._ports.store.engines.goodbye, self._engine_id, self._ports.clock.now())
            await self._ports.store_calls.run(goodbye)
        except Exception:
            LOG.exception("goodbye could not be written", extra={"engine": self._engine_id})
