"""The engine's ports as a real process has them: the system's clock, threads for blocking calls; and inline calls for simulations.

Made by ``assemble`` and by tests.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TypeVar

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


class ThreadCalls:
    """Blocking calls in up to ``threads`` threads, which are made when first needed."""

    def __init__(self, threads: int, name: str = "call") -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    def run(self, function: Callable[[], T]) -> Awaitable[T]:
        """Runs it off the loop and gives its result or its exception."""
        return asyncio.get_running_loop().run_in_executor(self._pool, function)

    def close(self) -> None:
        """Waits for what runs and takes no more."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class InlineCalls:
    """Calls on the loop's own thread: for simulations, where nothing blocks."""

    async def run(self, function: Callable[[], T]) -> T:
        """Runs it at once."""
        return function()

    def close(self) -> None:
        """Nothing to wait for."""
