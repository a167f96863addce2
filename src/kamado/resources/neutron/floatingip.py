"""OS::Neutron::FloatingIP and OS::Neutron::FloatingIPAssociation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kamado.plugin.declare import STRING, After, Attr, Prop, Properties, Rest, adapted, resource_type
from kamado.plugin.rest import CloudResource, RestResource
from kamado.plugin.rules import Needs
from kamado.resources.neutron.family import VALUE_SPECS, router_interfaces_of_ports

_GATEWAY = After("OS::Neutron::RouterGateway", {"network|network_id": "floating_network|floating_network_id"})
_ROUTER = After("OS::Neutron::Router", {"external_gateway_info.network": "floating_network|floating_network_id"})


@resource_type("OS::Neutron::FloatingIP")
class FloatingIP(RestResource):
    """A public address that can be given to a port."""

    rest = Rest(
        "network",
        path="/v2.0/floatingips",
        envelope="floatingip",
        find_by=("description",),
        polled_by_list=True,
        lists_by="id",
    )
    properties = Properties(
        Prop("floating_network_id", STRING, "Old name of floating_network.", since="5.0.0", status="HIDDEN",
             instead="floating_network", refers="neutron.network"),
        Prop("floating_network", STRING, "External network that it is from, name or ID.", required=True, since="2014.2",
             refers="neutron.network", body="floating_network_id"),
        Prop("floating_subnet", STRING, "Subnet that it is from, name or ID.", since="9.0.0", refers="neutron.subnet",
             body="subnet_id"),
        adapted(VALUE_SPECS, update=False),
        Prop("port_id", STRING, "Port that gets it.", update=True, refers="neutron.port"),
        Prop("fixed_ip_address", STRING, "Which of the port's addresses gets it.", update=True, check="ip_addr"),
        Prop("floating_ip_address", STRING, "The address wanted; usually administrators only.", since="5.0.0", check="ip_addr"),
        Prop("dns_name", STRING, "Name in DNS.", update=True, check="rel_dns_name", since="7.0.0"),
        Prop("dns_domain", STRING, "Domain in DNS.", update=True, check="dns_domain", since="7.0.0"),
    )  # fmt: skip
    attributes = (
        Attr("router_id", STRING, "Router that does the translation."),
        Attr("tenant_id", STRING, "Owning project."),
        Attr("floating_network_id", STRING, "External network that it is from."),
        Attr("fixed_ip_address", STRING, "Address of the port that has it.", live=True),
        Attr("floating_ip_address", STRING, "The address."),
        Attr("port_id", STRING, "Port that has it.", live=True),
    )
    rules = (Needs("fixed_ip_address", "port_id"),)
    after = (_GATEWAY, _ROUTER)

    @classmethod
    def implied_by(cls, name: str, definition: Any, definitions: Mapping[str, Any]) -> set[str]:
        """Ways out, and the router interfaces in front of the port."""
        return super().implied_by(name, definition, definitions) | router_interfaces_of_ports(definition, definitions)

    def create_request(self) -> dict[str, Any]:
        """It has no name, so its description has to tell a lost one from others."""
        return {"description": self.physical_name, **super().create_request()}

    def update_request(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Port and address of the port go together: the service takes the one without the other for something else."""
        body = super().update_request(changes)
        port = self.properties.get("port_id")
        if "fixed_ip_address" in body and "port_id" not in body and port is not None:
            body["port_id"] = self.find("neutron.port", port)
        elif body.get("port_id") is not None and self.properties.get("fixed_ip_address"):
            body["fixed_ip_address"] = self.properties["fixed_ip_address"]
        if body.get("port_id") is None or body.get("fixed_ip_address", "") is None:
            body.pop("fixed_ip_address", None)
        return body


@resource_type("OS::Neutron::FloatingIPAssociation")
class FloatingIPAssociation(CloudResource):
    """Gives a floating IP to a port. Doing it twice is doing it once, so no look-up is needed after a lost answer."""

    service_type = "network"
    properties = Properties(
        Prop("floatingip_id", STRING, "ID of the floating IP.", required=True, update=True),
        Prop("port_id", STRING, "Port that gets it, name or ID.", required=True, update=True, refers="neutron.port"),
        Prop("fixed_ip_address", STRING, "Which of the port's addresses gets it.", update=True, check="ip_addr"),
    )

    @classmethod
    def implied_by(cls, name: str, definition: Any, definitions: Mapping[str, Any]) -> set[str]:
        """The router interfaces in front of the port."""
        return super().implied_by(name, definition, definitions) | router_interfaces_of_ports(definition, definitions)

    def handle_create(self) -> None:
        """Gives it."""
        self._give()
        self.set_physical_id(self.id)

    def handle_update(self, changes: Mapping[str, Any]) -> None:
        """Takes the old one back when it is another one now, then gives again."""
        if "floatingip_id" in changes and self.record.properties:
            self._take(self.record.properties["floatingip_id"], self.record.properties.get("port_id"))
        self._give()

    def handle_delete(self) -> None:
        """Takes it back, unless somebody else has it by now."""
        if self.physical_id:
            self._take(self.properties["floatingip_id"], self.properties.get("port_id"))

    def _give(self) -> None:
        body = {"port_id": self.find("neutron.port", self.properties["port_id"])}
        if self.properties.get("fixed_ip_address"):
            body["fixed_ip_address"] = self.properties["fixed_ip_address"]
        self.call("PUT", f"/v2.0/floatingips/{self.properties['floatingip_id']}", json={"floatingip": body})

    def _take(self, floatingip: str, port: str | None) -> None:
        path = f"/v2.0/floatingips/{floatingip}"
        answer = self.call("GET", path, ok=(404,))
        holder = answer["floatingip"].get("port_id") if answer else None
        if holder is None or (port is not None and not self._is(port, holder)):
            return
        self.call("PUT", path, json={"floatingip": {"port_id": None}}, ok=(404,))

    def _is(self, port: str, holder: str) -> bool:
        if port == holder:
            return True
        answer = self.call("GET", f"/v2.0/ports/{holder}", ok=(404,))
        return bool(answer and answer["port"].get("name") == port)
