"""OS::Neutron::Router and OS::Neutron::RouterInterface."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from kamado.cloud.failures import CloudError
from kamado.plugin.declare import (
    BOOLEAN,
    LIST,
    MAP,
    NOT_SENT,
    STRING,
    After,
    Attr,
    Prop,
    Properties,
    Rest,
    resource_type,
)
from kamado.plugin.errors import TemporaryError
from kamado.plugin.rest import CloudResource, RestResource
from kamado.plugin.rules import Excludes, Finding, OneOf
from kamado.plugin.side_calls import Call, Members, Tags
from kamado.resources.neutron.family import NAME, READY, TAGS, VALUE_SPECS, ports_with

L3_AGENTS = Members(
    "l3_agent_ids",
    listing="/v2.0/routers/{id}/l3-agents",
    key="agents",
    join=Call("POST", "/v2.0/agents/{member}/l3-routers", {"router_id": "{id}"}, ok=(409,)),
    leave=Call("DELETE", "/v2.0/agents/{member}/l3-routers/{id}", ok=(404, 409)),
)


_AGENTS_AND_DISTRIBUTED = (
    "Cannot define the following properties at the same time: distributed, l3_agent_id/l3_agent_ids."
)


@resource_type("OS::Neutron::Router")
class Router(RestResource):
    """A router between networks, perhaps with a way out."""

    rest = Rest(
        "network", path="/v2.0/routers", envelope="router", extension=("router",), polled_by_list=True, lists_by="id"
    )
    ready = READY
    blocked_by = (ports_with(device_id="{id}"),)
    properties = Properties(
        NAME,
        Prop("external_gateway_info", MAP, "The way out.", update=True, fields=(
            Prop("network", STRING, "External network, name or ID.", required=True, update=True,
                 body="network_id", looks_up="neutron.network"),
            Prop("enable_snat", BOOLEAN, "Whether source addresses are translated.", update=True),
            Prop("external_fixed_ips", LIST, "Addresses on the external network.", update=True, since="6.0.0", fields=(
                Prop("ip_address", STRING, "Address.", check="ip_addr"),
                Prop("subnet", STRING, "Subnet, name or ID.", refers="neutron.subnet", body="subnet_id"),
            )),
        )),
        VALUE_SPECS,
        Prop("admin_state_up", BOOLEAN, "Administrative status.", default=True, update=True),
        Prop("l3_agent_id", STRING, "Old form of l3_agent_ids.", update=True, since="6.0.0", status="HIDDEN",
             instead="l3_agent_ids", body=NOT_SENT),
        Prop("l3_agent_ids", LIST, "Agents it runs on.", items=STRING, update=True, since="2015.1", body=NOT_SENT),
        Prop("distributed", BOOLEAN, "Whether it runs on all hosts.", since="2015.1"),
        Prop("ha", BOOLEAN, "Whether it is highly available.", since="2015.1"),
        Prop("availability_zone_hints", LIST, "Candidate zones.", update=True, since="19.0.0"),
        TAGS,
        Prop("tenant_id", STRING, "Owning project; administrators only.", since="24.0.0"),
    )  # fmt: skip
    attributes = (
        Attr("status", STRING, "Status."),
        Attr("external_gateway_info", MAP, "The way out."),
        Attr("name", STRING, "Name."),
        Attr("admin_state_up", STRING, "Administrative status."),
        Attr("tenant_id", STRING, "Owning project."),
    )
    side_calls = (Tags("tags"), L3_AGENTS)
    rules = (
        Excludes("l3_agent_id", "l3_agent_ids"),
        Excludes("distributed", "ha"),
    )
    after = (After("OS::Neutron::Subnet", {"network|network_id": "external_gateway_info.network"}),)

    @classmethod
    def validate(cls, properties: Mapping[str, Any]) -> list[Finding]:
        """One agent is all that a router without HA can have."""
        found = super().validate({name: value for name, value in properties.items() if value is not False})
        agents = properties.get("l3_agent_ids")
        if properties.get("distributed") is True and agents:
            found.append(Finding(_AGENTS_AND_DISTRIBUTED, "ResourcePropertyConflict"))
        if isinstance(agents, list) and len(agents) > 1 and not properties.get("ha"):
            found.append(Finding("Non HA routers can only have one L3 agent."))
        return found


@resource_type("OS::Neutron::RouterInterface")
class RouterInterface(CloudResource):
    """Joins a router with a subnet or port.

    Its id is ``<router>:subnet_id=<subnet>`` or ``<router>:port_id=<port>``.
    """

    service_type = "network"
    can_find = True
    properties = Properties(
        Prop("router", STRING, "Router, name or ID.", required=True, refers="neutron.router"),
        Prop("router_id", STRING, "Old name of router.", since="6.0.0", status="HIDDEN", instead="router",
             refers="neutron.router"),
        Prop("subnet_id", STRING, "Old name of subnet.", since="5.0.0", status="HIDDEN", instead="subnet",
             refers="neutron.subnet"),
        Prop("subnet", STRING, "Subnet, name or ID; or else port.", refers="neutron.subnet"),
        Prop("port_id", STRING, "Old name of port.", since="6.0.0", status="HIDDEN", instead="port",
             refers="neutron.port"),
        Prop("port", STRING, "Port, name or ID; or else subnet.", since="2015.1", refers="neutron.port"),
    )  # fmt: skip

    @classmethod
    def validate(cls, properties: Mapping[str, Any]) -> list[Finding]:
        """One of subnet and port, under whichever name."""
        named = {new: properties.get(new, properties.get(f"{new}_id")) for new in ("subnet", "port")}
        return list(OneOf("subnet", "port").check(named))

    def handle_create(self) -> None:
        """Joins them; a join that is there already is fine after a lost answer, see `find_existing`."""
        router, key, value = self._ends()
        self.call("PUT", f"/v2.0/routers/{router}/add_router_interface", json={key: value})
        self.set_physical_id(f"{router}:{key}={value}")

    def _ends(self) -> tuple[str, str, str]:
        router = self.find("neutron.router", self.properties["router"])
        for kind in ("subnet", "port"):
            if self.properties.get(kind):
                return router, f"{kind}_id", self.find(f"neutron.{kind}", self.properties[kind])
        raise KeyError("neither subnet nor port")

    def find_existing(self, since: datetime, taken: Collection[str]) -> str | None:  # noqa: ARG002  # a join is unique
        """Looks among the router's ports."""
        router, key, value = self._ends()
        made = f"{router}:{key}={value}"
        for port in self.service.list("/v2.0/ports", "ports", {"device_id": router}):
            subnets = [item["subnet_id"] for item in port.get("fixed_ips", ())]
            if (port["id"] == value or (key == "subnet_id" and value in subnets)) and made not in taken:
                return made
        return None

    def handle_delete(self) -> None:
        """Parts them; what is parted already is fine, addresses that are still in use are waited for."""
        if not self.physical_id:
            return
        router, _, joined = self.physical_id.partition(":")
        key, _, value = joined.partition("=")
        if not value:
            key, value = "subnet_id", key
        try:
            self.call("PUT", f"/v2.0/routers/{router}/remove_router_interface", json={key: value}, ok=(404,))
        except CloudError as error:
            if error.conflict:
                raise TemporaryError(str(error)) from error
            raise
