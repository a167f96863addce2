"""One operation while it runs: its plan, its books, and the facts that steps ask for.

Made by the executor when it takes an operation up; dropped when that ends. It holds no cloud and no thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from typing import Any

from kamado.engine import events
from kamado.engine.calling import Caller, LedgerSaver
from kamado.engine.children import ChildStacks, Parent, child_environment, stack_info
from kamado.engine.gathering import Readings
from kamado.engine.ledger import Ledger
from kamado.engine.plan import Plan, Step
from kamado.engine.ports import EnginePorts, EngineSettings
from kamado.engine.resolving import hidden_properties
from kamado.engine.scope import RowScope
from kamado.engine.siblings import Siblings
from kamado.engine.targets import Desired
from kamado.engine.waiting import Bells
from kamado.model.lifecycle import Action, Status
from kamado.model.records import FORCE, OperationRecord, ResourceRecord, StackRecord
from kamado.plugin import lifecycle
from kamado.plugin.context import ChildTemplate, Ports, Sources
from kamado.plugin.registry import UnknownType
from kamado.plugin.resource import Resource
from kamado.template.hidden import NOTHING, Hidden, all_of


@dataclass(frozen=True, slots=True)
class Family:
    """What nested stacks of a run need: parsed templates, the bells of the engine, and when the operation runs out of time."""

    bells: Bells
    readings: Readings
    deadline: datetime


class Run:
    """What the steps of one operation share. ``current`` maps a resource name to the id of the row that stands for it now."""

    def __init__(
        self,
        ports: EnginePorts,
        settings: EngineSettings,
        operation: OperationRecord,
        stack: StackRecord,
        desired: Desired,
        plan: Plan,
        ledger: Ledger,
        children: Family,
    ) -> None:
        self.ports = ports
        self.operation = operation
        self.stack = stack
        self.desired = desired
        self.plan = plan
        self.ledger = ledger
        self.current: dict[str, str] = dict(plan.keeps)
        for step in plan.steps:
            if step.kind.makes and step.row_id is not None:
                self.current[step.name] = step.row_id
        self.scope = RowScope(desired.parameters, self._row)
        patience = settings.forced_delete_patience if operation.options.get(FORCE) else None
        owner = operation.credential_id or stack.credential_id or stack.project_id
        self.caller = Caller(
            ledger,
            settings,
            ports.store.resources,
            ports.random,
            children.readings.children,
            children.bells,
            owner=owner,
            patience=patience,
        )
        self._cloud: Any = None
        timeout = stack.timeout_mins * 60.0 if stack.timeout_mins else settings.stack_action_timeout
        self.info = stack_info(stack, settings.region, timeout)
        parent = Parent(stack, operation, ledger, children.deadline, ports.clock.now)
        reader = (ports.store, children.readings.loader, ports.clock.blocking, self.cloud)
        self._children_of = partial(ChildStacks, parent, reader=reader, settings=settings)

    def now(self) -> datetime:
        """The time of day, aware, UTC."""
        return self.ports.clock.now()

    def _row(self, name: str) -> ResourceRecord | None:
        row_id = self.current.get(name)
        return None if row_id is None else self.ledger.rows.get(row_id)

    def keeps_secrets(self, name: str) -> bool:
        """Whether the row that stands for a name is encrypted at rest."""
        row = self._row(name)
        return row is not None and row.secret

    def cloud(self) -> Any:
        """The cloud of the stack's owner, made when the first handler asks for it."""
        if self._cloud is None:
            self._cloud = self.ports.cloud(self.stack, self.operation)
        return self._cloud

    def resource(
        self, row: ResourceRecord, properties: Mapping[str, Any] | None, metadata: Mapping[str, Any] | None
    ) -> Resource:
        """The resource of a row, ready for its handlers."""
        saver = LedgerSaver(self.ledger, row.id)
        ports = Ports(
            clock=self.ports.clock.blocking,
            cloud=self.cloud,
            saver=saver,
            children=self._children_of(row),
            siblings=Siblings(self.ports.store.resources, self.stack.id),
            users=partial(self.ports.users, self.stack),
            software=partial(self.ports.software, self.stack),
            sources=partial(self._sources, row.name),
            sign=self.ports.store.sign,
            wanted=self.plan.wanted.get(row.name, frozenset()),
            hidden=self._hidden(row),
        )
        types = self.desired.types
        resource = lifecycle.build(types, row, self.info, ports, properties=properties, metadata=metadata)
        saver.local = bool(resource.local)
        return resource

    def _hidden(self, row: ResourceRecord) -> Hidden | None:
        if not row.secret:
            return NOTHING
        definition = self.desired.definitions.get(row.name)
        return None if definition is None else hidden_properties(definition, self.desired.hidden, self.keeps_secrets)

    def _sources(self, name: str) -> Sources:
        """What the stack's files and environment say to a resource."""
        target, files = self.operation.target, self.ports.store.files
        texts = {file: files.get(key) for file, key in target.files.items()}
        environment = child_environment(target.environment, name, ChildTemplate(""))
        return Sources(texts, {section: value for section, value in environment.items() if section != "parameters"})

    def is_ours(self, row: ResourceRecord, action: Action) -> bool:
        """Whether this very operation was at that action of the row already, before a crash."""
        return row.operation_id == self.operation.id and row.action is action and row.status is Status.IN_PROGRESS

    def kind(self, step: Step) -> type[Resource]:
        """The class that a step is about: that of what it makes, else that of the row that it works on."""
        row = self.ledger.rows.get(step.row_id or "")
        types = self.desired.types
        return types.get(step.type, step.name) if row is None or step.kind.makes else types.of(row)

    def event(self, row: ResourceRecord, properties: Mapping[str, Any] | None) -> None:
        """A line of history in the state that the row has now."""
        self.ledger.event(events.resource_event(row, properties, self.now()))
        self.ports.watch.resource_changed(row, self.log)

    def row_event(self, row: ResourceRecord) -> None:
        """The same with the properties that the row was applied with, but for those that have their default."""
        properties = row.properties
        try:
            schema = self.desired.types.of(row).schema
            properties = events.without_defaults(schema, properties)
        except UnknownType:
            schema = None
        # Which of a secret row's properties came from a hidden parameter is not known any more.
        hidden = all_of(row.properties or {}) if row.secret else NOTHING
        self.event(row, events.visible(schema, properties, hidden))

    @cached_property
    def log(self) -> dict[str, str]:
        """Ids for log lines."""
        return ids_of(self.operation)


def ids_of(operation: OperationRecord) -> dict[str, str]:
    """Ids for log lines about an operation."""
    return {
        "stack": operation.stack_id,
        "operation": operation.id,
        "engine": operation.engine_id or "",
        "request": operation.request_id,
    }
