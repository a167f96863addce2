"""A server's network entries: what they may say, what is asked of Neutron and Nova for them, and what an update changes.

Called by `server.py` and `interfaces.py`. Pure: entries are property values whose names are already ids. Three kinds of
port: a user's own (entry ``port``), an internal one (entry with ``subnet`` or ``port_extra_properties``: made and deleted by
the server resource), and one that Nova makes for a bare network. The trap: an interface of the last kind cannot be told from
the entry alone; `plan` finds it among the server's interfaces.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

Net = Mapping[str, Any]

IN_PLACE = frozenset(
    {
        "admin_state_up",
        "allowed_address_pairs",
        "binding:vnic_type",
        "no_fixed_ips",
        "port_security_enabled",
        "propagate_uplink_status",
        "qos_policy",
        "value_specs",
    }
)
"""Extra properties of an internal port whose change needs no new port."""

_PORT_KEYS = (
    "admin_state_up",
    "mac_address",
    "port_security_enabled",
    "propagate_uplink_status",
    "binding:vnic_type",
)


def needs_own_port(net: Net) -> bool:
    """Whether the entry asks for an internal port."""
    return not net.get("port") and bool(net.get("subnet") or net.get("port_extra_properties"))


def allocation(nets: Iterable[Net] | None) -> str | None:
    """``auto`` or ``none`` when an entry leaves the choice to Nova, else None."""
    return next((net["allocate_network"] for net in nets or () if net.get("allocate_network") is not None), None)


def extra_body(extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """The keys of a Neutron port for ``port_extra_properties``."""
    if not extra:
        return {}
    body: dict[str, Any] = dict(extra.get("value_specs") or {})
    body.update({key: extra[key] for key in _PORT_KEYS if extra.get(key) is not None})
    if extra.get("qos_policy"):
        body["qos_policy_id"] = extra["qos_policy"]
    if extra.get("allowed_address_pairs") is not None:
        body["allowed_address_pairs"] = [
            {key: value for key, value in pair.items() if value is not None} for pair in extra["allowed_address_pairs"]
        ]
    return body


def extra_update(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a PUT of an internal port must say to go from one set of extra properties to another."""
    old, new = old or {}, new or {}
    body = {key: value for key, value in extra_body(new).items() if extra_body(old).get(key) != value}
    if old.get("qos_policy") and not new.get("qos_policy"):
        body["qos_policy_id"] = None
    if old.get("allowed_address_pairs") and not new.get("allowed_address_pairs"):
        body["allowed_address_pairs"] = []
    if new.get("no_fixed_ips") and not old.get("no_fixed_ips"):
        body["fixed_ips"] = []
    return body


def port_body(name: str, net: Net, network_id: str | None, security_groups: Sequence[str]) -> dict[str, Any]:
    """The request for an internal port; ``security_groups`` are ids, none given means Neutron's default."""
    body: dict[str, Any] = {"name": name, "network_id": network_id}
    address = {
        key: value for key, value in (("ip_address", net.get("fixed_ip")), ("subnet_id", net.get("subnet"))) if value
    }
    extra = net.get("port_extra_properties") or {}
    if extra.get("no_fixed_ips"):
        body["fixed_ips"] = []
    elif address:
        body["fixed_ips"] = [address]
    if security_groups:
        body["security_groups"] = list(security_groups)
    body.update(extra_body(extra))
    return body


def nic(net: Net, port_id: str | None) -> dict[str, Any]:
    """Nova's entry of ``networks`` for one of ours; ``port_id`` is the user's or the internal port, if any."""
    entry: dict[str, Any] = {}
    if port_id:
        entry["port"] = port_id
    else:
        entry["uuid"] = net.get("network")
        if net.get("fixed_ip"):
            entry["fixed_ip"] = net["fixed_ip"]
    if net.get("tag"):
        entry["tag"] = net["tag"]
    return entry


def problems(server: str, nets: Sequence[Net], security_groups: Sequence[Any]) -> list[str]:
    """What is wrong with a server's network entries, in Heat's words. ``server`` is the resource's name."""
    found = [problem for net in nets for problem in _entry_problems(server, net)]
    if allocation(nets) is not None and len(nets) != 1:
        found.append('Property "allocate_network" can not be specified if multiple network interfaces set for server.')
    if security_groups and any(net.get("port") is not None for net in nets):
        found.append(conflict("security_groups", "networks/port"))
    return found


def conflict(*names: str) -> str:
    """Heat's sentence for properties that exclude each other."""
    return "Cannot define the following properties at the same time: " + ", ".join(names) + "."


def _entry_problems(server: str, net: Net) -> list[str]:
    found = []
    given = {key for key, value in net.items() if value is not None}
    if not given & {"network", "uuid", "port", "subnet", "allocate_network"}:
        found.append(
            'One of the properties "network", "port", "allocate_network" or "subnet" should be set for the specified '
            f'network of server "{server}".'
        )
    if {"network", "uuid"} <= given:
        found.append(conflict("networks.network", "networks.uuid").rstrip("."))
    if "allocate_network" in given and len(given) != 1:
        found.append('Can not specify "allocate_network" with other keys of networks at the same time.')
    if "fixed_ip" in given and "port" in given:
        found.append(conflict("networks/fixed_ip", "networks/port"))
    bare = not given & {"port", "subnet", "port_extra_properties"}
    if "floating_ip" in given and given & {"network", "uuid"} and bare:
        found.append(
            'Property "floating_ip" is not supported if only "network" is specified, because the corresponding '
            "port can not be retrieved."
        )
    return found


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface that Nova reports for a server."""

    port_id: str
    network_id: str
    addresses: tuple[tuple[str, str], ...] = ()
    """Pairs of address and subnet id."""

    @classmethod
    def of(cls, wire: Mapping[str, Any]) -> Interface:
        """From an item of Nova's ``interfaceAttachments``."""
        fixed = tuple((ip["ip_address"], ip["subnet_id"]) for ip in wire.get("fixed_ips") or ())
        return cls(wire["port_id"], wire["net_id"], fixed)

    def fits(self, net: Net, network_id: str | None) -> int:
        """How well the interface fits an entry: 0 is not at all, more is better."""
        if net.get("port"):
            return 9 if net["port"] == self.port_id else 0
        if network_id and network_id != self.network_id:
            return 0
        score = 1
        wanted = (net.get("fixed_ip"), net.get("subnet"))
        for position, value in enumerate(wanted):
            if not value:
                continue
            if not any(_same(pair[position], value) for pair in self.addresses):
                return 0
            score += 2
        return score


def _same(left: str, right: str) -> bool:
    try:
        return ip_address(left) == ip_address(right)
    except ValueError:
        return left == right


@dataclass(frozen=True, slots=True)
class InterfaceChanges:
    """What an update of ``networks`` comes to, in the order in which it is done."""

    release: tuple[str, ...] = ()
    """Floating IPs to be disassociated."""
    detach: tuple[str, ...] = ()
    """Ports to be detached; internal ones are deleted after that."""
    reshape: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    """Internal ports that stay, each with the body of its PUT."""
    attach: tuple[tuple[int, Net], ...] = ()
    """Entries to be attached, with their place in the list."""
    associate: tuple[tuple[str, str, str | None], ...] = ()
    """Floating IPs for ports that stay: (floating IP, port, fixed address)."""
    first_free: bool = field(default=False)
    """Attach to whatever network Nova picks, as a server without entries gets it."""


def _key(net: Net) -> tuple[Any, ...]:
    return tuple(net.get(key) or None for key in ("port", "network", "subnet", "fixed_ip", "tag"))


def _can_reshape(old: Net, new: Net) -> bool:
    before, after = old.get("port_extra_properties"), new.get("port_extra_properties")
    if not after:
        return not before
    before = before or {}
    return all(key in IN_PLACE for key in {*before, *after} if before.get(key) != after.get(key))


def plan(
    old: Sequence[Net],
    new: Sequence[Net],
    interfaces: Sequence[Interface],
    internal: Collection[str],
) -> InterfaceChanges:
    """Compares two lists of entries, given the interfaces that there are and the ids of internal ports.

    Entries must have their ``network`` filled in (a subnet's network where only that is named). Entries that say the same
    keep their interface, whatever their order; an internal port is changed in place where Neutron allows it.
    """
    everything = tuple(interface.port_id for interface in interfaces)
    if allocation(new):
        return InterfaceChanges(detach=everything, first_free=allocation(new) == "auto")
    if allocation(old) or (not old and new):
        return InterfaceChanges(detach=everything, attach=tuple(enumerate(new)), first_free=not new)
    if not old:
        return InterfaceChanges()
    ports = assign(old, interfaces)
    left = list(range(len(old)))
    reshape: list[tuple[str, Mapping[str, Any]]] = []
    associate: list[tuple[str, str, str | None]] = []
    attach: list[tuple[int, Net]] = []
    release: list[str] = []
    for place, net in enumerate(new):
        index = _match(net, old, left, ports, internal)
        if index is None:
            attach.append((place, net))
            continue
        left.remove(index)
        port, before = ports.get(index), old[index]
        if port is None:
            continue
        body = extra_update(before.get("port_extra_properties"), net.get("port_extra_properties"))
        if body:
            reshape.append((port, body))
        if before.get("floating_ip") != net.get("floating_ip"):
            if before.get("floating_ip"):
                release.append(before["floating_ip"])
            if net.get("floating_ip"):
                associate.append((net["floating_ip"], port, net.get("fixed_ip")))
    release += [old[index]["floating_ip"] for index in left if old[index].get("floating_ip")]
    return InterfaceChanges(
        release=tuple(release),
        detach=tuple(ports[index] for index in left if index in ports),
        reshape=tuple(reshape),
        attach=tuple(attach),
        associate=tuple(associate),
        first_free=not new,
    )


def assign(nets: Sequence[Net], interfaces: Sequence[Interface]) -> dict[int, str]:
    """Which port belongs to which entry (by its place): the most exactly stated entries choose first."""
    free = list(interfaces)
    order = sorted(
        range(len(nets)),
        key=lambda index: -sum(bool(nets[index].get(key)) for key in ("port", "port", "fixed_ip", "subnet")),
    )
    ports: dict[int, str] = {}
    for index in order:
        net = nets[index]
        best = max(free, key=lambda interface: interface.fits(net, net.get("network")), default=None)
        if best is not None and best.fits(net, net.get("network")):
            free.remove(best)
            ports[index] = best.port_id
    return ports


def _match(
    net: Net, old: Sequence[Net], left: Sequence[int], ports: Mapping[int, str], internal: Collection[str]
) -> int | None:
    alike = [index for index in left if _key(old[index]) == _key(net)]
    same = [index for index in alike if old[index].get("port_extra_properties") == net.get("port_extra_properties")]
    if same:
        return same[0]
    for index in alike:
        if ports.get(index) in internal and _can_reshape(old[index], net):
            return index
    return None
