"""What can be asked of software configs and deployments: make, list, show, change, remove, and what a server is to have.

Called by the REST API and, for resource types, by their port. The trap: a server that reads its metadata from Kamado learns of a
deployment through the metadata of its resource; what is deployed there is worked out when it is read, so it is never behind.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from kamado.model.identifiers import new_id
from kamado.model.records import ResourceRecord, SoftwareConfigRecord, SoftwareDeploymentRecord, StackRecord
from kamado.orchestrator.context import Objects, OrchestratorSettings, RequestContext, Services
from kamado.orchestrator.errors import InvalidRestrictedAction, NotFound, Refused, RequestLimitExceeded
from kamado.plugin import guests, software
from kamado.plugin.context import Clock
from kamado.plugin.software import NewConfig, NewDeployment
from kamado.store.errors import ConfigGone, ConfigInUse
from kamado.store.store import Store

_LOG = logging.getLogger(__name__)

_LARGEST_SIGNAL = 1024 * 1024
"""Bytes of a signal that are read; a longer one is none."""


class Keeper(Protocol):
    """What keeping configs and deployments needs of the services."""

    @property
    def store(self) -> Store:
        """Where they are kept."""

    @property
    def clock(self) -> Clock:
        """The time."""

    @property
    def settings(self) -> OrchestratorSettings:
        """How many a project may have."""

    @property
    def cloud_of(self) -> Callable[[StackRecord], Any]:
        """The cloud of a stack's owner."""

    @property
    def users_of(self) -> Callable[[StackRecord], Any]:
        """The users of a stack."""


def _project(context: RequestContext) -> str | None:
    """Whose things the caller sees: an administrator everybody's."""
    return None if context.is_admin else context.project_id


# --- configs -------------------------------------------------------------------------------------------------------


def create_config(services: Services, context: RequestContext, wanted: NewConfig) -> SoftwareConfigRecord:
    """Make a config.

    :raises Refused: inputs or outputs are not as they should be.
    :raises RequestLimitExceeded: the project has all that it may have.
    """
    record = new_config(services, context.project_id, new_id(), wanted)
    if not context.is_admin:
        has_room_for_config(services, context.project_id)
    services.store.software_configs.create(record)
    return record


def new_config(keeper: Keeper, project_id: str, config_id: str, wanted: NewConfig) -> SoftwareConfigRecord:
    """A config as it is kept.

    :raises Refused: inputs or outputs are not as they should be.
    """
    try:
        inputs, outputs = software.inputs(wanted.inputs or []), software.outputs(wanted.outputs or [])
    except ValueError as error:
        raise Refused("ValueError", str(error)) from error
    return SoftwareConfigRecord(
        id=config_id,
        project_id=project_id,
        name=wanted.name,
        group=wanted.group,
        created_at=keeper.clock.now(),
        config=wanted.config,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        options=wanted.options,
    )


def has_room_for_config(keeper: Keeper, project_id: str) -> None:
    """Raises RequestLimitExceeded when a project has all the configs that it may have."""
    most = keeper.settings.max_software_configs_per_tenant
    if most != -1 and keeper.store.software_configs.count(project_id) >= most:
        raise RequestLimitExceeded.of(
            f"You have reached the maximum software configs per tenant, {most}. Please delete some software configs."
        )


def list_configs(
    services: Services, project_id: str | None, limit: int | None, marker: str | None
) -> list[SoftwareConfigRecord]:
    """A page of a project's configs, newest first; ``project_id`` None: of all projects."""
    return services.store.software_configs.page(project_id, limit, marker)


def show_config(services: Services, context: RequestContext, config_id: str) -> SoftwareConfigRecord:
    """One config.

    :raises NotFound: there is none, or it is another project's.
    """
    found = services.store.software_configs.get(config_id, _project(context))
    if found is None:
        raise _no_config(config_id)
    return found


def delete_config(services: Services, context: RequestContext, config_id: str) -> None:
    """Remove a config.

    :raises InvalidRestrictedAction: a deployment has it.
    """
    show_config(services, context, config_id)
    remove_config(services, config_id)


def remove_config(keeper: Keeper, config_id: str) -> None:
    """Remove a config; one that is gone is fine.

    :raises InvalidRestrictedAction: a deployment has it.
    """
    try:
        keeper.store.software_configs.remove(config_id)
    except ConfigInUse as error:
        raise InvalidRestrictedAction(
            f"Software config with id {config_id} can not be deleted as it is referenced."
        ) from error


def _no_config(config_id: str) -> NotFound:
    return NotFound(f"Software config with id {config_id} not found")


# --- deployments ---------------------------------------------------------------------------------------------------


def create_deployment(services: Services, context: RequestContext, wanted: NewDeployment) -> SoftwareDeploymentRecord:
    """Put a config on a server.

    :raises NotFound: the config is not there.
    :raises RequestLimitExceeded: the project has all the deployments that it may have.
    """
    show_config(services, context, wanted.config_id)
    if not context.is_admin:
        has_room_for_deployment(services, context.project_id)
    record = new_deployment(services, context.project_id, new_id(), wanted)
    try:
        services.store.software_deployments.create(record)
    except ConfigGone as error:
        raise _no_config(wanted.config_id) from error
    _tell(services, record)
    return record


def new_deployment(
    keeper: Keeper, project_id: str, deployment_id: str, wanted: NewDeployment
) -> SoftwareDeploymentRecord:
    """A deployment as it is kept."""
    return SoftwareDeploymentRecord(
        id=deployment_id,
        project_id=project_id,
        config_id=wanted.config_id,
        server_id=wanted.server_id,
        created_at=keeper.clock.now(),
        input_values=wanted.input_values,
        action=wanted.action,
        status=wanted.status,
        status_reason=wanted.status_reason,
        stack_user_project_id=wanted.stack_user_project_id,
    )


def has_room_for_deployment(keeper: Keeper, project_id: str) -> None:
    """Raises RequestLimitExceeded when a project has all the deployments that it may have."""
    most = keeper.settings.max_software_deployments_per_tenant
    if most != -1 and keeper.store.software_deployments.count(project_id) >= most:
        raise RequestLimitExceeded.of(
            f"You have reached the maximum software deployments per tenant, {most}."
            " Please delete some software deployments."
        )


def list_deployments(
    services: Services, context: RequestContext, server_id: str | None
) -> list[SoftwareDeploymentRecord]:
    """The deployments that the caller may see, or those on one server; oldest first."""
    return services.store.software_deployments.listing(_project(context), server_id)


def show_deployment(services: Services, context: RequestContext, deployment_id: str) -> SoftwareDeploymentRecord:
    """One deployment, after what its server has left of it in the object store was taken in.

    :raises NotFound: there is none, or it is another project's.
    """
    found = _deployment(services, context, deployment_id)
    return collected(services, lambda: services.clouds.objects(context), found)


def _deployment(services: Services, context: RequestContext, deployment_id: str) -> SoftwareDeploymentRecord:
    found = services.store.software_deployments.get(deployment_id, _project(context))
    if found is None:
        raise NotFound(f"Deployment with id {deployment_id} not found")
    return found


def collected(
    keeper: Keeper, objects: Callable[[], Objects | None], deployment: SoftwareDeploymentRecord
) -> SoftwareDeploymentRecord:
    """A deployment after the signal in the object that its config names, if it waits for one and there is one newer than its last change.

    :param objects: gives the object store, with the right to read that object.
    """
    if deployment.status != software.IN_PROGRESS:
        return deployment
    config = keeper.store.software_configs.many([deployment.config_id])[deployment.config_id]
    values = {one["name"]: one.get("value") for one in config.inputs}
    if values.get("deploy_signal_transport") != "TEMP_URL_SIGNAL":
        return deployment
    if keeper.store.resources.by_physical_id(deployment.project_id, deployment.id):
        return (
            deployment  # its resource listens by itself, and tells an old signal from a new one within the same second
        )
    place = urlsplit(str(values.get("deploy_signal_id") or "")).path.split("/")[-2:]
    store = objects() if len(place) == 2 else None
    signal = store.read(unquote(place[0]), unquote(place[1]), _LARGEST_SIGNAL) if store is not None else None
    # Times of the object store are whole seconds.
    if signal is None or (deployment.updated_at and signal.modified_at < deployment.updated_at.replace(microsecond=0)):
        return deployment
    try:
        sent = json.loads(signal.body)
    except ValueError:
        return deployment
    if not isinstance(sent, Mapping):
        return deployment
    return signal_deployment(keeper, deployment.id, config, sent) or deployment


def signal_deployment(
    keeper: Keeper, deployment_id: str, config: SoftwareConfigRecord, sent: Mapping[str, Any]
) -> SoftwareDeploymentRecord | None:
    """Take in what a server tells of a deployment in progress with that config; told of any other, nothing changes. None: it is gone."""

    def decide(now: SoftwareDeploymentRecord) -> Mapping[str, Any]:
        if now.status != software.IN_PROGRESS or now.config_id != config.id:
            return {}
        values = software.signalled(config.outputs, sent, now.output_values)
        return {**values, "updated_at": keeper.clock.now()}

    return keeper.store.software_deployments.change(deployment_id, decide)


def update_deployment(
    services: Services, context: RequestContext, deployment_id: str, values: Mapping[str, Any]
) -> SoftwareDeploymentRecord:
    """Give a deployment new values: ``config_id``, ``input_values``, ``output_values``, ``action``, ``status``, ``status_reason``.

    What is empty stays as it was.

    :raises NotFound: the deployment or its new config is not there.
    """
    _deployment(services, context, deployment_id)
    said = {name: value for name, value in values.items() if value}
    if "config_id" in said:
        show_config(services, context, said["config_id"])
    now = services.clock.now()
    try:
        found = services.store.software_deployments.change(deployment_id, lambda _: {**said, "updated_at": now})
    except ConfigGone as error:
        raise _no_config(said["config_id"]) from error
    if found is None:
        raise NotFound(f"Deployment with id {deployment_id} not found")
    for row in services.store.resources.by_physical_id(found.project_id, found.id):
        services.ring(row.id)
    if "config_id" in said:
        _tell(services, found)
    return found


def delete_deployment(services: Services, context: RequestContext, deployment_id: str) -> None:
    """Take a config off its server."""
    found = _deployment(services, context, deployment_id)
    services.store.software_deployments.remove(deployment_id)
    _tell(services, found)


def _tell(services: Services, deployment: SoftwareDeploymentRecord) -> None:
    """What is done is done, also where the agent's place cannot be reached: the next deployment brings it all."""
    try:
        tell_server(services, deployment.project_id, deployment.server_id)
    except Exception as error:
        words = {"action": "server_not_told", "deployment": deployment.id, "reason": str(error)}
        _LOG.warning("a server could not be told of a deployment", extra=words)


# --- servers -------------------------------------------------------------------------------------------------------


def configs_of(keeper: Keeper, project_id: str | None, server_id: str) -> list[SoftwareConfigRecord]:
    """The configs that a server is to have, by name."""
    deployments = keeper.store.software_deployments.listing(project_id, server_id)
    configs = keeper.store.software_configs.many([deployment.config_id for deployment in deployments])
    found = [configs[deployment.config_id] for deployment in deployments if deployment.config_id in configs]
    return sorted(found, key=lambda config: config.name or "")


def metadata_for(services: Services, context: RequestContext, server_id: str) -> list[SoftwareConfigRecord]:
    """The same for whoever asks."""
    return configs_of(services, _project(context), server_id)


def metadata_of(keeper: Keeper, stack: StackRecord, row: ResourceRecord) -> Mapping[str, Any]:
    """The metadata of a resource as a server reads it: its own, what is deployed there, and how the server's agent gets to know of it."""
    found = dict(row.metadata)
    collect = row.data.get(software.OS_COLLECT_CONFIG)
    configs = configs_of(keeper, stack.project_id, row.physical_id) if row.physical_id is not None else []
    if configs or collect is not None:
        found[software.DEPLOYMENTS] = [software.told(config) for config in configs]
    if collect is not None:
        found[software.OS_COLLECT_CONFIG] = collect
    return found


def tell_server(keeper: Keeper, project_id: str, server_id: str) -> None:
    """Put what a server is to have where its agent looks, if that is not with us. Raises CloudError."""
    for row in keeper.store.resources.by_physical_id(project_id, server_id):
        if row.data.keys().isdisjoint((guests.OBJECT, guests.QUEUE)):
            continue
        stack = keeper.store.stacks.get(row.stack_id)
        if stack is None:
            continue
        users = keeper.users_of(stack)
        guests.deliver(row.data, metadata_of(keeper, stack, row), partial(keeper.cloud_of, stack), users.cloud)
