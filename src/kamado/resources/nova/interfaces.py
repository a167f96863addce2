"""The calls that give a server its network cards: internal ports, attaching, detaching, floating IPs.

Called by `server.py` and `steps.py` with the server resource at hand; `networks.py` decides what is to be done, this
does it. Neutron is spoken to by plain REST: services know nothing of each other. The trap: an internal port is made
before the server and may be left behind by a crash, so its name is unique and it is looked for before it is made
again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kamado.cloud.failures import CloudError
from kamado.cloud.rest import Service
from kamado.plugin.errors import PermanentError
from kamado.plugin.resource import Resource
from kamado.resources.nova.networks import Interface, Net, needs_own_port, nic, port_body

INTERNAL = "internal_ports"
"""Key of a server's data under which the ids of its internal ports are kept."""


def network_service(server: Resource) -> Service:
    """Neutron, with the stack's credential."""
    return server.ports.cloud().service("network")


def compute_service(server: Resource) -> Service:
    """Nova, with the stack's credential."""
    return server.ports.cloud().service("compute")


def internal_ports(server: Resource) -> list[str]:
    """The ids of the ports that the server resource made."""
    return list(server.data.get(INTERNAL) or ())


def with_networks(server: Resource, nets: Iterable[Net]) -> list[dict[str, Any]]:
    """The entries with ``network`` filled in from the subnet where only that is named.

    Raises PermanentError when an entry's subnet lies in another network than it names.
    """
    filled = []
    for net in nets:
        entry = {key: value for key, value in net.items() if value is not None}
        if entry.get("subnet") and not entry.get("port"):
            subnet = network_service(server).get(f"/v2.0/subnets/{entry['subnet']}")["subnet"]
            if entry.setdefault("network", subnet["network_id"]) != subnet["network_id"]:
                raise PermanentError(
                    f"Specified subnet {entry['subnet']} does not belongs to network {entry['network']}.",
                    "StackValidationFailed",
                )
        filled.append(entry)
    return filled


def build_nics(server: Resource, nets: Sequence[Net], groups: Sequence[str]) -> list[dict[str, Any]]:
    """Nova's ``networks`` for entries as `with_networks` gives them; makes internal ports and associates floating IPs.

    ``groups``: names or ids of security groups for internal ports. May be called again after a crash.
    """
    again = INTERNAL in server.data
    if not again and any(needs_own_port(net) for net in nets):
        server.set_data(INTERNAL, [])  # durable before the first port is made: the mark that ports may be left behind
    nics = []
    for place, net in enumerate(nets):
        port = net.get("port") or (own_port(server, place, net, groups, look=again) if needs_own_port(net) else None)
        if port and net.get("floating_ip"):
            associate(server, net["floating_ip"], port, net.get("fixed_ip"))
        nics.append(nic(net, port))
    return nics


def own_port(server: Resource, place: int, net: Net, groups: Sequence[str], *, look: bool) -> str:
    """Makes the internal port of an entry and records it; ``look``: it may be there already, unrecorded."""
    name = port_name(server, place)
    found = _left_behind(server, name, net) if look else None
    if found is None:
        ids = [security_group(server, group) for group in groups]
        body = port_body(name, net, net.get("network"), ids)
        found = str(network_service(server).post("/v2.0/ports", json={"port": body})["port"]["id"])
    if found not in internal_ports(server):
        server.set_data(INTERNAL, [*internal_ports(server), found])
    return found


def port_name(server: Resource, place: int) -> str:
    """The name of the internal port of an entry: unique in the cloud, so that it can be found."""
    return f"{server.physical_name}-port-{place}"


def _left_behind(server: Resource, name: str, net: Net) -> str | None:
    known = set(internal_ports(server))
    for port in network_service(server).list("/v2.0/ports", "ports", {"name": name}):
        if port["network_id"] != net.get("network"):
            continue
        if not port.get("device_id") and (port["id"] not in known or server.physical_id is None):
            return str(port["id"])
    return None


def security_group(server: Resource, group: str) -> str:
    """The id of a security group given by name or id. Raises PermanentError when there is none, or more than one."""
    network = network_service(server)
    project = server.ports.cloud().project_id
    for params in ({"id": group}, {"name": group, "project_id": project}):
        found = network.list("/v2.0/security-groups", "security_groups", params)
        if len(found) == 1:
            return str(found[0]["id"])
        if found:
            raise PermanentError(
                f"Multiple physical resources were found with name ({group}).", "PhysicalResourceNameAmbiguity"
            )
    raise PermanentError(f"The Resource ({group}) could not be found.", "EntityNotFound")


def associate(server: Resource, floating_ip: str, port: str, address: str | None) -> None:
    """Points a floating IP at a port, at one of its addresses if given."""
    target = {"port_id": port, **({"fixed_ip_address": address} if address else {})}
    network_service(server).put(f"/v2.0/floatingips/{floating_ip}", json={"floatingip": target})


def disassociate(server: Resource, floating_ip: str) -> None:
    """Takes a floating IP off its port; nothing when it is gone."""
    network_service(server).put(f"/v2.0/floatingips/{floating_ip}", json={"floatingip": {"port_id": None}}, ok=(404,))


def delete_internal(server: Resource, ports: Iterable[str] | None = None) -> None:
    """Deletes internal ports (all of them by default) and forgets them; what is gone is no error."""
    everything = ports is None
    doomed = internal_ports(server) if ports is None else list(ports)
    for port in doomed:
        network_service(server).delete(f"/v2.0/ports/{port}", ok=(404,))
    if everything:
        if INTERNAL in server.data:
            server.set_data(INTERNAL, None)
    elif doomed:
        server.set_data(INTERNAL, [port for port in internal_ports(server) if port not in doomed])


def delete_left_behind(server: Resource) -> None:
    """Deletes internal ports of a server that was never made, recorded or not."""
    if INTERNAL not in server.data:
        return
    for place, net in enumerate(server.properties.get("networks") or ()):
        if needs_own_port(net):
            for port in network_service(server).list("/v2.0/ports", "ports", {"name": port_name(server, place)}):
                network_service(server).delete(f"/v2.0/ports/{port['id']}", ok=(404,))
    delete_internal(server)


def interfaces(server: Resource) -> list[Interface]:
    """The network cards that Nova reports."""
    answer = compute_service(server).get(f"/servers/{server.physical_id}/os-interface")
    return [Interface.of(item) for item in answer["interfaceAttachments"]]


def detach(server: Resource, port: str) -> None:
    """Asks Nova to take a port out; nothing when it is not in. Raises CloudError (conflict) while the server is busy."""
    compute_service(server).delete(f"/servers/{server.physical_id}/os-interface/{port}", ok=(404,))


def detached(server: Resource, port: str) -> bool:
    """Whether both Neutron and Nova know that the port is out."""
    try:
        found: Mapping[str, Any] = network_service(server).get(f"/v2.0/ports/{port}")["port"]
    except CloudError as error:
        if error.not_found:
            return True
        raise
    if found.get("device_id") == server.physical_id:
        return False
    addresses = compute_service(server).get(f"/servers/{server.physical_id}")["server"].get("addresses") or {}
    return not any(
        entry.get("OS-EXT-IPS-MAC:mac_addr") == found["mac_address"] and entry.get("OS-EXT-IPS:type") == "fixed"
        for entries in addresses.values()
        for entry in entries
    )


def attach(server: Resource, wanted: Mapping[str, Any]) -> str:
    """Asks Nova to put a card in (``port_id``, or ``net_id`` with ``fixed_ips``, or nothing: any network); the id of its port."""
    tagged = "2.49" if "tag" in wanted else None
    answer = compute_service(server).post(
        f"/servers/{server.physical_id}/os-interface", json={"interfaceAttachment": dict(wanted)}, microversion=tagged
    )
    return str(answer["interfaceAttachment"]["port_id"])


def attached(server: Resource, port: str) -> bool:
    """Whether the card is in and the server's addresses show it."""
    if port not in {interface.port_id for interface in interfaces(server)}:
        return False
    found = network_service(server).get(f"/v2.0/ports/{port}")["port"]
    wanted = {ip["ip_address"] for ip in found.get("fixed_ips") or () if ip.get("ip_address")}
    addresses = compute_service(server).get(f"/servers/{server.physical_id}")["server"].get("addresses") or {}
    shown = {entry["addr"] for entries in addresses.values() for entry in entries}
    return wanted <= shown


def is_free(server: Resource, port: str) -> bool:
    """Whether a port exists and is in no server."""
    answer = network_service(server).get(f"/v2.0/ports/{port}", ok=(404,))
    return answer is not None and not answer["port"].get("device_id")


def available_network(server: Resource) -> str:
    """The one network that a project's server gets when it asks for ``auto``; made by Neutron when there is none."""
    network, project = network_service(server), server.ports.cloud().project_id
    own = network.list("/v2.0/networks", "networks", {"tenant_id": project, "shared": False, "admin_state_up": True})
    shared = network.list("/v2.0/networks", "networks", {"shared": True})
    ids = list(dict.fromkeys(str(item["id"]) for item in [*own, *shared]))
    if not ids:
        return str(network.get(f"/v2.0/auto-allocated-topology/{project}")["auto_allocated_topology"]["id"])
    if len(ids) > 1:
        raise PermanentError(
            "Unable to automatically allocate a network: Multiple possible networks found.",
            "UnableToAutoAllocateNetwork",
        )
    return ids[0]
