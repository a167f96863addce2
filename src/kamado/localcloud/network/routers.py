"""Routers: the way out, interfaces on subnets, static routes; and what keeps each of them.

Hooks of `collections` and the two special requests `add_router_interface` and `remove_router_interface`. The trap: a floating
IP needs both the interface on its port's subnet and the gateway on its own network; either is refused to go (409) before it.
"""

import ipaddress
from typing import Any

from kamado.localcloud import crud
from kamado.localcloud.network import addresses, ports
from kamado.localcloud.network.ownership import bump, claim, guard_update, next_revision, shown
from kamado.localcloud.service import Call, Refusal
from kamado.localcloud.state import Obj

INTERFACE = "network:router_interface"
GATEWAY = "network:router_gateway"
GUARDED: dict[str, Any] = {"distributed": False, "ha": False}
SECRET = ("distributed", "ha")


def bad(reason: str) -> Refusal:
    """Neutron's 400 for a router."""
    return Refusal(400, f"Bad router request: {reason}", "BadRequest")


def show_router(call: Call, obj: Obj) -> Obj:
    """A router."""
    return shown(call, "routers", obj, SECRET)


def before_router(call: Call, values: Obj) -> None:
    """Check who may say what about the gateway."""
    claim(call, "routers", values, GUARDED)
    _check_zones(values["availability_zone_hints"])
    _guard_gateway(call, values["external_gateway_info"], "create_router")


def _check_zones(hints: list[str]) -> None:
    for hint in hints:
        raise Refusal(404, f"AvailabilityZone {hint} could not be found.", "AvailabilityZoneNotFound")


def _guard_gateway(call: Call, info: Obj | None, action: str) -> None:
    if not info or call.who.is_admin:
        return
    for name in ("enable_snat", "external_fixed_ips"):
        if name in info:
            whole = f"rule:{action}:external_gateway_info"
            text = f"(rule:{action} and ({whole} and ({whole}:network_id and {whole}:{name}))) is disallowed by policy"
            raise Refusal(403, text, "PolicyNotAuthorized")


def after_router(call: Call, obj: Obj) -> None:
    """Connect a new router to the outside."""
    if obj["external_gateway_info"]:
        _set_gateway(call, {**obj, "external_gateway_info": None}, obj["external_gateway_info"])


def before_router_update(call: Call, obj: Obj, changes: Obj) -> None:
    """The gateway first, then routes, which must lead through something connected."""
    guard_update(call, "router", changes, GUARDED)
    if "external_gateway_info" in changes:
        info = changes.pop("external_gateway_info")
        _guard_gateway(call, info, "update_router")
        _set_gateway(call, obj, info)
    if changes.get("routes"):
        _check_routes(call, obj, changes["routes"])
    fresh = call.state.get("network.routers", obj["id"])
    assert fresh is not None
    next_revision(fresh, changes)


def _gateway_port(call: Call, router_id: str) -> Obj | None:
    found = call.state.find("network.ports", device_id=router_id)
    return next((p for p in found if p["device_owner"] == GATEWAY), None)


def _set_gateway(call: Call, obj: Obj, info: Obj | None) -> None:
    now = obj["external_gateway_info"]
    if now and (not info or info["network_id"] != now["network_id"]):
        _refuse_if_floating(call, obj, now["network_id"])
        port = _gateway_port(call, obj["id"])
        if port:
            ports.remove(call, port["id"])
        now = None
    if not info:
        bump(call, "network.routers", obj["id"], external_gateway_info=None)
        return
    network = ports.find_network(call, info["network_id"])
    if network is None:
        raise Refusal(404, f"Network {info['network_id']} could not be found.", "NetworkNotFound")
    if not network["router:external"]:
        raise bad(f"Network {network['id']} is not an external network.")
    port = _gateway_port(call, obj["id"])
    wanted = info.get("external_fixed_ips")
    if port is None:
        given = {
            "network_id": network["id"], "project_id": "", "device_id": obj["id"], "device_owner": GATEWAY,
            "fixed_ips": wanted or None,
        }  # fmt: skip
        port = ports.add(call, given)
    elif wanted:
        chosen = addresses.choose(call, port, wanted, port["fixed_ips"])
        addresses.record(call, port["id"], port["fixed_ips"], chosen)
        port = bump(call, "network.ports", port["id"], fixed_ips=chosen)
    snat = info.get("enable_snat", now.get("enable_snat", True) if now else True)
    shown_info = {"network_id": network["id"], "external_fixed_ips": port["fixed_ips"], "enable_snat": snat}
    bump(call, "network.routers", obj["id"], external_gateway_info=shown_info)


def _refuse_if_floating(call: Call, obj: Obj, network_id: str) -> None:
    for floating in call.state.find("network.floatingips", router_id=obj["id"]):
        if floating["floating_network_id"] == network_id:
            text = (
                f"Gateway cannot be updated for router {obj['id']}, since a gateway to external network {network_id} is "
                "required by one or more floating IPs."
            )
            raise Refusal(409, text, "RouterExternalGatewayInUseByFloatingIp")


def _check_routes(call: Call, obj: Obj, routes: list[Obj]) -> None:
    limit = call.cloud.quota("network", obj["project_id"], "router_route")
    if 0 <= limit < len(routes):
        text = f"Unable to complete operation for {obj['id']}. The number of routes exceeds the maximum {limit}."
        raise Refusal(400, text, "RoutesExhausted")
    held = call.state.find("network.ports", device_id=obj["id"])
    cidrs, own = [], set()
    for port in held:
        for ip in port["fixed_ips"]:
            subnet = call.state.get("network.subnets", ip["subnet_id"])
            own.add(ip["ip_address"])
            if subnet:
                cidrs.append(addresses.network_of(subnet["cidr"]))
    for route in routes:
        hop = ipaddress.ip_address(route["nexthop"])
        if not any(hop in cidr for cidr in cidrs):
            text = f"Invalid format for routes: {routes}, the nexthop is not connected with router"
            raise Refusal(400, text, "InvalidRoutes")
        if str(hop) in own:
            raise Refusal(400, f"Invalid format for routes: {routes}, the nexthop is used by router", "InvalidRoutes")


def before_router_delete(call: Call, obj: Obj) -> None:
    """Interfaces keep a router; its gateway goes with it unless floating IPs need it."""
    held = [p["id"] for p in call.state.find("network.ports", device_id=obj["id"]) if p["device_owner"] == INTERFACE]
    if held:
        text = f"Router {obj['id']} has ports still attached: {', '.join(sorted(held))}"
        raise Refusal(409, text, "RouterInUse")
    port = _gateway_port(call, obj["id"])
    if port:
        ports.remove(call, port["id"])


# interfaces


def _router(call: Call) -> Obj:
    return crud.owned(call, call.cloud.collection("network.routers"), call.params["id"])


def _what(call: Call) -> tuple[str | None, str | None]:
    body = call.json if isinstance(call.json, dict) else {}
    return body.get("port_id"), body.get("subnet_id")


def add_interface(call: Call) -> Obj:
    """PUT /routers/{id}/add_router_interface: by subnet (the router becomes its gateway) or by port."""
    router = _router(call)
    port_id, subnet_id = _what(call)
    if port_id and subnet_id:
        raise bad("Cannot specify both subnet-id and port-id.")
    if port_id:
        port = _connect_port(call, router, port_id)
    elif subnet_id:
        port = _connect_subnet(call, router, subnet_id)
    else:
        raise bad("Either subnet_id or port_id must be specified.")
    bump(call, "network.routers", router["id"])
    return _interface(router, port)


def _interface(router: Obj, port: Obj) -> Obj:
    subnets = [ip["subnet_id"] for ip in port["fixed_ips"]]
    return {
        "id": router["id"],
        "tenant_id": router["project_id"],
        "project_id": router["project_id"],
        "port_id": port["id"],
        "network_id": port["network_id"],
        "subnet_id": subnets[-1],
        "subnet_ids": subnets,
    }


def _connect_port(call: Call, router: Obj, port_id: str) -> Obj:
    port = crud.find(call, call.cloud.collection("network.ports"), port_id)
    if port["device_id"]:
        text = (
            f"Unable to complete operation on port {port['id']} for network {port['network_id']}. Port already has an "
            f"attached device {port['device_id']}."
        )
        raise Refusal(409, text, "PortInUse")
    if not port["fixed_ips"]:
        raise bad("Router port must have at least one fixed IP.")
    for ip in port["fixed_ips"]:
        _check_overlap(call, router, ip["subnet_id"])
    return bump(
        call, "network.ports", port["id"], device_id=router["id"], device_owner=INTERFACE, security_groups=[],
        port_security_enabled=False,
    )  # fmt: skip


def _connect_subnet(call: Call, router: Obj, subnet_id: str) -> Obj:
    subnet = crud.find(call, call.cloud.collection("network.subnets"), subnet_id)
    if not subnet["gateway_ip"]:
        raise bad("Subnet for router interface must have a gateway IP.")
    _check_overlap(call, router, subnet_id)
    given = {
        "network_id": subnet["network_id"], "project_id": router["project_id"], "device_id": router["id"],
        "device_owner": INTERFACE, "fixed_ips": [{"subnet_id": subnet_id, "ip_address": subnet["gateway_ip"]}],
    }  # fmt: skip
    return ports.add(call, given)


def _check_overlap(call: Call, router: Obj, subnet_id: str) -> None:
    new = call.state.get("network.subnets", subnet_id)
    assert new is not None
    for port in call.state.find("network.ports", device_id=router["id"]):
        for ip in port["fixed_ips"]:
            if ip["subnet_id"] == subnet_id:
                raise bad(f"Router already has a port on subnet {subnet_id}.")
            other = call.state.get("network.subnets", ip["subnet_id"])
            if other and addresses.network_of(other["cidr"]).overlaps(addresses.network_of(new["cidr"])):
                raise bad(
                    f"Cidr {new['cidr']} of subnet {subnet_id} overlaps with cidr {other['cidr']} of subnet {other['id']}."
                )


def remove_interface(call: Call) -> Obj:
    """PUT /routers/{id}/remove_router_interface: by port, by subnet, or by both (they must agree)."""
    router = _router(call)
    port_id, subnet_id = _what(call)
    if not port_id and not subnet_id:
        raise bad("Either subnet_id or port_id must be specified.")
    held = [p for p in call.state.find("network.ports", device_id=router["id"]) if p["device_owner"] == INTERFACE]
    if port_id:
        port = next((p for p in held if p["id"] == port_id), None)
        if port is None:
            text = f"Router {router['id']} does not have an interface with id {port_id}"
            raise Refusal(404, text, "RouterInterfaceNotFound")
        if subnet_id and all(ip["subnet_id"] != subnet_id for ip in port["fixed_ips"]):
            text = f"Subnet on port {port_id} does not match the requested subnet {subnet_id}."
            raise Refusal(409, text, "SubnetMismatchForPort")
    else:
        port = next((p for p in held if any(ip["subnet_id"] == subnet_id for ip in p["fixed_ips"])), None)
        if port is None:
            if call.state.get("network.subnets", subnet_id or "") is None:
                raise Refusal(404, f"Subnet {subnet_id} could not be found.", "SubnetNotFound")
            text = f"Router {router['id']} has no interface on subnet {subnet_id}"
            raise Refusal(404, text, "RouterInterfaceNotFoundForSubnet")
    for ip in port["fixed_ips"]:
        _refuse_if_needed(call, router, ip["subnet_id"])
    ports.remove(call, port["id"])
    bump(call, "network.routers", router["id"])
    return _interface(router, port)


def _refuse_if_needed(call: Call, router: Obj, subnet_id: str) -> None:
    subnet = call.state.get("network.subnets", subnet_id)
    if subnet is None:
        return
    where = f"Router interface for subnet {subnet_id} on router {router['id']} cannot be deleted, as it is required by "
    cidr = addresses.network_of(subnet["cidr"])
    for floating in call.state.find("network.floatingips", router_id=router["id"]):
        if floating["fixed_ip_address"] and ipaddress.ip_address(floating["fixed_ip_address"]) in cidr:
            raise Refusal(409, where + "one or more floating IPs.", "RouterInterfaceInUseByFloatingIP")
    for route in router["routes"]:
        if ipaddress.ip_address(route["nexthop"]) in cidr:
            raise Refusal(409, where + "one or more routes.", "RouterInterfaceInUseByRoute")
