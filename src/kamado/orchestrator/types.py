"""What can be asked of resource types and of the template language: lists, schemas, skeletons, versions, functions.

Called by the REST API.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kamado.orchestrator import templates
from kamado.orchestrator.context import RequestContext, Services
from kamado.orchestrator.errors import EntityNotFound, Forbidden, Invalid, NotSupported
from kamado.plugin.registry import WITHDRAWN, UnknownType
from kamado.plugin.resource import Resource
from kamado.template.schema import PropertyType, Schema, Support, describe

SUPPORT_STATUSES = ("UNKNOWN", "SUPPORTED", "DEPRECATED", "UNSUPPORTED", "HIDDEN")

SHOW = {"description": "Detailed information about resource.", "type": "map"}
"""The attribute that every type has besides its own."""

_PARAMETER_TYPES = {
    PropertyType.STRING: "string",
    PropertyType.NUMBER: "number",
    PropertyType.INTEGER: "number",
    PropertyType.BOOLEAN: "boolean",
    PropertyType.LIST: "comma_delimited_list",
    PropertyType.MAP: "json",
    PropertyType.ANY: "string",
}

_CFN_TYPES = {
    "string": "String",
    "number": "Number",
    "boolean": "Boolean",
    "comma_delimited_list": "CommaDelimitedList",
    "json": "Json",
}


def listing(
    services: Services,
    context: RequestContext,
    *,
    status: str | None = None,
    name: str | None = None,
    version: str | None = None,
) -> dict[str, type[Resource]]:
    """Name → class of types that the caller may use, hidden ones left out; what the operator maps to a template is one too.

    :param status: one of `SUPPORT_STATUSES`. :param name: regular expression, matched at the start of the type's name.
    :param version: exact version of support.
    """
    if status is not None and status not in SUPPORT_STATUSES:
        raise Invalid.of(f"Invalid support status and should be one of {SUPPORT_STATUSES}")
    try:
        pattern = re.compile(name or "")
    except re.error:
        return {}
    return {
        type_name: cls
        for type_name, cls in services.registry.offered().items()
        if pattern.match(type_name)
        and (cls.support.status == status if status is not None else cls.support.status != "HIDDEN")
        and (version is None or cls.support.since == version)
        and templates.may_use(services, context, type_name)
    }


def find(services: Services, context: RequestContext, type_name: str) -> type[Resource]:
    """A type that may be shown to the caller.

    :raises EntityNotFound: there is none.
    :raises NotSupported: it is hidden, or was given up.
    :raises Forbidden: it is not for the caller.
    """
    try:
        cls = services.registry.get(type_name, "")
    except UnknownType as error:
        if type_name in WITHDRAWN:
            raise NotSupported.of(type_name) from error
        raise EntityNotFound.of("Resource Type", type_name) from error
    if cls.support.status == "HIDDEN":
        raise NotSupported.of(type_name)
    forbidden = templates.denied(services, context, type_name)
    if forbidden is not None:
        raise Forbidden.of(forbidden)
    return cls


def description(cls: type[Resource]) -> str:
    """What a type is, in its own words: the docstring without its indentation."""
    lines = (cls.__doc__ or "").strip().splitlines()
    return "\n".join(line.strip() for line in lines)


def schema(cls: type[Resource], type_name: str) -> dict[str, Any]:
    """Properties, attributes and support of a type, in the API's shape."""
    return {
        "resource_type": type_name,
        "properties": {
            name: describe(prop)
            for name, prop in cls.schema.properties.items()
            if prop.support.status not in ("HIDDEN", "UNSUPPORTED")
        },
        "attributes": attributes(cls),
        "support_status": _support(cls.support),
    }


def attributes(cls: type[Resource]) -> dict[str, Any]:
    """The visible attributes with their types."""
    found: dict[str, Any] = {}
    for name, attribute in cls.schema.attributes.items():
        if getattr(attribute, "support", cls.support).status == "HIDDEN":
            continue
        shape = {"description": attribute.description}
        kind = attribute.type
        if kind is not None and kind is not PropertyType.ANY:
            shape["type"] = str(kind.value)
        found[name] = shape
    found.setdefault("show", dict(SHOW))
    return found


def _support(support: Support) -> dict[str, Any]:
    previous = getattr(support, "previous", None)
    return {
        "status": support.status,
        "message": support.message,
        "version": support.since,
        "previous_status": None if previous is None else _support(previous),
    }


def skeleton(cls: type[Resource], type_name: str, hot: bool) -> dict[str, Any]:
    """A template with one resource of the type, all its properties as parameters and its attributes as outputs."""
    name = cls.schema.called
    visible = {
        prop: one for prop, one in cls.schema.properties.items() if one.support.status not in ("HIDDEN", "UNSUPPORTED")
    }
    return _hot(cls, type_name, name, visible) if hot else _cfn(cls, type_name, name, visible)


def _hot(cls: type[Resource], type_name: str, name: str, properties: Mapping[str, Schema]) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for key, prop in properties.items():
        entry: dict[str, Any] = {"type": _PARAMETER_TYPES[prop.type]}
        if prop.description:
            entry["description"] = prop.description
        if prop.default is not None:
            entry["default"] = prop.default
        if prop.constraints:
            entry["constraints"] = [constraint.describe() for constraint in prop.constraints]
        parameters[key] = entry
    outputs = {
        key: {"value": {"get_attr": [name, key]}, "description": shape["description"]}
        for key, shape in attributes(cls).items()
    }
    outputs["OS::stack_id"] = {"value": {"get_resource": name}}
    return {
        "heat_template_version": "2016-10-14",
        "description": f"Initial template of {name}",
        "parameters": parameters,
        "resources": {name: {"type": type_name, "properties": {key: {"get_param": key} for key in properties}}},
        "outputs": outputs,
    }


def _cfn(cls: type[Resource], type_name: str, name: str, properties: Mapping[str, Schema]) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for key, prop in properties.items():
        entry: dict[str, Any] = {"Type": _CFN_TYPES[_PARAMETER_TYPES[prop.type]]}
        if prop.description:
            entry["Description"] = prop.description
        if prop.default is not None:
            entry["Default"] = prop.default
        if prop.type is PropertyType.BOOLEAN:
            entry["AllowedValues"] = ["True", "true", "False", "false"]
        entry.update(_cfn_rules(prop))
        parameters[key] = entry
    outputs = {
        key: {"Value": {"Fn::GetAtt": [name, key]}, "Description": shape["description"]}
        for key, shape in attributes(cls).items()
    }
    outputs["OS::stack_id"] = {"Value": {"Ref": name}}
    return {
        "HeatTemplateFormatVersion": "2012-12-12",
        "Description": f"Initial template of {name}",
        "Parameters": parameters,
        "Resources": {
            name: {"Type": type_name, "Properties": {key: _cfn_value(key, prop) for key, prop in properties.items()}}
        },
        "Outputs": outputs,
    }


def _cfn_rules(prop: Schema) -> dict[str, Any]:
    rules: dict[str, Any] = {}
    for constraint in prop.constraints:
        shape = constraint.describe()
        for word, key in (("Length", "length"), ("Value", "range")):
            rules.update({f"{side.capitalize()}{word}": bound for side, bound in (shape.get(key) or {}).items()})
        if "allowed_values" in shape:
            rules["AllowedValues"] = shape["allowed_values"]
        if "allowed_pattern" in shape:
            rules["AllowedPattern"] = shape["allowed_pattern"]
    return rules


def _cfn_value(key: str, prop: Schema) -> Any:
    if prop.type is PropertyType.LIST:
        return {"Fn::Split": [",", {"Ref": key}]}
    return {"Ref": key}
