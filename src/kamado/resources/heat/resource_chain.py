"""OS::Heat::ResourceChain: one resource of each of several types, one after the other or all at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from kamado.plugin.declare import BOOLEAN, LIST, MAP, Attr, Prop, Properties, resource_type
from kamado.plugin.rules import Finding
from kamado.resources.heat.members import Member, Members
from kamado.template.unknown import contains_unknown


@resource_type("OS::Heat::ResourceChain", since="6.0.0")
class ResourceChain(Members):
    """Resources of given types that share their properties; each waits for the one before it."""

    members_from: ClassVar = {"properties": ("resource_properties",)}
    properties = Properties(
        Prop("resources", LIST, "The types, in order.", required=True, update=True),
        Prop("concurrent", BOOLEAN, "Whether none waits for another.", default=False),
        Prop("resource_properties", MAP, "Property values of all of them."),
    )
    attributes = (
        Attr("refs", LIST, "References of the resources."),
        Attr("attributes", MAP, "An attribute of each resource by the resources' names."),
    )

    own = frozenset({"refs"})

    @classmethod
    def validate(cls, properties: Mapping[str, Any]) -> list[Finding]:
        """The types are names."""
        for name in properties.get("resources") or ():
            if not name:
                return [Finding('Non-empty resource type is required for resource "None"')]
            if not contains_unknown(name) and not isinstance(name, str):
                return [Finding('Resource "None" type is not a string')]
        return []

    @classmethod
    def plain_members(cls, properties: Mapping[str, Any]) -> Mapping[str, Member] | None:
        """One for each type, named by its place."""
        types = properties.get("resources")
        if not isinstance(types, list) or not all(isinstance(name, str) and name for name in types):
            return None
        values = {
            key: value for key, value in (properties.get("resource_properties") or {}).items() if value is not None
        }
        waits = not properties.get("concurrent")
        return {
            str(place): {
                "type": str(name),
                "properties": values,
                "depends_on": [str(place - 1)] if waits and place else [],
            }
            for place, name in enumerate(types)
        }
