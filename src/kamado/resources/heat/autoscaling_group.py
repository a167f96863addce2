"""OS::Heat::AutoScalingGroup: as many resources of one definition as policies and limits say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from kamado.plugin.declare import INTEGER, LIST, MAP, NUMBER, Attr, Prop, Properties, resource_type
from kamado.resources.heat.batches import Pace
from kamado.resources.heat.members import Member
from kamado.resources.heat.scaled_group import ScaledGroup, SizeLimits

_PARTS = ("type", "properties", "metadata", "depends_on", "update_policy", "deletion_policy")


@resource_type("OS::Heat::AutoScalingGroup", since="2014.1")
class AutoScalingGroup(ScaledGroup):
    """A group that grows and shrinks by itself."""

    heat_class = "AutoScalingResourceGroup"
    limits = SizeLimits("min_size", "max_size", "desired_capacity", "cooldown")
    members_from: ClassVar = {"properties": ("resource", "properties"), "metadata": ("resource", "metadata")}
    maps = frozenset({"outputs"})
    lists = frozenset({"outputs_list"})
    takes_keys = maps | lists
    properties = Properties(
        Prop("resource", MAP, "What a member is, as a resource is written in a template.", required=True, update=True),
        Prop("max_size", INTEGER, "Most members.", required=True, low=0, update=True),
        Prop("min_size", INTEGER, "Fewest members.", required=True, low=0, update=True),
        Prop("cooldown", INTEGER, "Seconds of quiet after the group was made or updated.", update=True),
        Prop("desired_capacity", INTEGER, "Members at first, and after an update of the group.", update=True),
        Prop(
            "rolling_updates",
            MAP,
            "How members change when their definition does.",
            update=True,
            default={"min_in_service": 0, "max_batch_size": 1, "pause_time": 0},
            fields=(
                Prop("min_in_service", INTEGER, "Members that are not touched meanwhile.", default=0, low=0),
                Prop("max_batch_size", INTEGER, "Members that are changed at once.", default=1, low=1),
                Prop("pause_time", NUMBER, "Seconds between two batches.", default=0, low=0),
            ),
        ),
    )
    attributes = (
        Attr("outputs", MAP, "An attribute of each member by the members' names.", since="2014.2"),
        Attr("outputs_list", LIST, "An attribute of each member.", since="2014.2"),
        Attr("current_size", INTEGER, "How many members there are.", since="2015.1"),
        Attr("refs", LIST, "References of the members.", since="7.0.0"),
        Attr("refs_map", MAP, "References of the members by their names.", since="7.0.0"),
    )
    rules = (limits,)

    @classmethod
    def definition(cls, properties: Mapping[str, Any]) -> Member | None:
        """The ``resource``, without properties that are null."""
        written = properties.get("resource")
        if not isinstance(written, Mapping) or "type" not in written:
            return None
        given = {name: value for name, value in (written.get("properties") or {}).items() if value is not None}
        parts = {name: written[name] for name in _PARTS if written.get(name) is not None}
        return {**parts, "properties": given}

    def update_pace(self) -> Pace | None:
        """As ``rolling_updates`` says."""
        return Pace.of(self.properties.get("rolling_updates"))

    def group_attribute(self, name: str) -> Any:
        """How many there are; the rest as for all groups."""
        return self.size() if name == "current_size" else super().group_attribute(name)
