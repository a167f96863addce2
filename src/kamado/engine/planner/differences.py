"""What differs between the properties a row was applied with and those that are wanted, place by place.

Pure; used by the planner for the plan and by the executor once the last values are known, so both see the same thing. Which
property changed at all, and whether that can be done in place, says `kamado.plugin.lifecycle.diff`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from kamado.engine.plan import MASKED, PropertyDifference
from kamado.model.lifecycle import Action, Status
from kamado.model.records import ResourceRecord
from kamado.plugin import lifecycle
from kamado.plugin.declare import ResourceSchema
from kamado.plugin.lifecycle import PropertyChanges
from kamado.template.schema import TypeSchema
from kamado.template.unknown import UNKNOWN, contains_unknown

ATTEMPTED = "attempted"
"""Key in a row's progress: the changed properties that an update was about to apply."""


def forced(row: ResourceRecord) -> frozenset[str]:
    """Names of properties that an update which did not come to its end may have changed in the cloud already."""
    if row.action is not Action.UPDATE or row.status is Status.COMPLETE:
        return frozenset()
    attempted = (row.progress or {}).get(ATTEMPTED)
    return frozenset(attempted) if isinstance(attempted, Mapping) else frozenset()


def property_changes(
    schema: TypeSchema, row: ResourceRecord, new: Mapping[str, Any], force: frozenset[str]
) -> PropertyChanges:
    """What changed from the row's properties to ``new``; forced ones count as changed whatever the books say."""
    return lifecycle.diff(schema, row.properties or {}, new, force)


def differences(
    schema: TypeSchema,
    old: Mapping[str, Any] | None,
    new: Mapping[str, Any],
    changes: PropertyChanges,
    hidden: Collection[str] = (),
    was_hidden: Collection[str] = (),
) -> tuple[PropertyDifference, ...]:
    """The changes as deep as both sides are maps; secret properties, and those in ``hidden``, masked as wholes.

    ``was_hidden``: those of which the old value is masked.
    """
    if not changes.values:
        return ()
    before: Mapping[str, Any] = {} if old is None else old
    secrets = {*hidden, *(schema.secrets if isinstance(schema, ResourceSchema) else ())}
    found: list[PropertyDifference] = []
    for name in changes.values:
        known = schema.properties.get(name)
        secret = name in secrets or (known is not None and known.secret)
        if secret:
            was, becomes = (MASKED if value is not None else None for value in (before.get(name), new.get(name)))
            found.append(PropertyDifference((name,), was, becomes, replaces=name in changes.replace))
            continue
        if name in was_hidden:
            was = None if before.get(name) is None else MASKED
            found.append(PropertyDifference((name,), was, new.get(name), replaces=name in changes.replace))
            continue
        for path, was, becomes in _walk((name,), before.get(name), new.get(name)):
            found.append(PropertyDifference(path, was, becomes, replaces=name in changes.replace))
    return tuple(found)


def _walk(path: tuple[str | int, ...], old: Any, new: Any) -> Iterator[tuple[tuple[str | int, ...], Any, Any]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            if _differ(old.get(key), new.get(key)):
                yield from _walk((*path, key), old.get(key), new.get(key))
        return
    yield path, old, new


def _differ(old: Any, new: Any) -> bool:
    return new is UNKNOWN or contains_unknown(new) or bool(old != new)
