"""What would happen: previews of creates and updates. Nothing is written.

Called by the APIs. A preview of an update is the planner's own plan, told in Heat's five words; the plan that is shown is the
plan that would run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kamado.engine.plan import Plan, StepKind
from kamado.engine.planner import PlanRequest, plan
from kamado.model.lifecycle import Action, Status
from kamado.model.records import ResourceRecord, StackRecord
from kamado.orchestrator import outputs, stacks, templates
from kamado.orchestrator.context import RequestContext, Services
from kamado.orchestrator.requests import StackRequest
from kamado.orchestrator.resources import ResourceDetail, required_by
from kamado.orchestrator.stacks import StackDetail
from kamado.store.resources import in_use
from kamado.template import UNKNOWN, Definition, ResolveError, contains_unknown, resolve
from kamado.template.conditions import ParameterScope
from kamado.template.parameters import HIDDEN

KINDS = ("unchanged", "updated", "replaced", "added", "deleted")

Planned = tuple[ResourceDetail, Mapping[str, Any]]


def create(services: Services, context: RequestContext, request: StackRequest) -> tuple[StackDetail, list[Planned]]:
    """What a create would make: the stack as it would be, and its resources with their properties."""
    name = stacks.checked_name(request.name)
    template = templates.parse(services, stacks.source(request), request.files)
    stacks.room_for(services, context, name)
    stack = replace(stacks.new_stack(context, request, name, services.clock.now()), id="None", root_id="None")
    prepared = templates.prepare(services, context, stack, template, request.environment, request.files)
    active = template.active_outputs(prepared.parameters)
    shown = [{**described, "output_value": None} for described in outputs.describe(active.values())]
    detail = StackDetail(stack, template.description or stacks.NO_DESCRIPTION, prepared.parameters.shown(), shown)
    scope = _NothingMade(prepared.parameters)
    users = _users(prepared.definitions)
    return detail, [
        (_to_be(services, stack, prepared, found, users), _properties(prepared, found, scope))
        for found in prepared.definitions.values()
    ]


def update(
    services: Services, context: RequestContext, stack: StackRecord, request: StackRequest
) -> dict[str, list[ResourceDetail]]:
    """What an update would do to each resource, by Heat's word for it."""
    change = stacks.prepare_update(services, context, stack, request)
    prepared = change.prepared
    rows = services.store.resources.of_stack(stack.id)
    made = plan(
        PlanRequest(
            action=Action.UPDATE,
            rows=rows,
            types=prepared.types,
            definitions=prepared.definitions,
            parameters=prepared.parameters,
            outputs=prepared.template.active_outputs(prepared.parameters),
            unsound=services.store.stacks.unsound(stack.root_id or stack.id),
        )
    )
    standing = in_use(rows)
    users = {**required_by(rows, standing), **_users(prepared.definitions)}
    found: dict[str, list[ResourceDetail]] = {kind: [] for kind in KINDS}
    for kind, name in _kinds(made, prepared.definitions, standing):
        row = standing.get(name)
        if kind in ("added", "replaced") or row is None:
            found[kind].append(_to_be(services, stack, prepared, prepared.definitions[name], users))
        else:
            found[kind].append(ResourceDetail(row, users.get(name, ()), "", _plain(row)))
    return found


class _NothingMade(ParameterScope):
    """References and attributes as Heat previews them: a resource that is not there has its name, and nothing to tell."""

    def reference(self, resource: str) -> Any:
        """Its name in the template."""
        return resource

    def attribute(self, resource: str, path: tuple[Any, ...]) -> Any:  # noqa: ARG002
        """Null."""
        return None


def _kinds(
    made: Plan, definitions: Mapping[str, Definition], standing: Mapping[str, ResourceRecord]
) -> list[tuple[str, str]]:
    """Heat's word for each resource: what its steps come to."""
    words: list[tuple[str, str]] = []
    for name in definitions:
        kinds = {step.kind for step in made.of(name)}
        if StepKind.REPLACE in kinds:
            words.append(("replaced", name))
        elif StepKind.CREATE in kinds or StepKind.ADOPT in kinds:
            words.append(("added" if name not in standing else "replaced", name))
        elif StepKind.UPDATE in kinds:
            words.append(("updated", name))
        else:
            words.append(("unchanged", name))
    words += [("deleted", name) for name in standing if name not in definitions]
    return words


def _users(definitions: Mapping[str, Definition]) -> dict[str, Sequence[str]]:
    users: dict[str, list[str]] = {}
    for definition in definitions.values():
        for needed in definition.requires:
            users.setdefault(needed, []).append(definition.name)
    return {name: sorted(names) for name, names in users.items()}


def _to_be(
    services: Services,
    stack: StackRecord,
    prepared: templates.Prepared,
    definition: Definition,
    users: Mapping[str, Sequence[str]],
) -> ResourceDetail:
    """A resource that does not exist yet, as previews show it."""
    cls = prepared.types.get(definition.type, definition.name)
    row = ResourceRecord(
        id="",
        stack_id=stack.id,
        name=definition.name,
        type=definition.type,
        action=Action.INIT,
        status=Status.COMPLETE,
        reason="",
        created_at=services.clock.now(),
    )
    attributes = dict.fromkeys(name for name in cls.schema.attributes if name != "show")
    return ResourceDetail(row, users.get(definition.name, ()), "", attributes)


def _properties(prepared: templates.Prepared, definition: Definition, scope: ParameterScope) -> dict[str, Any]:
    """All properties with what is known of their values."""
    schema = prepared.types.get(definition.type, definition.name).schema
    found: dict[str, Any] = {name: one.default for name, one in schema.properties.items()}
    for name, written in definition.properties.items():
        try:
            value = resolve(written, scope)
        except ResolveError:  # of a null for what is not known yet; what is wrong anyway has been refused
            value = None
        found[name] = None if value is UNKNOWN or contains_unknown(value) else value
    return {**found, **dict.fromkeys(definition.secret_properties(prepared.parameters.hidden), HIDDEN)}


def _plain(row: ResourceRecord) -> dict[str, Any]:
    """Its attributes; those of a row that a hidden value went into are masked."""
    shown = {name: value for name, value in row.attributes.items() if not name.startswith("$")}
    return dict.fromkeys(shown, HIDDEN) if row.secret else shown
