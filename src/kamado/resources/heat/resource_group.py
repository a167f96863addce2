"""OS::Heat::ResourceGroup: so many resources of one definition, told apart by an index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count, islice
from typing import Any, ClassVar

from kamado.plugin.declare import INTEGER, LIST, MAP, NUMBER, STRING, Attr, Prop, Properties, resource_type
from kamado.resources.heat.batches import Pace
from kamado.resources.heat.members import Member, Members
from kamado.template.unknown import contains_unknown

_SKIPPED = "name_blacklist"
"""Key of the resource's data under which the names that were removed for good are kept, as in Heat's own data."""


@resource_type("OS::Heat::ResourceGroup", since="2014.1")
class ResourceGroup(Members):
    """A number of resources that differ only in their index."""

    members_from: ClassVar = {"properties": ("resource_def", "properties"), "metadata": ("resource_def", "metadata")}
    properties = Properties(
        Prop("count", INTEGER, "How many members there are.", default=1, low=0, update=True),
        Prop("index_var", STRING, "What stands for a member's index in the values of its properties.", default="%index%",
             length=(3, None), since="2014.2"),
        Prop("removal_policies", LIST, "Which members go first when the group shrinks.", default=[], update=True, since="2015.1", fields=(
            Prop("resource_list", LIST, "Names or references of members to remove.", default=[]),
        )),
        Prop("removal_policies_mode", STRING, "Whether members named before stay removed (append), or only those named now.",
             default="append", update=True, allowed=("append", "update"), since="10.0.0"),
        Prop("resource_def", MAP, "What a member is.", required=True, update=True, fields=(
            Prop("type", STRING, "Resource type of the members.", required=True),
            Prop("properties", MAP, "Property values of the members."),
            Prop("metadata", MAP, "Metadata of the members.", since="5.0.0"),
        )),
    )  # fmt: skip
    attributes = (
        Attr("refs", LIST, "References of the members."),
        Attr("refs_map", MAP, "References of the members by their names.", since="7.0.0"),
        Attr("attributes", MAP, "An attribute of each member by the members' names.", since="2014.2"),
        Attr("removed_rsrc_list", LIST, "Names of the members that were removed by a removal policy.", since="7.0.0"),
    )
    update_policies = (
        Prop("rolling_update", MAP, "Change the members in batches.", since="5.0.0", fields=(
            Prop("min_in_service", INTEGER, "Members that are not touched meanwhile.", default=0, low=0),
            Prop("max_batch_size", INTEGER, "Members that are changed at once.", default=1, low=1),
            Prop("pause_time", NUMBER, "Seconds between two batches.", default=0, low=0),
        )),
        Prop("batch_create", MAP, "Make the members in batches.", since="5.0.0", fields=(
            Prop("max_batch_size", INTEGER, "Members that are made at once.", default=1, low=1),
            Prop("pause_time", NUMBER, "Seconds between two batches.", default=0, low=0),
        )),
    )  # fmt: skip

    @classmethod
    def plain_members(cls, properties: Mapping[str, Any]) -> Mapping[str, Member] | None:
        """As many as ``count``, without those that the removal policies name."""
        many, definition = properties.get("count"), properties.get("resource_def")
        if not isinstance(many, int) or not isinstance(definition, Mapping) or contains_unknown(definition.get("type")):
            return None
        return _members(properties, _names(many, _listed(properties)))

    def wanted_members(self) -> Mapping[str, Member]:
        """The same without those that were removed before."""
        skipped = self._skip()
        return _members(self.properties, _names(int(self.properties["count"]), skipped))

    def member(self, name: str) -> Member:
        """One of those that differ in their index only."""
        return _member(self.properties, name)

    def spare_names(self, taken: Iterable[str]) -> Iterator[str]:
        """The next free numbers."""
        return _free({*taken, *self._skip()})

    def create_pace(self) -> Pace | None:
        """As ``batch_create`` says."""
        return Pace.of(self.update_policy.get("batch_create"))

    def update_pace(self) -> Pace | None:
        """As ``rolling_update`` says."""
        return Pace.of(self.update_policy.get("rolling_update"))

    def group_attribute(self, name: str) -> Any:
        """The names removed for good; the rest as for all groups."""
        return sorted(self._skipped()) if name == "removed_rsrc_list" else super().group_attribute(name)

    def _skipped(self) -> set[str]:
        return {name for name in str(self.data.get(_SKIPPED) or "").split(",") if name}

    def _skip(self) -> set[str]:
        """The names that are left out from now on; what the policies add to them is kept."""
        before = self._skipped()
        kept = before if self.properties.get("removal_policies_mode") != "update" else set()
        found = kept | self._named(before)
        if found != before:
            self.set_data(_SKIPPED, ",".join(sorted(found)) or None)
        return found

    def _named(self, before: set[str]) -> set[str]:
        """The names of members that the policies mean: by name or by reference; before there are members, every name counts."""
        listed = _listed(self.properties)
        if not listed or self.physical_id is None:
            return listed
        there = self.children.members(self.physical_id, None)
        by_reference = {str(reference): name for name, reference in there.items()}
        meant = {name if name in there or name in before else by_reference.get(name) for name in listed}
        return {name for name in meant if name is not None}


def _listed(properties: Mapping[str, Any]) -> set[str]:
    policies = properties.get("removal_policies") or ()
    if contains_unknown(policies):
        return set()
    return {str(name) for policy in policies for name in (policy or {}).get("resource_list") or ()}


def _free(taken: Iterable[str]) -> Iterator[str]:
    gone = set(taken)
    return (name for number in count() if (name := str(number)) not in gone)


def _names(many: int, skipped: Iterable[str]) -> list[str]:
    return list(islice(_free(skipped), many))


def _members(properties: Mapping[str, Any], names: Iterable[str]) -> dict[str, Member]:
    return {name: _member(properties, name) for name in names}


def _member(properties: Mapping[str, Any], name: str) -> Member:
    definition = properties["resource_def"]
    values = definition.get("properties") or {}
    index = properties.get("index_var") or "%index%"
    own = {key: value for key, value in with_index(values, index, name).items() if value is not None}
    return {"type": definition["type"], "properties": own, "metadata": dict(definition.get("metadata") or {})}


def with_index(value: Any, index: str, name: str) -> Any:
    """A value with the index variable in all its texts replaced by a member's name."""
    if isinstance(value, str):
        return value.replace(index, name) if index in value else value
    if isinstance(value, Mapping):
        return {key: with_index(item, index, name) for key, item in value.items()}
    if isinstance(value, list):
        return [with_index(item, index, name) for item in value]
    return value
