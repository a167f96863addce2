"""Neutron's quotas: what a project may have at most, what it has.

Routes of the service. The trap: without limits of its own a project is not listed and cannot be reset (404), yet it can be
shown: then the defaults are.
"""

from kamado.localcloud.network.values import whole
from kamado.localcloud.service import Answer, Call, Refusal, Route
from kamado.localcloud.state import Obj

DEFAULTS = {
    "network": -1,
    "subnet": -1,
    "subnetpool": -1,
    "port": -1,
    "router_route": 30,
    "router": -1,
    "floatingip": -1,
    "rbac_policy": 10,
    "security_group": -1,
    "security_group_rule": -1,
}


def _guard(call: Call, action: str, project_id: str = "") -> None:
    if not call.who.is_admin and (action != "get" or project_id != call.who.project_id):
        raise call.service.dialect.forbidden(f"{action}_quota")


def _limits(call: Call, project_id: str) -> dict[str, int]:
    return {name: call.cloud.quota("network", project_id, name) for name in DEFAULTS}


def _used(call: Call, resource: str, project_id: str) -> int:
    for collection in call.service.collections:
        if collection.singular == resource:
            return len(call.state.find(collection.table, project_id=project_id))
    return 0


def _own(call: Call, project_id: str) -> Obj | None:
    return call.state.get("local.quotas", f"network/{project_id}")


def show_all(call: Call) -> Obj:
    """GET /quotas: the projects with limits of their own."""
    _guard(call, "get")
    found = []
    for row in call.state.all("local.quotas"):
        service, _, project_id = str(row.get("key", "")).partition("/")
        if service == "network":
            found.append({**_limits(call, project_id), "project_id": project_id, "tenant_id": project_id})
    return {"quotas": found}


def show(call: Call) -> Obj:
    """GET /quotas/{project}."""
    project_id = call.params["project"].removesuffix(".json")
    _guard(call, "get", project_id)
    return {"quota": _limits(call, project_id)}


def details(call: Call) -> Obj:
    """GET /quotas/{project}/details: limits beside use."""
    project_id = call.params["project"]
    _guard(call, "get", project_id)
    limits = _limits(call, project_id)
    return {"quota": {n: {"limit": v, "used": _used(call, n, project_id), "reserved": 0} for n, v in limits.items()}}


def default(call: Call) -> Obj:
    """GET /quotas/{project}/default."""
    _guard(call, "get", call.params["project"])
    return {"quota": dict(DEFAULTS)}


def update(call: Call) -> Answer:
    """PUT /quotas/{project}: administrators only; never below what is used (-1: no limit)."""
    project_id = call.params["project"]
    _guard(call, "update")
    body = call.json
    given = body.get("quota") if isinstance(body, dict) else None
    if not isinstance(given, dict):
        raise call.service.dialect.no_envelope("quota", body)
    strange = [name for name in given if name not in DEFAULTS and name != "check_limit"]
    if strange:
        raise Refusal(400, f"Unrecognized attribute(s) '{', '.join(strange)}'", "HTTPBadRequest")
    limits = {name: whole(value) for name, value in given.items() if name != "check_limit"}
    for name, limit in limits.items():
        used = _used(call, name, project_id)
        if limit < -1:
            raise Refusal(400, f"Invalid input for {name}. Reason: Quota limit must be -1 or more.", "HTTPBadRequest")
        if 0 <= limit < used:
            text = f"Quota limit {limit} for {name} must be greater than or equal to already used {used}"
            raise Refusal(400, text, "HTTPBadRequest")
    call.cloud.set_quota("network", project_id, limits)
    return Answer(200, {"quota": _limits(call, project_id)})


def reset(call: Call) -> Answer:
    """DELETE /quotas/{project}: the defaults again."""
    project_id = call.params["project"]
    _guard(call, "delete")
    if _own(call, project_id) is None:
        raise Refusal(404, f"Quota for project {project_id} could not be found.", "TenantQuotaNotFound")
    call.cloud.set_quota("network", project_id, None)
    return Answer(204)


ROUTES = (
    Route("GET", "/v2.0/quotas", show_all),
    Route("GET", "/v2.0/quotas/{project}", show),
    Route("GET", "/v2.0/quotas/{project}/details", details),
    Route("GET", "/v2.0/quotas/{project}/details.json", details),
    Route("GET", "/v2.0/quotas/{project}/default", default),
    Route("PUT", "/v2.0/quotas/{project}", update),
    Route("DELETE", "/v2.0/quotas/{project}", reset),
)
