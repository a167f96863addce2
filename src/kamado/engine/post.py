"""What threads bring to the loop: all that comes together by one wake-up, for each wake-up is a call of the system.

One for an engine. The trap: what is delivered to a loop that has ended is lost, as it is for `call_soon_threadsafe`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable


class Post:
    """Delivers calls to the loop that first asks for it."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived: deque[Callable[[], None]] = deque()
        self._rung = False

    def here(self) -> Post:
        """Itself, delivering to the running loop."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self

    def deliver(self, call: Callable[[], None]) -> None:
        """Have the loop call it, in order. From any thread."""
        self._arrived.append(call)
        if not self._rung and self._loop is not None:
            self._rung = True
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._hand_out)

    def _hand_out(self) -> None:
        self._rung = False  # first of all: whoever comes from now on rings again
        while self._arrived:
            self._arrived.popleft()()
