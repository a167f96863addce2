"""What a value may be, in Neutron's words: the field types of the network collections.

Used by `collections`. The trap: Neutron checks in two steps with two wordings. What cannot be *converted* (booleans,
whole numbers) is refused as `InvalidInput`, what does not *validate* as `HTTPBadRequest` naming the field; hence some of
these raise `Refusal` themselves.
"""

import ipaddress
import re
import uuid
from typing import Any

from kamado.localcloud.collection import FieldType
from kamado.localcloud.service import Refusal

TRUE = (True, 1, "1", "true", "True", "TRUE")
FALSE = (False, 0, "0", "false", "False", "FALSE")
MAC = re.compile(r"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$")
FQDN = re.compile(r"^([a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z]{2,63}\.?$")
DNS_LABEL = re.compile(r"^[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$")


def invalid_input(reason: str) -> Refusal:
    """Neutron's 400 for what does not fit the operation."""
    return Refusal(400, f"Invalid input for operation: {reason}", "InvalidInput")


def switch(value: Any) -> bool:
    """A boolean, or what Neutron takes for one."""
    if isinstance(value, bool | int | str):
        if value in TRUE:
            return True
        if value in FALSE:
            return False
    raise invalid_input(f"'{value}' cannot be converted to boolean.")


def whole(value: Any) -> int:
    """A whole number, or a string of one."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise invalid_input(f"'{value}' is not an integer.")
    try:
        return int(value)
    except ValueError:
        raise invalid_input(f"'{value}' is not an integer.") from None


def whole_or_none(value: Any) -> int | None:
    """A whole number or null."""
    return None if value is None else whole(value)


def words(longest: int = 255) -> FieldType:
    """A string of at most `longest` characters."""

    def check(value: Any) -> Any:
        if not isinstance(value, str):
            raise ValueError(f"'{value}' is not a valid string.")
        if len(value) > longest:
            raise ValueError(f"'{value}' exceeds maximum length of {longest}.")
        return value

    return check


def words_or_none(longest: int = 255) -> FieldType:
    """The same, or null."""
    inner = words(longest)

    def check(value: Any) -> Any:
        return None if value is None else inner(value)

    return check


def uuid_text(value: Any) -> Any:
    """A UUID."""
    try:
        if not isinstance(value, str):
            raise ValueError
        uuid.UUID(value)
    except ValueError:
        raise ValueError(f"'{value}' is not a valid UUID.") from None
    return value


def uuid_or_none(value: Any) -> Any:
    """A UUID, null, or an empty string that counts as null."""
    return None if value in (None, "") else uuid_text(value)


def uuids(value: Any) -> Any:
    """A list of different UUIDs; null is taken as not given."""
    if value is None:
        return None
    if not isinstance(value, list):
        raise ValueError(f"'{value}' is not a list.")
    for item in value:
        uuid_text(item)
    repeated = [item for item in value if value.count(item) > 1]
    if repeated:
        raise ValueError(f"Duplicate items in the list: '{repeated[0]}'.")
    return value


def one_in(*allowed: Any) -> FieldType:
    """One of a few values."""

    def check(value: Any) -> Any:
        if value not in allowed:
            raise ValueError(f"{value} is not in valid_values.")
        return value

    return check


def ip_version(value: Any) -> int:
    """4 or 6, also as a string."""
    number = whole(value)
    if number not in (4, 6):
        raise ValueError(f"{number} is not in valid_values.")
    return number


def is_ip(value: Any) -> bool:
    """Whether a value is an IP address without a prefix length."""
    try:
        ipaddress.ip_address(value if isinstance(value, str) else "")
    except ValueError:
        return False
    return True


def ip_or_none(value: Any) -> Any:
    """An IP address or null."""
    if value is not None and not is_ip(value):
        raise ValueError(f"'{value}' is not a valid IP address.")
    return value


def is_cidr(value: Any) -> bool:
    """Whether a value is a network address with a prefix length."""
    try:
        ipaddress.ip_network(value if isinstance(value, str) else "", strict=False)
    except ValueError:
        return False
    return "/" in value


def mac_or_none(value: Any) -> Any:
    """A MAC address in lower case; null is taken as not given."""
    if value is None:
        return None
    lowered = str(value).lower()
    if not MAC.match(lowered):
        raise ValueError(f"'{value}' is not a valid MAC address.")
    return lowered


def domain(value: Any) -> Any:
    """Empty, or a fully qualified domain name that ends with a dot."""
    if not isinstance(value, str):
        raise ValueError(f"'{value}' is not a valid string.")
    if value and (not value.endswith(".") or not FQDN.match(value)):
        raise ValueError(f"'{value}' is not a FQDN.")
    return value


def host_name(value: Any) -> Any:
    """Empty, a label, or labels joined by dots."""
    if not isinstance(value, str):
        raise ValueError(f"'{value}' is not a valid string.")
    if value and not all(DNS_LABEL.match(part) for part in value.rstrip(".").split(".")):
        raise ValueError(f"'{value}' not a valid PQDN or FQDN. Reason: Encountered an invalid name.")
    return value.lower()


def listing(value: Any) -> list[Any]:
    """A list; null counts as empty."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f"'{value}' is not a list.")
    return value


def texts(value: Any) -> list[Any]:
    """A list of strings."""
    for item in listing(value):
        words()(item)
    return listing(value)


def fixed_ips(value: Any) -> Any:
    """What a port asks for: subnets, addresses or both. Null is taken as not given."""
    if value is None:
        return None
    if not isinstance(value, list):
        raise ValueError(f"Invalid data format for fixed IP: '{value}'.")
    for item in value:
        if not isinstance(item, dict) or set(item) - {"subnet_id", "ip_address", "subnet"}:
            raise ValueError(f"Invalid data format for fixed IP: '{item}'.")
        if item.get("ip_address") is not None and not is_ip(item["ip_address"]):
            raise ValueError(f"'{item['ip_address']}' is not a valid IP address.")
        if item.get("subnet_id") is not None:
            uuid_text(item["subnet_id"])
    given = [item["ip_address"] for item in value if item.get("ip_address")]
    repeated = [item for item in given if given.count(item) > 1]
    if repeated:
        raise ValueError(f"Duplicate IP address '{repeated[0]}'.")
    return value


def address_pairs(value: Any) -> list[Any]:
    """Other addresses that a port may send from."""
    seen: list[tuple[str | None, str]] = []
    for pair in listing(value):
        if not isinstance(pair, dict) or "ip_address" not in pair or set(pair) - {"ip_address", "mac_address"}:
            raise Refusal(
                400,
                "Invalid input for allowed_address_pairs. Reason: AllowedAddressPair must contain ip_address.",
                "HTTPBadRequest",
            )
        address = pair["ip_address"]
        if not is_ip(address) and not is_cidr(address):
            raise Refusal(400, f"'{address}' is not a valid IP address", "HTTPBadRequest")
        key = (mac_or_none(pair.get("mac_address")), address)
        if key in seen:
            text = f"Request contains duplicate address pair: mac_address {key[0]} ip_address {key[1]}."
            raise Refusal(400, text, "DuplicateAddressPairInRequest")
        seen.append(key)
    return listing(value)


def dhcp_options(value: Any) -> list[Any]:
    """Extra DHCP options of a port."""
    options = []
    for item in listing(value):
        if not isinstance(item, dict) or not item.get("opt_name"):
            raise ValueError(f"'{item}' is not a valid DHCP option.")
        if item.get("opt_value") is not None:
            options.append({**item, "ip_version": int(item.get("ip_version", 4))})
    return options


def nameservers(value: Any) -> list[Any]:
    """Different IP addresses of name servers."""
    servers = listing(value)
    for place, server in enumerate(servers):
        if not is_ip(server):
            raise ValueError(f"'{server}' is not a valid nameserver. '{server}' is not a valid IP address.")
        if server in servers[:place]:
            raise ValueError(f"Duplicate nameserver '{server}'.")
    return servers


def routes(value: Any) -> list[Any]:
    """Destinations with the address of the next hop."""
    entries = listing(value)
    for place, entry in enumerate(entries):
        _keys(entry, {"destination", "nexthop"})
        if not is_cidr(entry["destination"]):
            raise ValueError(f"'{entry['destination']}' is not a valid CIDR.")
        if not is_ip(entry["nexthop"]):
            raise ValueError(f"'{entry['nexthop']}' is not a valid IP address.")
        if entry in entries[:place]:
            raise ValueError(f"Duplicate hostroute '{entry}'.")
    return entries


def pools(value: Any) -> Any:
    """Ranges of addresses; null is taken as not given."""
    if value is None:
        return None
    for pool in listing(value):
        _keys(pool, {"start", "end"})
        for key in ("start", "end"):
            if not is_ip(pool[key]):
                raise ValueError(f"'{pool[key]}' is not a valid IP address.")
    return value


def gateway_info(value: Any) -> Any:
    """A router's way out; null or empty: none."""
    if not value:
        return None
    if not isinstance(value, dict) or "network_id" not in value:
        _keys(value, {"network_id"})
    uuid_text(value["network_id"])
    unknown = set(value) - {"network_id", "enable_snat", "external_fixed_ips", "qos_policy_id"}
    if unknown:
        raise ValueError(f"Validation of dictionary's keys failed. Unexpected keys: {unknown}.")
    if "enable_snat" in value:
        value = {**value, "enable_snat": switch(value["enable_snat"])}
    fixed_ips(value.get("external_fixed_ips"))
    return value


def _keys(value: Any, expected: set[str]) -> None:
    provided = set(value) if isinstance(value, dict) else set()
    if provided != expected:
        raise ValueError(
            "Validation of dictionary's keys failed. "
            f"Expected keys: {_set_text(expected)} Provided keys: {_set_text(provided)}."
        )


def _set_text(names: set[str]) -> str:
    return "{" + ", ".join(f"'{n}'" for n in sorted(names)) + "}" if names else "set()"


def protocol(value: Any) -> Any:
    """An IP protocol's name or number, kept as text."""
    return None if value is None else str(value)
