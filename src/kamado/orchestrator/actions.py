"""What can be asked of a stack besides what it should be: delete, check, suspend, resume, and the ways out of every state.

One function a request, called by the APIs. A failed stack can be tried again (`retry`) or taken back (`roll_back`), a running one stopped
(`cancel`) or taken back, and any be deleted, leaving named resources where they are or letting go of what refuses to go.
The trap: what is given up here is somebody's property, so nothing is let go of without being named.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from kamado.engine import closing
from kamado.model.lifecycle import ROLLED_BACK_ON_FAILURE, Action, Status
from kamado.model.records import AFTER_SUSPEND, FORCE, PLAN, RETAIN, OperationRecord, StackRecord
from kamado.orchestrator import binding, stacks
from kamado.orchestrator.context import RequestContext, Services
from kamado.orchestrator.errors import EntityNotFound, NotSupported, ResourceNotFound


def delete(
    services: Services,
    context: RequestContext,
    stack: StackRecord,
    retain: Collection[str] = (),
    force: bool = False,
    plan: str | None = None,
    as_seen: bool = False,
) -> None:
    """Accept the deletion of a stack, in whatever state it is; asking again while it runs changes nothing unless more is asked for.

    ``retain``: resources that stay in the cloud (``<resource>/<name>`` in a nested stack). ``force``: what cannot be deleted is let go
    of. Both are added to what a running deletion was asked for. ``plan``, ``as_seen``: see `StackRequest`.

    :raises EntityNotFound: the stack, or a resource to be retained, is not there.
    """
    if stack.deleted_at is not None or (stack.action is Action.DELETE and stack.status is Status.COMPLETE):
        raise EntityNotFound.of("Stack", stack.name)
    refuse_retaining(services, stack, retain)
    options = binding.hold(services, stack, lambda: binding.wanted_deletion(services, retain, force), plan)
    if retain:
        options[RETAIN] = sorted(retain)
    if force:
        options[FORCE] = True
    if stack.action is Action.DELETE and stack.status is Status.IN_PROGRESS:
        asked = _last(services, stack)
        before: Mapping[str, Any] = asked.options if asked is not None else {}
        wanted = _both(before, options)
        if wanted == dict(before):
            return
        options = wanted
    stacks.begin(services, context, stack, Action.DELETE, options=options, as_seen=as_seen)


def _both(first: Mapping[str, Any], then: Mapping[str, Any]) -> dict[str, Any]:
    retain = sorted({*first.get(RETAIN, ()), *then.get(RETAIN, ())})
    return {**_free(first), **then, **({RETAIN: retain} if retain else {})}


def _free(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of an operation without the plan it was held to: who asks again asks whatever has moved."""
    return {name: value for name, value in options.items() if name != PLAN}


def refuse_retaining(services: Services, stack: StackRecord, retain: Collection[str]) -> None:
    """Raise for a resource that is to be retained and is not there."""
    for path in retain:
        _must_exist(services, stack, path)


def _must_exist(services: Services, stack: StackRecord, path: str) -> None:
    name, _, rest = path.partition("/")
    if not services.store.resources.named(stack.id, [name]):
        raise ResourceNotFound.of(name, stack.name)
    if rest:
        child = next((one for one in services.store.stacks.children(stack.id) if one.parent_resource == name), None)
        if child is None:
            raise EntityNotFound.of("Stack", f"nested in resource {name} of {stack.name}")
        _must_exist(services, child, rest)


def act(
    services: Services, context: RequestContext, stack: StackRecord, action: Action, plan: str | None = None
) -> None:
    """Start an action that leaves the target as it is: check, suspend, resume. ``plan``: see `StackRequest`."""
    refuse_action(stack, action)
    held = binding.hold(services, stack, lambda: binding.wanted(services, action), plan)
    if action in (Action.SUSPEND, Action.RESUME) and (stack.action, stack.status) == (action, Status.COMPLETE):
        return
    suspended = action is Action.RESUME and stack.action in (Action.SUSPEND, Action.RESUME)
    stacks.begin(services, context, stack, action, options={**held, **({AFTER_SUSPEND: True} if suspended else {})})


def refuse_action(stack: StackRecord, action: Action) -> None:
    """Raise when the state of a stack does not take a check, suspend or resume."""
    if (stack.action is Action.DELETE) or stack.deleted_at is not None:
        raise NotSupported.of(f"{action.capitalize()} of a stack when it is deleting")


def cancel_update(services: Services, context: RequestContext, stack: StackRecord) -> None:
    """Stop a running update and go back to what was before it: a rollback that supersedes the update."""
    if (stack.action, stack.status) != (Action.UPDATE, Status.IN_PROGRESS):
        raise NotSupported.of(f"Cancelling update when stack is {stack.action}_{stack.status}")
    roll_back(services, context, stack)


def cancel(services: Services, context: RequestContext, stack: StackRecord) -> None:  # noqa: ARG001  # one of `WAYS_OUT`
    """End whatever runs where it is: what has not begun does not begin, and the action has failed.

    :raises NotSupported: nothing runs.
    """
    if stack.status is not Status.IN_PROGRESS:
        raise NotSupported.of(f"Cancelling update when stack is {stack.action}_{stack.status}")
    services.store.operations.cancel(stack.id)
    services.wake()


def retry(services: Services, context: RequestContext, stack: StackRecord) -> None:
    """Do once more what failed last, from where it has come to: what is in order is kept.

    :raises NotSupported: nothing failed.
    """
    if stack.deleted_at is not None:
        raise EntityNotFound.of("Stack", stack.name)
    if stack.status is not Status.FAILED:
        raise NotSupported.of(f"Retrying a stack when it is {stack.action}_{stack.status}")
    _again(services, context, stack)


def _again(services: Services, context: RequestContext, stack: StackRecord) -> None:
    last = _last(services, stack)
    fields: dict[str, Any] = {}
    if last is not None:
        fields = {
            "target": last.target,
            "previous": last.previous,
            "rollback": last.rollback,
            "options": _free(last.options),
        }
    stacks.begin(services, context, stack, stack.action, **fields)


def roll_back(services: Services, context: RequestContext, stack: StackRecord) -> None:
    """Go back to what the stack was before the action that runs or failed; before a creation it was nothing.

    :raises NotSupported: the stack is in order, or its action had changed nothing to go back from.
    """
    if stack.deleted_at is not None:
        raise EntityNotFound.of("Stack", stack.name)
    if stack.status is Status.COMPLETE or stack.action not in ROLLED_BACK_ON_FAILURE | {Action.ROLLBACK}:
        raise NotSupported.of(f"Rolling back a stack when it is {stack.action}_{stack.status}")
    if stack.action is Action.ROLLBACK:
        if stack.status is Status.FAILED:
            _again(services, context, stack)
        return
    last = _last(services, stack)
    target = last.previous if last is not None else None
    if target is None:
        body = closing.nothing_wanted(services.store.templates.get(stack.target.template_id))
        target = closing.emptied(stack.target, services.store.templates.put(body))
    options = {} if last is None else closing.given_back(last.options)
    stacks.begin(services, context, stack, Action.ROLLBACK, {"target": target}, target=target, options=options)


def _last(services: Services, stack: StackRecord) -> OperationRecord | None:
    """The operation that the stack's state tells of."""
    return None if stack.operation_id is None else services.store.operations.get(stack.operation_id)
