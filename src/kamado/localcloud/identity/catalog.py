"""Regions, services and endpoints, and the catalog that tokens carry.

Called by the token requests (`catalog_of`) and by `LocalCloud.start` (`announce`), which writes the addresses that the
services really got: after a restart of a kept cloud ports may differ. The trap: `announce` owns only the endpoints that it
made (their ids tell); what an administrator added stays.
"""

from typing import TYPE_CHECKING

from kamado.localcloud.collection import Collection, Field, new_hex, nullable, one_of, text
from kamado.localcloud.identity.wire import lenient_boolean, linked, policy
from kamado.localcloud.service import Call, Refusal
from kamado.localcloud.state import Obj, State

if TYPE_CHECKING:
    from kamado.localcloud.server import LocalCloud

INTERFACES = ("public", "internal", "admin")
# What the catalog says of Kamado itself: type → service name.
EXTERNAL = {"orchestration": "heat", "cloudformation": "heat-cfn"}


def _region_id(call: Call, values: Obj) -> None:
    values["id"] = values["id"] or new_hex()
    if call.state.get("identity.regions", values["id"]):
        raise Refusal(409, f"Conflict occurred attempting to store region - Duplicate ID, {values['id']}.")


def _free_region(call: Call, region: Obj) -> None:
    if call.state.find("identity.endpoints", region_id=region["id"]):
        text = f"Unable to delete region {region['id']} because it or its child regions have associated endpoints."
        raise Refusal(403, text)


REGIONS = Collection(
    service="identity",
    plural="regions",
    singular="region",
    path="/v3/regions",
    owner="",
    fields=(
        Field("id", nullable(text(255)), update=False),
        Field("description", text(), default=""),
        Field("parent_region_id", nullable(text()), refers="identity.regions"),
    ),
    policy=policy("region", "regions", read="any"),
    update_method="PATCH",
    statuses=(201, 200, 204),
    created="",
    updated="",
    before_create=_region_id,
    before_delete=_free_region,
    view=linked("/v3/regions"),
)


def _drop_endpoints(call: Call, service: Obj) -> None:
    for endpoint in call.state.find("identity.endpoints", service_id=service["id"]):
        call.state.remove("identity.endpoints", endpoint["id"])


CATALOG_SERVICES = Collection(
    service="identity",
    plural="services",
    singular="service",
    path="/v3/services",
    owner="",
    open=True,
    fields=(
        Field("name", text(255)),
        Field("type", text(255, 1), required=True),
        Field("enabled", lenient_boolean, default=True),
    ),
    policy=policy("service", "services"),
    update_method="PATCH",
    created="",
    updated="",
    new_id=new_hex,
    after_delete=_drop_endpoints,
    view=linked("/v3/services"),
)


def _endpoint_region(call: Call, values: Obj) -> None:
    values["region"] = values["region_id"]


def _moved_region(call: Call, endpoint: Obj, changes: Obj) -> None:
    if "region_id" in changes:
        changes["region"] = changes["region_id"]


ENDPOINTS = Collection(
    service="identity",
    plural="endpoints",
    singular="endpoint",
    path="/v3/endpoints",
    owner="",
    open=True,
    fields=(
        Field("interface", one_of(*INTERFACES), required=True),
        Field("region_id", nullable(text()), refers="identity.regions"),
        Field("service_id", text(), required=True, refers="identity.services"),
        Field("url", text(shortest=1), required=True),
        Field("enabled", lenient_boolean, default=True),
    ),
    policy=policy("endpoint", "endpoints"),
    update_method="PATCH",
    created="",
    updated="",
    new_id=new_hex,
    before_create=_endpoint_region,
    before_update=_moved_region,
    view=linked("/v3/endpoints"),
)


def announce(cloud: "LocalCloud") -> None:
    """Make the catalog say where the cloud's services are now."""
    state = cloud.state
    if state.get("identity.regions", cloud.region) is None:
        state.put("identity.regions", {"id": cloud.region, "description": "", "parent_region_id": None})
    lines = [(e.type, e.name, cloud.urls[s.name] + e.path) for s in cloud.services for e in s.catalog]
    lines += [(kind, EXTERNAL.get(kind, kind), url) for kind, url in cloud.external.items() if url]
    for kind, name, url in lines:
        service = state.first("identity.services", type=kind, name=name)
        if service is None:
            service = state.put("identity.services", {"id": new_hex(), "name": name, "type": kind, "enabled": True})
        for interface in INTERFACES:
            _place(state, service["id"], interface, url, cloud.region)


def _place(state: State, service_id: str, interface: str, url: str, region: str) -> None:
    own = [e for e in state.find("identity.endpoints", service_id=service_id) if e.get("_own") == interface]
    if own:
        if own[0]["url"] != url:
            state.change("identity.endpoints", own[0]["id"], url=url)
        return
    endpoint = {
        "id": new_hex(),
        "interface": interface,
        "region_id": region,
        "service_id": service_id,
        "url": url,
        "enabled": True,
        "region": region,
        "_own": interface,
    }
    state.put("identity.endpoints", endpoint)


def catalog_of(state: State, project_id: str, user_id: str) -> list[Obj]:
    """The catalog as a token for a project carries it; endpoints whose address needs a project are left out without one."""
    known = {"project_id": project_id, "tenant_id": project_id, "user_id": user_id}
    catalog = []
    for service in state.all("identity.services"):
        if not service["enabled"]:
            continue
        endpoints = []
        for endpoint in state.find("identity.endpoints", service_id=service["id"]):
            url = _filled(endpoint["url"], known) if endpoint["enabled"] else ""
            if url:
                shown = {k: endpoint[k] for k in ("id", "interface", "region_id")}
                endpoints.append({**shown, "url": url, "region": endpoint["region"]})
        catalog.append({"endpoints": endpoints, "id": service["id"], "type": service["type"], "name": service["name"]})
    return catalog


def _filled(url: str, known: dict[str, str]) -> str:
    if "(" not in url:
        return url
    url = url.replace("$(", "%(")
    if not known["project_id"] and ("%(project_id)s" in url or "%(tenant_id)s" in url):
        return ""
    try:
        return url % known
    except (KeyError, ValueError, TypeError):
        return ""  # Keystone leaves out an endpoint that cannot be filled in
