"""Groups resized by a signal: an operation on the group's nested stack, accepted beside any operation of its stack.

Behind the port `kamado.plugin.context.Groups`. One transaction takes the signal: the nested stack's operation and new target, the group's
metadata (its cooldown), the history of both. So it is carried out exactly when it was accepted, whoever dies, and of two signals at once
the second one starts from what the first one came to. The trap: what is decided here was read before that transaction; it is compared
there, and decided anew when something has moved. A group in the middle of an action of its own takes no signal, so an update never
works from members that a signal changes under it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from kamado.engine import events
from kamado.engine.children import ChildReader, child_target
from kamado.engine.scope import attributes_read, reference_of
from kamado.model.identifiers import new_id
from kamado.model.lifecycle import Action, OperationState, Status
from kamado.model.records import RESIZE, EventRecord, OperationRecord, ResourceRecord, StackRecord
from kamado.orchestrator.context import Services
from kamado.orchestrator.resources import stack_info, types_of
from kamado.plugin import lifecycle
from kamado.plugin.context import Ports
from kamado.plugin.errors import NoActionRequired, PermanentError
from kamado.plugin.scaling import Adjustment, Resize, Scalable
from kamado.store.errors import StackGone
from kamado.store.resources import in_use

_TRIES = 50


class Moved(Exception):
    """Something was accepted or written between our reading and our writing."""


@dataclass
class Resizing:
    """The port of one signal. ``told`` is the signal's line of history, which is written when it changes something."""

    services: Services
    stack: StackRecord
    told: Callable[[], EventRecord]
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
        ports = Ports(clock=services.clock, children=children, wanted=wanted)
        resource = lifecycle.build(types_of(services, stack), row, stack_info(services, stack), ports)
        if not isinstance(resource, Scalable):
            raise PermanentError(f"{row.name} is no group that can be scaled", "NotFound")
        return resource

    def _begin(self, row: ResourceRecord, child: StackRecord, resize: Resize) -> None:
        services, stack = self.services, self.stack
        target, template = child_target(services.targets, stack.target, row, resize.child)
        now = services.clock.now()
        minutes = stack.timeout_mins
        seconds = minutes * 60.0 if minutes else services.settings.stack_action_timeout
        operation = OperationRecord(
            id=new_id(),
            stack_id=child.id,
            action=Action.UPDATE,
            state=OperationState.PENDING,
            target=target,
            created_at=now,
            deadline=now + timedelta(seconds=seconds),
            credential_id=stack.credential_id or child.credential_id,
            project_id=stack.project_id,
            options={RESIZE: dict(resize.told)},
        )
        reason = events.started(Action.UPDATE)
        values = {
            "action": Action.UPDATE,
            "status": Status.IN_PROGRESS,
            "reason": reason,
            "updated_at": now,
            "target": target,
            "description": template.description or "",
        }
        event = events.stack_event(child, Action.UPDATE, Status.IN_PROGRESS, reason, now)

        def as_seen(locked: StackRecord, _: Sequence[OperationRecord]) -> None:
            if locked.operation_id != child.operation_id:
                raise Moved

        def scaled(locked: ResourceRecord) -> tuple[Mapping[str, Any], Sequence[EventRecord]]:
            same = (locked.physical_id, locked.metadata, locked.replaced_by)
            if locked.status is not Status.COMPLETE or same != (row.physical_id, row.metadata, row.replaced_by):
                raise Moved
            return {"metadata": dict(resize.metadata)}, (self.told(),)

        services.store.stacks.start(operation, values, event, unless=as_seen, row=(row.id, scaled))
