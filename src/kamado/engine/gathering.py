"""Reading for many by one query: while one is under way, what others want to know gathers for the next.

The counterpart of the group commit: a thousand nested stacks that begin or end together cost a few queries, not some thousand. One of
each kind for an engine, on its loop. The trap: whoever asks is answered by a query that began after it asked, so nothing here is a cache.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from kamado.engine.ports import Calls, StorePort
from kamado.engine.targets import TargetLoader
from kamado.model.lifecycle import Action, Status
from kamado.model.records import ResourceRecord, SnapshotRecord, StackRecord
from kamado.plugin.context import ChildState

T = TypeVar("T")


class Gathering(Generic[T]):
    """``read`` gives what there is of some ids; it is called in a thread, by one call at a time."""

    def __init__(self, read: Callable[[Collection[str]], Mapping[str, T]], calls: Calls) -> None:
        self._read = read
        self._calls = calls
        self._asked: dict[str, list[asyncio.Future[T | None]]] = {}
        self._reader: asyncio.Task[None] | None = None

    async def get(self, key: str) -> T | None:
        """What there is of one id, None when there is nothing. Raises what reading raises."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T | None] = loop.create_future()
        self._asked.setdefault(key, []).append(answer)
        if self._reader is None:
            self._reader = loop.create_task(self._answer())
        return await answer

    async def _answer(self) -> None:
        try:
            while self._asked:
                asked, self._asked = self._asked, {}
                try:
                    found = await self._calls.run(partial(self._read, list(asked)))
                except BaseException as error:
                    for answer in (answer for answers in asked.values() for answer in answers if not answer.done()):
                        answer.set_exception(error)
                        answer.exception()  # heard of, even when whoever waited goes in this very moment
                    if not isinstance(error, Exception):
                        raise
                else:
                    for key, answers in asked.items():
                        for answer in answers:
                            if not answer.done():  # whoever waited may have gone
                                answer.set_result(found.get(key))
        finally:
            self._reader = None


@dataclass(frozen=True, slots=True)
class Begun:
    """What an operation begins with: its stack, gone or not, the rows of that, and of a stack that is to go its snapshots."""

    stack: StackRecord
    rows: list[ResourceRecord]
    snapshots: list[SnapshotRecord]


class Readings:
    """What the operations of an engine read, most of it together. ``loader``: their templates."""

    def __init__(self, loader: TargetLoader, store: StorePort, calls: Calls) -> None:
        self.loader = loader
        self.begun: Gathering[Begun] = Gathering(partial(_begun, store), calls)
        self.stacks: Gathering[StackRecord] = Gathering(partial(_stacks, store), calls)
        self.children: Gathering[ChildState] = Gathering(partial(child_states, store), calls)


def _stacks(store: StorePort, ids: Collection[str]) -> Mapping[str, StackRecord]:
    return {stack.id: stack for stack in store.stacks.several(ids)}


def _begun(store: StorePort, ids: Collection[str]) -> Mapping[str, Begun]:
    """2 queries, 3 when stacks are to go."""
    stacks = store.stacks.several(ids)
    rows = store.resources.of_stacks(ids)
    going = [stack.id for stack in stacks if stack.action is Action.DELETE]
    snapshots = store.snapshots.of_stacks(going) if going else {}
    return {stack.id: Begun(stack, rows[stack.id], list(snapshots.get(stack.id, ()))) for stack in stacks}


def child_states(store: StorePort, ids: Collection[str]) -> Mapping[str, ChildState]:
    """How nested stacks are; gone ones too. 1 query, and 2 when some are in the middle of something."""
    stacks = {stack.id: stack for stack in store.stacks.several(ids)}
    moving = [key for key, stack in stacks.items() if stack.status is Status.IN_PROGRESS]
    idle = set(moving) - set(store.operations.at_work(moving)) if moving else set()
    left = set()
    # An operation may have ended between the two looks, and another one may have begun since.
    for stack in store.stacks.several(sorted(idle)) if idle else ():
        if stack.status is Status.IN_PROGRESS and stack.operation_id == stacks[stack.id].operation_id:
            left.add(stack.id)
        stacks[stack.id] = stack
    return {
        key: ChildState(stack.action, stack.status, stack.reason, key not in left, stack.deleted_at is not None)
        for key, stack in stacks.items()
    }
