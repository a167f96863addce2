"""OS::Heat::Value: a value with a name and a type, computed in the template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kamado.plugin.declare import ANY, STRING, Attr, Prop, Properties, resource_type
from kamado.plugin.resource import Resource
from kamado.plugin.rules import Finding
from kamado.template.schema import PropertyType, Schema, ValueInvalid, coerce
from kamado.template.unknown import contains_unknown

_TYPES: Mapping[str, PropertyType] = {
    "string": PropertyType.STRING,
    "number": PropertyType.NUMBER,
    "comma_delimited_list": PropertyType.LIST,
    "json": PropertyType.MAP,
    "boolean": PropertyType.BOOLEAN,
}


@resource_type("OS::Heat::Value", since="7.0.0")
class Value(Resource):
    """Gives a name to a value, so that it is worked out once and read in many places."""

    local = True
    properties = Properties(
        Prop("type", STRING, "Type that the value must have.", update=True, allowed=tuple(_TYPES)),
        Prop("value", ANY, "The value.", required=True, update=True),
    )
    attributes = (Attr("value", None, "The value."),)

    @classmethod
    def validate(cls, properties: Mapping[str, Any]) -> list[Finding]:
        """The value fits the type."""
        if contains_unknown(dict(properties)):
            return []
        kind = properties.get("type")
        if kind is None or properties.get("value") is None:
            return []
        try:
            coerce(Schema(_TYPES[kind]), properties["value"])
        except ValueInvalid as error:
            return [Finding(error.message, property="value")]
        return []

    def handle_create(self) -> None:
        """Nothing to make but a name."""
        self.set_physical_id(self.physical_name)

    def handle_update(self, changes: Mapping[str, Any]) -> None:
        """The properties are all there is."""

    def attribute(self, name: str) -> Any:
        """The value as it was given: the type is a check, nothing is converted (as in Heat)."""
        return self.properties.get("value") if name == "value" else None
