"""Template resources: a file that is a template, used as a resource type; its parameters are the properties, its outputs the attributes.

The registry's views make the classes, one for each file and environment; nobody else subclasses this. The trap: `version` must change
with everything that the child is made from besides its properties, else an update would not reach it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, ClassVar

from kamado.plugin.context import ChildTemplate
from kamado.plugin.declare import Attr, ResourceSchema
from kamado.plugin.resource import Resource
from kamado.plugin.stack_resource import STACK_ID, Present, StackResource
from kamado.template import Template, TypeSchema, load
from kamado.template.nested import schema_of

ENDINGS = (".yaml", ".template")
"""How the name of a type ends that is a file, as Heat sees it."""


class TemplateResource(StackResource):
    """A stack made from a template that is used like a resource type."""

    file: ClassVar[str] = ""
    loaded: ClassVar[Template | None] = None

    @classmethod
    def takes_over(cls, other: type | None) -> bool:
        """A nested stack goes on from any other template."""
        return other is not None and issubclass(other, TemplateResource)

    @classmethod
    def template_for(
        cls,
        type_name: str,
        properties: Mapping[str, Any],
        wanted: Collection[str | None] = (),  # noqa: ARG003
        present: Present | None = None,  # noqa: ARG003
    ) -> ChildTemplate | None:
        """The file, with the properties as its parameters."""
        given = {name: value for name, value in properties.items() if value is not None}
        return ChildTemplate(cls.file, given, type_name)

    def child_template(self, exported: Mapping[str, Any] | None = None) -> ChildTemplate:
        """The same; what is hidden of the properties is hidden of the parameters."""
        hidden = self.ports.hidden
        return replace(super().child_template(exported), secret=None if hidden is None else frozenset(hidden))


def template_type(name: str, text: str, version: str) -> type[Resource]:
    """The type that a file is. ``version``: see `TemplateResource.version`. Raises TemplateInvalid."""
    template, schema = _loaded(name, text)
    return _class(template, schema, version)


@lru_cache(maxsize=512)
def _loaded(name: str, text: str) -> tuple[Template, TypeSchema]:
    template = load(text, file=name)
    return template, schema_of(name, template)


def unreadable_type(name: str) -> type[Resource]:
    """Stands for a file that is gone or no template any more: good enough to delete what it once made."""
    schema = ResourceSchema(name, any_properties=True, any_attributes=True)
    return type("TemplateResource", (TemplateResource,), {"type_name": name, "file": name, "schema": schema})


def _class(template: Template, plain: TypeSchema, version: str) -> type[Resource]:
    name = plain.name
    schema = ResourceSchema(
        name,
        plain.properties,
        plain.attributes,
        any_attributes=True,
        secrets=frozenset(key for key, one in template.parameters.items() if one.hidden),
        description=template.description or "",
    )
    return type(
        "TemplateResource",
        (TemplateResource,),
        {
            "__doc__": template.description or None,
            "type_name": name,
            "file": name,
            "loaded": template,
            "schema": schema,
            "attrs": {key: Attr(key) for key in plain.attributes if key != STACK_ID},
            "names_itself": STACK_ID in template.outputs,
            "version": version,
        },
    )
