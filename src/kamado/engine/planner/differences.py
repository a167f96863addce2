"""What differs between the properties a row was applied with and those that are wanted, place by place.

Pure; used by the planner for the plan and by the executor once the last values are known, so both see the same thing. Which
property changed at all, and whether that can be done in place, says `kamado.plugin.lifecycle.diff`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kamado.engine.plan import MASKED, PropertyDifference
from kamado.model.lifecycle import Action, Status
from kamado.model.records import ResourceRecord
from kamado.plugin import lifecycle
from kamado.plugin.declare import ResourceSchema
from kamado.plugin.lifecycle import PropertyChanges
from kamado.template.hidden import NOTHING, Hidden, both, inside, masked
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
    hidden: Hidden = NOTHING,
    was_hidden: Hidden = NOTHING,
) -> tuple[PropertyDifference, ...]:
    """The changes as deep as both sides are maps; secret properties are masked as wholes.

    ``hidden``: where the new values must not be shown, nor what was there before; ``was_hidden``: where the old ones must not.
    """
    if not changes.values:
        return ()
    before: Mapping[str, Any] = {} if old is None else old
    secrets = {*(schema.secrets if isinstance(schema, ResourceSchema) else ())}
    secrets |= {name for name in changes.values if name in schema.properties and schema.properties[name].secret}
    hidden = {**hidden, **dict.fromkeys(secrets)}
    was_hidden = both(hidden, was_hidden)
    return tuple(
        PropertyDifference(path, was, becomes, replaces=name in changes.replace)
        for name in changes.values
        for path, was, becomes in _walk(
            (name,), before.get(name), new.get(name), inside(hidden, (name,)), inside(was_hidden, (name,))
        )
    )


def _walk(
    path: tuple[str | int, ...], old: Any, new: Any, hidden: Hidden | None, was: Hidden | None
) -> Iterator[tuple[tuple[str | int, ...], Any, Any]]:
    """Where the two differ. ``hidden``, ``was``: where the new and the old value must not be shown; None is all of it."""
    if was is not None and isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            if _differ(old.get(key), new.get(key)):
                below = inside(hidden, (key,)), inside(was, (key,))
                yield from _walk((*path, key), old.get(key), new.get(key), *below)
        return
    yield path, masked(old, was, MASKED), masked(new, hidden, MASKED)


def _differ(old: Any, new: Any) -> bool:
    return new is UNKNOWN or contains_unknown(new) or bool(old != new)
