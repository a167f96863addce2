"""Steps that change nothing about what a resource is: suspend, resume, check, snapshot. Called by the executor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kamado.engine import events
from kamado.engine.carried import asleep, carried, doubt
from kamado.engine.effects import Routine, StepFailed
from kamado.engine.plan import Step
from kamado.model.lifecycle import Action, Phase, Status
from kamado.model.records import AFTER_SUSPEND, ResourceRecord
from kamado.plugin import lifecycle
from kamado.plugin.errors import place_of
from kamado.plugin.lifecycle import Outcome, OutcomeKind

if TYPE_CHECKING:
    from kamado.engine.run import Run

_RESUMABLE = {
    (Action.SUSPEND, Status.COMPLETE),
    (Action.SUSPEND, Status.FAILED),
    (Action.SUSPEND, Status.IN_PROGRESS),
    (Action.RESUME, Status.FAILED),
    (Action.RESUME, Status.COMPLETE),
}

_GIVES_WAY = frozenset({Action.CHECK, Action.SNAPSHOT, Action.RESUME})
"""What an operation that was cancelled or failed may have left in the middle without harm to what comes next."""

_TURNS = frozenset({Action.SUSPEND, Action.RESUME})
"""Of what failed only these may be put to sleep: one that had not got there, or had not got back."""


def act(run: Run, step: Step) -> Routine[None]:
    """Carries out one step. Raises StepFailed."""
    action = run.plan.action
    row = run.ledger.rows.get(step.row_id or "")
    if row is None:
        return
    ours = run.is_ours(row, action)
    begun = (
        row.action is action and row.status is Status.IN_PROGRESS
    )  # by us before a crash, or by whom we take over from
    awake = not begun and _is_awake(run, row)
    refusal = None if begun or awake else _refusal(action, row)
    if refusal is not None:
        raise StepFailed(Outcome(OutcomeKind.FAIL, refusal), row.id, spared=True)
    if action is Action.CHECK and not lifecycle.supports(run.resource(row, row.properties, row.metadata), action):
        _ended(run, row, events.CHECK_NOT_SUPPORTED.format(row.type))
        return
    if not ours:
        row = run.ledger.update(
            row.id,
            action=action,
            status=Status.IN_PROGRESS,
            reason=events.STATE_CHANGED,
            phase=row.phase if begun else Phase.INTENT,
            progress=row.progress if begun else carried(row),
            operation_id=run.operation.id,
        )
        run.row_event(row)
    resource = run.resource(row, row.properties, row.metadata)
    if not awake and lifecycle.supports(resource, action):
        yield from run.caller.carry_out(resource, action, resume=begun)
    _ended(run, row, events.STATE_CHANGED)


def _ended(run: Run, row: ResourceRecord, reason: str) -> None:
    action = run.plan.action
    ended = run.ledger.update(
        row.id,
        action=action,
        status=Status.COMPLETE,
        reason=reason,
        phase=Phase.NONE,
        progress=(doubt if action is Action.RESUME else carried)(run.ledger.rows[row.id]),
        operation_id=run.operation.id,
        updated_at=run.now(),
    )
    run.row_event(ended)


def _is_awake(run: Run, row: ResourceRecord) -> bool:
    """Whether it is to be resumed and was never suspended: a suspension that failed or was cancelled had not come to it."""
    return (
        run.plan.action is Action.RESUME
        and bool(run.operation.options.get(AFTER_SUSPEND))
        and row.status is Status.COMPLETE
        and row.action not in (Action.SUSPEND, Action.RESUME)
        and not asleep(row)
    )


def _refusal(action: Action, row: ResourceRecord) -> str | None:
    """Why the action does not fit the state that the resource is in, None when it does. The resource then stays as it is, as in Heat."""
    if action is Action.RESUME:
        fits = (row.action, row.status) in _RESUMABLE or asleep(row)
    elif row.status is Status.IN_PROGRESS:
        fits = row.action in _GIVES_WAY
    else:
        fits = action is not Action.SUSPEND or row.status is Status.COMPLETE or row.action in _TURNS
    if fits:
        return None
    return f"Error: {place_of(row.name)}: State ('{row.action}', '{row.status}') invalid for {action.lower()}"
