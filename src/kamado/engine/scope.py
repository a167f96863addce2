"""What templates may look up: parameters, and references and attributes of rows as they were last read.

Used by the planner (which puts UNKNOWN where the run will tell), by the executor and by the orchestrator for outputs. The reference of a
resource is kept among its attributes under `REFERENCE` when it is not its physical id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kamado.model.records import ResourceRecord
from kamado.plugin.stack_resource import BROKEN, EACH, OF_MEMBERS
from kamado.template import Definition, Output, Parameters, ResolveError, walk

REFERENCE = "$reference"
"""The key in a row's attributes under which ``get_resource``'s value is kept."""

Lookup = Callable[[str], ResourceRecord | None]


def reference_of(row: ResourceRecord) -> Any:
    """What ``get_resource`` gives for a row, as last read."""
    reference = row.attributes.get(REFERENCE)
    if reference is not None:
        return reference
    return row.physical_id if row.physical_id is not None else row.name


class RowScope:
    """Values of parameters and rows. ``lookup`` gives the row that stands for a resource name, None when there is none."""

    def __init__(self, parameters: Parameters | None, lookup: Lookup) -> None:
        self._parameters = parameters
        self._lookup = lookup

    def parameter(self, name: str) -> Any:
        """The value of a parameter; raises KeyError when there is none of that name."""
        if self._parameters is None:
            raise KeyError(name)
        return self._parameters[name]

    def reference(self, resource: str) -> Any:
        """What ``get_resource`` gives; None for a resource that is not there."""
        row = self._lookup(resource)
        return None if row is None else reference_of(row)

    def attribute(self, resource: str, path: tuple[Any, ...]) -> Any:
        """What ``get_attr`` gives; None for what could not be read."""
        row = self._lookup(resource)
        if row is None:
            return None
        if not path:
            known = {key: value for key, value in row.attributes.items() if key != REFERENCE and value is not None}
            return {key: inside(value, ()) for key, value in known.items() if not _is_broken(value)}
        name, rest = attribute_place(path)
        return inside(row.attributes.get(name), rest)

    def facade(self, key: str) -> Any:
        """What ``resource_facade`` gives in a nested template."""
        return None if self._parameters is None else self._parameters.of_parent(key)


def attribute_names(paths: Iterable[tuple[str, tuple[Any, ...]]]) -> dict[str, set[str | None]]:
    """Resource name → names of its attributes that are read somewhere; None stands for all of them."""
    names: dict[str, set[str | None]] = {}
    for resource, path in paths:
        names.setdefault(resource, set()).add(attribute_place(path)[0] if path else None)
    return names


def attributes_read(
    definitions: Mapping[str, Definition], outputs: Mapping[str, Output]
) -> dict[str, frozenset[str | None]]:
    """The same of everything that a template says: in its resources and in its outputs."""
    found = attribute_names(pair for definition in definitions.values() for pair in definition.attributes)
    for name, names in attribute_names(pair for output in outputs.values() for pair in output.attributes).items():
        found.setdefault(name, set()).update(names)
    return {name: frozenset(names) for name, names in found.items()}


def attribute_place(path: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """The name of the attribute that a path begins with, and what is left of the path.

    ``resource.<name>`` with something after it is an attribute of a resource in a nested stack, perhaps of one in a stack nested in that,
    ``attributes`` (``outputs``, ``outputs_list``) one of all members of a group: those are one name.
    """
    last = str(path[0])
    names, longer = [last], last in OF_MEMBERS or _is_nested(last)
    for part in path[1:]:
        if not longer or not isinstance(part, str):
            break
        names.append(part)
        longer = _is_nested(part)
    return ".".join(names), tuple(path[len(names) :])


def _is_nested(name: str) -> bool:
    return name.startswith("resource.") and name.count(".") == 1


def _is_broken(value: Any) -> bool:
    return isinstance(value, Mapping) and BROKEN in value


def visible(value: Any) -> Any:
    """An attribute's value where a resource is shown: null for one that there is not."""
    return None if _is_broken(value) else inside(value, ())


def inside(value: Any, path: tuple[Any, ...]) -> Any:
    """What lies at a path in an attribute's value; in that of every member where it is a group's (`EACH`).

    Raises ResolveError for an attribute that there is not (`BROKEN`).
    """
    if _is_broken(value):
        raise ResolveError(str(value[BROKEN]), "NotFound")
    if not isinstance(value, Mapping) or EACH not in value:
        return walk(value, path)
    each = value[EACH]
    if isinstance(each, Mapping):
        return {name: walk(one, path) for name, one in each.items()}
    return [walk(one, path) for one in each]
