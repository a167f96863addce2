"""Neutron as a table of collections.

Served by `server` through `network.SERVICE`. The trap: the order of fields is the order in which clients see them; a field
whose value only administrators may set or see is guarded in the hooks (see `ownership`), not by `Field.admin`.
"""

from kamado.localcloud.collection import Blocker, Collection, Field, Parent, Policy, anything
from kamado.localcloud.network import floatingips, ports, qos, routers, securitygroups, subnets, values
from kamado.localcloud.network.ownership import by_tenant, shown, tag_filters

NAME = Field("name", values.words(), default="")
DESCRIPTION = Field("description", values.words(), default="")
UP = Field("admin_state_up", values.switch, default=True)
OWNER = Field("project_id", values.words(), default="", update=False)
TENANT = Field("tenant_id", values.words(), hidden=True, update=False)
TAGS = Field("tags", read_only=True, default=tuple)
REVISION = Field("revision_number", read_only=True, default=1)
REVISION_0 = Field("revision_number", read_only=True, default=0)
QOS = Field("qos_policy_id", values.uuid_or_none)
HINTS = Field("availability_zone_hints", values.texts, default=tuple, update=False)
ZONES = Field("availability_zones", read_only=True, default=tuple)
FILTERS = {"tenant_id": by_tenant, **tag_filters()}

NETWORKS = Collection(
    service="network", plural="networks", singular="network", path="/v2.0/networks", kind="Network",
    fields=(
        NAME, TENANT, OWNER, UP,
        Field("mtu", values.whole, default=0),
        Field("status", read_only=True, default="ACTIVE"),
        Field("subnets", read_only=True, default=tuple, filter=False),
        Field("shared", values.switch, default=False),
        HINTS, ZONES,
        Field("ipv4_address_scope", read_only=True),
        Field("ipv6_address_scope", read_only=True),
        Field("router:external", values.switch, default=False),
        DESCRIPTION,
        Field("port_security_enabled", values.switch, default=True),
        QOS,
        Field("dns_domain", values.domain, default=""),
        Field("l2_adjacency", read_only=True, default=True),
        Field("is_default", values.switch, default=False),
        TAGS, REVISION,
        Field("provider:network_type", anything),
        Field("provider:physical_network", anything),
        Field("provider:segmentation_id", values.whole_or_none),
        Field("segments", anything, hidden=True),
    ),
    visible=subnets.network_visible, bulk=True, view=subnets.show_network, filters=FILTERS,
    before_create=subnets.before_network, after_create=subnets.after_network,
    before_update=subnets.before_network_update, before_delete=subnets.before_network_delete,
)  # fmt: skip

MODES = values.one_in("dhcpv6-stateful", "dhcpv6-stateless", "slaac", None)

SUBNETS = Collection(
    service="network", plural="subnets", singular="subnet", path="/v2.0/subnets", kind="Subnet",
    fields=(
        NAME, TENANT, OWNER,
        Field("network_id", values.uuid_text, required=True, update=False, refers="network.networks"),
        Field("ip_version", values.ip_version, required=True, update=False),
        Field("subnetpool_id", values.uuid_or_none, update=False),
        Field("use_default_subnetpool", values.switch, default=False, update=False, hidden=True),
        Field("prefixlen", values.whole_or_none, update=False, hidden=True),
        Field("enable_dhcp", values.switch, default=True),
        Field("ipv6_ra_mode", MODES, update=False),
        Field("ipv6_address_mode", MODES, update=False),
        Field("gateway_ip", subnets.gateway, default=subnets.UNSET),
        Field("cidr", anything, update=False),
        Field("allocation_pools", values.pools, filter=False),
        Field("host_routes", values.routes, default=tuple, filter=False),
        Field("dns_nameservers", values.nameservers, default=tuple),
        DESCRIPTION,
        Field("service_types", values.texts, default=tuple),
        Field("segment_id", values.uuid_or_none, hidden=True),
        TAGS, REVISION_0,
    ),
    visible=subnets.subnet_visible, bulk=True, view=subnets.show_subnet, filters=FILTERS,
    before_create=subnets.before_subnet, after_create=subnets.after_subnet,
    before_update=subnets.before_subnet_update, before_delete=subnets.before_subnet_delete,
)  # fmt: skip

SUBNETPOOLS = Collection(
    service="network", plural="subnetpools", singular="subnetpool", path="/v2.0/subnetpools", noun="Subnet pool",
    kind="SubnetPool",
    fields=(
        Field("name", values.words(), required=True), TENANT, OWNER,
        Field("default_prefixlen", values.whole_or_none),
        Field("min_prefixlen", values.whole_or_none),
        Field("max_prefixlen", values.whole_or_none),
        Field("is_default", values.switch, default=False),
        Field("shared", values.switch, default=False, update=False),
        Field("prefixes", values.texts, required=True),
        Field("ip_version", read_only=True),
        Field("default_quota", values.whole_or_none),
        Field("address_scope_id", values.uuid_or_none, refers="network.address_scopes"),
        DESCRIPTION, TAGS, REVISION_0,
    ),
    visible=subnets.pool_visible, bulk=True, filters=FILTERS,
    view=lambda call, obj: shown(call, "subnetpools", obj),
    before_create=subnets.before_pool, before_update=subnets.before_pool_update, before_delete=subnets.before_pool_delete,
)  # fmt: skip

ADDRESS_SCOPES = Collection(
    service="network", plural="address_scopes", singular="address_scope", path="/v2.0/address-scopes",
    noun="Address scope", kind="AddressScope", created="", updated="",
    fields=(
        TENANT, OWNER,
        Field("name", values.words(), required=True),
        Field("shared", values.switch, default=False),
        Field("ip_version", values.ip_version, required=True, update=False),
        Field("revision_number", read_only=True, default=0, hidden=True),
    ),
    visible=subnets.pool_visible, blockers=(Blocker("network.subnetpools", "address_scope_id"),), filters=FILTERS,
    view=lambda call, obj: shown(call, "address_scopes", obj), before_create=qos.before_scope,
)  # fmt: skip

PORTS = Collection(
    service="network", plural="ports", singular="port", path="/v2.0/ports", kind="Port",
    fields=(
        NAME, TENANT,
        Field("network_id", values.uuid_text, required=True, update=False, refers="network.networks"),
        OWNER,
        Field("mac_address", values.mac_or_none),
        UP,
        Field("status", read_only=True, default="DOWN"),
        Field("device_id", values.words(), default=""),
        Field("device_owner", values.words(), default=""),
        Field("fixed_ips", values.fixed_ips),
        Field("allowed_address_pairs", values.address_pairs, default=tuple, filter=False),
        Field("extra_dhcp_opts", values.dhcp_options, default=tuple, filter=False),
        Field("security_groups", values.uuids),
        DESCRIPTION,
        Field("binding:vnic_type", values.one_in(
            "normal", "direct", "macvtap", "baremetal", "direct-physical", "virtio-forwarder", "smart-nic", "vdpa",
            "accelerator-direct", "accelerator-direct-physical", "remote-managed"), default="normal"),
        Field("binding:profile", anything, default=dict, filter=False),
        Field("binding:host_id", values.words(), default=""),
        Field("binding:vif_type", read_only=True, default="unbound"),
        Field("binding:vif_details", read_only=True, default=dict, filter=False),
        Field("port_security_enabled", values.switch),
        QOS,
        Field("qos_network_policy_id", read_only=True),
        Field("dns_name", values.host_name, default=""),
        Field("dns_assignment", read_only=True, default=tuple, filter=False),
        Field("dns_domain", values.domain, default=""),
        Field("data_plane_status", values.one_in("ACTIVE", "DOWN", None), create=False),
        Field("propagate_uplink_status", values.switch, default=True),
        Field("resource_request", read_only=True),
        Field("ip_allocation", read_only=True, default="immediate"),
        TAGS, REVISION,
    ),
    visible=ports.port_visible, bulk=True, view=ports.show_port,
    filters={**FILTERS, "fixed_ips": ports.filter_fixed_ips},
    before_create=ports.before_port, before_update=ports.before_port_update, before_delete=ports.before_port_delete,
    after_delete=ports.after_port_delete,
)  # fmt: skip

ROUTERS = Collection(
    service="network", plural="routers", singular="router", path="/v2.0/routers", kind="Router",
    fields=(
        NAME, TENANT, OWNER, UP,
        Field("status", read_only=True, default="ACTIVE"),
        Field("external_gateway_info", values.gateway_info, filter=False),
        DESCRIPTION, ZONES,
        Field("distributed", values.switch, default=False),
        Field("ha", values.switch, default=False),
        HINTS,
        Field("routes", values.routes, default=tuple, create=False, filter=False),
        Field("flavor_id", anything, update=False),
        Field("conntrack_helpers", read_only=True, default=tuple, filter=False),
        TAGS, REVISION,
    ),
    bulk=True, view=routers.show_router, filters=FILTERS,
    before_create=routers.before_router, after_create=routers.after_router,
    before_update=routers.before_router_update, before_delete=routers.before_router_delete,
)  # fmt: skip

FLOATINGIPS = Collection(
    service="network", plural="floatingips", singular="floatingip", path="/v2.0/floatingips", noun="Floating IP",
    kind="FloatingIP",
    fields=(
        TENANT, OWNER,
        Field("floating_ip_address", values.ip_or_none, update=False),
        Field("floating_network_id", values.uuid_text, required=True, update=False, refers="network.networks"),
        Field("subnet_id", values.uuid_or_none, update=False, hidden=True),
        Field("router_id", read_only=True),
        Field("port_id", values.uuid_or_none),
        Field("fixed_ip_address", values.ip_or_none),
        Field("status", read_only=True, default="DOWN"),
        DESCRIPTION, QOS,
        Field("dns_domain", values.domain, default="", update=False),
        Field("dns_name", values.host_name, default="", update=False),
        Field("port_forwardings", read_only=True, default=tuple, filter=False),
        TAGS, REVISION_0,
    ),
    bulk=True, view=floatingips.show_floating, filters=FILTERS,
    before_create=floatingips.before_floating, before_update=floatingips.before_floating_update,
    after_delete=floatingips.after_floating_delete,
)  # fmt: skip

SECURITY_GROUPS = Collection(
    service="network", plural="security_groups", singular="security_group", path="/v2.0/security-groups",
    noun="Security group", kind="SecurityGroup",
    fields=(
        NAME,
        Field("stateful", values.switch, default=True),
        TENANT, OWNER, DESCRIPTION,
        Field("shared", read_only=True, default=False),
        TAGS, REVISION,
    ),
    bulk=True, view=securitygroups.show_group, filters=FILTERS,
    before_create=securitygroups.before_group, after_create=securitygroups.after_group,
    before_update=securitygroups.before_group_update, before_delete=securitygroups.before_group_delete,
)  # fmt: skip

SECURITY_GROUP_RULES = Collection(
    service="network", plural="security_group_rules", singular="security_group_rule", path="/v2.0/security-group-rules",
    noun="Security group rule", kind="SecurityGroupRule",
    fields=(
        TENANT, OWNER,
        Field("security_group_id", values.words(), required=True, update=False),
        Field("ethertype", anything, default="IPv4", update=False),
        Field("direction", values.one_in("ingress", "egress"), required=True, update=False),
        Field("protocol", values.protocol, update=False),
        Field("port_range_min", values.whole_or_none, update=False),
        Field("port_range_max", values.whole_or_none, update=False),
        Field("remote_ip_prefix", values.words_or_none(), update=False),
        Field("remote_address_group_id", values.uuid_or_none, update=False),
        Field("normalized_cidr", read_only=True),
        Field("remote_group_id", values.words_or_none(), update=False),
        Field("belongs_to_default_sg", read_only=True, default=False),
        DESCRIPTION, REVISION_0,
    ),
    policy=Policy(update=""), bulk=True, view=securitygroups.show_rule, filters={"tenant_id": by_tenant},
    before_create=securitygroups.before_rule, after_create=securitygroups.after_rule,
    after_delete=securitygroups.after_rule_delete,
)  # fmt: skip

SEGMENTS = Collection(
    service="network", plural="segments", singular="segment", path="/v2.0/segments", kind="Segment", owner="",
    fields=(
        Field("network_id", values.uuid_text, required=True, update=False, refers="network.networks"),
        Field("name", values.words_or_none()),
        Field("description", values.words_or_none()),
        Field("physical_network", values.words_or_none(), update=False),
        Field("network_type", values.words(), required=True, update=False),
        Field("segmentation_id", values.whole_or_none, update=False),
        REVISION_0,
    ),
    policy=Policy("admin", "reader", "admin", "admin", "admin"), view=qos.show_segment,
)  # fmt: skip

POLICIES = Collection(
    service="network", plural="policies", singular="policy", path="/v2.0/qos/policies", noun="QoS policy", kind="QosPolicy",
    fields=(
        NAME, TENANT, OWNER,
        Field("shared", values.switch, default=False),
        Field("rules", read_only=True, default=tuple, filter=False),
        Field("is_default", values.switch, default=False),
        REVISION_0, DESCRIPTION, TAGS,
    ),
    policy=Policy("admin", "reader", "reader", "admin", "admin"), visible=subnets.pool_visible, view=qos.show_policy,
    blockers=(Blocker("network.ports", "qos_policy_id"), Blocker("network.networks", "qos_policy_id")), filters=FILTERS,
    before_create=qos.before_policy, before_update=qos.before_policy_update, after_delete=qos.after_policy_delete,
)  # fmt: skip

UNDER_POLICY = Parent("network.policies", "policy_id", "qos_policy_id")
DIRECTION = Field("direction", values.one_in("egress", "ingress"), default="egress")
RULE_POLICY = Policy("admin", "reader", "reader", "admin", "admin")

RULES = tuple(
    Collection(
        service="network",
        plural=f"{kind}_rules",
        singular=f"{kind}_rule",
        path="/v2.0/qos/policies/{policy_id}/" + f"{kind}_rules",
        noun="QoS rule",
        kind="QosRule",
        owner="",
        parent=UNDER_POLICY,
        policy=RULE_POLICY,
        created="",
        updated="",
        fields=fields,
        after_create=qos.rule_changed,
        after_delete=qos.rule_changed,
    )
    for kind, fields in (
        (
            "bandwidth_limit",
            (
                Field("max_kbps", values.whole, required=True),
                Field("max_burst_kbps", values.whole, default=0),
                DIRECTION,
            ),
        ),
        ("dscp_marking", (Field("dscp_mark", values.whole, required=True),)),
        ("minimum_bandwidth", (Field("min_kbps", values.whole, required=True), DIRECTION)),
        ("minimum_packet_rate", (Field("min_kpps", values.whole, required=True), DIRECTION)),
    )
)

ALL = (
    NETWORKS, SUBNETS, SUBNETPOOLS, ADDRESS_SCOPES, PORTS, ROUTERS, FLOATINGIPS, SECURITY_GROUPS, SECURITY_GROUP_RULES,
    SEGMENTS, POLICIES, *RULES,
)  # fmt: skip
TAGGED = (NETWORKS, SUBNETS, SUBNETPOOLS, PORTS, ROUTERS, FLOATINGIPS, SECURITY_GROUPS, POLICIES)
