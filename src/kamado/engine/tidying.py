"""What an engine does besides operations: what snapshots that are to go keep in the cloud, and what its process cleans up now and then.

Made and run by the engine. The trap: nobody holds a lease on any of this, so several engines may do the same at once, and each may die
in the middle. Everything here can be done again, and by two.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

from kamado.engine.calling import DELETE_SNAPSHOT
from kamado.engine.children import stack_info
from kamado.engine.ports import EnginePorts, EngineSettings
from kamado.engine.targets import TargetLoader
from kamado.engine.waiting import Waiting
from kamado.model.identifiers import new_id
from kamado.model.lifecycle import Action, Status
from kamado.model.records import ResourceRecord, SnapshotRecord, StackRecord
from kamado.plugin import lifecycle
from kamado.plugin.context import Ports
from kamado.plugin.lifecycle import OutcomeKind
from kamado.plugin.registry import UnknownType

LOG = logging.getLogger(__name__)

SNAPSHOTS = "snapshots that are to go"
"""The bell that is rung when somebody wants a snapshot removed."""


class Tidying:
    """The tidying of one engine."""

    def __init__(self, ports: EnginePorts, settings: EngineSettings, waiting: Waiting) -> None:
        self._ports = ports
        self._settings = settings
        self._loader = TargetLoader(ports.store, ports.registry, settings.region)
        self._waiting = waiting

    async def keep_tidy(self) -> None:
        """Looks again and again, and when somebody asks for it, until cancelled."""
        bell = self._waiting.hang(SNAPSHOTS)
        while True:
            bell.clear()
            try:
                await self._snapshots()
                await self._ports.calls.run(self._ports.tidy)
            except Exception:
                LOG.exception("what is to be tidied up has to wait")
            await bell.wait(self._settings.tidy_interval)

    async def _snapshots(self) -> None:
        store = self._ports.store
        for snapshot in await self._ports.store_calls.run(store.snapshots.going):
            stack = await self._ports.store_calls.run(partial(store.stacks.get, snapshot.stack_id))
            if stack is None:
                continue  # it went with its stack
            reason = await self._empty(stack, snapshot)
            change = partial(store.snapshots.remove, snapshot.id)
            if reason:
                LOG.warning("a snapshot stays: %s", reason, extra={"stack": stack.id})
                change = partial(store.snapshots.update, snapshot.id, {"status": Status.FAILED, "reason": reason})
            await self._ports.store_calls.run(change)

    async def _empty(self, stack: StackRecord, snapshot: SnapshotRecord) -> str:
        """Deletes what a snapshot keeps in the cloud; why that cannot be done, "" when it is done."""
        ports = self._ports
        types = await ports.store_calls.run(partial(self._loader.nothing, stack.target))
        rows = await ports.store_calls.run(partial(ports.store.resources.of_stack, stack.id))
        standing = {row.name: row for row in rows if row.replaced_by is None}
        cloud = cache(partial(ports.cloud, stack, None))
        given = Ports(clock=ports.clock.blocking, cloud=cloud)
        for name, data in (snapshot.data.get("resources") or {}).items():
            row = standing.get(name) or _gone(stack, name, data)
            try:
                resource = lifecycle.build(types.types, row, stack_info(stack, self._settings.region), given)
            except UnknownType:
                continue
            if not lifecycle.supports(resource, DELETE_SNAPSHOT):
                continue
            try:
                token = await self._patiently(partial(lifecycle.start, resource, DELETE_SNAPSHOT, data))
                while not await self._patiently(partial(lifecycle.poll, resource, DELETE_SNAPSHOT, token)):
                    await ports.clock.sleep(self._settings.poll_max)
            except _Failed as failed:
                return str(failed)
        return ""

    async def _patiently(self, call: Callable[[], Any]) -> Any:
        """A call, repeated while it fails for a passing cause. What is gone already is gone. Raises _Failed."""
        wait = self._settings.retry_first
        for left in range(self._settings.action_retry_limit, -1, -1):
            try:
                return await self._ports.calls.run(call)
            except Exception as error:
                outcome = lifecycle.outcome(error)
                if outcome.kind is OutcomeKind.GONE:
                    return True
                if outcome.kind is not OutcomeKind.RETRY or left == 0:
                    raise _Failed(outcome.reason) from error
                await self._ports.clock.sleep(outcome.after or wait)
                wait = min(wait * 2, self._settings.retry_max)
        raise AssertionError("the loop returns or raises")


class _Failed(Exception):
    """What a snapshot keeps cannot be deleted; the text says why."""


def _gone(stack: StackRecord, name: str, data: Mapping[str, Any]) -> ResourceRecord:
    """A row for a resource that the stack has no more."""
    return ResourceRecord(
        id=new_id(),
        stack_id=stack.id,
        name=name,
        type=str(data.get("type") or ""),
        action=Action.SNAPSHOT,
        status=Status.COMPLETE,
        reason="",
        created_at=stack.created_at,
        physical_id=data.get("resource_id"),
    )
