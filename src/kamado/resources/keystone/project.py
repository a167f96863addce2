"""OS::Keystone::Project: a project, with clean-up of what Neutron makes for each one by itself."""

from __future__ import annotations

from typing import Any

from kamado.plugin.declare import BOOLEAN, LIST, PHYSICAL_NAME, STRING, Attr, Prop, Properties, Rest, resource_type
from kamado.plugin.rest import RestResource


@resource_type("OS::Keystone::Project", since="2015.1", message="Supported versions: keystone v3")
class Project(RestResource):
    """A project: the owner of resources in the other services."""

    heat_class = "KeystoneProject"
    rest = Rest("identity", "/v3/projects", "project", update="PATCH", find_by=("name", "domain_id"), unique=True)
    properties = Properties(
        Prop("name", STRING, "Name of the project.", update=True, fallback=PHYSICAL_NAME),
        Prop(
            "domain",
            STRING,
            "Domain that the project belongs to, by name or ID.",
            update=True,
            default="default",
            refers="keystone.domain",
            body="domain_id",
        ),
        Prop("description", STRING, "What the project is for.", update=True, default=""),
        Prop("enabled", BOOLEAN, "Whether the project may be used.", update=True, default=True),
        Prop(
            "parent",
            STRING,
            "Project above this one, by name or ID.",
            since="6.0.0",
            refers="keystone.project",
            body="parent_id",
        ),
        Prop("tags", LIST, "Tags.", update=True, default=[], since="10.0.0"),
    )
    attributes = (
        Attr("name", STRING, "Name of the project.", since="10.0.0"),
        Attr("parent_id", STRING, "ID of the project above it.", since="10.0.0"),
        Attr("domain_id", STRING, "ID of its domain.", since="10.0.0"),
        Attr("enabled", BOOLEAN, "Whether the project may be used.", since="10.0.0"),
        Attr("is_domain", BOOLEAN, "Whether the project is a domain as well.", since="10.0.0"),
    )

    def handle_delete(self) -> Any:
        """Neutron makes a security group for each project that used it; without the project nobody could delete it."""
        if self.physical_id and self.cloud.has("network"):
            network = self.cloud.service("network")
            mine = {"project_id": self.physical_id, "name": "default"}
            for group in network.list("/v2.0/security-groups", "security_groups", mine):
                network.delete(f"/v2.0/security-groups/{group['id']}", ok=(404,))
        return super().handle_delete()
