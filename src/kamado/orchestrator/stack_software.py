"""The port `kamado.plugin.context.Software`: a stack's way to the software configs and deployments of its project.

Made by `kamado.assemble` for the engine, and by the use cases that build a resource. What is refused is the resource's error then.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kamado.model.records import SoftwareConfigRecord, StackRecord
from kamado.orchestrator import software
from kamado.orchestrator.context import OrchestratorSettings, Services
from kamado.orchestrator.errors import HeatError
from kamado.plugin.context import Clock
from kamado.plugin.errors import PermanentError
from kamado.plugin.software import NewConfig
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

    @classmethod
    def of(cls, services: Services, stack: StackRecord) -> StackSoftware:
        """With what the use cases work with."""
        return cls(stack, services.store, services.clock, services.settings)

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
