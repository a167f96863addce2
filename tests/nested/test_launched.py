"""Groups of instances that a launch configuration describes, users that a template makes, and what a restarter replaces."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.engine_world import World
from tests.nested.test_scaling import asked_for, made, members, services, signal, update

from kamado.model.lifecycle import Action
from kamado.orchestrator import access, resources
from kamado.orchestrator.context import RequestContext
from kamado.orchestrator.errors import Forbidden
from kamado.plugin.errors import PermanentError
from kamado.resources.heat.launched_members import seconds

INSTANCE = {
    "heat_template_version": "2018-08-31",
    "parameters": {
        **{name: {"type": "string", "default": ""} for name in ("ImageId", "InstanceType", "UserData", "SubnetId")},
        "Tags": {"type": "json", "default": []},
    },
    "resources": {
        "t": {
            "type": "Test::Thing",
            "properties": {"swap": {"get_param": "SubnetId"}, "peer": {"get_param": "UserData"}},
        },
        "tags": {"type": "OS::Heat::Value", "properties": {"value": {"get_param": "Tags"}}},
    },
    "outputs": {
        "PublicIp": {"value": {"get_attr": ["t", "address"]}},
        "Tags": {"value": {"get_attr": ["tags", "value"]}},
    },
}
MAPPED: dict[str, Any] = {
    "registry": {"AWS::EC2::Instance": "instance.yaml"},
    "files": {"instance.yaml": json.dumps(INSTANCE)},
}


def launched(
    data: str = "one", kind: str = "OS::Heat::InstanceGroup", policy: dict[str, Any] | None = None, **properties: Any
) -> dict[str, Any]:
    name = "RollingUpdate" if kind == "OS::Heat::InstanceGroup" else "AutoScalingRollingUpdate"
    group = {"AvailabilityZones": ["nova"], "LaunchConfigurationName": {"get_resource": "lc"}, **properties}
    lc = {"ImageId": "image", "InstanceType": "small", "UserData": data}
    return {
        "lc": {"type": "AWS::AutoScaling::LaunchConfiguration", "properties": lc},
        "g": {"type": kind, "properties": group, **({"update_policy": {name: policy}} if policy else {})},
    }


def peers(world: World) -> list[str]:
    """What user data the instances have."""
    return sorted(str(thing["peer"]) for thing in world.cloud.things.values())


def test_members_are_what_the_launch_configuration_says(world: World) -> None:
    resources = launched(Size=2, Tags=[{"Key": "a", "Value": "b"}])
    stack = made(world, resources, **MAPPED)
    assert peers(world) == ["one", "one"]
    child = world.child(stack, "g")
    for row in world.rows(child.id).values():
        assert row.type == "OS::Heat::ScaledResource"
        tags = world.rows(str(row.physical_id))["tags"].properties
        assert tags == {"value": [{"Key": "a", "Value": "b"}, {"Key": "metering.groupname", "Value": child.id}]}
    world.check(stack)


def test_the_list_of_instances_has_their_addresses_by_age(world: World) -> None:
    reading = {"v": {"type": "OS::Heat::Value", "properties": {"value": {"get_attr": ["g", "InstanceList"]}}}}
    stack = made(world, {**launched(Size=2), **reading}, **MAPPED)
    wanted = [f"at {world.rows(key)['t'].physical_id}" for key in members(world, stack).values()]
    assert world.rows(stack)["v"].properties == {"value": ",".join(wanted)}


def test_user_data_that_nobody_may_see_are_in_no_template(world: World) -> None:
    resources = launched(kind="AWS::AutoScaling::AutoScalingGroup", MinSize=1, MaxSize=5)
    resources["lc"]["properties"]["UserData"] = {"get_param": "word"}
    resources["up"] = {
        "type": "AWS::AutoScaling::ScalingPolicy",
        "properties": {
            "AutoScalingGroupName": {"get_resource": "g"},
            "AdjustmentType": "ChangeInCapacity",
            "ScalingAdjustment": 1,
        },
    }
    parameters = {"word": {"type": "string", "hidden": True}}
    body = {"heat_template_version": "2018-08-31", "parameters": parameters, "resources": resources}
    stack = made(world, body, **MAPPED, parameters={"word": "open sesame"})
    signal(world, stack, "up")
    world.run()
    assert peers(world) == ["open sesame"] * 2
    for nested in world.tree(stack):
        assert "sesame" not in str(world.store.templates.get(nested.target.template_id))
        assert not [line for line in world.store.events.page([nested.id]) if "sesame" in str(line)]


def test_a_group_changes_its_size_with_the_property(world: World) -> None:
    stack = made(world, launched(Size=2), **MAPPED)
    first = list(members(world, stack))
    update(world, stack, launched(Size=3), **MAPPED)
    assert list(members(world, stack))[:2] == first
    update(world, stack, launched(Size=1), **MAPPED)
    assert len(members(world, stack)) == 1
    assert not set(members(world, stack)) & set(first)


def test_another_launch_configuration_comes_in_batches_when_the_policy_says_so(world: World) -> None:
    policy = {"MaxBatchSize": 1, "MinInstancesInService": 1, "PauseTime": "PT1M1S"}
    stack = made(world, launched(Size=2, policy=policy), **MAPPED)
    before, began = members(world, stack), world.loop.time()
    update(world, stack, launched("two", Size=2, policy=policy), **MAPPED)
    assert peers(world) == ["two", "two"]
    assert members(world, stack) == before
    assert world.loop.time() - began > 61


def test_without_a_policy_only_new_members_are_of_the_new_kind(world: World) -> None:
    stack = made(world, launched(Size=2), **MAPPED)
    update(world, stack, launched("two", Size=3), **MAPPED)
    assert peers(world) == ["one", "one", "two"]


def test_the_aws_group_is_scaled_by_its_policy(world: World) -> None:
    policy = {
        "AutoScalingGroupName": {"get_resource": "g"},
        "AdjustmentType": "ChangeInCapacity",
        "ScalingAdjustment": 1,
        "Cooldown": 60,
    }
    resources = {
        **launched(kind="AWS::AutoScaling::AutoScalingGroup", MinSize=1, MaxSize=3, VPCZoneIdentifier=["net"]),
        "up": {"type": "AWS::AutoScaling::ScalingPolicy", "properties": policy},
    }
    stack = made(world, resources, **MAPPED)
    assert len(members(world, stack)) == 1
    signal(world, stack, "up")
    world.run()
    assert len(members(world, stack)) == 2
    assert list(world.rows(stack)["g"].metadata["cooldown_end"].values()) == ["ChangeInCapacity : 1"]
    assert {thing["swap"] for thing in world.cloud.things.values()} == {"net"}
    assert len(asked_for(world, stack)) == 2
    world.check(stack)


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"MinSize": -1, "MaxSize": 1}, "The size of AutoScalingGroup can not be less than zero"),
        ({"MinSize": 2, "MaxSize": 1}, "MinSize can not be greater than MaxSize"),
        ({"VPCZoneIdentifier": ["a", "b"]}, "Anything other than one VPCZoneIdentifier is not supported."),
        ({"LaunchConfigurationName": None}, "Either 'InstanceId' or 'LaunchConfigurationName' must be provided."),
    ],
)
def test_what_a_group_refuses(properties: dict[str, Any], words: str, world: World) -> None:
    kind = world.registry.get("AWS::AutoScaling::AutoScalingGroup", "")
    given = {"AvailabilityZones": [], "MinSize": 0, "MaxSize": 1, "LaunchConfigurationName": "lc", **properties}
    assert words in [str(found) for found in kind.validate(given)]


def test_pauses_are_written_as_iso_8601_has_them() -> None:
    assert [seconds(text) for text in ("PT0S", "PT1M5S", "PT2H", "PT")] == [0, 65, 7200, 0]
    with pytest.raises(PermanentError, match="Only ISO 8601 duration"):
        seconds("P1D")


def test_a_user_has_keys_and_sees_what_its_policies_name(world: World) -> None:
    stack = made(
        world,
        {
            "v": {"type": "OS::Heat::Value", "properties": {"value": 1}},
            "w": {"type": "OS::Heat::Value", "properties": {"value": 2}},
            "p": {"type": "OS::Heat::AccessPolicy", "properties": {"AllowedResources": ["v"]}},
            "u": {
                "type": "AWS::IAM::User",
                "properties": {"Policies": [{"get_resource": "p"}], "LoginProfile": {"Password": "secret"}},
            },
            "k": {"type": "AWS::IAM::AccessKey", "properties": {"UserName": {"get_resource": "u"}}},
        },
    )
    rows = world.rows(stack)
    user_id = str(rows["u"].physical_id)
    assert world.cloud.users[user_id] == "secret"
    assert rows["k"].properties == {"UserName": rows["u"].physical_name}
    assert (rows["k"].physical_id, len(rows["k"].data["secret_key"])) == (rows["k"].data["access_key"], 32)
    owner = RequestContext("p", "me", "me", ("member",))
    told = resources.show(services(world), owner, world.stack(stack), "k").attributes
    assert told == {"UserName": rows["u"].physical_name, "SecretAccessKey": rows["k"].data["secret_key"]}
    somebody = RequestContext("users", user_id, "u", ("heat_stack_user",))
    access.refuse_others(services(world), somebody, world.stack(stack), "v")
    with pytest.raises(Forbidden, match="not authorized"):
        access.refuse_others(services(world), somebody, world.stack(stack), "w")
    for one in ("", "x"):  # no user of the template's, so no policy speaks for it
        with pytest.raises(Forbidden, match="not authorized"):
            access.refuse_others(services(world), replace(somebody, user_id=one), world.stack(stack), "v")
    access.refuse_others(services(world), owner, world.stack(stack), "w")


@pytest.mark.parametrize(
    ("resources", "reason"),
    [
        (
            {"u": {"type": "AWS::IAM::User", "properties": {"Policies": ["nope"]}}},
            "Resource CREATE failed: InvalidTemplateAttribute: resources.u: The Referenced Attribute (u Policies) is incorrect.",
        ),
        (
            {"k": {"type": "AWS::IAM::AccessKey", "properties": {"UserName": "nobody"}}},
            "Resource CREATE failed: NotFound: resources.k: could not find user nobody",
        ),
    ],
)
def test_who_is_not_there(resources: dict[str, Any], reason: str, world: World) -> None:
    stack = world.accept(resources)
    world.run()
    assert (world.state(stack), world.stack(stack).reason) == ("CREATE_FAILED", reason)


def test_a_restarter_replaces_what_it_refers_to_and_what_depends_on_that(world: World) -> None:
    resources = {
        "a": {"type": "Test::Thing"},
        "b": {"type": "Test::Thing", "properties": {"peer": {"get_resource": "a"}}},
        "c": {"type": "Test::Thing"},
        "r": {"type": "OS::Heat::HARestarter", "properties": {"InstanceId": {"get_resource": "a"}}},
    }
    stack = made(world, resources)
    before = {name: row.physical_id for name, row in world.rows(stack).items()}
    for _ in range(2):
        signal(world, stack, "r", {"state": "ok"})
        assert not world.live()
        signal(world, stack, "r", {"state": "alarm"})
        world.run()
        assert world.state(stack) == "UPDATE_COMPLETE"
        world.check(stack)
        after = {name: row.physical_id for name, row in world.rows(stack).items()}
        assert {name for name in after if after[name] != before[name]} == {"a", "b"}
        before = after
    assert [line for line in world.history(stack, "r") if "SIGNAL" in line] == ["r SIGNAL_COMPLETE"] * 2


def test_a_restarter_that_is_led_elsewhere_replaces_only_what_it_refers_to_then(world: World) -> None:
    def resources(name: str) -> dict[str, Any]:
        restarter = {"type": "OS::Heat::HARestarter", "properties": {"InstanceId": {"get_resource": name}}}
        return {"a": {"type": "Test::Thing"}, "b": {"type": "Test::Thing"}, "r": restarter}

    stack = made(world, resources("a"))
    update(world, stack, resources("b"))
    before = {name: row.physical_id for name, row in world.rows(stack).items()}
    signal(world, stack, "r", {"state": "alarm"})
    world.run()
    assert world.state(stack) == "UPDATE_COMPLETE"
    after = {name: row.physical_id for name, row in world.rows(stack).items()}
    assert {name for name in after if after[name] != before[name]} == {"b"}
    world.check(stack)


def test_a_restarter_of_nothing_is_nothing(world: World) -> None:
    stack = made(world, {"r": {"type": "OS::Heat::HARestarter", "properties": {"whatever": 1}}})
    signal(world, stack, "r")
    assert not world.live()


def test_a_restarter_that_is_given_something_to_restart_by_an_update_can_be_reached_from_then_on(world: World) -> None:
    def resources(**properties: Any) -> dict[str, Any]:
        return {
            "a": {"type": "Test::Thing"},
            "r": {"type": "OS::Heat::HARestarter", "properties": properties},
            "who": {"type": "Test::Thing", "properties": {"kind": {"get_resource": "r"}}},
            "address": {"type": "OS::Heat::TestResource", "properties": {"value": {"get_attr": ["r", "AlarmUrl"]}}},
        }

    stack = made(world, resources())
    before = world.rows(stack)
    assert not world.cloud.users
    update(world, stack, resources(InstanceId={"get_resource": "a"}))
    after = world.rows(stack)
    assert after["r"].physical_id == before["r"].physical_id, "who refers to it is left alone"
    address = (after["address"].properties or {})["value"]
    assert address == after["r"].data["ec2_signed_url"]
    signal(world, stack, "r")
    world.run()
    assert world.rows(stack)["a"].physical_id != before["a"].physical_id
    world.check(stack)
    world.accept({}, Action.DELETE, stack)
    world.run()
    assert not world.cloud.users
