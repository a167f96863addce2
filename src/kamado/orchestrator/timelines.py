"""What an operation spent its time on: for each resource when it began, when it ended, and what it waited for.

Called by the REST API. Made of the operation's row, the stack's events and what its rows require, so it costs the engine nothing. The trap:
events are all that is known of rows that are gone, so of what was deleted it is not told what it waited for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from kamado.model.lifecycle import Action, Status
from kamado.model.records import EventRecord, OperationRecord, StackRecord
from kamado.orchestrator.context import Services
from kamado.orchestrator.errors import NotFound
from kamado.store.events import EventFilter

_STATUSES = frozenset(str(status) for status in Status)


@dataclass(frozen=True, slots=True)
class Stretch:
    """One action on one resource. Seconds are None where they cannot be told.

    ``waited``: from the start of the operation until the last of what it waited for was there, and ``waited_for`` is that one;
    ``queued``: from then until it began: the engine, its limits, or a signal.
    """

    resource_name: str
    resource_type: str
    action: str
    status: str
    started_at: datetime
    ended_at: datetime | None
    waited: float
    waited_for: str | None
    queued: float

    @property
    def seconds(self) -> float | None:
        """How long it took."""
        return None if self.ended_at is None else (self.ended_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Timeline:
    """An operation and what it did, in the order in which it was begun."""

    operation: OperationRecord
    stretches: Sequence[Stretch]


def of_operation(services: Services, stack: StackRecord, operation_id: str | None = None) -> Timeline:
    """The timeline of an operation of a stack, by default the newest.

    :raises NotFound: the stack has no such operation.
    """
    operations = services.store.operations.of_stack(stack.id)
    found = [one for one in operations if operation_id is None or one.id == operation_id]
    if not found:
        raise NotFound(f"Operation with id {operation_id} not found")
    operation = found[-1]
    history = services.store.events.page((stack.id,), EventFilter(sort_keys=("event_time",), sort_dir="asc"))
    events = [event for event in history if event.physical_id != stack.id]
    rows = services.store.resources.of_stack(stack.id)
    names = {row.id: row.name for row in rows}
    requires = {row.name: [names[key] for key in row.requires if key in names] for row in rows}
    return Timeline(operation, stretches(operation, events, requires))


def stretches(
    operation: OperationRecord, events: Sequence[EventRecord], requires: Mapping[str, Sequence[str]]
) -> list[Stretch]:
    """What an operation did, from events in their order. ``requires``: resource → resources that it stands on."""
    begun = operation.started_at or operation.created_at
    ended: dict[str, datetime] = {}
    running: dict[tuple[str, str], int] = {}
    found: list[Stretch] = []
    users = _users(requires)
    for event in events:
        if event.created_at < operation.created_at or event.status not in _STATUSES:
            continue
        if operation.finished_at is not None and event.created_at > operation.finished_at:
            break
        key = (event.resource_name, event.action)
        if event.status == Status.IN_PROGRESS:
            running[key] = len(found)
            needs = users if event.action in _BACKWARDS else requires
            found.append(_begun(event, begun, needs.get(event.resource_name, ()), ended))
        else:
            ended[event.resource_name] = event.created_at
            place = running.pop(key, None)
            if place is not None:
                found[place] = _ended(found[place], event)
    return found


_BACKWARDS = frozenset({str(Action.DELETE), str(Action.SUSPEND)})
"""Actions that begin with what nobody stands on."""


def _users(requires: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, needed in requires.items():
        for one in needed:
            found.setdefault(one, []).append(name)
    return found


def _begun(event: EventRecord, begun: datetime, needs: Sequence[str], ended: Mapping[str, datetime]) -> Stretch:
    last = max((name for name in needs if name in ended), key=lambda name: ended[name], default=None)
    ready = max(begun, ended[last]) if last is not None else begun
    return Stretch(
        resource_name=event.resource_name,
        resource_type=event.resource_type,
        action=event.action,
        status=event.status,
        started_at=event.created_at,
        ended_at=None,
        waited=max(0.0, (ready - begun).total_seconds()),
        waited_for=last,
        queued=max(0.0, (event.created_at - ready).total_seconds()),
    )


def _ended(stretch: Stretch, event: EventRecord) -> Stretch:
    return replace(stretch, status=event.status, ended_at=event.created_at)
