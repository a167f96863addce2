"""Routers, floating IPs and security groups: who needs whom. Every fact here was seen on a real Neutron."""

import pytest


def make(client, plural, **fields):
    singular = plural[:-1].replace("-", "_")
    answer = client.post("network", f"/v2.0/{plural}", {singular: fields})
    assert answer.status_code == 201, answer.text
    return answer.json()[singular]


def error(answer):
    return answer.status_code, answer.json()["NeutronError"]["type"]


class Site:
    """A network with a subnet, a router and a port, and the way to the outside."""

    def __init__(self, client):
        self.client = client
        self.public = client.get("network", "/v2.0/networks?name=public").json()["networks"][0]["id"]
        self.net = make(client, "networks")["id"]
        self.subnet = make(client, "subnets", network_id=self.net, ip_version=4, cidr="10.60.0.0/24")["id"]
        self.router = make(client, "routers")["id"]
        self.port = make(client, "ports", network_id=self.net)["id"]

    def interface(self, verb, **what):
        return self.client.put("network", f"/v2.0/routers/{self.router}/{verb}_router_interface", what)

    def gateway(self, info):
        return self.client.put("network", f"/v2.0/routers/{self.router}", {"router": {"external_gateway_info": info}})

    def connect(self):
        assert self.interface("add", subnet_id=self.subnet).status_code == 200
        assert self.gateway({"network_id": self.public}).status_code == 200


@pytest.fixture
def site(demo):
    return Site(demo)


def test_interface_by_subnet(demo, site):
    added = site.interface("add", subnet_id=site.subnet)
    assert added.status_code == 200
    body = added.json()
    assert (body["id"], body["subnet_ids"]) == (site.router, [site.subnet])
    port = demo.get("network", f"/v2.0/ports/{body['port_id']}").json()["port"]
    assert port["device_owner"] == "network:router_interface"
    assert port["fixed_ips"] == [{"subnet_id": site.subnet, "ip_address": "10.60.0.1"}]
    assert error(site.interface("add", subnet_id=site.subnet)) == (400, "BadRequest")
    assert error(demo.delete("network", f"/v2.0/ports/{port['id']}")) == (409, "ServicePortInUse")
    assert error(demo.delete("network", f"/v2.0/routers/{site.router}")) == (409, "RouterInUse")
    assert site.interface("remove", subnet_id=site.subnet).json()["port_id"] == port["id"]
    assert error(site.interface("remove", subnet_id=site.subnet)) == (404, "RouterInterfaceNotFoundForSubnet")
    assert demo.delete("network", f"/v2.0/routers/{site.router}").status_code == 204


def test_interface_by_port_takes_the_port_along_when_removed(demo, site):
    assert site.interface("add", port_id=site.port).status_code == 200
    assert error(site.interface("add", port_id=site.port)) == (409, "PortInUse")
    assert site.interface("remove", port_id=site.port).status_code == 200
    assert demo.get("network", f"/v2.0/ports/{site.port}").status_code == 404
    assert error(site.interface("remove", port_id=site.port)) == (404, "RouterInterfaceNotFound")


def test_interfaces_that_are_refused(demo, site):
    bare = make(demo, "subnets", network_id=site.net, ip_version=4, cidr="10.61.0.0/24", gateway_ip=None)
    for what, status, kind in (
        ({"subnet_id": bare["id"]}, 400, "BadRequest"),
        ({"subnet_id": site.net}, 404, "SubnetNotFound"),
        ({"port_id": site.net}, 404, "PortNotFound"),
        ({"port_id": site.port, "subnet_id": site.subnet}, 400, "BadRequest"),
        ({}, 400, "BadRequest"),
    ):
        assert error(site.interface("add", **what)) == (status, kind)
    site.interface("add", subnet_id=site.subnet)
    other = make(demo, "networks")["id"]
    same = make(demo, "subnets", network_id=other, ip_version=4, cidr="10.60.0.0/25")["id"]
    assert error(site.interface("add", subnet_id=same)) == (400, "BadRequest")


def test_gateway(demo, admin, site):
    assert error(site.gateway({"network_id": site.net})) == (400, "BadRequest")
    assert error(site.gateway({"network_id": site.subnet})) == (404, "NetworkNotFound")
    assert error(site.gateway({"network_id": site.public, "enable_snat": False})) == (403, "PolicyNotAuthorized")
    assert error(site.gateway({"foo": 1})) == (400, "HTTPBadRequest")
    info = site.gateway({"network_id": site.public}).json()["router"]["external_gateway_info"]
    assert info["enable_snat"] is True
    assert info["external_fixed_ips"][0]["ip_address"].startswith("172.24.")
    fixed = {"network_id": site.public, "enable_snat": False, "external_fixed_ips": [{"ip_address": "172.24.7.7"}]}
    router = make(admin, "routers", external_gateway_info=fixed)
    assert router["external_gateway_info"]["external_fixed_ips"][0]["ip_address"] == "172.24.7.7"
    assert admin.delete("network", f"/v2.0/routers/{router['id']}").status_code == 204
    assert site.gateway(None).json()["router"]["external_gateway_info"] is None


def test_floating_ip_needs_a_way_and_keeps_it(demo, site):
    body = {"floatingip": {"floating_network_id": site.public, "port_id": site.port}}
    refused = demo.post("network", "/v2.0/floatingips", body)
    assert error(refused) == (404, "ExternalGatewayForFloatingIPNotFound")
    site.connect()
    floating = make(demo, "floatingips", floating_network_id=site.public, port_id=site.port)
    assert (floating["router_id"], floating["status"]) == (site.router, "DOWN")
    assert floating["port_details"]["network_id"] == site.net
    assert error(demo.post("network", "/v2.0/floatingips", body)) == (409, "FloatingIPPortAlreadyAssociated")
    assert error(site.interface("remove", subnet_id=site.subnet)) == (409, "RouterInterfaceInUseByFloatingIP")
    assert error(site.gateway(None)) == (409, "RouterExternalGatewayInUseByFloatingIp")
    assert demo.delete("network", f"/v2.0/ports/{site.port}").status_code == 204
    left = demo.get("network", f"/v2.0/floatingips/{floating['id']}").json()["floatingip"]
    assert (left["port_id"], left["router_id"], left["fixed_ip_address"]) == (None, None, None)
    assert demo.delete("network", f"/v2.0/floatingips/{floating['id']}").status_code == 204
    assert error(demo.delete("network", f"/v2.0/floatingips/{floating['id']}")) == (404, "FloatingIPNotFound")
    assert site.interface("remove", subnet_id=site.subnet).status_code == 200


def test_floating_ip_comes_and_goes(demo, site):
    site.connect()
    floating = make(demo, "floatingips", floating_network_id=site.public)
    path = f"/v2.0/floatingips/{floating['id']}"
    assert floating["port_id"] is None
    on = demo.put("network", path, {"floatingip": {"port_id": site.port}}).json()["floatingip"]
    assert on["fixed_ip_address"].startswith("10.60.0.")
    off = demo.put("network", path, {"floatingip": {"port_id": None}}).json()["floatingip"]
    assert off["fixed_ip_address"] is None
    for fields, status, kind in (
        ({"fixed_ip_address": "10.60.0.9"}, 400, "BadRequest"),
        ({"port_id": site.port, "fixed_ip_address": "1.2.3.4"}, 400, "BadRequest"),
        ({"floating_network_id": site.net}, 400, "HTTPBadRequest"),
        ({"port_id": site.net}, 404, "PortNotFound"),
    ):
        assert error(demo.put("network", path, {"floatingip": fields})) == (status, kind)
    for fields, status, kind in (
        ({"floating_network_id": site.net}, 400, "BadRequest"),
        ({"floating_network_id": site.subnet}, 404, "NetworkNotFound"),
        ({}, 400, "HTTPBadRequest"),
        ({"floating_network_id": site.public, "floating_ip_address": "172.24.9.9"}, 403, "PolicyNotAuthorized"),
    ):
        assert error(demo.post("network", "/v2.0/floatingips", {"floatingip": fields})) == (status, kind)


def test_routes_lead_through_what_is_connected(demo, site):
    site.connect()
    path = f"/v2.0/routers/{site.router}"
    route = {"destination": "10.20.0.0/16", "nexthop": "10.60.0.9"}
    assert demo.put("network", path, {"router": {"routes": [route]}}).json()["router"]["routes"] == [route]
    assert error(site.interface("remove", subnet_id=site.subnet)) == (409, "RouterInterfaceInUseByRoute")
    far = {**route, "nexthop": "10.99.0.9"}
    assert error(demo.put("network", path, {"router": {"routes": [far]}})) == (400, "InvalidRoutes")


@pytest.fixture
def group(demo):
    return make(demo, "security-groups", name="g")


def test_every_project_has_a_default_group(alt):
    groups = alt.get("network", "/v2.0/security-groups").json()["security_groups"]
    default = next(g for g in groups if g["name"] == "default")
    rules = {(r["direction"], r["ethertype"], r["remote_group_id"]) for r in default["security_group_rules"]}
    assert rules == {
        ("ingress", "IPv4", default["id"]), ("ingress", "IPv6", default["id"]), ("egress", "IPv4", None),
        ("egress", "IPv6", None),
    }  # fmt: skip
    again = alt.post("network", "/v2.0/security-groups", {"security_group": {"name": "default"}})
    assert error(again) == (409, "SecurityGroupDefaultAlreadyExists")
    path = f"/v2.0/security-groups/{default['id']}"
    refused = alt.put("network", path, {"security_group": {"name": "zork"}})
    assert error(refused) == (409, "SecurityGroupCannotUpdateDefault")
    assert alt.delete("network", path).status_code == 409


TCP = {"protocol": "tcp", "port_range_min": 80, "port_range_max": 443, "remote_ip_prefix": "10.0.0.0/8"}
RULES = [
    ({"direction": "foo"}, 400, "HTTPBadRequest"),
    (TCP, 409, "SecurityGroupRuleExists"),
    ({**TCP, "protocol": "6"}, 409, "SecurityGroupRuleExists"),
    ({**TCP, "description": "other"}, 409, "SecurityGroupRuleExists"),
    ({"protocol": "tcp", "port_range_min": 800, "port_range_max": 443}, 400, "SecurityGroupInvalidPortRange"),
    ({"protocol": "tcp", "port_range_min": 80}, 400, "SecurityGroupInvalidPortRange"),
    ({"port_range_min": 80, "port_range_max": 80}, 400, "SecurityGroupProtocolRequiredWithPorts"),
    ({"protocol": "tcp", "port_range_min": 0, "port_range_max": 80}, 400, "SecurityGroupInvalidPortValue"),
    ({"protocol": "icmp", "port_range_min": 300}, 400, "SecurityGroupInvalidIcmpValue"),
    ({"protocol": "icmp", "port_range_max": 3}, 400, "SecurityGroupMissingIcmpType"),
    ({"protocol": "zork"}, 400, "SecurityGroupRuleInvalidProtocol"),
    ({"protocol": 300}, 400, "SecurityGroupRuleInvalidProtocol"),
    ({"protocol": "gre", "port_range_min": 1, "port_range_max": 2}, 400, "SecurityGroupInvalidProtocolForPort"),
    ({"ethertype": "IPv5"}, 400, "SecurityGroupRuleInvalidEtherType"),
    ({"ethertype": "ipv6", "remote_ip_prefix": "10.0.0.0/8"}, 400, "SecurityGroupRuleParameterConflict"),
    ({"remote_ip_prefix": "foo"}, 400, "InvalidCIDR"),
    ({"remote_group_id": "x"}, 404, "SecurityGroupNotFound"),
    ({"security_group_id": "8483264d-9cf4-4d9c-8993-eb0b7a3352de"}, 404, "SecurityGroupNotFound"),
]


@pytest.mark.parametrize(("fields", "status", "kind"), RULES)
def test_rules_that_are_refused(demo, group, fields, status, kind):
    make(demo, "security-group-rules", security_group_id=group["id"], direction="ingress", **TCP)
    body = {"security_group_id": group["id"], "direction": "ingress", **fields}
    answer = demo.post("network", "/v2.0/security-group-rules", {"security_group_rule": body})
    assert error(answer) == (status, kind)


def test_rules_are_normalised(demo, group):
    def rule(**fields):
        return make(demo, "security-group-rules", security_group_id=group["id"], direction="ingress", **fields)

    assert rule(protocol="any")["protocol"] is None
    assert rule(protocol=47)["protocol"] == "47"
    assert rule(ethertype="IPv6", protocol="icmp")["protocol"] == "ipv6-icmp"
    assert rule(remote_ip_prefix="10.0.0.1/8")["normalized_cidr"] == "10.0.0.0/8"
    assert rule(protocol="tcp", port_range_min="22", port_range_max="22")["port_range_min"] == 22


def test_a_group_in_use_stays(demo, site, group):
    port = make(demo, "ports", network_id=site.net, security_groups=[group["id"]])
    path = f"/v2.0/security-groups/{group['id']}"
    assert error(demo.delete("network", path)) == (409, "SecurityGroupInUse")
    demo.delete("network", f"/v2.0/ports/{port['id']}")
    assert demo.delete("network", path).status_code == 204
    assert error(demo.get("network", path)) == (404, "SecurityGroupNotFound")
