"""OS::Keystone::Role: a role that users and groups may be given."""

from __future__ import annotations

from kamado.plugin.declare import PHYSICAL_NAME, STRING, Prop, Properties, Rest, resource_type
from kamado.plugin.rest import RestResource


@resource_type("OS::Keystone::Role", since="2015.1", message="Supported versions: keystone v3")
class Role(RestResource):
    """A role in the identity service; assigned elsewhere."""

    heat_class = "KeystoneRole"
    rest = Rest("identity", "/v3/roles", "role", update="PATCH", find_by=("name", "domain_id"), unique=True)
    properties = Properties(
        Prop("name", STRING, "Name of the role.", update=True, fallback=PHYSICAL_NAME),
        Prop(
            "domain",
            STRING,
            "Domain that the role belongs to, by name or ID; none for a role of the whole cloud.",
            since="16.0.0",
            refers="keystone.domain",
            body="domain_id",
        ),
    )
