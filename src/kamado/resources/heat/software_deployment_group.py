"""Groups of deployments: the same config on several servers, one deployment each, named as the servers are in the map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from kamado.plugin.declare import INTEGER, MAP, NUMBER, Attr, Prop, Properties, resource_type
from kamado.resources.heat.batches import Pace
from kamado.resources.heat.members import Member, Members
from kamado.resources.heat.software_deployment import (
    CONFIG,
    DEPLOY_ACTIONS,
    INPUT_KEY,
    INPUT_VALUES,
    NAME,
    TRANSPORT,
    VALIDATE_INPUTS,
)

_SERVERS = Prop(
    "servers", MAP, "IDs of the servers, by the names that their deployments get.", required=True, update=True
)
_PLAIN = (CONFIG, INPUT_VALUES, DEPLOY_ACTIONS, NAME, TRANSPORT)
_STRUCTURED = (*_PLAIN, INPUT_KEY, VALIDATE_INPUTS)
_OF_MEMBERS: Mapping[str, str] = {
    "deploy_stdouts": "deploy_stdout",
    "deploy_stderrs": "deploy_stderr",
    "deploy_status_codes": "deploy_status_code",
}
_BATCHES = (
    Prop("max_batch_size", INTEGER, "Deployments at once.", default=1, low=1),
    Prop("pause_time", NUMBER, "Seconds between two batches.", default=0, low=0),
)


class DeploymentGroup(Members):
    """What both kinds of groups have in common."""

    member_type: ClassVar[str]
    attributes = (
        Attr("deploy_stdouts", MAP, "What each wrote to its standard output."),
        Attr("deploy_stderrs", MAP, "What each wrote to its standard error."),
        Attr("deploy_status_codes", MAP, "The code each ended with."),
    )
    update_policies = (
        Prop("rolling_update", MAP, "Change the deployments in batches.", since="7.0.0", fields=_BATCHES),
        Prop("batch_create", MAP, "Make the deployments in batches.", since="7.0.0", fields=_BATCHES),
    )

    @classmethod
    def plain_members(cls, properties: Mapping[str, Any]) -> Mapping[str, Member] | None:
        """One for each server."""
        servers = properties.get("servers")
        if not isinstance(servers, Mapping):
            return None
        shared = {name: value for name, value in properties.items() if name != "servers" and value is not None}
        return {
            str(name): {"type": cls.member_type, "properties": {**shared, "server": server}}
            for name, server in servers.items()
        }

    @classmethod
    def of_each(cls, name: str) -> tuple[str, str] | None:
        """An output of each deployment, by the names of the servers."""
        return "attributes", _OF_MEMBERS.get(name, name)

    def create_pace(self) -> Pace | None:
        """As ``batch_create`` says."""
        return Pace.of(self.update_policy.get("batch_create"))

    def update_pace(self) -> Pace | None:
        """As ``rolling_update`` says."""
        return Pace.of(self.update_policy.get("rolling_update"))

    def group_attribute(self, name: str) -> Any:
        """The same; what follows the name of the attribute is the name of a server."""
        return self.of_members(_OF_MEMBERS.get(name, name))


@resource_type("OS::Heat::SoftwareDeploymentGroup", since="5.0.0")
class SoftwareDeploymentGroup(DeploymentGroup):
    """A config on several servers."""

    member_type = "OS::Heat::SoftwareDeployment"
    properties = Properties(_SERVERS, *_PLAIN)


@resource_type("OS::Heat::StructuredDeploymentGroup", since="5.0.0")
class StructuredDeploymentGroup(DeploymentGroup):
    """A map on several servers, its inputs filled in."""

    member_type = "OS::Heat::StructuredDeployment"
    properties = Properties(_SERVERS, *_STRUCTURED)


@resource_type(
    "OS::Heat::SoftwareDeployments", since="7.0.0", status="HIDDEN", message="Use OS::Heat::SoftwareDeploymentGroup."
)
class SoftwareDeployments(SoftwareDeploymentGroup):
    """The old name of a group of deployments."""


@resource_type(
    "OS::Heat::StructuredDeployments",
    since="7.0.0",
    status="HIDDEN",
    message="Use OS::Heat::StructuredDeploymentGroup.",
)
class StructuredDeployments(StructuredDeploymentGroup):
    """The old name of a group of structured deployments."""
