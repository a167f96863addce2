"""OS::Neutron::Net."""

from kamado.plugin.declare import (
    BOOLEAN,
    INTEGER,
    LIST,
    NOT_SENT,
    STRING,
    Attr,
    Prop,
    Properties,
    Query,
    Rest,
    resource_type,
)
from kamado.plugin.rest import RestResource
from kamado.plugin.side_calls import Call, Members, Tags
from kamado.resources.neutron.family import NAME, READY, TAGS, VALUE_SPECS, ports_with

DHCP_AGENTS = Members(
    "dhcp_agent_ids",
    listing="/v2.0/networks/{id}/dhcp-agents",
    key="agents",
    join=Call("POST", "/v2.0/agents/{member}/dhcp-networks", {"network_id": "{id}"}, ok=(409,)),
    leave=Call("DELETE", "/v2.0/agents/{member}/dhcp-networks/{id}", ok=(404, 409)),
)


@resource_type("OS::Neutron::Net")
class Net(RestResource):
    """A virtual isolated layer-2 broadcast domain."""

    rest = Rest("network", path="/v2.0/networks", envelope="network", polled_by_list=True, lists_by="id")
    ready = READY
    blocked_by = (ports_with(network_id="{id}"),)
    properties = Properties(
        NAME,
        VALUE_SPECS,
        Prop("admin_state_up", BOOLEAN, "Administrative status.", update=True, default=True),
        Prop("tenant_id", STRING, "Owning project; administrators only."),
        Prop("shared", BOOLEAN, "Shared with every project.", update=True, default=False),
        Prop("dhcp_agent_ids", LIST, "DHCP agents serving it.", update=True, body=NOT_SENT, as_set=True),
        Prop("port_security_enabled", BOOLEAN, "Its ports' default.", update=True, since="5.0.0"),
        Prop("qos_policy", STRING, "QoS policy, name or ID.", update=True, since="6.0.0",
             refers="neutron.qos_policy", body="qos_policy_id"),
        Prop("dns_domain", STRING, "DNS domain.", update=True, check="dns_domain", since="7.0.0"),
        Prop("availability_zone_hints", LIST, "Candidate zones.", since="19.0.0"),
        TAGS,
    )  # fmt: skip
    attributes = (
        Attr("status", STRING, "Status."),
        Attr("name", STRING, "Name."),
        Attr("subnets", LIST, "IDs of its subnets."),
        Attr("admin_state_up", STRING, "Administrative status."),
        Attr("tenant_id", STRING, "Owning project."),
        Attr("port_security_enabled", BOOLEAN, "Its ports' default.", since="5.0.0"),
        Attr("mtu", INTEGER, "Largest packet, in bytes.", since="5.0.0"),
        Attr("qos_policy_id", STRING, "ID of the QoS policy.", since="6.0.0"),
        Attr("l2_adjacency", BOOLEAN, "Whether layer 2 spans it.", since="9.0.0"),
        Attr("segments", LIST, "Segments, unnamed first.", since="11.0.0", read=Query(
            "/v2.0/segments", key="segments", where={"network_id": "{id}"}, order="name")),
    )  # fmt: skip
    side_calls = (Tags("tags"), DHCP_AGENTS)
    not_observed = {"shared"}
