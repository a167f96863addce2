"""OS::Nova::Server: a virtual machine.

The declaration is in `server_schema.py`; network cards in `networks.py` and `interfaces.py`; disks in `devices.py`; user data in
`user_data.py`; what an update does over time in `steps.py`; attributes in `addresses.py`. The trap: internal ports are made before the
server and go after it, so a server resource without a physical id may still own something.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from kamado.cloud.failures import CloudError
from kamado.plugin.declare import Ready, Rest, resource_type
from kamado.plugin.errors import PermanentError, ResourceInError, TemporaryError
from kamado.plugin.rest import RestResource
from kamado.plugin.rules import Finding, alike, at
from kamado.plugin.wire import sent
from kamado.resources.nova import addresses, devices, interfaces, networks, steps, user_data
from kamado.resources.nova.server_schema import ATTRIBUTES, HANDLED, PROPERTIES
from kamado.template.unknown import contains_unknown, is_unknown

_ON_THE_WAY = frozenset(
    {
        "BUILD",
        "HARD_REBOOT",
        "PASSWORD",
        "REBOOT",
        "RESCUE",
        "RESIZE",
        "REVERT_RESIZE",
        "SHUTOFF",
        "SUSPENDED",
        "VERIFY_RESIZE",
    }
)
_IMAGE_TASKS = frozenset({"image_uploading", "image_snapshot_pending", "image_snapshot", "image_pending_upload"})
_STEPS = "steps_left"

_LISTED = {
    "network": "neutron.network",
    "subnet": "neutron.subnet",
    "port": "neutron.port",
}
"""Keys of a network entry whose names become ids."""


@resource_type("OS::Nova::Server")
class Server(RestResource):
    """A virtual machine."""

    rest = Rest(
        "compute", "/servers", "server", waits_for_absence=True, created="created", beside=("os:scheduler_hints",)
    )
    ready = Ready("status", pending=_ON_THE_WAY, done={"ACTIVE"}, bad={"ERROR"}, result="Server is not active")
    properties = PROPERTIES
    attributes = ATTRIBUTES
    handled = HANDLED
    physical_name_limit = 53

    @classmethod
    def validate(cls, properties: Mapping[str, Any]) -> list[Finding]:
        """Disks and network entries that fit together."""
        found: list[str] = []
        name = properties.get("name")
        label = name if isinstance(name, str) and name else "server"
        disks = [properties.get(key) for key in ("block_device_mapping", "block_device_mapping_v2")]
        if not contains_unknown(disks):
            legacy, modern = (devices.canonical(value or ()) for value in disks)
            found += devices.problems(label, properties.get("image"), legacy, modern)
        nets, groups = properties.get("networks"), properties.get("security_groups")
        entries = [net for net in nets if isinstance(net, Mapping)] if isinstance(nets, list) else []
        named = [group for group in groups if is_unknown(group) or group] if isinstance(groups, list) else []
        found += networks.problems(label, entries, named)
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
        self._refuse_what_cannot_be()
        given = self.properties
        body = super().create_request()
        body["user_data"] = base64.b64encode(self._user_data().encode()).decode()
        if given.get("metadata"):
            body["metadata"] = steps.metadata_text(given["metadata"])
        groups = self._security_groups()
        if groups:
            body["security_groups"] = [{"name": group} for group in groups]
        allocation = networks.allocation(given.get("networks"))
        if allocation:
            body["networks"] = allocation
        elif given.get("networks"):
            body["networks"] = interfaces.build_nics(self, self._nets(given["networks"]), groups)
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

    def _refuse_what_cannot_be(self) -> None:
        if self.properties.get("user_data_format") == user_data.SOFTWARE_CONFIG:
            transport = self.properties.get("software_config_transport")
            raise PermanentError(
                f"user_data_format SOFTWARE_CONFIG is not supported yet: its transport {transport} needs software "
                "deployments, which this release does not have; use RAW or HEAT_CFNTOOLS",
                "NotSupported",
            )

    def _user_data(self) -> str:
        url = None
        if self.properties.get("user_data_format") == user_data.CFNTOOLS and self.cloud.has("cloudformation"):
            url = user_data.metadata_server_url(self.cloud.service("cloudformation").base)
        return user_data.build(
            self.properties.get("user_data") or "",
            self.properties.get("user_data_format") or user_data.CFNTOOLS,
            self.metadata,
            url,
        )

    def _security_groups(self) -> list[str]:
        return [group for group in self.properties.get("security_groups") or [] if group]

    def _nets(self, nets: Any) -> list[dict[str, Any]]:
        """Entries with ids for names and a network for each subnet."""
        resolved = []
        for net in nets or ():
            entry = {key: value for key, value in net.items() if value is not None}
            if "uuid" in entry:
                entry.setdefault("network", entry.pop("uuid"))
            for key, kind in _LISTED.items():
                if entry.get(key):
                    entry[key] = self.find(kind, entry[key])
            extra = entry.get("port_extra_properties")
            if extra and extra.get("qos_policy"):
                policy = self.find("neutron.qos_policy", extra["qos_policy"])
                entry["port_extra_properties"] = {**extra, "qos_policy": policy}
            resolved.append(entry)
        return interfaces.with_networks(self, resolved)

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

    def judge(self, ready: Ready, body: Mapping[str, Any]) -> bool:
        """As declared, but for the words of a fault and for what some clouds add to a status."""
        status = steps.status_of(body)
        if status in ready.bad:
            raise steps.in_error(body)
        return super().judge(ready, {**body, "status": status})

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
        todo: list[steps.Step] = []
        if "networks" in changes:
            todo += self._network_steps()
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

    def rebuild_user_data(self) -> str:
        """The user data for a rebuild, encoded as Nova takes them."""
        return base64.b64encode(self._user_data().encode()).decode()

    def _network_steps(self) -> list[steps.Step]:
        old = self._nets((self.record.properties or {}).get("networks"))
        new = self._nets(self.properties.get("networks"))
        there = interfaces.interfaces(self)
        changes = networks.plan(old, new, there, interfaces.internal_ports(self))
        before = [card.port_id for card in there]
        todo: list[steps.Step] = [{"do": "release", "floating_ip": address} for address in changes.release]
        todo += [{"do": "detach", "port": port} for port in changes.detach]
        todo += [{"do": "reshape", "port": port, "body": dict(body)} for port, body in changes.reshape]
        if changes.first_free:
            chosen = interfaces.available_network(self) if networks.allocation(new) else None
            net = {"network": chosen} if chosen else {}
            todo.append({"do": "attach", "net": net, "before": before})
        for place, entry in changes.attach:
            internal = networks.needs_own_port(entry)
            step = {"do": "attach", "net": dict(entry), "before": before, "place": place, "internal": internal}
            todo.append(step)
        todo += [
            {"do": "associate", "floating_ip": address, "port": port, "address": fixed}
            for address, port, fixed in changes.associate
        ]
        return todo

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

    # Delete.

    def handle_delete(self) -> Any:
        """Deletes it; ports of a server that was never made go at once."""
        if not self.physical_id:
            interfaces.delete_left_behind(self)
            return None
        return super().handle_delete()

    def check_delete_complete(self, token: Any) -> bool:
        """When Nova does not know it any more, its internal ports go too."""
        if not self.physical_id:
            return True
        if not super().check_delete_complete(token):
            return False
        interfaces.delete_internal(self)
        return True

    def is_deleted(self, body: Mapping[str, Any]) -> bool:
        """Soft deletion is pushed on; a fault while deleting is an error."""
        if steps.task_of(body) == "deleting":
            return False
        status = steps.status_of(body)
        if status == "SOFT_DELETED":
            steps.act(self, "forceDelete")
        elif status == "ERROR":
            fault = body.get("fault") or {}
            words = f"({fault.get('code')}) {fault.get('message', 'Unknown')}"
            raise ResourceInError(status, f"Server {body.get('name')} delete failed: {words}")
        return status == "DELETED"

    def handle_snapshot_delete(self) -> Any:
        """Deletion policy Snapshot: an image of it first."""
        if not self.physical_id:
            return {"image": None, "deleting": self.handle_delete()}
        return {"image": self.handle_snapshot()}

    def check_snapshot_delete_complete(self, token: Any) -> bool:
        """The image is ready; then as for any deletion."""
        token = token if token is not None else {"image": self.data.get("snapshot_image_id")}
        if token.get("image") and not self.check_snapshot_complete(token["image"]):
            return False
        if token.pop("image", None) or "deleting" not in token:
            token["deleting"] = self.handle_delete()
            return False
        return self.check_delete_complete(token["deleting"])

    # Replacement: the two servers cannot have the same ports.

    def prepare_for_replace(self) -> None:
        """Takes out the cards that the new server is to have: users' ports, and those with addresses that are named.

        When there is no sound server to go on, its internal ports are deleted.
        """
        server = self._present()
        if server is None or steps.status_of(server) == "ERROR":
            interfaces.delete_internal(self)
            return
        nets = self._nets((self.record.properties or {}).get("networks"))
        ports = networks.assign(nets, interfaces.interfaces(self))
        wanted = [port for place, port in ports.items() if nets[place].get("port") or nets[place].get("fixed_ip")]
        for port in wanted:
            interfaces.detach(self, port)
        if not all(interfaces.detached(self, port) for port in wanted):
            raise TemporaryError("the ports of the server are being detached", 1.0)
        interfaces.delete_internal(self, [port for port in wanted if port in interfaces.internal_ports(self)])

    def restore_prev_rsrc(self) -> None:
        """Puts back the cards that its entries name and that it does not have."""
        if self._present() is None:
            return
        nets = self._nets((self.record.properties or {}).get("networks"))
        there = interfaces.interfaces(self)
        before = [card.port_id for card in there]
        assigned = networks.assign(nets, there)
        for place, net in enumerate(nets):
            if place in assigned or (net.get("port") and not interfaces.is_free(self, net["port"])):
                continue
            internal = networks.needs_own_port(net)
            step = {"do": "attach", "net": net, "before": before, "place": place, "internal": internal}
            steps.run(self, step)

    def _present(self) -> Mapping[str, Any] | None:
        if not self.physical_id:
            return None
        try:
            return self.show()
        except CloudError as error:
            if error.not_found:
                return None
            raise

    def needs_replace_failed(self) -> bool:
        """A FAILED one is kept unless it is gone or broken."""
        server = self._present()
        return server is None or steps.status_of(server) in ("ERROR", "DELETED", "SOFT_DELETED")

    # Suspend, resume, check, snapshot.

    def handle_suspend(self) -> Any:
        """Suspends it, unless it is so already."""
        if not self.physical_id:
            raise PermanentError(f"Cannot suspend {self.name}, resource_id not set")
        if steps.status_of(self._found()) != "SUSPENDED":
            steps.act(self, "suspend")
        return None

    def check_suspend_complete(self, token: Any) -> bool:  # noqa: ARG002  # nothing in it
        """Whether it is suspended."""
        server = self.show()
        status = steps.status_of(server)
        if status not in {*_ON_THE_WAY, "ACTIVE"}:
            raise steps.unknown_status(server, f"Suspend of server {server.get('name')} failed")
        return status == "SUSPENDED"

    def handle_resume(self) -> Any:
        """Resumes it, unless it runs."""
        if not self.physical_id:
            raise PermanentError(f"Cannot resume {self.name}, resource_id not set")
        if steps.status_of(self._found()) != "ACTIVE":
            steps.act(self, "resume")
        return None

    def check_resume_complete(self, token: Any) -> bool:  # noqa: ARG002  # nothing in it
        """Whether it runs."""
        assert self.ready is not None
        return self.judge(self.ready, self.show())

    def _found(self) -> Mapping[str, Any]:
        server = self._present()
        if server is None:
            raise PermanentError(f"Failed to find server {self.physical_id}", "NotFound")
        return server

    def handle_snapshot(self) -> str:
        """An image of the server; its id."""
        kept = self.data.get("snapshot_image_id")
        if kept and self.data.get("snapshot_of") == self.record.operation_id:
            return str(kept)
        image = str(steps.act(self, "createImage", {"name": self.physical_name}, "2.45")["image_id"])
        self.set_data("snapshot_of", self.record.operation_id)
        self.set_data("snapshot_image_id", image)
        return image

    def check_snapshot_complete(self, token: Any) -> bool:
        """The image is ready and Nova is through with it."""
        image = self.cloud.service("image").get(f"/v2/images/{token or self.data['snapshot_image_id']}")
        status = str(image["status"]).lower()
        if status in ("error", "deleted", "killed"):
            raise PermanentError(status)
        return status == "active" and steps.task_of(steps.read(self)) not in _IMAGE_TASKS

    def handle_delete_snapshot(self, data: Mapping[str, Any]) -> None:
        """The image of a snapshot goes with it."""
        image = (data.get("resource_data") or data).get("snapshot_image_id")
        if image:
            self.cloud.service("image").delete(f"/v2/images/{image}", ok=(404,))

    # Attributes.

    def _read(self, name: str, body: Mapping[str, Any] | None) -> Any:
        """One attribute from the server's body; those of the network need Neutron."""
        if name == "name":
            return self.properties.get("name") or self.physical_name
        if name == "os_collect_config":
            return self.metadata.get("os-collect-config", {})
        if name == "show" or body is None:
            return body if name == "show" else ""
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
    return Finding(text, "ResourcePropertyConflict" if text.startswith("Cannot define") else "StackValidationFailed")
