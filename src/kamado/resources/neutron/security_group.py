"""OS::Neutron::SecurityGroup and OS::Neutron::SecurityGroupRule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kamado.plugin.declare import (
    BOOLEAN,
    INTEGER,
    LEFT_OUT,
    LIST,
    NOT_SENT,
    STRING,
    Prop,
    Properties,
    Rest,
    adapted,
    resource_type,
)
from kamado.plugin.rest import RestResource
from kamado.plugin.rules import Excludes, Finding
from kamado.plugin.side_calls import By
from kamado.resources.neutron.family import DIRECTIONS, ETHERTYPES, NAME, PROTOCOLS, ports_with
from kamado.template.unknown import is_unknown

_RULES = "/v2.0/security-group-rules"
_OWN = "rules"
"""Data key with the ids of the rules that the group has made: others may add rules of their own, which stay."""

_IDENTITY = (
    "direction",
    "ethertype",
    "protocol",
    "port_range_min",
    "port_range_max",
    "remote_ip_prefix",
    "remote_group_id",
)
"""What makes two rules of a group the same one, to the service and to us."""

_ALL_EGRESS = tuple({"direction": "egress", "ethertype": ethertype} for ethertype in ETHERTYPES)
"""What the service itself puts into a new group."""

_DIRECTION = Prop("direction", STRING, "Direction of the traffic.", default="ingress", allowed=DIRECTIONS)
_ETHERTYPE = Prop("ethertype", STRING, "Version of IP.", default="IPv4", allowed=ETHERTYPES)
_PORT_MIN = Prop("port_range_min", INTEGER, "First port, or type of ICMP.", low=0, high=65535)
_PORT_MAX = Prop("port_range_max", INTEGER, "Last port, or code of ICMP.", low=0, high=65535)
_PROTOCOL = Prop("protocol", STRING, "Protocol, by name or number.", allowed=PROTOCOLS)
_PREFIX = Prop("remote_ip_prefix", STRING, "Range of the other end.", check="net_cidr")


def _wanted(group: SecurityGroup) -> Iterator[dict[str, Any]]:
    """The rules as they are sent; all outgoing traffic is allowed as long as no rule speaks of it."""
    rules = group.properties.get("rules") or []
    for rule in rules:
        by_group = rule.get("remote_mode") == "remote_group_id"
        sent = {key: rule[key] for key in (*_IDENTITY, "description") if rule.get(key) is not None}
        sent.pop("remote_ip_prefix" if by_group else "remote_group_id", None)
        if by_group:
            remote = sent.get("remote_group_id")
            sent["remote_group_id"] = group.find("neutron.security_group", remote) if remote else group.physical_id
        yield sent
    if not any(rule.get("direction") == "egress" for rule in rules):
        yield from (dict(rule) for rule in _ALL_EGRESS)


def identity(rule: Mapping[str, Any]) -> tuple[str, ...]:
    """What tells a rule from others; numbers and their texts are the same, as is no value under any spelling."""
    return tuple("" if rule.get(key) is None else str(rule[key]).lower() for key in _IDENTITY)


def reconcile_rules(group: SecurityGroup) -> None:
    """Makes the group's own rules those of the template; rules that others have added stay."""
    wanted = {identity(rule): rule for rule in _wanted(group)}
    present = {identity(rule): rule for rule in group.show()["security_group_rules"]}
    own = set(group.data.get(_OWN, ()))
    standard = {identity(rule) for rule in _ALL_EGRESS}
    for key, rule in present.items():
        if key not in wanted and (rule["id"] in own or key in standard):
            group.call("DELETE", f"{_RULES}/{rule['id']}", ok=(404,))
    ids = [rule["id"] for key, rule in present.items() if key in wanted]
    for key, rule in wanted.items():
        if key not in present:
            body = {"security_group_rule": {**rule, "security_group_id": group.physical_id}}
            answer = group.call("POST", _RULES, json=body, ok=(409,))
            if answer is not None:
                ids.append(answer["security_group_rule"]["id"])
    group.set_data(_OWN, sorted(ids))


@resource_type("OS::Neutron::SecurityGroup", since="2014.1")
class SecurityGroup(RestResource):
    """A set of rules on which traffic may pass."""

    rest = Rest(
        "network",
        path="/v2.0/security-groups",
        envelope="security_group",
        extension=("security-group",),
        polled_by_list=True,
        lists_by="id",
    )
    blocked_by = (ports_with(security_groups="{id}"),)
    properties = Properties(
        NAME,
        Prop("description", STRING, "What it is for.", update=True, unset=""),
        Prop("stateful", BOOLEAN, "Whether answers pass by themselves.", update=True, since="27.0.0", unset=LEFT_OUT),
        Prop("rules", LIST, "What may pass.", default=[], update=True, body=NOT_SENT, fields=(
            _DIRECTION,
            _ETHERTYPE,
            _PORT_MIN,
            _PORT_MAX,
            _PROTOCOL,
            Prop("remote_mode", STRING, "Whether the other end is a range or a group.", default="remote_ip_prefix",
                 allowed=("remote_ip_prefix", "remote_group_id")),
            Prop("remote_group_id", STRING, "Group of the other end; this one by default.", refers="neutron.security_group"),
            _PREFIX,
            Prop("description", STRING, "What the rule is for.", since="27.0.0"),
        )),
    )  # fmt: skip
    side_calls = (By(("rules",), reconcile_rules),)

    @classmethod
    def validate(cls, properties: Mapping[str, Any]) -> list[Finding]:
        """The name of the group that each project has anyway is taken."""
        name = properties.get("name")
        if not is_unknown(name) and name == "default":
            return [Finding('Security groups cannot be assigned the name "default".')]
        return super().validate(properties)


@resource_type("OS::Neutron::SecurityGroupRule", since="7.0.0")
class SecurityGroupRule(RestResource):
    """One rule of a group that may come from elsewhere."""

    rest = Rest("network", path=_RULES, envelope="security_group_rule", find_by=("security_group_id", *_IDENTITY),
                extension=("security-group",))  # fmt: skip
    properties = Properties(
        Prop("security_group", STRING, "Group that gets it, name or ID.", required=True, refers="neutron.security_group",
             body="security_group_id"),
        Prop("description", STRING, "What it is for."),
        _DIRECTION,
        _ETHERTYPE,
        _PORT_MIN,
        _PORT_MAX,
        adapted(_PROTOCOL, default="tcp"),
        Prop("remote_group", STRING, "Group of the other end, name or ID.", refers="neutron.security_group",
             body="remote_group_id"),
        _PREFIX,
    )  # fmt: skip
    rules = (Excludes("remote_group", "remote_ip_prefix"),)

    @classmethod
    def validate(cls, properties: Mapping[str, Any]) -> list[Finding]:
        """The range of ports is one."""
        first, last = properties.get("port_range_min"), properties.get("port_range_max")
        found = super().validate(properties)
        icmp = str(properties.get("protocol")) in ("icmp", "icmpv6", "ipv6-icmp", "1", "58")
        if isinstance(first, int) and isinstance(last, int) and first > last and not icmp:
            found.append(Finding("The minimum port number must be less than or equal to the maximum port number."))
        return found
