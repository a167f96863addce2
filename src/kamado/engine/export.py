"""A stack as data that another engine could go on with: what export and abandon answer, and what a snapshot keeps. Pure.

Called by the executor (snapshots) and by the orchestrator. The trap: the form is Heat's and is read by Heat's adopt; values of hidden
parameters stand in it, as they must.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kamado.model.records import ResourceRecord, StackRecord
from kamado.store.resources import in_use


def stack_data(
    stack: StackRecord, template: Mapping[str, Any], files: Mapping[str, str], rows: Iterable[ResourceRecord]
) -> dict[str, Any]:
    """The stack with its template, environment and resources."""
    return {
        "name": stack.name,
        "id": stack.id,
        "action": str(stack.action),
        "status": str(stack.status),
        "template": dict(template),
        "environment": dict(stack.target.environment),
        "files": dict(files),
        "resources": {row.name: resource_data(row) for row in in_use(list(rows)).values()},
        "project_id": stack.project_id,
        "stack_user_project_id": stack.stack_user_project_id,
        "tags": list(stack.tags),
    }


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
