"""A server's network cards over its life: what an update does to them, who gets them on a replacement, what is left to delete.

Base of `server.py`'s class. The trap: internal ports are made before the server and go after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kamado.plugin.errors import TemporaryError
from kamado.resources.nova import interfaces, networks, steps
from kamado.resources.nova.server_life import ServerLife

_LENT = "lent_ports"
"""Key of the data: ports that were taken out for a replacement."""

_NAMED = {
    "network": "neutron.network",
    "subnet": "neutron.subnet",
    "port": "neutron.port",
}
"""Keys of a network entry whose names become ids."""


class ServerCards(ServerLife):
    """What a server does with its entries of ``networks``."""

    @classmethod
    def entries(cls, properties: Mapping[str, Any]) -> Any:
        """The network entries that properties come to."""
        return properties.get("networks")

    def nets_with_ids(self, nets: Any) -> list[dict[str, Any]]:
        """Entries with ids for names and a network for each subnet."""
        resolved = []
        for net in nets or ():
            entry = {key: value for key, value in net.items() if value is not None}
            if "uuid" in entry:
                entry.setdefault("network", entry.pop("uuid"))
            for key, kind in _NAMED.items():
                if entry.get(key):
                    entry[key] = self.find(kind, entry[key])
            extra = entry.get("port_extra_properties")
            if extra and extra.get("qos_policy"):
                policy = self.find("neutron.qos_policy", extra["qos_policy"])
                entry["port_extra_properties"] = {**extra, "qos_policy": policy}
            resolved.append(entry)
        return interfaces.with_networks(self, resolved)

    def network_steps(self) -> list[steps.Step]:
        """What has to be done to go from the entries last applied to those that are wanted."""
        old = self.nets_with_ids(self.entries(self.record.properties or {}))
        new = self.nets_with_ids(self.properties.get("networks"))
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

    def prepare_for_replace(self) -> None:
        """Takes out the cards that the new server is to have: users' ports, and those with addresses that are named.

        When there is no sound server to go on, its internal ports are deleted.
        """
        server = self._present()
        if server is None or steps.status_of(server) == "ERROR":
            interfaces.delete_internal(self)
            return
        wanted = self.data.get(_LENT)
        if wanted is None:
            nets = self.nets_with_ids(self.entries(self.record.properties or {}))
            ports = networks.assign(nets, interfaces.interfaces(self))
            wanted = [port for place, port in ports.items() if nets[place].get("port") or nets[place].get("fixed_ip")]
            self.set_data(_LENT, wanted)  # durable first: a port that is out cannot be told from others any more
        for port in wanted:
            interfaces.detach(self, port)
        if not all(interfaces.detached(self, port) for port in wanted):
            raise TemporaryError("the ports of the server are being detached", 1.0)
        interfaces.delete_internal(self, [port for port in wanted if port in interfaces.internal_ports(self)])

    def restore_prev_rsrc(self) -> None:
        """Puts back the cards that its entries name and that it does not have."""
        if self._present() is None:
            return
        nets = self.nets_with_ids(self.entries(self.record.properties or {}))
        there = interfaces.interfaces(self)
        before = [card.port_id for card in there]
        assigned = networks.assign(nets, there)
        for place, net in enumerate(nets):
            if place in assigned or (net.get("port") and not interfaces.is_free(self, net["port"])):
                continue
            internal = networks.needs_own_port(net)
            step = {"do": "attach", "net": net, "before": before, "place": place, "internal": internal}
            steps.run(self, step)
        if _LENT in self.data:
            self.set_data(_LENT, None)
