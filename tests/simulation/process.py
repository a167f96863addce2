"""A simulated process: a loop, what runs "in threads", and the ports that an engine is given.

What a real process runs in threads (handlers, reads of the store) runs here in greenlets of the one thread there is: where a thread
would wait, for an answer, a commit, the time, the greenlet gives way and the loop goes on. The trap: between two such places
nothing else happens, so what is to be interleaved must wait somewhere.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from greenlet import getcurrent, greenlet
from sqlalchemy import Connection
from tests.engine_world import START, Killed, Users
from tests.simulation.loop import SimLoop

from kamado.engine.engine import Engine
from kamado.engine.ports import EnginePorts, EngineSettings
from kamado.model.changes import Change
from kamado.store import Store, retry
from kamado.store.connections import Connections
from kamado.store.journal import GroupCommit, Submission

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

T = TypeVar("T")

_AWAKENING = 5.0
"""Seconds that a process that was stopped has to find out what happened meanwhile."""


class Process:
    """``name`` is shown in the trace; ``watched``: its durable writes and calls are points at which it can be killed."""

    def __init__(self, simulation: Simulation, name: str, *, watched: bool) -> None:
        self.simulation = simulation
        self.name = name
        self.watched = watched
        self.alive = True
        self.asleep_until = -_AWAKENING
        self.loop = SimLoop(lambda: simulation.time, self._unheard)
        self.store = SimStore(self)
        self.calls = SimCalls(self)
        self.clock = SimClock(self)
        self.engine: Engine | None = None
        self.task: asyncio.Task[None] | None = None
        self.threads: dict[greenlet, None] = {}

    def start_engine(self, settings: EngineSettings) -> None:
        """An engine begins to work."""
        simulation = self.simulation
        ports = EnginePorts(
            store=self.store,
            journal=SimJournal(self),
            clock=self.clock,
            calls=self.calls,
            store_calls=self.calls,
            registry=simulation.registry,
            cloud=lambda stack, operation: simulation.cloud,
            users=lambda stack: Users(simulation.cloud),
            random=simulation.dice,
        )
        self.engine = Engine(ports, settings)
        self.task = self.loop.create_task(self.engine.run())

    def point(self, what: str) -> None:
        """Something durable, or a call: where the process may die. Raises Killed."""
        if not self.alive:
            raise Killed
        if self.watched:
            self.simulation.point(self, what)

    def die(self) -> None:
        """kill -9: nothing that it does from now on has any effect."""
        self.alive = False

    def bury(self) -> None:
        """Has what is left of a dead process unwind. A real one just vanishes; Python would unwind it at a moment of its own."""
        for thread in list(self.threads):
            thread.throw(Killed)
        for _ in range(100):
            tasks = self.loop.tasks()
            if not tasks:
                break
            for task in tasks:
                task.cancel()
            while self.loop.has_work():
                self.loop.step()
        self.loop.close()

    def pause(self, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after so long."""
        self.asleep_until = max(self.asleep_until, self.simulation.time + seconds)

    @property
    def asleep(self) -> bool:
        """Whether it is stopped."""
        return self.asleep_until > self.simulation.time

    @property
    def awakening(self) -> bool:
        """Whether it is stopped, or still at what it was in the middle of then."""
        return self.asleep_until + _AWAKENING > self.simulation.time

    def block(self, seconds: float) -> None:
        """What a thread waits for; the loop itself never does."""
        current = getcurrent()
        if current.parent is None:
            return
        self._still_alive()
        self.loop.call_later(seconds, current.switch)
        current.parent.switch()
        self._still_alive()

    def wait_for(self, future: Future[Any]) -> None:
        """A thread waits until it is done."""
        current = getcurrent()
        if current.parent is None:
            raise RuntimeError("the loop would wait for itself")
        self._still_alive()
        future.add_done_callback(lambda _: self.loop.call_soon(current.switch))
        current.parent.switch()
        self._still_alive()

    def _still_alive(self) -> None:
        if not self.alive:
            raise Killed

    def _unheard(self, context: dict[str, Any]) -> None:
        if self.alive and not isinstance(context.get("exception"), Killed):
            self.simulation.errors.append(f"{self.name}: {context.get('message')}: {context.get('exception')!r}")


class SimCalls:
    """Blocking calls, each in a greenlet; it begins and its result is heard of a moment later, as with threads."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def run(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Runs it off the loop and gives its result or its exception."""
        future: asyncio.Future[T] = self._process.loop.create_future()
        self._process.loop.call_later(self._process.simulation.moment(), self._begin, function, future)
        return future

    def lane(self, name: str) -> SimCalls:
        """There are as many threads as are asked for, so nobody has to wait for his turn."""
        return self

    def _begin(self, function: Callable[[], T], future: asyncio.Future[T]) -> None:
        if future.cancelled() or not self._process.alive:
            return

        def body() -> None:
            try:
                result = function()
            except Killed:
                return
            except Exception as error:
                self._later(future, None, error)
            else:
                self._later(future, result, None)
            finally:
                del self._process.threads[thread]

        thread = greenlet(body)
        self._process.threads[thread] = None
        thread.gr_context = contextvars.copy_context()
        thread.switch()

    def _later(self, future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
        def settle() -> None:
            if future.cancelled():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        self._process.loop.call_later(self._process.simulation.moment(), settle)

    def close(self) -> None:
        """Nothing to wait for."""


class SimClock:
    """The simulation's time, for the loop."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.blocking = SimBlockingClock(process)

    def now(self) -> datetime:
        """The time of day."""
        return self.blocking.now()

    def monotonic(self) -> float:
        """Seconds."""
        return self._process.simulation.time

    async def sleep(self, seconds: float) -> None:
        """Lets other work run for so long."""
        await asyncio.sleep(seconds)


class SimBlockingClock:
    """The same for what runs in threads."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def now(self) -> datetime:
        """The time of day."""
        return START + timedelta(seconds=self._process.simulation.time)

    def monotonic(self) -> float:
        """Seconds."""
        return self._process.simulation.time

    def sleep(self, seconds: float) -> None:
        """Others run meanwhile."""
        self._process.block(seconds)


@cache
def connections(url: str) -> tuple[Connections, Connections]:
    """Kept from one simulation to the next on the same path, for the statements that they have compiled already."""
    store = Store(url, "", durable=False)
    return store.writer, store.reader


class SimStore(Store):
    """The store of one process: a real database, whose every transaction takes a moment before and after."""

    def __init__(self, process: Process) -> None:
        super().__init__(process.simulation.url, process.simulation.key, durable=False)
        self.writer, self.reader = connections(process.simulation.url)
        self._process = process

    def read(self, work: Callable[[Connection], T]) -> T:
        """See `Store`."""
        self._process.block(self._process.simulation.moment())
        return super().read(work)

    def write(self, work: Callable[[Connection], T], patience: retry.Patience = retry.REQUEST) -> T:
        """See `Store`. A process may die before it, and after it before it knows."""
        process = self._process
        process.block(process.simulation.moment())
        process.point("write")
        result = super().write(work, patience)
        process.point("written")
        process.block(process.simulation.moment())
        return result


class SimFuture(Future[None]):
    """A commit's future; a thread that asks for its result waits."""

    def __init__(self, process: Process) -> None:
        super().__init__()
        self._process = process

    def result(self, timeout: float | None = None) -> None:
        """See `Future`."""
        if not self.done():
            self._process.wait_for(self)
        return super().result(0)


class SimJournal:
    """The group commit of `kamado.store.Journal`, driven by the simulation: commits take their time, and batches gather meanwhile."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._writer = GroupCommit(process.store)
        self._queue: list[tuple[Submission, Sequence[Change]]] = []
        self._busy = False

    def submit(self, operation_id: str, epoch: int, changes: Sequence[Change]) -> Future[None]:
        """See `JournalPort`."""
        if not self._process.alive:
            raise Killed
        submission = self._writer.submission(operation_id, epoch, changes)
        submission.future = SimFuture(self._process)
        submission.future.set_running_or_notify_cancel()
        self._queue.append((submission, list(changes)))
        self._next()
        return submission.future

    def _next(self) -> None:
        if self._queue and not self._busy:
            self._busy = True
            self._process.loop.call_later(self._process.simulation.moment(), self._commit)

    def _commit(self) -> None:
        if not self._process.alive:
            return
        batch, self._queue = self._queue, []
        found = self._writer.commit([submission for submission, _ in batch])
        if not self._process.alive:
            return
        for submission, changes in batch:
            if found[submission] is None:
                self._process.simulation.committed(submission.operation_id, changes)
            self._process.simulation.note(
                self._process, f"commit {submission.operation_id} {submission.epoch} {found[submission]!r} {changes!r}"
            )
        self._process.loop.call_later(self._process.simulation.moment(), self._settle, found)

    def _settle(self, found: dict[Submission, BaseException | None]) -> None:
        self._busy = False
        for submission, error in found.items():
            if error is None:
                submission.future.set_result(None)
            else:
                submission.future.set_exception(error)
        self._next()
