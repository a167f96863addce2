"""Neutron, as far as orchestration needs it; `SERVICE` is what the cloud serves.

The trap: `SERVICE` is built when the package is imported; the modules below must not import it (they reach collections by
name through `call.cloud`).
"""

from kamado.localcloud.crud import requests_of
from kamado.localcloud.network import discovery, quotas, routers, seeding, tags
from kamado.localcloud.network.collections import ALL, SECURITY_GROUPS, TAGGED
from kamado.localcloud.network.ownership import Dialect
from kamado.localcloud.network.securitygroups import prepare_list
from kamado.localcloud.service import Answer, Call, CatalogEntry, Route, Service

_PLAIN_LIST = next(r for r in requests_of(SECURITY_GROUPS) if r.method == "GET" and r.path == SECURITY_GROUPS.path)


def _list_groups(call: Call) -> "Answer | dict[str, object] | None":
    prepare_list(call)
    return _PLAIN_LIST.handler(call)


SERVICE = Service(
    name="network",
    catalog=(CatalogEntry("neutron", "network"),),
    dialect=Dialect(),
    collections=ALL,
    routes=(
        *discovery.ROUTES,
        *quotas.ROUTES,
        Route("GET", SECURITY_GROUPS.path, _list_groups),
        Route("PUT", "/v2.0/routers/{id}/add_router_interface", routers.add_interface),
        Route("PUT", "/v2.0/routers/{id}/remove_router_interface", routers.remove_interface),
        *(route for collection in TAGGED for route in tags.routes_for(collection)),
    ),
    seed=seeding.seed,
    quotas=quotas.DEFAULTS,
)
