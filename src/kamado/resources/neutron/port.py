"""OS::Neutron::Port."""

from __future__ import annotations

from collections.abc import Mapping
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
from kamado.plugin.rest import RestResource
from kamado.plugin.rules import Excludes
from kamado.plugin.side_calls import Tags
from kamado.resources.neutron.family import NAME, READY, TAGS, VALUE_SPECS

_VNIC_TYPES = ("normal", "direct", "macvtap", "direct-physical", "baremetal", "virtio-forwarder", "smart-nic")
_LET_GO = "port_fip"
"""Data key with the addresses that were taken off so that a replacement can have them (Heat's name)."""


def _network(port: Port) -> Any:
    return port.call("GET", f"/v2.0/networks/{port.show(fresh=False)['network_id']}")["network"]


def _subnets(port: Port) -> list[Any]:
    ids = [item["subnet_id"] for item in port.show(fresh=False).get("fixed_ips", ()) if item.get("subnet_id")]
    return [port.call("GET", f"/v2.0/subnets/{subnet}")["subnet"] for subnet in ids]


@resource_type("OS::Neutron::Port")
class Port(RestResource):
    """An attachment point on a network, with addresses."""

    rest = Rest("network", path="/v2.0/ports", envelope="port", polled_by_list=True, lists_by="id")
    ready = READY
    handled = {"no_fixed_ips", "replacement_policy"}
    properties = Properties(
        NAME,
        Prop("network_id", STRING, "Old name of network.", since="5.0.0", status="HIDDEN", instead="network",
             refers="neutron.network"),
        Prop("network", STRING, "Network it belongs to, name or ID.", required=True, since="2014.2",
             refers="neutron.network", body="network_id"),
        Prop("device_id", STRING, "ID of what uses it.", default="", update=True),
        Prop("device_owner", STRING, "What kind of thing uses it.", default="", update=True),
        Prop("fixed_ips", LIST, "Addresses wanted.", update=True, fields=(
            Prop("subnet_id", STRING, "Old name of subnet.", since="5.0.0", status="HIDDEN", instead="subnet",
                 refers="neutron.subnet"),
            Prop("subnet", STRING, "Subnet that the address is from, name or ID.", since="2014.2",
                 refers="neutron.subnet", body="subnet_id"),
            Prop("ip_address", STRING, "The address.", check="ip_addr"),
        )),
        Prop("no_fixed_ips", BOOLEAN, "No addresses at all.", default=False, update=True, since="16.0.0", body=NOT_SENT),
        Prop("mac_address", STRING, "MAC address.", check="mac_addr"),
        Prop("security_groups", LIST, "Security groups, names or IDs.", update=True, unset=["default"],
             looks_up="neutron.security_group by name"),
        Prop("replacement_policy", STRING, "When it is replaced.", default="AUTO", update=True, since="9.0.0",
             status="HIDDEN", allowed=("REPLACE_ALWAYS", "AUTO"), body=NOT_SENT),
        VALUE_SPECS,
        Prop("admin_state_up", BOOLEAN, "Administrative status.", default=True, update=True),
        Prop("qos_policy", STRING, "QoS policy, name or ID.", update=True, since="6.0.0", refers="neutron.qos_policy",
             body="qos_policy_id"),
        Prop("allowed_address_pairs", LIST, "Further addresses that may pass.", update=True, unset=[], fields=(
            Prop("mac_address", STRING, "MAC address.", check="mac_addr"),
            Prop("ip_address", STRING, "Address or range.", required=True, check="ip_or_cidr"),
        )),
        Prop("binding:vnic_type", STRING, "Kind of virtual card.", default="normal", update=True, since="2015.1",
             allowed=_VNIC_TYPES),
        Prop("port_security_enabled", BOOLEAN, "Whether traffic is filtered.", update=True, since="5.0.0"),
        Prop("dns_name", STRING, "Name in DNS.", update=True, check="dns_name", since="7.0.0"),
        Prop("propagate_uplink_status", BOOLEAN, "Whether the state of the uplink shows.", update=True, since="15.0.0"),
        TAGS,
    )  # fmt: skip
    attributes = (
        Attr("admin_state_up", STRING, "Administrative status."),
        Attr("device_id", STRING, "ID of what uses it."),
        Attr("device_owner", STRING, "What kind of thing uses it."),
        Attr("fixed_ips", LIST, "Its addresses."),
        Attr("mac_address", STRING, "MAC address."),
        Attr("name", STRING, "Name."),
        Attr("network_id", STRING, "ID of its network."),
        Attr("security_groups", LIST, "IDs of its security groups."),
        Attr("status", STRING, "Status."),
        Attr("tenant_id", STRING, "Owning project."),
        Attr("allowed_address_pairs", LIST, "Further addresses that may pass."),
        Attr("subnets", LIST, "The subnets of its addresses, whole.", read=_subnets),
        Attr("port_security_enabled", BOOLEAN, "Whether traffic is filtered.", since="5.0.0"),
        Attr("qos_policy_id", STRING, "ID of the QoS policy.", since="6.0.0"),
        Attr("dns_assignment", MAP, "Names and addresses in DNS.", since="7.0.0"),
        Attr("network", MAP, "Its network, whole.", since="11.0.0", read=_network),
        Attr("propagate_uplink_status", BOOLEAN, "Whether the state of the uplink shows.", since="15.0.0"),
    )
    side_calls = (Tags("tags"),)
    rules = (Excludes("fixed_ips", "no_fixed_ips"),)
    after = (After("OS::Neutron::Subnet", {"network|network_id": "network|network_id"}),)

    @classmethod
    def replaces(cls, before: Mapping[str, Any], after: Mapping[str, Any], changed: frozenset[str]) -> bool:  # noqa: ARG003
        """On any change when the policy says so."""
        return bool(after.get("replacement_policy") == "REPLACE_ALWAYS")

    def create_request(self) -> dict[str, Any]:
        """No addresses means an empty list: without the key the service would choose one."""
        body = super().create_request()
        return {**body, "fixed_ips": []} if self.properties.get("no_fixed_ips") else body

    def update_request(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Switching addresses off takes them away; leaving ``fixed_ips`` out later leaves them as they are."""
        body = super().update_request(changes)
        if changes.get("no_fixed_ips"):
            body["fixed_ips"] = []
        elif "fixed_ips" in body and body["fixed_ips"] is None:
            del body["fixed_ips"]
        return body

    def prepare_for_replace(self) -> None:
        """Takes the addresses off, so that the replacement can have the same ones."""
        if not self.physical_id or _LET_GO in self.data:
            return
        try:
            fixed_ips = self.show().get("fixed_ips") or []
            self.set_data(_LET_GO, fixed_ips)
            self.call("PUT", self.item_path(), json={"port": {"fixed_ips": []}})
        except CloudError as error:
            if not error.not_found:
                raise

    def restore_prev_rsrc(self) -> None:
        """Puts them on again."""
        if self.physical_id and self.data.get(_LET_GO):
            self.call("PUT", self.item_path(), json={"port": {"fixed_ips": self.data[_LET_GO]}})
            self.set_data(_LET_GO, None)
