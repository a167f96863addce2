"""Waiting for child stacks and for signals, and telling of news: who in this process waits for the end of an operation on which stack,
or for a signal to which row (ids are unique, so one table serves both).

One for each engine, shared by all that it executes. The trap: a ring is a courtesy of the engine that ended the operation, and so is
the news that another process sends; when it gets lost, the parent's execution looks with one query for all its children
(`Execution`), and each waiting step by itself now and then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from kamado.engine.claims import Claims
from kamado.engine.looks import Looks
from kamado.engine.post import Post

FALLBACK_SECONDS = 30.0
"""After so long a waiting step looks at its child by itself."""


class Bell:
    """Rung when what somebody waits for has happened, or may have. On the loop; one step waits for each."""

    __slots__ = ("_rung", "_waiter")

    def __init__(self) -> None:
        self._rung = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Ring it."""
        self._rung = True
        if self._waiter is not None:
            _wake(self._waiter)

    def clear(self) -> None:
        """It is not rung any more."""
        self._rung = False

    async def wait(self, seconds: float) -> None:
        """Until it is rung, for at most so long."""
        if self._rung:
            return
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(seconds, _wake, self._waiter)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def nobody() -> None:
    """Told of new work where there is no engine to tell."""


def nobody_else(ended: Collection[str] = ()) -> None:
    """Told of news where there is no other process to tell."""


class Waiting:
    """The bells of an engine. On the loop, but for `work`.

    ``wake``: has the engine look at its queue; may be called from any thread. ``tell``: the other processes (`EnginePorts.tell`).
    """

    def __init__(
        self, wake: Callable[[], None] = nobody, tell: Callable[[Collection[str]], None] = nobody_else
    ) -> None:
        self._wake = wake
        self._tell = tell
        self._bells: dict[str, list[Bell]] = {}
        self.post = Post()
        self.looks = Looks()
        self.claims = Claims()

    def work(self) -> None:
        """There is new work in the queue, for whoever has room. From any thread."""
        self._wake()
        self._tell(())

    def ended(self, stack_id: str, nested: bool) -> None:
        """An operation on a stack has ended here: whoever waits for it, in this process or in another, looks."""
        if not self.ring(stack_id) and nested:
            self._tell((stack_id,))

    def hang(self, stack_id: str) -> Bell:
        """A bell that is rung when an operation on the stack ends."""
        bell = Bell()
        self._bells.setdefault(stack_id, []).append(bell)
        return bell

    def take_down(self, stack_id: str, bell: Bell) -> None:
        """Nobody waits for this one any more."""
        bells = self._bells.get(stack_id, [])
        if bell in bells:
            bells.remove(bell)
        if not bells:
            self._bells.pop(stack_id, None)

    def ring(self, stack_id: str) -> bool:
        """An operation on the stack has ended, here or elsewhere; whether somebody waits for it here."""
        bells = self._bells.get(stack_id, ())
        for bell in bells:
            bell.set()
        return bool(bells)


class Bells:
    """Those of one operation, out of the engine's (``waiting``): the nested stacks that it waits for."""

    def __init__(self, waiting: Waiting | None = None) -> None:
        self.waiting = waiting or Waiting()
        self.awaited: dict[str, Bell] = {}

    def hang(self, stack_id: str) -> Bell:
        """A bell that is rung when an operation on the stack ends."""
        bell = self.awaited[stack_id] = self.waiting.hang(stack_id)
        return bell

    def take_down(self, stack_id: str, bell: Bell) -> None:
        """It is waited for no more."""
        self.waiting.take_down(stack_id, bell)
        if self.awaited.get(stack_id) is bell:
            del self.awaited[stack_id]
