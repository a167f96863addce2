"""Key pairs, flavors and server groups: what is theirs beyond plain REST."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.types.rig import Died, Rig, Saver

from kamado.model.lifecycle import Action
from kamado.plugin import lifecycle
from kamado.plugin.errors import TemporaryError
from kamado.plugin.lifecycle import OutcomeKind
from kamado.plugin.resource import Resource

PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBJ2Vx5XEqZ0fS0pdEuXfD0dRsUvGmU5pTn0lQJQmYxK somebody"


def compute(rig: Rig) -> Any:
    assert rig.cloud is not None
    return rig.cloud.service("compute")


def keys(rig: Rig) -> set[str]:
    return {item["keypair"]["name"] for item in compute(rig).get("/os-keypairs")["keypairs"]}


def access(rig: Rig, flavor: Resource) -> set[str]:
    found = compute(rig).get(f"/flavors/{flavor.physical_id}/os-flavor-access")
    return {item["tenant_id"] for item in found["flavor_access"]}


def extra_specs(rig: Rig, flavor: Resource) -> dict[str, str]:
    specs: dict[str, str] = compute(rig).get(f"/flavors/{flavor.physical_id}/os-extra_specs")["extra_specs"]
    return specs


def test_a_key_that_was_brought_along(rig: Rig) -> None:
    made = rig.make("OS::Nova::KeyPair", {"name": "brought", "public_key": PUBLIC})
    assert made.physical_id == made.reference() == "brought"
    assert made.read_attributes(["public_key", "private_key"]) == {"public_key": PUBLIC, "private_key": ""}
    assert made.data == {}
    rig.run(made, Action.CHECK)


def test_a_key_that_nova_makes_and_we_keep(rig: Rig) -> None:
    made = rig.make("OS::Nova::KeyPair", {"name": "generated", "save_private_key": True, "type": "ssh"})
    private = made.attribute("private_key")
    assert "PRIVATE KEY" in private
    assert made.attribute("public_key").startswith("ssh-")
    assert private not in repr(made)
    assert type(made).secret


def test_a_key_that_nova_makes_and_nobody_keeps(rig: Rig) -> None:
    made = rig.make("OS::Nova::KeyPair", {"name": "thrown-away"})
    assert made.attribute("private_key") == ""
    assert made.data == {}


def test_a_key_with_an_odd_name(rig: Rig) -> None:
    made = rig.make("OS::Nova::KeyPair", {"name": "two words", "public_key": PUBLIC})
    rig.run(made, Action.CHECK)
    rig.run(made, Action.DELETE)
    assert "two words" not in keys(rig)
    rig.run(made, Action.DELETE)


def test_another_key_takes_the_name_over(rig: Rig) -> None:
    old = rig.make("OS::Nova::KeyPair", {"name": "handed-over", "public_key": PUBLIC})
    assert lifecycle.diff(old.schema, {"public_key": "a"}, {"public_key": "b"}).must_replace
    lifecycle.make_way(old)
    lifecycle.make_way(old)
    new = rig.make("OS::Nova::KeyPair", {"name": "handed-over"}, name="new")
    assert new.attribute("public_key") != PUBLIC


def test_a_key_comes_back_when_its_replacement_is_given_up(rig: Rig) -> None:
    old = rig.make("OS::Nova::KeyPair", {"name": "came-back", "save_private_key": True})
    public, private = old.attribute("public_key"), old.attribute("private_key")
    lifecycle.make_way(old)
    assert "came-back" not in keys(rig)
    new = rig.make("OS::Nova::KeyPair", {"name": "came-back", "public_key": PUBLIC}, name="new")
    lifecycle.make_way(new)
    lifecycle.take_back(old)
    lifecycle.take_back(old)
    assert compute(rig).get("/os-keypairs/came-back")["keypair"]["public_key"] == public
    assert old.attribute("private_key") == private
    rig.made.remove(new)


def test_a_lost_answer_costs_a_kept_key_but_makes_one(rig: Rig) -> None:
    """The private half was in the answer: the key that is there is of no use."""
    assert rig.local is not None
    rig.local.faults.add(service="compute", method="POST", path="/v2.1/os-keypairs", action="lose")
    made = rig.build("OS::Nova::KeyPair", {"name": "lost", "save_private_key": True})
    rig.made.append(made)
    with pytest.raises(TemporaryError) as lost:
        rig.run(made, Action.CREATE)
    outcome = lifecycle.outcome(lost.value)
    assert (outcome.kind, outcome.unknown) == (OutcomeKind.RETRY, True)
    assert "lost" in keys(rig)
    assert made.find_existing(rig.clock.now(), ()) is None
    assert "lost" not in keys(rig)
    rig.run(made, Action.CREATE)
    assert "PRIVATE KEY" in made.attribute("private_key")


def test_a_key_that_a_dead_process_brought_is_found(rig: Rig) -> None:
    started = rig.clock.now()
    made = rig.build("OS::Nova::KeyPair", {"name": "orphan", "public_key": PUBLIC}, saver=Saver(dies=True))
    with pytest.raises(Died):
        rig.run(made, Action.CREATE)
    survivor = rig.again(made.record, made.properties)
    assert survivor.find_existing(started, {"orphan"}) is None
    assert survivor.find_existing(started + timedelta(hours=1), ()) is None
    assert survivor.find_existing(started, ()) == "orphan"
    survivor.set_physical_id("orphan")
    rig.made.append(survivor)
    other = rig.build("OS::Nova::KeyPair", {"name": "orphan", "public_key": PUBLIC.replace("AAAAIB", "AAAAIC")})
    assert other.find_existing(started, ()) is None


def test_the_key_of_another_user(admin_rig: Rig) -> None:
    user = admin_rig.make("OS::Keystone::User", {"name": "key-owner"}, name="user")
    made = admin_rig.make("OS::Nova::KeyPair", {"name": "theirs", "public_key": PUBLIC, "user": "key-owner"})
    assert made.attribute("public_key") == PUBLIC
    assert "theirs" not in keys(admin_rig)
    assert made.attribute("show")["user_id"] == user.physical_id


def test_a_flavor_is_made_as_it_is_described(admin_rig: Rig) -> None:
    made = admin_rig.make(
        "OS::Nova::Flavor",
        {"name": "f.all", "flavorid": "f-all", "ram": 64, "vcpus": 2, "disk": 1, "swap": 8, "ephemeral": 1,
         "rxtx_factor": 1.0, "extra_specs": {"a": "b"}},
    )  # fmt: skip
    assert made.physical_id == "f-all"
    wanted = {"name": "f.all", "ram": 64, "vcpus": 2, "disk": 1, "swap": 8, "OS-FLV-EXT-DATA:ephemeral": 1}
    assert wanted.items() <= made.attribute("show").items()
    assert made.read_attributes(["is_public", "extra_specs"]) == {"is_public": True, "extra_specs": {"a": "b"}}


def test_extra_specs_there_and_back(admin_rig: Rig) -> None:
    made = admin_rig.make("OS::Nova::Flavor", {"ram": 64, "vcpus": 1, "extra_specs": {"a": "1", "b": "2"}})
    for specs in ({"a": "1", "c": "3"}, {"a": "2"}, None, {"a": "1", "b": "2"}):
        assert not admin_rig.update(made, extra_specs=specs).must_replace
        assert extra_specs(admin_rig, made) == (specs or {})


def test_a_private_flavor_is_for_those_who_are_named(admin_rig: Rig) -> None:
    assert admin_rig.cloud is not None
    one = admin_rig.make("OS::Keystone::Project", {"name": "flavor-one"}, name="one")
    two = admin_rig.make("OS::Keystone::Project", {"name": "flavor-two"}, name="two")
    made = admin_rig.make("OS::Nova::Flavor", {"ram": 64, "vcpus": 1, "is_public": False, "tenants": ["flavor-one"]})
    assert access(admin_rig, made) == {one.physical_id}
    admin_rig.update(made, tenants=["flavor-two", one.physical_id])
    assert access(admin_rig, made) == {one.physical_id, two.physical_id}
    admin_rig.update(made, tenants=["flavor-two"])
    assert access(admin_rig, made) == {two.physical_id}
    own = admin_rig.make("OS::Nova::Flavor", {"ram": 64, "vcpus": 1, "is_public": False}, name="own")
    assert access(admin_rig, own) == {admin_rig.stack.project_id}


def test_a_private_flavor_is_found_after_a_lost_answer(admin_rig: Rig) -> None:
    assert admin_rig.local is not None
    admin_rig.local.faults.add(service="compute", method="POST", path="/v2.1/flavors", action="lose")
    made = admin_rig.make("OS::Nova::Flavor", {"name": "f.lost", "ram": 64, "vcpus": 1, "is_public": False})
    assert made.attribute("show")["name"] == "f.lost"


def test_other_sizes_ask_for_another_flavor(admin_rig: Rig) -> None:
    schema = admin_rig.build("OS::Nova::Flavor", {"ram": 64, "vcpus": 1}).schema
    for name in ("ram", "vcpus", "disk", "name", "is_public"):
        assert lifecycle.diff(schema, {name: 1}, {name: 2}).replace == (name,)


@pytest.mark.parametrize("policy", ["affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"])
def test_a_group_has_one_policy(rig: Rig, policy: str) -> None:
    made = rig.make("OS::Nova::ServerGroup", {"policies": [policy]})
    body = made.attribute("show")
    assert body["policy"] == policy
    assert body["name"] == made.physical_name


def test_a_group_with_a_rule(rig: Rig) -> None:
    made = rig.make("OS::Nova::ServerGroup", {"name": "spread", "rules": {"max_server_per_host": 3}})
    assert made.attribute("show")["rules"] == {"max_server_per_host": 3}
    rig.run(made, Action.DELETE)
    rig.run(made, Action.DELETE)
    assert made.needs_replace_failed()


def test_a_group_after_a_lost_answer_is_one(rig: Rig) -> None:
    assert rig.local is not None
    rig.local.faults.add(service="compute", method="POST", path="/v2.1/os-server-groups", action="lose")
    made = rig.make("OS::Nova::ServerGroup", {})
    groups = compute(rig).get("/os-server-groups")["server_groups"]
    assert [group["id"] for group in groups if group["name"] == made.physical_name] == [made.physical_id]


def test_rows_are_built_again_with_what_was_kept(rig: Rig) -> None:
    saver = Saver()
    made = rig.build("OS::Nova::KeyPair", {"name": "kept", "save_private_key": True}, saver=saver)
    rig.made.append(made)
    rig.run(made, Action.CREATE)
    record = replace(made.record, physical_id=saver.physical_id, data=saver.data)
    again = rig.again(record, made.properties, saver)
    assert again.attribute("private_key") == made.attribute("private_key")
