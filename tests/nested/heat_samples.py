"""Values to try each type that lives in the engine with; `test_heat_types` makes the same tests of each. A new type is one `Sample` more.

Every property has to be in `updates` (changed there and back to the value in `full`, in place), in `replaced` (another resource takes its
place), or in `apart` with the reason; every type of Heat's is here or in `ELSEWHERE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.nested.test_launched import MAPPED

T = "Test::Thing"
SERVER = {"type": "OS::Heat::DeployedServer", "properties": {"software_config_transport": "POLL_SERVER_HEAT"}}
CONFIG = {"type": "OS::Heat::SoftwareConfig", "properties": {"config": "true", "group": "script"}}
STRUCTURED = {"type": "OS::Heat::StructuredConfig", "properties": {"config": {"a": 1}}}
REF = "get_resource"


@dataclass(frozen=True)
class Sample:
    """One type. ``needs``: other resources of the template. ``options``: what the stack is made with (environment, files)."""

    type: str
    minimal: Mapping[str, Any] = field(default_factory=dict)
    full: Mapping[str, Any] = field(default_factory=dict)
    updates: Mapping[str, Any] = field(default_factory=dict)
    replaced: Mapping[str, Any] = field(default_factory=dict)
    apart: Mapping[str, str] = field(default_factory=dict)
    needs: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    objects: bool = False
    """Something of it is kept by the object store."""


ELSEWHERE = {"OS::Heat::Stack": "another Kamado is needed: the same tests are in tests/wire/test_remote_stack.py"}

MEMBER = {"type": T, "properties": {"kind": "x", "size": 1}}
OTHER = {"type": T, "properties": {"kind": "x", "size": 2}}
LC = {
    "type": "AWS::AutoScaling::LaunchConfiguration",
    "properties": {"ImageId": "i", "InstanceType": "f", "UserData": "one"},
}
OLD = {"type": "AWS::AutoScaling::LaunchConfiguration", "properties": {"ImageId": "j", "InstanceType": "f"}}
BALANCER = {
    "heat_template_version": "2018-08-31",
    "parameters": {"Instances": {"type": "json", "default": []}},
    "resources": {"v": {"type": "OS::Heat::Value", "properties": {"value": {"get_param": "Instances"}}}},
}
INPUTS = [{"name": "a", "default": "1"}]
OUTPUTS = [{"name": "result"}]
SIGNALLED = "another transport waits for a signal: tests/wire/test_deployments.py"


def config(type_: str, one: Any, other: Any, **more: Any) -> Sample:
    """A kind of config that has all that a config can have."""
    full = {"config": one, "group": "g", "inputs": INPUTS, "outputs": OUTPUTS, "options": {"o": 1}, **more}
    changed = {"config": other, "group": "h", "inputs": [], "outputs": [], "options": {"o": 2}}
    return Sample(type_, {}, full, replaced={**changed, **{name: {} for name in more}})


def deployment(type_: str, needs: Mapping[str, Any], more: Mapping[str, Any], changed: Mapping[str, Any]) -> Sample:
    """A deployment that waits for no signal."""
    least = {"config": {REF: "c"}, "signal_transport": "NO_SIGNAL", **more}
    full = {**least, "input_values": {"a": "x"}, "actions": ["CREATE", "UPDATE"], "name": "n"}
    updates = {"config": {REF: "c2"}, "input_values": {"a": "y"}, "actions": ["CREATE"], "name": "m"}
    return Sample(
        type_, least, full, {**updates, **{name: value for name, value in changed.items() if name != "server"}},
        {name: value for name, value in changed.items() if name == "server"},
        {"signal_transport": SIGNALLED, "input_values_validate": "a check only: tests/wire/test_deployments.py",
         **({"input_key": "of configs with functions: tests/wire/test_deployments.py"} if needs is MAPS else {})},
        {"s": SERVER, "s2": SERVER, **needs},
    )  # fmt: skip


ONE_SERVER = {"server": {REF: "s"}}
SERVERS = {"servers": {"one": {REF: "s"}}}
PLAIN = {"c": CONFIG, "c2": {**CONFIG, "properties": {"config": "false", "group": "script"}}}
MAPS = {"c": STRUCTURED, "c2": {**STRUCTURED, "properties": {"config": {"a": 2}}}}

SAMPLES = (
    Sample("OS::Heat::None", {}, {"any": 1}),
    Sample("OS::Heat::Value", {"value": 1}, {"value": "a", "type": "string"}, {"value": "b"}, apart={
        "type": "the value has to fit: tests/types/test_heat.py"}),
    Sample("OS::Heat::RandomString", {}, {"length": 8, "salt": "a",
        "character_classes": [{"class": "digits", "min": 1}], "character_sequences": [{"sequence": "x", "min": 1}]},
        replaced={"length": 9, "salt": "b", "character_classes": [{"class": "lowercase", "min": 1}],
                  "character_sequences": [{"sequence": "y", "min": 1}]},
        apart={"sequence": "instead of classes: tests/types/test_heat.py"}),
    Sample("OS::Heat::Delay", {}, {"min_wait": 1.0, "max_jitter": 1.0, "jitter_multiplier": 1.0, "actions": ["CREATE"]},
        {"min_wait": 2.0, "max_jitter": 2.0, "jitter_multiplier": 2.0, "actions": ["CREATE", "DELETE"]}),
    Sample("OS::Heat::TestResource", {}, {"value": "a", "update_replace": False, "fail": False,
        "wait_secs": 0, "action_wait_secs": {"create": 1}, "client_name": "c", "entity_name": "e", "constraint_prop_secs": 0,
        "attr_wait_secs": 0.0, "update_replace_value": "u"},
        {"value": "b", "wait_secs": 1, "action_wait_secs": {"create": 2}, "client_name": "d", "entity_name": "f",
         "constraint_prop_secs": 1}, {"update_replace_value": "w"},
        apart={"fail": "it fails then: tests/types/test_heat.py", "update_replace": "the same",
               "attr_wait_secs": "it takes time only"}),
    Sample("OS::Heat::ResourceGroup", {"resource_def": MEMBER}, {"count": 2, "index_var": "%i%", "resource_def": MEMBER,
        "removal_policies": [{"resource_list": ["7"]}], "removal_policies_mode": "append"},
        {"count": 3, "resource_def": OTHER, "removal_policies": [{"resource_list": ["8"]}], "removal_policies_mode": "update"},
        {"index_var": "%j%"}),
    Sample("OS::Heat::ResourceChain", {"resources": [T]}, {"resources": [T, T], "concurrent": False,
        "resource_properties": {"kind": "x"}}, {"resources": [T]}, {"concurrent": True, "resource_properties": {"kind": "y"}}),
    Sample("OS::Heat::AutoScalingGroup", {"min_size": 0, "max_size": 1, "resource": MEMBER}, {"min_size": 1, "max_size": 4,
        "desired_capacity": 2, "cooldown": 1, "resource": MEMBER,
        "rolling_updates": {"min_in_service": 1, "max_batch_size": 1, "pause_time": 1}},
        {"min_size": 2, "max_size": 5, "desired_capacity": 3, "cooldown": 2, "resource": OTHER,
         "rolling_updates": {"min_in_service": 0, "max_batch_size": 2, "pause_time": 0}}),
    Sample("OS::Heat::ScalingPolicy", {"auto_scaling_group_id": {REF: "g"}, "scaling_adjustment": 1,
        "adjustment_type": "change_in_capacity"}, {"auto_scaling_group_id": {REF: "g"}, "scaling_adjustment": 1,
        "adjustment_type": "percent_change_in_capacity", "cooldown": 1, "min_adjustment_step": 1},
        {"scaling_adjustment": 2, "cooldown": 2, "min_adjustment_step": 2}, {"auto_scaling_group_id": {REF: "g2"}},
        {"adjustment_type": "goes with the step"},
        {name: {"type": "OS::Heat::AutoScalingGroup", "properties": {"min_size": 0, "max_size": 1, "resource": MEMBER}}
         for name in ("g", "g2")}),
    Sample("OS::Heat::InstanceGroup", {"AvailabilityZones": [], "Size": 1, "LaunchConfigurationName": {REF: "lc"}},
        {"AvailabilityZones": ["a"], "Size": 2, "LaunchConfigurationName": {REF: "lc"}, "LoadBalancerNames": ["lb"],
         "Tags": [{"Key": "k", "Value": "v"}]}, {"Size": 3, "LaunchConfigurationName": {REF: "old"}},
        {"AvailabilityZones": ["b"], "LoadBalancerNames": [], "Tags": [{"Key": "k", "Value": "w"}]},
        needs={"lc": LC, "old": OLD, "lb": {"type": "lb.yaml"}},
        options={**MAPPED, "files": {**MAPPED["files"], "lb.yaml": BALANCER}}),
    Sample("OS::Heat::AccessPolicy", {"AllowedResources": ["a"]}, {"AllowedResources": ["a"]},
        replaced={"AllowedResources": ["b"]}, needs={"a": {"type": T}, "b": {"type": T}}),
    Sample("OS::Heat::HARestarter", {}, {"InstanceId": {REF: "a"}}, needs={"a": {"type": T}}),
    Sample("OS::Heat::WaitConditionHandle", {"signal_transport": "HEAT_SIGNAL"}, {"signal_transport": "HEAT_SIGNAL"},
        replaced={"signal_transport": "NO_SIGNAL"}),
    Sample("OS::Heat::UpdateWaitConditionHandle", {}, {}),
    Sample("OS::Heat::WaitCondition", {"handle": {REF: "h"}, "timeout": 9}, {"handle": {REF: "h"}, "timeout": 9, "count": 1},
        {"count": 2}, {"handle": {REF: "h2"}, "timeout": 8},
        needs={name: {"type": "OS::Heat::WaitConditionHandle", "properties": {"signal_transport": "NO_SIGNAL"}}
               for name in ("h", "h2")}),
    Sample("OS::Heat::SwiftSignalHandle", objects=True),
    Sample("OS::Heat::SwiftSignal", {"handle": "{letters}", "timeout": 60}, {"handle": "{letters}", "timeout": 60, "count": 1},
        replaced={"handle": "{others}", "timeout": 61, "count": 2}, objects=True),
    config("OS::Heat::SoftwareConfig", "one", "other"),
    config("OS::Heat::StructuredConfig", {"a": 1}, {"a": 2}),
    Sample("OS::Heat::CloudConfig", {}, {"cloud_config": {"a": 1}}, replaced={"cloud_config": {"a": 2}}),
    Sample("OS::Heat::MultipartMime", {}, {"parts": [{"config": "a"}], "group": "g"}, replaced={"parts": [], "group": "h"}),
    Sample("OS::Heat::SoftwareComponent", {"configs": [{"actions": ["CREATE"], "config": "a", "tool": "script"}]},
        {"configs": [{"actions": ["CREATE"], "config": "a", "tool": "script"}], "inputs": INPUTS, "outputs": OUTPUTS,
         "options": {"o": 1}},
        replaced={"configs": [{"actions": ["CREATE"], "config": "b", "tool": "script"}], "inputs": [], "outputs": [],
                  "options": {"o": 2}}),
    Sample("OS::Heat::DeployedServer", {"software_config_transport": "POLL_SERVER_HEAT"},
        {"name": "a", "metadata": {"a": "1"}, "software_config_transport": "POLL_SERVER_HEAT"},
        {"name": "b", "metadata": {"a": "2"}}, apart={"software_config_transport": "each with its service: tests/wire/test_deployments.py",
                              "deployment_swift_data": "an object store"}),
    deployment("OS::Heat::SoftwareDeployment", PLAIN, ONE_SERVER, {"server": {REF: "s2"}}),
    deployment("OS::Heat::StructuredDeployment", MAPS, ONE_SERVER, {"server": {REF: "s2"}}),
    deployment("OS::Heat::SoftwareDeploymentGroup", PLAIN, SERVERS, {"servers": {"one": {REF: "s"}, "two": {REF: "s2"}}}),
    deployment("OS::Heat::StructuredDeploymentGroup", MAPS, SERVERS, {"servers": {"one": {REF: "s"}, "two": {REF: "s2"}}}),
    deployment("OS::Heat::SoftwareDeployments", PLAIN, SERVERS, {"servers": {"one": {REF: "s"}, "two": {REF: "s2"}}}),
    deployment("OS::Heat::StructuredDeployments", MAPS, SERVERS, {"servers": {"one": {REF: "s"}, "two": {REF: "s2"}}}),
)  # fmt: skip
