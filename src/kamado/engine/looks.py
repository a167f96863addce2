"""Looking at many things of one collection by one call.

Steps that wait for things of the same collection, in the same cloud, and are due at the same moment share one list call; `together` has
them due at the same moment. One board for each engine, on its loop. The trap: a list may be late or not show everything, so what it does
not show is looked at singly, by whoever asked.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kamado.engine.ports import Calls, Clock

GATHER_SECONDS = 0.02
"""So long a look waits for others who are due at the same moment."""

FEWEST = 3
"""Fewer than so many look singly: a list may be long."""

ListThem = Callable[[Collection[str]], Mapping[str, Any]]


@dataclass(slots=True)
class _Round:
    """Those who gather for one call, and its answer to come."""

    answer: asyncio.Future[Mapping[str, Any]]
    ids: list[str] = field(default_factory=list)


class Looks:
    """The board of an engine."""

    def __init__(self) -> None:
        self._rounds: dict[Hashable, _Round] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def look(self, key: Hashable, thing: str, list_them: ListThem, ports: tuple[Clock, Calls]) -> Any:
        """What a list shows of one thing, None when it does not or when too few asked. Raises what the call raises.

        ``key``: cloud and collection; ``list_them`` is called in a thread.
        """
        loop = asyncio.get_running_loop()
        waiting = self._rounds.get(key)
        if waiting is None:
            waiting = self._rounds[key] = _Round(loop.create_future())
            task = loop.create_task(self._call(key, waiting, list_them, ports))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        waiting.ids.append(thing)
        return (await asyncio.shield(waiting.answer)).get(thing)

    async def _call(self, key: Hashable, waiting: _Round, list_them: ListThem, ports: tuple[Clock, Calls]) -> None:
        clock, calls = ports
        try:
            try:
                await clock.sleep(GATHER_SECONDS)
            finally:
                del self._rounds[key]  # who comes from here on gathers for the next call
            found: Mapping[str, Any] = {}
            if len(waiting.ids) >= FEWEST:
                found = await calls.run(partial(list_them, waiting.ids))
        except BaseException as error:
            if not waiting.answer.done():
                waiting.answer.set_exception(error)
                waiting.answer.exception()  # heard of, even when all who waited have gone
            if not isinstance(error, Exception):
                raise
        else:
            if not waiting.answer.done():
                waiting.answer.set_result(found)


def together(now: float, seconds: float) -> float:
    """Seconds to wait, at least so many and at most half as much again, until a moment at which others are due too.

    These moments are multiples of a power of two, so who waits long is due with those who wait for less.
    """
    if seconds <= 0:
        return seconds
    grid = 2.0 ** math.floor(math.log2(seconds / 2))
    return math.ceil((now + seconds) / grid) * grid - now
