"""Security groups and their rules: every project's default group, what a rule may say, which rules are the same.

Hooks of `collections`; `default_group` is called for each port that names no group. The trap: a rule is a duplicate when
everything but its description is the same, and protocols are the same by number and by name ("6" is "tcp").
"""

from typing import Any

from kamado.localcloud import crud
from kamado.localcloud.collection import new_uuid
from kamado.localcloud.network import addresses
from kamado.localcloud.network.ownership import bump, claim, next_revision, shown
from kamado.localcloud.network.values import is_ip
from kamado.localcloud.service import Call, Refusal
from kamado.localcloud.state import Obj

GROUPS = "network.security_groups"
RULES = "network.security_group_rules"

PROTOCOLS = {
    "ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "hopopt": 0, "icmp": 1, "igmp": 2, "ip": 0, "ipip": 4,
    "ipv6-encap": 41, "ipv6-frag": 44, "ipv6-icmp": 58, "icmpv6": 58, "ipv6-nonxt": 59, "ipv6-opts": 60,
    "ipv6-route": 43, "ospf": 89, "pgm": 113, "rsvp": 46, "sctp": 132, "tcp": 6, "udp": 17, "udplite": 136, "vrrp": 112,
}  # fmt: skip
WITH_PORTS = (33, 132, 6, 17, 136)
ICMP = (1, 58)
SAME = (
    "direction", "ethertype", "port_range_min", "port_range_max", "remote_ip_prefix", "remote_group_id",
    "remote_address_group_id",
)  # fmt: skip


def number_of(protocol: Any) -> int | None:
    """A protocol's number, from its name or number; None for any protocol."""
    if protocol in (None, "any"):
        return None
    text = str(protocol).lower()
    if text in PROTOCOLS:
        return PROTOCOLS[text]
    if text.isdigit() and int(text) <= 255:
        return int(text)
    names = ", ".join(repr(n) for n in PROTOCOLS)
    raise Refusal(
        400,
        f"Security group rule protocol {protocol} not supported. Only protocol values (None, 'any', {names}) and integer "
        "representations [0 to 255] are supported.",
        "SecurityGroupRuleInvalidProtocol",
    )


def default_group(call: Call, project_id: str) -> Obj:
    """The project's group `default`, made when it is first asked for."""
    found = next((g for g in call.state.find(GROUPS, project_id=project_id) if g["name"] == "default"), None)
    if found:
        return found
    values = {
        "name": "default", "stateful": True, "project_id": project_id, "description": "Default security group",
        "shared": False, "tags": [], "revision_number": 1, "id": new_uuid(),
    }  # fmt: skip
    obj = crud.insert(call, call.cloud.collection(GROUPS), values)
    for ethertype in ("IPv4", "IPv6"):
        _add_rule(
            call, obj, direction="ingress", ethertype=ethertype, remote_group_id=obj["id"], belongs_to_default_sg=True
        )
    return obj


def _add_rule(call: Call, group: Obj, **fields: Any) -> None:
    collection = call.cloud.collection(RULES)
    values = crud.fill_defaults(
        collection, {"project_id": group["project_id"], "security_group_id": group["id"], **fields}
    )
    values.pop("tenant_id", None)
    crud.insert(call, collection, values)


def prepare_list(call: Call) -> None:
    """Listing groups makes the default one, as any use of them does."""
    if call.who.project_id:
        default_group(call, call.who.project_id)


def check_exist(call: Call, group_ids: list[str]) -> None:
    """Refuse groups that are not there or another project's."""
    for group_id in group_ids:
        group = call.state.get(GROUPS, group_id)
        if group is None or not (call.who.is_admin or group["project_id"] == call.who.project_id):
            raise _no_group(group_id)


def _no_group(group_id: str) -> Refusal:
    return Refusal(404, f"Security group {group_id} does not exist", "SecurityGroupNotFound")


def show_group(call: Call, obj: Obj) -> Obj:
    """A group with its rules."""
    view = shown(call, "security_groups", obj)
    view["security_group_rules"] = [show_rule(call, r) for r in call.state.find(RULES, security_group_id=obj["id"])]
    return view


def show_rule(call: Call, obj: Obj) -> Obj:
    """A rule."""
    return shown(call, "security_group_rules", obj)


def before_group(call: Call, values: Obj) -> None:
    """`default` is the name of the one that is always there."""
    claim(call, "security_groups", values, {"shared": False})
    default_group(call, values["project_id"])
    if values["name"] == "default":
        raise Refusal(409, "Default security group already exists.", "SecurityGroupDefaultAlreadyExists")


def after_group(call: Call, obj: Obj) -> None:
    """A new group lets everything out. (`default_group` gives its own rules too.)"""
    for ethertype in ("IPv4", "IPv6"):
        _add_rule(call, obj, direction="egress", ethertype=ethertype, belongs_to_default_sg=obj["name"] == "default")


def before_group_update(call: Call, obj: Obj, changes: Obj) -> None:
    """The default group keeps its name, and nobody else gets it."""
    if "name" in changes and changes["name"] != obj["name"]:
        if obj["name"] == "default":
            raise Refusal(409, "Updating default security group not allowed.", "SecurityGroupCannotUpdateDefault")
        if changes["name"] == "default":
            raise Refusal(409, "Default security group already exists.", "SecurityGroupDefaultAlreadyExists")
    if "stateful" in changes and changes["stateful"] != obj["stateful"] and _used(call, obj["id"]):
        raise _in_use(obj["id"])
    next_revision(obj, changes)


def _used(call: Call, group_id: str) -> bool:
    return any(group_id in p["security_groups"] for p in call.state.all("network.ports"))


def _in_use(group_id: str) -> Refusal:
    return Refusal(409, f"Security Group {group_id} in use.", "SecurityGroupInUse")


def before_group_delete(call: Call, obj: Obj) -> None:
    """Ports keep a group; the default group stays unless an administrator wants it gone; rules go along."""
    if _used(call, obj["id"]):
        raise _in_use(obj["id"])
    if obj["name"] == "default" and not call.who.is_admin:
        raise Refusal(
            409, "Insufficient rights for removing default security group.", "SecurityGroupCannotRemoveDefault"
        )
    for rule in call.state.find(RULES, security_group_id=obj["id"]):
        call.state.remove(RULES, rule["id"])
    for rule in call.state.find(RULES, remote_group_id=obj["id"]):
        call.state.remove(RULES, rule["id"])


def before_rule(call: Call, values: Obj) -> None:
    """Check a rule in itself, then against its group's others."""
    claim(call, "security_group_rules", values, {})
    group = call.state.get(GROUPS, values["security_group_id"])
    if group is None or not (call.who.is_admin or group["project_id"] == call.who.project_id):
        raise _no_group(values["security_group_id"])
    values["ethertype"] = _ethertype(values["ethertype"])
    number = number_of(values["protocol"])
    _check_ports(values, number)
    _check_remote(call, values)
    values["protocol"] = _canonical(values["protocol"], values["ethertype"])
    values["belongs_to_default_sg"] = group["name"] == "default"
    for rule in call.state.find(RULES, security_group_id=group["id"]):
        if all(rule[name] == values[name] for name in SAME) and number_of(rule["protocol"]) == number_of(
            values["protocol"]
        ):
            text = f"Security group rule already exists. Rule id is {rule['id']}."
            raise Refusal(409, text, "SecurityGroupRuleExists")


def _ethertype(value: Any) -> str:
    for known in ("IPv4", "IPv6"):
        if str(value).lower() == known.lower():
            return known
    raise Refusal(
        400,
        f"Security group rule for ethertype '{value}' not supported. Allowed values are ['IPv4', 'IPv6'].",
        "SecurityGroupRuleInvalidEtherType",
    )


def _canonical(protocol: Any, ethertype: str) -> str | None:
    if protocol in (None, "any"):
        return None
    text = str(protocol).lower()
    if ethertype == "IPv6" and text in ("icmp", "icmpv6", "1"):
        return "ipv6-icmp"
    return text


def _check_ports(values: Obj, number: int | None) -> None:
    low, high = values["port_range_min"], values["port_range_max"]
    if low is None and high is None:
        return
    if number is None:
        text = "Must also specify protocol if port range is given."
        raise Refusal(400, text, "SecurityGroupProtocolRequiredWithPorts")
    if number in ICMP:
        _check_icmp(low, high)
        return
    if number not in WITH_PORTS:
        raise Refusal(
            400,
            f"Ports cannot be specified for protocol {number}. Ports are only supported for DCCP, SCTP, TCP, UDP, UDPLITE.",
            "SecurityGroupInvalidProtocolForPort",
        )
    for port in (low, high):
        if port is not None and not 1 <= port <= 65535:
            raise Refusal(400, f"Invalid value for port {port}", "SecurityGroupInvalidPortValue")
    if low is None or high is None or low > high:
        text = "For TCP/UDP protocols, port_range_min must be <= port_range_max"
        raise Refusal(400, text, "SecurityGroupInvalidPortRange")


def _check_icmp(low: int | None, high: int | None) -> None:
    for word, name, value in (("type", "port_range_min", low), ("code", "port_range_max", high)):
        if value is not None and not 0 <= value <= 255:
            text = f"Invalid value for ICMP {word} ({name}) {value}. It must be 0 to 255."
            raise Refusal(400, text, "SecurityGroupInvalidIcmpValue")
    if low is None:
        text = f"ICMP code (port-range-max) {high} is provided but ICMP type (port-range-min) is missing."
        raise Refusal(400, text, "SecurityGroupMissingIcmpType")


def _check_remote(call: Call, values: Obj) -> None:
    remotes = ("remote_ip_prefix", "remote_group_id", "remote_address_group_id")
    if sum(1 for name in remotes if values[name]) > 1:
        text = "Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided."
        raise Refusal(400, text, "SecurityGroupMultipleRemoteEntites")
    prefix = values["remote_ip_prefix"]
    if prefix:
        try:
            cidr = addresses.network_of(prefix)
        except ValueError:
            raise Refusal(400, f"Invalid CIDR {prefix} given as IP prefix.", "InvalidCIDR") from None
        if f"IPv{cidr.version}" != values["ethertype"]:
            text = f"Conflicting value ethertype {values['ethertype']} for CIDR {prefix}"
            raise Refusal(400, text, "SecurityGroupRuleParameterConflict")
        values["remote_ip_prefix"] = f"{prefix}/{cidr.prefixlen}" if is_ip(prefix) else prefix
        values["normalized_cidr"] = str(cidr)
    if values["remote_group_id"]:
        check_exist(call, [values["remote_group_id"]])


def after_rule(call: Call, obj: Obj) -> None:
    """A group's revision counts its rules."""
    bump(call, GROUPS, obj["security_group_id"])


def after_rule_delete(call: Call, obj: Obj) -> None:
    """The same when one goes."""
    if call.state.get(GROUPS, obj["security_group_id"]):
        bump(call, GROUPS, obj["security_group_id"])
