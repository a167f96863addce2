"""AWS::EC2::Instance against a compute service over real HTTP."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest
from tests.types.rig import Rig

from kamado.model.lifecycle import Action
from kamado.plugin.registry import Registry
from kamado.plugin.resource import Resource

KIND = Registry.load().get("AWS::EC2::Instance", "")


@pytest.fixture
def subnet(rig: Rig) -> str:
    net = rig.make("OS::Neutron::Net", {}, name="net")
    made = rig.make("OS::Neutron::Subnet", {"network": net.physical_id, "cidr": "10.93.0.0/24"}, name="subnet")
    return str(made.physical_id)


def instance(rig: Rig, **properties: Any) -> Resource:
    return rig.make("AWS::EC2::Instance", {"ImageId": "cirros", "InstanceType": "m1.tiny", **properties}, name="web")


def change(rig: Rig, made: Resource, **properties: Any) -> None:
    """An update, from the properties that the template has."""
    made.properties = {name: value for name, value in made.properties.items() if name in KIND.props}  # type: ignore[assignment]
    rig.update(made, **properties)


def shown(rig: Rig, made: Resource) -> dict[str, Any]:
    assert rig.cloud is not None
    found: dict[str, Any] = rig.cloud.service("compute").get(f"/servers/{made.physical_id}")["server"]
    return found


def test_an_instance_in_a_subnet_with_all_that_can_be_said_of_it(rig: Rig, subnet: str) -> None:
    assert rig.cloud is not None
    group = rig.make("OS::Neutron::SecurityGroup", {}, name="group")
    made = instance(
        rig,
        SubnetId=subnet,
        SecurityGroupIds=[group.physical_id],
        AvailabilityZone="nova",
        UserData="#!/bin/sh",
        Tags=[{"Key": "role", "Value": "web"}],
    )
    body = shown(rig, made)
    assert (body["name"], body["status"], body["metadata"]) == (made.physical_name, "ACTIVE", {"role": "web"})
    ports = rig.cloud.service("network").list("/v2.0/ports", "ports", {"device_id": made.physical_id})
    assert [port["fixed_ips"][0]["subnet_id"] for port in ports] == [subnet]
    assert [port["security_groups"] for port in ports] == [[group.physical_id]]
    address = ports[0]["fixed_ips"][0]["ip_address"]
    names = ("PrivateIp", "PublicIp", "PrivateDnsName", "PublicDnsName")
    assert made.read_attributes([*names, "AvailabilityZone"]) == {
        **dict.fromkeys(names, address),
        "AvailabilityZone": "nova",
    }
    request = KIND.create_request(made)  # type: ignore[attr-defined]
    assert b"#!/bin/sh" in base64.b64decode(request["user_data"])
    rig.run(made, Action.SUSPEND)
    rig.run(made, Action.RESUME)
    rig.run(made, Action.CHECK)
    rig.run(made, Action.DELETE)
    assert not rig.cloud.service("network").list("/v2.0/ports", "ports", {"id": ports[0]["id"]})


def test_tags_flavor_and_subnet_are_changed_in_place(rig: Rig, subnet: str) -> None:
    assert rig.cloud is not None
    net = rig.make("OS::Neutron::Net", {}, name="net2")
    other = rig.make("OS::Neutron::Subnet", {"network": net.physical_id, "cidr": "10.94.0.0/24"}, name="subnet2")
    made = instance(rig, SubnetId=subnet, Tags=[{"Key": "role", "Value": "web"}])
    before = made.physical_id
    change(rig, made, Tags=[{"Key": "role", "Value": "db"}])
    assert shown(rig, made)["metadata"] == {"role": "db"}
    change(rig, made, InstanceType="m1.small")
    flavors = {one["id"]: one["name"] for one in rig.cloud.service("compute").get("/flavors")["flavors"]}
    assert flavors[shown(rig, made)["flavor"]["id"]] == "m1.small"
    change(rig, made, SubnetId=str(other.physical_id))
    ports = rig.cloud.service("network").list("/v2.0/ports", "ports", {"device_id": made.physical_id})
    assert [port["fixed_ips"][0]["subnet_id"] for port in ports] == [other.physical_id]
    assert made.physical_id == before


def test_interfaces_come_in_the_order_of_their_places_and_volumes_are_attached(rig: Rig, subnet: str) -> None:
    assert rig.cloud is not None
    network = rig.cloud.service("network").get(f"/v2.0/subnets/{subnet}")["subnet"]["network_id"]
    first, second = (str(rig.make("OS::Neutron::Port", {"network": network}, name=name).physical_id) for name in "ab")
    volume = rig.make("OS::Cinder::Volume", {"size": 1}, name="disk")
    made = instance(
        rig,
        NetworkInterfaces=[
            {"NetworkInterfaceId": second, "DeviceIndex": 1},
            {"NetworkInterfaceId": first, "DeviceIndex": 0},
        ],
        Volumes=[{"VolumeId": volume.physical_id, "Device": "vdb"}],
    )
    assert [net["port"] for net in KIND.entries(made.properties)] == [first, second]  # type: ignore[attr-defined]
    attached = rig.cloud.service("compute").get(f"/servers/{made.physical_id}/os-volume_attachments")
    assert [one["volumeId"] for one in attached["volumeAttachments"]] == [volume.physical_id]


def test_the_key_and_hints_and_disks_of_snapshots_are_in_the_request(rig: Rig) -> None:
    assert rig.cloud is not None
    key = rig.make("OS::Nova::KeyPair", {"name": "of-an-instance", "save_private_key": True}, name="key")
    hints = [
        {"Key": "group", "Value": "g"},
        {"Key": "different_host", "Value": "a"},
        {"Key": "different_host", "Value": "b"},
    ]
    volume = rig.make("OS::Cinder::Volume", {"size": 1}, name="origin")
    body = {"snapshot": {"volume_id": volume.physical_id, "name": "snap"}}
    snapshot = rig.cloud.service("volumev3").post("/snapshots", json=body)["snapshot"]["id"]
    disk = {"SnapshotId": snapshot, "VolumeSize": "2"}
    disks = [{"DeviceName": "vdb", "Ebs": {**disk, "DeleteOnTermination": False}}, {"DeviceName": "vdc", "Ebs": disk}]
    values = {"KeyName": key.physical_id, "NovaSchedulerHints": hints, "BlockDeviceMappings": disks}
    made = rig.build("AWS::EC2::Instance", {"ImageId": "cirros", "InstanceType": "m1.tiny", **values}, name="asked")
    request = KIND.create_request(made)  # type: ignore[attr-defined]
    assert request["key_name"] == "of-an-instance"
    assert request["os:scheduler_hints"] == {"group": "g", "different_host": ["a", "b"]}
    kept, goes = request["block_device_mapping"]
    assert kept == {"device_name": "vdb", "snapshot_id": snapshot, "volume_size": "2"}
    assert goes == {**kept, "device_name": "vdc", "delete_on_termination": True}
    while rig.cloud.service("volumev3").get(f"/snapshots/{snapshot}")["snapshot"]["status"] != "available":
        time.sleep(0.02)
    rig.cloud.service("volumev3").delete(f"/snapshots/{snapshot}")
    while rig.cloud.service("volumev3").list("/snapshots", "snapshots", {"name": "snap"}):
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"NetworkInterfaces": ["p"], "SecurityGroups": ["g"]},
         "Cannot define the following properties at the same time: SecurityGroups/SecurityGroupIds, NetworkInterfaces."),
        ({"BlockDeviceMappings": [{"DeviceName": "vdb"}]}, "Ebs is missing, this is required"),
        ({"BlockDeviceMappings": [{"DeviceName": "vdb", "Ebs": {"VolumeSize": "1"}}]},
         "SnapshotId is missing, this is required for specifying BlockDeviceMappings."),
        ({"NetworkInterfaces": ["p"], "SecurityGroups": []}, None),
    ],
)  # fmt: skip
def test_what_does_not_go_together(properties: dict[str, Any], words: str | None) -> None:
    assert [str(found) for found in KIND.validate(properties)] == ([words] if words else [])


def test_a_launch_configuration_is_like_an_instance(rig: Rig, subnet: str) -> None:
    made = instance(rig, SubnetId=subnet)
    like = rig.make("AWS::AutoScaling::LaunchConfiguration", {"InstanceId": made.physical_id}, name="lc")
    assert made.read_attributes(["AvailabilityZone", "show"]) == {"AvailabilityZone": "nova", "show": None}
    body = shown(rig, made)
    kept = like.data["instance"]
    assert (kept["ImageId"], kept["InstanceType"]) == (body["image"]["id"], body["flavor"]["id"])
    assert like.reference() == like.physical_name
