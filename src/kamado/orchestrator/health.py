"""Marks of health: somebody says that a resource is broken, so that the next update replaces it, or that it is in order after all.

Called by the API, and by signals that have something replaced. Written beside any operation, under the row's lock; a row in the middle of
an action is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kamado.engine.carried import UNCERTAIN, uncertain
from kamado.engine.events import resource_event
from kamado.model.lifecycle import Action, Status
from kamado.model.records import EventRecord, ResourceRecord, StackRecord
from kamado.orchestrator.context import Services
from kamado.orchestrator.errors import ActionInProgress, PhysicalResourceIDAmbiguity, ResourceNotFound
from kamado.store.resources import in_use

_MARKED = "state changed by resource_mark_unhealthy api"

_Decision = tuple[Mapping[str, Any], Sequence[EventRecord]]


def mark(services: Services, stack: StackRecord, name: str, unhealthy: bool, reason: str = "") -> None:
    """Say that a resource is broken, so that the next update replaces it, or that it is in order after all.

    ``name`` may be the thing's id in the cloud.

    :raises ResourceNotFound, PhysicalResourceIDAmbiguity: nothing, or more than one thing, is called so.
    :raises ActionInProgress: something is being done to the resource.
    """
    row = _find(services, stack, name)

    def decide(now: ResourceRecord) -> _Decision:
        if now.status is Status.IN_PROGRESS:
            raise ActionInProgress.of(stack.name, str(stack.action))
        broken = (now.action, now.status) == (Action.CHECK, Status.FAILED)
        if now.action is Action.DELETE or (not unhealthy and not broken):
            return {}, ()
        values: dict[str, Any] = {
            "action": Action.CHECK,
            "status": Status.FAILED if unhealthy else Status.COMPLETE,
            "reason": reason or _MARKED,
            "updated_at": services.clock.now(),
            **({"progress": {**(now.progress or {}), UNCERTAIN: True}} if uncertain(now) else {}),
        }
        return values, (resource_event(replace(now, **values), None, services.clock.now()),)

    services.store.resources.change(row.id, decide)


def _find(services: Services, stack: StackRecord, name: str) -> ResourceRecord:
    standing = in_use(services.store.resources.of_stack(stack.id))
    if name in standing:
        return standing[name]
    alike = [row for row in standing.values() if row.physical_id == name]
    if len(alike) > 1:
        raise PhysicalResourceIDAmbiguity.of(name)
    if not alike:
        raise ResourceNotFound.of(name, stack.name)
    return alike[0]
