"""The history of a stack, as asked for. Called by the APIs."""

from __future__ import annotations

from collections.abc import Sequence

from kamado.model.records import EventRecord, StackRecord
from kamado.orchestrator.context import Services
from kamado.store.events import EventFilter


def listing(services: Services, stack: StackRecord, wanted: EventFilter) -> Sequence[EventRecord]:
    """A page of a stack's events."""
    return services.store.events.page((stack.id,), wanted)


def show(services: Services, stack: StackRecord, resource_name: str, event_id: str) -> EventRecord | None:
    """One event, None when the stack's resource has none of that id."""
    found = services.store.events.get(stack.id, event_id)
    return found if found is not None and found.resource_name == resource_name else None
