"""What a request would do, step by step, down to the last nested stack. Nothing is written.

Called by the APIs. It is the planner's own plan, made from the same rows as the one that runs; plans of nested stacks are made from what is
known of their parameters before the run. The trap: a value that came from a hidden parameter stays hidden in nested stacks, whatever their
templates declare.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

from kamado.engine import observing
from kamado.engine.basis import Tree
from kamado.engine.plan import MASKED, Plan, PropertyDifference, Reason, Step, StepKind
from kamado.engine.planner import PlanRequest, look
from kamado.engine.planner.compare import DraftScope
from kamado.engine.planner.differences import differences
from kamado.engine.resolving import hidden_properties, wanted_properties
from kamado.model.lifecycle import Action, Status
from kamado.model.records import ResourceRecord, StackRecord
from kamado.orchestrator import actions, binding, nested, stacks, templates
from kamado.orchestrator.context import RequestContext, Services
from kamado.orchestrator.errors import EntityNotFound
from kamado.orchestrator.nested import Level
from kamado.orchestrator.requests import StackRequest
from kamado.plugin import lifecycle
from kamado.plugin.context import ChildTemplate
from kamado.plugin.lifecycle import Observation, PropertyChanges
from kamado.plugin.stack_resource import Present, StackResource, hidden_inside
from kamado.plugin.template_resource import TemplateResource
from kamado.template import UNKNOWN, Definition, PseudoParameters, ResolveError, TemplateInvalid, ValuesInvalid
from kamado.template.hidden import NOTHING, Hidden, all_of, both, inside, masked

_NOTHING: frozenset[str] = frozenset()
_SIDE_BY_SIDE = 8
"""So many resources are looked at at a time, for one request."""


@dataclass(frozen=True, slots=True)
class StackPlan:
    """The plan of one stack. ``stack`` is None for a nested one that is still to be made; ``rows``: those it starts from, by id.

    ``inside``: key of a step → the plan of the nested stack that the step is about; ``opaque``: keys of steps about nested stacks into
    which nobody can look before the run; ``retained``: resources that a deletion leaves in the cloud because it was told to.
    """

    plan: Plan
    stack: StackRecord | None = None
    rows: Mapping[str, ResourceRecord] = field(default_factory=dict)
    inside: Mapping[str, StackPlan] = field(default_factory=dict)
    opaque: frozenset[str] = _NOTHING
    retained: frozenset[str] = _NOTHING


@dataclass(frozen=True, slots=True)
class Shown:
    """A plan as it is shown. ``basis``: what it stands on, None while the stack is in the middle of something."""

    plan: StackPlan
    basis: str | None


def create(services: Services, context: RequestContext, request: StackRequest) -> Shown:
    """The plan of a create. Refuses what `stacks.create` refuses."""
    name = stacks.checked_name(request.name)
    template = templates.parse(services, stacks.source(request), request.files)
    stacks.room_for(services, context, name)
    stack = stacks.new_stack(context, request, name, services.clock.now())
    prepared = templates.prepare(
        services, context, stack, templates.Wanted(template, request.environment, request.files)
    )
    pseudo = replace(templates.pseudo(services, stack, template), stack_id=UNKNOWN)
    parameters = template.bind(prepared.environment, pseudo)
    prepared = replace(prepared, parameters=parameters, definitions=template.definitions(parameters))
    look_ = _Look(services, context.project_id, (), prepared.files)
    asked = binding.wanted_of(services, stack.action, stack, prepared, request)
    return Shown(look_.toward(prepared.level(0), stack.action, None), str(binding.basis(services, None, asked)))


def update(services: Services, context: RequestContext, stack: StackRecord, request: StackRequest) -> Shown:
    """The plan of an update. Refuses what `stacks.update` refuses."""
    change = stacks.prepare_update(services, context, stack, request)
    asked = binding.wanted_of(services, Action.UPDATE, change.stack, change.prepared, request)
    tree = binding.tree_of(services, stack)
    converge = request.converge or services.settings.observe_on_update
    cloud = cache(partial(services.clouds.for_token, context)) if converge else None
    look_ = _Look(services, stack.project_id, tree, change.prepared.files, cloud)
    level = change.prepared.level(stack.nested_depth)
    plan = look_.toward(level, Action.UPDATE, stack)
    # What is really there may be something else at the next moment: nothing can be held to it.
    return Shown(plan, None if converge else _basis(services, stack, asked, tree))


def act(services: Services, stack: StackRecord, action: Action) -> Shown:
    """The plan of a check, suspend or resume. Refuses what `actions.act` refuses."""
    actions.refuse_action(stack, action)
    return _acting(services, stack, action, binding.wanted(services, action))


def delete(services: Services, stack: StackRecord, retain: Collection[str] = (), force: bool = False) -> Shown:
    """The plan of a deletion. Refuses what `actions.delete` refuses."""
    if stack.deleted_at is not None:
        raise EntityNotFound.of("Stack", stack.name)
    actions.refuse_retaining(services, stack, retain)
    return _acting(services, stack, Action.DELETE, binding.wanted_deletion(services, retain, force), retain)


def _acting(services: Services, stack: StackRecord, action: Action, asked: str, retain: Collection[str] = ()) -> Shown:
    tree = binding.tree_of(services, stack)
    plan = _Look(services, stack.project_id, tree, {}).acting(stack, action, frozenset(retain))
    return Shown(plan, _basis(services, stack, asked, tree))


def _basis(services: Services, stack: StackRecord, asked: str, tree: Tree) -> str | None:
    if any(one.status is Status.IN_PROGRESS for one, _ in tree):
        return None
    return str(binding.basis(services, stack, asked, tree))


_AS_WANTED = {(action, Status.COMPLETE) for action in (Action.CREATE, Action.UPDATE, Action.ROLLBACK, Action.RESTORE)}
"""States of a stack in which all its resources are what was wanted last."""


class _Look:
    """One look at a tree of stacks, as it is and as it should be."""

    def __init__(
        self,
        services: Services,
        project_id: str,
        tree: Tree,
        files: Mapping[str, str],
        cloud: Callable[[], Any] | None = None,
    ) -> None:
        """``cloud``: where to look at what is really there; None when that is not asked for."""
        self._cloud = cloud
        self._clock = services.clock
        self._targets = services.targets
        self._bodies = services.store.templates
        root = tree[0][0].root_id if tree else ""
        self._unsound = services.store.stacks.unsound(root) if len(tree) > 1 else _NOTHING
        self._registry = services.registry
        self._project = project_id
        self._region = services.settings.region_name
        self._stacks = {stack.id: stack for stack, _ in tree}
        self._rows = {stack.id: rows for stack, rows in tree}
        self._tree = nested.Tree(services.registry, files, services.settings.max_nested_stack_depth)

    def toward(
        self,
        level: Level,
        action: Action,
        stack: StackRecord | None,
        hidden: frozenset[str] = _NOTHING,
        hidden_inside: Hidden | None = NOTHING,
    ) -> StackPlan:
        """The plan of a stack that is to become what its level says.

        ``hidden``: parameters whose values must not be shown; ``hidden_inside``: where in properties, None is everywhere.
        """
        rows: Sequence[ResourceRecord] = () if stack is None else self._rows[stack.id]
        plan, scope = look(
            PlanRequest(
                action=action,
                rows=rows,
                types=level.types,
                definitions=level.definitions,
                parameters=level.parameters,
                outputs=level.template.active_outputs(level.parameters),
                unsound=self._unsound if self._cloud is None else observing.composites(level.types, rows),
                observed=self._observed(level, stack, rows),
                entries=level.environment.registry.get("resources") or {},
                hidden_before=self._hidden_before(stack, rows),
            )
        )
        steps: list[Step] = []
        inside: dict[str, StackPlan] = {}
        opaque: set[str] = set()
        for step in plan.steps:
            if step.kind is StepKind.DELETE:
                steps.append(step)
                self._away(step, Action.DELETE, inside)
                continue
            definition = level.definitions[step.name]
            inner = all_of(definition.properties) if hidden_inside is None else hidden_inside
            places = both(definition.hidden(hidden), inner)
            steps.append(_masked(_filled(level, scope, step, definition), places))
            kind = level.types.get(definition.type, definition.name)
            if kind.composite and step.kind is not StepKind.KEEP:
                below = self._below(level, scope, step, definition, hidden, inner)
                if below is None:
                    opaque.add(step.key)
                else:
                    inside[step.key] = below
        return StackPlan(
            replace(plan, steps=tuple(steps)), stack, {row.id: row for row in rows}, inside, frozenset(opaque)
        )

    def _hidden_before(self, stack: StackRecord | None, rows: Sequence[ResourceRecord]) -> Mapping[str, Hidden]:
        """Of resources that keep secrets where they were, as far as that is known: when all are what was wanted last."""
        if stack is None or (stack.action, stack.status) not in _AS_WANTED or not any(row.secret for row in rows):
            return {}
        try:
            desired = self._targets.desired(stack, stack.target)
        except TemplateInvalid:
            return {}
        secret = {row.name for row in rows if row.secret}
        return {
            name: hidden_properties(definition, desired.hidden, secret.__contains__)
            for name, definition in desired.definitions.items()
            if name in secret
        }

    def _observed(
        self, level: Level, stack: StackRecord | None, rows: Sequence[ResourceRecord]
    ) -> Mapping[str, Observation]:
        """What is really there, by row; a thing that cannot be looked at refuses the plan."""
        if self._cloud is None or stack is None:
            return {}
        resources = observing.to_look_at(level.types, rows, stack, self._clock, self._cloud)
        lifecycle.look_together(resources.values())
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as threads:
            return dict(zip(resources, threads.map(lifecycle.observe, resources.values()), strict=True))

    def _below(
        self,
        level: Level,
        scope: DraftScope,
        step: Step,
        definition: Definition,
        hidden: frozenset[str],
        inner: Hidden,
    ) -> StackPlan | None:
        there = self._stacks.get(step.physical_id or "") if step.kind is StepKind.UPDATE else None
        name, key = (UNKNOWN, UNKNOWN) if there is None else (there.name, there.id)
        kind = level.types.get(definition.type, definition.name)
        schema = kind.schema
        try:
            properties = wanted_properties(schema, definition, scope)
        except (ResolveError, ValuesInvalid):
            return None
        pseudo = PseudoParameters(name, key, self._project, self._region)
        present = None
        group = issubclass(kind, StackResource) and bool(kind.members_from)
        if there is not None and group:
            body = self._bodies.get(there.target.template_id)
            parameters = dict(there.target.environment.get("parameters") or {})
            present = Present(ChildTemplate(body, parameters), frozenset(str(one.path[0]) for one in step.changes))
        child = self._tree.child(level, definition, pseudo, properties, present)
        if child is None:
            return None
        action = Action.CREATE if there is None else Action.UPDATE
        places = both(inner, definition.hidden(hidden))
        places = both(places, hidden_properties(definition, level.parameters.hidden, scope.keeps_secrets))
        if issubclass(kind, StackResource) and kind.members_from is not None:
            return self.toward(child, action, there, hidden_inside=hidden_inside(kind, "properties", places))
        secret, names = frozenset(places), frozenset(child.template.parameters)
        if issubclass(kind, TemplateResource):
            return self.toward(child, action, there, names & (secret | schema.secrets))
        return self.toward(child, action, there, names if secret or schema.secrets & properties.keys() else _NOTHING)

    def acting(self, stack: StackRecord, action: Action, retain: frozenset[str] = _NOTHING) -> StackPlan:
        """The plan of something done to a stack as it is. ``retain``: see `actions.delete`."""
        rows = self._rows[stack.id]
        plan, _ = look(PlanRequest(action=action, rows=rows, types=self._registry))
        inside: dict[str, StackPlan] = {}
        for step in plan.steps:
            if step.name not in retain:
                self._away(step, action, inside, retain)
        return StackPlan(plan, stack, {row.id: row for row in rows}, inside, retained=retain)

    def _away(
        self, step: Step, action: Action, inside: dict[str, StackPlan], retain: frozenset[str] = _NOTHING
    ) -> None:
        below = self._stacks.get(step.physical_id or "")
        if below is not None and not step.conditional:
            start = f"{step.name}/"
            kept = frozenset(path.removeprefix(start) for path in retain if path.startswith(start))
            inside[step.key] = self.acting(below, action, kept)


def _filled(level: Level, scope: DraftScope, step: Step, definition: Definition) -> Step:
    """A step that makes something new, with what is written of it: its properties as far as they are known."""
    begun = step.row_id is not None and step.reason is not Reason.NEW
    if step.kind not in (StepKind.CREATE, StepKind.REPLACE) or step.changes or begun:
        return step
    schema = level.types.get(definition.type, definition.name).schema
    try:
        properties = wanted_properties(schema, definition, scope)
    except (ResolveError, ValuesInvalid):
        return step
    written = {name: properties[name] for name in definition.properties if properties.get(name) is not None}
    hidden = hidden_properties(definition, level.parameters.hidden, scope.keeps_secrets)
    return replace(step, changes=differences(schema, None, written, PropertyChanges(values=written), hidden))


def _masked(step: Step, hidden: Hidden) -> Step:
    """The step with the values masked that are hidden; of a place inside of one that is hidden as a whole, that one is told."""
    if not hidden or not step.changes:
        return step
    changes: dict[tuple[str | int, ...], PropertyDifference] = {}
    for change in step.changes:
        depth = next(
            (n for n in range(1, len(change.path)) if inside(hidden, change.path[:n]) is None), len(change.path)
        )
        place = change.path[:depth]
        old, new = (masked(value, inside(hidden, place), MASKED) for value in (change.old, change.new))
        changes[place] = replace(change, path=place, old=old, new=new)
    return replace(step, changes=tuple(changes.values()))
