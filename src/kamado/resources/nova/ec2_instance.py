"""AWS::EC2::Instance: a server under the names that Amazon gives it.

It is an OS::Nova::Server that is asked for otherwise: `translated` says what its properties come to there, and the rest is the server's.
The trap: those stand beside its own on an instance of the class only; rows keep what the template says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kamado.plugin.declare import BOOLEAN, LIST, NOT_SENT, STRING, Attr, Prop, Properties, resource_type
from kamado.plugin.rules import Finding
from kamado.plugin.wire import sent
from kamado.resources.nova import addresses, devices
from kamado.resources.nova.ec2_shapes import block_devices, scheduler_hints
from kamado.resources.nova.server import Server
from kamado.template.unknown import contains_unknown, is_unknown

_DISKS = "BlockDeviceMappings"


@resource_type("AWS::EC2::Instance")
class Instance(Server):
    """A virtual machine."""

    properties = Properties(
        Prop("ImageId", STRING, "The image.", required=True, refers="glance.image", body="imageRef"),
        Prop("InstanceType", STRING, "The flavor.", required=True, update=True, refers="nova.flavor", body="flavorRef", create_only=True),
        Prop("KeyName", STRING, "The key pair.", refers="nova.keypair", body="key_name"),
        Prop("AvailabilityZone", STRING, "Where it runs.", body="availability_zone"),
        Prop("DisableApiTermination", STRING, status="UNSUPPORTED"),
        Prop("KernelId", STRING, status="UNSUPPORTED"),
        Prop("Monitoring", BOOLEAN, status="UNSUPPORTED"),
        Prop("PlacementGroupName", STRING, status="UNSUPPORTED"),
        Prop("PrivateIpAddress", STRING, status="UNSUPPORTED"),
        Prop("RamDiskId", STRING, status="UNSUPPORTED"),
        Prop("SecurityGroups", LIST, "Names of security groups.", body=NOT_SENT),
        Prop("SecurityGroupIds", LIST, "Ids of security groups.", body=NOT_SENT),
        Prop("NetworkInterfaces", LIST, "Interfaces: ids, or maps with NetworkInterfaceId and DeviceIndex.", update=True, body=NOT_SENT),
        Prop("SourceDestCheck", BOOLEAN, status="UNSUPPORTED"),
        Prop("SubnetId", STRING, "The subnet that it gets an address from.", update=True, body=NOT_SENT),
        Prop("Tags", LIST, "Tags, kept as metadata of the server.", update=True, body=NOT_SENT, fields=(
            Prop("Key", STRING, "Name.", required=True), Prop("Value", STRING, "Value.", required=True))),
        scheduler_hints(),
        Prop("Tenancy", STRING, status="UNSUPPORTED", allowed=("dedicated", "default")),
        Prop("UserData", STRING, "What it is given to run.", body=NOT_SENT),
        Prop("Volumes", LIST, "Volumes that are attached once it runs.", default=[], body=NOT_SENT, fields=(
            Prop("Device", STRING, "Where, such as vdb.", required=True),
            Prop("VolumeId", STRING, "The volume.", required=True, refers="cinder.volume"))),
        block_devices(),
    )  # fmt: skip
    attributes = (
        Attr("AvailabilityZone", STRING, "Where it runs."),
        Attr("PrivateDnsName", STRING, "Its address."),
        Attr("PublicDnsName", STRING, "Its address."),
        Attr("PrivateIp", STRING, "Its address."),
        Attr("PublicIp", STRING, "Its address."),
    )
    handled = frozenset(
        {
            "SecurityGroups",
            "SecurityGroupIds",
            "NetworkInterfaces",
            "SubnetId",
            "Tags",
            "UserData",
            "Volumes",
            _DISKS,
            "NovaSchedulerHints",
        }
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.properties = {**self.properties, **translated(self.properties)}

    @classmethod
    def validate(cls, properties: Mapping[str, Any]) -> list[Finding]:
        """Security groups belong to interfaces where those are given; disks are made from snapshots."""
        found = []
        groups = [properties.get(name) for name in ("SecurityGroups", "SecurityGroupIds")]
        if properties.get("NetworkInterfaces") and any(is_unknown(one) or one for one in groups):
            words = "Cannot define the following properties at the same time: SecurityGroups/SecurityGroupIds, NetworkInterfaces."
            found.append(Finding(words, "ResourcePropertyConflict"))
        disks = properties.get(_DISKS)
        for disk in disks if isinstance(disks, list) and not contains_unknown(disks) else ():
            if not disk.get("Ebs"):
                found.append(Finding("Ebs is missing, this is required"))
            elif not disk["Ebs"].get("SnapshotId"):
                found.append(Finding("SnapshotId is missing, this is required for specifying BlockDeviceMappings."))
        return found

    @classmethod
    def entries(cls, properties: Mapping[str, Any]) -> Any:
        """The interfaces by their place, else a port in the subnet, else what Nova chooses."""
        cards = properties.get("NetworkInterfaces")
        if cards:
            return [{"port": port} for port in _in_place(cards)]
        return [{"subnet": properties["SubnetId"]}] if properties.get("SubnetId") else []

    def create_request(self) -> dict[str, Any]:
        """The server's, under its physical name, with hints."""
        body = super().create_request()
        body["name"] = self.physical_name
        hints: dict[str, Any] = {}
        for hint in self.properties.get("NovaSchedulerHints") or ():
            hints[hint["Key"]] = [*hints[hint["Key"]], hint["Value"]] if hint["Key"] in hints else [hint["Value"]]
        if hints:
            body["os:scheduler_hints"] = {key: one[0] if len(one) == 1 else one for key, one in hints.items()}
        return body

    def _disks(self) -> dict[str, Any]:
        given = sent(type(self).props[_DISKS], self.properties.get(_DISKS) or [], self.find)
        legacy = [
            {
                "device_name": disk["DeviceName"],
                "snapshot_id": disk["Ebs"]["SnapshotId"],
                "volume_size": disk["Ebs"].get("VolumeSize"),
                "delete_on_termination": disk["Ebs"].get("DeleteOnTermination"),
            }
            for disk in given
        ]
        return {"block_device_mapping": devices.legacy_mappings(legacy)} if legacy else {}

    def check_create_complete(self, token: Any) -> bool:
        """Active, and its volumes attached."""
        return super().check_create_complete(token) and self._volumes_attached()

    def _volumes_attached(self) -> bool:
        """Attaches what is not attached yet. May be called any number of times."""
        wanted = {
            self.find("cinder.volume", one["VolumeId"]): one["Device"] for one in self.properties.get("Volumes") or ()
        }
        if not wanted:
            return True
        path = f"{self.item_path()}/os-volume_attachments"
        there = {one["volumeId"] for one in self.call("GET", path)["volumeAttachments"]}
        for volume, device in wanted.items():
            if volume not in there:
                self.call(
                    "POST",
                    path,
                    json={"volumeAttachment": {"volumeId": volume, "device": f"/dev/{device.removeprefix('/dev/')}"}},
                )
        storage = self.cloud.service("volumev3")
        return all(storage.get(f"/volumes/{volume}")["volume"]["status"] == "in-use" for volume in wanted)

    def handle_update(self, changes: Mapping[str, Any]) -> Any:
        """What the server does when what the properties come to there has changed."""
        self.properties = {**self.properties, **translated(self.properties)}
        meant = {"Tags": "metadata", "InstanceType": "flavor", "NetworkInterfaces": "networks", "SubnetId": "networks"}
        names = {meant[name] for name in changes if name in meant}
        return super().handle_update({name: self.properties.get(name) for name in names})

    def _read(self, name: str, body: Mapping[str, Any] | None) -> Any:
        if name == "show":
            return None  # only what is declared is told of it
        if name == "AvailabilityZone":
            return (body or {}).get("OS-EXT-AZ:availability_zone") or self.properties.get(name)
        if name in type(self).attrs:
            return (
                addresses.first_address(self, body) if body is not None else ""
            ) or "0.0.0.0"  # Heat's word for none
        return super()._read(name, body)


def translated(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The server's properties that those of an instance come to."""
    groups = [*(properties.get("SecurityGroups") or ()), *(properties.get("SecurityGroupIds") or ())]
    return {
        "metadata": {tag["Key"]: tag["Value"] for tag in properties.get("Tags") or ()},
        "networks": Instance.entries(properties),
        "security_groups": groups,
        "user_data": properties.get("UserData") or "",
        "flavor": properties.get("InstanceType"),
    }


def _in_place(cards: list[Any]) -> list[str]:
    """Ids of network interfaces: those with a place by it, others in the order in which they are given."""
    placed: list[tuple[int, str]] = []
    for place, card in enumerate(cards):
        if isinstance(card, Mapping):
            index = card.get("DeviceIndex")
            placed.append((place if index is None else int(index), str(card["NetworkInterfaceId"])))
        else:
            placed.append((place, str(card)))
    return [port for _, port in sorted(placed, key=lambda one: one[0])]
