"""What would happen: previews of creates and updates. Nothing is written.

Called by the APIs. A preview of an update is the planner's own plan, told in Heat's five words; the plan that is shown is the
plan that would run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from kamado.engine.plan import Plan, StepKind
from kamado.engine.planner import PlanRequest, plan
from kamado.model.lifecycle import Action
from kamado.model.records import ResourceRecord, StackRecord
from kamado.orchestrator import outputs, stacks, templates
from kamado.orchestrator.context import RequestContext, Services
from kamado.orchestrator.nested import Level, Tree
from kamado.orchestrator.requests import StackRequest
from kamado.orchestrator.resources import ResourceDetail, required_by
from kamado.orchestrator.stacks import StackDetail
from kamado.plugin.registry import Registry
from kamado.plugin.stack_resource import StackResource, hidden_inside
from kamado.store.resources import in_use
from kamado.template import (
    UNKNOWN,
    Definition,
    PseudoParameters,
    ResolveError,
    TypeSchema,
    contains_unknown,
    resolve,
)
from kamado.template.conditions import ParameterScope
from kamado.template.hidden import NOTHING, Hidden, all_of, both, masked
from kamado.template.parameters import HIDDEN

KINDS = ("unchanged", "updated", "replaced", "added", "deleted")

_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Planned:
    """A resource that would be made, with its properties.

    ``inside``: those of the nested stack that it stands for; None when it is none, or nobody can look into it before the run.
    """

    detail: ResourceDetail
    properties: Mapping[str, Any]
    inside: Sequence[Planned] | None = None


def create(services: Services, context: RequestContext, request: StackRequest) -> tuple[StackDetail, Sequence[Planned]]:
    """What a create would make: the stack as it would be, and its resources with their properties, at every depth."""
    name = stacks.checked_name(request.name)
    template = templates.parse(services, stacks.source(request), request.files)
    stacks.room_for(services, context, name)
    stack = replace(stacks.new_stack(context, request, name, services.clock.now()), id="None", root_id="None")
    prepared = templates.prepare(
        services, context, stack, templates.Wanted(template, request.environment, request.files)
    )
    scope = _NothingMade(prepared.parameters)
    active = template.active_outputs(prepared.parameters).values()
    hidden = prepared.parameters.hidden
    values = [HIDDEN if one.is_secret(hidden) else _known(one.value, scope) for one in active]
    shown = [
        {**described, "output_value": value} for described, value in zip(outputs.describe(active), values, strict=True)
    ]
    detail = StackDetail(stack, template.description or stacks.NO_DESCRIPTION, prepared.parameters.shown(), shown)
    tree = Tree(services.registry, prepared.files, services.settings.max_nested_stack_depth)
    return detail, _inside(services, tree, prepared.level(0), stack)


def _inside(
    services: Services,
    tree: Tree,
    level: Level,
    stack: StackRecord,
    hidden: frozenset[str] = _NOTHING,
    members: Callable[[str], Hidden | None] = lambda _: NOTHING,
) -> list[Planned]:
    """The resources of a stack that would be made. ``hidden``: parameters whose values must not be shown; ``members``: the same places in
    properties and metadata of all its resources.
    """
    users = _users(level.definitions)
    scope = _NothingMade(level.parameters)
    found: list[Planned] = []
    for definition in level.definitions.values():
        inner = members("properties")
        secret = both(
            definition.hidden(level.parameters.hidden | hidden),
            all_of(definition.properties) if inner is None else inner,
        )
        kind = level.types.get(definition.type, definition.name)
        schema = kind.schema
        properties = _properties(schema, definition, scope)
        below = replace(stack, name=f"{stack.name}-{definition.name}", parent_resource=definition.name)
        pseudo = PseudoParameters(below.name, below.id, stack.project_id, services.settings.region_name)
        child = tree.child(level, definition, pseudo)
        inside = None
        if child is not None:
            covered = frozenset(child.template.parameters) if secret else _NOTHING
            assert issubclass(kind, StackResource)
            places = partial(hidden_inside, kind, hidden=secret)
            inside = _inside(services, tree, child, below, covered, places)
        shown = masked(properties, secret, HIDDEN)
        made = _to_be(services, stack, level.types, definition, users)
        open_ = level.parameters.hidden.isdisjoint(definition.parameters) and members("metadata") == NOTHING
        told = (_known(definition.metadata, scope) or {}) if open_ else {}
        found.append(Planned(replace(made, record=replace(made.record, metadata=told)), shown, inside))
    return found


def update(
    services: Services, context: RequestContext, stack: StackRecord, request: StackRequest, nested: bool = False
) -> dict[str, list[ResourceDetail]]:
    """What an update would do to each resource, by Heat's word for it; with ``nested`` to those of nested stacks too."""
    prepared = stacks.prepare_update(services, context, stack, request).prepared
    changes = _Changes(
        services, stack, Tree(services.registry, prepared.files, services.settings.max_nested_stack_depth)
    )
    changes.of(prepared.level(stack.nested_depth), stack, services.store.resources.of_stack(stack.id), nested)
    return changes.found


class _Changes:
    """What an update would do to a tree of stacks."""

    def __init__(self, services: Services, stack: StackRecord, tree: Tree) -> None:
        self._services = services
        self._tree = tree
        self._unsound = services.store.stacks.unsound(stack.root_id or stack.id)
        self.found: dict[str, list[ResourceDetail]] = {kind: [] for kind in KINDS}

    def of(self, level: Level, stack: StackRecord, rows: Sequence[ResourceRecord], nested: bool) -> None:
        """Adds what would happen to one stack; ``rows`` are those that it has."""
        made = plan(
            PlanRequest(
                action=Action.UPDATE,
                rows=rows,
                types=level.types,
                definitions=level.definitions,
                parameters=level.parameters,
                outputs=level.template.active_outputs(level.parameters),
                unsound=self._unsound,
            )
        )
        standing = in_use(rows)
        users = {**required_by(rows, standing), **_users(level.definitions)}
        for kind, name in _kinds(made, level.definitions, standing):
            row = standing.get(name)
            if kind in ("added", "replaced") or row is None:
                self.found[kind].append(_to_be(self._services, stack, level.types, level.definitions[name], users))
            else:
                self.found[kind].append(ResourceDetail(row, users.get(name, ()), "", _plain(row), stack=stack))
            if nested and kind == "deleted":
                self._away(row)
            elif nested:
                self._below(level, stack, level.definitions[name], None if kind in ("added", "replaced") else row)

    def _below(self, level: Level, stack: StackRecord, definition: Definition, row: ResourceRecord | None) -> None:
        """The nested stack of a resource, if it is one; without a row it is still to be made."""
        there = self._nested_in(row)
        name = f"{stack.name}-{definition.name}"
        child = there or replace(stack, id="None", name=name, parent_resource=definition.name)
        pseudo = PseudoParameters(child.name, child.id, stack.project_id, self._services.settings.region_name)
        below = self._tree.child(level, definition, pseudo)
        if below is not None:
            self.of(below, child, [] if there is None else self._services.store.resources.of_stack(there.id), True)

    def _away(self, row: ResourceRecord | None) -> None:
        """Everything in a nested stack that goes."""
        there = self._nested_in(row)
        rows = [] if there is None else self._services.store.resources.of_stack(there.id)
        standing = in_use(rows)
        users = required_by(rows, standing)
        for name, inside in standing.items():
            self.found["deleted"].append(ResourceDetail(inside, users.get(name, ()), "", _plain(inside), stack=there))
            self._away(inside)

    def _nested_in(self, row: ResourceRecord | None) -> StackRecord | None:
        if row is None or row.physical_id is None:
            return None
        there = self._services.store.stacks.get(row.physical_id)
        return there if there is not None and there.owner_id == row.stack_id else None


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
    types: Registry,
    definition: Definition,
    users: Mapping[str, Sequence[str]],
) -> ResourceDetail:
    """A resource that does not exist yet, as previews show it."""
    cls = types.get(definition.type, definition.name)
    row = ResourceRecord.unmade(stack.id, definition.name, definition.type, services.clock.now())
    attributes = dict.fromkeys(name for name in cls.schema.attributes if name != "show")
    return ResourceDetail(row, users.get(definition.name, ()), "", attributes, stack=stack)


def _properties(schema: TypeSchema, definition: Definition, scope: ParameterScope) -> dict[str, Any]:
    """All properties with what is known of their values, else their defaults."""
    found: dict[str, Any] = {name: one.default for name, one in schema.properties.items()}
    known = {name: _known(written, scope) for name, written in definition.properties.items()}
    return {**found, **{name: value for name, value in known.items() if value is not None}}


def _known(written: Any, scope: ParameterScope) -> Any:
    """A value as far as it is known before the run, else null."""
    try:
        value = resolve(written, scope)
    except ResolveError:  # of a null for what is not known yet; what is wrong anyway has been refused
        return None
    return None if value is UNKNOWN or contains_unknown(value) else value


def _plain(row: ResourceRecord) -> dict[str, Any]:
    """Its attributes; those of a row that a hidden value went into are masked."""
    shown = {name: value for name, value in row.attributes.items() if not name.startswith("$")}
    return dict.fromkeys(shown, HIDDEN) if row.secret else shown
