"""Servers against a compute service over real HTTP: made, changed in place, replaced, suspended, deleted, found again."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest
from tests.types.rig import Died, Rig, Saver

from kamado.cloud.failures import CloudError
from kamado.model.lifecycle import Action
from kamado.plugin import lifecycle
from kamado.plugin.errors import PermanentError, ResourceInError, TemporaryError
from kamado.plugin.registry import Registry
from kamado.plugin.resource import Resource
from kamado.resources.nova.server import create_microversion
from kamado.template import Environment, PseudoParameters, load
from kamado.template.unknown import UNKNOWN

SERVER = Registry.load().get("OS::Nova::Server", "")


class Net:
    """A network with a subnet, for servers to be on."""

    def __init__(self, rig: Rig, name: str, cidr: str) -> None:
        net = rig.make("OS::Neutron::Net", {}, name=name)
        self.id, self.name = str(net.physical_id), net.physical_name
        subnet = rig.make("OS::Neutron::Subnet", {"network": self.id, "cidr": cidr}, name=f"{name}-subnet")
        self.subnet, self.subnet_name = str(subnet.physical_id), subnet.physical_name


@pytest.fixture
def net(rig: Rig) -> Net:
    return Net(rig, "one", "10.91.0.0/24")


@pytest.fixture
def other(rig: Rig) -> Net:
    return Net(rig, "two", "10.92.0.0/24")


def server(rig: Rig, nets: list[Any], **properties: Any) -> Resource:
    values = {"image": "cirros", "flavor": "m1.tiny", "networks": nets, "user_data_format": "RAW", **properties}
    return rig.make("OS::Nova::Server", values, name="web")


def nova(rig: Rig) -> Any:
    assert rig.cloud is not None
    return rig.cloud.service("compute")


def neutron(rig: Rig) -> Any:
    assert rig.cloud is not None
    return rig.cloud.service("network")


def shown(rig: Rig, made: Resource) -> dict[str, Any]:
    body: dict[str, Any] = nova(rig).get(f"/servers/{made.physical_id}")["server"]
    return body


def ports(rig: Rig, made: Resource) -> dict[str, str]:
    """Network → port of a server."""
    found = neutron(rig).list("/v2.0/ports", "ports", {"device_id": made.physical_id})
    return {port["network_id"]: port["id"] for port in found}


def forget(rig: Rig, made: Resource) -> None:
    """Lets the short memory of the last look run out."""
    rig.clock.sleep(5)


# What a template may say.


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({}, "Neither image nor bootable volume is specified"),
        ({"image": "a", "block_device_mapping_v2": [{"volume_id": "v"}]}, "Multiple bootable sources"),
        ({"block_device_mapping_v2": [{"volume_id": "v", "image": "i"}]}, "Cannot define the following properties"),
        ({"block_device_mapping_v2": [{"device_name": "vda"}]}, "Either volume_id, snapshot_id, image_id"),
        ({"block_device_mapping": [{"device_name": "vda"}]}, "must be specified for device mapping vda"),
        ({"image": "a", "networks": [{}]}, 'One of the properties "network", "port"'),
        ({"image": "a", "networks": [{"port": "p"}], "security_groups": ["g"]}, "security_groups, networks/port"),
    ],
)
def test_what_does_not_fit_is_refused(properties: dict[str, Any], words: str) -> None:
    assert any(words in finding for finding in SERVER.validate(properties))


@pytest.mark.parametrize(
    "properties",
    [
        {"image": UNKNOWN, "networks": UNKNOWN, "security_groups": UNKNOWN},
        {"image": "a", "networks": [{"port": UNKNOWN}, {"network": UNKNOWN, "port_extra_properties": UNKNOWN}]},
        {"block_device_mapping_v2": [{"volume_id": UNKNOWN}]},
        {"block_device_mapping": [{"device_name": "vda", "volume_id": "v"}]},
        {"image": "a", "block_device_mapping_v2": [{"volume_id": "v", "boot_index": -1}]},
        {"image": "a", "networks": [{"allocate_network": UNKNOWN}]},
    ],
)
def test_what_may_fit_is_not_judged(properties: dict[str, Any]) -> None:
    assert SERVER.validate(properties) == []


@pytest.mark.parametrize(
    ("properties", "microversion"),
    [
        ({}, None),
        ({"networks": [{"allocate_network": "none"}]}, "2.37"),
        ({"networks": [{"network": "n", "tag": "t"}]}, "2.42"),
        ({"block_device_mapping_v2": [{"image": "i", "volume_type": "fast"}]}, "2.67"),
    ],
)
def test_the_lowest_microversion_that_will_do(properties: dict[str, Any], microversion: str | None) -> None:
    assert create_microversion(properties) == microversion


# Making.


def test_least(rig: Rig, net: Net) -> None:
    made = server(rig, [{"network": net.name}])
    body = shown(rig, made)
    assert body["status"] == "ACTIVE"
    assert body["name"] == made.physical_name
    assert len(made.physical_name) <= 53
    assert made.data == {}
    assert made.reference() == made.physical_id
    rig.run(made, Action.CHECK)


def test_everything_is_said(rig: Rig, net: Net) -> None:
    rig.make("OS::Nova::KeyPair", {"name": "for-web"}, name="key")
    group = rig.make("OS::Nova::ServerGroup", {"policies": ["soft-affinity"]}, name="together")
    secgroup = rig.make("OS::Neutron::SecurityGroup", {}, name="open")
    made = server(
        rig, [{"network": net.id}], name="full", key_name="for-web", metadata={"a": 1, "b": "two", "c": [1]},
        tags=["x", "y"], config_drive=True, diskConfig="MANUAL", admin_pass="geheim", user_data="#!/bin/sh\n",
        security_groups=[secgroup.physical_name], availability_zone="nova",
        scheduler_hints={"group": group.physical_id},
    )  # fmt: skip
    body = shown(rig, made)
    assert (body["name"], body["key_name"]) == ("full", "for-web")
    assert body["metadata"] == {"a": "1", "b": "two", "c": "[1]"}
    assert [item["name"] for item in body["security_groups"]] == [secgroup.physical_name]
    assert body["OS-DCF:diskConfig"] == "MANUAL"
    assert sorted(made.attribute("tags")) == ["x", "y"]
    assert made.physical_id in group.attribute("show")["members"]
    assert "geheim" not in repr(made)
    assert "admin_pass" in made.schema.secrets


def test_the_request_carries_cloud_init_for_cfntools(rig: Rig, net: Net) -> None:
    made = rig.build(
        "OS::Nova::Server",
        {"image": "cirros", "flavor": "m1.tiny", "networks": [{"network": net.id}], "user_data": "echo hello"},
    )
    request = made.create_request()  # type: ignore[attr-defined]
    text = base64.b64decode(request["user_data"]).decode()
    assert "multipart/mixed" in text
    assert 'filename="cfn-userdata"' in text
    assert "echo hello" in text


def test_attributes_of_the_network(rig: Rig, net: Net) -> None:
    made = server(rig, [{"network": net.id, "fixed_ip": "10.91.0.20"}])
    values = made.read_attributes([])
    assert values["name"] == made.physical_name
    assert values["first_address"] == "10.91.0.20"
    assert values["networks"] == {net.name: ["10.91.0.20"], net.id: ["10.91.0.20"]}
    (entry,) = values["addresses"][net.name]
    assert values["addresses"][net.id] == [entry]
    assert (entry["addr"], entry["version"], entry["OS-EXT-IPS:type"]) == ("10.91.0.20", 4, "fixed")
    assert entry["port"] == ports(rig, made)[net.id]
    assert entry["network"]["name"] == net.name
    assert [subnet["id"] for subnet in entry["subnets"]] == [net.subnet]
    assert values["os_collect_config"] == {}
    assert set(values["console_urls"]) == {"novnc", "xvpvnc", "spice-html5", "rdp-html5", "serial", "webmks"}
    assert made.attribute("show")["id"] == made.physical_id


def test_nothing_is_known_of_a_server_that_is_not_there(rig: Rig) -> None:
    made = rig.build("OS::Nova::Server", {"image": "cirros", "flavor": "m1.tiny"})
    assert made.read_attributes(["networks", "show"]) == {"networks": None, "show": None}


def test_internal_ports_are_made_named_and_taken_away(rig: Rig, net: Net) -> None:
    made = server(rig, [{"subnet": net.subnet_name, "fixed_ip": "10.91.0.30"}])
    (port,) = made.data["internal_ports"]
    assert ports(rig, made) == {net.id: port}
    body = neutron(rig).get(f"/v2.0/ports/{port}")["port"]
    assert body["name"] == f"{made.physical_name}-port-0"
    assert body["fixed_ips"] == [{"subnet_id": net.subnet, "ip_address": "10.91.0.30"}]
    rig.run(made, Action.DELETE)
    assert neutron(rig).get(f"/v2.0/ports/{port}", ok=(404,)) is None


def test_a_port_with_extra_properties_and_groups(rig: Rig, net: Net) -> None:
    group = rig.make("OS::Neutron::SecurityGroup", {}, name="group")
    extra = {"value_specs": {"description": "said"}, "allowed_address_pairs": [{"ip_address": "10.91.0.99"}]}
    made = server(rig, [{"network": net.id, "port_extra_properties": extra}], security_groups=[group.physical_name])
    body = neutron(rig).get(f"/v2.0/ports/{made.data['internal_ports'][0]}")["port"]
    assert body["description"] == "said"
    assert body["security_groups"] == [group.physical_id]
    assert [pair["ip_address"] for pair in body["allowed_address_pairs"]] == ["10.91.0.99"]


def test_a_subnet_of_another_network_is_refused(rig: Rig, net: Net, other: Net) -> None:
    with pytest.raises(PermanentError, match="does not belongs to network"):
        server(rig, [{"network": other.id, "subnet": net.subnet}])
    rig.made.pop()


def test_no_network_at_all(rig: Rig) -> None:
    made = server(rig, [{"allocate_network": "none"}])
    assert made.attribute("networks") == {}


def test_boot_from_a_volume(rig: Rig, net: Net) -> None:
    volume = rig.make("OS::Cinder::Volume", {"size": 1, "image": "cirros"}, name="disk")
    made = server(rig, [{"network": net.id}], image=None, block_device_mapping_v2=[{"volume_id": volume.physical_id}])
    attached = shown(rig, made)["os-extended-volumes:volumes_attached"]
    assert [item["id"] for item in attached] == [volume.physical_id]
    rig.run(made, Action.DELETE)


def test_a_server_in_error_tells_its_fault(rig: Rig, net: Net) -> None:
    assert rig.local is not None
    rig.local.faults.build("compute.servers", fail="No valid host was found.", times=1)
    with pytest.raises(ResourceInError) as failed:
        server(rig, [{"network": net.id}])
    assert lifecycle.outcome(failed.value, "web").reason == (
        'ResourceInError: resources.web: Went to status ERROR due to "Message: No valid host was found., Code: 500"'
    )
    assert rig.made[-1].needs_replace_failed()


# Changing.


def test_names_metadata_and_tags_there_and_back(rig: Rig, net: Net) -> None:
    made = server(rig, [{"network": net.id}], name="a", metadata={"a": "1"}, tags=["a"])
    before = made.physical_id
    for changes in ({"name": "b"}, {"name": "a"}, {"metadata": {"b": "2"}}, {"metadata": {}}, {"metadata": {"a": "1"}}):
        assert not rig.update(made, **changes).must_replace
        body = shown(rig, made)
        assert all(body[name] == value for name, value in changes.items())
    for tags in (["b", "c"], [], ["a"]):
        rig.update(made, tags=tags)
        assert sorted(made.attribute("tags")) == tags
    rig.update(made, name=None)
    assert shown(rig, made)["name"] == made.physical_name
    assert made.physical_id == before


def test_another_flavor_by_resize_or_by_replacement(rig: Rig, net: Net) -> None:
    made = server(rig, [{"network": net.id}])
    small = nova(rig).get("/flavors")["flavors"]
    ids = {flavor["name"]: flavor["id"] for flavor in small}
    for flavor in ("m1.small", "m1.tiny"):
        assert not rig.update(made, flavor=flavor).must_replace
        body = shown(rig, made)
        assert (body["flavor"]["id"], body["status"]) == (ids[flavor], "ACTIVE")
    changed = {**made.properties, "flavor": "m1.small", "flavor_update_policy": "REPLACE"}
    assert lifecycle.diff(SERVER.schema, made.properties, changed).must_replace


def test_another_image_by_rebuild_or_by_replacement(rig: Rig, net: Net) -> None:
    image = rig.make(
        "OS::Glance::WebImage",
        {"disk_format": "raw", "container_format": "bare", "location": "http://images.example/b.raw"},
        name="image",
    )
    made = server(rig, [{"network": net.id}], metadata={"a": "1"})
    before = made.physical_id
    for name, policy in ((image.physical_name, "REBUILD"), ("cirros", "REBUILD_PRESERVE_EPHEMERAL")):
        try:
            rig.update(made, image=name, image_update_policy=policy)
        except CloudError as refused:
            # Real hypervisors refuse to keep ephemeral disks; the words are the cloud's.
            assert policy == "REBUILD_PRESERVE_EPHEMERAL", refused  # noqa: PT017
    body = shown(rig, made)
    assert body["status"] == "ACTIVE"
    assert body["metadata"] == {"a": "1"}
    assert made.physical_id == before
    changed = {**made.properties, "image": "another", "image_update_policy": "REPLACE"}
    assert lifecycle.diff(SERVER.schema, made.properties, changed).must_replace


@pytest.mark.parametrize(("policy", "replaced"), [("REPLACE", True), ("REBUILD", False), ("IGNORE", False)])
def test_other_user_data(rig: Rig, net: Net, policy: str, replaced: bool) -> None:
    made = server(rig, [{"network": net.id}], user_data="a", user_data_update_policy=policy)
    changed = {**made.properties, "user_data": "b"}
    assert lifecycle.diff(SERVER.schema, made.properties, changed).must_replace is replaced
    if not replaced:
        rig.update(made, user_data="b")
        assert shown(rig, made)["status"] == "ACTIVE"


def test_a_new_password(rig: Rig, net: Net) -> None:
    made = server(rig, [{"network": net.id}], admin_pass="first")
    rig.update(made, admin_pass="second")
    assert shown(rig, made)["status"] == "ACTIVE"


def test_cards_come_and_go(rig: Rig, net: Net, other: Net) -> None:
    made = server(rig, [{"network": net.id}])
    first = ports(rig, made)[net.id]
    rig.update(made, networks=[{"network": net.id}, {"subnet": other.subnet}])
    (internal,) = made.data["internal_ports"]
    assert ports(rig, made) == {net.id: first, other.id: internal}
    rig.update(made, networks=[{"network": net.id}, {"network": other.id, "subnet": other.subnet}])
    assert ports(rig, made) == {net.id: first, other.id: internal}
    port = rig.make("OS::Neutron::Port", {"network": other.id}, name="port")
    rig.update(made, networks=[{"network": net.id}, {"port": port.physical_id}])
    assert ports(rig, made) == {net.id: first, other.id: port.physical_id}
    assert neutron(rig).get(f"/v2.0/ports/{internal}", ok=(404,)) is None
    rig.update(made, networks=[{"network": net.id}])
    assert ports(rig, made) == {net.id: first}
    assert neutron(rig).get(f"/v2.0/ports/{port.physical_id}")["port"]["device_id"] == ""


def test_an_internal_port_is_changed_where_it_is(rig: Rig, net: Net) -> None:
    made = server(rig, [{"network": net.id, "port_extra_properties": {"value_specs": {"description": "a"}}}])
    before = made.data["internal_ports"]
    rig.update(made, networks=[{"network": net.id, "port_extra_properties": {"value_specs": {"description": "b"}}}])
    assert made.data["internal_ports"] == before
    assert neutron(rig).get(f"/v2.0/ports/{before[0]}")["port"]["description"] == "b"


def test_a_floating_ip_of_an_entry(rig: Rig, net: Net) -> None:
    router = rig.make("OS::Neutron::Router", {"external_gateway_info": {"network": "public"}}, name="router")
    rig.make("OS::Neutron::RouterInterface", {"router": router.physical_id, "subnet": net.subnet}, name="interface")
    floating = rig.make("OS::Neutron::FloatingIP", {"floating_network": "public"}, name="floating")
    made = server(rig, [{"subnet": net.subnet, "floating_ip": floating.physical_id}])

    def target() -> Any:
        return neutron(rig).get(f"/v2.0/floatingips/{floating.physical_id}")["floatingip"]["port_id"]

    assert target() == made.data["internal_ports"][0]
    kinds = [entry["OS-EXT-IPS:type"] for entry in made.attribute("addresses")[net.name]]
    assert kinds == ["floating", "fixed"]
    rig.update(made, networks=[{"subnet": net.subnet}])
    assert target() is None
    rig.update(made, networks=[{"subnet": net.subnet, "floating_ip": floating.physical_id}])
    assert target() == made.data["internal_ports"][0]


def test_what_cannot_be_changed_is_replaced() -> None:
    for name in ("key_name", "availability_zone", "config_drive", "security_groups", "scheduler_hints"):
        assert lifecycle.diff(SERVER.schema, {name: "a"}, {name: "b"}).replace == (name,)


def test_an_update_goes_on_without_its_token(rig: Rig, net: Net, other: Net) -> None:
    """The process died after the handler had begun: what is left to do is found out again."""
    made = server(rig, [{"network": net.id}])
    old = dict(made.properties)
    new = lifecycle.coerce(SERVER.schema, {**old, "flavor": "m1.small", "networks": [{"network": other.id}]})
    made.record = replace(made.record, properties=old)
    made.properties = new
    for _ in range(300):
        if lifecycle.poll(made, Action.UPDATE, None):
            break
        rig.clock.sleep(1)
    assert list(ports(rig, made)) == [other.id]
    ids = {flavor["name"]: flavor["id"] for flavor in nova(rig).get("/flavors")["flavors"]}
    assert shown(rig, made)["flavor"]["id"] == ids["m1.small"]
    assert "steps_left" not in made.data


# What comes first.


def test_subnets_of_its_networks_come_first() -> None:
    text = """
heat_template_version: 2018-08-31
resources:
  net: {type: OS::Neutron::Net}
  other: {type: OS::Neutron::Net}
  mine: {type: OS::Neutron::Subnet, properties: {network: {get_resource: net}, cidr: 10.0.0.0/24}}
  theirs: {type: OS::Neutron::Subnet, properties: {network: {get_resource: other}, cidr: 10.1.0.0/24}}
  port: {type: OS::Neutron::Port, properties: {network: {get_resource: net}}}
  named:
    type: OS::Nova::Server
    properties: {flavor: f, image: i, networks: [{network: {get_resource: net}}]}
  by_port:
    type: OS::Nova::Server
    properties: {flavor: f, image: i, networks: [{port: {get_resource: port}}]}
  none: {type: OS::Nova::Server, properties: {flavor: f, image: i}}
"""
    template = load(text)
    parameters = template.bind(Environment(), PseudoParameters("s", "i", "p"))
    definitions = template.definitions(parameters)
    before = {name: SERVER.implied_by(name, definitions[name], definitions) for name in ("named", "by_port", "none")}
    assert before == {"named": {"mine"}, "by_port": {"mine", "theirs"}, "none": set()}


# Making way for another.


def test_a_replacement_gets_the_ports(rig: Rig, net: Net, other: Net) -> None:
    port = rig.make("OS::Neutron::Port", {"network": net.id}, name="port")
    nets = [{"port": port.physical_id}, {"network": other.id}]
    old = server(rig, nets)
    kept = ports(rig, old)[other.id]
    old.record = replace(old.record, properties=dict(old.properties))
    for _ in range(100):
        try:
            lifecycle.make_way(old)
            break
        except TemporaryError:
            continue
    assert ports(rig, old) == {other.id: kept}
    new = server(rig, nets)
    assert ports(rig, new)[net.id] == port.physical_id
    rig.run(new, Action.DELETE)
    lifecycle.take_back(old)
    lifecycle.take_back(old)
    assert ports(rig, old) == {net.id: port.physical_id, other.id: kept}


# Suspending, snapshots, deleting.


def test_suspend_and_resume(rig: Rig, net: Net) -> None:
    made = server(rig, [{"network": net.id}])
    for _ in range(2):
        rig.run(made, Action.SUSPEND)
        assert shown(rig, made)["status"] == "SUSPENDED"
    for _ in range(2):
        rig.run(made, Action.RESUME)
        assert shown(rig, made)["status"] == "ACTIVE"


def test_a_snapshot_is_an_image(rig: Rig, net: Net) -> None:
    assert rig.cloud is not None
    made = server(rig, [{"network": net.id}])
    rig.run(made, Action.SNAPSHOT)
    image = made.data["snapshot_image_id"]
    glance = rig.cloud.service("image")
    assert glance.get(f"/v2/images/{image}")["status"] == "active"
    rig.run(made, "delete_snapshot", {"resource_data": made.data})
    assert glance.get(f"/v2/images/{image}", ok=(404,)) is None


def test_deleting_with_an_image_first(rig: Rig, net: Net) -> None:
    assert rig.cloud is not None
    made = server(rig, [{"network": net.id}])
    rig.run(made, "snapshot_delete")
    glance = rig.cloud.service("image")
    assert glance.get(f"/v2/images/{made.data['snapshot_image_id']}")["status"] == "active"
    assert nova(rig).get(f"/servers/{made.physical_id}", ok=(404,)) is None
    glance.delete(f"/v2/images/{made.data['snapshot_image_id']}")


def test_gone_is_gone(rig: Rig, net: Net) -> None:
    made = server(rig, [{"network": net.id}])
    rig.run(made, Action.DELETE)
    rig.run(made, Action.DELETE)
    assert made.needs_replace_failed()
    forget(rig, made)
    assert made.attribute("networks") == ""
    with pytest.raises(PermanentError) as gone:
        rig.run(made, Action.CHECK)
    assert lifecycle.outcome(gone.value, "web").reason.startswith("NotFound: resources.web: ")


# After a crash.


def test_what_a_dead_process_made_is_found(rig: Rig, net: Net) -> None:
    started = rig.clock.now()
    values = {"image": "cirros", "flavor": "m1.tiny", "networks": [{"network": net.id}], "name": "a.b+c"}
    made = rig.build("OS::Nova::Server", values, saver=Saver(dies=True))
    with pytest.raises(Died):
        rig.run(made, Action.CREATE)
    survivor = rig.again(made.record, made.properties)
    orphan = survivor.find_existing(started, ())
    assert orphan is not None
    assert survivor.find_existing(started, {orphan}) is None
    survivor.set_physical_id(orphan)
    rig.made.append(survivor)
    rig.run(rig.again(replace(made.record, physical_id=orphan), made.properties), Action.CHECK)


@pytest.mark.parametrize("action", ["lose", "drop"])
def test_a_lost_answer_makes_one_server(rig: Rig, net: Net, action: str) -> None:
    assert rig.local is not None
    rig.local.faults.add(service="compute", method="POST", path="/v2.1/servers", action=action)
    made = rig.build(
        "OS::Nova::Server", {"image": "cirros", "flavor": "m1.tiny", "networks": [{"subnet": net.subnet}]}, name="web"
    )
    rig.made.append(made)
    try:
        rig.run(made, Action.CREATE)
    except TemporaryError as error:
        assert error.unknown  # noqa: PT017
        rig.run(made, Action.CREATE)
    same = [found for found in nova(rig).get("/servers")["servers"] if found["name"] == made.physical_name]
    assert [found["id"] for found in same] == [made.physical_id]
    mine = neutron(rig).list("/v2.0/ports", "ports", {"name": f"{made.physical_name}-port-0"})
    assert [port["id"] for port in mine] == made.data["internal_ports"]


def test_a_port_whose_answer_was_lost_is_made_once(rig: Rig, net: Net) -> None:
    assert rig.local is not None
    made = rig.build(
        "OS::Nova::Server", {"image": "cirros", "flavor": "m1.tiny", "networks": [{"subnet": net.subnet}]}, name="web"
    )
    rig.made.append(made)
    rig.local.faults.add(service="network", method="POST", path="/v2.0/ports", action="lose")
    with pytest.raises(CloudError) as lost:
        rig.run(made, Action.CREATE)
    assert lifecycle.outcome(lost.value).unknown
    rig.run(made, Action.CREATE)
    mine = neutron(rig).list("/v2.0/ports", "ports", {"name": f"{made.physical_name}-port-0"})
    assert [port["id"] for port in mine] == made.data["internal_ports"]


def test_ports_of_a_server_that_never_was_are_taken_away(rig: Rig, net: Net) -> None:
    assert rig.local is not None
    made = rig.build(
        "OS::Nova::Server", {"image": "cirros", "flavor": "m1.tiny", "networks": [{"subnet": net.subnet}]}, name="web"
    )
    rig.local.faults.add(service="network", method="POST", path="/v2.0/ports", action="lose")
    with pytest.raises(CloudError):
        rig.run(made, Action.CREATE)
    rig.run(made, Action.DELETE)
    assert neutron(rig).list("/v2.0/ports", "ports", {"name": f"{made.physical_name}-port-0"}) == []
    assert made.data == {}
