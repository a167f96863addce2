"""What Neutron says about itself: versions, extensions, agents, zones, the topology made for whoever has none.

Routes of the service. The trap: clients decide by the aliases listed here which fields they may send, so an alias must not
be listed before its fields work.
"""

import html

from kamado.localcloud.service import Answer, Call, Refusal, Route
from kamado.localcloud.state import Obj

EXTENSIONS = {
    "address-scope": "Address scope",
    "agent": "agent",
    "allowed-address-pairs": "Allowed Address Pairs",
    "auto-allocated-topology": "Auto Allocated Topology Services",
    "availability_zone": "Availability Zone",
    "binding": "Port Binding",
    "default-subnetpools": "Default Subnetpools",
    "dns-integration": "DNS Integration",
    "dvr": "Distributed Virtual Router",
    "empty-string-filtering": "Empty String Filtering Extension",
    "ext-gw-mode": "Neutron L3 Configurable external gateway mode",
    "external-net": "Neutron external network",
    "extra_dhcp_opt": "Neutron Extra DHCP options",
    "extraroute": "Neutron Extra Route",
    "fip-port-details": "Floating IP Port Details Extension",
    "ip-substring-filtering": "IP address substring filtering",
    "l3-ha": "HA Router extension",
    "net-mtu": "Network MTU",
    "net-mtu-writable": "Network MTU (writable)",
    "network_availability_zone": "Network Availability Zone",
    "pagination": "Pagination support",
    "port-security": "Port Security",
    "project-id": "project_id field enabled",
    "provider": "Provider Network",
    "qos": "Quality of Service",
    "quota_details": "Quota details management support",
    "quotas": "Quota management support",
    "router": "Neutron L3 Router",
    "router_availability_zone": "Router Availability Zone",
    "security-group": "security-group",
    "security-groups-normalized-cidr": "Normalized CIDR field for security group rules",
    "segment": "Segment",
    "sorting": "Sorting support",
    "standard-attr-description": "standard-attr-description",
    "standard-attr-revisions": "Resource revision numbers",
    "standard-attr-tag": "Tag support for resources with standard attribute",
    "standard-attr-timestamp": "Resource timestamps",
    "stateful-security-group": "Stateful security group",
    "subnet-external-network": "Subnet belongs to an external network",
    "subnet-service-types": "Subnet service types",
    "subnet_allocation": "Subnet Allocation",
}
RESOURCES = ("network", "subnet", "subnetpool", "port")


def _base(call: Call) -> str:
    return call.cloud.urls["network"]


def versions(call: Call) -> Obj:
    """GET /: the one version there is."""
    link = {"rel": "self", "href": f"{_base(call)}/v2.0/"}
    return {"versions": [{"id": "v2.0", "status": "CURRENT", "links": [link]}]}


def resources(call: Call) -> Obj:
    """GET /v2.0: the core collections."""
    found = []
    for name in RESOURCES:
        link = {"rel": "self", "href": f"{_base(call)}/v2.0/{name}s"}
        found.append({"name": name, "collection": f"{name}s", "links": [link]})
    return {"resources": found}


def _extension(alias: str) -> Obj:
    name = EXTENSIONS[alias]
    return {"name": name, "alias": alias, "description": name, "updated": "2026-01-01T00:00:00-00:00", "links": []}


def extensions(call: Call) -> Obj:
    """GET /v2.0/extensions."""
    return {"extensions": [_extension(alias) for alias in EXTENSIONS]}


def extension(call: Call) -> Obj:
    """GET /v2.0/extensions/{alias}; the 404 is a page, as Neutron's is."""
    alias = call.params["alias"].removesuffix(".json")
    if alias not in EXTENSIONS:
        page = (
            "<html>\n <head>\n  <title>404 Not Found</title>\n </head>\n <body>\n  <h1>404 Not Found</h1>\n  The resource "
            f"could not be found.<br /><br />\nExtension with alias {html.escape(alias)} does not exist\n\n\n </body>\n</html>"
        )
        raise Refusal(404, body=page)
    return {"extension": _extension(alias)}


def agents(call: Call) -> Obj:
    """GET /v2.0/agents: there are none."""
    return {"agents": []}


def agent(call: Call) -> Answer:
    """Any request on one agent."""
    raise Refusal(404, f"Agent {call.params['id']} could not be found.", "AgentNotFound")


def zones(call: Call) -> Obj:
    """GET /v2.0/availability_zones: zones come from agents, and there are none."""
    return {"availability_zones": []}


def auto_allocated(call: Call) -> Obj:
    """GET /v2.0/auto-allocated-topology/{project}: the first network of the project's own that has a subnet."""
    project_id = call.params["project"]
    if call.arg("fields") == "dry-run":
        return {"auto_allocated_topology": {"id": "dry-run=pass", "project_id": project_id}}
    for network in call.state.find("network.networks", project_id=project_id):
        if call.state.find("network.subnets", network_id=network["id"]):
            return {"auto_allocated_topology": {"id": network["id"], "project_id": project_id, "tenant_id": project_id}}
    text = f"Deployment error: No network is prepared for project {project_id}."
    raise Refusal(409, text, "AutoAllocationFailure")


ROUTES = (
    Route("GET", "/", versions, public=True),
    Route("GET", "/v2.0", resources),
    Route("GET", "/v2.0/extensions", extensions),
    Route("GET", "/v2.0/extensions/{alias}", extension),
    Route("GET", "/v2.0/agents", agents),
    Route("GET", "/v2.0/agents/{id}", agent),
    Route("POST", "/v2.0/agents/{id}/dhcp-networks", agent),
    Route("POST", "/v2.0/agents/{id}/l3-routers", agent),
    Route("GET", "/v2.0/networks/{id}/dhcp-agents", agents),
    Route("GET", "/v2.0/routers/{id}/l3-agents", agents),
    Route("GET", "/v2.0/availability_zones", zones),
    Route("GET", "/v2.0/auto-allocated-topology/{project}", auto_allocated),
)
