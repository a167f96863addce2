"""Plans for actions that make nothing new: suspend, resume, check, snapshot: one step for each row in use.

Suspending goes against the dependencies, the others along them; a check looks at everything at once.
"""

from __future__ import annotations

from kamado.engine.plan import Reason, Step, StepKind
from kamado.engine.planner.request import Draft
from kamado.model.lifecycle import Action, Status

KINDS = {
    Action.SUSPEND: StepKind.SUSPEND,
    Action.RESUME: StepKind.RESUME,
    Action.CHECK: StepKind.CHECK,
    Action.SNAPSHOT: StepKind.SNAPSHOT,
}

_NOTHING_THERE = frozenset({Action.DELETE, Action.INIT})


def act(draft: Draft) -> None:
    """Fills ``steps`` and ``edges``."""
    action = draft.request.action
    kind = KINDS[action]
    rows = [row for row in draft.request.rows if row.replaced_by is None and row.action not in _NOTHING_THERE]
    keys: dict[str, str] = {}
    for row in rows:
        done = row.operation_id == draft.request.operation_id and row.status is not Status.IN_PROGRESS
        if row.action is action and done:
            continue  # a step of this very run, before a crash
        keys[row.id] = f"{kind}:{row.id}"
        draft.add(
            Step(
                key=keys[row.id],
                kind=kind,
                name=row.name,
                type=row.type,
                reason=Reason.ASKED,
                row_id=row.id,
                physical_id=row.physical_id,
                external_id=row.external_id,
            )
        )
    if action is Action.CHECK:
        return
    for row in rows:
        for needed in row.requires:
            if row.id not in keys or needed not in keys:
                continue
            first, then = (row.id, needed) if action is Action.SUSPEND else (needed, row.id)
            draft.edges[keys[then]].add(keys[first])
