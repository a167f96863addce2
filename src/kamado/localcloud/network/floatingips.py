"""Floating IPs: an address of an external network, and the port that it leads to.

Hooks of `collections`. The trap: an address may only lead to a port whose subnet has a router with its gateway on the
floating IP's network; that router is looked up at the moment of association and kept in `router_id`.
"""

from typing import Any

from kamado.localcloud.collection import new_uuid
from kamado.localcloud.network import ports
from kamado.localcloud.network.ownership import claim, next_revision, shown
from kamado.localcloud.network.routers import INTERFACE
from kamado.localcloud.service import Call, Refusal
from kamado.localcloud.state import Obj

GUARDED: dict[str, Any] = {"floating_ip_address": None}
DETAILS = ("name", "network_id", "mac_address", "admin_state_up", "status", "device_id", "device_owner")


def bad(reason: str) -> Refusal:
    """Neutron's 400 for a floating IP."""
    return Refusal(400, f"Bad floatingip request: {reason}", "BadRequest")


def show_floating(call: Call, obj: Obj) -> Obj:
    """A floating IP with a summary of its port."""
    view = shown(call, "floatingips", obj)
    port = call.state.get("network.ports", obj["port_id"]) if obj["port_id"] else None
    view["port_details"] = {name: port[name] for name in DETAILS} if port else None
    return view


def before_floating(call: Call, values: Obj) -> None:
    """Take an address from the external network and associate it when a port is named."""
    claim(call, "floatingips", values, GUARDED)
    network = ports.find_network(call, values["floating_network_id"])
    assert network is not None
    if not network["router:external"]:
        raise bad(f"Network {network['id']} is not a valid external network.")
    values["id"] = new_uuid()
    subnet_id = values.pop("subnet_id", None)
    asked: Obj = {}
    if subnet_id:
        asked["subnet_id"] = subnet_id
    if values["floating_ip_address"]:
        asked["ip_address"] = values["floating_ip_address"]
    given = {
        "network_id": network["id"], "project_id": "", "device_id": values["id"], "device_owner": "network:floatingip",
        "status": "N/A", "fixed_ips": [asked] if asked else None,
    }  # fmt: skip
    port = ports.add(call, given)
    if not port["fixed_ips"]:
        text = f"Network {network['id']} does not contain any IPv4 subnet."
        raise Refusal(400, f"Bad floatingip request: {text}", "BadRequest")
    values["floating_ip_address"] = port["fixed_ips"][0]["ip_address"]
    _associate(call, values, values)


def _associate(call: Call, floating: Obj, changes: Obj) -> None:
    """Settle port_id, fixed_ip_address and router_id in `changes`; `floating` is the whole object."""
    port_id = floating["port_id"]
    if not port_id:
        if floating.get("fixed_ip_address"):
            raise bad("fixed_ip_address cannot be specified without a port_id.")
        changes |= {"port_id": None, "fixed_ip_address": None, "router_id": None}
        return
    port = ports.find_port(call, port_id)
    if port is None:
        raise Refusal(404, f"Port {port_id} could not be found.", "PortNotFound")
    ip = _fixed_ip(port, floating.get("fixed_ip_address"))
    router = _router_for(call, ip["subnet_id"], floating["floating_network_id"])
    if router is None:
        text = (
            f"External network {floating['floating_network_id']} is not reachable from subnet {ip['subnet_id']}.  Therefore, "
            f"cannot associate Port {port_id} with a Floating IP."
        )
        raise Refusal(404, text, "ExternalGatewayForFloatingIPNotFound")
    for other in call.state.find("network.floatingips", port_id=port_id):
        same = other["fixed_ip_address"] == ip["ip_address"]
        if other["id"] != floating["id"] and same and other["floating_network_id"] == floating["floating_network_id"]:
            text = (
                f"Cannot associate floating IP {floating['floating_ip_address']} ({floating['id']}) with port {port_id} using "
                f"fixed IP {ip['ip_address']}, as that fixed IP already has a floating IP on external network "
                f"{floating['floating_network_id']}."
            )
            raise Refusal(409, text, "FloatingIPPortAlreadyAssociated")
    changes |= {"port_id": port_id, "fixed_ip_address": ip["ip_address"], "router_id": router}


def _fixed_ip(port: Obj, wanted: str | None) -> Obj:
    fours = [ip for ip in port["fixed_ips"] if ":" not in ip["ip_address"]]
    if wanted:
        for ip in fours:
            if ip["ip_address"] == wanted:
                found: Obj = ip
                return found
        raise bad(f"Port {port['id']} does not have fixed ip {wanted}.")
    if not fours:
        raise bad(f"Cannot add floating IP to port {port['id']} that has no fixed IPv4 addresses.")
    if len(fours) > 1:
        raise bad(
            f"Port {port['id']} has multiple fixed IPv4 addresses.  Must provide a specific IPv4 address when assigning a floating IP."
        )
    first: Obj = fours[0]
    return first


def _router_for(call: Call, subnet_id: str, external_id: str) -> str | None:
    subnet = call.state.get("network.subnets", subnet_id)
    assert subnet is not None
    found = []
    for port in call.state.find("network.ports", network_id=subnet["network_id"], device_owner=INTERFACE):
        if any(ip["subnet_id"] == subnet_id for ip in port["fixed_ips"]):
            router = call.state.get("network.routers", port["device_id"])
            info = router["external_gateway_info"] if router else None
            if router and info and info["network_id"] == external_id:
                is_gateway = any(ip["ip_address"] == subnet["gateway_ip"] for ip in port["fixed_ips"])
                found.append((not is_gateway, router["id"]))
    return min(found)[1] if found else None


def before_floating_update(call: Call, obj: Obj, changes: Obj) -> None:
    """Naming `port_id` (also as null) associates anew."""
    if "port_id" in changes:
        merged = {**obj, "fixed_ip_address": None, **changes}
        _associate(call, merged, changes)
    elif changes.get("fixed_ip_address"):
        if not obj["port_id"]:
            raise bad("fixed_ip_address cannot be specified without a port_id.")
        _associate(call, {**obj, **changes}, changes)
    next_revision(obj, changes)


def after_floating_delete(call: Call, obj: Obj) -> None:
    """The address goes back to its network."""
    for port in call.state.find("network.ports", device_id=obj["id"]):
        ports.remove(call, port["id"])
