"""Bringing one resource into being, anew when it came out broken or something stood in its way.

What broke is deleted before another one is made, as often as `EngineSettings.action_retry_limit` says; when all of them fail, the first
failure is the one that is told, as in Heat. The row stays CREATE_IN_PROGRESS all the while and only its history tells of the
attempts, so a crash anywhere in between is an interrupted creation like any other. Called by `kamado.engine.making`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kamado.engine import events
from kamado.engine.calling import DELETE
from kamado.engine.effects import Routine, Sleep, StepFailed
from kamado.model.lifecycle import Action, Phase, Status
from kamado.model.records import ResourceRecord
from kamado.plugin.lifecycle import ErrorKind, Outcome, OutcomeKind
from kamado.plugin.resource import Resource

if TYPE_CHECKING:
    from kamado.engine.run import Run

RETRY = "retry"
"""Key in a row's progress: how often it was made anew, why first, and whether the broken one is still being deleted."""

Build = Callable[[ResourceRecord], Resource]
Tell = Callable[[ResourceRecord], None]


def create(run: Run, row_id: str, build: Build, tell: Tell, *, resume: bool = False) -> Routine[Resource]:
    """Makes the thing of a row. ``build`` gives the resource of the row as it is then, ``tell`` writes a line of history.

    ``resume``: an earlier engine had begun. Raises StepFailed.
    """
    while True:
        row = run.ledger.rows[row_id]
        if _state(row).get("clearing"):
            yield from _clear(run, row, build, tell)
            resume = False
        resource = build(run.ledger.rows[row_id])
        try:
            yield from run.caller.carry_out(resource, Action.CREATE, resume=resume)
        except StepFailed as failed:
            _again(run, run.ledger.rows[row_id], failed, tell)
        else:
            return resource


def _state(row: ResourceRecord) -> Mapping[str, Any]:
    return (row.progress or {}).get(RETRY) or {}


def _again(run: Run, row: ResourceRecord, failed: StepFailed, tell: Tell) -> None:
    """Decides whether another one is made, and writes down that the broken one goes. Raises StepFailed when it is not."""
    before = _state(row)
    count = int(before.get("count", 0)) + 1
    outcome = failed.outcome
    reason = str(before.get("reason") or outcome.reason)
    hopeless = outcome.kind is not OutcomeKind.FAIL or outcome.error is ErrorKind.OTHER
    if hopeless or count > run.caller.settings.action_retry_limit:
        if hopeless or not before:
            raise failed
        raise StepFailed(replace(outcome, reason=reason), row.id)
    row = run.ledger.update(
        row.id, phase=Phase.INTENT, progress={RETRY: {"count": count, "reason": reason, "clearing": True}}
    )
    tell(replace(row, status=Status.FAILED, reason=outcome.reason))
    tell(replace(row, action=Action.DELETE, reason=events.STATE_CHANGED))


def _clear(run: Run, row: ResourceRecord, build: Build, tell: Tell) -> Routine[None]:
    """Deletes the broken one, then waits a little."""
    state = _state(row)
    if row.physical_id is not None:
        try:
            yield from run.caller.carry_out(build(row), DELETE, resume=True)
        except StepFailed as failed:
            if failed.outcome.kind is not OutcomeKind.GONE:
                raise StepFailed(replace(failed.outcome, reason=str(state["reason"])), row.id) from failed
    row = run.ledger.update(
        row.id, physical_id=None, data={}, phase=Phase.INTENT, progress={RETRY: {**state, "clearing": False}}
    )
    tell(replace(row, action=Action.DELETE, status=Status.COMPLETE))
    tell(row)  # in the same batch, so that a crash while it waits loses no line
    yield Sleep(run.caller.pause(int(state["count"]), Outcome(OutcomeKind.RETRY, "")))
