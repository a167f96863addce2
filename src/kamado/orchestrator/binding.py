"""Holding a request to a plan that was shown: what the plan stands on is looked at again, and the request refused when it has moved.

Called by the use cases that accept operations and by `plans`, which shows what plans stand on. The trap: between this look and the first
step rows may still change, so what was found goes into the operation's options, and the engine looks once more
(`kamado.engine.executor`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from kamado.engine.basis import Basis, Tree, below, rows_digest, wanted_digest
from kamado.model.lifecycle import Action, Status
from kamado.model.records import PLAN, OperationRecord, StackRecord
from kamado.orchestrator.context import Services
from kamado.orchestrator.errors import PlanOutdated
from kamado.orchestrator.requests import StackRequest
from kamado.orchestrator.templates import Prepared

NOTHING = "0"
"""Stands for operation and rows of a stack that is still to be made."""


def tree_of(services: Services, stack: StackRecord) -> Tree:
    """A stack and all that is nested in it, with their rows."""
    stacks = below(services.store.stacks.tree(stack.root_id or stack.id), stack.id)
    rows = services.store.resources.of_stacks([one.id for one in stacks])
    return [(one, rows[one.id]) for one in stacks]


def wanted(services: Services, action: Action, prepared: Prepared | None = None, **settings: Any) -> str:
    """Stands for what a request asks for. ``settings``: of the stack, as they would be."""
    target: list[Any] = []
    if prepared is not None:
        target = [prepared.template.raw, sorted(prepared.files.items()), prepared.environment.as_dict()]
    return wanted_digest(services.store.sign, [action.value, target, sorted(settings.items())])


def wanted_of(
    services: Services, action: Action, changed: StackRecord, prepared: Prepared, request: StackRequest
) -> str:
    """The same of a create or update that has passed its checks; ``changed`` is the stack as it would be."""
    return wanted(
        services,
        action,
        prepared,
        name=changed.name,
        tags=changed.tags,
        timeout=changed.timeout_mins,
        disable_rollback=changed.disable_rollback,
        converge=request.converge or services.settings.observe_on_update,
        adopt=request.adopt,
    )


def wanted_deletion(services: Services, retain: Collection[str], force: bool) -> str:
    """The same of a deletion."""
    return wanted(services, Action.DELETE, retain=sorted(retain), force=force)


def basis(services: Services, stack: StackRecord | None, asked: str, tree: Tree = ()) -> Basis:
    """What a plan for ``asked`` (see `wanted`) stands on now; ``stack`` None: one that is to be made."""
    types = services.registry.fingerprint
    if stack is None:
        return Basis(NOTHING, NOTHING, types, asked)
    return Basis(stack.operation_id or NOTHING, rows_digest(services.store.sign, tree), types, asked)


def hold(services: Services, stack: StackRecord | None, asked: Callable[[], str], plan: str | None) -> dict[str, Any]:
    """Options of an operation that is to be what the plan ``plan`` (a basis as text) said; none without a plan, and then nobody needs to
    know what is ``asked`` for (see `wanted`).

    :raises PlanOutdated: it would be another one by now.
    """
    if plan is None:
        return {}
    shown = Basis.parse(plan)
    if shown is None:
        raise PlanOutdated.of("it is none that this service has made")
    if stack is None:
        moved = shown.moved(basis(services, None, asked()))
        if moved:
            raise PlanOutdated.of(moved)
        return {}
    refuse_at_work(stack)
    moved = shown.moved(basis(services, stack, asked(), tree_of(services, stack)))
    if moved:
        raise PlanOutdated.of(moved)
    before = {
        "action": stack.action.value,
        "status": stack.status.value,
        "tags": list(stack.tags),
        "timeout_mins": stack.timeout_mins,
        "disable_rollback": stack.disable_rollback,
        "description": stack.description,
        "updated_at": None if stack.updated_at is None else stack.updated_at.isoformat(),
    }
    return {PLAN: {"basis": plan, "before": before}}


def still(operation: OperationRecord, locked: StackRecord, live: Sequence[OperationRecord]) -> None:
    """Look once more with the stack locked: nobody may have been quicker.

    :raises PlanOutdated: somebody was.
    """
    held: Mapping[str, Any] | None = operation.options.get(PLAN)
    if held is None:
        return
    if live:
        refuse_at_work(locked, True)
    shown = Basis.parse(held["basis"])
    if shown is None or (locked.operation_id or NOTHING) != shown.operation:
        raise PlanOutdated.of("another operation was accepted on the stack")


def refuse_at_work(stack: StackRecord, live: bool = False) -> None:
    """Raise PlanOutdated for a stack that something is being done to: what a plan says of it is old before it is read."""
    if live or stack.status is Status.IN_PROGRESS:
        raise PlanOutdated.of(f"the stack is in the middle of an action ({stack.action})")
