"""Steps that change nothing about what a resource is: suspend, resume, check, snapshot. Called by the executor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kamado.engine import events
from kamado.engine.effects import Routine, StepFailed
from kamado.engine.plan import Step
from kamado.engine.uncertain import doubt
from kamado.model.lifecycle import Action, Phase, Status
from kamado.model.records import AFTER_SUSPEND, ResourceRecord
from kamado.plugin import lifecycle
from kamado.plugin.lifecycle import Outcome, OutcomeKind

if TYPE_CHECKING:
    from kamado.engine.run import Run

_RESUMABLE = {
    (Action.SUSPEND, Status.COMPLETE),
    (Action.SUSPEND, Status.FAILED),
    (Action.RESUME, Status.FAILED),
    (Action.RESUME, Status.COMPLETE),
}


def act(run: Run, step: Step) -> Routine[None]:
    """Carries out one step. Raises StepFailed."""
    action = run.plan.action
    row = run.ledger.rows.get(step.row_id or "")
    if row is None:
        return
    again = run.is_ours(row, action)
    awake = not again and _is_awake(run, row)
    refusal = None if again or awake else _refusal(action, row.action, row.status, row.name)
    if not again:
        row = run.ledger.update(
            row.id,
            action=action,
            status=Status.IN_PROGRESS,
            reason=events.STATE_CHANGED,
            phase=Phase.INTENT,
            progress=doubt(row),
            operation_id=run.operation.id,
        )
        run.row_event(row)
    if refusal is not None:
        raise StepFailed(Outcome(OutcomeKind.FAIL, refusal), row.id)
    resource = run.resource(row, row.properties, row.metadata)
    reason = events.STATE_CHANGED
    if awake:
        pass
    elif lifecycle.supports(resource, action):
        yield from run.caller.carry_out(resource, action, resume=again)
    elif action is Action.CHECK:
        reason = events.CHECK_NOT_SUPPORTED.format(row.type)
    row = run.ledger.update(
        row.id,
        status=Status.COMPLETE,
        reason=reason,
        phase=Phase.NONE,
        progress=doubt(run.ledger.rows[row.id]),
        updated_at=run.now(),
    )
    run.row_event(row)


def _is_awake(run: Run, row: ResourceRecord) -> bool:
    """Whether it is to be resumed and was never suspended: a suspension that failed or was cancelled had not come to it."""
    return (
        run.plan.action is Action.RESUME
        and bool(run.operation.options.get(AFTER_SUSPEND))
        and row.status is Status.COMPLETE
        and row.action not in (Action.SUSPEND, Action.RESUME)
    )


def _refusal(action: Action, last: Action, status: Status, name: str) -> str | None:
    """Why the action does not fit the state that the resource is in, None when it does."""
    if action is Action.RESUME and (last, status) not in _RESUMABLE:
        return f"Error: resources.{name}: State ('{last}', '{status}') invalid for resume"
    if action is Action.SUSPEND and (status is Status.IN_PROGRESS or last is Action.DELETE):
        return f"Error: resources.{name}: State ('{last}', '{status}') invalid for suspend"
    return None
