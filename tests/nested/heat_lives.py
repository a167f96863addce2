"""How each property of the types that live in the engine is seen to have an effect: `test_each_property` goes through all of them.

A `Life` says what a resource is given and what happens to it. The same life with another value of one property (`others`) must come to
something else, in what anybody can see but the property itself. Where a value can be seen only with something that a world in one process
has not, `elsewhere` names the test that would fail. The trap: a life in which a property cannot matter (a limit that is never reached)
proves nothing, so lives reach limits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.nested.heat_samples import (
    BALANCER,
    LC,
    MEMBER,
    OLD,
    OTHER,
    REF,
    SAMPLES,
    SERVER,
    T,
)
from tests.nested.test_launched import MAPPED

POLICY = "update_policy"
"""First part of the path of what stands in the template's update policy."""


@dataclass(frozen=True)
class Life:
    """``others``: path of a property (`a.b`; of a list its first item is meant) → another value; those of the type's sample come first.

    ``then``: properties of an update in the middle. ``signals``: names of resources that are signalled one after the other, before it.
    ``nothing``: properties of which Heat makes nothing, either. ``silent``: attributes that are null in this life, and where they are not.
    """

    type: str
    given: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, Any] = field(default_factory=dict)
    then: Mapping[str, Any] = field(default_factory=dict)
    needs: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    signals: Sequence[str] = ()
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    nothing: Mapping[str, str] = field(default_factory=dict)
    silent: Mapping[str, str] = field(default_factory=dict)
    objects: bool = False


BY_SAMPLE = {sample.type: sample for sample in SAMPLES}


def like(type_: str, given: Mapping[str, Any] | None = None, **more: Any) -> Life:
    """A life with the values of the type's sample, unless others are given."""
    sample = BY_SAMPLE[type_]
    others = {**sample.updates, **sample.replaced, **more.pop("others", {})}
    shared = {"needs": sample.needs, "options": sample.options, "objects": sample.objects, **more}
    return Life(type_, {**sample.full, **(given or {})}, others=others, **shared)


REPLACED = "tests/nested/test_heat_types.py::test_what_cannot_be_changed_is_replaced"
RANDOM = "tests/types/test_heat.py::test_a_random_string_of_what_was_asked_for"
OFTEN = "tests/types/test_heat.py::test_each_class_and_sequence_is_there_often_enough"
DELAYS = "tests/types/test_heat.py::test_a_delay_waits_in_its_actions_only"
DEPLOYS = "tests/wire/test_deployments.py::"
REMOTE = "tests/wire/test_remote_stack.py::"
INSTANCES = "tests/types/test_ec2_instance.py::"
GROUPS = "tests/nested/test_groups.py::"

ITEMS = {
    "inputs": [{"name": "a", "default": "1", "description": "d", "type": "String", "replace_on_change": False}],
    "outputs": [{"name": "result", "description": "d", "type": "String", "error_output": False}],
}
ITEMS_CHANGED = {
    "inputs.name": "b", "inputs.default": "2", "inputs.description": "e", "inputs.type": "Json", "inputs.replace_on_change": True,
    "outputs.name": "r", "outputs.description": "e", "outputs.type": "Json", "outputs.error_output": True,
}  # fmt: skip
PACE = {"max_batch_size": 1, "pause_time": 5}
PACE_OF_DEPLOYMENTS = {
    **{f"{POLICY}.{section}.max_batch_size": 2 for section in ("rolling_update", "batch_create")},
    **{f"{POLICY}.{section}.pause_time": 50 for section in ("rolling_update", "batch_create")},
    **{f"{POLICY}.{section}": {"max_batch_size": 3} for section in ("rolling_update", "batch_create")},
}
TOLD_BY_SERVERS = "the server tells it: " + DEPLOYS


def deployment(type_: str, *, group: bool, structured: bool) -> Life:
    single = "test_a_signal_to_the_signed_url_completes_the_stack_with_its_outputs"
    told = DEPLOYS + ("test_a_group_deploys_on_each_server_and_tells_of_all" if group else single)
    names = ("deploy_stdout", "deploy_stderr", "deploy_status_code")
    filled = DEPLOYS + "test_a_structured_deployment_fills_its_inputs_in"
    some = {"one": {REF: "s"}, "two": {REF: "s2"}, "three": {REF: "s3"}}
    return like(
        type_,
        {"servers": some} if group else {},
        policy={"rolling_update": PACE, "batch_create": PACE} if group else {},
        others={"signal_transport": "CFN_SIGNAL", **({"servers": {"one": {REF: "s"}}, **PACE_OF_DEPLOYMENTS} if group else {})},
        then={"input_values": {"a": "z"}},
        needs={**BY_SAMPLE[type_].needs, "s3": SERVER},
        elsewhere={"input_key": filled, "input_values_validate": filled} if structured else {},
        silent={f"{name}s" if group else name: told for name in names} if not group else {},
    )  # fmt: skip


SCALING = {
    name: {
        "type": "OS::Heat::ScalingPolicy",
        "properties": {
            "auto_scaling_group_id": {REF: "it"},
            "adjustment_type": "exact_capacity",
            "scaling_adjustment": to,
        },
    }
    for name, to in (("down", 0), ("up", 99))
}
AWS_SCALING = {
    name: {
        "type": "AWS::AutoScaling::ScalingPolicy",
        "properties": {"AutoScalingGroupName": {REF: "it"}, "AdjustmentType": "ExactCapacity", "ScalingAdjustment": to},
    }
    for name, to in (("down", 0), ("up", 99))
}
SCALED = {
    name: {
        "type": "OS::Heat::AutoScalingGroup",
        "properties": {"min_size": 0, "max_size": 9, "desired_capacity": 2, "resource": MEMBER},
    }
    for name in ("g", "g2")
}
AWS_SCALED = {
    name: {
        "type": "AWS::AutoScaling::AutoScalingGroup",
        "properties": {"AvailabilityZones": ["a"], "MinSize": 0, "MaxSize": 9, "DesiredCapacity": 2,
                       "LaunchConfigurationName": {REF: "lc"}},
    }
    for name in ("g", "g2")
}  # fmt: skip
HANDLES = {
    "h": {"type": "OS::Heat::WaitConditionHandle", "properties": {"signal_transport": "HEAT_SIGNAL"}},
    "h2": {"type": "OS::Heat::WaitConditionHandle", "properties": {"signal_transport": "NO_SIGNAL"}},
}
WITH_BALANCER = {**MAPPED, "files": {**MAPPED["files"], "lb.yaml": BALANCER}}
ROLLING = {"MinInstancesInService": 1, "MaxBatchSize": 1, "PauseTime": "PT10S"}


def rolling(section: str) -> dict[str, Any]:
    path = f"{POLICY}.{section}"
    return {
        path: {"PauseTime": "PT1S"},
        f"{path}.MinInstancesInService": 4,
        f"{path}.MaxBatchSize": 2,
        f"{path}.PauseTime": "PT99S",
    }


NAMED_ATTRIBUTE = {"attributes": "with a name: tests/nested/test_groups.py::test_attributes_of_all_members"}
ZONES = {"AvailabilityZones": "asked for, and not given to the instances"}
SECOND_NAMES = {
    f"OS::Heat::{kind}Deployments": f"OS::Heat::{kind}DeploymentGroup" for kind in ("Software", "Structured")
}
"""Names of Heat's that went out of use → the type that they stand for."""

LIVES = (
    like("OS::Heat::Value", others={"type": "number"}),
    like("OS::Heat::RandomString", elsewhere={"salt": REPLACED, "sequence": RANDOM, "character_classes.min": OFTEN,
        "character_sequences.min": OFTEN}, others={"character_classes.class": "lowercase", "character_sequences.sequence": "y"}),
    like("OS::Heat::Delay", {"max_jitter": 0}, others={"actions": ["CREATE", "DELETE"]}, elsewhere={"max_jitter": DELAYS,
        "jitter_multiplier": DELAYS}),
    like("OS::Heat::TestResource", then={"value": "later"}, others={"fail": True, "update_replace": True,
        "action_wait_secs.create": 20, "action_wait_secs.update": 20, "action_wait_secs.delete": 20},
        elsewhere={"update_replace_value": REPLACED,
                   "attr_wait_secs": "tests/types/test_heat.py::test_reading_slowly_is_no_work_for_the_loop",
                   "client_name": "tests/types/test_heat.py::test_the_test_resource_asks_for_an_entity",
                   "entity_name": "tests/types/test_heat.py::test_the_test_resource_asks_for_an_entity",
                   "constraint_prop_secs": "tests/plugin/test_checks.py::test_a_check_that_takes_its_time"}),
    like("OS::Heat::ResourceGroup", {"count": 3, "resource_def": {"type": T, "properties": {"kind": "k%i%"}, "metadata": {"a": 1}},
        "removal_policies": [{"resource_list": ["0"]}]},
        policy={"batch_create": PACE, "rolling_update": {**PACE, "min_in_service": 0}},
        others={"count": 2, "removal_policies": [], "removal_policies.resource_list": ["1"], "resource_def.type": "Test::Sturdy",
                "resource_def.properties": {"kind": "other"}, "resource_def.metadata": {"a": 2},
                f"{POLICY}.batch_create": {"max_batch_size": 3}, f"{POLICY}.rolling_update": {"max_batch_size": 3},
                f"{POLICY}.batch_create.max_batch_size": 2, f"{POLICY}.batch_create.pause_time": 50,
                f"{POLICY}.rolling_update.max_batch_size": 2, f"{POLICY}.rolling_update.pause_time": 50,
                f"{POLICY}.rolling_update.min_in_service": 3},
        then={"removal_policies": [], "resource_def": OTHER}, silent=NAMED_ATTRIBUTE),
    like("OS::Heat::ResourceChain", silent=NAMED_ATTRIBUTE),
    like("OS::Heat::AutoScalingGroup", {"cooldown": 0}, others={"cooldown": 1000, "rolling_updates.min_in_service": 4,
        "rolling_updates.max_batch_size": 2, "rolling_updates.pause_time": 50}, then={"resource": {"type": T, "properties": {"size": 7}}},
        needs=SCALING, signals=("down", "up"), silent={"outputs": "with a name: tests/nested/test_scaling.py::"
        "test_attributes_are_in_step_and_follow_the_size", "outputs_list": "with a name: tests/nested/test_scaling.py::"
        "test_attributes_are_in_step_and_follow_the_size"}),
    like("OS::Heat::ScalingPolicy", {"scaling_adjustment": 100, "cooldown": 0}, others={"scaling_adjustment": 200, "cooldown": 1000,
        "min_adjustment_step": 4}, needs=SCALED, signals=("it", "it"), elsewhere={"adjustment_type":
        "tests/nested/test_scaling.py::test_what_an_adjustment_comes_to"}),
    like("OS::Heat::InstanceGroup", policy={"RollingUpdate": ROLLING},
        others={"Tags.Key": "l", "Tags.Value": "w", **rolling("RollingUpdate")},
        nothing=ZONES, then={"LaunchConfigurationName": {REF: "lc2"}}, needs={**BY_SAMPLE["OS::Heat::InstanceGroup"].needs,
        "lc2": {**LC, "properties": {**LC["properties"], "UserData": "two"}}}),
    Life("OS::Heat::AccessPolicy", {"AllowedResources": ["a"]}, needs={"a": {"type": T}},
        elsewhere={"AllowedResources": "tests/nested/test_launched.py::test_a_user_has_keys_and_sees_what_its_policies_name"}),
    like("OS::Heat::WaitConditionHandle", signals=("it",), silent=dict.fromkeys(("curl_cli", "endpoint", "token"),
        "tests/wire/test_wait_conditions.py::test_the_curl_command_of_a_handle_ends_the_wait")),
    like("OS::Heat::WaitCondition", others={"timeout": 20}, needs=HANDLES),
    like("OS::Heat::SwiftSignalHandle"),
    like("OS::Heat::SwiftSignal", {"count": 3}, others={"timeout": 90, "count": 2}),
    *(like(f"OS::Heat::{kind}Config", ITEMS, others={**ITEMS_CHANGED, "config": other})
      for kind, other in (("Software", "other"), ("Structured", {"a": 3}))),
    like("OS::Heat::CloudConfig"),
    like("OS::Heat::MultipartMime", {"parts": [{"config": "a", "filename": "f", "subtype": "s", "type": "text"}]},
        others={"parts.config": "b", "parts.filename": "g", "parts.subtype": "t", "parts.type": "multipart"}),
    like("OS::Heat::SoftwareComponent", ITEMS, others={**ITEMS_CHANGED, "configs.actions": ["UPDATE"], "configs.config": "b",
        "configs.tool": "ansible"},
        silent={"config": "tests/types/test_software_config.py::test_a_config_lives_from_its_creation_to_its_deletion"}),
    like("OS::Heat::DeployedServer", others={"software_config_transport": "POLL_SERVER_CFN"},
        nothing={"metadata": "there is no service that keeps it"}, elsewhere=dict.fromkeys(
        ("deployment_swift_data", "deployment_swift_data.container", "deployment_swift_data.object"),
        "tests/wire/test_guests.py::test_an_agent_is_led_from_one_transport_to_another")),
    deployment("OS::Heat::SoftwareDeployment", group=False, structured=False),
    deployment("OS::Heat::StructuredDeployment", group=False, structured=True),
    deployment("OS::Heat::SoftwareDeploymentGroup", group=True, structured=False),
    deployment("OS::Heat::StructuredDeploymentGroup", group=True, structured=True),
    Life("AWS::AutoScaling::ScalingPolicy", {"AutoScalingGroupName": {REF: "g"}, "ScalingAdjustment": 100, "Cooldown": 0,
        "AdjustmentType": "PercentChangeInCapacity", "MinAdjustmentStep": 1}, others={"AutoScalingGroupName": {REF: "g2"},
        "ScalingAdjustment": 200, "Cooldown": 1000, "MinAdjustmentStep": 4}, needs={**AWS_SCALED, "lc": LC}, options=MAPPED,
        signals=("it", "it"), elsewhere={"AdjustmentType": "tests/nested/test_scaling.py::test_what_an_adjustment_comes_to"}),
    Life("AWS::AutoScaling::AutoScalingGroup", {"AvailabilityZones": ["a"], "MinSize": 1, "MaxSize": 4, "DesiredCapacity": 2, "Cooldown": 0,
        "LaunchConfigurationName": {REF: "lc"}, "LoadBalancerNames": ["lb"], "Tags": [{"Key": "k", "Value": "v"}],
        "VPCZoneIdentifier": ["n"]}, policy={"AutoScalingRollingUpdate": ROLLING},
        others={"AvailabilityZones": ["b"], "MinSize": 2, "MaxSize": 5, "DesiredCapacity": 3, "Cooldown": 1000,
                "LaunchConfigurationName": {REF: "old"}, "LoadBalancerNames": [], "Tags": [], "Tags.Key": "l", "Tags.Value": "w",
                "VPCZoneIdentifier": ["m"], **rolling("AutoScalingRollingUpdate")},
        then={"LaunchConfigurationName": {REF: "lc2"}},
        needs={**AWS_SCALING, "lc": LC, "old": OLD, "lc2": {**LC, "properties": {**LC["properties"], "UserData": "two"}},
               "lb": {"type": "lb.yaml"}}, options=WITH_BALANCER, signals=("down", "up"),
        nothing=ZONES, elsewhere={"InstanceId": "tests/wire/test_scaling.py::test_an_aws_group_is_made_like_an_instance"}),
)  # fmt: skip
