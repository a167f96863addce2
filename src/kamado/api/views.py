"""Records as the JSON that Heat's clients read: plain dicts, nothing computed twice.

Called by handlers. The trap: `tags` of a list item is null when there are none, of a shown stack an empty list.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import Any
from urllib.parse import quote

from kamado.model.records import (
    EngineRecord,
    EventRecord,
    SnapshotRecord,
    SoftwareConfigRecord,
    SoftwareDeploymentRecord,
    StackRecord,
)
from kamado.orchestrator.previews import Planned
from kamado.orchestrator.resources import ResourceDetail
from kamado.orchestrator.stacks import Page, StackDetail
from kamado.orchestrator.timelines import Timeline
from kamado.store.remembered import Remembered

JsonMap = dict[str, Any]


def stamp(moment: datetime | None) -> str | None:
    """A time as Heat writes it: UTC, whole seconds."""
    return None if moment is None else moment.isoformat()[:19] + "Z"


@lru_cache(maxsize=8192)
def quoted(name: str) -> str:
    """A name as a part of a URL; remembered, since lists name the same things again and again."""
    return quote(name, safe="")


def stack_url(base: str, stack: StackRecord) -> str:
    """The canonical URL of a stack; ``base`` ends in /v1."""
    return f"{base}/{stack.project_id}/stacks/{quoted(stack.name)}/{stack.id}"


def created(base: str, stack: StackRecord) -> JsonMap:
    """The answer to a create."""
    return {"stack": {"id": stack.id, "links": [{"href": stack_url(base, stack), "rel": "self"}]}}


def brief(base: str, stack: StackRecord, with_project: bool = False) -> JsonMap:
    """An item of a stack list."""
    item: JsonMap = {
        "id": stack.id,
        "links": [{"href": stack_url(base, stack), "rel": "self"}],
        "stack_name": stack.name,
        "description": "",
        "stack_status": f"{stack.action}_{stack.status}",
        "stack_status_reason": stack.reason,
        "creation_time": stamp(stack.created_at),
        "updated_time": stamp(stack.updated_at),
        "deletion_time": stamp(stack.deleted_at),
        "stack_owner": stack.username,
        "parent": stack.owner_id,
        "stack_user_project_id": stack.stack_user_project_id,
        "tags": list(stack.tags) or None,
    }
    if with_project:
        item["project"] = stack.project_id
    return item


class Texts:
    """Answers as JSON text, each made once until what it tells of changes.

    A list of 200 stacks or 500 resources is asked for again and again while little of it changes; most of its cost was writing the same
    text anew. What is below gives the same list, or at least the same records, while the rows are the same, so to compare is to look
    whether it is that one.
    """

    def __init__(self) -> None:
        self._items: Remembered[str] = Remembered(20_000)
        self._whole: Remembered[bytes] = Remembered(8 * 2**20)

    def stacks(self, base: str, asked: Hashable, page: Page, with_project: bool, more: JsonMap) -> bytes:
        """A page of stacks by `brief`; ``asked`` tells it from others, ``more`` are other keys of the answer."""

        def make() -> bytes:
            items = [self._stack(base, stack, with_project) for stack in page.stacks]
            rest = "".join(f", {_json(key)}: {_json(value)}" for key, value in more.items())
            return f'{{"stacks": [{", ".join(items)}]{rest}}}'.encode()

        return self._whole.get(("stacks", base, asked, with_project), (page.stacks, more), make, len)

    def resources(self, base: str, asked: Hashable, stack: StackRecord, found: Sequence[ResourceDetail]) -> bytes:
        """A list of resources by `resource`."""

        def make() -> bytes:
            items = [self._resource(base, item.stack or stack, item) for item in found]
            return f'{{"resources": [{", ".join(items)}]}}'.encode()

        if any(item.attributes is not None for item in found[:1]):
            return make()
        return self._whole.get(("resources", base, stack.id, asked), (stack, found), make, len)

    def shown(self, base: str, detail: StackDetail) -> bytes:
        """A stack by `full`."""
        key = ("stack", base, detail.record.id, detail.outputs is None)
        return self._whole.get(key, detail, lambda: _json({"stack": full(base, detail)}).encode(), len)

    def _stack(self, base: str, stack: StackRecord, with_project: bool) -> str:
        return self._items.get((stack.id, base, with_project), stack, lambda: _json(brief(base, stack, with_project)))

    def _resource(self, base: str, stack: StackRecord, detail: ResourceDetail) -> str:
        if detail.attributes is not None or not detail.record.id:
            return _json(resource(base, stack, detail))
        source = (stack.project_id, stack.name, stack.id, stack.parent_resource, detail)
        return self._items.get((detail.record.id, base), source, lambda: _json(resource(base, stack, detail)))


_json = partial(json.dumps, ensure_ascii=False)


def full(base: str, detail: StackDetail) -> JsonMap:
    """A stack with everything that `stack show` prints."""
    stack = detail.record
    shown: JsonMap = {
        "stack_name": stack.name,
        "id": stack.id,
        "links": [{"href": stack_url(base, stack), "rel": "self"}],
        "creation_time": stamp(stack.created_at),
        "updated_time": stamp(stack.updated_at),
        "deletion_time": stamp(stack.deleted_at),
        "notification_topics": [],
        "parameters": dict(detail.parameters),
        "description": detail.description,
        "template_description": detail.description,
        "capabilities": [],
        "disable_rollback": stack.disable_rollback,
        "timeout_mins": stack.timeout_mins,
        "stack_owner": stack.username,
        "parent": stack.owner_id,
        "stack_user_project_id": stack.stack_user_project_id,
        "tags": list(stack.tags),
        "stack_status": f"{stack.action}_{stack.status}",
        "stack_status_reason": stack.reason,
    }
    if detail.outputs is not None:
        shown["outputs"] = [dict(output) for output in detail.outputs]
    return shown


def previewed(base: str, detail: StackDetail, resources: Sequence[Planned]) -> JsonMap:
    """A stack that would be made: no state, and its resources inside; a nested stack is the list of what is in it."""
    shown = full(base, detail)
    del shown["stack_status"], shown["stack_status_reason"]
    shown["resources"] = _to_be(detail.record, resources)
    return {"stack": shown}


def _to_be(stack: StackRecord, resources: Sequence[Planned]) -> list[Any]:
    return [
        planned(one.detail.stack or stack, one.detail, one.properties)
        if one.inside is None
        else _to_be(stack, one.inside)
        for one in resources
    ]


def resource(base: str, stack: StackRecord, detail: ResourceDetail) -> JsonMap:
    """A resource of a stack, in a list or shown."""
    url = stack_url(base, stack)
    row = detail.record
    item: JsonMap = {
        "resource_name": row.name,
        "logical_resource_id": row.name,
        "physical_resource_id": row.physical_id or "",
        "resource_type": row.type,
        "resource_status": f"{row.action}_{row.status}",
        "resource_status_reason": row.reason,
        "creation_time": stamp(row.created_at),
        "updated_time": stamp(row.updated_at or row.created_at),
        "required_by": list(detail.required_by),
        "links": [
            {"href": f"{url}/resources/{quoted(row.name)}", "rel": "self"},
            {"href": url, "rel": "stack"},
        ],
    }
    if detail.nested:
        child = f"{base}/{stack.project_id}/stacks/{quoted(row.physical_name or row.name)}/{row.physical_id}"
        item["links"].append({"href": child, "rel": "nested"})
    if stack.parent_resource:
        item["parent_resource"] = stack.parent_resource
    if detail.attributes is not None:
        item["description"] = detail.description
        item["attributes"] = dict(detail.attributes)
    return item


def planned(stack: StackRecord, detail: ResourceDetail, properties: Mapping[str, Any] | None = None) -> JsonMap:
    """A resource in a preview: Heat's inner form, with identities in place of links."""
    row = detail.record
    identity = {"tenant": stack.project_id, "stack_name": stack.name, "stack_id": stack.id}
    real = row.physical_id is not None or row.action != "INIT"
    item: JsonMap = {
        "updated_time": stamp(row.updated_at or row.created_at) if real else None,
        "creation_time": stamp(row.created_at) if real else None,
        "resource_name": row.name,
        "physical_resource_id": row.physical_id or "",
        "resource_action": str(row.action),
        "resource_status": str(row.status),
        "resource_status_reason": row.reason,
        "resource_type": row.type,
        "resource_identity": {**identity, "path": f"/resources/{row.name}"},
        "stack_identity": {**identity, "path": ""},
        "stack_name": stack.name,
        "required_by": list(detail.required_by),
        "description": detail.description,
        "metadata": dict(row.metadata),
        "attributes": dict(detail.attributes or {}),
    }
    if stack.parent_resource:
        item["parent_resource"] = stack.parent_resource
    if properties is not None:
        item["properties"] = dict(properties)
    return item


def event(
    base: str, stack: StackRecord, record: EventRecord, shown: bool = False, root: StackRecord | None = None
) -> JsonMap:
    """A line of the history; ``shown`` adds what only the single event has, ``root`` a link to the stack that was asked for."""
    url = stack_url(base, stack)
    place = f"{url}/resources/{quoted(record.resource_name)}"
    item: JsonMap = {
        "id": record.id,
        "links": [
            {"href": f"{place}/events/{record.id}", "rel": "self"},
            {"href": place, "rel": "resource"},
            {"href": url, "rel": "stack"},
        ],
        "event_time": stamp(record.created_at),
        "logical_resource_id": record.resource_name,
        "resource_name": record.resource_name,
        "physical_resource_id": record.physical_id,
        "resource_status": f"{record.action}_{record.status}",
        "resource_status_reason": record.reason,
    }
    if root is not None:
        item["links"].append({"href": stack_url(base, root), "rel": "root_stack"})
    if shown:
        item["resource_type"] = record.resource_type
        item["resource_properties"] = dict(record.properties or {})
    return item


def timeline(made: Timeline) -> JsonMap:
    """What an operation spent its time on; times to the microsecond, in UTC."""
    operation = made.operation
    return {
        "operation_id": operation.id,
        "action": str(operation.action),
        "state": str(operation.state),
        "accepted_at": _utc(operation.created_at),
        "started_at": _utc(operation.started_at),
        "finished_at": _utc(operation.finished_at),
        "resources": [
            {
                "resource_name": one.resource_name,
                "resource_type": one.resource_type,
                "resource_status": f"{one.action}_{one.status}",
                "started_at": _utc(one.started_at),
                "ended_at": _utc(one.ended_at),
                "seconds": one.seconds,
                "waited_for": one.waited_for,
                "waited_seconds": one.waited,
                "queued_seconds": one.queued,
            }
            for one in made.stretches
        ],
    }


def _utc(moment: datetime | None) -> str | None:
    return None if moment is None else f"{_precise(moment)}Z"


def snapshot(record: SnapshotRecord) -> JsonMap:
    """A snapshot of a stack."""
    return {
        "id": record.id,
        "name": record.name,
        "action": str(record.action),
        "status": str(record.status),
        "status_reason": record.reason,
        "data": dict(record.data),
        "creation_time": stamp(record.created_at),
    }


def config_brief(record: SoftwareConfigRecord, with_project: bool = False) -> JsonMap:
    """A software config in a list."""
    item: JsonMap = {
        "id": record.id,
        "name": record.name,
        "group": record.group,
        "creation_time": stamp(record.created_at),
    }
    if with_project:
        item["project"] = record.project_id
    return item


def deployment(record: SoftwareDeploymentRecord) -> JsonMap:
    """A software deployment."""
    item: JsonMap = {
        "id": record.id,
        "server_id": record.server_id,
        "config_id": record.config_id,
        "input_values": dict(record.input_values),
        "output_values": None if record.output_values is None else dict(record.output_values),
        "action": record.action,
        "status": record.status,
        "status_reason": record.status_reason,
        "creation_time": stamp(record.created_at),
    }
    if record.updated_at is not None:
        item["updated_time"] = stamp(record.updated_at)
    return item


def service(record: EngineRecord, now: datetime) -> JsonMap:
    """An engine in the service list; up while its last report is at most two intervals old."""
    fresh = (now - record.updated_at).total_seconds() <= 2 * record.report_interval
    return {
        "id": record.id,
        "binary": record.binary,
        "engine_id": record.id,
        "host": record.hostname,
        "hostname": record.hostname,
        "topic": "engine",
        "report_interval": record.report_interval,
        "created_at": _precise(record.started_at),
        "updated_at": _precise(record.updated_at),
        "deleted_at": _precise(record.deleted_at),
        "status": "up" if fresh and record.deleted_at is None else "down",
    }


def _precise(moment: datetime | None) -> str | None:
    return None if moment is None else moment.replace(tzinfo=None).isoformat(timespec="microseconds")
