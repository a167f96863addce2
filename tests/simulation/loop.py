"""An event loop of a simulated process: it has no clock and no I/O of its own, and does one thing each time it is told to.

Whoever runs the simulation decides when that is, so several processes take turns in one thread, an hour passes at once, and a
process that is not given its turn is one that was stopped (SIGSTOP) or is dead.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")


class SimLoop(asyncio.AbstractEventLoop):
    """``clock`` gives the simulation's time in seconds; ``unheard`` is told of exceptions that nobody waits for."""

    def __init__(self, clock: Callable[[], float], unheard: Callable[[dict[str, Any]], None]) -> None:
        self._clock = clock
        self._unheard = unheard
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._order = itertools.count()
        self._tasks: list[asyncio.Task[Any]] = []
        self._closed = False

    def has_work(self) -> bool:
        """Whether there is something to do now."""
        now = self._clock()
        while self._timers and (self._timers[0][0] <= now or self._timers[0][2].cancelled()):
            handle = heapq.heappop(self._timers)[2]
            if not handle.cancelled():
                self._ready.append(handle)
        return bool(self._ready)

    def next_moment(self) -> float | None:
        """When there is something to do next, None when there is nothing at all."""
        return self._timers[0][0] if self._timers else None

    def step(self) -> None:
        """Does the next thing."""
        handle = self._ready.popleft()
        if handle.cancelled():
            return
        events._set_running_loop(self)
        try:
            handle._run()
        finally:
            events._set_running_loop(None)

    def tasks(self) -> list[asyncio.Task[Any]]:
        """Those that have not ended, oldest first."""
        return [task for task in self._tasks if not task.done()]

    # What asyncio asks of a loop.

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> asyncio.Handle:
        """See `asyncio.AbstractEventLoop`."""
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_later(
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """See `asyncio.AbstractEventLoop`."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """See `asyncio.AbstractEventLoop`."""
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._order), handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Cancelled ones are dropped when their time has come."""

    def time(self) -> float:
        """The simulation's time."""
        return self._clock()

    def create_future(self) -> asyncio.Future[Any]:
        """See `asyncio.AbstractEventLoop`."""
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Coroutine[Any, Any, T], *, name: str | None = None, context: Context | None = None, **_: Any
    ) -> asyncio.Task[T]:
        """See `asyncio.AbstractEventLoop`."""
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self._tasks.append(task)
        if len(self._tasks) > 200:
            self._tasks = self.tasks()
        return task

    def get_debug(self) -> bool:
        """Never: debugging would measure real time."""
        return False

    def is_running(self) -> bool:
        """It always is."""
        return not self._closed

    def is_closed(self) -> bool:
        """Whether the process has ended."""
        return self._closed

    def close(self) -> None:
        """Nothing is done any more."""
        self._closed = True
        self._ready.clear()
        self._timers.clear()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Hands it to the simulation."""
        if not self._closed:
            self._unheard(context)
