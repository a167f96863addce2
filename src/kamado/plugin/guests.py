"""Servers whose agent (os-collect-config) learns from us what is deployed on them, and how it gets to know: by which transport.

`Guest` is the base of the types that are such servers. What the agent has to be told is one section of the server's metadata; it is kept in
the resource's data, and whoever reads the metadata finds it there together with what is deployed (`kamado.orchestrator.software`). The
trap: a server reads the section when it boots, so everything that it names is made before the server is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from kamado.plugin.errors import PermanentError
from kamado.plugin.signals import SignalResponder
from kamado.plugin.software import DEPLOYMENTS, OS_COLLECT_CONFIG

POLL_SERVER_CFN, POLL_SERVER_HEAT = "POLL_SERVER_CFN", "POLL_SERVER_HEAT"
POLL_TEMP_URL, ZAQAR_MESSAGE = "POLL_TEMP_URL", "ZAQAR_MESSAGE"
TRANSPORTS = (POLL_SERVER_CFN, POLL_SERVER_HEAT, POLL_TEMP_URL, ZAQAR_MESSAGE)

_COLLECTORS: Mapping[str, str] = {
    POLL_SERVER_CFN: "cfn",
    POLL_SERVER_HEAT: "heat",
    POLL_TEMP_URL: "request",
    ZAQAR_MESSAGE: "zaqar",
}
"""What the agent's collector for a transport is called."""


class Guest(SignalResponder):
    """A server with an agent."""

    secret = False
    first_collectors: ClassVar[tuple[str, ...]] = ()
    """Collectors of the agent that come before that of the transport."""

    def open_transport(self) -> None:
        """Makes what the agent needs for the wanted transport, and keeps what it has to be told. Done already is fine."""
        transport = str(self.properties["software_config_transport"])
        name = _COLLECTORS[transport]
        before = self.data.get(OS_COLLECT_CONFIG) or {}
        # What the agent has read when it booted stays in its files: only null takes it away.
        gone = {other: dict.fromkeys(before[other]) for other in _COLLECTORS.values() if other in before}
        collectors = [*self.first_collectors, name, "local"]
        section = {**gone, "collectors": collectors, name: self._ways()[transport]()}
        if section != before:
            self.set_data(OS_COLLECT_CONFIG, section)

    def close_transport(self) -> None:
        """Takes away what was made for the agent, its user last; may be called again."""
        super().handle_delete()

    def handle_delete(self) -> Any:
        """What was made for the agent goes."""
        self.close_transport()

    def _ways(self) -> Mapping[str, Callable[[], dict[str, Any]]]:
        return {
            POLL_SERVER_CFN: self._by_cfn,
            POLL_SERVER_HEAT: self._by_heat,
            POLL_TEMP_URL: self._not_yet,
            ZAQAR_MESSAGE: self._not_yet,
        }

    def _by_cfn(self) -> dict[str, Any]:
        access, secret = self.ec2_keys()
        return {
            "metadata_url": self.ports.cloud().metadata_url,
            "access_key_id": access,
            "secret_access_key": secret,
            "stack_name": self.stack.name,
            "path": f"{self.name}.Metadata",
        }

    def _by_heat(self) -> dict[str, Any]:
        known = self.signal_credentials()
        told = {name: known[name] for name in ("user_id", "password", "auth_url", "project_id", "region_name")}
        return {**told, "stack_id": f"{self.stack.name}/{self.stack.id}", "resource_name": self.name}

    def _not_yet(self) -> dict[str, Any]:
        transport = self.properties["software_config_transport"]
        raise PermanentError(f"the transport {transport} is not available here", "NotSupported")

    @property
    def guest_metadata(self) -> dict[str, Any]:
        """The metadata with which a server of this kind boots: nothing is deployed yet."""
        found = dict(self.metadata)
        if OS_COLLECT_CONFIG in self.data:
            found |= {DEPLOYMENTS: [], OS_COLLECT_CONFIG: self.data[OS_COLLECT_CONFIG]}
        return found
