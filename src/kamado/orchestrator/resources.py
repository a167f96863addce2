"""What can be asked of a stack's resources: lists, one with its attributes, metadata.

Called by the APIs. The trap: attributes are read live with the token of the request, so showing a resource may cost calls
to the cloud, and what cannot be read is null, never an error.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from kamado.engine.children import ChildReader
from kamado.engine.children import stack_info as facts
from kamado.engine.scope import REFERENCE, visible
from kamado.engine.siblings import Siblings
from kamado.model.lifecycle import Action, Status
from kamado.model.records import ResourceRecord, StackRecord
from kamado.orchestrator import software, templates
from kamado.orchestrator.context import RequestContext, Services
from kamado.orchestrator.errors import ResourceNotFound
from kamado.orchestrator.stack_software import StackSoftware
from kamado.plugin import lifecycle
from kamado.plugin.context import Ports, StackInfo
from kamado.plugin.registry import Registry, UnknownType
from kamado.plugin.resource import Resource
from kamado.store.remembered import Remembered
from kamado.store.resources import in_use
from kamado.template import TemplateInvalid

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Described:
    """A resource with what the template says of it and its whole metadata."""

    record: ResourceRecord
    description: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ResourceDetail:
    """A resource as shown; ``attributes`` None in plain lists."""

    record: ResourceRecord
    required_by: Sequence[str] = ()
    description: str = ""
    attributes: Mapping[str, Any] | None = None
    nested: bool = False
    """Whether its physical id is that of a nested stack."""
    stack: StackRecord | None = None
    """The stack that it belongs to, when that is nested in the one that was asked for."""


@dataclass(frozen=True, slots=True)
class ResourceFilter:
    """Which resources; empty tuples filter nothing, several values of one field mean any of them.

    A status may be joined with its action, as lists show it.
    """

    names: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    physical_ids: tuple[str, ...] = ()

    def lets_through(self, row: ResourceRecord) -> bool:
        """Whether a row fits all of them."""
        pairs: tuple[tuple[tuple[str, ...], str | None], ...] = (
            (self.names, row.name),
            (self.types, row.type),
            (self.actions, row.action),
            (self.ids, row.id),
            (self.physical_ids, row.physical_id),
        )
        return all(not wanted or value in wanted for wanted, value in pairs) and (
            not self.statuses or row.status in self.statuses or f"{row.action}_{row.status}" in self.statuses
        )


def listing(
    services: Services,
    context: RequestContext,
    stack: StackRecord,
    wanted: ResourceFilter,
    detail: bool = False,
    depth: int = 0,
) -> list[ResourceDetail]:
    """The stack's resources, and those of stacks nested in it down to ``depth``; with ``detail`` descriptions and attributes too.

    Without ``detail`` the very list that was made before is given while nothing that it is made of has changed.
    """
    below = nested_in(services, stack, depth)
    ids = [one.id for one in (stack, *below)]
    if detail:
        full = services.store.resources.of_stacks(ids)
        return _of_all(stack, below, lambda one: _detailed(services, context, one, full[one.id], wanted))
    rows = services.store.resources.listed(ids)

    def make() -> list[ResourceDetail]:
        return _of_all(stack, below, lambda one: _of_one(services, one, rows[one.id], wanted))

    if any(one.owner_id is not None and _is_under_way(one) for one in (stack, *below)):
        return make()  # what is still to come of a nested stack may depend on its parent
    return _LISTS.get((stack.id, wanted, depth), (services.registry, stack, below, rows), make, len)


_LISTS: Remembered[list[ResourceDetail]] = Remembered(20_000)
"""Items of lists that are remembered, less than 0.5 KB each."""


def _of_all(
    stack: StackRecord, below: Sequence[StackRecord], one: Callable[[StackRecord], list[ResourceDetail]]
) -> list[ResourceDetail]:
    found = one(stack)
    for nested in below:
        found += [replace(item, stack=nested) for item in one(nested)]
    return found


def nested_in(services: Services, stack: StackRecord, depth: int) -> list[StackRecord]:
    """The live stacks that are nested in a stack, down to ``depth`` levels (never more than stacks may nest)."""
    depth = min(depth, services.settings.max_nested_stack_depth)
    if depth <= 0:
        return []
    inside = {stack.id}
    found: list[StackRecord] = []
    for other in services.store.stacks.tree(stack.root_id or stack.id):
        if other.owner_id in inside and other.nested_depth <= stack.nested_depth + depth:
            inside.add(other.id)
            found.append(other)
    return found


def _is_nested(types: Registry, row: ResourceRecord) -> bool:
    try:
        return row.physical_id is not None and types.of(row).composite
    except (UnknownType, TemplateInvalid):
        return False


def _of_one(
    services: Services, stack: StackRecord, rows: Sequence[ResourceRecord], wanted: ResourceFilter
) -> list[ResourceDetail]:
    standing, users = _standing(services, stack, rows)
    types = types_of(services, stack)
    return [
        ResourceDetail(row, users.get(row.name, ()), nested=_is_nested(types, row))
        for row in standing.values()
        if wanted.lets_through(row)
    ]


def _detailed(
    services: Services,
    context: RequestContext,
    stack: StackRecord,
    rows: Sequence[ResourceRecord],
    wanted: ResourceFilter,
) -> list[ResourceDetail]:
    types, texts = types_of(services, stack), _descriptions(services, stack)
    return [
        replace(
            item,
            description=texts.get(item.record.name, ""),
            attributes=_attributes(services, context, stack, types, item.record, ()),
        )
        for item in _of_one(services, stack, rows, wanted)
    ]


def show(
    services: Services, context: RequestContext, stack: StackRecord, name: str, with_attr: Sequence[str] = ()
) -> ResourceDetail:
    """One resource with its attributes; ``with_attr`` asks for more of them by name."""
    standing, users = _standing(services, stack, services.store.resources.of_stack(stack.id))
    row = standing.get(name)
    if row is None:
        raise ResourceNotFound.of(name, stack.name)
    types = types_of(services, stack)
    return ResourceDetail(
        row,
        users.get(name, ()),
        _descriptions(services, stack).get(name, ""),
        _attributes(services, context, stack, types, row, with_attr),
        _is_nested(types, row),
    )


def metadata(services: Services, stack: StackRecord, name: str) -> Mapping[str, Any]:
    """The metadata of a resource, with what is deployed where it is a server."""
    return software.metadata_of(services, stack, _row(services, stack, name))


def described(services: Services, stack: StackRecord, name: str) -> Described:
    """A resource as a server is told of it: no cloud is asked."""
    row = _row(services, stack, name)
    return Described(row, _descriptions(services, stack).get(name, ""), software.metadata_of(services, stack, row))


def _row(services: Services, stack: StackRecord, name: str) -> ResourceRecord:
    row = services.store.resources.get(stack.id, name)
    if row is None:
        raise ResourceNotFound.of(name, stack.name)
    return row


def _standing(
    services: Services, stack: StackRecord, rows: Sequence[ResourceRecord]
) -> tuple[dict[str, ResourceRecord], dict[str, list[str]]]:
    """By name the row in use, and who needs it; resources that were never begun stand there as INIT_COMPLETE.

    Those have no row. They are only looked for where they can be: while an action runs and after one failed.
    """
    standing = in_use(rows)
    users = required_by(rows, standing)
    if not _is_under_way(stack):
        return standing, users
    definitions = services.targets.desired(stack, stack.target).definitions
    for definition in definitions.values():
        if definition.name in standing:
            continue
        standing[definition.name] = ResourceRecord.unmade(
            stack.id, definition.name, definition.type, stack.updated_at or stack.created_at
        )
        for needed in sorted(definition.requires):
            users.setdefault(needed, []).append(definition.name)
    return standing, users


def _is_under_way(stack: StackRecord) -> bool:
    """Whether there may be resources that were never begun."""
    return stack.status is not Status.COMPLETE and stack.action is not Action.DELETE


def required_by(rows: Sequence[ResourceRecord], standing: Mapping[str, ResourceRecord]) -> dict[str, list[str]]:
    """Name → names of the resources that need it, from what the rows say they need."""
    names = {row.id: row.name for row in rows}
    users: dict[str, list[str]] = {}
    for row in standing.values():
        for needed in dict.fromkeys(names[other] for other in row.requires if other in names):
            users.setdefault(needed, []).append(row.name)
    return users


def with_live_attributes(
    services: Services, context: RequestContext, stack: StackRecord, row: ResourceRecord, names: Collection[str | None]
) -> ResourceRecord:
    """The row with those of the named attributes read anew that change by themselves; None names all attributes.

    So are those that nobody asked for when it was last done (an update that failed, or only changed an output). What
    cannot be read keeps its stored value.
    """
    types = types_of(services, stack)
    try:
        cls = types.of(row)
    except UnknownType:
        return row
    if not _is_there(row, cls):
        return row
    known = set(cls.schema.attributes)
    named = {name for name in names if name is not None}
    if cls.composite:  # what it consists of may have changed without it, and looking there costs no call
        wanted = sorted(named)
    else:
        asked = known if None in names else known & named
        wanted = sorted(name for name in asked if name in cls.schema.live_attributes or name not in row.attributes)
    if not wanted:
        return row
    ports = reading_ports(services, context, stack)
    found = _read(lifecycle.build(types, row, stack_info(services, stack), ports), wanted)
    fresh = {name: value for name, value in found.items() if value is not None}
    return replace(row, attributes={**row.attributes, **fresh})


def _descriptions(services: Services, stack: StackRecord) -> dict[str, str]:
    """Resource descriptions, as the template has them."""
    body = services.store.templates.get(stack.target.template_id)
    section = body.get("resources") or body.get("Resources") or {}
    found: dict[str, str] = {}
    if isinstance(section, Mapping):
        for name, entry in section.items():
            if isinstance(entry, Mapping):
                found[name] = str(entry.get("description") or entry.get("Description") or "")
    return found


def types_of(services: Services, stack: StackRecord) -> Registry:
    """Resource types as the stack's environment names them."""
    files = templates.files_of(services, stack.target)
    return services.registry.for_environment(templates.environment_of(stack.target), files, lenient=True)


def _is_there(row: ResourceRecord, cls: type[Resource]) -> bool:
    """Whether there is anything whose attributes could be read."""
    return row.physical_id is not None or (cls.nameless and row.action is not Action.INIT)


def reading_ports(services: Services, context: RequestContext, stack: StackRecord) -> Ports:
    """What a resource is given that is only looked at, with the token of the request."""

    def cloud() -> Any:
        return services.clouds.for_token(context)

    # Of the port for nested stacks only reading is used: nobody but the engine begins anything.
    children: Any = ChildReader(services.store, services.targets, services.clock, cloud, services.settings.region_name)
    siblings = Siblings(services.store.resources, stack.id)
    configs = partial(StackSoftware.of, services, stack)
    return Ports(clock=services.clock, cloud=cloud, children=children, siblings=siblings, software=configs)


def stack_info(services: Services, stack: StackRecord) -> StackInfo:
    """The facts about a stack that a resource type may know."""
    return facts(stack, services.settings.region_name)


def _attributes(
    services: Services,
    context: RequestContext,
    stack: StackRecord,
    types: Registry,
    row: ResourceRecord,
    more: Sequence[str],
) -> dict[str, Any]:
    """The `show` attribute where that is a map, else every declared one; and the ones asked for."""
    try:
        cls = types.of(row)
    except UnknownType:
        return dict.fromkeys(more)
    declared = [name for name in cls.schema.attributes if name != "show"]
    if not _is_there(row, cls):
        return dict.fromkeys([*declared, *more])
    ports = reading_ports(services, context, stack)
    resource = lifecycle.build(types, row, stack_info(services, stack), ports)
    shown = None if resource.local else _read(resource, ("show",)).get("show")
    if isinstance(shown, Mapping):
        found = {**shown}
        missing = [name for name in more if name not in found]
    else:
        found = _stored(row) if resource.local and not resource.composite else {}
        missing = [name for name in [*declared, *more] if name not in found]
    return {name: visible(value) for name, value in {**found, **_read(resource, missing)}.items()}


def _stored(row: ResourceRecord) -> dict[str, Any]:
    return {name: value for name, value in row.attributes.items() if name != REFERENCE}


def _read(resource: Resource, names: Sequence[str]) -> dict[str, Any]:
    """Attributes by name; those that cannot be read are None."""
    if not names:
        return {}
    try:
        found = lifecycle.read(resource, names)
    except Exception as error:
        # Whatever a type or a cloud may raise, it must not hide the rest of the resource.
        reason = lifecycle.outcome(error, resource.name).reason
        _LOG.info("attributes cannot be read", extra={"action": "attributes_unreadable", "reason": reason})
        found = {}
    return {name: found.get(name) for name in names}
