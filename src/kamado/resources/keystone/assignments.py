"""Role assignments of a user: the property that several identity types share, and what brings the cloud to it.

Used by `user.py`. The trap: only assignments that this resource once asked for are taken away; a role that somebody gave by hand
stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kamado.plugin.declare import LIST, NOT_SENT, STRING, Prop
from kamado.plugin.rest import RestResource
from kamado.plugin.rules import Finding

ROLES = Prop(
    "roles",
    LIST,
    "Roles, each on a project or a domain.",
    update=True,
    body=NOT_SENT,
    as_set=True,
    fields=(
        Prop("role", STRING, "The role, by name or ID.", required=True, refers="keystone.role"),
        Prop("project", STRING, "The project it is given on, by name or ID.", refers="keystone.project"),
        Prop("domain", STRING, "The domain it is given on, by name or ID.", refers="keystone.domain"),
    ),
)

Grant = tuple[str, str, str]
"""(projects or domains, id of that, id of the role)."""


def problems(roles: Any) -> list[Finding]:
    """Each assignment names a project or a domain, not both."""
    found = []
    for entry in roles if isinstance(roles, list) else ():
        if not isinstance(entry, Mapping):
            continue
        given = [entry.get(key) is not None for key in ("project", "domain")]
        if all(given):
            words = "Cannot define the following properties at the same time: project, domain."
            found.append(Finding(words, "ResourcePropertyConflict"))
        elif not any(given):
            found.append(Finding(f"Either project or domain must be specified for role {entry.get('role')}"))
    return found


def grants(resource: RestResource, roles: Iterable[Mapping[str, Any]] | None) -> list[Grant]:
    """The assignments with ids for names."""
    result = []
    for entry in roles or ():
        scope = "project" if entry.get("project") is not None else "domain"
        target = str(resource.find(f"keystone.{scope}", entry[scope]))
        result.append((f"{scope}s", target, str(resource.find("keystone.role", entry["role"]))))
    return result


def reconcile(resource: RestResource) -> None:
    """Gives a user the roles that are wanted and takes away those that were wanted before."""
    wanted = grants(resource, resource.properties.get("roles"))
    before = grants(resource, (resource.record.properties or {}).get("roles"))
    for grant in wanted:
        resource.call("PUT", _path(resource, grant))
    for grant in before:
        if grant not in wanted:
            resource.call("DELETE", _path(resource, grant), ok=(404,))


def _path(resource: RestResource, grant: Grant) -> str:
    scope, target, role = grant
    return f"/v3/{scope}/{target}/users/{resource.physical_id}/roles/{role}"
