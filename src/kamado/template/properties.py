"""The property map of a whole type: old names moved to new ones, values coerced, everything that is wrong with it.

Used by the checker, the engine and the orchestrator, so that all three see the same map. The trap: a required
property counts as given when one of its old names is, and what is wrong is told under the name that the template
uses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kamado.template.problems import Path
from kamado.template.schema import (
    CustomCheck,
    PropertyType,
    Schema,
    TypeSchema,
    ValueInvalid,
    ValuesInvalid,
    check_all,
    coerce_all,
)


def canonical(schema: TypeSchema, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Properties with values under old names moved to the names that replaced them."""
    result = dict(properties)
    for old, new in schema.aliases.items():
        value = result.pop(old, None)
        if value is not None and result.get(new) is None:
            is_list = schema.properties[new].type is PropertyType.LIST
            result[new] = [value] if is_list and not isinstance(value, list) else value
    return result


def coerce_properties(
    schema: TypeSchema, values: Mapping[str, Any], custom: CustomCheck | None = None, path: Path = ()
) -> dict[str, Any]:
    """Resolved properties as their schemas' types, under their newest names, defaults filled; UNKNOWN passes.

    Raises ValuesInvalid with everything that is wrong.
    """
    if schema.any_properties:
        return dict(values)
    if not schema.aliases:
        return coerce_all(schema.properties, values, custom, path)
    lasting = {name: prop for name, prop in schema.properties.items() if name not in schema.aliases}
    try:
        return coerce_all(lasting, canonical(schema, values), custom, path)
    except ValuesInvalid:
        found = check_properties(schema, values, custom, path)
        if found:
            raise ValuesInvalid(found) from None
        raise


def check_properties(
    schema: TypeSchema, values: Mapping[str, Any], custom: CustomCheck | None = None, path: Path = ()
) -> list[ValueInvalid]:
    """Everything that is wrong with a type's property map, without raising."""
    if schema.any_properties:
        return []
    return check_all(_as_written(schema, values), values, custom, path)


def _as_written(schema: TypeSchema, values: Mapping[str, Any]) -> Mapping[str, Schema]:
    if not schema.aliases:
        return schema.properties
    given = {schema.aliases[name] for name, value in values.items() if value is not None and name in schema.aliases}
    missing = [name for name in given if name not in values]
    if not missing:
        return schema.properties
    return {**schema.properties, **{name: replace(schema.properties[name], required=False) for name in missing}}
