"""Steps that take a resource away: from the cloud, then from the books.

The row goes in the same transaction as its last line of history, and only when the cloud no longer has the thing. What may exist
without our knowing its id is looked for first. Called by the executor.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from kamado.engine import events
from kamado.engine.calling import DELETE, DELETE_SNAPSHOT, SNAPSHOT_DELETE
from kamado.engine.carried import doubt, uncertain
from kamado.engine.effects import DURABLE, Call, Enter, Routine, Sleep, StepFailed
from kamado.engine.hooks import wait_at
from kamado.engine.plan import Step
from kamado.model.changes import UpdateOperation
from kamado.model.lifecycle import Action, Phase, Status
from kamado.model.records import ABANDON, ADOPT_DATA, FORCE, RETAIN, ResourceRecord, taken_over
from kamado.plugin import lifecycle
from kamado.plugin.lifecycle import ErrorKind, OutcomeKind
from kamado.plugin.registry import UnknownType
from kamado.plugin.resource import Resource

if TYPE_CHECKING:
    from kamado.engine.run import Run

LOG = logging.getLogger(__name__)

_NAMED = 5
"""So many of the things that are in the way of a deletion are named."""

_BORN = frozenset({Action.CREATE, Action.ADOPT})


def remove(run: Run, step: Step) -> Routine[None]:
    """Carries out one delete step. Raises StepFailed."""
    row = run.ledger.rows.get(step.row_id or "")
    if row is None or (step.conditional and run.current.get(row.name) == row.id):
        return
    if row.action is Action.INIT:  # never begun, so there is no line of history either
        _forget(run, row)
        return
    again = run.is_ours(row, Action.DELETE)
    whole = run.operation.action is Action.DELETE
    if whole and not again:
        yield from wait_at(run, row.id, "pre-delete", Action.DELETE)
        row = run.ledger.rows[row.id]
    unsure = uncertain(row)
    untouched = _never_made(row) and not unsure
    if not again:
        row = run.ledger.update(
            row.id,
            action=Action.DELETE,
            status=Status.IN_PROGRESS,
            reason=events.STATE_CHANGED,
            phase=Phase.INTENT,
            progress=doubt(row),
            operation_id=run.operation.id,
        )
        run.row_event(row)
    try:
        if not _stays(run, row):
            yield from _snapshots_of(run, row)
            if not untouched and row.external_id is None:
                yield from _from_cloud(run, row, again, unsure)
    except StepFailed as failed:
        if not run.operation.options.get(FORCE):
            raise
        _let_go(run, run.ledger.rows[row.id], failed.outcome.reason)
        return
    if whole:
        yield from wait_at(run, row.id, "post-delete", Action.DELETE)
    row = run.ledger.update(row.id, status=Status.COMPLETE, reason=events.STATE_CHANGED)
    run.row_event(row)
    _forget(run, row)


def _stays(run: Run, row: ResourceRecord) -> bool:
    """Whether it goes from the books only. A stack that is abandoned abandons what is nested in it."""
    options = run.operation.options
    if options.get(ABANDON):
        return not _is_stack(run, row) and (ADOPT_DATA not in options or _was_taken_over(run, row))
    return row.deletion_policy == "Retain" or row.name in options.get(RETAIN, ())


def _was_taken_over(run: Run, row: ResourceRecord) -> bool:
    told = taken_over(run.operation.options, row.name).get("resource_id")
    return bool(told) and str(told) == row.physical_id


def _is_stack(run: Run, row: ResourceRecord) -> bool:
    try:
        return run.desired.types.of(row).composite
    except UnknownType:
        return False


def _forget(run: Run, row: ResourceRecord) -> None:
    run.ledger.remove(row.id)
    if run.current.get(row.name) == row.id:
        del run.current[row.name]


def _let_go(run: Run, row: ResourceRecord, reason: str) -> None:
    """A forced deletion goes on without what cannot be deleted: the history and the operation's reason tell what may still be there."""
    thing = f"{row.name} ({row.type} {row.physical_id or row.physical_name})"
    LOG.warning("a resource was let go of: %s", thing, extra={**run.log, "resource": row.name, "reason": reason})
    row = run.ledger.update(row.id, status=Status.FAILED, reason=f"Let go of by a forced deletion: {reason}")
    run.row_event(row)
    _forget(run, row)
    before = run.ledger.let_go
    run.ledger.let_go = f"{before}, {thing}" if before else f"{events.LET_GO}{thing}"
    run.ledger.note(UpdateOperation(run.operation.id, {"reason": run.ledger.let_go}))


def _snapshots_of(run: Run, row: ResourceRecord) -> Routine[None]:
    """What the stack's snapshots keep of a resource in the cloud goes with the stack; may be done again after a crash."""
    kept = [
        snapshot.data["resources"][row.name]
        for snapshot in run.desired.snapshots
        if row.name in snapshot.data["resources"]
    ]
    resource = run.resource(row, row.properties, row.metadata) if kept else None
    if resource is None or not lifecycle.supports(resource, DELETE_SNAPSHOT):
        return
    yield Enter(bool(resource.local))
    yield DURABLE
    for data in kept:
        token = yield from run.caller.patiently(resource, partial(lifecycle.start, resource, DELETE_SNAPSHOT, data))
        while not (
            yield from run.caller.patiently(resource, partial(lifecycle.poll, resource, DELETE_SNAPSHOT, token))
        ):
            yield Sleep(run.caller.settings.poll_first)


def _from_cloud(run: Run, row: ResourceRecord, again: bool, unsure: bool) -> Routine[None]:
    if _held_by_another(run, row):
        return
    resource = run.resource(row, row.properties, row.metadata)
    if unsure:
        found = yield from run.caller.look_up_before_delete(resource)
        if not found and resource.can_find and not row.data:
            return
    action = DELETE
    if row.deletion_policy == "Snapshot" and lifecycle.supports(resource, SNAPSHOT_DELETE):
        action = SNAPSHOT_DELETE
    try:
        yield from run.caller.carry_out(resource, action, resume=again)
    except StepFailed as failed:
        if failed.outcome.kind is OutcomeKind.GONE:
            return
        if failed.outcome.error is not ErrorKind.CONFLICT and failed.outcome.kind is not OutcomeKind.RETRY:
            raise
        named = yield from _blockers(run, resource)
        if not named:
            raise
        raise StepFailed(replace(failed.outcome, reason=f"{failed.outcome.reason} {named}"), failed.row_id) from failed


def _blockers(run: Run, resource: Resource) -> Routine[str]:
    """A sentence on what stands in the way of a deletion, as far as the type can find that out; empty when it cannot."""
    try:
        found = yield Call(partial(lifecycle.blockers, resource))
    except Exception as error:
        LOG.info("what is in the way of a deletion could not be found: %s", error, extra=run.log)
        return ""
    ours = {row.physical_id: row.name for row in run.ledger.rows.values() if row.physical_id is not None}
    named = [f"{one.words} (resource {ours[one.id]} of this stack)" if one.id in ours else one.words for one in found]
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return f"In the way: {', '.join(named[:_NAMED])}{more}." if named else ""


def _held_by_another(run: Run, row: ResourceRecord) -> bool:
    """Whether another row of the stack stands for the same thing: what is known by its name (a key pair) keeps its id when it is
    replaced by one of the same name, so deleting the old row's thing would delete the new one.
    """
    return any(other.type == row.type and other.action is not Action.DELETE for other in run.ledger.sharing(row))


def _never_made(row: ResourceRecord) -> bool:
    """Whether its creation failed before there was anything."""
    return row.action in _BORN and row.status is not Status.COMPLETE and row.physical_id is None and not row.data
