"""Resources of a nested stack that come in turn: what its operation says of that, and how far one has come that was cut off.

A rolling update is one operation of the group's stack with one target; whoever comes after one that did not come to its end asks here which
resources are what that target says, by the planner, which knows. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from kamado.engine.plan import StepKind
from kamado.engine.planner import PlanRequest, Turns, plan
from kamado.engine.targets import Desired
from kamado.model.lifecycle import Action, Status
from kamado.model.records import BATCHES, OperationRecord, ResourceRecord


def of_operation(operation: OperationRecord, rows: Sequence[ResourceRecord], now: datetime) -> Turns:
    """The turns of an operation. What it has brought to its end before a crash is paused after."""
    told = operation.options.get(BATCHES)
    if told is None:
        return Turns()
    pause = float(told["pause"])
    ours = [row for row in rows if row.operation_id == operation.id]
    first = 0.0
    if pause and ours and all(row.status is Status.COMPLETE for row in ours):
        last = max(row.updated_at or row.created_at for row in ours)
        first = max(pause - (now - last).total_seconds(), 0.0)
    return Turns(told["names"], pause, first)


def reached(desired: Desired, rows: Sequence[ResourceRecord]) -> frozenset[str]:
    """Names of the resources to which an update to what is wanted would do nothing."""
    request = PlanRequest(
        action=Action.UPDATE,
        rows=rows,
        types=desired.types,
        definitions=desired.definitions,
        parameters=desired.parameters,
        outputs=desired.outputs,
        entries=desired.entries,
    )
    steps = plan(request).steps
    left = {step.name for step in steps if step.kind.makes and (step.kind is not StepKind.KEEP or step.undecided)}
    return frozenset(desired.definitions.keys() - left)


def there(rows: Sequence[ResourceRecord]) -> frozenset[str]:
    """Names of resources that have been begun and are not going."""
    return frozenset(row.name for row in rows if row.action is not Action.DELETE)
