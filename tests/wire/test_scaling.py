"""A group that is scaled over HTTP: by the signed URL of its policy's alarm and by the signal route, as an alarm's service does it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from tests.wire.stand import Stand
from tests.wire.test_deployments import Life

from kamado.localcloud.server import LocalCloud


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with LocalCloud(identity_port=0) as cloud:
        stand = Stand(tmp_path_factory.mktemp("scaling"), cloud)
        stand.enter_catalog(cloud)
        yield stand
        stand.close()


def template(**policy: Any) -> dict[str, Any]:
    """A group of one to four with a policy that adds one."""
    member = {"type": "OS::Heat::TestResource"}
    adds = {"auto_scaling_group_id": {"get_resource": "g"}, "adjustment_type": "change_in_capacity"}
    return {
        "heat_template_version": "2018-08-31",
        "resources": {
            "g": {
                "type": "OS::Heat::AutoScalingGroup",
                "properties": {"min_size": 1, "max_size": 4, "resource": member},
            },
            "up": {"type": "OS::Heat::ScalingPolicy", "properties": {**adds, "scaling_adjustment": 1, **policy}},
        },
        "outputs": {
            "alarm_url": {"value": {"get_attr": ["up", "alarm_url"]}},
            "signal_url": {"value": {"get_attr": ["up", "signal_url"]}},
            "size": {"value": {"get_attr": ["g", "current_size"]}},
        },
    }


class Group(Life):
    """A stack with a group, and who is in that."""

    def members(self) -> list[str]:
        """What is made, once the nested stack is at rest."""
        child = self.resource("g")["physical_resource_id"]
        shown = self.stand.settled(self._nested(child), 60)
        assert shown["stack_status"].endswith("_COMPLETE"), shown
        found = self.stand.ask("GET", f"{self._nested(child)}/resources").json()["resources"]
        assert all(one["resource_status"] == "CREATE_COMPLETE" for one in found), found
        return [one["physical_resource_id"] for one in found]

    def _nested(self, child: str) -> str:
        (found,) = self.stand.ask("GET", f"/stacks?show_nested=true&id={child}").json()["stacks"]
        return f"/stacks/{found['stack_name']}/{child}"

    def alarm(self, **told: Any) -> None:
        """As the alarm's service says it, to the signed URL."""
        answer = requests.post(self.outputs()["alarm_url"], json=told, timeout=30)
        assert answer.status_code == 200, answer.text


def group(stand: Stand, name: str, **policy: Any) -> Group:
    made = Group(stand, name, template(**policy))
    assert made.status() == "CREATE_COMPLETE"
    assert len(made.members()) == 1
    return made


def test_an_alarm_and_a_signal_each_add_a_member_and_keep_the_others(stand: Stand) -> None:
    life = group(stand, "grows")
    first = life.members()
    life.alarm(previous="ok", current="alarm", reason="hot")
    second = life.members()
    assert (len(second), set(first) <= set(second)) == (2, True)
    life.signal("up")
    assert len(life.members()) == 3
    assert life.outputs()["size"] == 3
    told = [line for line in life.events("up") if line[0] == "SIGNAL_COMPLETE"]
    assert told == [
        ("SIGNAL_COMPLETE", "alarm state changed from ok to alarm (hot)"),
        ("SIGNAL_COMPLETE", "Unknown"),
    ]
    assert life.status() == "CREATE_COMPLETE"  # the stack itself is at rest
    life.remove()


def test_an_alarm_that_is_over_scales_too(stand: Stand) -> None:
    """A policy may be named among an alarm's `ok_actions`; which state calls it is for whoever made the alarm."""
    life = group(stand, "calm")
    life.alarm(previous="alarm", current="ok", reason="cool")
    assert len(life.members()) == 2
    life.signal("up", current="insufficient data")
    assert len(life.members()) == 3
    told = [line[1] for line in life.events("up") if line[0] == "SIGNAL_COMPLETE"]
    assert told == ["alarm state changed from alarm to ok (cool)", "Unknown"]
    life.remove()


def test_who_scaled_waits_for_its_cooldown(stand: Stand) -> None:
    life = group(stand, "cools", cooldown=3600)
    life.alarm(current="alarm")
    assert len(life.members()) == 2
    life.alarm(current="alarm")
    life.signal("up")
    assert len(life.members()) == 2
    assert len([line for line in life.events("up") if line[0] == "SIGNAL_COMPLETE"]) == 1
    life.remove()


def test_the_url_is_for_its_own_policy_and_with_its_signature_only(stand: Stand) -> None:
    life = group(stand, "safe")
    url = life.outputs()["alarm_url"]
    assert url.startswith(f"{stand.cfn_endpoint}/signal/")
    for wrong in (url.replace("up?", "g?"), url[:-6] + "AAAA%3D"):
        assert wrong != url
        assert requests.post(wrong, json={"current": "alarm"}, timeout=30).status_code == 403
    assert stand.ask("POST", f"{life.path}/resources/up/signal", {}, user="alt_demo").status_code in (403, 404)
    assert len(life.members()) == 1
    life.remove()


def test_an_aws_group_is_made_like_an_instance(stand: Stand) -> None:
    one = {
        "heat_template_version": "2018-08-31",
        "resources": {
            "net": {"type": "OS::Neutron::Net"},
            "sub": {
                "type": "OS::Neutron::Subnet",
                "properties": {"network": {"get_resource": "net"}, "cidr": "10.94.0.0/24"},
            },
            "one": {
                "type": "AWS::EC2::Instance",
                "properties": {"ImageId": "cirros", "InstanceType": "m1.tiny", "SubnetId": {"get_resource": "sub"}},
            },
        },
    }
    like = Life(stand, "like", one)
    assert like.status() == "CREATE_COMPLETE"
    server, subnet = (like.resource(name)["physical_resource_id"] for name in ("one", "sub"))
    of = {"AutoScalingGroupName": {"get_resource": "g"}, "AdjustmentType": "ChangeInCapacity"}
    several = {
        "heat_template_version": "2018-08-31",
        "resources": {
            "g": {
                "type": "AWS::AutoScaling::AutoScalingGroup",
                "properties": {
                    "AvailabilityZones": ["nova"],
                    "InstanceId": server,
                    "MinSize": 1,
                    "MaxSize": 3,
                    "VPCZoneIdentifier": [subnet],
                },
            },
            "up": {"type": "AWS::AutoScaling::ScalingPolicy", "properties": {**of, "ScalingAdjustment": 1}},
        },
    }
    life = Group(stand, "several", several)
    assert life.status() == "CREATE_COMPLETE", life.settled()
    assert len(life.members()) == 1
    life.signal("up")
    assert len(life.members()) == 2
    child = life.resource("g")["physical_resource_id"]
    body = stand.ask("GET", f"{life._nested(child)}/template").json()
    shown = [member["properties"] for member in body["resources"].values()]
    assert len(shown) == 2
    assert all(member["SubnetId"] == subnet and member["ImageId"] != "cirros" for member in shown)
    life.remove()
    like.remove()
