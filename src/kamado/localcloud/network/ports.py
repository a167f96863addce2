"""Ports: hooks of the collection, and the few functions through which Nova makes, binds and removes them.

Called by `collections`, `routers`, `floatingips` and by `compute.interfaces`. The trap: a port's addresses are noted twice, in
the port and in the table of allocations; only `addresses.choose` + `addresses.record` may change them.
"""

from typing import Any

from kamado.localcloud import crud
from kamado.localcloud.collection import new_uuid
from kamado.localcloud.network import addresses, securitygroups
from kamado.localcloud.network.ownership import bump, claim, guard_update, next_revision, shown
from kamado.localcloud.network.subnets import network_visible
from kamado.localcloud.service import Call, Refusal
from kamado.localcloud.state import Obj

DNS_DOMAIN = "kamado.example."
SERVICE_OWNERS = ("network:router_interface", "network:router_gateway", "network:floatingip")
GUARDED: dict[str, Any] = {"binding:profile": {}, "binding:host_id": ""}
GUARDED_UPDATE: dict[str, Any] = {**GUARDED, "mac_address": None, "data_plane_status": None}
SECRET = ("binding:profile", "binding:host_id", "binding:vif_type", "binding:vif_details", "resource_request")
BOUND_DETAILS = {
    "port_filter": True,
    "connectivity": "l2",
    "bridge_name": "br-int",
    "datapath_type": "system",
    "ovs_hybrid_plug": False,
    "bound_drivers": {"0": "local"},
}


def port_visible(call: Call, obj: Obj) -> bool:
    """Whoever owns a network sees all of its ports."""
    network = call.state.get("network.networks", obj["network_id"])
    return network is not None and network["project_id"] == call.who.project_id


def show_port(call: Call, obj: Obj) -> Obj:
    """A port with the names that DNS would give its addresses."""
    view = shown(call, "ports", obj, SECRET)
    view["dns_assignment"] = [_assignment(obj, ip["ip_address"]) for ip in obj["fixed_ips"]]
    return view


def _assignment(obj: Obj, address: str) -> Obj:
    host = obj["dns_name"] or "host-" + address.replace(".", "-").replace(":", "-")
    return {"ip_address": address, "hostname": host, "fqdn": f"{host}.{DNS_DOMAIN}"}


def filter_fixed_ips(call: Call, obj: Obj, value: str) -> bool:
    """`fixed_ips=ip_address=10.0.0.5` or `fixed_ips=subnet_id=…`; `ip_address_substr` matches a part."""
    key, _, wanted = value.partition("=")
    if key == "ip_address_substr":
        return any(wanted in ip["ip_address"] for ip in obj["fixed_ips"])
    return any(ip.get(key) == wanted for ip in obj["fixed_ips"])


def before_port(call: Call, values: Obj) -> None:
    """Settle project, security, MAC and addresses of a new port."""
    claim(call, "ports", values, GUARDED)
    network = call.state.get("network.networks", values["network_id"])
    assert network is not None
    values["id"] = new_uuid()
    mac = values["mac_address"]
    if mac and addresses.mac_taken(call, network["id"], mac):
        text = f"Unable to complete operation for network {network['id']}. The mac address {mac} is in use."
        raise Refusal(409, text, "MacAddressInUse")
    values["mac_address"] = mac or addresses.new_mac(call, network["id"])
    _settle_security(call, values, network)
    if values["binding:host_id"]:
        values |= {"binding:vif_type": "ovs", "binding:vif_details": BOUND_DETAILS}
    values["fixed_ips"] = addresses.choose(call, values, values["fixed_ips"], [])
    addresses.record(call, values["id"], [], values["fixed_ips"])


def _settle_security(call: Call, values: Obj, network: Obj) -> None:
    secured = values["port_security_enabled"]
    if secured is None:
        secured = values["port_security_enabled"] = network["port_security_enabled"]
    groups = values["security_groups"]
    if values["device_owner"].startswith("network:"):
        values |= {"port_security_enabled": False, "security_groups": []}
        return
    if not secured:
        if groups:
            text = "Port security must be enabled and port must have an IP address in order to use security groups."
            raise Refusal(400, text, "PortSecurityAndIPRequiredForSecurityGroups")
        if values["allowed_address_pairs"]:
            raise Refusal(
                409, "Port Security must be enabled in order to have allowed address pairs on a port.",
                "AddressPairAndPortSecurityRequired",
            )  # fmt: skip
        values["security_groups"] = []
        return
    if groups is None:
        values["security_groups"] = [securitygroups.default_group(call, values["project_id"])["id"]]
    else:
        securitygroups.check_exist(call, groups)
    values["allowed_address_pairs"] = _with_mac(values["allowed_address_pairs"], values["mac_address"])


def _with_mac(pairs: list[Obj], mac: str) -> list[Obj]:
    return [{"mac_address": pair.get("mac_address") or mac, "ip_address": pair["ip_address"]} for pair in pairs]


def before_port_update(call: Call, obj: Obj, changes: Obj) -> None:
    """Addresses are taken and given back, security must stay in itself consistent."""
    guard_update(call, "port", changes, GUARDED_UPDATE)
    mac = changes.get("mac_address")
    if mac and addresses.mac_taken(call, obj["network_id"], mac, but=obj["id"]):
        text = f"Unable to complete operation for network {obj['network_id']}. The mac address {mac} is in use."
        raise Refusal(409, text, "MacAddressInUse")
    if "mac_address" in changes and not mac:
        del changes["mac_address"]
    secured = changes.get("port_security_enabled", obj["port_security_enabled"])
    groups = changes.get("security_groups", obj["security_groups"])
    if not secured and groups:
        text = "Port has security group associated. Cannot disable port security or IP address until security group is removed."
        raise Refusal(409, text, "PortSecurityPortHasSecurityGroup")
    if changes.get("security_groups"):
        securitygroups.check_exist(call, changes["security_groups"])
    elif "security_groups" in changes and changes["security_groups"] is None:
        changes["security_groups"] = []
    if changes.get("allowed_address_pairs"):
        changes["allowed_address_pairs"] = _with_mac(changes["allowed_address_pairs"], mac or obj["mac_address"])
    if changes.get("fixed_ips") is not None:
        changes["fixed_ips"] = addresses.choose(call, {**obj, **changes}, changes["fixed_ips"], obj["fixed_ips"])
        _keep_floating(call, obj, changes["fixed_ips"])
        addresses.record(call, obj["id"], obj["fixed_ips"], changes["fixed_ips"])
    else:
        changes.pop("fixed_ips", None)
    if "binding:host_id" in changes:
        changes |= _binding(changes["binding:host_id"])
    next_revision(obj, changes)


def _keep_floating(call: Call, obj: Obj, after: list[Obj]) -> None:
    """A floating IP goes with the address it was on."""
    left = {ip["ip_address"] for ip in after}
    for floating in call.state.find("network.floatingips", port_id=obj["id"]):
        if floating["fixed_ip_address"] not in left:
            detach_floating(call, floating)


def _binding(host: str) -> Obj:
    bound = bool(host)
    return {
        "binding:host_id": host,
        "binding:vif_type": "ovs" if bound else "unbound",
        "binding:vif_details": BOUND_DETAILS if bound else {},
    }


def before_port_delete(call: Call, obj: Obj) -> None:
    """Ports of routers and floating IPs go with those; a port's floating IPs stay, without it."""
    if obj["device_owner"] in SERVICE_OWNERS:
        text = f"Port {obj['id']} cannot be deleted directly via the port API: has device owner {obj['device_owner']}."
        raise Refusal(409, text, "ServicePortInUse")


def after_port_delete(call: Call, obj: Obj) -> None:
    """Give the addresses back."""
    _forget(call, obj)


def _forget(call: Call, obj: Obj) -> None:
    addresses.record(call, obj["id"], obj["fixed_ips"], [])
    for floating in call.state.find("network.floatingips", port_id=obj["id"]):
        detach_floating(call, floating)


def detach_floating(call: Call, floating: Obj) -> None:
    """A floating IP that no longer leads anywhere."""
    bump(call, "network.floatingips", floating["id"], port_id=None, fixed_ip_address=None, router_id=None)


# for other modules of the cloud


def add(call: Call, given: Obj) -> Obj:
    """Make a port for the cloud itself (a router's, a server's): no policy is asked, addresses are checked as ever.

    `given` holds port fields; project_id defaults to the caller's.
    """
    collection = call.cloud.collection("network.ports")
    values = crud.fill_defaults(collection, {"project_id": call.who.project_id, **given})
    network = call.state.get("network.networks", values["network_id"])
    if network is None:
        raise Refusal(404, f"Network {values['network_id']} could not be found.", "NetworkNotFound")
    values["id"] = new_uuid()
    values["mac_address"] = values["mac_address"] or addresses.new_mac(call, network["id"])
    values.pop("tenant_id", None)
    _settle_security(call, values, network)
    values["fixed_ips"] = addresses.choose(call, values, values["fixed_ips"], [])
    addresses.record(call, values["id"], [], values["fixed_ips"])
    return crud.insert(call, collection, values)


def bind(call: Call, port_id: str, **fields: Any) -> Obj:
    """Give a port to a server (device_id, device_owner, host, dns_name …) and return it."""
    host = fields.pop("host", None)
    if host is not None:
        fields |= _binding(host)
    return bump(call, "network.ports", port_id, **fields)


def unbind(call: Call, port_id: str) -> None:
    """Take a port from its server; the port itself stays."""
    if call.state.get("network.ports", port_id):
        fields = {"device_id": "", "device_owner": "", "status": "DOWN", "dns_name": "", **_binding("")}
        bump(call, "network.ports", port_id, **fields)


def remove(call: Call, port_id: str) -> None:
    """Delete a port whatever its owner; nothing happens when it is gone."""
    obj = call.state.remove("network.ports", port_id)
    if obj:
        _forget(call, obj)


def usable_networks(call: Call) -> list[Obj]:
    """The networks that the caller's servers may be put on: own and shared ones that have a subnet."""
    return [
        n
        for n in call.state.all("network.networks")
        if (n["project_id"] == call.who.project_id or n["shared"])
        and not n["router:external"]
        and call.state.find("network.subnets", network_id=n["id"])
    ]


def find_network(call: Call, network_id: str) -> Obj | None:
    """A network that the caller may know of."""
    network = call.state.get("network.networks", network_id)
    if network and (
        call.who.is_admin or network["project_id"] == call.who.project_id or network_visible(call, network)
    ):
        return network
    return None


def find_port(call: Call, port_id: str) -> Obj | None:
    """A port that the caller may use."""
    port = call.state.get("network.ports", port_id)
    return port if port and (call.who.is_admin or port["project_id"] == call.who.project_id) else None
