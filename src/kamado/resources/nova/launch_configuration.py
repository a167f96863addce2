"""AWS::AutoScaling::LaunchConfiguration: what the instances of a group are made from.

Nothing is made for it: groups read its row (`kamado.resources.heat.launched_members`). The trap: of an instance that it is to be like,
what matters is read once, when it is made, and kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kamado.plugin.declare import LIST, STRING, Prop, Properties, resource_type
from kamado.plugin.instances import like
from kamado.plugin.rest import CloudResource
from kamado.plugin.rules import Finding
from kamado.resources.nova.ec2_shapes import block_devices, scheduler_hints
from kamado.template.unknown import is_unknown


@resource_type("AWS::AutoScaling::LaunchConfiguration")
class LaunchConfiguration(CloudResource):
    """A description of instances."""

    service_type = "compute"
    handled = frozenset({"BlockDeviceMappings", "NovaSchedulerHints"})
    nameless = True
    properties = Properties(
        Prop("ImageId", STRING, "The image.", refers="glance.image"),
        Prop("InstanceType", STRING, "The flavor.", refers="nova.flavor"),
        Prop("InstanceId", STRING, "An instance to be like.", refers="nova.server"),
        Prop("KeyName", STRING, "The key pair.", refers="nova.keypair"),
        Prop("UserData", STRING, "What the instances are given to run."),
        Prop("SecurityGroups", LIST, "Names of security groups."),
        Prop("KernelId", STRING, status="UNSUPPORTED"),
        Prop("RamDiskId", STRING, status="UNSUPPORTED"),
        block_devices(),
        scheduler_hints(),
    )

    @classmethod
    def validate(cls, properties: Mapping[str, Any]) -> list[Finding]:
        """Image and flavor, or an instance that has them."""
        given = {name for name, value in properties.items() if is_unknown(value) or value}
        if "InstanceId" in given or {"ImageId", "InstanceType"} <= given:
            return []
        return [Finding("If without InstanceId, ImageId and InstanceType are required.")]

    def handle_create(self) -> None:
        """Nothing, or a look at the instance."""
        named = self.properties.get("InstanceId")
        if not named or "instance" in self.data:
            return
        server = self.call("GET", f"/servers/{self.find('nova.server', named)}")["server"]
        said = {name: value for name, value in like(server).items() if self.properties.get(name) is None}
        self.set_data("instance", said)

    def reference(self) -> str:
        """Its name."""
        return self.physical_name
