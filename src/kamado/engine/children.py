"""Child stacks of one resource: begun through the books of the parent's operation, read from the store.

`ChildStacks` is the port that a running operation gives its resources; `ChildReader` the half that only reads, for showing. What is
begun here is a change like any other of the running batch: a child is there exactly when its parent's row knows of it. The trap: only
what reads may be called in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from kamado.engine import events, turns
from kamado.engine.gathering import child_states
from kamado.engine.ledger import Ledger
from kamado.engine.ports import EngineSettings, StorePort
from kamado.engine.scope import RowScope, reference_of
from kamado.engine.targets import TargetLoader
from kamado.model.changes import InsertStack, StartOperation
from kamado.model.identifiers import new_id
from kamado.model.lifecycle import Action, OperationState, Status
from kamado.model.records import (
    ABANDON,
    ADOPT_DATA,
    AFTER_SUSPEND,
    BATCHES,
    CONVERGE,
    FORCE,
    RETAIN,
    TRACE,
    OperationRecord,
    ResourceRecord,
    StackRecord,
    Target,
    changed,
    taken_over,
    traced,
)
from kamado.plugin import lifecycle
from kamado.plugin.context import ChildState, ChildTemplate, Clock, HalfWay, InTurn, Ports, StackInfo
from kamado.plugin.errors import PermanentError
from kamado.plugin.stack_resource import TOLD
from kamado.template import ResolveError, Template, contains_unknown, resolve
from kamado.template.environment import registry_target

TOO_DEEP = "Request limit exceeded: Recursion depth exceeds {}."
"""Heat's sentence on stacks that nest too deep."""


def stack_info(stack: StackRecord, region: str, timeout_secs: float | None = None) -> StackInfo:
    """The facts about a stack that a resource type may know."""
    return StackInfo(
        id=stack.id,
        name=stack.name,
        project_id=stack.project_id,
        user_id=stack.user_id,
        username=stack.username,
        root_id=stack.root_id or stack.id,
        nested_depth=stack.nested_depth,
        region=region,
        tags=stack.tags,
        stack_user_project_id=stack.stack_user_project_id,
        timeout_secs=timeout_secs,
    )


def in_use(rows: list[ResourceRecord]) -> ResourceRecord | None:
    """Of the rows of one name the one that stands for it."""
    return max(rows, key=lambda row: (row.replaced_by is None, row.created_at)) if rows else None


def child_environment(parent: Mapping[str, Any], resource: str, child: ChildTemplate) -> dict[str, Any]:
    """The environment of a child: the parent's registry and defaults, with what is said of the resource itself on top."""
    registry = dict(parent.get("resource_registry") or {})
    singles = registry.get("resources") or {}
    inner = singles.get(resource) if isinstance(singles, Mapping) else None
    below = inner.items() if isinstance(inner, Mapping) else ()
    registry["resources"] = {name: entry for name, entry in below if isinstance(entry, Mapping)}
    if child.hides is not None and child.hides != child.template:
        if registry.get(child.hides) == child.template:
            del registry[child.hides]
        elif registry_target((registry,), child.hides) != child.template:
            registry[child.hides] = (
                child.hides
            )  # the operator's mapping: a template may use the type that it stands for
    registry |= child.maps
    kept = {name: parent[name] for name in ("parameter_defaults", "event_sinks") if parent.get(name)}
    return {**kept, "resource_registry": registry, "parameters": dict(child.parameters)}


def child_target(
    loader: TargetLoader, above: Target, row: ResourceRecord, child: ChildTemplate
) -> tuple[Target, Template]:
    """What the nested stack of a row is to be, in a stack that is to be ``above``; and its template. May write bodies."""
    environment = child_environment(above.environment, row.name, child)
    target = loader.child_target(above, child.template, environment)
    template = loader.template(target)
    led_in = (template.parameters.keys() if child.secret is None else child.secret) if row.secret else ()
    hidden = {name for name, one in template.parameters.items() if one.hidden or name in led_in}
    hidden |= set(above.environment.get("encrypted_param_names") or ())
    if hidden:
        target = replace(target, environment={**environment, "encrypted_param_names": sorted(hidden)})
    return target, template


class ChildReader:
    """Reads child stacks. ``cloud``: for attributes that nobody has read yet. Safe from any thread."""

    def __init__(
        self, store: StorePort, loader: TargetLoader, clock: Clock, cloud: Callable[[], Any], region: str = ""
    ) -> None:
        self._store = store
        self._loader = loader
        self._clock = clock
        self._cloud = cloud
        self._region = region

    def state(self, stack_id: str) -> ChildState | None:
        """See `kamado.plugin.context.Children`."""
        return child_states(self._store, (stack_id,)).get(stack_id)

    def outputs(self, stack_id: str) -> Mapping[str, Any]:
        """See `kamado.plugin.context.Children`."""
        stack = self._store.stacks.get(stack_id)
        if stack is None:
            return {}
        desired = self._loader.desired(stack, stack.target)
        needed = sorted({name for output in desired.outputs.values() for name in output.requires})
        found: dict[str, list[ResourceRecord]] = {}
        for row in self._store.resources.named(stack_id, needed) if needed else ():
            found.setdefault(row.name, []).append(row)
        rows = {name: in_use(several) for name, several in found.items()}
        scope = RowScope(desired.parameters, rows.get)
        return {name: _value(output.value, scope) for name, output in desired.outputs.items()}

    def attribute(self, stack_id: str, resource: str, name: str | None) -> Any:
        """See `kamado.plugin.context.Children`."""
        stack = self._store.stacks.get(stack_id)
        row = in_use(self._store.resources.named(stack_id, [resource])) if stack is not None else None
        if stack is None or row is None:
            return None
        return self._of_row(stack, row, name)

    def members(self, stack_id: str, name: str | None) -> Mapping[str, Any]:
        """See `kamado.plugin.context.Children`."""
        stack = self._store.stacks.get(stack_id)
        if stack is None:
            return {}
        rows: dict[str, list[ResourceRecord]] = {}
        for row in self._store.resources.of_stack(stack_id):
            if row.action is not Action.DELETE:
                rows.setdefault(row.name, []).append(row)
        standing = (in_use(several) for several in rows.values())
        return {row.name: self._of_row(stack, row, name) for row in standing if row is not None}

    def failed(self, stack_id: str) -> frozenset[str]:
        """See `kamado.plugin.context.Children`."""
        return self._store.resources.failed(stack_id)

    def template(self, stack_id: str) -> ChildTemplate | None:
        """See `kamado.plugin.context.Children`."""
        stack = self._store.stacks.get(stack_id)
        return None if stack is None else self._made_of(stack.target)

    def half_way(self, stack_id: str) -> HalfWay | None:
        """See `kamado.plugin.context.Children`."""
        stack = self._store.stacks.get(stack_id)
        if stack is None or stack.status is Status.COMPLETE:
            return None
        last = self._store.operations.get(stack.operation_id or "")
        if last is None or BATCHES not in last.options:
            return None
        rows = self._store.resources.of_stack(stack_id)
        before = None if last.previous is None else self._made_of(last.previous)
        return HalfWay(before, turns.reached(self._loader.desired(stack, stack.target), rows), turns.there(rows))

    def _made_of(self, target: Target) -> ChildTemplate:
        body = self._store.templates.get(target.template_id)
        return ChildTemplate(body, dict(target.environment.get("parameters") or {}))

    def _of_row(self, stack: StackRecord, row: ResourceRecord, name: str | None) -> Any:
        if name is None:
            return reference_of(row)
        if name in row.attributes:
            return row.attributes[name]
        types = self._loader.desired(stack, stack.target).types
        reader: Any = self  # of what the port offers only reading is used
        ports = Ports(clock=self._clock, cloud=self._cloud, children=reader)
        built = lifecycle.build(types, row, stack_info(stack, self._region), ports)
        return lifecycle.read(built, [name]).get(name)


def _known_as(rows: list[ResourceRecord], name: str) -> ResourceRecord | None:
    """The row that stands for what is known by its name in the template, or by its reference."""
    return in_use([row for row in rows if row.name == name]) or in_use(
        [row for row in rows if row.physical_id is not None and name in (reference_of(row), row.physical_id)]
    )


def _value(value: Any, scope: RowScope) -> Any:
    try:
        found = resolve(value, scope)
    except (ResolveError, ValueError, LookupError, TypeError):
        return None
    return None if contains_unknown(found) else found


_TOLD = frozenset({Action.CREATE, Action.ADOPT, Action.UPDATE})
"""Actions that are told more than what a child is to be."""


def _in_turn(turns: InTurn | None) -> dict[str, Any]:
    return {} if turns is None else {BATCHES: {"names": [list(names) for names in turns.names], "pause": turns.pause}}


def handed_down(options: Mapping[str, Any], resource: str) -> dict[str, Any]:
    """What of an operation's options holds for the same action on the nested stack of a resource."""
    found = {name: options[name] for name in (FORCE, AFTER_SUSPEND, CONVERGE, ABANDON) if options.get(name)}
    if ADOPT_DATA in options:
        found[ADOPT_DATA] = taken_over(options, resource).get("resources") or {}
    inside = [path.removeprefix(f"{resource}/") for path in options.get(RETAIN, ()) if path.startswith(f"{resource}/")]
    return {**found, RETAIN: inside} if inside else found


@dataclass(frozen=True, slots=True)
class Parent:
    """The running operation that children belong to: its records, books and deadline."""

    stack: StackRecord
    operation: OperationRecord
    ledger: Ledger
    deadline: datetime
    now: Callable[[], datetime]


class ChildStacks(ChildReader):
    """The port of one resource of a running operation."""

    def __init__(
        self,
        parent: Parent,
        row: ResourceRecord,
        reader: tuple[StorePort, TargetLoader, Clock, Callable[[], Any]],
        settings: EngineSettings,
    ) -> None:
        super().__init__(*reader, settings.region)
        self._parent = parent
        self._row = row
        self._most_deep = settings.max_nested_stack_depth

    def create(
        self, name: str, child: ChildTemplate, key: str | None = None, turns: InTurn | None = None
    ) -> tuple[str, str]:
        """See `kamado.plugin.context.Children`."""
        return self._insert(key or new_id(), name, child, Action.CREATE, _in_turn(turns))

    def adopt(self, name: str, child: ChildTemplate) -> tuple[str, str]:
        """See `kamado.plugin.context.Children`."""
        told = taken_over(self._parent.operation.options, self._row.name)
        return self._insert(new_id(), name, child, Action.ADOPT, {ADOPT_DATA: told.get("resources") or {}})

    def _insert(
        self, stack_id: str, name: str, child: ChildTemplate, action: Action, options: Mapping[str, Any]
    ) -> tuple[str, str]:
        above = self._parent.stack
        if above.nested_depth >= self._most_deep:
            raise PermanentError(TOO_DEEP.format(self._most_deep), "RequestLimitExceeded")
        target, template = self._target(child)
        now = self._parent.now()
        operation = self._operation(stack_id, action, target, now, options)
        stack = StackRecord(
            id=stack_id,
            name=name,
            project_id=above.project_id,
            action=action,
            status=Status.IN_PROGRESS,
            reason=events.started(action),
            target=target,
            created_at=now,
            owner_id=above.id,
            root_id=above.root_id or above.id,
            nested_depth=above.nested_depth + 1,
            parent_resource=self._row.name,
            timeout_mins=above.timeout_mins,
            disable_rollback=True,
            description=template.description or "",
            user_id=above.user_id,
            username=above.username,
            credential_id=operation.credential_id,
            stack_user_project_id=above.stack_user_project_id,
            operation_id=operation.id,
        )
        event = events.stack_event(stack, action, Status.IN_PROGRESS, stack.reason, now)
        self._parent.ledger.note(InsertStack(stack, operation, event))
        return stack_id, operation.id

    def update(self, stack_id: str, child: ChildTemplate, turns: InTurn | None = None) -> str:
        """See `kamado.plugin.context.Children`."""
        target, template = self._target(child)
        values = {"target": target, "description": template.description or ""}
        options = {**handed_down(self._parent.operation.options, self._row.name), **_in_turn(turns)}
        previous = None
        if turns is not None and turns.before is not None:
            previous = self._target(turns.before)[0]
        elif turns is not None:
            stack = self._store.stacks.get(stack_id)
            previous = None if stack is None else stack.target
        return self._begin(self._of(stack_id), Action.UPDATE, target, values, options, previous)

    def start(self, stack_id: str, action: Action) -> str:
        """See `kamado.plugin.context.Children`."""
        options = handed_down(self._parent.operation.options, self._row.name)
        last = self._last(stack_id) if action in _TOLD else None
        if last is None:
            return self._begin(self._of(stack_id), action, None, {}, options)
        # It goes on: what it was told when it was begun holds.
        told = {name: last.options[name] for name in (ADOPT_DATA, BATCHES) if name in last.options}
        return self._begin(self._of(stack_id), action, None, {}, {**options, **told}, last.previous)

    def tell_beside(self, name: str, values: Callable[[Collection[str]], Mapping[str, Any]]) -> str | None:
        """See `kamado.plugin.context.Children`."""
        above = self._store.stacks.get(self._parent.stack.owner_id or "")
        row = None if above is None else _known_as(self._store.resources.of_stack(above.id), name)
        if above is None or row is None or row.physical_id is None:
            raise PermanentError(f"{name} could not be found", "NotFound")
        desired = self._loader.desired(above, above.target)
        kind = desired.types.of(row)
        told = dict(values(kind.schema.properties if kind.composite else ()))
        if row.status is Status.IN_PROGRESS:
            return None
        row_now = self._store.resources.change(
            row.id, lambda now: ({"data": {**now.data, TOLD: {**(now.data.get(TOLD) or {}), **told}}}, ())
        )
        reader: Any = self  # of what the port offers only reading is used
        ports = Ports(clock=self._clock, cloud=self._cloud, children=reader)
        built: Any = lifecycle.build(desired.types, row_now or row, stack_info(above, self._region), ports)
        target, template = child_target(self._loader, above.target, row, built.child_template())
        self._begin(row, Action.UPDATE, target, {"target": target, "description": template.description or ""}, {})
        return row.physical_id

    def _of(self, stack_id: str) -> ResourceRecord:
        return changed(self._row, physical_id=stack_id)

    def _last(self, stack_id: str) -> OperationRecord | None:
        stack = self._store.stacks.get(stack_id)
        return None if stack is None else self._store.operations.get(stack.operation_id or "")

    def _begin(
        self,
        row: ResourceRecord,
        action: Action,
        target: Target | None,
        values: Mapping[str, Any],
        options: Mapping[str, Any],
        previous: Target | None = None,
    ) -> str:
        """On the nested stack of a row. ``target``: None for the child's own."""
        now, stack_id = self._parent.now(), str(row.physical_id)
        written = target or self._parent.operation.target
        operation = changed(self._operation(stack_id, action, written, now, options), previous=previous)
        reason = events.started(action)
        state = {"action": action, "status": Status.IN_PROGRESS, "reason": reason, "updated_at": now, **values}
        about = changed(self._parent.stack, id=stack_id, name=row.physical_name or row.name)
        event = events.stack_event(about, action, Status.IN_PROGRESS, reason, now)
        self._parent.ledger.note(StartOperation(operation, state, event, as_it_is=target is None))
        return operation.id

    def _operation(
        self, stack_id: str, action: Action, target: Target, now: datetime, options: Mapping[str, Any]
    ) -> OperationRecord:
        above = self._parent.operation
        return OperationRecord(
            id=new_id(),
            stack_id=stack_id,
            action=action,
            state=OperationState.PENDING,
            target=target,
            created_at=now,
            parent_id=above.id,
            deadline=self._parent.deadline,
            credential_id=above.credential_id or self._parent.stack.credential_id,
            request_id=above.request_id,
            project_id=self._parent.stack.project_id,
            options=traced(options, above.options.get(TRACE)),
        )

    def _target(self, child: ChildTemplate) -> tuple[Target, Template]:
        return child_target(self._loader, self._parent.operation.target, self._row, child)
