"""From a definition to the values a resource is applied with: resolved, coerced, defaults filled.

Used by planner and executor alike, so that what they compare is made in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from kamado.template import Definition, Parameters, Scope, resolve
from kamado.template.definition import reads
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


def secret_properties(
    definition: Definition, parameters: Parameters | None, is_secret: Callable[[str], bool]
) -> frozenset[str]:
    """Names of properties that must not be shown: what goes into them comes from a hidden parameter or a secret resource."""
    hidden: frozenset[str] = frozenset() if parameters is None else frozenset(parameters.hidden)
    found = definition.secret_properties(hidden)
    sources = {name for name in definition.requires if is_secret(name)}
    if not sources:
        return found
    return found | {
        name for name, value in definition.properties.items() if not sources.isdisjoint(reads(None, value).resources)
    }


def secret_inside(
    definition: Definition, hidden: frozenset[str], is_secret: Callable[[str], bool], path: Sequence[str]
) -> frozenset[str] | None:
    """Of the map at ``path`` in the properties: names of what must not be shown; None for all of them, when the map is not written down
    as such. ``hidden``: names of parameters.
    """
    sources = {name for name in definition.requires if is_secret(name)}
    value: Any = definition.properties
    for key in path:
        if not isinstance(value, Mapping):
            return None if _is_secret(value, hidden, sources) else frozenset()
        value = value.get(key)
    if not isinstance(value, Mapping):
        return None if _is_secret(value, hidden, sources) else frozenset()
    return frozenset(str(name) for name, one in value.items() if _is_secret(one, hidden, sources))


def _is_secret(value: Any, hidden: frozenset[str], sources: Collection[str]) -> bool:
    read = reads(None, value)
    return not (read.parameters.isdisjoint(hidden) and read.resources.isdisjoint(sources))
