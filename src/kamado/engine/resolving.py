"""From a definition to the values a resource is applied with: resolved, coerced, defaults filled.

Used by planner and executor alike, so that what they compare is made in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from kamado.template import Definition, Scope, resolve
from kamado.template.hidden import Hidden
from kamado.template.properties import coerce_properties
from kamado.template.schema import TypeSchema, coerce_all


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


def wanted_update_policy(schema: TypeSchema | None, definition: Definition, scope: Scope) -> dict[str, Any]:
    """The update policy that the definition asks for, where its type reads one. Raises ResolveError and ValuesInvalid."""
    if schema is None or schema.any_properties or not definition.update_policy:
        return {}
    return coerce_all(schema.update_policy, resolve(definition.update_policy, scope) or {})


def hidden_properties(definition: Definition, hidden: Collection[str], is_secret: Callable[[str], bool]) -> Hidden:
    """Where in the properties there is what must not be shown: what comes from a ``hidden`` parameter or a secret resource."""
    return definition.hidden(hidden, [name for name in definition.requires if is_secret(name)])
