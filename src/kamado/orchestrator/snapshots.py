"""What can be asked about snapshots of a stack: make, list, show, remove, go back to one.

Called by the APIs. The trap: what a snapshot keeps is in the cloud, so removing it is work for an engine; the row says that it is to go.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from kamado.engine.export import stack_data
from kamado.engine.tidying import SNAPSHOTS
from kamado.model.identifiers import new_id
from kamado.model.lifecycle import Action, Status
from kamado.model.records import SNAPSHOT_ID, SnapshotRecord, StackRecord
from kamado.orchestrator import credentials, stacks, templates
from kamado.orchestrator.context import RequestContext, Services
from kamado.orchestrator.errors import ActionInProgress, NotFound, NotSupported, RequestLimitExceeded
from kamado.plugin.registry import Registry, UnknownType
from kamado.template import Environment


def create(services: Services, context: RequestContext, stack: StackRecord, name: str | None) -> SnapshotRecord:
    """Accept a snapshot of the stack as it is.

    :raises ActionInProgress: something is being done to the stack.
    :raises RequestLimitExceeded: it has all the snapshots it may have.
    """
    if stack.status is Status.IN_PROGRESS:
        raise ActionInProgress.of(stack.name, str(stack.action))
    if stack.deleted_at is not None:
        raise NotSupported.of("Snapshot of a deleted stack")
    most = services.settings.max_snapshots_per_stack
    if not context.is_admin and most != -1 and services.store.snapshots.count(stack.id) >= most:
        raise RequestLimitExceeded.of(
            f"You have reached the maximum snapshots per stack, {most}. Please delete some snapshots."
        )
    body = services.store.templates.get(stack.target.template_id)
    made = SnapshotRecord(
        id=new_id(),
        stack_id=stack.id,
        project_id=context.project_id,
        name=name,
        action=Action.CREATE,
        status=Status.IN_PROGRESS,
        created_at=services.clock.now(),
        data=stack_data(stack, body, templates.files_of(services, stack.target), ()),
    )
    stacks.begin(services, context, stack, Action.SNAPSHOT, snapshot=made, options={SNAPSHOT_ID: made.id})
    return made


def listing(services: Services, stack: StackRecord) -> list[SnapshotRecord]:
    """All of a stack, oldest first."""
    return services.store.snapshots.of_stack(stack.id)


def show(services: Services, stack: StackRecord, snapshot_id: str) -> SnapshotRecord:
    """One of them.

    :raises NotFound: the stack has none of that id.
    """
    found = services.store.snapshots.get(stack.id, snapshot_id)
    if found is None:
        raise NotFound(f"Snapshot with id {snapshot_id} not found")
    return found


def delete(services: Services, context: RequestContext, stack: StackRecord, snapshot_id: str) -> None:
    """Accept the removal of a snapshot; an engine removes what it keeps in the cloud, then the snapshot (`kamado.engine.tidying`).

    :raises NotSupported: it is being made.
    """
    found = show(services, stack, snapshot_id)
    if (found.action, found.status) == (Action.CREATE, Status.IN_PROGRESS):
        raise NotSupported.of("Deleting in-progress snapshot")
    credentials.renewed(services, context, stack)
    values: dict[str, Any] = {
        "action": Action.DELETE,
        "status": Status.IN_PROGRESS,
        "reason": "Snapshot delete started",
    }
    services.store.snapshots.update(found.id, values)
    services.ring(SNAPSHOTS)


def restore(services: Services, context: RequestContext, stack: StackRecord, snapshot_id: str) -> None:
    """Accept going back to a snapshot: an update to the template of then, in which types have put what they kept.

    :raises NotSupported: the snapshot is not whole.
    """
    if stack.deleted_at is not None or stack.action is Action.DELETE:
        raise NotSupported.of("Restoring a stack when it is deleting")
    found = show(services, stack, snapshot_id)
    if found.status is not Status.COMPLETE:
        raise NotSupported.of("Restoring incomplete snapshot")
    environment = Environment.load(dict(found.data["environment"]))
    files = dict(found.data.get("files") or {})
    types = services.registry.for_environment(environment, files)
    template = templates.parse(services, restored(found.data, types), files)
    prepared = templates.prepare(services, context, stack, templates.Wanted(template, environment, files))
    credential = credentials.taken_over(services, context, stack, prepared.local)
    target = templates.store_target(services, prepared)
    values = {"target": target, "description": template.description or "", "credential_id": credential}
    stacks.begin(
        services,
        context,
        stack,
        Action.RESTORE,
        values,
        target=target,
        previous=stacks.last_reached(services, stack),
        rollback=not stack.disable_rollback,
        credential_id=credential,
    )


_SECTIONS = (("resources", "type", "properties"), ("Resources", "Type", "Properties"))


def restored(data: Mapping[str, Any], types: Registry) -> dict[str, Any]:
    """The template of a snapshot with the properties that bring its resources back."""
    body: dict[str, Any] = copy.deepcopy(dict(data["template"]))
    kept = data.get("resources") or {}
    for section, type_key, properties_key in _SECTIONS:
        for name, entry in (body.get(section) or {}).items():
            if name not in kept or not isinstance(entry, Mapping):
                continue
            try:
                cls = types.get(str(entry.get(type_key)), name)
            except UnknownType:
                continue
            before = entry.get(properties_key) or {}
            after = cls.restored(before, kept[name])
            if after != before:
                body[section][name] = {**entry, properties_key: dict(after)}
    return body
