"""The engine's ports as a real process has them: the system's clock, threads for blocking calls; and inline calls for simulations.

Made by ``assemble`` and by tests.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Self, TypeVar

T = TypeVar("T")


class BlockingSystemClock:
    """The system's time for handlers in threads."""

    def now(self) -> datetime:
        """The time of day, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Blocks the calling thread."""
        time.sleep(seconds)


class SystemClock:
    """The system's time for the loop."""

    blocking = BlockingSystemClock()

    def now(self) -> datetime:
        """The time of day, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Lets other work run for so long."""
        return asyncio.sleep(seconds)


@dataclass(slots=True)
class _Job:
    """One call that waits for a thread, and whom to tell."""

    function: Callable[[], Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    """That of whoever asked: what it belongs to, for whoever traces."""

    def run(self) -> None:
        if self.future.cancelled():
            return
        try:
            tell: Any = partial(self._result, self.context.run(self.function))
        except BaseException as error:
            tell = partial(self._error, error)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self.loop.call_soon_threadsafe(tell)

    def _result(self, value: Any) -> None:
        if not self.future.cancelled():
            self.future.set_result(value)

    def _error(self, error: BaseException) -> None:
        if not self.future.cancelled():
            self.future.set_exception(error)


class ThreadCalls:
    """Blocking calls in up to ``threads`` threads, which are made when first needed; at most ``each`` of them for one lane.

    Lanes take turns, so a project with ten thousand calls to make does not keep another's single one waiting.
    """

    def __init__(self, threads: int, name: str = "call", each: int | None = None) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._threads = threads
        self._each = min(each or threads, threads)
        self._lock = threading.Lock()
        self._lanes: dict[str, deque[_Job]] = {}  # those with jobs, in the order of their turns
        self._busy: Counter[str] = Counter()
        self._working = 0

    def run(self, function: Callable[[], T]) -> Awaitable[T]:
        """Runs it off the loop and gives its result or its exception."""
        return self.run_in("", function)

    def lane(self, name: str) -> Lane:
        """The lane of that name."""
        return Lane(self, name)

    def run_in(self, lane: str, function: Callable[[], T]) -> Awaitable[T]:
        """Runs it when it is its lane's turn."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._lock:
            self._lanes.setdefault(lane, deque()).append(_Job(function, future, loop))
            more = self._working < self._threads
            self._working += more
        if more:
            self._pool.submit(self._work)
        return future

    def _work(self) -> None:
        """What a thread does: job after job, as long as there is one that may run."""
        while True:
            with self._lock:
                lane = next((lane for lane in self._lanes if self._busy[lane] < self._each), None)
                if lane is None:
                    self._working -= 1
                    return
                jobs = self._lanes.pop(lane)
                job = jobs.popleft()
                if jobs:
                    self._lanes[lane] = jobs  # behind the others
                self._busy[lane] += 1
            try:
                job.run()
            finally:
                with self._lock:
                    self._busy[lane] -= 1
                    if not self._busy[lane]:
                        del self._busy[lane]

    def close(self) -> None:
        """Waits for what runs and takes no more."""
        with self._lock:
            left = [job for jobs in self._lanes.values() for job in jobs]
            self._lanes.clear()
        for job in left:
            with contextlib.suppress(RuntimeError):
                job.loop.call_soon_threadsafe(job.future.cancel)
        self._pool.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Lane:
    """`ThreadCalls` as one project sees it."""

    calls: ThreadCalls
    name: str

    def run(self, function: Callable[[], T]) -> Awaitable[T]:
        """Runs it off the loop and gives its result or its exception."""
        return self.calls.run_in(self.name, function)

    def lane(self, name: str) -> Lane:
        """Another lane."""
        return Lane(self.calls, name)

    def close(self) -> None:
        """For all lanes."""
        self.calls.close()


class InlineCalls:
    """Calls on the loop's own thread: for simulations, where nothing blocks."""

    async def run(self, function: Callable[[], T]) -> T:
        """Runs it at once."""
        return function()

    def lane(self, name: str) -> Self:  # noqa: ARG002  # there is one line only
        """Nobody waits for a turn."""
        return self

    def close(self) -> None:
        """Nothing to wait for."""
