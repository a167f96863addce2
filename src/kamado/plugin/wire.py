"""From resolved properties to what a REST API is sent, by the declaration alone.

Used by `kamado.plugin.rest` and by types with handlers of their own. Pure but for ``find``, which turns a name into
an id. The trap: null is left out of a create but sent by an update (it takes the value away), unless the declaration
says LEFT_OUT.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kamado.plugin.declare import LEFT_OUT, MERGED, NOT_SENT, PHYSICAL_NAME, SENT_AS_NULL, Prop
from kamado.plugin.errors import NotFoundByName

Find = Callable[[str, Any], Any]
"""(constraint name, name or id) → id."""


def create_body(declared: Iterable[Prop], properties: Mapping[str, Any], name: str, find: Find) -> dict[str, Any]:
    """The body of a create, without its envelope; ``name`` is the physical name."""
    body: dict[str, Any] = {}
    merged: dict[str, Any] = {}
    for prop in declared:
        if prop.body is NOT_SENT or prop.instead is not None:
            continue
        value = properties.get(prop.name)
        if value is None and prop.fallback is PHYSICAL_NAME:
            value = name
        if value is None:
            continue
        if prop.body is MERGED:
            merged |= value
        else:
            put(body, prop.key, sent(prop, value, find))
    return body | merged


def update_body(declared: Iterable[Prop], changes: Mapping[str, Any], name: str, find: Find) -> dict[str, Any]:
    """The body of an update, without its envelope: what has changed and nothing else."""
    body: dict[str, Any] = {}
    merged: dict[str, Any] = {}
    for prop in declared:
        if prop.name not in changes or prop.body is NOT_SENT or prop.create_only:
            continue
        value = changes[prop.name]
        if value is None and prop.fallback is PHYSICAL_NAME:
            value = name
        if prop.body is MERGED:
            merged |= value or {}
        elif value is None:
            if prop.unset is not LEFT_OUT:
                put(body, prop.key, None if prop.unset is SENT_AS_NULL else sent(prop, prop.unset, find))
        else:
            put(body, prop.key, sent(prop, value, find))
    return body | merged


def differing(
    declared: Iterable[Prop], properties: Mapping[str, Any], body: Mapping[str, Any], name: str, find: Find
) -> dict[str, Any]:
    """Properties that a service shows otherwise than they would be sent: name → what it shows.

    Only those that can be changed in place. What it shows beside what would be sent (defaults inside a map) makes no difference.
    """
    found: dict[str, Any] = {}
    for prop in declared:
        if not prop.update or prop.body in (NOT_SENT, MERGED) or prop.instead is not None or prop.secret:
            continue
        value = properties.get(prop.name)
        if value is None and prop.fallback is PHYSICAL_NAME:
            value = name
        seen = pick(body, prop.key)
        if value is None or seen is None:
            continue
        if not _covers(seen, sent(prop, value, find), prop.as_set):
            found[prop.name] = seen
    return found


def _covers(seen: Any, wanted: Any, as_set: bool = False) -> bool:
    if isinstance(wanted, Mapping) and isinstance(seen, Mapping):
        return all(key in seen and _covers(seen[key], value) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(seen, list):
        if len(wanted) != len(seen):
            return False
        if as_set:
            return all(any(_covers(there, item) for there in seen) for item in wanted)
        return all(_covers(there, item) for there, item in zip(seen, wanted, strict=True))
    return bool(seen == wanted) or str(seen) == str(wanted)


def sent(prop: Prop, value: Any, find: Find) -> Any:
    """One value as it is sent: names looked up, nested keys renamed, nulls inside left out.

    Raises NotFoundByName with the place of the property.
    """
    if value is None:
        return None
    try:
        value = _sent(prop, value, find)
    except NotFoundByName as error:
        error.inside(prop.name)
        raise
    return value if prop.wire is None else prop.wire(value)


def _sent(prop: Prop, value: Any, find: Find) -> Any:
    kind = prop.refers or prop.looks_up
    if prop.fields is not None and isinstance(value, Mapping):
        return _fields(prop.fields, value, find)
    if prop.fields is not None and isinstance(value, list):
        fields = prop.fields
        return _each(value, lambda item: _fields(fields, item, find) if isinstance(item, Mapping) else item)
    if isinstance(prop.items, Prop):
        inner = prop.items
        if isinstance(value, list):
            return _each(value, lambda item: sent(inner, item, find))
        return {key: sent(inner, item, find) for key, item in value.items()}
    if kind is None:
        return value
    return _each(value, lambda item: find(kind, item)) if isinstance(value, list) else find(kind, value)


def _each(items: list[Any], make: Callable[[Any], Any]) -> list[Any]:
    made = []
    for index, item in enumerate(items):
        try:
            made.append(make(item))
        except NotFoundByName as error:
            error.inside(index)
            raise
    return made


def _fields(fields: tuple[Prop, ...], value: Mapping[str, Any], find: Find) -> dict[str, Any]:
    result: dict[str, Any] = {}
    given = dict(value)
    for prop in fields:
        if prop.instead is not None and given.get(prop.name) is not None:
            given.setdefault(prop.instead, None)
            given[prop.instead] = given[prop.instead] if given[prop.instead] is not None else given[prop.name]
    for prop in fields:
        item = given.get(prop.name)
        if item is None or prop.body is NOT_SENT or prop.instead is not None:
            continue
        if prop.body is MERGED:
            result |= item
        else:
            put(result, prop.key, sent(prop, item, find))
    return result


def put(body: dict[str, Any], key: str, value: Any) -> None:
    """Sets a key, dotted for nested ones."""
    *path, last = key.split(".")
    for part in path:
        body = body.setdefault(part, {})
    body[last] = value


def pick(body: Any, key: str) -> Any:
    """The value under a dotted key, None where the way there ends; a key with dots of its own wins."""
    if isinstance(body, Mapping) and key in body:
        return body[key]
    for part in key.split("."):
        if not isinstance(body, Mapping):
            return None
        body = body.get(part)
    return body


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """A JSON template with ``{name}`` filled in.

    A text that is nothing but one placeholder becomes the value itself.
    """
    if isinstance(template, str):
        if template.startswith("{") and template.endswith("}") and template[1:-1] in values:
            return values[template[1:-1]]
        return template.format_map(values) if "{" in template else template
    if isinstance(template, Mapping):
        return {key: fill(item, values) for key, item in template.items()}
    if isinstance(template, list):
        return [fill(item, values) for item in template]
    return template
