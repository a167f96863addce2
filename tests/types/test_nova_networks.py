"""Network entries of a server, as pure functions: validation, request bodies, and what an update comes to."""

from __future__ import annotations

from typing import Any

import pytest

from kamado.resources.nova import networks
from kamado.resources.nova.networks import Interface, InterfaceChanges

NET, SUBNET = "net-1", "sub-1"


def interface(port: str, network: str = NET, address: str = "10.0.0.5", subnet: str = SUBNET) -> Interface:
    return Interface(port, network, ((address, subnet),))


@pytest.mark.parametrize(
    ("nets", "groups", "words"),
    [
        ([{}], [], "should be set for the specified network of server"),
        ([{"allocate_network": "auto", "fixed_ip": "10.0.0.9"}], [], "with other keys of networks at the same time"),
        ([{"allocate_network": "auto"}, {"network": "n"}], [], "multiple network interfaces"),
        ([{"port": "p", "fixed_ip": "10.0.0.9"}], [], "networks/fixed_ip, networks/port"),
        ([{"port": "p"}], ["web"], "security_groups, networks/port"),
        ([{"network": "n", "floating_ip": "f"}], [], "the corresponding port can not be retrieved"),
    ],
)
def test_entries_that_contradict_themselves_are_refused(nets: list[Any], groups: list[Any], words: str) -> None:
    (problem,) = networks.problems("web", nets, groups)
    assert words in problem


def test_sound_entries_have_no_problems() -> None:
    nets = [{"network": "n"}, {"port": "p"}, {"network": "n", "subnet": "s", "floating_ip": "f"}]
    assert networks.problems("web", nets, []) == []


def test_an_internal_port_carries_address_groups_and_extra_properties() -> None:
    net = {
        "network": NET,
        "subnet": SUBNET,
        "fixed_ip": "10.0.0.9",
        "port_extra_properties": {
            "value_specs": {"dns_name": "web"},
            "admin_state_up": True,
            "qos_policy": "gold",
            "allowed_address_pairs": [{"ip_address": "10.0.0.99", "mac_address": None}],
        },
    }
    assert networks.needs_own_port(net)
    assert networks.port_body("web-port-0", net, NET, ["sg-1"]) == {
        "name": "web-port-0",
        "network_id": NET,
        "fixed_ips": [{"ip_address": "10.0.0.9", "subnet_id": SUBNET}],
        "security_groups": ["sg-1"],
        "dns_name": "web",
        "admin_state_up": True,
        "qos_policy_id": "gold",
        "allowed_address_pairs": [{"ip_address": "10.0.0.99"}],
    }


def test_a_port_without_addresses_says_so() -> None:
    body = networks.port_body("p", {"network": NET, "port_extra_properties": {"no_fixed_ips": True}}, NET, [])
    assert body["fixed_ips"] == []


def test_nova_is_told_the_port_or_the_network() -> None:
    assert networks.nic({"network": NET, "fixed_ip": "10.0.0.9", "tag": "front"}, None) == {
        "uuid": NET,
        "fixed_ip": "10.0.0.9",
        "tag": "front",
    }
    assert networks.nic({"network": NET}, "port-1") == {"port": "port-1"}


def test_entries_in_another_order_change_nothing() -> None:
    old = [{"network": NET}, {"network": "net-2"}]
    there = [interface("a"), interface("b", "net-2", "10.1.0.4", "sub-2")]
    assert networks.plan(old, list(reversed(old)), there, ()) == InterfaceChanges()


def test_one_entry_leaves_and_another_comes() -> None:
    there = [interface("a"), interface("b", "net-2", "10.1.0.4", "sub-2")]
    changes = networks.plan(
        [{"network": NET}, {"network": "net-2", "floating_ip": "fip-1"}],
        [{"network": NET}, {"network": "net-3"}],
        there,
        (),
    )
    assert changes == InterfaceChanges(release=("fip-1",), detach=("b",), attach=((1, {"network": "net-3"}),))


def test_two_interfaces_on_one_network_are_told_apart_by_their_addresses() -> None:
    there = [interface("a", address="10.0.0.5"), interface("b", address="10.0.0.6")]
    old = [{"network": NET}, {"network": NET, "fixed_ip": "10.0.0.5"}]
    assert networks.plan(old, [{"network": NET}], there, ()).detach == ("a",)


def test_an_internal_port_is_changed_in_place() -> None:
    old = [{"network": NET, "port_extra_properties": {"admin_state_up": True, "qos_policy": "gold"}}]
    new = [{"network": NET, "port_extra_properties": {"admin_state_up": False}}]
    changes = networks.plan(old, new, [interface("a")], {"a"})
    assert changes == InterfaceChanges(reshape=(("a", {"admin_state_up": False, "qos_policy_id": None}),))


def test_a_new_mac_address_needs_a_new_port() -> None:
    old = [{"network": NET, "port_extra_properties": {"mac_address": "fa:16:3e:00:00:01"}}]
    new = [{"network": NET, "port_extra_properties": {"mac_address": "fa:16:3e:00:00:02"}}]
    changes = networks.plan(old, new, [interface("a")], {"a"})
    assert changes.detach == ("a",)
    assert changes.attach == ((0, new[0]),)


def test_a_floating_ip_moves_without_touching_the_interface() -> None:
    old = [{"port": "a", "floating_ip": "fip-1"}]
    new = [{"port": "a", "floating_ip": "fip-2"}]
    changes = networks.plan(old, new, [interface("a")], ())
    assert changes == InterfaceChanges(release=("fip-1",), associate=(("fip-2", "a", None),))


@pytest.mark.parametrize("old", [[], [{"allocate_network": "auto"}]])
def test_what_nova_chose_goes_when_entries_are_named(old: list[Any]) -> None:
    changes = networks.plan(old, [{"network": "net-2"}], [interface("a")], ())
    assert changes == InterfaceChanges(detach=("a",), attach=((0, {"network": "net-2"}),))


def test_no_entries_left_means_the_network_that_nova_picks() -> None:
    changes = networks.plan([{"network": NET}], [], [interface("a")], ())
    assert changes == InterfaceChanges(detach=("a",), first_free=True)


def test_nothing_named_before_and_after_changes_nothing() -> None:
    assert networks.plan([], [], [interface("a")], ()) == InterfaceChanges()


def test_handing_the_choice_to_nova_detaches_all() -> None:
    changes = networks.plan([{"network": NET}], [{"allocate_network": "none"}], [interface("a")], ())
    assert changes == InterfaceChanges(detach=("a",))
