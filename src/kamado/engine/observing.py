"""Looking around before an update is planned: what is not in order in nested stacks, and, when asked to, what is really in the cloud.

Called by the executor, and for plans that are only shown by the orchestrator. Looking changes nothing: one list call for the things of a
collection, or one read for each. The trap: what could not be looked at must not count as in order, so the update then ends before it
has begun.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any, TypeVar

from kamado.engine.children import stack_info
from kamado.engine.ports import EnginePorts, EngineSettings, Types
from kamado.engine.targets import Desired
from kamado.model.lifecycle import Action, Status
from kamado.model.records import CONVERGE, OperationRecord, ResourceRecord, StackRecord
from kamado.plugin import lifecycle
from kamado.plugin.context import Clock, Ports
from kamado.plugin.lifecycle import Observation, OutcomeKind
from kamado.plugin.registry import UnknownType
from kamado.plugin.resource import Resource

T = TypeVar("T")

_GOES_INTO_NESTED = frozenset({Action.UPDATE, Action.ROLLBACK, Action.RESTORE})


class Unobserved(Exception):
    """A resource could not be looked at; the text is the reason, as of a resource that failed."""


@dataclass(frozen=True, slots=True)
class Seen:
    """``unsound``: ids of nested stacks that an update must look into; ``observed``: row id → what is really there."""

    unsound: frozenset[str] = frozenset()
    observed: Mapping[str, Observation] = field(default_factory=dict)


def kind_of(types: Types, row: ResourceRecord) -> type[Resource] | None:
    """The class of a row, None when there is no such type any more."""
    try:
        return types.of(row)
    except UnknownType:
        return None


def composites(types: Types, rows: Sequence[ResourceRecord]) -> frozenset[str]:
    """Ids of the nested stacks that rows hold."""
    kinds = ((row.physical_id, kind_of(types, row)) for row in rows if row.physical_id is not None)
    return frozenset(key for key, kind in kinds if key is not None and kind is not None and kind.composite)


def to_look_at(
    types: Types, rows: Sequence[ResourceRecord], stack: StackRecord, clock: Clock, cloud: Callable[[], Any]
) -> dict[str, Resource]:
    """Row id → the resource, of all that are in order by the books and touch a cloud. ``cloud`` is asked in the thread that looks."""
    ports = Ports(clock=clock, cloud=cloud)
    info = stack_info(stack, "")
    found: dict[str, Resource] = {}
    for row in rows:
        kind = kind_of(types, row)
        settled = row.status is Status.COMPLETE and row.physical_id is not None and row.external_id is None
        if kind is not None and kind.local is not True and settled and row.replaced_by is None:
            found[row.id] = lifecycle.build(types, row, info, ports)
    return found


async def look(
    ports: EnginePorts,
    settings: EngineSettings,
    operation: OperationRecord,
    stack: StackRecord,
    desired: Desired,
    rows: Sequence[ResourceRecord],
) -> Seen:
    """What an update has to know besides its rows; nothing for other actions. Raises Unobserved."""
    if operation.action not in _GOES_INTO_NESTED:
        return Seen()
    nested = composites(desired.types, rows)
    converge = operation.action is Action.UPDATE and (operation.options.get(CONVERGE) or settings.observe_on_update)
    if not converge:
        if not nested:
            return Seen()
        return Seen(await ports.store_calls.run(partial(ports.store.stacks.unsound, stack.root_id or stack.id)))
    cloud = cache(partial(ports.cloud, stack, operation))
    resources = to_look_at(desired.types, rows, stack, ports.clock.blocking, cloud)
    lane = replace(ports, calls=ports.calls.lane(stack.project_id))
    await _patiently(lane, settings, partial(lifecycle.look_together, resources.values()))
    turn = asyncio.Semaphore(settings.concurrent_steps)

    async def observe(resource: Resource) -> Observation:
        async with turn:
            return await _patiently(lane, settings, partial(lifecycle.observe, resource), resource.name)

    observed = await asyncio.gather(*(observe(one) for one in resources.values()))
    return Seen(nested, dict(zip(resources, observed, strict=True)))


async def _patiently(ports: EnginePorts, settings: EngineSettings, call: Callable[[], T], name: str = "") -> T:
    """A look, taken again while it fails for a passing cause. ``name``: of the resource that is looked at, if it is one."""
    wait = settings.retry_first
    for left in range(settings.action_retry_limit, -1, -1):
        try:
            return await ports.calls.run(call)
        except Exception as error:
            outcome = lifecycle.outcome(error, name)
            if outcome.kind is not OutcomeKind.RETRY or left == 0:
                raise Unobserved(f"could not be looked at: {outcome.reason}") from error
            await ports.clock.sleep(max(wait, outcome.after or 0.0) * ports.random.uniform(1.0, 1.25))
            wait = min(wait * 2, settings.retry_max)
    raise AssertionError("the loop returns or raises")
