"""The lines of a stack's history, as Heat words them.

Made by the executor for every change of a state; the orchestrator makes the line that says a stack action was started.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kamado.engine.plan import MASKED
from kamado.model.identifiers import new_id
from kamado.model.lifecycle import Action, Status
from kamado.model.records import EventRecord, ResourceRecord, StackRecord
from kamado.plugin.declare import ResourceSchema
from kamado.template.hidden import NOTHING, Hidden, masked
from kamado.template.schema import TypeSchema

REASON_LIMIT = 255
"""Characters of an event's reason that Heat keeps."""

STATE_CHANGED = "state changed"
REQUIRES_REPLACEMENT = "The Resource {} requires replacement."
"""The end of an update that turned into a replacement; the old resource is what it was."""
TRIED_AGAIN = "{} (it is tried again)"
"""Reason of a resource while what failed for a passing cause waits for its next attempt."""

RESTRICTED = "{} is restricted for resource."
"""The end of an update that the environment does not allow."""
CHECK_NOT_SUPPORTED = "CHECK not supported for {}"
"""The end of a check of a type that cannot be looked at."""
CHECKED_IN_PART = ". 'CHECK' not fully supported (see resources)"
"""What follows the reason of a stack's check when there are such resources in it."""
TIMED_OUT = "Timed out"
LET_GO = "let go of, and perhaps still in the cloud: "
"""What follows the reason of a forced deletion, before the names."""
PLAN_OUTDATED = "Stack {} refused: the plan does not hold any more, {}. Nothing was done."
"""The reason of an operation that was held to a plan and could not be what that said."""


def started(action: Action) -> str:
    """The reason of the line that starts a stack action."""
    return f"Stack {action} started"


def completed(action: Action) -> str:
    """The reason of the line that ends a stack action well."""
    return f"Stack {action} completed successfully"


def cancelled(action: Action) -> str:
    """The reason of the line that ends a stack action that a user cancelled."""
    return f"Stack {action} cancelled"


def stack_event(stack: StackRecord, action: Action, status: Status, reason: str, now: datetime) -> EventRecord:
    """A line about the stack itself; it carries the stack's name and id as a resource's."""
    return EventRecord(
        id=new_id(),
        stack_id=stack.id,
        resource_name=stack.name,
        resource_type="OS::Heat::Stack",
        physical_id=stack.id,
        action=action.value,
        status=status.value,
        reason=reason[:REASON_LIMIT],
        created_at=now,
    )


def resource_event(row: ResourceRecord, properties: Mapping[str, Any] | None, now: datetime) -> EventRecord:
    """A line about a resource in the state that its row has now; ``properties`` as `visible` gave them.

    As in Heat, the physical name stands for the id as long as there is none.
    """
    return EventRecord(
        id=new_id(),
        stack_id=row.stack_id,
        resource_name=row.name,
        resource_type=row.type,
        physical_id=row.physical_id or row.physical_name,
        action=row.action.value,
        status=row.status.value,
        reason=row.reason[:REASON_LIMIT],
        created_at=now,
        properties=properties,
        secret=row.secret,
    )


def without_defaults(schema: TypeSchema, properties: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Properties but for those that have the default of their type: what a template is likely to have written."""
    if not properties:
        return properties
    declared = schema.properties
    return {
        name: value for name, value in properties.items() if name not in declared or declared[name].default != value
    }


def visible(
    schema: TypeSchema | None, properties: Mapping[str, Any] | None, hidden: Hidden = NOTHING
) -> Mapping[str, Any] | None:
    """Properties as an event may show them. ``hidden``: where in them a hidden parameter went."""
    if not properties:
        return properties
    secrets = schema.secrets if isinstance(schema, ResourceSchema) else frozenset()
    if not hidden and secrets.isdisjoint(properties):
        return properties
    found: Mapping[str, Any] = masked(properties, {**hidden, **dict.fromkeys(secrets)}, MASKED)
    return found
