"""OS::Nova::Flavor: a size of servers, with its extra specs and the projects that may use it."""

from __future__ import annotations

from typing import Any

from kamado.plugin.declare import (
    BOOLEAN,
    INTEGER,
    LIST,
    MAP,
    NOT_SENT,
    NUMBER,
    PHYSICAL_NAME,
    STRING,
    Attr,
    Prop,
    Properties,
    Rest,
    resource_type,
)
from kamado.plugin.rest import RestResource
from kamado.plugin.side_calls import By, Call, Entries


def _access(flavor: Flavor) -> None:
    """Lets the projects that are named use a private flavor; the stack's own when none is."""
    if flavor.properties.get("is_public"):
        return
    named = flavor.properties.get("tenants") or [flavor.stack.project_id]
    wanted = [flavor.find("keystone.project", project) for project in named]
    answer = flavor.call("GET", f"{flavor.item_path()}/os-flavor-access")
    present = [item["tenant_id"] for item in answer["flavor_access"]]
    for action, projects in (
        ("addTenantAccess", [project for project in wanted if project not in present]),
        ("removeTenantAccess", [project for project in present if project not in wanted]),
    ):
        for project in projects:
            flavor.call("POST", f"{flavor.item_path()}/action", json={action: {"tenant": project}}, ok=(404, 409))


def _extra_specs(flavor: Flavor) -> Any:
    return flavor.call("GET", f"{flavor.item_path()}/os-extra_specs")["extra_specs"]


@resource_type("OS::Nova::Flavor", since="2014.2")
class Flavor(RestResource):
    """A flavor; administrators only."""

    heat_class = "NovaFlavor"
    rest = Rest("compute", "/flavors", "flavor", unique=True, shown="latest")
    properties = Properties(
        Prop("tenants", LIST, "Projects that may use a private flavor, by name or ID.", update=True, default=[],
             since="8.0.0", body=NOT_SENT, as_set=True, items=Prop("*", STRING, "A project.", refers="keystone.project")),
        Prop("name", STRING, "Name.", since="7.0.0", fallback=PHYSICAL_NAME),
        Prop("flavorid", STRING, "ID; made up by Nova when not given.", since="7.0.0", body="id"),
        Prop("ram", INTEGER, "Memory in MB.", required=True),
        Prop("vcpus", INTEGER, "Number of processors.", required=True),
        Prop("disk", INTEGER, "Size of the root disk in GB; 0 for that of the image.", default=0),
        Prop("swap", INTEGER, "Swap space in MB.", default=0),
        Prop("ephemeral", INTEGER, "Size of a second, ephemeral disk in GB.", default=0,
             body="OS-FLV-EXT-DATA:ephemeral"),
        Prop("rxtx_factor", NUMBER, "Network bandwidth factor.", default=1.0),
        Prop("extra_specs", MAP, "Further traits, key by key.", update=True, body=NOT_SENT),
        Prop("is_public", BOOLEAN, "Whether all projects may use it.", default=True, since="6.0.0",
             body="os-flavor-access:is_public"),
    )  # fmt: skip
    attributes = (
        Attr("is_public", BOOLEAN, "Whether all projects may use it.", since="6.0.0", key="os-flavor-access:is_public"),
        Attr("extra_specs", MAP, "Its extra specs.", since="7.0.0", read=_extra_specs),
    )
    side_calls = (
        Entries(
            "extra_specs",
            listing="/flavors/{id}/os-extra_specs",
            key="extra_specs",
            set=Call("POST", "/flavors/{id}/os-extra_specs", {"extra_specs": "{entries}"}),
            drop=Call("DELETE", "/flavors/{id}/os-extra_specs/{entry}", ok=(404,)),
        ),
        By(("tenants",), _access),
    )

    def list_params(self) -> dict[str, Any]:
        """Private ones too, which Nova leaves out by default."""
        return {"is_public": "None"}
