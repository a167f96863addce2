"""OS::Nova::ServerGroup: servers that are to be kept together or apart."""

from __future__ import annotations

from kamado.plugin.declare import LIST, MAP, NUMBER, PHYSICAL_NAME, STRING, Prop, Properties, Rest, resource_type
from kamado.plugin.rest import RestResource


@resource_type("OS::Nova::ServerGroup", since="2014.2")
class ServerGroup(RestResource):
    """A group of servers with a placement policy."""

    rest = Rest("compute", "/os-server-groups", "server_group", microversion="2.64")
    properties = Properties(
        Prop("name", STRING, "Name of the group.", fallback=PHYSICAL_NAME),
        Prop(
            "policies",
            LIST,
            "Placement policy; Nova takes one.",
            default=["anti-affinity"],
            allowed=("anti-affinity", "affinity", "soft-anti-affinity", "soft-affinity"),
            items=STRING,
            body="policy",
            wire=lambda policies: policies[0],
        ),
        Prop(
            "rules",
            MAP,
            "Rules of the policy.",
            since="17.0.0",
            fields=(Prop("max_server_per_host", NUMBER, "Most servers of the group on one host, for anti-affinity."),),
        ),
    )
