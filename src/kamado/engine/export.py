"""A stack as data that another engine could go on with: what export and abandon answer, and what a snapshot keeps. Pure.

Called by the executor (snapshots) and by the orchestrator. The trap: the form is Heat's and is read by Heat's adopt; values of hidden
parameters stand in it, as they must.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from kamado.model.records import ResourceRecord, StackRecord
from kamado.store.resources import in_use


def stack_data(
    stack: StackRecord,
    template: Mapping[str, Any],
    files: Mapping[str, str],
    rows: Iterable[ResourceRecord],
    nested: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> dict[str, Any]:
    """The stack with its template, environment and resources. ``nested``: this same data of the stacks in it, by their ids."""
    return {
        "name": stack.name,
        "id": stack.id,
        "action": str(stack.action),
        "status": str(stack.status),
        "template": dict(template),
        "environment": dict(stack.target.environment),
        "files": dict(files),
        "resources": {row.name: _entry(row, nested.get(row.physical_id or "")) for row in in_use(list(rows)).values()},
        "project_id": stack.project_id,
        "stack_user_project_id": stack.stack_user_project_id,
        "tags": list(stack.tags),
    }


def with_file_types(
    environment: Mapping[str, Any], template: Mapping[str, Any], files: Mapping[str, str]
) -> dict[str, Any]:
    """The environment as clients see it: files that the template uses as types stand in the registry, each for itself."""
    section = template.get("resources") or template.get("Resources") or {}
    entries = section.values() if isinstance(section, Mapping) else ()
    types = [entry.get("type", entry.get("Type")) for entry in entries if isinstance(entry, Mapping)]
    used = {name: name for name in types if isinstance(name, str) and name in files}
    found = dict(environment)
    if used:
        found["resource_registry"] = {**used, **(found.get("resource_registry") or {})}
    return found


def _entry(row: ResourceRecord, inside: Mapping[str, Any] | None) -> dict[str, Any]:
    """Of a nested stack all that is in it; and what its type keeps, which Heat leaves out (names that a group has removed for good)."""
    if inside is None:
        return resource_data(row)
    return {**inside, **({"resource_data": dict(row.data)} if row.data else {})}


def resource_data(row: ResourceRecord) -> dict[str, Any]:
    """One resource: what it is in the cloud, and what its type keeps of it."""
    return {
        "name": row.name,
        "resource_id": row.physical_id,
        "type": row.type,
        "action": str(row.action),
        "status": str(row.status),
        "metadata": dict(row.metadata),
        "resource_data": dict(row.data),
    }
