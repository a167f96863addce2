"""OS::Heat::DeployedServer: a server that is there already, on which configs can be deployed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kamado.plugin.declare import MAP, STRING, Attr, Prop, Properties, resource_type
from kamado.plugin.guests import POLL_SERVER_CFN, TRANSPORTS, Guest
from kamado.plugin.software import OS_COLLECT_CONFIG


@resource_type("OS::Heat::DeployedServer")
class DeployedServer(Guest):
    """A server that somebody else has made: its agent is given what is deployed on it."""

    physical_name_limit = 53
    properties = Properties(
        Prop("name", STRING, "Name of the server.", update=True),
        Prop("metadata", MAP, "Keys and values kept with the server; nobody reads them.", update=True, status="DEPRECATED",
             since="9.0.0", message="Nothing is made of it."),
        Prop("software_config_transport", STRING, "How the agent on the server gets its deployments.",
             default=POLL_SERVER_CFN, update=True, allowed=TRANSPORTS),
        Prop("deployment_swift_data", MAP, "Where deployments are kept for transport POLL_TEMP_URL.", default={},
             update=True, since="9.0.0", fields=(
                 Prop("container", STRING, "Container.", length=(1, None)),
                 Prop("object", STRING, "Object.", length=(1, None)),
             )),
    )  # fmt: skip
    attributes = (
        Attr("name", STRING, "Name of the server."),
        Attr("os_collect_config", MAP, "Configuration for the agent on the server.", since="9.0.0", live=True),
    )

    def handle_create(self) -> None:
        """There is nothing to make but the ways by which the agent gets to know."""
        self.open_transport()
        self.set_physical_id(self.id)

    def handle_update(self, changes: Mapping[str, Any]) -> None:
        """Another transport, where one is wanted."""
        self.bring_transport(changes)

    def attribute(self, name: str) -> Any:
        """The name, and what the agent is to be told."""
        if name == "os_collect_config":
            return self.data.get(OS_COLLECT_CONFIG, {})
        return self.properties.get("name") or self.physical_name if name == "name" else None
