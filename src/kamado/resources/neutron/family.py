"""What the types of the network service share.

Properties that nearly all of them have, and the words for its states.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kamado.plugin.declare import (
    LIST,
    MAP,
    MERGED,
    NOT_SENT,
    PHYSICAL_NAME,
    STRING,
    BlockedBy,
    Prop,
    Query,
    Ready,
)
from kamado.plugin.rules import alike, at

READY = Ready("status", pending={"BUILD"}, done={"ACTIVE", "DOWN"}, bad={"ERROR", "DEGRADED"})


def ports_with(**where: str) -> BlockedBy:
    """Ports that keep a thing from being deleted, told with what they belong to."""
    return BlockedBy("port", Query("/v2.0/ports", "ports", where), ("name", "device_owner", "device_id"))


NAME = Prop("name", STRING, "Name; need not be unique.", update=True, fallback=PHYSICAL_NAME)
VALUE_SPECS = Prop("value_specs", MAP, "Extra request keys.", update=True, default={}, body=MERGED)
TAGS = Prop("tags", LIST, "Tags.", items=STRING, update=True, body=NOT_SENT, since="9.0.0")

DIRECTIONS = ("ingress", "egress")
ETHERTYPES = ("IPv4", "IPv6")
PROTOCOLS = (
    *range(256),
    "ah", "dccp", "egp", "esp", "gre", "icmp", "icmpv6", "igmp", "ipv6-encap", "ipv6-frag", "ipv6-icmp", "ipv6-nonxt",
    "ipv6-opts", "ipv6-route", "ospf", "pgm", "rsvp", "sctp", "tcp", "udp", "udplite", "vrrp",
)  # fmt: skip


def router_interfaces_of_ports(definition: Any, definitions: Mapping[str, Any]) -> set[str]:
    """Router interfaces on the subnets of the ports that a definition refers to.

    A floating IP works only behind them.
    """
    ports = [definitions[name] for name in definition.requires if name in definitions]
    ports = [port for port in ports if port.type == "OS::Neutron::Port"]
    return {
        name
        for name, other in definitions.items()
        if other.type == "OS::Neutron::RouterInterface" and any(_on(port, other, definitions) for port in ports)
    }


def _on(port: Any, interface: Any, definitions: Mapping[str, Any]) -> bool:
    subnet = at(interface.properties, "subnet|subnet_id")
    if subnet is None:
        return False
    own = list(_subnets(port))
    if own:
        return any(alike(subnet, mine) for mine in own)
    network = at(port.properties, "network|network_id")
    subnets = (definitions[name] for name in interface.requires if name in definitions)
    return network is not None and any(
        other.type == "OS::Neutron::Subnet" and alike(at(other.properties, "network|network_id"), network)
        for other in subnets
    )


def _subnets(port: Any) -> Iterator[Any]:
    fixed_ips = at(port.properties, "fixed_ips")
    for item in fixed_ips if isinstance(fixed_ips, list | tuple) else ():
        if isinstance(item, Mapping):
            subnet = at(item, "subnet|subnet_id")
            if subnet is not None:
                yield subnet
