"""The engine's part of holding an operation to a plan: the last look before the first step.

Called by the executor. The trap: once a step has been done the rows are not any more what the plan was made from. That the look went
well is therefore written down with, or before, the first change, and never asked again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kamado.engine.basis import Basis, below, rows_digest
from kamado.engine.ports import EnginePorts
from kamado.model.changes import Change, UpdateOperation
from kamado.model.records import PLAN, OperationRecord, ResourceRecord, StackRecord


def is_held(operation: OperationRecord) -> bool:
    """Whether the operation is held to a plan, and that is still to be looked at."""
    held = operation.options.get(PLAN)
    return held is not None and not held.get("checked")


def what_moved(
    ports: EnginePorts, operation: OperationRecord, stack: StackRecord, rows: Sequence[ResourceRecord]
) -> str:
    """Why the plan that the operation is held to would not be the one that runs, in words; "" when it would, or there is none.

    ``rows``: those of the stack that the plan to be run is made from.
    """
    shown = Basis.parse(operation.options[PLAN]["basis"]) if is_held(operation) else None
    if shown is None:
        return ""
    store = ports.store
    nested = [one for one in below(store.stacks.tree(stack.root_id or stack.id), stack.id) if one.id != stack.id]
    of_nested = store.resources.of_stacks([one.id for one in nested])
    tree = [(stack, rows), *((one, of_nested[one.id]) for one in nested)]
    return shown.moved(replace(shown, rows=rows_digest(store.sign, tree), types=ports.registry.fingerprint))


def checked(operation: OperationRecord) -> list[Change]:
    """What says that the look went well; nothing when there was none to take."""
    held = operation.options.get(PLAN)
    if held is None:
        return []
    return [UpdateOperation(operation.id, {"options": {**operation.options, PLAN: {**held, "checked": True}}})]


def before(ports: EnginePorts, operation: OperationRecord) -> OperationRecord | None:
    """The operation that was the stack's newest one when the plan was made: what it wanted, the stack wanted."""
    shown = Basis.parse(operation.options[PLAN]["basis"])
    return None if shown is None else ports.store.operations.get(shown.operation)
