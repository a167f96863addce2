"""Pass 1: what comes after what among the wanted resources: as written, and as their types imply.

An implied dependency that would close a circle is left out: it is a courtesy, what is written is an order.
"""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from kamado.engine.planner.request import Draft
from kamado.plugin.resource import Resource
from kamado.template import Definition


def dependencies(draft: Draft) -> None:
    """Fills ``requires`` and ``order``."""
    definitions = draft.request.definitions
    written = {name: definition.requires & definitions.keys() for name, definition in definitions.items()}
    implied = _implied(draft)
    if implied:
        both = {name: frozenset(names | implied.get(name, frozenset())) for name, names in written.items()}
        try:
            draft.order = tuple(TopologicalSorter(both).static_order())
            draft.requires = both
            return
        except CycleError:
            pass
    draft.requires = {name: frozenset(names) for name, names in written.items()}
    free = not any(written.values())
    draft.order = tuple(written if free else TopologicalSorter(draft.requires).static_order())


def _implied(draft: Draft) -> dict[str, frozenset[str]]:
    definitions = draft.request.definitions
    by_type: dict[str, dict[str, Definition]] = {}
    for name, definition in definitions.items():
        by_type.setdefault(definition.type, {})[name] = definition
    found: dict[str, frozenset[str]] = {}
    for name, definition in definitions.items():
        kind = draft.request.types.get(definition.type, name)
        names = kind.implied_by(name, definition, _candidates(kind, by_type, definitions))
        names = {other for other in names if other in definitions and other != name}
        if names:
            found[name] = frozenset(names)
    return found


_NONE: Mapping[str, Definition] = {}
_DECLARED = Resource.implied_by.__func__  # type: ignore[attr-defined]


def _candidates(
    kind: type[Resource], by_type: Mapping[str, Mapping[str, Definition]], definitions: Mapping[str, Definition]
) -> Mapping[str, Definition]:
    """Only resources that may matter, so that a thousand of one type are not each compared with everything."""
    if kind.implied_by.__func__ is not _DECLARED:  # type: ignore[attr-defined]
        return definitions
    if not kind.after:
        return _NONE
    return {name: item for rule in kind.after for name, item in by_type.get(rule.type, _NONE).items()}
