"""The history of a stack, as asked for. Called by the APIs."""

from __future__ import annotations

from kamado.model.records import EventRecord, StackRecord
from kamado.orchestrator import resources
from kamado.orchestrator.context import Services
from kamado.store.events import EventFilter


def listing(
    services: Services, stack: StackRecord, wanted: EventFilter, depth: int = 0
) -> list[tuple[StackRecord, EventRecord]]:
    """A page of the events of a stack and of those nested in it down to ``depth``, each with its stack."""
    stacks = {found.id: found for found in (stack, *resources.nested_in(services, stack, depth))}
    return [(stacks[event.stack_id], event) for event in services.store.events.page(tuple(stacks), wanted)]


def show(services: Services, stack: StackRecord, resource_name: str, event_id: str) -> EventRecord | None:
    """One event, None when the stack's resource has none of that id."""
    found = services.store.events.get(stack.id, event_id)
    return found if found is not None and found.resource_name == resource_name else None
