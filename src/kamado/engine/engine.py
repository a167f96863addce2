"""The engine of a process: claims operations, executes them side by side, keeps their leases, says goodbye.

Made by ``assemble``; several may work on one database. ``wake``, ``hear`` and ``stop`` may be called from any thread. The trap: being
woken is a courtesy; the queue is looked at every few seconds anyway, so a lost wake-up costs time, not work.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from functools import partial

from kamado.engine.executor import Execution
from kamado.engine.gathering import Readings
from kamado.engine.heartbeat import Heartbeat
from kamado.engine.leases import Leases
from kamado.engine.ledger import NotWritten
from kamado.engine.ports import EnginePorts, EngineSettings
from kamado.engine.targets import TargetLoader
from kamado.engine.tidying import Tidying
from kamado.engine.waiting import Waiting
from kamado.model.identifiers import new_id
from kamado.model.records import TRACE, OperationRecord
from kamado.store.errors import LeaseLost

LOG = logging.getLogger(__name__)

_CHECK_AT_MOST_EVERY = 0.1
"""Seconds between two looks at whether a running operation is to stop, however often the engine is woken."""

_BETWEEN_CLAIMS = 0.01
"""Seconds in which other engines may take their part of what waits."""

_AFTER_NONE = 0.25
"""The same when nothing could be taken: others are at it, or somebody who sleeps has it locked."""


class Engine:
    """One engine. ``loader`` may be shared with the orchestrator, so that templates are parsed once."""

    def __init__(
        self,
        ports: EnginePorts,
        settings: EngineSettings,
        *,
        loader: TargetLoader | None = None,
        binary: str = "kamado-engine",
    ) -> None:
        self.id = new_id()
        self._ports = ports
        self._settings = settings
        store = ports.store
        loader = loader or TargetLoader(store, ports.registry, settings.region)
        self._waiting = Waiting(self.wake, ports.tell)
        readings = Readings(loader, store, ports.store_calls)
        self._execution = partial(Execution, ports, settings, waiting=self._waiting, readings=readings)
        self._leases = Leases(self.id, store.operations, ports.clock, ports.store_calls, settings)
        self._heartbeat = Heartbeat(self.id, binary, ports, settings.heartbeat_seconds)
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._look = asyncio.Event()
        self._check = asyncio.Event()
        self._stopping = False

    @property
    def running(self) -> int:
        """How many operations it is at."""
        return len(self._leases.held)

    def wake(self) -> None:
        """There is something new in the queue."""
        self._from_anywhere(self._woken)

    def hear(self, work: bool, ended: Collection[str]) -> None:
        """News of another process: ``work`` in the queue, operations on nested stacks that have ``ended``. May be wrong, or come twice."""
        if ended:
            self._from_anywhere(partial(self._ring, ended))
        if work:
            self.wake()

    def stop(self) -> None:
        """Takes nothing new, lets calls in flight end, and hands every operation over to whoever takes it next.

        Nothing waits for an operation's end: it may take hours, and another engine goes on with it at once. `run` returns when all is
        handed over. Called before `run` has begun, it makes `run` end at once.
        """
        self._stopping = True
        self._from_anywhere(self._end)

    def _from_anywhere(self, call: partial[None] | object) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(call)  # type: ignore[arg-type]

    def _woken(self) -> None:
        self._look.set()
        self._check.set()

    def _ring(self, ended: Collection[str]) -> None:
        for stack_id in ended:
            self._waiting.ring(stack_id)

    def _end(self) -> None:
        for execution in self._leases.held.values():
            execution.pause()
        self._woken()

    async def run(self) -> None:
        """Works until `stop`."""
        self._loop = asyncio.get_running_loop()
        await self._heartbeat.beat()
        if self._settings.alone and not self._stopping:
            self._begin(await self._leases.take_over())
        tidying = Tidying(self._ports, self._settings, self._waiting)
        kept = (
            self._keep_leases(),
            self._keep_ending_sleepers(),
            self._heartbeat.keep_beating(),
            tidying.keep_tidy(),
        )
        keepers = [self._loop.create_task(one) for one in kept]
        try:
            while not self._stopping:
                self._look.clear()
                await self._claim()
                await self._pause(self._look, self._settings.claim_interval)
            while self._tasks:
                await asyncio.wait(list(self._tasks))
        finally:
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
            await self._heartbeat.goodbye()

    async def _claim(self) -> None:
        try:
            while not self._stopping:
                claimed, more = await self._leases.claim()
                self._begin(claimed)
                if not more:
                    return
                await self._ports.clock.sleep(_BETWEEN_CLAIMS if claimed else _AFTER_NONE)
        except Exception:
            LOG.exception("the queue could not be read", extra={"engine": self.id})

    def _begin(self, operations: list[OperationRecord]) -> None:
        for operation in operations:
            execution = self._execution(operation)
            if self._stopping:
                execution.pause()  # claimed while it was told to stop
            self._leases.held[operation.id] = execution
            task = asyncio.get_running_loop().create_task(self._execute(execution))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _execute(self, execution: Execution) -> None:
        """One operation, and the certainty that whatever happens to it does not happen to the others."""
        operation = execution.operation
        ids = {
            "operation": operation.id,
            "stack": operation.stack_id,
            "engine": self.id,
            "request": operation.request_id,
        }
        LOG.debug("operation taken", extra={"action": operation.action.value, **ids})
        self._ports.watch.operation_began(operation.action.value, str(operation.options.get(TRACE, "")))
        try:
            await execution.run()
        except NotWritten as error:
            if isinstance(error.__cause__, LeaseLost):
                LOG.warning("lease lost", extra=ids)
            else:
                LOG.error("an operation could not be written and is given back: %s", error, extra=ids)
                await self._give_back_later(operation.id)
        except Exception:
            LOG.exception("an operation was interrupted and is given back", extra=ids)
            await self._give_back_later(operation.id)
        finally:
            self._ports.watch.operation_left()
            self._leases.held.pop(operation.id, None)
            self._look.set()
        if execution.paused:
            await self._give_back(operation.id)

    async def _give_back_later(self, operation_id: str) -> None:
        """Not at once: what made it fail may need a moment."""
        await self._ports.clock.sleep(self._settings.retry_first)
        await self._give_back(operation_id)

    async def _give_back(self, operation_id: str) -> None:
        try:
            await self._leases.give_back([operation_id])
            self._waiting.work()
        except Exception:
            LOG.exception("a lease could not be given back; it will run out", extra={"operation": operation_id})

    async def _keep_leases(self) -> None:
        third = self._settings.lease_seconds / 3
        while True:
            await self._pause(self._check, third)
            try:
                await self._leases.renew()
            except Exception:
                LOG.exception("leases could not be renewed", extra={"engine": self.id})
            self._check.clear()
            await self._ports.clock.sleep(min(_CHECK_AT_MOST_EVERY, third))

    async def _keep_ending_sleepers(self) -> None:
        """What processes that are stopped have locked is free again, so that it can be taken over."""
        while True:
            await self._ports.clock.sleep(self._settings.lease_seconds / 3)
            try:
                ended = await self._ports.store_calls.run(self._ports.store.engines.end_sleepers)
            except Exception:
                LOG.exception("connections that sleep could not be ended", extra={"engine": self.id})
            else:
                if ended:
                    LOG.warning("%d connections to the database slept and were ended", ended, extra={"engine": self.id})

    async def _pause(self, event: asyncio.Event, seconds: float) -> None:
        """Until the event is set, or for so long."""
        loop = asyncio.get_running_loop()
        both = {loop.create_task(event.wait()), loop.create_task(_sleep(self._ports, seconds))}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()


async def _sleep(ports: EnginePorts, seconds: float) -> None:
    await ports.clock.sleep(seconds)
