"""Networks, subnets and subnet pools: what is checked and filled in when they are made, changed and deleted.

Hooks of `collections`. The trap: `gateway_ip` has three meanings: not given (the first address), null (none), an address;
`UNSET` keeps the first two apart.
"""

import ipaddress
import itertools
from typing import Any

from kamado.localcloud.collection import new_uuid
from kamado.localcloud.network import addresses
from kamado.localcloud.network.ownership import bump, claim, guard_update, next_revision, shown
from kamado.localcloud.network.values import invalid_input, ip_or_none
from kamado.localcloud.service import Call, Refusal
from kamado.localcloud.state import Obj

UNSET = "\x00unset"
MTU = 1450
EXTERNAL_MTU = 1500
AUTO_DELETED = ("network:dhcp", "network:router_gateway_snat", "network:distributed")
DEVICE_OWNERS = ("network:", "compute:", "baremetal:", "dhcp:", "floatingip", "neutron:", "trunk:")

NETWORK_GUARDED: dict[str, Any] = {
    "shared": False,
    "router:external": False,
    "is_default": False,
    "provider:network_type": None,
    "provider:physical_network": None,
    "provider:segmentation_id": None,
    "segments": None,
}
NETWORK_SECRET = ("provider:network_type", "provider:physical_network", "provider:segmentation_id")
POOL_GUARDED: dict[str, Any] = {"shared": False, "is_default": False}


def gateway(value: Any) -> Any:
    """A subnet's gateway: an address or null."""
    return value if value == UNSET else ip_or_none(value)


# networks


def network_visible(call: Call, obj: Obj) -> bool:
    """Shared networks are everybody's to use, external ones everybody's to reach."""
    return bool(obj["shared"] or obj["router:external"])


def show_network(call: Call, obj: Obj) -> Obj:
    """A network with the ids of its subnets."""
    view = shown(call, "networks", obj, NETWORK_SECRET)
    view["subnets"] = sorted(s["id"] for s in call.state.find("network.subnets", network_id=obj["id"]))
    if not obj["router:external"]:
        del view["is_default"]
    return view


def before_network(call: Call, values: Obj) -> None:
    """Refuse what the backend cannot do; choose what was left open."""
    claim(call, "networks", values, NETWORK_GUARDED)
    _check_zones(values["availability_zone_hints"])
    _check_policy(call, values["qos_policy_id"])
    kind = values["provider:network_type"] or "vxlan"
    most = MTU if kind in ("vxlan", "gre", "geneve") else EXTERNAL_MTU
    if values["mtu"] and values["mtu"] > most:
        raise invalid_input(f"Requested MTU is too big, maximum is {most}.")
    values["mtu"] = values["mtu"] or most
    values["provider:network_type"] = kind
    if values["provider:segmentation_id"] is None and kind in ("vxlan", "gre", "geneve", "vlan"):
        values["provider:segmentation_id"] = 1 + call.state.count("network.networks") % 4094


def _check_zones(hints: list[str]) -> None:
    for hint in hints:
        raise Refusal(404, f"AvailabilityZone {hint} could not be found.", "AvailabilityZoneNotFound")


def _check_policy(call: Call, policy_id: str | None) -> None:
    if policy_id and call.state.get("network.policies", policy_id) is None:
        raise Refusal(404, f"QoS policy {policy_id} could not be found.", "QosPolicyNotFound")


def after_network(call: Call, obj: Obj) -> None:
    """Every network has one segment."""
    segment = {
        "id": new_uuid(),
        "network_id": obj["id"],
        "name": None,
        "description": None,
        "physical_network": obj["provider:physical_network"],
        "network_type": obj["provider:network_type"],
        "segmentation_id": obj["provider:segmentation_id"],
        "revision_number": 0,
        "created_at": call.stamp(),
        "updated_at": call.stamp(),
    }
    call.state.put("network.segments", segment)


def before_network_update(call: Call, obj: Obj, changes: Obj) -> None:
    """As on create; a network may not stop being external while addresses of it are in use."""
    guard_update(call, "network", changes, NETWORK_GUARDED)
    _check_policy(call, changes.get("qos_policy_id"))
    if changes.get("mtu") and changes["mtu"] > EXTERNAL_MTU:
        raise invalid_input(f"Requested MTU is too big, maximum is {EXTERNAL_MTU}.")
    if changes.get("router:external") is False and obj["router:external"]:
        used = [
            p
            for p in call.state.find("network.ports", network_id=obj["id"])
            if p["device_owner"] == "network:router_gateway"
        ]
        if used:
            text = f"External network {obj['id']} cannot be updated to be made non-external, since it has existing gateway ports."
            raise Refusal(409, text, "ExternalNetworkInUse")
    next_revision(obj, changes)


def before_network_delete(call: Call, obj: Obj) -> None:
    """Ports keep a network; its subnets go with it."""
    ports = [
        p["id"] for p in call.state.find("network.ports", network_id=obj["id"]) if p["device_owner"] not in AUTO_DELETED
    ]
    if ports:
        text = (
            f"Unable to complete operation on network {obj['id']}. There are one or more ports still in use on the "
            f"network, id for these ports is: {','.join(sorted(ports))}."
        )
        raise Refusal(409, text, "NetworkInUse")
    for table in ("network.subnets", "network.segments"):
        for item in call.state.find(table, network_id=obj["id"]):
            call.state.remove(table, item["id"])


# subnets


def subnet_visible(call: Call, obj: Obj) -> bool:
    """A subnet is seen by whoever sees its network."""
    network = call.state.get("network.networks", obj["network_id"])
    return network is not None and (network["project_id"] == call.who.project_id or network_visible(call, network))


def show_subnet(call: Call, obj: Obj) -> Obj:
    """A subnet, saying whether its network is external."""
    view = shown(call, "subnets", obj)
    network = call.state.get("network.networks", obj["network_id"])
    view["router:external"] = bool(network and network["router:external"])
    return view


def before_subnet(call: Call, values: Obj) -> None:
    """Check the CIDR against the network, settle gateway and pools."""
    claim(call, "subnets", values, {"segment_id": None})
    network = call.state.get("network.networks", values["network_id"])
    assert network is not None
    if network["project_id"] != call.who.project_id and not call.who.is_admin:
        raise call.service.dialect.forbidden("create_subnet")
    version = values["ip_version"]
    siblings = [s for s in call.state.find("network.subnets", network_id=network["id"]) if s["ip_version"] == version]
    _take_from_pool(call, values, siblings)
    cidr = _parse(values["cidr"], version)
    values["cidr"] = str(cidr)
    if values["enable_dhcp"] and (cidr.prefixlen > (30 if version == 4 else 126)):
        raise invalid_input("Subnet has a prefix length that is incompatible with DHCP service enabled.")
    if values["enable_dhcp"] and int(cidr.network_address) == 0:
        raise invalid_input(f"First IP '{cidr.network_address}' of network is not supported if enable_dhcp is True..")
    for sibling in siblings:
        if addresses.network_of(sibling["cidr"]).overlaps(cidr):
            raise invalid_input(
                f"Requested subnet with cidr: {cidr} for network: {network['id']} overlaps with another subnet."
            )
    _check_modes(values)
    _check_details(call, values)
    _settle_gateway(values, cidr)
    values.pop("prefixlen")
    values.pop("use_default_subnetpool")


def _parse(text: Any, version: int) -> addresses.Cidr:
    try:
        cidr = addresses.network_of(text)
    except ValueError:
        raise invalid_input(f"{text} is not in a CIDR format.") from None
    if cidr.version != version:
        raise invalid_input(f"cidr '{text}' does not match the ip_version '{version}'.")
    return cidr


def _take_from_pool(call: Call, values: Obj, siblings: list[Obj]) -> None:
    pool_id = values["subnetpool_id"]
    if values["use_default_subnetpool"] and not pool_id:
        pools = call.state.find("network.subnetpools", is_default=True)
        pool_id = next((p["id"] for p in pools if p["ip_version"] == values["ip_version"]), None)
        if pool_id is None:
            text = f"Bad subnets request: No default subnetpool found for IPv{values['ip_version']}."
            raise Refusal(400, text, "BadRequest")
    if not pool_id:
        if not values["cidr"]:
            text = "Bad subnets request: a subnetpool must be specified in the absence of a cidr."
            raise Refusal(400, text, "BadRequest")
        if any(s["subnetpool_id"] for s in siblings):
            raise _other_pool()
        return
    pool = call.state.get("network.subnetpools", pool_id)
    if pool is None or not (call.who.is_admin or pool["shared"] or pool["project_id"] == call.who.project_id):
        raise Refusal(404, f"Subnet pool {pool_id} could not be found.", "SubnetPoolNotFound")
    if any(s["subnetpool_id"] != pool_id for s in siblings):
        raise _other_pool()
    values["subnetpool_id"] = pool_id
    values["ip_version"] = pool["ip_version"]
    used = [addresses.network_of(s["cidr"]) for s in call.state.find("network.subnets", subnetpool_id=pool_id)]
    values["cidr"] = str(_carve(pool, values["cidr"], values["prefixlen"], used))


def _other_pool() -> Refusal:
    text = "Subnets hosted on the same network must be allocated from the same subnet pool."
    return Refusal(400, text, "NetworkSubnetPoolAffinityError")


def _carve(pool: Obj, asked: str | None, prefixlen: int | None, used: list[addresses.Cidr]) -> addresses.Cidr:
    if asked:
        wanted = _parse(asked, pool["ip_version"])
        inside = any(_within(wanted, addresses.network_of(p)) for p in pool["prefixes"])
        if not inside or any(u.overlaps(wanted) for u in used):
            text = "Failed to allocate subnet: Cannot allocate requested subnet from the available set of prefixes."
            raise Refusal(500, text, "SubnetAllocationError")
        return wanted
    length = int(prefixlen or pool["default_prefixlen"])
    least, most = int(pool["min_prefixlen"]), int(pool["max_prefixlen"])
    if length < least:
        text = f"Unable to allocate subnet with prefix length {length}, minimum allowed prefix is {least}."
        raise Refusal(400, text, "MinPrefixSubnetAllocationError")
    if length > most:
        text = f"Unable to allocate subnet with prefix length {length}, maximum allowed prefix is {most}."
        raise Refusal(400, text, "MaxPrefixSubnetAllocationError")
    bits = 32 if pool["ip_version"] == 4 else 128
    taken = sorted((int(u.network_address), int(u.broadcast_address)) for u in used)
    for prefix in pool["prefixes"]:
        whole = addresses.network_of(prefix)
        size = 1 << (bits - length)
        start = int(whole.network_address)
        for first, last in taken:
            if start + size - 1 < first:
                break
            if last >= start:
                start = (last // size + 1) * size
        if start + size - 1 <= int(whole.broadcast_address):
            return addresses.network_of(f"{addresses.text_of(start, pool['ip_version'])}/{length}")
    text = f"Failed to allocate subnet: Insufficient prefix space to allocate subnet size /{length}."
    raise Refusal(500, text, "SubnetAllocationError")


def _within(inner: addresses.Cidr, outer: addresses.Cidr) -> bool:
    return (
        inner.version == outer.version
        and int(outer.network_address) <= int(inner.network_address)
        and int(inner.broadcast_address) <= int(outer.broadcast_address)
    )


def _check_modes(values: Obj) -> None:
    ra, address = values["ipv6_ra_mode"], values["ipv6_address_mode"]
    if values["ip_version"] == 4:
        for name in ("ipv6_ra_mode", "ipv6_address_mode"):
            if values[name] is not None:
                raise invalid_input(f"{name} is not valid when ip_version is 4.")
        return
    if ra and address and ra != address:
        raise invalid_input(
            f"ipv6_ra_mode set to '{ra}' with ipv6_address_mode set to '{address}' is not valid. If both attributes are "
            "set, they must be the same value."
        )
    if (ra or address) and not values["enable_dhcp"]:
        raise invalid_input("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False.")
    cidr = values["cidr"]
    if address in addresses.AUTO_MODES and addresses.network_of(cidr).prefixlen != 64:
        raise invalid_input(
            f"Invalid CIDR {cidr} for IPv6 address mode. OpenStack uses the EUI-64 address format, which requires the prefix to be /64."
        )


def _check_details(call: Call, values: Obj) -> None:
    segment = values.get("segment_id")
    if segment and call.state.get("network.segments", segment) is None:
        raise Refusal(404, f"Segment {segment} could not be found.", "SegmentNotFound")
    for kind in values.get("service_types") or ():
        if not kind.startswith(DEVICE_OWNERS):
            text = f"Subnet service type {kind} does not correspond to a valid device owner."
            raise Refusal(400, text, "InvalidSubnetServiceType")
    for field, key in (("dns_nameservers", ""), ("host_routes", "nexthop")):
        for entry in values.get(field) or ():
            address = ipaddress.ip_address(entry[key] if key else entry)
            if address.version != values["ip_version"]:
                raise invalid_input(
                    f"{field.split('_')[0]} '{address}' does not match the ip_version '{values['ip_version']}'."
                )


def _settle_gateway(values: Obj, cidr: addresses.Cidr) -> None:
    asked = values["gateway_ip"]
    if asked == UNSET:
        number = int(cidr.network_address) + (1 if cidr.version == 4 and cidr.prefixlen < 31 else 0)
        asked = addresses.text_of(number, cidr.version)
    elif asked is not None:
        address = ipaddress.ip_address(asked)
        if address.version != cidr.version:
            raise invalid_input(f"gateway_ip '{asked}' does not match the ip_version '{cidr.version}'.")
        if (
            cidr.version == 4
            and address in cidr
            and cidr.prefixlen < 31
            and address in (cidr.network_address, cidr.broadcast_address)
        ):
            raise invalid_input("Gateway is not valid on subnet.")
    values["gateway_ip"] = asked
    if values["allocation_pools"] is None:
        values["allocation_pools"] = addresses.default_pools(cidr, asked)
    else:
        check_pools(values["allocation_pools"], cidr, asked)


def check_pools(pools: list[Obj], cidr: addresses.Cidr, gateway_ip: str | None) -> None:
    """Refuse pools that are no ranges, leave the subnet, overlap or hold the gateway."""
    spans = []
    for pool in pools:
        start, end = ipaddress.ip_address(pool["start"]), ipaddress.ip_address(pool["end"])
        if start.version != cidr.version or end.version != cidr.version or int(end) < int(start):
            raise Refusal(400, f"The allocation pool {pool} is not valid.", "InvalidAllocationPool")
        first, last = addresses.usable(cidr)
        name = f"{start}-{end}"
        if int(start) < first or int(end) > last:
            text = f"The allocation pool {name} spans beyond the subnet cidr {cidr}."
            raise Refusal(400, text, "OutOfBoundsAllocationPool")
        spans.append((int(start), int(end), name))
    spans.sort()
    for one, two in itertools.pairwise(spans):
        if two[0] <= one[1]:
            text = f"Found overlapping allocation pools: {one[2]} {two[2]} for subnet {cidr}."
            raise Refusal(409, text, "OverlappingAllocationPools")
    if gateway_ip:
        number = int(ipaddress.ip_address(gateway_ip))
        for first, last, name in spans:
            if first <= number <= last:
                text = f"Gateway ip {gateway_ip} conflicts with allocation pool {name}."
                raise Refusal(409, text, "GatewayConflictWithAllocationPools")


def after_subnet(call: Call, obj: Obj) -> None:
    """A network's revision counts its subnets; ports that make their own addresses get one."""
    bump(call, "network.networks", obj["network_id"])
    if not addresses.is_auto(obj):
        return
    for port in call.state.find("network.ports", network_id=obj["network_id"]):
        if port["device_owner"].startswith("network:"):
            continue
        new = {"subnet_id": obj["id"], "ip_address": addresses.eui64(obj["cidr"], port["mac_address"])}
        addresses.record(call, port["id"], port["fixed_ips"], [*port["fixed_ips"], new])
        bump(call, "network.ports", port["id"], fixed_ips=[*port["fixed_ips"], new])


def before_subnet_update(call: Call, obj: Obj, changes: Obj) -> None:
    """Gateway and pools must stay apart, also when only one of them changes."""
    guard_update(call, "subnet", changes, {"segment_id": None})
    merged = {**obj, **changes}
    _check_details(call, {**merged, "segment_id": changes.get("segment_id")})
    cidr = addresses.network_of(obj["cidr"])
    if changes.get("allocation_pools") is None:
        changes.pop("allocation_pools", None)
        merged["allocation_pools"] = obj["allocation_pools"]
    if "gateway_ip" in changes or "allocation_pools" in changes:
        check_pools(merged["allocation_pools"], cidr, merged["gateway_ip"])
    if "gateway_ip" in changes and changes["gateway_ip"] != obj["gateway_ip"] and obj["gateway_ip"]:
        holder = call.state.get(addresses.ALLOCATIONS, f"{obj['id']}/{obj['gateway_ip']}")
        if holder:
            text = (
                f"Current gateway ip {obj['gateway_ip']} already in use by port {holder['port_id']}. Unable to update."
            )
            raise Refusal(409, text, "GatewayIpInUse")
    next_revision(obj, changes)


def before_subnet_delete(call: Call, obj: Obj) -> None:
    """Ports with an address of the subnet keep it, unless the address was made by the port itself."""
    for allocation in call.state.find(addresses.ALLOCATIONS, subnet_id=obj["id"]):
        port = call.state.get("network.ports", allocation["port_id"])
        if port is None or port["device_owner"] in AUTO_DELETED:
            continue
        if addresses.is_auto(obj) and not port["device_owner"].startswith("network:router"):
            left = [ip for ip in port["fixed_ips"] if ip["subnet_id"] != obj["id"]]
            addresses.record(call, port["id"], port["fixed_ips"], left)
            bump(call, "network.ports", port["id"], fixed_ips=left)
            continue
        text = f"Unable to complete operation on subnet {obj['id']}: One or more ports have an IP allocation from this subnet."
        raise Refusal(409, text, "SubnetInUse")
    bump(call, "network.networks", obj["network_id"])


# subnet pools


def pool_visible(call: Call, obj: Obj) -> bool:
    """Shared pools (and address scopes, and policies) are everybody's."""
    return bool(obj["shared"])


def before_pool(call: Call, values: Obj) -> None:
    """Prefixes of one IP version, with lengths that fit each other."""
    claim(call, "subnetpools", values, POOL_GUARDED)
    versions = set()
    for prefix in values["prefixes"]:
        try:
            versions.add(addresses.network_of(prefix).version)
        except ValueError:
            raise Refusal(
                400, f"Invalid input for prefixes. Reason: '{prefix}' is not a valid CIDR.", "HTTPBadRequest"
            ) from None
    if not versions:
        raise Refusal(400, "Empty subnet pool prefix list.", "EmptySubnetPoolPrefixList")
    if len(versions) > 1:
        raise Refusal(400, "Cannot mix IPv4 and IPv6 prefixes in a subnet pool.", "PrefixVersionMismatch")
    values["ip_version"] = versions.pop()
    values["prefixes"] = [str(addresses.network_of(p)) for p in values["prefixes"]]
    least = values["min_prefixlen"] or (8 if values["ip_version"] == 4 else 64)
    most = values["max_prefixlen"] or (32 if values["ip_version"] == 4 else 128)
    usual = values["default_prefixlen"] or least
    if least > most:
        raise Refusal(
            400, f"Illegal prefix bounds: min_prefixlen={least}, max_prefixlen={most}.", "IllegalSubnetPoolPrefixBounds"
        )
    if not least <= usual <= most:
        raise Refusal(400, f"Illegal prefix bounds: default_prefixlen={usual}.", "IllegalSubnetPoolPrefixBounds")
    # real Neutron answers these three as strings
    values |= {"min_prefixlen": str(least), "max_prefixlen": str(most), "default_prefixlen": str(usual)}


def before_pool_update(call: Call, obj: Obj, changes: Obj) -> None:
    """Only administrators share a pool or make it the default."""
    guard_update(call, "subnetpool", changes, POOL_GUARDED)
    for name in ("min_prefixlen", "max_prefixlen", "default_prefixlen"):
        if changes.get(name) is not None:
            changes[name] = str(changes[name])
    next_revision(obj, changes)


def before_pool_delete(call: Call, obj: Obj) -> None:
    """Subnets made of it keep a pool."""
    if call.state.find("network.subnets", subnetpool_id=obj["id"]):
        text = "Unable to delete subnet pool: Subnet pool has existing allocations."
        raise Refusal(400, text, "SubnetPoolDeleteError")
