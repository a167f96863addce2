"""OS::Nova::Server: a virtual machine.

The declaration is in `server_schema.py`; network cards in `networks.py`, `interfaces.py` and `server_cards.py`; states,
snapshots and deletion in `server_life.py`; disks in `devices.py`; user data in `user_data.py`; what an update does over
time in `steps.py`; attributes in `addresses.py`. The trap: internal ports are made before the server and go after it,
so a server resource without a physical id may still own something.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from kamado.plugin.declare import Ready, Rest, resource_type
from kamado.plugin.errors import PermanentError
from kamado.plugin.guests import Guest
from kamado.plugin.rules import RESOURCE, Finding, alike, at
from kamado.plugin.software import OS_COLLECT_CONFIG
from kamado.plugin.wire import sent
from kamado.resources.nova import addresses, devices, interfaces, networks, steps, user_data
from kamado.resources.nova.server_cards import ServerCards
from kamado.resources.nova.server_life import ON_THE_WAY
from kamado.resources.nova.server_schema import ATTRIBUTES, HANDLED, PROPERTIES
from kamado.template.unknown import contains_unknown, is_unknown

_STEPS = "steps_left"


@resource_type("OS::Nova::Server")
class Server(ServerCards, Guest):
    """A virtual machine."""

    rest = Rest(
        "compute",
        "/servers",
        "server",
        waits_for_absence=True,
        created="created",
        listing="/servers/detail",
        polled_by_list=True,
        lists_since="changes-since",
        beside=("os:scheduler_hints",),
        shown="latest",
    )
    ready = Ready("status", pending=ON_THE_WAY, done={"ACTIVE"}, bad={"ERROR"}, result="Server is not active")
    properties = PROPERTIES
    attributes = ATTRIBUTES
    handled = HANDLED
    physical_name_limit = 53
    first_collectors = ("ec2",)

    @classmethod
    def validate(cls, properties: Mapping[str, Any]) -> list[Finding]:
        """Disks and network entries that fit together."""
        found: list[str] = []
        disks = [properties.get(key) for key in ("block_device_mapping", "block_device_mapping_v2")]
        if not contains_unknown(disks):
            legacy, modern = (devices.canonical(value or ()) for value in disks)
            found += devices.problems(RESOURCE, properties.get("image"), legacy, modern)
        nets, groups = properties.get("networks"), properties.get("security_groups")
        entries = [net for net in nets if isinstance(net, Mapping)] if isinstance(nets, list) else []
        named = [group for group in groups if is_unknown(group) or group] if isinstance(groups, list) else []
        found += networks.problems(RESOURCE, entries, named)
        return [_finding(text) for text in found]

    @classmethod
    def implied_by(cls, name: str, definition: Any, definitions: Mapping[str, Any]) -> set[str]:
        """The subnets of its networks, and those of which it cannot be told: addresses come from them."""
        nets = definition.properties.get("networks")
        if not nets:
            return set()
        entries = nets if isinstance(nets, list) else [nets]
        ours = [at(net, "network|uuid") if isinstance(net, Mapping) else None for net in entries]
        return {
            other
            for other, subnet in definitions.items()
            if other != name
            and subnet.type == "OS::Neutron::Subnet"
            and _may_be_one_of(at(subnet.properties, "network|network_id"), ours)
        }

    @classmethod
    def replaces(cls, before: Mapping[str, Any], after: Mapping[str, Any], changed: frozenset[str]) -> bool:
        """Another flavor, image or user data, where the policy for it says so."""

        def asked(policy: str) -> bool:
            return (after.get(policy) or before.get(policy)) == "REPLACE"

        return any(name in changed and asked(f"{name}_update_policy") for name in ("flavor", "image", "user_data"))

    # Create.

    def create_request(self) -> dict[str, Any]:
        """The request without what is said of it elsewhere: cards are made and disks described here."""
        given = self.properties
        if self._has_agent:
            self.open_transport()
        body = super().create_request()
        body["user_data"] = steps.encoded_user_data(self)
        if given.get("metadata"):
            body["metadata"] = steps.metadata_text(given["metadata"])
        groups = self._security_groups()
        if groups:
            body["security_groups"] = [{"name": group} for group in groups]
        allocation = networks.allocation(given.get("networks"))
        if allocation:
            body["networks"] = allocation
        elif given.get("networks"):
            body["networks"] = interfaces.build_nics(self, self.nets_with_ids(given["networks"]), groups)
        body |= self._disks()
        if given.get("reservation_id"):
            body["reservation_id"] = given["reservation_id"]
        if given.get("admin_pass"):
            body["adminPass"] = given["admin_pass"]
        if given.get("personality"):
            body["personality"] = [
                {"path": path, "contents": base64.b64encode(str(text or "").encode()).decode()}
                for path, text in given["personality"].items()
            ]
        return body

    def call(self, method: str, path: str, *, json: Any = None, ok: tuple[int, ...] = (), **options: Any) -> Any:
        """A call; a create asks for the microversion that its properties need."""
        if method == "POST" and path == self.rest.path:
            options.setdefault("microversion", create_microversion(self.properties))
        return super().call(method, path, json=json, ok=ok, **options)

    @property
    def _has_agent(self) -> bool:
        return self.properties.get("user_data_format") == user_data.SOFTWARE_CONFIG

    def _security_groups(self) -> list[str]:
        return [group for group in self.properties.get("security_groups") or [] if group]

    def _disks(self) -> dict[str, Any]:
        legacy = self._devices("block_device_mapping")
        if legacy:
            return {"block_device_mapping": devices.legacy_mappings(legacy)}
        modern = self._devices("block_device_mapping_v2")
        if not modern:
            return {}
        image = self.properties.get("image")
        root = [devices.image_entry(self.find("glance.image", image))] if image else []
        return {"block_device_mapping_v2": root + devices.mappings(modern)}

    def _devices(self, name: str) -> list[dict[str, Any]]:
        return list(sent(self.props[name], self.properties.get(name) or [], self.find))

    def find_existing(self, since: datetime, taken: Collection[str]) -> str | None:
        """By name, exactly: Nova's filter is a pattern."""
        name = self.properties.get("name") or self.physical_name
        found = self.service.list("/servers/detail", "servers", {"name": f"^{re.escape(name)}$"})
        made = [server for server in found if server["name"] == name]
        return self.oldest(made, since, taken)

    def check_create_complete(self, token: Any) -> bool:
        """Active; then its tags are put."""
        if not super().check_create_complete(token):
            return False
        if self.properties.get("tags"):
            self._put_tags()
        return True

    def _put_tags(self) -> None:
        tags = self.properties.get("tags") or []
        self.call("PUT", f"{self.item_path()}/tags", json={"tags": tags}, microversion="2.26")

    # Update.

    def handle_update(self, changes: Mapping[str, Any]) -> Any:
        """What is done at once is done here; what takes time becomes steps."""
        super().handle_update(changes)
        if "metadata" in changes:
            wanted = steps.metadata_text(self.properties.get("metadata"))
            self.call("PUT", f"{self.item_path()}/metadata", json={"metadata": wanted})
        if "tags" in changes:
            self._put_tags()
        if self._has_agent:
            self.bring_transport(changes)
        todo: list[steps.Step] = []
        if "networks" in changes:
            todo += self.network_steps()
        if "flavor" in changes:
            todo.append({"do": "resize", "flavor": self.find("nova.flavor", self.properties["flavor"])})
        todo += self._rebuild_steps(changes)
        return {"steps": todo}

    def _rebuild_steps(self, changes: Mapping[str, Any]) -> list[steps.Step]:
        with_data = "user_data" in changes and self.properties.get("user_data_update_policy") == "REBUILD"
        image = self.properties.get("image")
        if image and ("image" in changes or with_data):
            policy = self.properties.get("image_update_policy")
            step: steps.Step = {"do": "rebuild", "image": self.find("glance.image", image)}
            if policy == "REBUILD_PRESERVE_EPHEMERAL":
                step["preserve"] = True
            if with_data:
                step["user_data"] = True
            return [step]
        if with_data:
            raise PermanentError("a server without an image cannot be rebuilt with other user data", "NotSupported")
        return [{"do": "password"}] if "admin_pass" in changes else []

    def check_update_complete(self, token: Any) -> bool:
        """One step after the other; a step that is over leaves the token."""
        self._body = None
        if token is not None:
            return steps.advance(self, token["steps"])
        # The process died before the token was stored: find out again what is left to do, and keep that as data.
        todo = self.data.get(_STEPS)
        if todo is None:
            before = self.record.properties or {}
            changes = {name: self.properties.get(name) for name in {*before, *self.properties}}
            changes = {name: value for name, value in changes.items() if before.get(name) != value}
            todo = self.handle_update(changes)["steps"]
        done = steps.advance(self, todo)
        self.set_data(_STEPS, None if done else todo)
        return done

    def check_delete_complete(self, token: Any) -> bool:
        """When it is gone, what was made for its agent goes too."""
        if not super().check_delete_complete(token):
            return False
        self.close_transport()
        return True

    # Attributes.

    def _read(self, name: str, body: Mapping[str, Any] | None) -> Any:
        """One attribute from the server's body; those of the network need Neutron."""
        if name == "name":
            return self.properties.get("name") or self.physical_name
        if name == "os_collect_config":
            return self.data.get(OS_COLLECT_CONFIG, {})
        if name == "show":
            collect = {"os_collect_config": self.data.get(OS_COLLECT_CONFIG, {})}
            return body if body is None else collect | dict(body)
        if body is None:
            return ""
        reader = addresses.READERS.get(name)
        return super()._read(name, body) if reader is None else reader(self, body)


def create_microversion(properties: Mapping[str, Any]) -> str | None:
    """The lowest microversion of Nova with which a server of these properties can be made; None for the base version."""
    if any(device.get("volume_type") for device in properties.get("block_device_mapping_v2") or ()):
        return "2.67"
    if any(net.get("tag") for net in properties.get("networks") or ()):
        return "2.42"
    if networks.allocation(properties.get("networks")):
        return "2.37"
    return None


def _may_be_one_of(network: Any, networks_: list[Any]) -> bool:
    return network is None or any(other is None or alike(network, other) for other in networks_)


def _finding(text: str) -> Finding:
    # What two names of one property say of each other is Heat's translation speaking, with another type and no full stop.
    conflict = text.startswith("Cannot define") and text.endswith(".")
    return Finding(text, "ResourcePropertyConflict" if conflict else "StackValidationFailed")
