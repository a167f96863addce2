"""Pass 4: decisions become steps; every row that must or may go gets its deletion."""

from __future__ import annotations

from kamado.engine.plan import Reason, Step, StepKind
from kamado.engine.planner.request import Decision, Draft
from kamado.model.records import ResourceRecord


def make_steps(draft: Draft) -> None:
    """Fills ``steps``, ``making`` and ``deleting``."""
    for name in draft.order:
        decision = draft.decisions[name]
        if decision.silent:
            continue
        step = _step(draft, name, decision)
        draft.add(step)
        draft.making[name] = step.key
        if decision.row is not None:
            if step.replaces is not None:
                _delete(draft, decision.row, Reason.REPLACED)
            elif step.kind is StepKind.UPDATE or step.undecided or step.reason is Reason.INTERRUPTED:
                _delete(draft, decision.row, Reason.MAY_BE_REPLACED, conditional=True)
    for row, reason in draft.leftovers:
        _delete(draft, row, reason)


def _step(draft: Draft, name: str, decision: Decision) -> Step:
    definition = draft.request.definitions[name]
    row = decision.row
    anew = decision.kind in (StepKind.REPLACE, StepKind.ADOPT)
    return Step(
        key=f"{decision.kind}:{name}",
        kind=decision.kind,
        name=name,
        type=definition.type,
        reason=decision.reason or Reason.NEW,
        row_id=None if row is None or anew else row.id,
        replaces=row.id if row is not None and anew else None,
        changes=decision.changes,
        undecided=decision.undecided or decision.watch,
        force=decision.force,
        physical_id=None if row is None else row.physical_id,
    )


def _delete(draft: Draft, row: ResourceRecord, reason: Reason, *, conditional: bool = False) -> None:
    step = Step(
        key=f"delete:{row.id}",
        kind=StepKind.DELETE,
        name=row.name,
        type=row.type,
        reason=reason,
        row_id=row.id,
        conditional=conditional,
        physical_id=row.physical_id,
        external_id=row.external_id,
    )
    draft.add(step)
    draft.deleting[row.id] = step.key
