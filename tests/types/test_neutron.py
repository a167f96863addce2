"""What is special about single types of the network service; what they have in common is in `test_matrix`."""

import pytest
from tests.types.rig import REGISTRY, Rig
from tests.types.samples import network, reachable_port, subnet

from kamado.model.lifecycle import Action
from kamado.plugin import finders, lifecycle
from kamado.plugin.declare import Rest
from kamado.plugin.errors import ResourceInError, ResourceUnknownStatus, TemporaryError
from kamado.plugin.lifecycle import OutcomeKind
from kamado.plugin.rest import RestResource
from kamado.template.schema import ValuesInvalid


def test_taking_the_name_away_gives_the_physical_one(rig: Rig) -> None:
    net = rig.make("OS::Neutron::Net", {"name": "mine"})
    assert net.attribute("name") == "mine"
    rig.update(net, name=None)
    assert net.attribute("name") == net.physical_name
    assert net.physical_name.startswith("stack-it-")


def test_only_what_changed_is_sent_and_nothing_when_nothing_did(rig: Rig) -> None:
    net = rig.make("OS::Neutron::Net", {"tags": ["a"]})
    revision = net.show()["revision_number"]
    assert net.handle_update({}) == {"sides": [], "sent": False}
    assert net.show()["revision_number"] == revision
    assert net.update_request({"name": "b"}) == {"name": "b"}


def test_one_look_for_all_attributes_and_none_after_a_poll(rig: Rig) -> None:
    net = rig.make("OS::Neutron::Net", {})
    net.read_attributes(["status", "name", "mtu"])
    rig.local.faults.add(service="network", method="GET", path="/v2.0/networks/*", status=500, times=None)
    assert net.read_attributes(["status", "subnets"]) == {"status": "ACTIVE", "subnets": []}


def test_attributes_of_what_is_gone_are_none(rig: Rig) -> None:
    net = rig.make("OS::Neutron::Net", {})
    net.call("DELETE", net.item_path())
    rig.clock.ahead += 60
    assert net.read_attributes(["status", "show"]) == {"status": None, "show": None}


def test_states_on_the_way_bad_and_unknown(rig: Rig) -> None:
    net = rig.make("OS::Neutron::Net", {})
    ready = net.ready
    assert net.judge(ready, {"status": "BUILD"}) is False
    assert net.judge(ready, {"status": "DOWN"}) is True
    with pytest.raises(ResourceInError) as bad:
        net.judge(ready, {"status": "ERROR"})
    assert lifecycle.outcome(bad.value, "net").reason == (
        'ResourceInError: resources.net: Went to status ERROR due to "Unknown"'
    )
    with pytest.raises(ResourceUnknownStatus) as unknown:
        net.judge(ready, {"status": "ODD"})
    assert lifecycle.outcome(unknown.value, "net").reason == (
        'ResourceUnknownStatus: resources.net: Resource failed - Unknown status ODD due to "Unknown"'
    )


def test_old_names_of_properties_still_work(rig: Rig) -> None:
    known = network(rig)
    made = rig.make("OS::Neutron::Subnet", {"network_id": known["net"], "cidr": "10.70.0.0/24"})
    assert made.attribute("network_id") == known["net"]
    assert not lifecycle.diff(made.schema, {"network_id": "x"}, {"network": "x"})


def test_a_subnet_without_gateway(rig: Rig) -> None:
    known = network(rig)
    made = rig.make("OS::Neutron::Subnet", {"network": known["net"], "cidr": "10.70.0.0/24", "gateway_ip": ""})
    assert made.attribute("gateway_ip") is None


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        ({"network": "n"}, "At least one of the following properties must be specified: subnetpool, cidr."),
        ({"network": "n", "cidr": "10.0.0.0/8", "subnetpool": "p"},
         "Cannot define the following properties at the same time: subnetpool, cidr."),
        ({"network": "n", "cidr": "10.0.0.0/8", "ipv6_ra_mode": "slaac"},
         "ipv6_ra_mode and ipv6_address_mode are not supported for ipv4."),
        ({"network": "n", "cidr": "fd::/64", "ip_version": 6, "ipv6_ra_mode": "slaac", "ipv6_address_mode": "dhcpv6-stateful"},
         "When both ipv6_ra_mode and ipv6_address_mode are set, they must be equal."),
        ({"network": "n", "cidr": "10.0.0.0/8", "gateway_ip": "x"}, 'Gateway IP address "x" is in invalid format.'),
    ],
)  # fmt: skip
def test_a_subnet_that_makes_no_sense(properties: dict, text: str) -> None:
    cls = REGISTRY.get("OS::Neutron::Subnet", "")
    assert [str(finding) for finding in cls.validate(lifecycle.coerce(cls.schema, properties))] == [text]


def test_a_port_without_addresses(rig: Rig) -> None:
    known = subnet(rig)
    port = rig.make("OS::Neutron::Port", {"network": known["net"], "no_fixed_ips": True})
    assert port.attribute("fixed_ips") == []


def test_a_port_shows_its_network_and_subnets_whole(rig: Rig) -> None:
    known = subnet(rig)
    port = rig.make("OS::Neutron::Port", {"network": known["net"]})
    values = port.read_attributes(["network", "subnets", "network_id"])
    assert values["network"]["id"] == known["net"] == values["network_id"]
    assert [found["id"] for found in values["subnets"]] == [known["subnet"]]


def test_a_port_lets_its_address_go_for_a_replacement_and_takes_it_back(rig: Rig) -> None:
    known = subnet(rig)
    wanted = [{"subnet": known["subnet"], "ip_address": "10.81.0.77"}]
    old = rig.make("OS::Neutron::Port", {"network": known["net"], "fixed_ips": wanted})
    lifecycle.make_way(old)
    lifecycle.make_way(old)
    new = rig.make("OS::Neutron::Port", {"network": known["net"], "fixed_ips": wanted})
    assert new.attribute("fixed_ips")[0]["ip_address"] == "10.81.0.77"
    rig.run(new, Action.DELETE)
    lifecycle.take_back(old)
    assert old.show()["fixed_ips"][0]["ip_address"] == "10.81.0.77"


def test_a_port_goes_back_to_the_default_group(rig: Rig) -> None:
    known = subnet(rig)
    port = rig.make("OS::Neutron::Port", {"network": known["net"], "security_groups": [known["group"]]})
    rig.update(port, security_groups=None)
    assert port.attribute("security_groups") == [finders.find("neutron.security_group", "default", rig.cloud)]


def test_a_port_that_is_always_replaced() -> None:
    schema = REGISTRY.get("OS::Neutron::Port", "").schema
    always = {"replacement_policy": "REPLACE_ALWAYS"}
    assert lifecycle.diff(schema, {**always, "name": "a"}, {**always, "name": "b"}).must_replace
    assert not lifecycle.diff(schema, {"name": "a"}, {"name": "b"}).must_replace


def test_a_router_interface_has_heats_id_and_is_found_again(rig: Rig) -> None:
    known = subnet(rig)
    router = rig.make("OS::Neutron::Router", {})
    interface = rig.make("OS::Neutron::RouterInterface", {"router": router.physical_name, "subnet_id": known["subnet"]})
    assert interface.physical_id == f"{router.physical_id}:subnet_id={known['subnet']}"
    assert lifecycle.find(interface, rig.clock.now(), ()) == interface.physical_id
    rig.run(interface, Action.DELETE)
    assert lifecycle.find(interface, rig.clock.now(), ()) is None
    rig.run(interface, Action.DELETE)


def test_an_interface_of_a_port(rig: Rig) -> None:
    known = subnet(rig)
    router = rig.make("OS::Neutron::Router", {})
    port = rig.make("OS::Neutron::Port", {"network": known["net"]})
    interface = rig.make("OS::Neutron::RouterInterface", {"router": router.physical_id, "port": port.physical_id})
    assert interface.physical_id == f"{router.physical_id}:port_id={port.physical_id}"


def test_an_interface_waits_until_nobody_needs_it(rig: Rig) -> None:
    known = reachable_port(rig)
    address = rig.make("OS::Neutron::FloatingIP", {"floating_network": "public", "port_id": known["port"]})
    interface = next(resource for resource in rig.made if resource.name == "interface")
    with pytest.raises(Exception, match="required by one or more floating IPs") as busy:
        rig.run(interface, Action.DELETE)
    assert lifecycle.outcome(busy.value, "interface").kind is OutcomeKind.RETRY
    rig.update(address, port_id=None)
    assert address.read_attributes(["port_id", "fixed_ip_address"]) == {"port_id": None, "fixed_ip_address": None}


def test_a_floating_ip_is_given_and_taken_back(rig: Rig) -> None:
    known = reachable_port(rig)
    address = rig.make("OS::Neutron::FloatingIP", {"floating_network": "public"})
    values = {"floatingip_id": address.physical_id, "port_id": known["port"]}
    association = rig.make("OS::Neutron::FloatingIPAssociation", values)
    assert address.attribute("port_id") == known["port"]
    assert association.reference() == association.id
    other = rig.make("OS::Neutron::FloatingIP", {"floating_network": "public"})
    assert not rig.update(association, floatingip_id=other.physical_id).must_replace
    assert (address.attribute("port_id"), other.attribute("port_id")) == (None, known["port"])
    rig.run(association, Action.DELETE)
    assert other.attribute("port_id") is None


def test_what_somebody_else_has_by_now_is_not_taken_from_him(rig: Rig) -> None:
    known = reachable_port(rig)
    address = rig.make("OS::Neutron::FloatingIP", {"floating_network": "public"})
    second = rig.make("OS::Neutron::Port", {"network": known["net"]})
    association = rig.make(
        "OS::Neutron::FloatingIPAssociation", {"floatingip_id": address.physical_id, "port_id": known["port"]}
    )
    rig.make(
        "OS::Neutron::FloatingIPAssociation", {"floatingip_id": address.physical_id, "port_id": second.physical_id}
    )
    rig.run(association, Action.DELETE)
    assert address.attribute("port_id") == second.physical_id


def rules(group: object) -> list[tuple]:
    found = group.show()["security_group_rules"]  # type: ignore[attr-defined]
    return sorted((rule["direction"], rule["protocol"] or "", rule["port_range_min"] or 0) for rule in found)


def test_rules_of_a_group(rig: Rig) -> None:
    group = rig.make("OS::Neutron::SecurityGroup", {
        "rules": [{"protocol": "tcp", "port_range_min": 22, "port_range_max": 22}, {"remote_mode": "remote_group_id"}],
    })  # fmt: skip
    assert rules(group) == [("egress", "", 0), ("egress", "", 0), ("ingress", "", 0), ("ingress", "tcp", 22)]
    foreign = {"security_group": group.physical_id, "protocol": "udp", "port_range_min": 53, "port_range_max": 53}
    rig.make("OS::Neutron::SecurityGroupRule", foreign)
    rig.update(group, rules=[{"protocol": "tcp", "port_range_min": 80, "port_range_max": 80, "direction": "egress"}])
    assert rules(group) == [("egress", "tcp", 80), ("ingress", "udp", 53)]
    rig.update(group, rules=[])
    assert rules(group) == [("egress", "", 0), ("egress", "", 0), ("ingress", "udp", 53)]


def test_rules_are_made_once_though_a_crash_repeats_them(rig: Rig) -> None:
    group = rig.make(
        "OS::Neutron::SecurityGroup", {"rules": [{"protocol": "tcp", "port_range_min": 1, "port_range_max": 9}]}
    )
    before = rules(group)
    assert lifecycle.poll(group, Action.CREATE, None)
    assert rules(group) == before


def test_the_name_default_is_taken() -> None:
    (finding,) = REGISTRY.get("OS::Neutron::SecurityGroup", "").validate({"name": "default"})
    assert finding == 'Security groups cannot be assigned the name "default".'


def test_names_become_ids_and_wrong_ones_are_told(rig: Rig) -> None:
    known = network(rig)
    name = next(resource.physical_name for resource in rig.made if resource.name == "net")
    assert finders.find("neutron.network", name, rig.cloud) == known["net"]
    assert finders.check("neutron.network", known["net"], lambda: rig.cloud) is None
    assert (
        finders.check("neutron.network", "nope", lambda: rig.cloud) == "Unable to find network with name or id 'nope'"
    )
    rig.make("OS::Neutron::Net", {"name": "twice"})
    rig.make("OS::Neutron::Net", {"name": "twice"})
    assert "use an ID to be more specific" in str(finders.check("neutron.network", "twice", lambda: rig.cloud))


def test_a_name_that_others_have_too_is_not_taken_for_ours(rig: Rig) -> None:
    rig.make("OS::Neutron::Net", {"name": "same"})
    second = rig.build("OS::Neutron::Net", {"name": "same"})
    rig.local.faults.add(service="network", method="POST", path="/v2.0/networks", action="drop")
    with pytest.raises(TemporaryError) as lost:
        rig.run(second, Action.CREATE)
    assert lifecycle.outcome(lost.value, "it").unknown
    assert second.physical_id is None
    assert lifecycle.find(second, rig.clock.now(), {rig.made[0].physical_id}) is None


def test_a_look_that_fails_after_a_lost_answer_does_not_make_it_a_known_one(rig: Rig) -> None:
    assert rig.local is not None
    made = rig.build("OS::Neutron::Net", {})
    rig.local.faults.add(service="network", method="POST", path="/v2.0/networks", action="lose")
    rig.local.faults.add(service="network", method="GET", path="/v2.0/networks", status=403)
    with pytest.raises(TemporaryError) as lost:
        rig.run(made, Action.CREATE)
    assert lifecycle.outcome(lost.value).unknown
    made.set_physical_id(lifecycle.find(made, rig.clock.now(), ()))
    rig.made.append(made)
    assert made.physical_id is not None


def test_a_name_that_nothing_has_is_told_with_its_place(rig: Rig) -> None:
    router = rig.build("OS::Neutron::Router", {"external_gateway_info": {"network": "nope"}})
    with pytest.raises(finders.NotFoundByName) as missing:
        rig.run(router, Action.CREATE)
    assert lifecycle.outcome(missing.value, "a").reason == (
        "StackValidationFailed: resources.a: Property error: Properties.external_gateway_info.network: "
        "Unable to find network with name or id 'nope'"
    )
    port = rig.build("OS::Neutron::Port", {"network": "private", "security_groups": ["nope"]})
    with pytest.raises(finders.NotFoundByName) as missing:
        rig.run(port, Action.CREATE)
    assert (
        lifecycle.outcome(missing.value, "a").reason
        == "EntityNotFound: resources.a: The Resource (nope) could not be found."
    )


def test_protocols_may_be_numbers() -> None:
    schema = REGISTRY.get("OS::Neutron::SecurityGroupRule", "").schema
    assert lifecycle.coerce(schema, {"security_group": "g", "protocol": 6})["protocol"] == "6"
    with pytest.raises(ValuesInvalid, match=r'"300" is not an allowed value \[0, 1, 2'):
        lifecycle.coerce(schema, {"security_group": "g", "protocol": 300})


def test_what_a_cloud_cannot_have(rig: Rig) -> None:
    router, floating = REGISTRY.get("OS::Neutron::Router", ""), REGISTRY.get("OS::Neutron::FloatingIPAssociation", "")
    assert router.unavailable(rig.cloud) is None
    assert floating.unavailable(rig.cloud) is None

    class Odd(RestResource):
        type_name = "My::Odd"
        service_type = "odd"

    assert Odd.unavailable(rig.cloud) == (
        "HEAT-E99001 Service odd is not available for resource type My::Odd, "
        "reason: odd odd endpoint is not in service catalog."
    )

    class Far(RestResource):
        type_name = "My::Far"
        service_type = "network"
        rest = Rest("network", path="/v2.0/far", envelope="far", extension=("far-away",))

    assert str(Far.unavailable(rig.cloud)).endswith("Required extension far-away in neutron service is not available.")


def test_what_keeps_a_network_from_going_is_named(rig: Rig) -> None:
    net = rig.make("OS::Neutron::Net", {})
    range_ = rig.make("OS::Neutron::Subnet", {"network": net.physical_id, "cidr": "10.9.0.0/24"})
    group = rig.make("OS::Neutron::SecurityGroup", {})
    body = {"network_id": net.physical_id, "name": "foreign", "security_groups": [group.physical_id]}
    port = net.call("POST", "/v2.0/ports", json={"port": body | {"device_owner": "compute:nova"}})["port"]["id"]
    for thing in (net, range_, group):
        assert [(one.id, one.words) for one in lifecycle.blockers(thing)] == [
            (port, f"port {port} (name foreign, device_owner compute:nova)")
        ]
    net.call("DELETE", f"/v2.0/ports/{port}")
    assert lifecycle.blockers(net) == []
