"""OS::Keystone::User: a user, with groups and role assignments beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kamado.plugin.declare import (
    BOOLEAN,
    LIST,
    NOT_SENT,
    PHYSICAL_NAME,
    STRING,
    Attr,
    Prop,
    Properties,
    Rest,
    resource_type,
)
from kamado.plugin.rest import RestResource
from kamado.plugin.rules import Finding
from kamado.plugin.side_calls import By
from kamado.resources.keystone import assignments


def _groups(user: User) -> None:
    """Puts the user into the groups that are wanted and takes it out of those that were wanted before."""
    wanted = [user.find("keystone.group", group) for group in user.properties.get("groups") or ()]
    before = [user.find("keystone.group", group) for group in (user.record.properties or {}).get("groups") or ()]
    for group in wanted:
        user.call("PUT", f"/v3/groups/{group}/users/{user.physical_id}")
    for group in before:
        if group not in wanted:
            user.call("DELETE", f"/v3/groups/{group}/users/{user.physical_id}", ok=(404,))


@resource_type("OS::Keystone::User", since="2015.1", message="Supported versions: keystone v3")
class User(RestResource):
    """A user of the cloud."""

    heat_class = "KeystoneUser"
    rest = Rest("identity", "/v3/users", "user", update="PATCH", find_by=("name", "domain_id"), unique=True)
    properties = Properties(
        Prop("name", STRING, "Name of the user.", update=True, fallback=PHYSICAL_NAME),
        Prop(
            "domain",
            STRING,
            "Domain that the user belongs to, by name or ID.",
            update=True,
            default="default",
            refers="keystone.domain",
            body="domain_id",
        ),
        Prop("description", STRING, "Who the user is.", update=True, default=""),
        Prop("enabled", BOOLEAN, "Whether the user may log in.", update=True, default=True),
        Prop("email", STRING, "Mail address.", update=True),
        Prop("password", STRING, "Password.", update=True, secret=True),
        Prop(
            "default_project",
            STRING,
            "Project used when a log-in names none, by name or ID.",
            update=True,
            refers="keystone.project",
            body="default_project_id",
        ),
        Prop(
            "groups",
            LIST,
            "Groups that the user is in, by name or ID.",
            update=True,
            body=NOT_SENT,
            as_set=True,
            items=Prop("*", STRING, "A group.", refers="keystone.group"),
        ),
        assignments.ROLES,
    )
    attributes = (
        Attr("name", STRING, "Name of the user.", since="9.0.0"),
        Attr("default_project_id", STRING, "ID of the default project.", since="9.0.0"),
        Attr("domain_id", STRING, "ID of the user's domain.", since="9.0.0"),
        Attr("enabled", BOOLEAN, "Whether the user may log in.", since="9.0.0"),
        Attr("password_expires_at", STRING, "When the password expires.", since="9.0.0"),
    )
    side_calls = (By(("groups",), _groups), By(("roles",), assignments.reconcile))

    @classmethod
    def validate(cls, properties: Mapping[str, Any]) -> list[Finding]:
        """Each role assignment names a project or a domain."""
        return [*super().validate(properties), *assignments.problems(properties.get("roles"))]
