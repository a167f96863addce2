"""Steps that change nothing about what a resource is: suspend, resume, check, snapshot. Called by the executor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kamado.engine import events
from kamado.engine.effects import Routine, StepFailed
from kamado.engine.plan import Step
from kamado.model.lifecycle import Action, Phase, Status
from kamado.plugin import lifecycle
from kamado.plugin.lifecycle import Outcome, OutcomeKind

if TYPE_CHECKING:
    from kamado.engine.run import Run

_RESUMABLE = {(Action.SUSPEND, Status.COMPLETE), (Action.RESUME, Status.FAILED), (Action.RESUME, Status.COMPLETE)}


def act(run: Run, step: Step) -> Routine[None]:
    """Carries out one step. Raises StepFailed."""
    action = run.plan.action
    row = run.ledger.rows.get(step.row_id or "")
    if row is None:
        return
    again = run.is_ours(row, action)
    refusal = None if again else _refusal(action, row.action, row.status, row.name)
    if not again:
        row = run.ledger.update(
            row.id,
            action=action,
            status=Status.IN_PROGRESS,
            reason=events.STATE_CHANGED,
            phase=Phase.INTENT,
            progress=None,
            operation_id=run.operation.id,
        )
        run.row_event(row)
    if refusal is not None:
        raise StepFailed(Outcome(OutcomeKind.FAIL, refusal), row.id)
    resource = run.resource(row, row.properties, row.metadata)
    reason = events.STATE_CHANGED
    if lifecycle.supports(resource, action):
        yield from run.caller.carry_out(resource, action, resume=again)
    elif action is Action.CHECK:
        reason = f"CHECK not supported for {row.type}"
    row = run.ledger.update(
        row.id, status=Status.COMPLETE, reason=reason, phase=Phase.NONE, progress=None, updated_at=run.now()
    )
    run.row_event(row)


def _refusal(action: Action, last: Action, status: Status, name: str) -> str | None:
    """Why the action does not fit the state that the resource is in, None when it does."""
    if action is Action.RESUME and (last, status) not in _RESUMABLE:
        return f"Error: resources.{name}: State ('{last}', '{status}') invalid for resume"
    if action is Action.SUSPEND and (status is Status.IN_PROGRESS or last is Action.DELETE):
        return f"Error: resources.{name}: State ('{last}', '{status}') invalid for suspend"
    return None
