"""Values to try each REST type with; `test_matrix` makes the same tests of each. A new type is one `Sample` more.

`needs` makes what the type refers to (in the rig, so it is taken away again) and names it; texts like ``"{net}"`` in the values are
filled in. `updates`: property → value to change to (it is changed there and back to the one in `full`); every property that may be
updated has to be in it or in `apart`, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.types.rig import Rig

Needs = Callable[[Rig], Mapping[str, str]]

NO_AGENTS = "needs agents, which the local cloud has not; administrators only"
NOT_SENT = "not a key of the service; tested with the type"


def nothing(rig: Rig) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class Sample:
    """One type. `shown`: how to read a property back from the live body (and what `needs` made) where it is not simply there.
    `admin`: administrators only.
    """

    type: str
    collection: str
    needs: Needs = nothing
    minimal: Mapping[str, Any] = field(default_factory=dict)
    full: Mapping[str, Any] = field(default_factory=dict)
    updates: Mapping[str, Any] = field(default_factory=dict)
    apart: Mapping[str, str] = field(default_factory=dict)
    shown: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, str]], Any]] = field(default_factory=dict)
    admin: bool = False


def network(rig: Rig) -> Mapping[str, str]:
    return {"net": str(rig.make("OS::Neutron::Net", {}, name="net").physical_id)}


def subnet(rig: Rig) -> Mapping[str, str]:
    known = dict(network(rig))
    values = {"network": known["net"], "cidr": "10.81.0.0/24", "value_specs": {}}
    known["subnet"] = str(rig.make("OS::Neutron::Subnet", values, name="subnet").physical_id)
    group = rig.make("OS::Neutron::SecurityGroup", {}, name="group")
    return {**known, "group": str(group.physical_id), "group_name": str(group.physical_name)}


def group(rig: Rig) -> Mapping[str, str]:
    return {"group": str(rig.make("OS::Neutron::SecurityGroup", {}, name="group").physical_id)}


def reachable_port(rig: Rig) -> Mapping[str, str]:
    known = dict(subnet(rig))
    router = rig.make("OS::Neutron::Router", {"external_gateway_info": {"network": "public"}}, name="router")
    rig.make(
        "OS::Neutron::RouterInterface", {"router": router.physical_id, "subnet": known["subnet"]}, name="interface"
    )
    values = {"network": known["net"], "fixed_ips": [{"subnet": known["subnet"], "ip_address": "10.81.0.9"}]}
    known["port"] = str(rig.make("OS::Neutron::Port", values, name="port").physical_id)
    return known


SAMPLES = (
    Sample(
        "OS::Neutron::Net", "/v2.0/networks",
        full={"name": "n1", "admin_state_up": True, "value_specs": {"description": "a"}, "port_security_enabled": True,
              "tags": ["a", "b"], "dns_domain": "one.example."},
        updates={"name": "n2", "admin_state_up": False, "value_specs": {"description": "b"}, "port_security_enabled": False,
                 "tags": ["c"], "dns_domain": "two.example."},
        apart={"dhcp_agent_ids": NO_AGENTS, "shared": "administrators only", "qos_policy": "tested with its type"},
        shown={"value_specs": lambda body, known: {"description": body["description"]}},
    ),
    Sample(
        "OS::Neutron::Subnet", "/v2.0/subnets", needs=network,
        minimal={"network": "{net}", "cidr": "10.80.0.0/24"},
        full={"network": "{net}", "cidr": "10.80.0.0/24", "name": "s1", "value_specs": {"description": "a"}, "tags": ["a"],
              "dns_nameservers": ["9.9.9.9"], "gateway_ip": "10.80.0.1", "enable_dhcp": True,
              "allocation_pools": [{"start": "10.80.0.10", "end": "10.80.0.20"}],
              "host_routes": [{"destination": "10.9.0.0/16", "nexthop": "10.80.0.3"}]},
        updates={"name": "s2", "value_specs": {"description": "b"}, "tags": [], "dns_nameservers": ["8.8.8.8", "9.9.9.9"],
                 "gateway_ip": "10.80.0.2", "enable_dhcp": False,
                 "allocation_pools": [{"start": "10.80.0.30", "end": "10.80.0.40"}], "host_routes": []},
        apart={"segment": "administrators only"},
        shown={"value_specs": lambda body, known: {"description": body["description"]}},
    ),
    Sample(
        "OS::Neutron::Port", "/v2.0/ports", needs=subnet,
        minimal={"network": "{net}"},
        full={"network": "{net}", "name": "p1", "admin_state_up": True, "device_id": "d1", "device_owner": "test:a",
              "fixed_ips": [{"subnet": "{subnet}", "ip_address": "10.81.0.20"}], "security_groups": ["{group_name}"],
              "allowed_address_pairs": [{"ip_address": "10.81.0.99", "mac_address": "fa:16:3e:00:00:01"}],
              "binding:vnic_type": "normal", "port_security_enabled": True, "dns_name": "one", "tags": ["a"],
              "value_specs": {"description": "a"}},
        updates={"name": "p2", "admin_state_up": False, "device_id": "d2", "device_owner": "test:b",
                 "fixed_ips": [{"subnet": "{subnet}", "ip_address": "10.81.0.21"}], "security_groups": [],
                 "allowed_address_pairs": [], "binding:vnic_type": "direct", "dns_name": "two", "tags": ["b"],
                 "value_specs": {"description": "b"}},
        apart={"no_fixed_ips": NOT_SENT, "replacement_policy": NOT_SENT, "qos_policy": "tested with its type",
               "propagate_uplink_status": "an extension that clouds seldom have",
               "port_security_enabled": "goes only together with groups and pairs"},
        shown={"fixed_ips": lambda body, known: [{"subnet": ip["subnet_id"], "ip_address": ip["ip_address"]} for ip in body["fixed_ips"]],
               "security_groups": lambda body, known: [known["group_name"] for found in body["security_groups"] if found == known["group"]],
               "value_specs": lambda body, known: {"description": body["description"]}},
    ),
    Sample(
        "OS::Neutron::Router", "/v2.0/routers",
        full={"name": "r1", "admin_state_up": True, "external_gateway_info": {"network": "public"}, "tags": ["a"],
              "value_specs": {"description": "a"}},
        updates={"name": "r2", "admin_state_up": False, "external_gateway_info": None, "tags": ["b"],
                 "value_specs": {"description": "b"}},
        apart={"l3_agent_ids": NO_AGENTS, "availability_zone_hints": "the local cloud has one zone"},
        shown={"external_gateway_info": lambda body, known: {"network": "public"} if body["external_gateway_info"] else None,
               "value_specs": lambda body, known: {"description": body["description"]}},
    ),
    Sample(
        "OS::Neutron::FloatingIP", "/v2.0/floatingips", needs=reachable_port,
        minimal={"floating_network": "public"},
        full={"floating_network": "public", "port_id": "{port}", "fixed_ip_address": "10.81.0.9", "value_specs": {"description": "a"}},
        apart={"dns_name": "the service cannot change it", "dns_domain": "the service cannot change it",
               "fixed_ip_address": "the port has one", "port_id": "tested with the type"},
        shown={"floating_network": lambda body, known: "public", "value_specs": lambda body, known: {"description": body["description"]}},
    ),
    Sample(
        "OS::Neutron::SecurityGroup", "/v2.0/security-groups",
        full={"name": "g1", "description": "a", "stateful": True},
        updates={"name": "g2", "description": "b", "stateful": False},
        apart={"rules": "tested with the type"},
    ),
    Sample(
        "OS::Neutron::SecurityGroupRule", "/v2.0/security-group-rules", needs=group,
        minimal={"security_group": "{group}"},
        full={"security_group": "{group}", "description": "a", "direction": "egress", "ethertype": "IPv6", "protocol": "udp",
              "port_range_min": 53, "port_range_max": 54, "remote_ip_prefix": "fd00::/64"},
        shown={"security_group": lambda body, known: body["security_group_id"]},
    ),
)  # fmt: skip
