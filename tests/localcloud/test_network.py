"""Neutron's objects: what they are made of, how they hang together. Every fact here was seen on a real Neutron."""

import ipaddress

import pytest


def make(client, plural, **fields):
    singular = plural[:-1].replace("-", "_")
    answer = client.post("network", f"/v2.0/{plural}", {singular: fields})
    assert answer.status_code == 201, answer.text
    return answer.json()[singular]


def get(client, plural, object_id):
    answer = client.get("network", f"/v2.0/{plural}/{object_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()[plural[:-1].replace("-", "_")]


def error(answer):
    return answer.status_code, answer.json()["NeutronError"]["type"]


@pytest.fixture
def net(demo):
    return make(demo, "networks", name="n")


@pytest.fixture
def public(admin):
    return admin.get("network", "/v2.0/networks?name=public").json()["networks"][0]


def subnet(client, net, cidr="10.50.0.0/24", **more):
    return make(client, "subnets", network_id=net["id"], ip_version=4, cidr=cidr, **more)


def test_network_fields_as_a_user_and_as_an_administrator_see_them(demo, admin, net):
    assert set(net) == {
        "id", "name", "tenant_id", "project_id", "admin_state_up", "mtu", "status", "subnets", "shared", "port_security_enabled",
        "qos_policy_id", "dns_domain", "router:external", "availability_zone_hints", "availability_zones",
        "ipv4_address_scope", "ipv6_address_scope", "description", "l2_adjacency", "tags", "created_at", "updated_at",
        "revision_number",
    }  # fmt: skip
    assert (net["status"], net["mtu"], net["tenant_id"]) == ("ACTIVE", 1450, demo.project_id)
    assert get(admin, "networks", net["id"])["provider:network_type"] == "vxlan"
    changed = demo.put("network", f"/v2.0/networks/{net['id']}", {"network": {"name": "m"}}).json()["network"]
    assert (changed["name"], changed["revision_number"]) == ("m", net["revision_number"] + 1)


def test_subnet_defaults(demo, net):
    made = subnet(demo, net, "10.50.0.9/24")
    assert made["cidr"] == "10.50.0.0/24"
    assert made["gateway_ip"] == "10.50.0.1"
    assert made["allocation_pools"] == [{"start": "10.50.0.2", "end": "10.50.0.254"}]
    assert subnet(demo, net, "10.50.1.0/24", gateway_ip=None)["allocation_pools"][0]["start"] == "10.50.1.1"
    assert subnet(demo, net, "10.50.2.0/24", gateway_ip="10.50.2.5")["allocation_pools"] == [
        {"start": "10.50.2.1", "end": "10.50.2.4"},
        {"start": "10.50.2.6", "end": "10.50.2.254"},
    ]
    assert len(get(demo, "networks", net["id"])["subnets"]) == 3


SUBNETS = [
    ({"cidr": "10.50.0.0/25"}, 400, "InvalidInput"),
    ({"cidr": "10.51.0.0"}, 400, "InvalidInput"),
    ({"cidr": "foo"}, 400, "InvalidInput"),
    ({"ip_version": 6}, 400, "InvalidInput"),
    ({"ip_version": 5}, 400, "HTTPBadRequest"),
    ({"cidr": None}, 400, "BadRequest"),
    ({"allocation_pools": [{"start": "10.51.0.10", "end": "10.51.1.20"}]}, 400, "OutOfBoundsAllocationPool"),
    ({"allocation_pools": [{"start": "10.51.0.30", "end": "10.51.0.20"}]}, 400, "InvalidAllocationPool"),
    ({"allocation_pools": [{"start": "10.51.0.1", "end": "10.51.0.20"}]}, 409, "GatewayConflictWithAllocationPools"),
    (
        {
            "allocation_pools": [
                {"start": "10.51.0.3", "end": "10.51.0.20"},
                {"start": "10.51.0.13", "end": "10.51.0.22"},
            ]
        },
        409,
        "OverlappingAllocationPools",
    ),
    ({"allocation_pools": [{"start": "10.51.0.3"}]}, 400, "HTTPBadRequest"),
    ({"dns_nameservers": ["x"]}, 400, "HTTPBadRequest"),
    ({"dns_nameservers": ["1.1.1.1", "1.1.1.1"]}, 400, "HTTPBadRequest"),
    ({"host_routes": [{"destination": "q", "nexthop": "1.1.1.1"}]}, 400, "HTTPBadRequest"),
    ({"ipv6_ra_mode": "slaac"}, 400, "InvalidInput"),
    ({"segment_id": "8483264d-9cf4-4d9c-8993-eb0b7a3352de"}, 403, "PolicyNotAuthorized"),
    ({"service_types": ["zork"]}, 400, "InvalidSubnetServiceType"),
    ({"network_id": "8483264d-9cf4-4d9c-8993-eb0b7a3352de"}, 404, "NetworkNotFound"),
]


@pytest.mark.parametrize(("fields", "status", "kind"), SUBNETS)
def test_subnets_that_are_refused(demo, net, fields, status, kind):
    subnet(demo, net)
    body = {"network_id": net["id"], "ip_version": 4, "cidr": "10.51.0.0/24", **fields}
    assert error(demo.post("network", "/v2.0/subnets", {"subnet": body})) == (status, kind)


def test_a_subnet_pool_gives_the_next_free_range(demo):
    pool = demo.get("network", "/v2.0/subnetpools").json()["subnetpools"][0]
    assert (pool["name"], pool["default_prefixlen"]) == ("shared-default-subnetpool-v4", "26")
    one, two = make(demo, "networks"), make(demo, "networks")
    first = make(demo, "subnets", network_id=one["id"], ip_version=4, subnetpool_id=pool["id"], prefixlen=28)
    second = make(demo, "subnets", network_id=two["id"], ip_version=4, use_default_subnetpool=True)
    cidrs = [ipaddress.ip_network(s["cidr"]) for s in (first, second)]
    assert [c.prefixlen for c in cidrs] == [28, 26]
    assert not cidrs[0].overlaps(cidrs[1])
    body = {"network_id": one["id"], "ip_version": 4, "cidr": "10.9.9.0/24"}
    refused = demo.post("network", "/v2.0/subnets", {"subnet": body})
    assert error(refused) == (400, "NetworkSubnetPoolAffinityError")


def test_ports_get_addresses_of_their_own(demo, net):
    low = subnet(demo, net, "10.50.0.0/29")
    made = [make(demo, "ports", network_id=net["id"]) for _ in range(5)]
    taken = {p["fixed_ips"][0]["ip_address"] for p in made}
    assert taken == {f"10.50.0.{n}" for n in range(2, 7)}
    assert len({p["mac_address"] for p in made}) == 5
    full = demo.post("network", "/v2.0/ports", {"port": {"network_id": net["id"]}})
    assert error(full) == (409, "IpAddressGenerationFailure")
    assert demo.delete("network", f"/v2.0/ports/{made[0]['id']}").status_code == 204
    again = make(demo, "ports", network_id=net["id"], fixed_ips=[{"subnet_id": low["id"]}])
    assert again["fixed_ips"] == made[0]["fixed_ips"]
    assert "binding:host_id" not in again
    assert again["dns_assignment"][0]["hostname"].startswith("host-10-50-0-")


def test_a_port_keeps_what_it_has_when_its_addresses_change(demo, net):
    low = subnet(demo, net)
    six = make(demo, "subnets", network_id=net["id"], ip_version=6, cidr="fd00:7::/64", ipv6_ra_mode="slaac",
               ipv6_address_mode="slaac")  # fmt: skip
    port = make(demo, "ports", network_id=net["id"])
    kinds = {ip["subnet_id"]: ip["ip_address"] for ip in port["fixed_ips"]}
    assert kinds[six["id"]].startswith("fd00:7::f816:3eff:fe")
    asked = [{"subnet_id": low["id"]}, {"subnet_id": low["id"], "ip_address": "10.50.0.77"}]
    changed = demo.put("network", f"/v2.0/ports/{port['id']}", {"port": {"fixed_ips": asked}}).json()["port"]
    assert {ip["ip_address"] for ip in changed["fixed_ips"]} == {kinds[low["id"]], "10.50.0.77", kinds[six["id"]]}


UUID = "8483264d-9cf4-4d9c-8993-eb0b7a3352de"
PORTS = [
    ({"fixed_ips": [{"ip_address": "10.50.0.9"}]}, 409, "IpAddressAlreadyAllocated"),
    ({"fixed_ips": [{"ip_address": "11.1.1.1"}]}, 400, "InvalidIpForNetwork"),
    ({"fixed_ips": [{"ip_address": "foo"}]}, 400, "HTTPBadRequest"),
    ({"fixed_ips": [{"subnet_id": UUID}]}, 404, "SubnetNotFound"),
    ({"network_id": UUID}, 404, "NetworkNotFound"),
    ({"network_id": "xx"}, 400, "HTTPBadRequest"),
    ({"zork": 1}, 400, "HTTPBadRequest"),
    ({"mac_address": "zz"}, 400, "HTTPBadRequest"),
    ({"binding:host_id": "x"}, 403, "PolicyNotAuthorized"),
    ({"security_groups": [UUID]}, 404, "SecurityGroupNotFound"),
    ({"security_groups": ["q"]}, 400, "HTTPBadRequest"),
    ({"port_security_enabled": False, "security_groups": [UUID]}, 400, "PortSecurityAndIPRequiredForSecurityGroups"),
    ({"allowed_address_pairs": [{"ip_address": "x"}]}, 400, "HTTPBadRequest"),
    ({"allowed_address_pairs": [{"ip_address": "10.1.1.1"}] * 2}, 400, "DuplicateAddressPairInRequest"),
    ({"admin_state_up": "maybe"}, 400, "InvalidInput"),
    ({"name": 5}, 400, "HTTPBadRequest"),
    ({"name": "x" * 256}, 400, "HTTPBadRequest"),
    ({"tenant_id": "abcd"}, 400, "HTTPBadRequest"),
    ({"project_id": "abcd"}, 400, "HTTPBadRequest"),
    ({"status": "ACTIVE"}, 400, "HTTPBadRequest"),
]


@pytest.mark.parametrize(("fields", "status", "kind"), PORTS)
def test_ports_that_are_refused(demo, net, fields, status, kind):
    subnet(demo, net)
    make(demo, "ports", network_id=net["id"], fixed_ips=[{"ip_address": "10.50.0.9"}])
    answer = demo.post("network", "/v2.0/ports", {"port": {"network_id": net["id"], **fields}})
    assert error(answer) == (status, kind)
    listed = demo.get("network", f"/v2.0/ports?network_id={net['id']}").json()["ports"]
    assert len(listed) == 1


NETWORKS = [
    ({"router:external": True}, 403, "PolicyNotAuthorized"),
    ({"shared": True}, 403, "PolicyNotAuthorized"),
    ({"provider:network_type": "vxlan"}, 403, "PolicyNotAuthorized"),
    ({"is_default": True}, 403, "PolicyNotAuthorized"),
    ({"mtu": "q"}, 400, "InvalidInput"),
    ({"mtu": 99999}, 400, "InvalidInput"),
    ({"availability_zone_hints": ["nova"]}, 404, "AvailabilityZoneNotFound"),
    ({"dns_domain": "foo"}, 400, "HTTPBadRequest"),
    ({"qos_policy_id": UUID}, 404, "QosPolicyNotFound"),
    ({"tags": ["a"]}, 400, "HTTPBadRequest"),
    ({"value_specs": {}}, 400, "HTTPBadRequest"),
]


@pytest.mark.parametrize(("fields", "status", "kind"), NETWORKS)
def test_networks_that_are_refused(demo, fields, status, kind):
    assert error(demo.post("network", "/v2.0/networks", {"network": fields})) == (status, kind)


def test_what_is_in_use_stays(demo, net):
    low = subnet(demo, net)
    port = make(demo, "ports", network_id=net["id"])
    refused = demo.delete("network", f"/v2.0/networks/{net['id']}")
    assert error(refused) == (409, "NetworkInUse")
    assert port["id"] in refused.json()["NeutronError"]["message"]
    assert error(demo.delete("network", f"/v2.0/subnets/{low['id']}")) == (409, "SubnetInUse")
    demo.delete("network", f"/v2.0/ports/{port['id']}")
    assert demo.delete("network", f"/v2.0/networks/{net['id']}").status_code == 204
    assert error(demo.get("network", f"/v2.0/subnets/{low['id']}")) == (404, "SubnetNotFound")


def test_projects_do_not_see_each_other(demo, alt, admin, net):
    low = subnet(demo, net)
    port = make(demo, "ports", network_id=net["id"])
    for plural, item in (("networks", net), ("subnets", low), ("ports", port)):
        assert alt.get("network", f"/v2.0/{plural}/{item['id']}").status_code == 404
        assert alt.put("network", f"/v2.0/{plural}/{item['id']}", {plural[:-1]: {"name": "x"}}).status_code == 404
        assert alt.delete("network", f"/v2.0/{plural}/{item['id']}").status_code == 404
        assert item["id"] not in alt.get("network", f"/v2.0/{plural}").text
        assert get(admin, plural, item["id"])["id"] == item["id"]
    refused = alt.post("network", "/v2.0/ports", {"port": {"network_id": net["id"]}})
    assert error(refused) == (404, "NetworkNotFound")


def test_lists_filter_sort_page_and_select(demo):
    for name in ("q1", "q2", "q3"):
        make(demo, "networks", name=name, description="listed")
    path = "/v2.0/networks?description=listed"
    assert len(demo.get("network", f"{path}&name=q1&name=q3").json()["networks"]) == 2
    assert not demo.get("network", f"{path}&shared=true").json()["networks"]
    page = demo.get("network", f"{path}&fields=name&sort_key=name&sort_dir=desc&limit=2").json()
    assert page["networks"] == [{"name": "q3"}, {"name": "q2"}]
    following = next(link["href"] for link in page["networks_links"] if link["rel"] == "next")
    rest = demo.http.get(following).json()["networks"]
    assert rest == [{"name": "q1"}]
    assert error(demo.get("network", "/v2.0/networks?marker=foo&limit=1")) == (404, "NetworkNotFound")


def test_several_at_once_or_none(demo):
    both = demo.post("network", "/v2.0/networks", {"networks": [{"name": "b1"}, {"name": "b2"}]})
    assert [n["name"] for n in both.json()["networks"]] == ["b1", "b2"]
    half = demo.post("network", "/v2.0/networks", {"networks": [{"name": "b3"}, {"nome": "b4"}]})
    assert error(half) == (400, "HTTPBadRequest")
    assert not demo.get("network", "/v2.0/networks?name=b3").json()["networks"]


def test_tags(demo, net):
    path = f"/v2.0/networks/{net['id']}/tags"
    assert demo.put("network", path, {"tags": ["b", "a"]}).json() == {"tags": ["a", "b"]}
    assert demo.put("network", path + "/c").status_code == 201
    assert demo.get("network", path + "/c").status_code == 204
    assert error(demo.delete("network", path + "/zork")) == (404, "TagNotFound")
    assert [n["id"] for n in demo.get("network", "/v2.0/networks?tags=a,c").json()["networks"]] == [net["id"]]
    assert error(demo.put("network", path, {"tags": "x"})) == (400, "InvalidInput")
    assert demo.delete("network", path).status_code == 204
    assert get(demo, "networks", net["id"])["tags"] == []


def test_quotas_bind(alt, admin):
    path = f"/v2.0/quotas/{alt.project_id}"
    assert error(alt.put("network", path, {"quota": {"network": 1}})) == (403, "PolicyNotAuthorized")
    used = len(alt.get("network", f"/v2.0/networks?project_id={alt.project_id}").json()["networks"])
    assert admin.put("network", path, {"quota": {"network": used + 1}}).json()["quota"]["network"] == used + 1
    make(alt, "networks")
    assert error(alt.post("network", "/v2.0/networks", {"network": {}})) == (409, "OverQuota")
    assert error(admin.put("network", path, {"quota": {"network": 0}})) == (400, "HTTPBadRequest")
    assert admin.delete("network", path).status_code == 204
    make(alt, "networks")


def test_discovery(cloud, demo):
    assert demo.get("network", "/").json()["versions"][0]["id"] == "v2.0"
    aliases = {e["alias"] for e in demo.get("network", "/v2.0/extensions").json()["extensions"]}
    assert {"router", "security-group", "quotas", "standard-attr-tag"} <= aliases
    assert demo.get("network", "/v2.0/extensions/zork").status_code == 404
    assert error(demo.get("network", "/v2.0/zorks")) == (404, "HTTPNotFound")
    assert error(demo.call("PATCH", "network", "/v2.0/networks/x")) == (405, "HTTPMethodNotAllowed")
