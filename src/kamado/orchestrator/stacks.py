"""What can be asked of stacks: create, update, export, show, list. One function a request; see `actions` for the others.

Called by the APIs. The trap: the order of checks is the promise that a refusal leaves nothing behind: everything is
checked, then a credential is found or made, then the row, its operation and its first event go in in one transaction,
then an engine is woken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from kamado.engine.export import stack_data, with_file_types
from kamado.model.identifiers import new_id, valid_stack_name
from kamado.model.lifecycle import REFUSED_AFTER, Action, OperationState, Status
from kamado.model.records import (
    ABANDON,
    ADOPT_DATA,
    CONVERGE,
    EventRecord,
    OperationRecord,
    ResourceRecord,
    SnapshotRecord,
    StackRecord,
    Target,
    traced,
)
from kamado.orchestrator import binding, credentials, outputs, templates
from kamado.orchestrator.context import RequestContext, Services
from kamado.orchestrator.errors import (
    ActionInProgress,
    EntityNotFound,
    ImmutableParameterModified,
    NotFound,
    NotSupported,
    PreconditionFailed,
    RequestLimitExceeded,
    StackExists,
    StackValidationFailed,
)
from kamado.orchestrator.requests import StackRequest
from kamado.store.errors import NameTaken, StackGone
from kamado.store.remembered import Remembered
from kamado.store.stack_pages import StackFilter
from kamado.template import Environment, Output, Parameters, Template
from kamado.template.parameters import HIDDEN

NO_DESCRIPTION = "No description"
STACK_TYPE = "OS::Heat::Stack"

_WAITS = frozenset({Action.CHECK, Action.SUSPEND, Action.RESUME, Action.SNAPSHOT})
"""Actions that do not take over from a running one: they would leave undone what it was asked to do."""

_SUSPENDED = {Action.SUSPEND: "suspended", Action.DELETE: "deleting"}
"""How Heat words the state that an update is refused in."""


@dataclass(frozen=True, slots=True)
class StackDetail:
    """A stack as shown: ``outputs`` None when they were not asked for or the stack is gone."""

    record: StackRecord
    description: str
    parameters: Mapping[str, Any]
    outputs: Sequence[Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list; ``count`` None when it was not asked for."""

    stacks: Sequence[StackRecord]
    count: int | None = None


# --- finding -------------------------------------------------------------------------------------------------------


def lookup(services: Services, context: RequestContext, name: str) -> StackRecord:
    """The stack that a name or an id stands for: an id finds deleted ones too, a name only live ones."""
    found = services.store.stacks.find(context.project_id, name)
    if found is None and context.is_admin:
        found = services.store.stacks.get(name, show_deleted=True)
    if found is None:
        raise EntityNotFound.of("Stack", name)
    return found


def named(services: Services, context: RequestContext, name: str, stack_id: str) -> StackRecord:
    """The stack with that id, if it has that name and the caller's project owns it or is that of its users (an administrator sees all)."""
    found = services.store.stacks.get(stack_id, show_deleted=True)
    may_see = found is not None and context.project_id in (found.project_id, found.stack_user_project_id)
    if found is None or found.name != name or not (context.is_admin or may_see):
        raise EntityNotFound.of("Stack", name)
    return found


def listing(services: Services, wanted: StackFilter, with_count: bool = False) -> Page:
    """A page of stacks."""
    page = services.store.stacks.page(wanted)
    return Page(page, services.store.stacks.count(wanted) if with_count else None)


# --- showing -------------------------------------------------------------------------------------------------------


def show(services: Services, context: RequestContext, stack: StackRecord, resolve_outputs: bool = True) -> StackDetail:
    """A stack with its parameters, and its outputs as they are now."""
    if stack.owner_id is None:
        known = _BOUND.get(stack.id, (services.registry, stack), lambda: _bound(services, stack))
    else:
        known = _bound(services, stack)  # what it reads of its parent may have changed
    gone = stack.action is Action.DELETE and stack.status is Status.COMPLETE
    found = None
    if resolve_outputs and not gone:
        found = outputs.values(services, context, stack, known.parameters, known.outputs)
    return StackDetail(stack, known.description, known.shown, found)


@dataclass(frozen=True, slots=True)
class _Bound:
    """What a stack's template is with the stack's own values."""

    description: str
    shown: Mapping[str, Any]
    parameters: Parameters
    outputs: Mapping[str, Output]


_BOUND: Remembered[_Bound] = Remembered(500)


def _bound(services: Services, stack: StackRecord) -> _Bound:
    template = templates.of_target(services, stack.target)
    parameters = templates.parameters_of(services, stack, template)
    shown = parameters.shown()
    told = {name: HIDDEN for name in templates.environment_of(stack.target).encrypted_param_names if name in shown}
    description = template.description or NO_DESCRIPTION
    return _Bound(description, {**shown, **told}, parameters, template.active_outputs(parameters))


def list_outputs(services: Services, stack: StackRecord) -> list[dict[str, Any]]:
    """Names and descriptions of the outputs."""
    template = templates.of_target(services, stack.target)
    parameters = templates.parameters_of(services, stack, template)
    return outputs.describe(template.active_outputs(parameters).values())


def show_output(services: Services, context: RequestContext, stack: StackRecord, key: str) -> dict[str, Any]:
    """One output with its value."""
    template = templates.of_target(services, stack.target)
    parameters = templates.parameters_of(services, stack, template)
    found = template.active_outputs(parameters).get(key)
    if found is None:
        raise NotFound(f"Specified output key {key} not found.")
    return outputs.values(services, context, stack, parameters, {key: found})[0]


def template_body(services: Services, stack: StackRecord) -> Mapping[str, Any]:
    """The template as it was sent."""
    return services.store.templates.get(stack.target.template_id)


def files(services: Services, stack: StackRecord) -> dict[str, str]:
    """The files that the template uses, by the names that it uses."""
    return templates.files_of(services, stack.target)


def environment(services: Services, stack: StackRecord) -> dict[str, Any]:
    """The merged environment; values of hidden parameters, and of those that a hidden one of the parent went into, are masked."""
    template = templates.of_target(services, stack.target)
    found = with_file_types(templates.environment_of(stack.target).as_dict(), template.raw, stack.target.files)
    hidden = {name for name, schema in template.parameters.items() if schema.hidden}
    hidden.update(found.get("encrypted_param_names") or ())
    for section in ("parameters", "parameter_defaults"):
        given = found.get(section) or {}
        found[section] = {name: HIDDEN if name in hidden else value for name, value in given.items()}
    found.setdefault("encrypted_param_names", [])
    return found


# --- creating ------------------------------------------------------------------------------------------------------


def create(services: Services, context: RequestContext, request: StackRequest) -> StackRecord:
    """Accept a new stack; an engine makes it.

    :raises StackExists: the project has a live stack of that name.
    :raises TemplateInvalid, HeatError: see `templates.prepare`; nothing was written.
    """
    if request.adopt is not None and not services.settings.enable_stack_adopt:
        raise NotSupported.of("Stack Adopt")
    name = checked_name(request.name)
    template = templates.parse(services, source(request), request.files)
    room_for(services, context, name)
    now = services.clock.now()
    stack = new_stack(context, request, name, now)
    prepared = templates.prepare(
        services, context, stack, templates.Wanted(template, request.environment, request.files)
    )
    asked = partial(binding.wanted_of, services, stack.action, stack, prepared, request)
    binding.hold(services, None, asked, request.plan)
    credential = None if prepared.local else credentials.ensure(services, context)
    target = templates.store_target(services, prepared)
    operation = _operation(
        services,
        context,
        stack,
        stack.action,
        target,
        now,
        credential_id=credential,
        rollback=not stack.disable_rollback,
        options={} if request.adopt is None else {ADOPT_DATA: dict(request.adopt)},
    )
    stack = replace(
        stack,
        target=target,
        description=template.description or "",
        credential_id=credential,
        operation_id=operation.id,
    )
    try:
        services.store.stacks.create(stack, operation, _started(stack, stack.action, now))
    except NameTaken as error:
        raise StackExists.of(name) from error
    services.wake()
    return stack


def source(request: StackRequest) -> str | Mapping[str, Any]:
    """The template of a request that has to have one."""
    if request.template is None:
        raise StackValidationFailed("No template specified")
    return request.template


def checked_name(name: Any) -> str:
    """The name, if a stack may have it."""
    if not isinstance(name, str):
        raise StackValidationFailed(f"Invalid stack name {name}, must be a string")
    if not valid_stack_name(name):
        raise StackValidationFailed(
            f'Invalid stack name {name} must contain only alphanumeric or "_-." characters, '
            "must start with alpha and must be 255 characters or less."
        )
    return name


def room_for(services: Services, context: RequestContext, name: str) -> None:
    """Refuse a name that is taken, and a project that has all the stacks it may have."""
    if services.store.stacks.has(context.project_id, name):
        raise StackExists.of(name)
    most = services.settings.max_stacks_per_tenant
    if most != -1 and services.store.stacks.count(StackFilter(project_id=context.project_id)) >= most:
        raise RequestLimitExceeded.of(
            f"You have reached the maximum stacks per tenant, {most}. Please delete some stacks."
        )


def new_stack(context: RequestContext, request: StackRequest, name: str, now: datetime) -> StackRecord:
    """The row that a create starts from; its target is still to come."""
    stack_id = new_id()
    action = Action.CREATE if request.adopt is None else Action.ADOPT
    return StackRecord(
        id=stack_id,
        name=name,
        project_id=context.project_id,
        action=action,
        status=Status.IN_PROGRESS,
        reason=f"Stack {action} started",
        target=Target(""),
        created_at=now,
        root_id=stack_id,
        timeout_mins=request.timeout_mins,
        disable_rollback=True if request.disable_rollback is None else request.disable_rollback,
        tags=request.tags or (),
        user_id=context.user_id,
        username=context.username,
    )


def _operation(
    services: Services,
    context: RequestContext,
    stack: StackRecord,
    action: Action,
    target: Target,
    now: datetime,
    options: Mapping[str, Any],
    **fields: Any,
) -> OperationRecord:
    seconds = stack.timeout_mins * 60 if stack.timeout_mins else services.settings.stack_action_timeout
    return OperationRecord(
        id=new_id(),
        stack_id=stack.id,
        action=action,
        state=OperationState.PENDING,
        target=target,
        created_at=now,
        deadline=now + timedelta(seconds=seconds),
        request_id=context.request_id,
        project_id=stack.project_id,
        options=traced(dict(options), context.trace),
        **fields,
    )


def _started(stack: StackRecord, action: Action, now: datetime) -> EventRecord:
    return EventRecord(
        id=new_id(),
        stack_id=stack.id,
        resource_name=stack.name,
        resource_type=STACK_TYPE,
        physical_id=stack.id,
        action=action,
        status=Status.IN_PROGRESS,
        reason=f"Stack {action} started",
        created_at=now,
    )


# --- changing ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """An update that has passed all checks: the stack's new values and what they were prepared from."""

    stack: StackRecord
    prepared: templates.Prepared


def prepare_update(services: Services, context: RequestContext, stack: StackRecord, request: StackRequest) -> Change:
    """Check an update: full (PUT: everything is said anew) or on top of what is stored (``request.existing``).

    :raises NotSupported: the stack is suspended or being deleted.
    :raises ImmutableParameterModified: an immutable parameter would change.
    """
    refuse_update(stack)
    old_template = templates.of_target(services, stack.target)
    if request.template is None:
        template, files = old_template, {**templates.files_of(services, stack.target), **request.files}
        if request.files:
            template = templates.parse(services, template.raw, files)
    else:
        files = dict(request.files)
        if request.existing:
            files = {**templates.files_of(services, stack.target), **files}
        template = templates.parse(services, request.template, files)
    wanted = _environment_for(stack, template, request)
    changed = replace(
        stack,
        timeout_mins=request.timeout_mins if request.timeout_mins is not None else stack.timeout_mins,
        disable_rollback=stack.disable_rollback if request.disable_rollback is None else request.disable_rollback,
        tags=(stack.tags if request.existing else ()) if request.tags is None else request.tags,
        description=template.description or "",
    )
    prepared = templates.prepare(services, context, changed, templates.Wanted(template, wanted, files))
    _refuse_immutable(services, stack, old_template, prepared)
    return Change(changed, prepared)


def refuse_update(stack: StackRecord) -> None:
    """Raise when the state of a stack does not take an update."""
    if stack.action in REFUSED_AFTER[Action.UPDATE]:
        raise NotSupported.of(f"Updating a stack when it is {_SUSPENDED[stack.action]}")


def update(services: Services, context: RequestContext, stack: StackRecord, request: StackRequest) -> StackRecord:
    """Accept an update; a running operation on the stack is superseded."""
    change = prepare_update(services, context, stack, request)
    prepared = change.prepared
    asked = partial(binding.wanted_of, services, Action.UPDATE, change.stack, prepared, request)
    held = binding.hold(services, stack, asked, request.plan)
    credential = credentials.taken_over(services, context, stack, prepared.local)
    target = templates.store_target(services, prepared)
    options = {**held, **({CONVERGE: True} if request.converge else {}), **_left_to_take_over(services, stack)}
    changed = replace(change.stack, target=target, credential_id=credential or stack.credential_id)
    now = services.clock.now()
    operation = _operation(
        services,
        context,
        changed,
        Action.UPDATE,
        target,
        now,
        credential_id=changed.credential_id,
        previous=last_reached(services, stack),
        rollback=not changed.disable_rollback,
        options=options,
    )
    values = {
        "target": target,
        "tags": changed.tags,
        "timeout_mins": changed.timeout_mins,
        "disable_rollback": changed.disable_rollback,
        "description": changed.description,
        "credential_id": changed.credential_id,
    }
    return _start(services, changed, operation, values, now, as_seen=request.as_seen)


def _left_to_take_over(services: Services, stack: StackRecord) -> dict[str, Any]:
    """What an adoption that has not come to its end was told: the update takes over, and does not make, what is left of it."""
    if stack.status is Status.COMPLETE or stack.operation_id is None:
        return {}
    last = services.store.operations.get(stack.operation_id)
    return {} if last is None or ADOPT_DATA not in last.options else {ADOPT_DATA: last.options[ADOPT_DATA]}


def changes_nothing(request: StackRequest) -> bool:
    """Whether a PATCH only starts the stored stack's update again (policy has a rule of its own for that)."""
    return not request.changes & {
        "template", "environment", "environment_files", "files", "parameters", "clear_parameters", "tags",
    }  # fmt: skip


def export(services: Services, stack: StackRecord) -> dict[str, Any]:
    """The stack as data that `create` can adopt; of a resource that is a nested stack this same data of that.

    :raises NotSupported: the service does not let stacks be abandoned.
    """
    if not services.settings.enable_stack_abandon:
        raise NotSupported.of("Stack Abandon")
    tree = services.store.stacks.tree(stack.root_id or stack.id)
    rows = services.store.resources.of_stacks([one.id for one in tree])
    found: dict[str, dict[str, Any]] = {}
    for one in reversed([each for each in tree if each.id != stack.id]):  # what is inside comes first
        found[one.id] = _exported(services, one, rows[one.id], found)
    return _exported(services, stack, rows.get(stack.id, []), found)


def _exported(
    services: Services, stack: StackRecord, rows: Sequence[ResourceRecord], nested: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    template = template_body(services, stack)
    environment = with_file_types(templates.environment_of(stack.target).as_dict(), template, stack.target.files)
    return {
        **stack_data(stack, template, files(services, stack), rows, nested),
        "environment": environment,
    }


def abandon(services: Services, context: RequestContext, stack: StackRecord) -> dict[str, Any]:
    """Accept the deletion of a stack whose resources stay in the cloud; what `export` gives.

    :raises NotSupported: as `export`.
    """
    if stack.deleted_at is not None:
        raise EntityNotFound.of("Stack", stack.name)
    found = export(services, stack)
    begin(services, context, stack, Action.DELETE, options={ABANDON: True})
    return found


def begin(
    services: Services,
    context: RequestContext,
    stack: StackRecord,
    action: Action,
    values: Mapping[str, Any] | None = None,
    snapshot: SnapshotRecord | None = None,
    as_seen: bool = False,
    **fields: Any,
) -> StackRecord:
    """Accept an operation on a stack. ``values`` are new values of the stack, ``fields`` of the operation.

    ``as_seen``: only if no other operation was accepted since ``stack`` was read.

    :raises EntityNotFound: the stack is gone.
    :raises ActionInProgress: it is busy, and the action takes over from nobody.
    """
    if "credential_id" not in fields:
        fields["credential_id"] = credentials.renewed(services, context, stack)
    now = services.clock.now()
    fields = {"target": stack.target, "options": {}, **fields}
    operation = _operation(services, context, stack, action, now=now, **fields)
    values = {"credential_id": fields["credential_id"], **(values or {})}
    return _start(services, stack, operation, values, now, snapshot, as_seen)


def _start(
    services: Services,
    stack: StackRecord,
    operation: OperationRecord,
    values: Mapping[str, Any],
    now: datetime,
    snapshot: SnapshotRecord | None = None,
    as_seen: bool = False,
) -> StackRecord:
    action = operation.action

    def still_allowed(locked: StackRecord, live: Sequence[OperationRecord]) -> None:
        if as_seen and locked.operation_id != stack.operation_id:
            raise PreconditionFailed.of(locked.name)
        binding.still(operation, locked, live)
        if action is Action.UPDATE:
            refuse_update(locked)
        if action in _WAITS and locked.status is Status.IN_PROGRESS:
            raise ActionInProgress.of(locked.name, locked.action)

    state = {
        "action": action,
        "status": Status.IN_PROGRESS,
        "reason": f"Stack {action} started",
        "updated_at": now,
        "operation_id": operation.id,
        **values,
    }
    try:
        event = _started(stack, action, now)
        services.store.stacks.start(operation, state, event, unless=still_allowed, snapshot=snapshot)
    except StackGone as error:
        raise EntityNotFound.of("Stack", stack.name) from error
    services.wake()
    if services.settings.max_events_per_stack >= 0:
        services.store.events.trim(stack.id, services.settings.max_events_per_stack)
    return replace(stack, **state)


def _environment_for(stack: StackRecord, template: Template, request: StackRequest) -> Environment:
    """The environment after an update: the request's own, or merged into the stored one."""
    if not request.existing:
        return request.environment
    stored = dict(stack.target.environment)
    dropped = set(request.clear_parameters)
    kept = {
        name: value
        for name, value in (stored.get("parameters") or {}).items()
        if name not in dropped and name in template.parameters
    }
    return Environment.load({**stored, "parameters": kept}).merge(request.environment)


def _refuse_immutable(services: Services, stack: StackRecord, old: Template, prepared: templates.Prepared) -> None:
    if any(schema.immutable for schema in prepared.template.parameters.values()):
        changed = prepared.parameters.immutable_changes(templates.parameters_of(services, stack, old))
        if changed:
            raise ImmutableParameterModified.of(changed)


def last_reached(services: Services, stack: StackRecord) -> Target:
    """What a rollback of the next update goes back to: the target that was last reached, as far as that is known."""
    if stack.status is Status.COMPLETE or stack.operation_id is None:
        return stack.target
    last = services.store.operations.get(stack.operation_id)
    return last.previous if last is not None and last.previous is not None else stack.target
