"""What a server's attributes tell of its addresses, tags and consoles.

Called by `server.py` with the server's body at hand. The trap: Nova's body knows networks by name only; their ids,
ports, subnets and floating IPs come from Neutron, in four list calls whatever the number of cards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any

from kamado.cloud.failures import CloudError
from kamado.plugin.rest import RestResource

Body = Mapping[str, Any]

CONSOLES: Mapping[str, str] = {
    "novnc": "vnc",
    "xvpvnc": "",
    "spice-html5": "spice",
    "rdp-html5": "rdp",
    "serial": "serial",
    "webmks": "mks",
}
"""Kinds of console, with the protocol that Nova asks for; empty where Nova has dropped the kind."""


def _by_id(server: RestResource, path: str, key: str, ids: set[str]) -> dict[str, Any]:
    if not ids:
        return {}
    found = server.cloud.service("network").list(path, key, {"id": sorted(ids)})
    return {item["id"]: item for item in found}


def _ports(server: RestResource) -> list[Mapping[str, Any]]:
    return server.cloud.service("network").list("/v2.0/ports", "ports", {"device_id": server.physical_id})


def addresses(server: RestResource, _body: Body) -> dict[str, Any]:
    """Per network, by name and by id: its addresses with port, MAC address, kind, version, subnets and network."""
    ports = _ports(server)
    networks = _by_id(server, "/v2.0/networks", "networks", {port["network_id"] for port in ports})
    subnet_ids = {ip["subnet_id"] for port in ports for ip in port["fixed_ips"]}
    subnets = _by_id(server, "/v2.0/subnets", "subnets", subnet_ids)
    floating: dict[tuple[str, str], list[str]] = {}
    if ports:
        params = {"port_id": [port["id"] for port in ports]}
        for fip in server.cloud.service("network").list("/v2.0/floatingips", "floatingips", params):
            target = (fip["port_id"], fip["fixed_ip_address"])
            floating.setdefault(target, []).append(fip["floating_ip_address"])
    result: dict[str, Any] = {}
    for port in ports:
        network = networks.get(port["network_id"]) or {}
        entries = result.setdefault(port["network_id"], [])
        result.setdefault(network.get("name") or port["network_id"], entries)
        for ip in port["fixed_ips"]:
            address = ip["ip_address"]
            common = {"version": ip_address(address).version, "OS-EXT-IPS-MAC:mac_addr": port["mac_address"]}
            for outer in floating.get((port["id"], address), ()):
                entries.append({"addr": outer, "OS-EXT-IPS:type": "floating", "port": None, **common})
            entries.append(
                {
                    "addr": address,
                    "OS-EXT-IPS:type": "fixed",
                    "port": port["id"],
                    **common,
                    "subnets": [
                        subnets[each["subnet_id"]] for each in port["fixed_ips"] if each["subnet_id"] in subnets
                    ],
                    "network": network or None,
                }
            )
    return result


def networks(server: RestResource, body: Body) -> dict[str, list[str]]:
    """Per network, by name and by id: its addresses alone."""
    result = {name: [entry["addr"] for entry in entries] for name, entries in (body.get("addresses") or {}).items()}
    if result:
        ids = {port["network_id"] for port in _ports(server)}
        for network in _by_id(server, "/v2.0/networks", "networks", ids).values():
            if network["name"] in result:
                result[network["id"]] = result[network["name"]]
    return result


def first_address(_server: RestResource, body: Body) -> str:
    """The first address of the network that is last by name; empty when there is none."""
    for _, entries in sorted((body.get("addresses") or {}).items(), reverse=True):
        if entries:
            return str(entries[0]["addr"])
    return ""


def tags(server: RestResource, _body: Body) -> list[str]:
    """The tags."""
    answer = server.call("GET", f"{server.item_path()}/tags", microversion="2.26")
    return list(answer["tags"])


def console_urls(server: RestResource, _body: Body) -> dict[str, str]:
    """The address of each kind of console, or what Nova says instead of one."""
    return {kind: _console(server, kind, protocol) for kind, protocol in CONSOLES.items()}


def _console(server: RestResource, kind: str, protocol: str) -> str:
    if not protocol:
        return f'Unsupported console_type "{kind}"'
    wanted = {"remote_console": {"protocol": protocol, "type": kind}}
    try:
        answer = server.call("POST", f"{server.item_path()}/remote-consoles", json=wanted, microversion="2.8")
    except CloudError as error:
        return f"Cannot get console url: {error}"
    return str(answer["remote_console"]["url"])


READERS: Mapping[str, Callable[[Any, Body], Any]] = {
    "addresses": addresses,
    "networks": networks,
    "first_address": first_address,
    "instance_name": lambda _server, body: body.get("OS-EXT-SRV-ATTR:instance_name"),
    "tags": tags,
    "console_urls": console_urls,
}
