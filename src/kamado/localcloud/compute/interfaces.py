"""A server's network interfaces: which ports it gets, what they look like in its addresses, attaching and detaching.

Called by `servers` and through the routes on os-interface. Everything that changes a port goes through `network.ports`. The trap:
a port that Nova made is deleted with its server or interface; a port that was given is only unbound.
"""

from typing import Any

from kamado.localcloud.compute.wording import inside, wrong
from kamado.localcloud.microversions import of
from kamado.localcloud.network import ports, securitygroups
from kamado.localcloud.network.ownership import as_network
from kamado.localcloud.network.values import is_ip, uuid_text
from kamado.localcloud.service import Answer, Call, Refusal
from kamado.localcloud.state import Obj

HOST = "kamado"
SERVERS = "compute.servers"


def of_server(call: Call, server_id: str) -> list[Obj]:
    """The ports of a server."""
    return [
        p for p in call.state.find("network.ports", device_id=server_id) if p["device_owner"].startswith("compute:")
    ]


def addresses(call: Call, server: Obj, full: bool = True) -> dict[str, list[Obj]]:
    """A server's addresses by the name of the network, floating ones too; nothing before it was launched."""
    if server["launched_at"] is None:
        return {}
    found: dict[str, list[Obj]] = {}
    for port in of_server(call, server["id"]):
        network = call.state.get("network.networks", port["network_id"])
        shown = found.setdefault(network["name"] if network else port["network_id"], [])
        floating = call.state.find("network.floatingips", port_id=port["id"])
        for ip in port["fixed_ips"]:
            shown.append(_address(ip["ip_address"], "fixed", port, full))
            for one in floating:
                if one["fixed_ip_address"] == ip["ip_address"]:
                    shown.append(_address(one["floating_ip_address"], "floating", port, full))
    return found


def _address(address: str, kind: str, port: Obj, full: bool) -> Obj:
    view: Obj = {"version": 6 if ":" in address else 4, "addr": address}
    return view | {"OS-EXT-IPS:type": kind, "OS-EXT-IPS-MAC:mac_addr": port["mac_address"]} if full else view


# which ones a new server gets


def requested(call: Call, networks: Any) -> list[Obj]:
    """What a request for a server asks for, checked: a list of {"port": id} or {"network": id, "address": …}.

    `networks` is Nova's list, "auto", "none" or None (not given).
    """
    if networks == "none":
        return []
    if networks in (None, "auto", []):
        return _only_network(call, networks == "auto")
    return [_one(call, item) for item in networks]


def _only_network(call: Call, auto: bool) -> list[Obj]:
    usable = ports.usable_networks(call)
    if len(usable) > 1:
        raise Refusal(409, "Multiple possible networks found, use a Network ID to be more specific.")
    if not usable:
        if auto:
            text = f"Unable to automatically allocate a network for project {call.who.project_id}"
            raise Refusal(400, text)
        return []
    return [{"network": usable[0]["id"]}]


def _one(call: Call, item: Obj) -> Obj:
    if item.get("port"):
        port = ports.find_port(call, item["port"])
        if port is None:
            raise Refusal(400, f"Port id {item['port']} could not be found.")
        if port["device_id"]:
            raise Refusal(409, f"Port {port['id']} is still in use.")
        if not port["fixed_ips"]:
            raise Refusal(400, f"Port {port['id']} requires a FixedIP in order to be used.")
        return {"port": port["id"]}
    network = usable_network(call, item["uuid"], 400)
    return {"network": network["id"], "address": item.get("fixed_ip")}


def usable_network(call: Call, network_id: str, absent: int) -> Obj:
    """A network that servers may be put on; `absent` is the status when there is none of that id."""
    network = ports.find_network(call, network_id)
    if network is None:
        raise Refusal(absent, f"Network {network_id} could not be found.")
    if network["router:external"] and not network["shared"] and not call.who.is_admin:
        raise Refusal(403, f"It is not allowed to create an interface on external network {network_id}")
    if not call.state.find("network.subnets", network_id=network_id):
        raise Refusal(400, f"Network {network_id} requires a subnet in order to boot instances on.")
    return network


def check_networks(value: Any, version: tuple[int, int]) -> Any:
    """The value of `networks` as the schema wants it."""
    if version >= (2, 37) and value in ("auto", "none"):
        return value
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is not of type 'array'")
    for item in value:
        known = {"uuid", "port", "fixed_ip", *(["tag"] if version >= (2, 32) else [])}
        if not isinstance(item, dict) or not item or set(item) - known or not _valid(item):
            shown = f"{value!r} is not valid under any of the given schemas"
            raise ValueError(shown if isinstance(item, dict) and not set(item) - known else _strange(item, known))
    return value


def _valid(item: Obj) -> bool:
    try:
        for name in ("uuid", "port"):
            if item.get(name) is not None:
                uuid_text(item[name])
    except ValueError:
        return False
    fixed = item.get("fixed_ip")
    return bool(item.get("uuid") or item.get("port")) and (fixed is None or is_ip(fixed))


def _strange(item: Any, known: set[str]) -> str:
    if not isinstance(item, dict):
        return f"{item!r} is not of type 'object'"
    strange = sorted(set(item) - known)[0]
    return f"Additional properties are not allowed ('{strange}' was unexpected)"


def security_group_ids(call: Call, names: list[str]) -> list[str]:
    """The groups that a request names, by id or name; 400 for one that is not there."""
    own = call.state.find("network.security_groups", project_id=call.who.project_id)
    found = []
    for name in names:
        if name == "default":
            group: Obj | None = securitygroups.default_group(as_network(call), call.who.project_id)
        else:
            group = next((g for g in own if name in (g["id"], g["name"])), None)
        if group is None:
            raise Refusal(400, f"Unable to find security_group with name or id '{name}'")
        if group["id"] not in found:
            found.append(group["id"])
    return found


def plug(call: Call, server: Obj, wanted: list[Obj], groups: list[str] | None) -> None:
    """Make and bind the ports that `requested` settled. Raises Neutron's refusals; what was made by then stays made."""
    network_call = as_network(call)
    owner = f"compute:{server['az']}"
    for item in wanted:
        if "port" in item:
            ports.bind(
                network_call,
                item["port"],
                device_id=server["id"],
                device_owner=owner,
                host=HOST,
                dns_name=server["hostname"],
            )
            continue
        _make(network_call, server, item["network"], owner, item.get("address"), groups)


def _make(call: Call, server: Obj, network_id: str, owner: str, address: str | None, groups: list[str] | None) -> Obj:
    network = call.state.get("network.networks", network_id)
    secured = bool(network and network["port_security_enabled"])
    given = {
        "network_id": network_id, "project_id": server["project_id"], "device_id": server["id"], "device_owner": owner,
        "dns_name": server["hostname"], "fixed_ips": [{"ip_address": address}] if address else None,
        "security_groups": groups if secured else None,
    }  # fmt: skip
    port = ports.add(call, given)
    # `made` tells apart what goes with the server from what only leaves it
    return ports.bind(call, port["id"], host=HOST, _made=True)


def unplug(call: Call, server_id: str) -> None:
    """Let go of all ports: those that Nova made are deleted."""
    for port in of_server(call, server_id):
        _let_go(as_network(call), port)


def _let_go(call: Call, port: Obj) -> None:
    if port.get("_made"):
        ports.remove(call, port["id"])
    else:
        ports.unbind(call, port["id"])


def activate(call: Call, server_id: str, status: str = "ACTIVE") -> None:
    """The server's ports carry traffic (or, DOWN, no longer do)."""
    for port in of_server(call, server_id):
        if port["status"] != status:
            ports.bind(as_network(call), port["id"], status=status)


# os-interface


def _show(call: Call, port: Obj) -> Obj:
    view = {
        "net_id": port["network_id"], "port_id": port["id"], "mac_addr": port["mac_address"], "port_state": port["status"],
        "fixed_ips": port["fixed_ips"],
    }  # fmt: skip
    return view | {"tag": None} if of(call) >= (2, 70) else view


def listed(call: Call, server: Obj) -> Obj:
    """GET /servers/{id}/os-interface."""
    return {"interfaceAttachments": [_show(call, p) for p in reversed(of_server(call, server["id"]))]}


def _held(call: Call, server: Obj) -> Obj | None:
    return next((p for p in of_server(call, server["id"]) if p["id"] == call.params["port_id"]), None)


def read(call: Call, server: Obj) -> Obj:
    """GET /servers/{id}/os-interface/{port_id}."""
    port = _held(call, server)
    if port is None:
        raise Refusal(404, f"Instance {server['id']} does not have a port with id {call.params['port_id']}")
    return {"interfaceAttachment": _show(call, port)}


def attach(call: Call, server: Obj) -> Obj:
    """POST /servers/{id}/os-interface: a port, or a network with or without an address."""
    given = inside(call, "interfaceAttachment") if call.json else {}
    known = {"net_id", "port_id", "fixed_ips", *(["tag"] if of(call) >= (2, 49) else [])}
    strange = sorted(set(given) - known)
    if strange:
        reason = f"Additional properties are not allowed ('{strange[0]}' was unexpected)"
        raise wrong("interfaceAttachment", given, reason)
    if server["vm_state"] not in ("active", "paused", "stopped"):
        text = f"Cannot 'attach_interface' instance {server['id']} while it is in vm_state {server['vm_state']}"
        raise Refusal(409, text)
    port_id, net_id, fixed = given.get("port_id"), given.get("net_id"), given.get("fixed_ips")
    if port_id and (net_id or fixed):
        raise Refusal(
            400,
            "Must not input network_id when port_id is specified"
            if net_id
            else "Must input network_id when request IP address",
        )
    if fixed and not net_id:
        raise Refusal(400, "Must input network_id when request IP address")
    if port_id:
        port = _attach_port(call, server, port_id)
    else:
        network = usable_network(call, net_id, 404) if net_id else {"id": _only_network(call, True)[0]["network"]}
        address = fixed[0].get("ip_address") if fixed else None
        groups = security_group_ids(call, server["group_names"]) if server["group_names"] else None
        port = _make(as_network(call), server, network["id"], f"compute:{server['az']}", address, groups)
    port = ports.bind(as_network(call), port["id"], status="ACTIVE")
    return {"interfaceAttachment": _show(call, port)}


def _attach_port(call: Call, server: Obj, port_id: str) -> Obj:
    port = ports.find_port(call, port_id)
    if port is None:
        raise Refusal(404, f"Port id {port_id} could not be found.")
    if port["device_id"]:
        raise Refusal(409, f"Port {port_id} is still in use.")
    owner = f"compute:{server['az']}"
    return ports.bind(as_network(call), port_id, device_id=server["id"], device_owner=owner, host=HOST)


def detach(call: Call, server: Obj) -> Answer:
    """DELETE /servers/{id}/os-interface/{port_id}: answered before it is known whether there is such a port."""
    port = _held(call, server)
    if port:
        _let_go(as_network(call), port)
    return Answer(202)


# security groups of a server's ports


def groups_of(call: Call, server: Obj) -> list[Obj]:
    """The security groups of a server's ports."""
    ids = dict.fromkeys(g for p in of_server(call, server["id"]) for g in p["security_groups"])
    return [g for i in ids if (g := call.state.get("network.security_groups", i))]


def change_group(call: Call, server: Obj, given: Any, adding: bool) -> None:
    """addSecurityGroup and removeSecurityGroup, on every port."""
    name = given.get("name") if isinstance(given, dict) else None
    if not isinstance(name, str):
        raise wrong("addSecurityGroup" if adding else "removeSecurityGroup", given, "'name' is a required property")
    own = call.state.find("network.security_groups", project_id=server["project_id"])
    group = next((g for g in own if name in (g["id"], g["name"])), None)
    if group is None:
        raise Refusal(404, f"Security group {name} is not found for project {server['project_id']}")
    held = of_server(call, server["id"])
    if not adding and not any(group["id"] in p["security_groups"] for p in held):
        raise Refusal(404, f"Security group {name} not associated with the instance {server['id']}")
    for port in held:
        groups = port["security_groups"]
        if adding and group["id"] in groups:
            text = f"Invalid input for security_groups. Reason: Duplicate items in the list: '{group['id']}'."
            raise Refusal(400, text)
        left = [*groups, group["id"]] if adding else [g for g in groups if g != group["id"]]
        ports.bind(as_network(call), port["id"], security_groups=left)
