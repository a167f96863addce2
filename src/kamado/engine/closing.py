"""How operations end: the changes of the last transaction, as data. Used by the executor.

The store keeps a superseded operation from touching its stack's state; what is written here for the others is the state that users see.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from kamado.engine import events
from kamado.model.changes import (
    AppendEvent,
    Change,
    InsertOperation,
    StopChildren,
    UpdateOperation,
    UpdateResource,
    UpdateSnapshot,
    UpdateStack,
)
from kamado.model.identifiers import new_id
from kamado.model.lifecycle import ROLLED_BACK_ON_FAILURE, Action, OperationState, Phase, Status, Stop
from kamado.model.records import (
    ABANDON,
    ADOPT_DATA,
    PLAN,
    SNAPSHOT_ID,
    TRACE,
    OperationRecord,
    ResourceRecord,
    StackRecord,
    Target,
    traced,
)


def completed(stack: StackRecord, operation: OperationRecord, now: datetime, besides: str = "") -> list[Change]:
    """The operation did what it was to do; ``besides`` is told right after that."""
    action = operation.action
    reason = events.completed(action) + besides
    values: dict[str, Any] = {"action": action, "status": Status.COMPLETE, "reason": reason}
    if action is Action.DELETE:
        values["deleted_at"] = now
    return [
        AppendEvent(events.stack_event(stack, action, Status.COMPLETE, reason, now)),
        UpdateStack(stack.id, values),
        _ended(operation, OperationState.DONE, reason, now),
    ]


def besides(action: Action, let_go: str, rows: Iterable[ResourceRecord]) -> str:
    """What there is to say of an action that ended well: ``let_go`` of a forced deletion, and whether a check could not look at all."""
    if action is Action.CHECK and any(row.reason == events.CHECK_NOT_SUPPORTED.format(row.type) for row in rows):
        return events.CHECKED_IN_PART
    return f"; {let_go}" if let_go else ""


def stack_failed(stack: StackRecord, action: Action, reason: str, now: datetime) -> list[Change]:
    """The stack's state and line of history when its action has failed."""
    return [
        AppendEvent(events.stack_event(stack, action, Status.FAILED, reason, now)),
        UpdateStack(stack.id, {"action": action, "status": Status.FAILED, "reason": reason}),
    ]


def refused(
    stack: StackRecord, operation: OperationRecord, before: OperationRecord | None, moved: str, now: datetime
) -> list[Change]:
    """The plan that the operation was held to does not hold any more: the stack is again what it was before it was accepted.

    ``before``: the operation that was the newest one then; what it wanted is what the stack wanted.
    """
    reason = events.PLAN_OUTDATED.format(operation.action, moved)
    was = operation.options[PLAN]["before"]
    values: dict[str, Any] = {
        **was,
        "action": Action(was["action"]),
        "status": Status(was["status"]),
        "updated_at": None if was["updated_at"] is None else datetime.fromisoformat(was["updated_at"]),
        "reason": reason,
    }
    if before is not None:
        values |= {"target": before.target, "operation_id": before.id}
    return [
        AppendEvent(events.stack_event(stack, operation.action, Status.FAILED, reason, now)),
        UpdateStack(stack.id, values),
        _ended(operation, OperationState.FAILED, reason, now),
    ]


def failed(
    stack: StackRecord,
    operation: OperationRecord,
    failure: str,
    timed_out: bool,
    rows: Iterable[ResourceRecord],
    now: datetime,
) -> list[Change]:
    """The operation failed, or ran out of time. A failure of a resource was said when it happened; other failures are said here."""
    changes: list[Change] = []
    reason = failure or events.TIMED_OUT
    if not follows(operation):
        changes += _aborted(rows, events.TIMED_OUT if timed_out else "", now)
    said = failure.startswith("Resource ") and operation.action is not Action.CHECK
    if not said:
        changes += stack_failed(stack, operation.action, reason, now)
    changes += _unfilled(operation, reason)
    changes.append(_ended(operation, OperationState.FAILED, reason, now))
    # A rollback goes on with nested stacks; else nobody does.
    changes.append(_children_too(stack, operation, Stop.SUPERSEDED if follows(operation) else Stop.CANCELLED, now))
    return changes


def cancelled(stack: StackRecord, operation: OperationRecord, now: datetime) -> list[Change]:
    """A user cancelled the operation: the stack's action has failed, while what is in flight goes on to its end.

    Nothing new is begun in nested stacks either.
    """
    reason = events.cancelled(operation.action)
    return [
        UpdateOperation(operation.id, {"reason": reason}),
        *stack_failed(stack, operation.action, reason, now),
        _children_too(stack, operation, Stop.CANCELLED, now),
    ]


def is_cancelled(operation: OperationRecord) -> bool:
    """Whether `cancelled` was written of it."""
    return operation.reason == events.cancelled(operation.action)


def stopped(
    stack: StackRecord, operation: OperationRecord, why: Stop, rows: Iterable[ResourceRecord], now: datetime
) -> list[Change]:
    """A newer operation waits for this one to end, or a user cancelled it.

    What waits in the middle is left as it is for a newer operation to go on with; after a cancel nobody may come, so it fails.
    """
    if why is Stop.SUPERSEDED:
        ended = _ended(operation, OperationState.SUPERSEDED, operation.reason, now)
        below = _children_too(stack, operation, why, now)
        return [*_unfilled(operation, events.cancelled(operation.action)), ended, below]
    reason = events.cancelled(operation.action)
    changes = _unfilled(operation, reason)
    changes += _aborted(rows, "user triggered cancel", now)
    if not is_cancelled(operation):
        changes += stack_failed(stack, operation.action, reason, now)
    changes.append(_ended(operation, OperationState.CANCELLED, reason, now))
    changes.append(_children_too(stack, operation, why, now))
    return changes


def filled(operation: OperationRecord, data: Mapping[str, Any]) -> Change:
    """The snapshot that a SNAPSHOT operation was asked for is there."""
    values = {"status": Status.COMPLETE, "reason": events.completed(operation.action), "data": data}
    return UpdateSnapshot(str(operation.options[SNAPSHOT_ID]), values)


def _unfilled(operation: OperationRecord, reason: str) -> list[Change]:
    if SNAPSHOT_ID not in operation.options:
        return []
    return [UpdateSnapshot(str(operation.options[SNAPSHOT_ID]), {"status": Status.FAILED, "reason": reason})]


def _children_too(stack: StackRecord, operation: OperationRecord, why: Stop, now: datetime) -> Change:
    """What the operation began in nested stacks stops with it."""
    return StopChildren(stack.id, operation.id, why, now)


def follows(operation: OperationRecord) -> bool:
    """Whether a rollback follows when the operation fails."""
    return operation.rollback and operation.action in ROLLED_BACK_ON_FAILURE


def given_back(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of what takes an operation with these back: what was taken over is given back, and not deleted."""
    told = options.get(ADOPT_DATA)
    return {} if told is None else {ABANDON: True, ADOPT_DATA: told}


def rollback(stack: StackRecord, operation: OperationRecord, target: Target, now: datetime) -> list[Change]:
    """The follow-up that brings the stack back to ``target``, and the state that shows it."""
    follow_up = OperationRecord(
        id=new_id(),
        stack_id=stack.id,
        action=Action.ROLLBACK,
        state=OperationState.PENDING,
        target=target,
        created_at=now,
        parent_id=operation.parent_id,
        credential_id=operation.credential_id,
        request_id=operation.request_id,
        project_id=stack.project_id,
        options=traced(given_back(operation.options), operation.options.get(TRACE)),
    )
    reason = events.started(Action.ROLLBACK)
    values = {
        "action": Action.ROLLBACK,
        "status": Status.IN_PROGRESS,
        "reason": reason,
        "target": target,
        "operation_id": follow_up.id,
    }
    return [
        InsertOperation(follow_up),
        UpdateStack(stack.id, values),
        AppendEvent(events.stack_event(stack, Action.ROLLBACK, Status.IN_PROGRESS, reason, now)),
    ]


def nothing_wanted(body: Mapping[str, Any]) -> dict[str, Any]:
    """A template of the same version without anything in it: what the rollback of a creation goes back to."""
    for name in ("heat_template_version", "HeatTemplateFormatVersion", "AWSTemplateFormatVersion"):
        if name in body:
            return {name: body[name]}
    return {"heat_template_version": "2018-08-31"}


def emptied(target: Target, template_id: str) -> Target:
    """A target with the template of nothing; parameters go, the rest of the environment stays."""
    environment = {name: value for name, value in target.environment.items() if name == "resource_registry"}
    return replace(target, template_id=template_id, files={}, environment=environment)


def _aborted(rows: Iterable[ResourceRecord], why: str, now: datetime) -> list[Change]:
    """Rows that are in the middle are FAILED, those that a superseded operation left too, for nobody comes any more to go on with
    them. What the cloud may hold of them stays known by their phase.
    """
    changes: list[Change] = []
    for row in list(rows):
        if row.status is not Status.IN_PROGRESS:
            continue
        reason = f"{row.action} aborted ({why})" if why else f"{row.action} aborted"
        unsure = row.action is Action.CREATE and row.physical_id is None and row.phase is not Phase.NONE
        values = {
            "status": Status.FAILED,
            "reason": reason,
            "updated_at": now,
            "phase": Phase.INTENT if unsure else Phase.NONE,
        }
        changes.append(UpdateResource(row.id, values, row.secret))
        failed_row = replace(row, status=Status.FAILED, reason=reason)
        changes.append(AppendEvent(events.resource_event(failed_row, None, now)))
    return changes


def _ended(operation: OperationRecord, state: OperationState, reason: str, now: datetime) -> Change:
    return UpdateOperation(operation.id, {"state": state, "reason": reason, "finished_at": now})
