"""Waiting for child stacks: who in this process waits for the end of an operation on which stack.

One for each engine, shared by all that it executes. The trap: a ring is a courtesy of the engine that ended the operation;
when that is another process, the parent's execution looks with one query for all its children (`Execution`), and each waiting
step by itself now and then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

FALLBACK_SECONDS = 30.0
"""After so long a waiting step looks at its child by itself."""


def nobody() -> None:
    """Told of new work where there is no engine to tell."""


class Waiting:
    """The bells of an engine. ``wake``: has the engine look at its queue; may be called from any thread. On the loop else."""

    def __init__(self, wake: Callable[[], None] = nobody) -> None:
        self.wake = wake
        self._bells: dict[str, list[asyncio.Event]] = {}

    def hang(self, stack_id: str) -> asyncio.Event:
        """A bell that is rung when an operation on the stack ends."""
        bell = asyncio.Event()
        self._bells.setdefault(stack_id, []).append(bell)
        return bell

    def take_down(self, stack_id: str, bell: asyncio.Event) -> None:
        """Nobody waits for this one any more."""
        bells = self._bells.get(stack_id, [])
        if bell in bells:
            bells.remove(bell)
        if not bells:
            self._bells.pop(stack_id, None)

    def ring(self, stack_id: str) -> None:
        """An operation on the stack has ended."""
        for bell in self._bells.get(stack_id, ()):
            bell.set()

    def awaited(self, stack_ids: Iterable[str]) -> list[str]:
        """Those of ``stack_ids`` that somebody waits for."""
        return [stack_id for stack_id in stack_ids if stack_id in self._bells]
