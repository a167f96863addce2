"""What a signal begins: a group resized by an operation on its nested stack, or resources of the stack replaced.

Behind the port `kamado.plugin.context.Groups`. One transaction takes the signal: the nested stack's operation and new target, the group's
metadata (its cooldown), the history of both. So it is carried out exactly when it was accepted, whoever dies, and of two signals at once
the second one starts from what the first one came to. The trap: what is decided here was read before that transaction; it is compared
there, and decided anew when something has moved. A group in the middle of an action of its own takes no signal, so an update never
works from members that a signal changes under it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from kamado.engine import events
from kamado.engine.children import ChildReader, child_target
from kamado.engine.resolving import hidden_properties
from kamado.engine.scope import attributes_read, reference_of
from kamado.engine.siblings import Siblings
from kamado.model.identifiers import new_id
from kamado.model.lifecycle import REFUSED_AFTER, Action, OperationState, Status
from kamado.model.records import RESIZE, EventRecord, OperationRecord, ResourceRecord, StackRecord, Target, traced
from kamado.orchestrator import health
from kamado.orchestrator.context import Services
from kamado.orchestrator.resources import stack_info, types_of
from kamado.plugin import lifecycle
from kamado.plugin.context import Ports
from kamado.plugin.errors import NoActionRequired, PermanentError
from kamado.plugin.scaling import Adjustment, Resize, Scalable
from kamado.store.errors import StackGone
from kamado.store.resources import in_use
from kamado.template.hidden import NOTHING, Hidden

_TRIES = 50


class Moved(Exception):
    """Something was accepted or written between our reading and our writing."""


@dataclass
class Resizing:
    """The port of one signal, to the resource of ``row``. ``told`` is its line of history, which is written when it changes something;
    ``trace`` the ``traceparent`` of the request that brought it.
    """

    services: Services
    stack: StackRecord
    row: ResourceRecord
    told: Callable[[], EventRecord]
    trace: str = ""
    done: bool = False
    """Whether that line has been written."""

    def adjust(self, reference: str, adjustment: Adjustment) -> None:
        """See `kamado.plugin.context.Groups`."""
        for _ in range(_TRIES):
            row = self._group(reference)
            resource = self._built(row)
            child = self.services.store.stacks.get(row.physical_id or "")
            if child is None:
                raise NoActionRequired
            resize = resource.resized(adjustment)
            try:
                self._begin(row, child, resize)
            except Moved:
                continue
            except StackGone as error:
                raise NoActionRequired from error
            self.done = True
            self.services.wake()
            return
        raise PermanentError(f"the group {reference} is too busy")

    def replace(self, row_ids: Collection[str], physical_id: str | None) -> None:
        """See `kamado.plugin.context.Groups`. Killed in the middle, it leaves marks that the next update heeds."""
        services, stack = self.services, self.stack
        rows = in_use(services.store.resources.of_stack(stack.id)).values()
        meant = {row.id for row in rows if row.id in row_ids or (physical_id and row.physical_id == physical_id)}
        if not meant or stack.status is Status.IN_PROGRESS or stack.action in REFUSED_AFTER[Action.UPDATE]:
            raise NoActionRequired
        others = [row for row in rows if row.id != self.row.id]
        while found := {row.id for row in others if row.id not in meant and meant & set(row.requires)}:
            meant |= found
        for row in others:
            if row.id in meant:
                health.mark(services, stack, row.name, True, f"to be replaced: {self.row.name} was signalled")
        operation = self._operation(stack, stack.target, {})
        values = self._begun(operation)
        event = events.stack_event(stack, Action.UPDATE, Status.IN_PROGRESS, values["reason"], operation.created_at)

        def signalled(_: ResourceRecord) -> tuple[Mapping[str, Any], Sequence[EventRecord]]:
            return {}, (self.told(),)

        try:
            services.store.stacks.start(operation, values, event, unless=_as_seen(stack), row=(self.row.id, signalled))
        except (Moved, StackGone) as error:
            raise NoActionRequired from error  # somebody else has begun something, which heeds the marks
        self.done = True
        services.wake()

    def _group(self, reference: str) -> ResourceRecord:
        rows = in_use(self.services.store.resources.of_stack(self.stack.id)).values()
        found = next((row for row in rows if row.physical_id and reference_of(row) == reference), None)
        if found is None:
            raise PermanentError(f"Alarm {reference} could not find scaling group", "NotFound")
        return found

    def _built(self, row: ResourceRecord) -> Scalable:
        services, stack = self.services, self.stack
        region = services.settings.region_name
        desired = services.targets.desired(stack, stack.target)
        wanted = attributes_read(desired.definitions, desired.outputs).get(row.name, frozenset())
        # Of the port for nested stacks only reading is used.
        children: Any = ChildReader(
            services.store, services.targets, services.clock, lambda: services.cloud_of(stack), region
        )
        siblings = Siblings(services.store.resources, stack.id)
        types = types_of(services, stack)
        definition = desired.definitions.get(row.name)
        hidden: Hidden | None = None if row.secret else NOTHING
        if row.secret and definition is not None:
            secret = {one.name for one in services.store.resources.of_stack(stack.id) if one.secret}
            hidden = hidden_properties(definition, desired.hidden, secret.__contains__)
        ports = Ports(clock=services.clock, children=children, siblings=siblings, wanted=wanted, hidden=hidden)
        resource = lifecycle.build(types, row, stack_info(services, stack), ports)
        if not isinstance(resource, Scalable):
            raise PermanentError(f"{row.name} is no group that can be scaled", "NotFound")
        return resource

    def _begin(self, row: ResourceRecord, child: StackRecord, resize: Resize) -> None:
        services, stack = self.services, self.stack
        target, template = child_target(services.targets, stack.target, row, resize.child)
        operation = self._operation(child, target, {RESIZE: dict(resize.told)})
        values = {**self._begun(operation), "target": target, "description": template.description or ""}
        event = events.stack_event(child, Action.UPDATE, Status.IN_PROGRESS, values["reason"], operation.created_at)

        def scaled(locked: ResourceRecord) -> tuple[Mapping[str, Any], Sequence[EventRecord]]:
            same = (locked.physical_id, locked.metadata, locked.replaced_by)
            if locked.status is not Status.COMPLETE or same != (row.physical_id, row.metadata, row.replaced_by):
                raise Moved
            return {"metadata": dict(resize.metadata)}, (self.told(),)

        services.store.stacks.start(operation, values, event, unless=_as_seen(child), row=(row.id, scaled))

    def _operation(self, on: StackRecord, target: Target, options: Mapping[str, Any]) -> OperationRecord:
        """An update of a stack, with the time and the credential that the signal's stack has."""
        stack, now = self.stack, self.services.clock.now()
        seconds = stack.timeout_mins * 60.0 if stack.timeout_mins else self.services.settings.stack_action_timeout
        return OperationRecord(
            id=new_id(),
            stack_id=on.id,
            action=Action.UPDATE,
            state=OperationState.PENDING,
            target=target,
            created_at=now,
            previous=on.target if on.owner_id is None else None,
            deadline=now + timedelta(seconds=seconds),
            credential_id=stack.credential_id or on.credential_id,
            project_id=stack.project_id,
            options=traced(options, self.trace),
        )

    def _begun(self, operation: OperationRecord) -> dict[str, Any]:
        """What its stack says from then on."""
        reason = events.started(Action.UPDATE)
        state = {"action": Action.UPDATE, "status": Status.IN_PROGRESS, "reason": reason}
        return {**state, "updated_at": operation.created_at}


def _as_seen(stack: StackRecord) -> Callable[[StackRecord, Sequence[OperationRecord]], None]:
    """Raises Moved when another operation was accepted since the stack was read."""

    def refuse(locked: StackRecord, _: Sequence[OperationRecord]) -> None:
        if locked.operation_id != stack.operation_id:
            raise Moved

    return refuse
