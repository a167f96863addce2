"""A template used as a resource type: its parameters are the properties, its outputs the attributes.

Called by the checker and by the registry. The trap: besides its outputs such a resource answers `resource.<name>.<attribute>` and
`outputs`, so unknown attribute names cannot be refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kamado.template.parameters import ParameterSchema
from kamado.template.problems import TemplateInvalid
from kamado.template.schema import AttributeSchema, PropertyType, Schema, TypeSchema
from kamado.template.template import Template, draft, load

_TYPES = {
    "string": PropertyType.STRING,
    "number": PropertyType.NUMBER,
    "boolean": PropertyType.BOOLEAN,
    "json": PropertyType.MAP,
    "comma_delimited_list": PropertyType.LIST,
}
MAX_DEPTH = 5


def property_of(parameter: ParameterSchema) -> Schema:
    """The property that stands for a parameter of a nested template; all are updatable."""
    kind = _TYPES[parameter.type]
    return Schema(
        kind,
        required=parameter.required,
        description=parameter.description,
        update=True,
        constraints=parameter.constraints,
        secret=parameter.hidden,
        allow_conversion=kind in (PropertyType.MAP, PropertyType.LIST),
    )


def schema_of(name: str, template: Template) -> TypeSchema:
    """The type that a loaded template is."""
    return TypeSchema(
        name,
        {parameter.name: property_of(parameter) for parameter in template.parameters.values()},
        {output.name: AttributeSchema(output.description) for output in template.outputs.values()},
        any_attributes=True,
    )


def draft_type(name: str, text: str, files: Mapping[str, str]) -> TypeSchema | None:
    """The type that a template will be once what is wrong with it is put right; None when its parameters cannot be read."""
    try:
        template = draft(text, file=name, files=files)
    except TemplateInvalid:
        return None
    return None if "parameters" in template.parts.unread else schema_of(name, template)


def template_type(name: str, text: str | bytes | Mapping[str, Any], files: Mapping[str, str]) -> TypeSchema | None:
    """The type that a template's text is, None when it is not a template."""
    try:
        return schema_of(name, load(text, file=name, files=files))
    except TemplateInvalid:
        return None
