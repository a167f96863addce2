"""Groups of instances that are made from a launch configuration.

Base of OS::Heat::InstanceGroup and AWS::AutoScaling::AutoScalingGroup. Members are of type `SCALED`, which an environment may map to a
template; by itself it is AWS::EC2::Instance. The trap: what a member is stands in another resource of the stack, the launch
configuration, which an update replaces; so it is read when it is needed, and a group that has no update policy leaves members as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from kamado.model.identifiers import new_id
from kamado.plugin.context import ChildTemplate
from kamado.plugin.declare import INTEGER, LIST, MAP, STRING, Attr, Prop, Properties, resource_type
from kamado.plugin.errors import PermanentError
from kamado.plugin.finders import find
from kamado.plugin.instances import like
from kamado.plugin.rules import RESOURCE, Finding, at
from kamado.plugin.stack_resource import OPERATION, LooksFirst
from kamado.resources.heat.aged_members import AgedMembers
from kamado.resources.heat.balanced import NAME, balanced
from kamado.resources.heat.batches import Batch, Pace, taken_out
from kamado.resources.heat.members import Member
from kamado.resources.heat.scaled_group import ScaledGroup, SizeLimits
from kamado.template.unknown import is_unknown

SCALED, INSTANCE = "OS::Heat::ScaledResource", "AWS::EC2::Instance"
_FROM_CONFIGURATION = (
    "ImageId",
    "InstanceType",
    "KeyName",
    "SecurityGroups",
    "UserData",
    "BlockDeviceMappings",
    "NovaSchedulerHints",
)
_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")
_LIST = "InstanceList"
_LIKE = "instance"
_BALANCERS = "LoadBalancerNames"


def seconds(duration: str) -> float:
    """Of a duration as ISO 8601 writes it, hours, minutes and seconds only. Raises PermanentError."""
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise PermanentError("Only ISO 8601 duration format of the form PT#H#M#S is supported.", "ValueError")
    hours, minutes, rest = (int(part or 0) for part in found.groups())
    return float(hours * 3600 + minutes * 60 + rest)


@dataclass(frozen=True, slots=True)
class OneSubnet:
    """One subnet at most."""

    path: str

    @property
    def paths(self) -> tuple[str, ...]:
        """The property."""
        return (self.path,)

    def check(self, properties: Mapping[str, Any]) -> Iterator[Finding]:
        """Nothing, or one finding."""
        value = properties.get(self.path)
        if isinstance(value, list) and len(value) != 1:
            yield Finding("Anything other than one VPCZoneIdentifier is not supported.", "NotSupported")


@dataclass(frozen=True, slots=True)
class NotNegative:
    """The smallest size and the largest are no less than none."""

    paths: tuple[str, ...]

    def check(self, properties: Mapping[str, Any]) -> Iterator[Finding]:
        """Nothing, or one finding."""
        values = (at(properties, path) for path in self.paths)
        if any(isinstance(value, int) and value < 0 for value in values):
            yield Finding("The size of AutoScalingGroup can not be less than zero")


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """Exactly one says what members are made from."""

    paths: tuple[str, ...]

    def check(self, properties: Mapping[str, Any]) -> Iterator[Finding]:
        """Nothing, or one finding."""
        given = [path for path in self.paths if is_unknown(properties.get(path)) or properties.get(path)]
        if len(given) != 1:
            yield Finding("Either 'InstanceId' or 'LaunchConfigurationName' must be provided.")


def _rolling() -> tuple[Prop, ...]:
    return (
        Prop("MinInstancesInService", INTEGER, "Members that are in service meanwhile.", default=0),
        Prop("MaxBatchSize", INTEGER, "Members that are changed at once.", default=1),
        Prop("PauseTime", STRING, "Time between two batches, as ISO 8601 writes it.", default="PT0S"),
    )


def _tags() -> Prop:
    return Prop(
        "Tags", LIST, "Tags of the members.",
        fields=(Prop("Key", STRING, "Name.", required=True), Prop("Value", STRING, "Value.", required=True)),
    )  # fmt: skip


class LaunchedMembers(AgedMembers):
    """A group of instances."""

    own = frozenset({"refs", "refs_map", _LIST, "show"})
    maps: ClassVar[frozenset[str]] = frozenset()
    takes_keys: ClassVar[frozenset[str]] = frozenset()
    policy: ClassVar[str]
    group_tags: ClassVar[tuple[str, ...]] = ("metering.groupname",)
    """Tags that name the group on each member."""
    _drawn: str | None = None

    @classmethod
    def definition(cls, properties: Mapping[str, Any]) -> Member | None:  # noqa: ARG003
        """Not to be told from the group's properties alone."""
        return None

    @classmethod
    def validate_beside(
        cls,
        definition: Any,
        definitions: Mapping[str, Any],
        properties: Callable[[str], Mapping[str, Any] | None],
    ) -> list[Finding]:
        """The launch configuration and the load balancers are resources of the stack."""
        given = properties(definition.name) or {}
        wanted = [("LaunchConfigurationName", given.get("LaunchConfigurationName"))]
        wanted += [(_BALANCERS, name) for name in given.get(_BALANCERS) or ()]
        return [
            Finding(f"ValueError: : Resources.{RESOURCE}: : {name} ({value}) reference can not be found.")
            for name, value in wanted
            if isinstance(value, str) and value not in definitions
        ]

    @classmethod
    def implied_by(cls, name: str, definition: Any, definitions: Mapping[str, Any]) -> set[str]:
        """Load balancers that are named plainly."""
        given = definition.properties.get(_BALANCERS)
        names = {one for one in given if isinstance(one, str)} if isinstance(given, list | tuple) else set()
        return super().implied_by(name, definition, definitions) | (names & definitions.keys())

    def described(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """What the launch configuration says of members: values of properties, and metadata. Raises PermanentError when there is none."""
        reference = str(self.properties.get("LaunchConfigurationName"))
        siblings = self.ports.siblings
        row = None if siblings is None else siblings.known_as(reference)
        if row is None:
            raise PermanentError(f"the launch configuration {reference} could not be found", "NotFound")
        return {**(row.properties or {}), **(row.data.get("instance") or {})}, row.metadata

    def member(self, name: str) -> Member:  # noqa: ARG002  # all are the same
        """As it is described, in the group's subnet, with the group's tags."""
        given, metadata = self.described()
        values = {key: given[key] for key in _FROM_CONFIGURATION if given.get(key) is not None}
        subnets = self.properties.get("VPCZoneIdentifier")
        if subnets:
            values["SubnetId"] = subnets[0]
        who = self.physical_id or self._drawn
        tags = [dict(tag) for tag in self.properties.get("Tags") or ()]
        values["Tags"] = [*tags, *({"Key": key, "Value": who} for key in self.group_tags)]
        return {"type": SCALED, "properties": values, "metadata": dict(metadata)}

    def handle_create(self) -> dict[str, Any]:
        """Begins the child; its id is drawn before, because members are tagged with it."""
        self._drawn = new_id()
        stack_id, operation = self.children.create(self.physical_name, self.child_template(), self._drawn)
        self.set_physical_id(stack_id)
        return {OPERATION: operation, "action": "CREATE"}

    def update_pace(self) -> Pace | None:
        """As the update policy says; without one, members stay as they are."""
        found = self.update_policy.get(self.policy)
        if not found:
            return None
        size, least = int(found["MaxBatchSize"]), int(found["MinInstancesInService"])
        return Pace(max(size, 1), max(least, 0), seconds(str(found["PauseTime"])))

    def group_attribute(self, name: str) -> Any:
        """The addresses of the members with commas between them; the rest as for all groups."""
        if name != _LIST:
            return super().group_attribute(name)
        return ",".join(str(address or "") for address in self.of_members("PublicIp").values())

    @classmethod
    def outputs_for(cls, names: Sequence[str], wanted: Collection[str | None]) -> dict[str, Any]:
        """With the addresses."""
        found = super().outputs_for(names, wanted)
        return found | ({_LIST: {name: {"get_attr": [name, "PublicIp"]} for name in names}} if _LIST in wanted else {})

    def with_others_told(self, steps: Sequence[Batch], present: Collection[str]) -> Sequence[Batch]:
        """Load balancers do not use members while these change."""
        return taken_out(steps, present) if self.properties.get(_BALANCERS) else steps

    def _template(self, members: Mapping[str, Member], out: Collection[str] = ()) -> ChildTemplate:
        """Members are of a type that means an instance here; beside them is what tells load balancers."""
        child = replace(super()._template(members), maps={SCALED: INSTANCE})
        balancers = self.properties.get(_BALANCERS)
        if not balancers or isinstance(child.template, str):
            return child
        used = [name for name in members if name not in out]
        resources = {**child.template["resources"], NAME: balanced(balancers, used)}
        return replace(child, template={**child.template, "resources": resources})


@resource_type("OS::Heat::InstanceGroup")
class InstanceGroup(LaunchedMembers):
    """So many instances."""

    policy = "RollingUpdate"
    properties = Properties(
        Prop("AvailabilityZones", LIST, "Not read.", required=True),
        Prop("LaunchConfigurationName", STRING, "The launch configuration.", required=True, update=True),
        Prop("Size", INTEGER, "How many members there are.", required=True, update=True),
        Prop("LoadBalancerNames", LIST, "Load balancers that are to know the members."),
        _tags(),
    )
    attributes = (Attr(_LIST, STRING, "Addresses of the members with commas between them."),)
    update_policies = (Prop("RollingUpdate", MAP, "Change the members in batches.", fields=_rolling()),)

    @classmethod
    def first_size(cls, properties: Mapping[str, Any]) -> int | None:
        """As the property says."""
        found = properties.get("Size")
        return found if isinstance(found, int) else None

    @classmethod
    def next_size(cls, properties: Mapping[str, Any], now: int, changes: Collection[str]) -> int:  # noqa: ARG003
        """The same."""
        return int(properties["Size"])


@resource_type("AWS::AutoScaling::AutoScalingGroup", since="2014.1")
class AwsAutoScalingGroup(LaunchedMembers, ScaledGroup, LooksFirst):
    """Instances that policies scale."""

    limits = SizeLimits("MinSize", "MaxSize", "DesiredCapacity", "Cooldown")
    policy = "AutoScalingRollingUpdate"
    group_tags = ("metering.groupname", "metering.AutoScalingGroupName")
    properties = Properties(
        Prop("AvailabilityZones", LIST, "Not read.", required=True),
        Prop("LaunchConfigurationName", STRING, "The launch configuration.", update=True),
        Prop("InstanceId", STRING, "An instance that members are made like.", refers="nova.server"),
        Prop("MaxSize", INTEGER, "Most members.", required=True, update=True),
        Prop("MinSize", INTEGER, "Fewest members.", required=True, update=True),
        Prop("Cooldown", INTEGER, "Seconds of quiet after the group was made or updated.", update=True),
        Prop("DesiredCapacity", INTEGER, "Members at first, and after an update of the group.", update=True),
        Prop("HealthCheckGracePeriod", INTEGER, status="UNSUPPORTED"),
        Prop("HealthCheckType", STRING, status="UNSUPPORTED", allowed=("EC2", "ELB")),
        Prop("LoadBalancerNames", LIST, "Load balancers that are to know the members."),
        Prop("VPCZoneIdentifier", LIST, "The subnet of the members, as a list of one.", items=STRING),
        _tags(),
    )  # fmt: skip
    attributes = (Attr(_LIST, STRING, "Addresses of the members with commas between them."),)
    update_policies = (Prop("AutoScalingRollingUpdate", MAP, "Change the members in batches.", fields=_rolling()),)
    rules = (
        NotNegative(("MinSize", "MaxSize")),
        limits,
        OneSubnet("VPCZoneIdentifier"),
        MadeFrom(("InstanceId", "LaunchConfigurationName")),
    )

    def look(self) -> Any:
        """The instance that members are to be like, once for the life of the group."""
        named = self.properties.get("InstanceId")
        if not named:
            return None
        cloud = self.ports.cloud()
        server_id = find("nova.server", named, cloud)
        return like(cloud.service("compute").get(f"/servers/{server_id}")["server"])

    def handle_create(self) -> dict[str, Any]:
        """Keeps what was seen of the instance."""
        if self.looked is not None:
            self.set_data(_LIKE, self.looked)
        return super().handle_create()

    def described(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """By the instance where there is one."""
        return (self.data[_LIKE], {}) if self.properties.get("InstanceId") else super().described()
