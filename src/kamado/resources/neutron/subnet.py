"""OS::Neutron::Subnet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kamado.plugin import checks
from kamado.plugin.declare import BOOLEAN, INTEGER, LIST, STRING, Attr, Prop, Properties, Rest, resource_type
from kamado.plugin.rest import RestResource
from kamado.plugin.rules import Excludes, Finding, OneOf
from kamado.plugin.side_calls import Tags
from kamado.resources.neutron.family import NAME, TAGS, VALUE_SPECS, ports_with
from kamado.template.unknown import is_unknown

_MODES = ("dhcpv6-stateful", "dhcpv6-stateless", "slaac")


@resource_type("OS::Neutron::Subnet")
class Subnet(RestResource):
    """A range of addresses on a network."""

    rest = Rest("network", path="/v2.0/subnets", envelope="subnet", polled_by_list=True, lists_by="id")
    blocked_by = (ports_with(fixed_ips="subnet_id={id}"),)
    properties = Properties(
        Prop("network_id", STRING, "Old name of network.", since="5.0.0", status="HIDDEN", instead="network",
             refers="neutron.network"),
        Prop("network", STRING, "Network it belongs to, name or ID.", required=True, since="2014.2",
             refers="neutron.network", body="network_id"),
        Prop("subnetpool", STRING, "Pool that the range is taken from, name or ID.", since="6.0.0",
             refers="neutron.subnetpool", body="subnetpool_id"),
        Prop("prefixlen", INTEGER, "Prefix length of a range from a pool.", low=0, since="6.0.0"),
        Prop("cidr", STRING, "The range.", check="net_cidr"),
        VALUE_SPECS,
        NAME,
        Prop("ip_version", INTEGER, "Version of IP.", default=4, allowed=(4, 6)),
        Prop("dns_nameservers", LIST, "Name servers told by DHCP.", default=[], update=True, unset=[]),
        Prop("gateway_ip", STRING, "Address of the gateway; null or empty for none; unset for the first of the range.",
             update=True, wire=lambda value: value or None),
        Prop("enable_dhcp", BOOLEAN, "Whether DHCP serves it.", default=True, update=True),
        Prop("allocation_pools", LIST, "Parts of the range that addresses are taken from.", update=True, unset=[], fields=(
            Prop("start", STRING, "First address.", required=True, check="ip_addr"),
            Prop("end", STRING, "Last address.", required=True, check="ip_addr"),
        )),
        Prop("tenant_id", STRING, "Owning project; administrators only."),
        Prop("host_routes", LIST, "Routes told by DHCP.", update=True, unset=[], fields=(
            Prop("destination", STRING, "Range that is routed.", required=True, check="net_cidr"),
            Prop("nexthop", STRING, "Address it is routed to.", required=True, check="ip_addr"),
        )),
        Prop("ipv6_ra_mode", STRING, "How router advertisements are sent.", allowed=_MODES, since="2015.1"),
        Prop("ipv6_address_mode", STRING, "How addresses are given.", allowed=_MODES, since="2015.1"),
        Prop("segment", STRING, "Segment it lies on, name or ID.", update=True, since="11.0.0",
             refers="neutron.segment", body="segment_id"),
        TAGS,
    )  # fmt: skip
    attributes = (
        Attr("name", STRING, "Name."),
        Attr("network_id", STRING, "ID of its network."),
        Attr("tenant_id", STRING, "Owning project."),
        Attr("allocation_pools", LIST, "Parts of the range that addresses are taken from."),
        Attr("gateway_ip", STRING, "Address of the gateway."),
        Attr("host_routes", LIST, "Routes told by DHCP."),
        Attr("ip_version", STRING, "Version of IP."),
        Attr("cidr", STRING, "The range."),
        Attr("dns_nameservers", LIST, "Name servers told by DHCP."),
        Attr("enable_dhcp", STRING, "Whether DHCP serves it."),
    )
    side_calls = (Tags("tags"),)
    rules = (OneOf("subnetpool", "cidr"), Excludes("prefixlen", "cidr"))

    @classmethod
    def validate(cls, properties: Mapping[str, Any]) -> list[Finding]:
        """Modes of IPv6 fit each other and the version; the gateway is an address."""
        return [*super().validate(properties), *_modes(properties), *_gateway(properties)]


def _modes(properties: Mapping[str, Any]) -> list[Finding]:
    advertised, given = properties.get("ipv6_ra_mode"), properties.get("ipv6_address_mode")
    version = properties.get("ip_version", 4)
    if any(map(is_unknown, (advertised, given, version))):
        return []
    if (advertised or given) and version == 4:
        return [Finding("ipv6_ra_mode and ipv6_address_mode are not supported for ipv4.")]
    if advertised and given and advertised != given:
        return [Finding("When both ipv6_ra_mode and ipv6_address_mode are set, they must be equal.")]
    return []


def _gateway(properties: Mapping[str, Any]) -> list[Finding]:
    gateway = properties.get("gateway_ip")
    if is_unknown(gateway) or not gateway or checks.ip_address(gateway) is None:
        return []
    return [Finding(f'Gateway IP address "{gateway}" is in invalid format.')]
