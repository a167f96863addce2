"""Which address a port gets: pools of a subnet, free addresses, MAC addresses, IPv6 addresses made from a MAC.

Called by `subnets` (pools), `ports`, `routers` and `floatingips`. What is in use is kept in the table
`network.ipallocations` under `<subnet>/<address>`, so that taking an address costs one look-up however many there are.
The trap: an address belongs to a subnet, not to a network; two subnets of two networks may hold the same one.
"""

import ipaddress
import random
from functools import lru_cache
from typing import Any

from kamado.localcloud.service import Call, Refusal
from kamado.localcloud.state import Obj

ALLOCATIONS = "network.ipallocations"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Cidr = ipaddress.IPv4Network | ipaddress.IPv6Network

AUTO_MODES = ("slaac", "dhcpv6-stateless")
WINDOW = (
    1024  # only the beginning of a huge pool is drawn from, as in real Neutron; each further guess looks 4 × as far
)
GUESSES = 10


@lru_cache(maxsize=4096)
def network_of(cidr: str) -> Cidr:
    """A CIDR as an object; host bits are cut off."""
    return ipaddress.ip_network(cidr, strict=False)


def is_auto(subnet: Obj) -> bool:
    """Whether hosts of this IPv6 subnet make their own address from their MAC."""
    return subnet["ip_version"] == 6 and subnet.get("ipv6_address_mode") in AUTO_MODES


def usable(cidr: Cidr) -> tuple[int, int]:
    """First and last address of a subnet that a port may have, as numbers."""
    first, last = int(cidr.network_address), int(cidr.broadcast_address)
    if cidr.version == 4:
        return (first, last) if cidr.prefixlen >= 31 else (first + 1, last - 1)
    return (first, last) if cidr.prefixlen >= 127 else (first + 1, last)


def text_of(number: int, version: int) -> str:
    """A number as an address."""
    return str(ipaddress.IPv4Address(number) if version == 4 else ipaddress.IPv6Address(number))


def default_pools(cidr: Cidr, gateway: str | None) -> list[dict[str, str]]:
    """Everything in the subnet but its gateway."""
    first, last = usable(cidr)
    spans = [(first, last)]
    if gateway is not None and ipaddress.ip_address(gateway).version == cidr.version:
        taken = int(ipaddress.ip_address(gateway))
        if first <= taken <= last:
            spans = [(first, taken - 1), (taken + 1, last)]
    return [{"start": text_of(a, cidr.version), "end": text_of(b, cidr.version)} for a, b in spans if a <= b]


def eui64(cidr: str, mac: str) -> str:
    """The IPv6 address that a host with this MAC gives itself in a /64."""
    octets = [int(part, 16) for part in mac.split(":")]
    octets = [octets[0] ^ 2, *octets[1:3], 0xFF, 0xFE, *octets[3:]]
    return text_of(int(network_of(cidr).network_address) + int.from_bytes(bytes(octets), "big"), 6)


def new_mac(call: Call, network_id: str) -> str:
    """A MAC address with Neutron's prefix that is free on the network."""
    for _ in range(64):
        tail = random.getrandbits(24)
        mac = f"fa:16:3e:{tail >> 16:02x}:{tail >> 8 & 255:02x}:{tail & 255:02x}"
        if not mac_taken(call, network_id, mac):
            return mac
    raise Refusal(503, f"Unable to generate unique mac on network {network_id}.", "MacAddressGenerationFailure")


def mac_taken(call: Call, network_id: str, mac: str, but: str = "") -> bool:
    """Whether another port of the network has this MAC."""
    same = call.state.find("network.ports", mac_address=mac, network_id=network_id)
    return any(port["id"] != but for port in same)


def taken(call: Call, subnet_id: str, address: str) -> bool:
    """Whether a port has this address."""
    return call.state.get(ALLOCATIONS, f"{subnet_id}/{address}") is not None


def free_address(call: Call, subnet: Obj) -> str | None:
    """An address of the subnet's pools that nobody has, or None when all are taken."""
    version = subnet["ip_version"]
    spans = [
        (int(ipaddress.ip_address(p["start"])), int(ipaddress.ip_address(p["end"]))) for p in subnet["allocation_pools"]
    ]
    for attempt in range(GUESSES if spans else 0):
        first, last = random.choice(spans)
        guess = text_of(random.randint(first, min(last, first + (WINDOW << 2 * attempt))), version)
        if not taken(call, subnet["id"], guess):
            return guess
    # among n+1 addresses one is free when n are taken, so this scan ends early in any but a full pool
    for first, last in spans:
        for number in range(first, last + 1):
            address = text_of(number, version)
            if not taken(call, subnet["id"], address):
                return address
    return None


def fits(subnet: Obj, address: str) -> bool:
    """Whether an address may be a port's in this subnet (in the CIDR, neither network nor broadcast address)."""
    cidr = network_of(subnet["cidr"])
    number = ipaddress.ip_address(address)
    if number.version != cidr.version:
        return False
    first, last = usable(cidr)
    if cidr.version == 6:
        first = int(cidr.network_address)
    return first <= int(number) <= last


def choose(call: Call, port: Obj, wanted: list[Any] | None, held: list[Obj]) -> list[dict[str, str]]:
    """The fixed IPs a port gets for what was asked (None: one per IP version), in Neutron's order of subnets.

    `held` are the ones it has now; where the same subnet is asked for again without an address they are kept.
    Raises Neutron's refusals: unknown subnet, address outside or taken, nothing left.
    """
    network_id = port["network_id"]
    subnets = [s for s in call.state.find("network.subnets", network_id=network_id) if _serves(s, port)]
    chosen: list[dict[str, str]] = []
    if wanted is None:
        chosen = _one_per_version(call, port, subnets)
    else:
        kept = list(held)
        for ask in wanted:
            chosen.append(_as_asked(call, network_id, ask, kept, chosen))
    return chosen + _automatic(port, subnets, chosen)


def _serves(subnet: Obj, port: Obj) -> bool:
    kinds = subnet["service_types"]
    return not kinds or port["device_owner"] in kinds


def _one_per_version(call: Call, port: Obj, subnets: list[Obj]) -> list[dict[str, str]]:
    chosen = []
    for version in (4, 6):
        candidates = [s for s in subnets if s["ip_version"] == version and not is_auto(s)]
        if not candidates:
            continue
        for subnet in candidates:
            address = free_address(call, subnet)
            if address:
                chosen.append({"subnet_id": subnet["id"], "ip_address": address})
                break
        else:
            text = f"No more IP addresses available on network {port['network_id']}."
            raise Refusal(409, text, "IpAddressGenerationFailure")
    return chosen


def _as_asked(call: Call, network_id: str, ask: Obj, kept: list[Obj], chosen: list[dict[str, str]]) -> dict[str, str]:
    subnet = _subnet_asked_for(call, network_id, ask)
    address = ask.get("ip_address")
    mine = [k for k in kept if k["subnet_id"] == subnet["id"] and address in (None, k["ip_address"])]
    if mine:
        kept.remove(mine[0])
        return {"subnet_id": subnet["id"], "ip_address": mine[0]["ip_address"]}
    if address:
        address = str(ipaddress.ip_address(address))
        if taken(call, subnet["id"], address):
            text = f"IP address {address} already allocated in subnet {subnet['id']}"
            raise Refusal(409, text, "IpAddressAlreadyAllocated")
        return {"subnet_id": subnet["id"], "ip_address": address}
    others = {c["ip_address"] for c in chosen}
    for _ in range(len(others) + 1):
        free = free_address(call, subnet)
        if free and free not in others:
            return {"subnet_id": subnet["id"], "ip_address": free}
    for first, last in (
        (int(ipaddress.ip_address(p["start"])), int(ipaddress.ip_address(p["end"]))) for p in subnet["allocation_pools"]
    ):
        for number in range(first, min(last, first + 65536) + 1):
            free = text_of(number, subnet["ip_version"])
            if free not in others and not taken(call, subnet["id"], free):
                return {"subnet_id": subnet["id"], "ip_address": free}
    raise Refusal(409, f"No more IP addresses available on network {network_id}.", "IpAddressGenerationFailure")


def _subnet_asked_for(call: Call, network_id: str, ask: Obj) -> Obj:
    address = ask.get("ip_address")
    if ask.get("subnet_id"):
        subnet = call.state.get("network.subnets", ask["subnet_id"])
        if subnet is None:
            raise Refusal(404, f"Subnet {ask['subnet_id']} could not be found.", "SubnetNotFound")
        if subnet["network_id"] != network_id:
            text = f"Failed to create port on network {network_id}, because fixed_ips included invalid subnet {subnet['id']}."
            raise Refusal(400, f"Invalid input for operation: {text}", "InvalidInput")
        if address and not fits(subnet, address):
            raise Refusal(
                400, f"IP address {address} is not a valid IP for the specified subnet.", "InvalidIpForSubnet"
            )
        return subnet
    if not address:
        raise Refusal(
            400, "Invalid input for operation: IP allocation requires subnet_id or ip_address.", "InvalidInput"
        )
    for subnet in call.state.find("network.subnets", network_id=network_id):
        if fits(subnet, address):
            return subnet
    raise Refusal(
        400,
        f"IP address {address} is not a valid IP for any of the subnets on the specified network.",
        "InvalidIpForNetwork",
    )


def _automatic(port: Obj, subnets: list[Obj], chosen: list[dict[str, str]]) -> list[dict[str, str]]:
    if port["device_owner"].startswith("network:router"):
        return []
    have = {c["subnet_id"] for c in chosen}
    return [
        {"subnet_id": s["id"], "ip_address": eui64(s["cidr"], port["mac_address"])}
        for s in subnets
        if is_auto(s) and s["id"] not in have
    ]


def record(call: Call, port_id: str, before: list[Obj], after: list[Obj]) -> None:
    """Note who has which address, after `choose`."""
    for ip in before:
        if ip not in after:
            call.state.remove(ALLOCATIONS, f"{ip['subnet_id']}/{ip['ip_address']}")
    for ip in after:
        if ip not in before:
            key = f"{ip['subnet_id']}/{ip['ip_address']}"
            call.state.put(ALLOCATIONS, {"id": key, "subnet_id": ip["subnet_id"], "port_id": port_id})
