"""Drives one resource the way the engine does: build, start, poll, with a saver that remembers and a real cloud behind it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from kamado.cloud.session import Cloud
from kamado.engine.ports import no_users
from kamado.localcloud.server import LocalCloud
from kamado.model.identifiers import new_id
from kamado.model.lifecycle import Action, Status
from kamado.model.records import ResourceRecord, StackRecord, Target
from kamado.orchestrator.context import OrchestratorSettings, no_cloud
from kamado.orchestrator.stack_software import StackSoftware
from kamado.plugin import lifecycle
from kamado.plugin.context import Ports, StackInfo
from kamado.plugin.registry import Registry
from kamado.plugin.resource import Resource
from kamado.store import Store

REGISTRY = Registry.load()


class Clock:
    """The machine's time, which a test may push forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self.ahead, UTC)

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def sleep(self, seconds: float) -> None:
        self.ahead += seconds


class Died(BaseException):
    """The process ended at this point."""


@dataclass
class Saver:
    """What is durable; `dies` ends the process instead of saving the id."""

    physical_id: str | None = None
    data: dict[str, Any] = field(default_factory=dict)
    dies: bool = False

    def save_physical_id(self, physical_id: str | None) -> None:
        if self.dies:
            raise Died
        self.physical_id = physical_id

    def save_data(self, data: Mapping[str, Any]) -> None:
        self.data = dict(data)


class Rig:
    """A stack with resources in it; what needs tables of the engine's own has them in `store`."""

    def __init__(self, cloud: Cloud | None = None, local: LocalCloud | None = None, store: Store | None = None) -> None:
        self.clock = Clock()
        self.cloud = cloud
        self.local = local
        self.store = store
        self.stack = StackInfo(new_id(), "stack", "project" if cloud is None else cloud.project_id)
        self.made: list[Resource] = []

    def build(
        self, type_name: str, properties: Mapping[str, Any], *, name: str = "it", saver: Saver | None = None
    ) -> Resource:
        """A resource that does not exist yet."""
        cls = REGISTRY.get(type_name, "")
        values = lifecycle.coerce(cls.schema, properties)
        record = ResourceRecord(
            new_id(),
            self.stack.id,
            name,
            type_name,
            Action.CREATE,
            Status.IN_PROGRESS,
            "",
            self.clock.now(),
            properties=values,
        )
        return self.again(record, values, saver)

    def again(self, record: ResourceRecord, values: Mapping[str, Any], saver: Saver | None = None) -> Resource:
        """The resource of a row, as after a restart."""
        cloud = self.cloud
        ways: dict[str, Any] = {} if cloud is None else {"cloud": lambda: cloud}
        if self.store is not None:
            ways["software"] = self.software
        ports = Ports(self.clock, saver=saver or Saver(), **ways)
        return lifecycle.build(REGISTRY, record, self.stack, ports, properties=values)

    def software(self) -> StackSoftware:
        """Configs and deployments of the stack's project."""
        assert self.store is not None
        stack = StackRecord(
            id=self.stack.id,
            project_id=self.stack.project_id,
            name="stack",
            action=Action.CREATE,
            status=Status.IN_PROGRESS,
            reason="",
            created_at=self.clock.now(),
            target=Target("template"),
        )
        return StackSoftware(stack, self.store, self.clock, OrchestratorSettings(), no_cloud, no_users)

    def run(self, resource: Resource, action: Action | str, changes: Mapping[str, Any] | None = None) -> None:
        """The action from start to end, its token passing through JSON as the store would do."""
        import json

        token = json.loads(json.dumps(lifecycle.start(resource, action, changes)))
        for _ in range(200):
            if lifecycle.poll(resource, action, token):
                return
            self.clock.ahead += 1
            if self.cloud is not None:
                time.sleep(0.02)
        raise AssertionError(f"{resource} is not done with {action}")

    def make(self, type_name: str, properties: Mapping[str, Any], *, name: str = "it") -> Resource:
        """A resource that is there; taken away after the test."""
        resource = self.build(type_name, properties, name=name)
        self.made.append(resource)
        self.run(resource, Action.CREATE)
        return resource

    def create(self, resource: Resource) -> None:
        """A create whose answer may get lost: what was made is looked for, once, before anything else."""
        started = self.clock.now()
        try:
            self.run(resource, Action.CREATE)
        except Exception as error:
            if not lifecycle.outcome(error, resource.name).unknown:
                raise
            found = lifecycle.find(resource, started, ())
            assert found is not None
            resource.set_physical_id(found)
            assert lifecycle.poll(resource, Action.CREATE, None)

    def update(self, resource: Resource, **changes: Any) -> lifecycle.PropertyChanges:
        """Changes properties of a resource that is there; None takes one away."""
        old = dict(resource.properties)
        written = {
            name: value for name, value in {**old, **changes}.items() if value is not None or name not in changes
        }
        new = lifecycle.coerce(resource.schema, written)
        difference = lifecycle.diff(resource.schema, old, new)
        resource.record = replace(resource.record, properties=old)
        resource.properties = new
        self.run(resource, Action.UPDATE, difference.values)
        resource.record = replace(resource.record, properties=new)
        return difference

    def clean(self) -> None:
        """Takes everything away, last made first."""
        for resource in reversed(self.made):
            self.run(resource, Action.DELETE)
