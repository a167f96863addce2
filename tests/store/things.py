"""Records with everything filled in that a test does not care about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from kamado.model.identifiers import new_id
from kamado.model.lifecycle import Action, OperationState, Status
from kamado.model.records import EventRecord, OperationRecord, ResourceRecord, StackRecord, Target
from kamado.store import Store

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
LEASE = timedelta(seconds=30)
PROJECT = "p1"


def a_stack(name: str = "web", **values: Any) -> StackRecord:
    """A root stack that is being created."""
    defaults: dict[str, Any] = {
        "id": new_id(),
        "name": name,
        "project_id": PROJECT,
        "action": Action.CREATE,
        "status": Status.IN_PROGRESS,
        "reason": "Stack CREATE started",
        "target": Target("t" * 64),
        "created_at": NOW,
    }
    return StackRecord(**{**defaults, **values})


def an_operation(stack_id: str, **values: Any) -> OperationRecord:
    """A create that waits."""
    defaults: dict[str, Any] = {
        "id": new_id(),
        "stack_id": stack_id,
        "action": Action.CREATE,
        "state": OperationState.PENDING,
        "target": Target("t" * 64),
        "created_at": NOW,
    }
    return OperationRecord(**{**defaults, **values})


def an_event(stack_id: str, name: str = "web", **values: Any) -> EventRecord:
    """Something began to be created."""
    defaults: dict[str, Any] = {
        "id": new_id(),
        "stack_id": stack_id,
        "resource_name": name,
        "resource_type": "OS::Heat::Stack",
        "physical_id": stack_id,
        "action": "CREATE",
        "status": "IN_PROGRESS",
        "reason": "Stack CREATE started",
        "created_at": NOW,
    }
    return EventRecord(**{**defaults, **values})


def a_resource(stack_id: str, name: str = "net", **values: Any) -> ResourceRecord:
    """A row that is about to be created."""
    defaults: dict[str, Any] = {
        "id": new_id(),
        "stack_id": stack_id,
        "name": name,
        "type": "OS::Neutron::Net",
        "action": Action.CREATE,
        "status": Status.IN_PROGRESS,
        "reason": "state changed",
        "created_at": NOW,
    }
    return ResourceRecord(**{**defaults, **values})


def accept(store: Store, name: str = "web", **values: Any) -> OperationRecord:
    """A new stack's pending operation."""
    stack = a_stack(name, **values)
    operation = an_operation(stack.id, created_at=stack.created_at, project_id=stack.project_id)
    store.stacks.create(stack, operation, an_event(stack.id))
    return operation


def running(store: Store, name: str = "web", engine: str = "e1", **values: Any) -> OperationRecord:
    """A new stack's operation under a lease of ``engine``."""
    operation = accept(store, name, **values)
    (claimed,) = store.operations.claim(engine, NOW, LEASE, 1)
    assert claimed.id == operation.id
    return claimed


def update(store: Store, stack_id: str, values: Mapping[str, Any] | None = None, **more: Any) -> OperationRecord:
    """An update accepted on a stack."""
    operation = an_operation(stack_id, action=Action.UPDATE, **more)
    store.stacks.start(operation, values or {"action": Action.UPDATE, "status": Status.IN_PROGRESS}, an_event(stack_id))
    return operation
