"""From a definition to the values a resource is applied with: resolved, coerced, defaults filled.

Used by planner and executor alike, so that what they compare is made in the same way.
"""

from __future__ import annotations

from typing import Any

from kamado.template import Definition, Scope, resolve
from kamado.template.properties import coerce_properties
from kamado.template.schema import TypeSchema


def wanted_properties(schema: TypeSchema | None, definition: Definition, scope: Scope) -> dict[str, Any]:
    """The properties that the definition asks for. Raises ResolveError and ValuesInvalid."""
    resolved = resolve(definition.properties, scope)
    if schema is None:
        return dict(resolved or {})
    return coerce_properties(schema, resolved or {})


def wanted_metadata(definition: Definition, scope: Scope) -> dict[str, Any]:
    """The metadata that the definition asks for. Raises ResolveError."""
    if not definition.metadata:
        return {}
    return dict(resolve(definition.metadata, scope) or {})
