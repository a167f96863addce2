"""The port `kamado.plugin.context.Software`: a stack's way to the software configs and deployments of its project.

Made by `kamado.assemble` for the engine, and by the use cases that build a resource. What is refused is the resource's error then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from kamado.model.records import SoftwareConfigRecord, SoftwareDeploymentRecord, StackRecord
from kamado.orchestrator import software
from kamado.orchestrator.context import OrchestratorSettings, Services
from kamado.orchestrator.errors import HeatError
from kamado.plugin.context import Clock
from kamado.plugin.errors import PermanentError
from kamado.plugin.software import IN_PROGRESS, NewConfig, NewDeployment
from kamado.store.store import Store


@contextmanager
def _as_the_resources() -> Iterator[None]:
    """What a use case refuses is a permanent error of whoever handles the resource."""
    try:
        yield
    except HeatError as error:
        raise PermanentError(error.message, error.type_name) from error


@dataclass(frozen=True)
class StackSoftware:
    """Configs and deployments of one stack's project."""

    stack: StackRecord
    store: Store
    clock: Clock
    settings: OrchestratorSettings
    cloud_of: Callable[[StackRecord], Any]
    users_of: Callable[[StackRecord], Any]

    @classmethod
    def of(cls, services: Services, stack: StackRecord) -> StackSoftware:
        """With what the use cases work with."""
        return cls(stack, services.store, services.clock, services.settings, services.cloud_of, services.users_of)

    def make_config(self, config_id: str, wanted: NewConfig) -> None:
        """A config; one that is there stays as it is."""
        if self.config(config_id) is not None:
            return
        with _as_the_resources():
            record = software.new_config(self, self.stack.project_id, config_id, wanted)
            software.has_room_for_config(self, self.stack.project_id)
            self.store.software_configs.create(record)

    def config(self, config_id: str) -> SoftwareConfigRecord | None:
        """A config, None when there is none in the project."""
        return self.store.software_configs.get(config_id, self.stack.project_id)

    def remove_config(self, config_id: str) -> None:
        """Removes a config; one that is gone, or another project's, is fine."""
        if self.config(config_id) is not None:
            with _as_the_resources():
                software.remove_config(self, config_id)

    def deploy(self, deployment_id: str, wanted: NewDeployment, config: NewConfig) -> None:
        """Puts a config of its own on a server."""
        project = self.stack.project_id
        with _as_the_resources():
            record = software.new_deployment(self, project, deployment_id, wanted)
            record = replace(record, stack_user_project_id=self._users_project())
            if self.deployment(deployment_id) is None:
                software.has_room_for_deployment(self, project)
            made = software.new_config(self, project, wanted.config_id, config)
            self.store.software_deployments.deploy(record, made)

    def _users_project(self) -> str | None:
        """The project of the users of the stack, which may have been made since it was read."""
        for key in (self.stack.id, self.stack.root_id):
            stack = self.store.stacks.get(key) if key else None
            if stack is not None and stack.stack_user_project_id:
                return stack.stack_user_project_id
        return None

    def deployment(self, deployment_id: str) -> SoftwareDeploymentRecord | None:
        """A deployment, None when there is none in the project."""
        return self.store.software_deployments.get(deployment_id, self.stack.project_id)

    def configs_of(self, server_id: str) -> list[SoftwareConfigRecord]:
        """The configs that a server is to have, by name."""
        return software.configs_of(self, self.stack.project_id, server_id)

    def tell_server(self, server_id: str) -> None:
        """Puts what a server is to have where its agent looks, if that is not with us."""
        software.tell_server(self, self.stack.project_id, server_id)

    def signal(self, deployment_id: str, details: Mapping[str, Any]) -> SoftwareDeploymentRecord | None:
        """Takes in what a server tells: the deployment then, None when it waits for nothing (any more)."""
        found = self.deployment(deployment_id)
        if found is None or found.status != IN_PROGRESS:
            return None
        config = self.config(found.config_id)
        return None if config is None else software.signal_deployment(self, deployment_id, config, details)

    def is_deployed_server(self, server_id: str) -> bool:
        """Whether it is a server that a stack of the project knows and did not make: such a one has the id of its row."""
        return any(row.id == server_id for row in self.store.resources.by_physical_id(self.stack.project_id, server_id))

    def undeploy(self, deployment_id: str) -> None:
        """Takes a deployment and its config away; one that is gone, or another project's, is fine."""
        if self.deployment(deployment_id) is not None:
            self.store.software_deployments.undeploy(deployment_id)
