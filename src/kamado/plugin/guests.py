"""Servers whose agent (os-collect-config) learns from us what is deployed on them, and how it gets to know: by which transport.

`Guest` is the base of the types that are such servers. What the agent has to be told is one section of the server's metadata; it is kept in
the resource's data, and whoever reads the metadata finds it there together with what is deployed (`kamado.orchestrator.software`). The
trap: a server reads the section when it boots, so everything that it names is made before the server is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from kamado.cloud.objects import ObjectStore
from kamado.cloud.queues import Queue
from kamado.cloud.session import Cloud
from kamado.model.identifiers import new_id
from kamado.plugin.signals import SignalResponder
from kamado.plugin.software import DEPLOYMENTS, OS_COLLECT_CONFIG, told

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


OBJECT, QUEUE = "metadata_object", "metadata_queue_id"
"""Keys of a server's data: where its metadata are put for an agent that does not ask us (an object, a queue)."""
_TTL = 86400
"""Seconds that a message with metadata is kept."""


def deliver(
    data: Mapping[str, Any],
    metadata: Mapping[str, Any],
    owner: Callable[[], Cloud],
    user: Callable[[str, str], Cloud],
) -> None:
    """Puts the metadata of a server where its agent looks, if that is not with us. Raises CloudError.

    ``data``: the server's; ``owner``: the cloud of its stack's owner, ``user``: that of a user of the stack, by id and password.
    """
    if OBJECT in data:
        where = data[OBJECT]
        ObjectStore(owner()).write(where["container"], where["name"], json.dumps(metadata).encode())
    if QUEUE in data:
        Queue(user(data["user_id"], data["password"]), data[QUEUE]).post(metadata, _TTL)


class Guest(SignalResponder):
    """A server with an agent."""

    secret = False
    tells_metadata = True
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
        if transport != POLL_TEMP_URL:
            self._drop_object()
        if transport != ZAQAR_MESSAGE:
            self._drop_queue()
        self.deliver_metadata()

    def bring_transport(self, changes: Mapping[str, Any]) -> None:
        """What an update means for the agent: another transport, or other metadata where they are not asked of us."""
        if {"software_config_transport", "deployment_swift_data"}.isdisjoint(changes):
            self.deliver_metadata()
        else:
            self.open_transport()

    def close_transport(self) -> None:
        """Takes away what was made for the agent, its user last; may be called again."""
        self._drop_object()
        self._drop_queue()
        super().handle_delete()

    def handle_delete(self) -> Any:
        """What was made for the agent goes."""
        self.close_transport()

    def deliver_metadata(self) -> None:
        """Puts the metadata, as they are to be now, where the agent looks, if that is not with us."""
        deliver(self.data, self.guest_metadata, self.ports.cloud, lambda *who: self.ports.users().cloud(*who))

    @property
    def guest_metadata(self) -> dict[str, Any]:
        """The metadata as the agent reads them."""
        found = dict(self.metadata)
        if OS_COLLECT_CONFIG in self.data:
            configs = self.ports.software().configs_of(self.physical_id) if self.physical_id is not None else []
            found |= {
                DEPLOYMENTS: [told(config) for config in configs],
                OS_COLLECT_CONFIG: self.data[OS_COLLECT_CONFIG],
            }
        return found

    def _ways(self) -> Mapping[str, Callable[[], dict[str, Any]]]:
        return {
            POLL_SERVER_CFN: self._by_cfn,
            POLL_SERVER_HEAT: self._by_heat,
            POLL_TEMP_URL: self._by_object,
            ZAQAR_MESSAGE: self._by_queue,
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
        shown = {name: known[name] for name in ("user_id", "password", "auth_url", "project_id", "region_name")}
        return {**shown, "stack_id": f"{self.stack.name}/{self.stack.id}", "resource_name": self.name}

    def _by_object(self) -> dict[str, Any]:
        """An object that the agent may read by a URL; it has the place that the properties name, or one of its own."""
        given = self.properties.get("deployment_swift_data") or {}
        before = self.data.get(OBJECT) or {}
        own = before.get("own") or new_id()
        where = {
            "container": given.get("container") or self.physical_name,
            "name": given.get("object") or own,
            "own": own,
        }
        if before and before != where:
            self._drop_object()
        if before != where:
            self.set_data(OBJECT, where)
        cloud = self.ports.cloud()
        store = ObjectStore(cloud)
        store.make_container(where["container"])
        key = store.signing_key(lambda: self.ports.sign(f"temporary URLs of {cloud.project_id}"))
        return {"metadata_url": store.temporary_url(key, where["container"], where["name"], "GET")}

    def _by_queue(self) -> dict[str, Any]:
        known = self.signal_credentials()
        if QUEUE not in self.data:
            self.set_data(QUEUE, self.physical_name)
        shown = {name: known[name] for name in ("user_id", "password", "auth_url", "project_id", "region_name")}
        return {**shown, "queue_id": self.data[QUEUE]}

    def _drop_object(self) -> None:
        where = self.data.get(OBJECT)
        if where is not None:
            store = ObjectStore(self.ports.cloud())
            store.remove(where["container"], where["name"])
            store.remove_container(where["container"])
            self.set_data(OBJECT, None)

    def _drop_queue(self) -> None:
        if QUEUE in self.data and "user_id" in self.data:
            Queue(self.ports.users().cloud(self.data["user_id"], self.data["password"]), self.data[QUEUE]).remove()
            self.set_data(QUEUE, None)
