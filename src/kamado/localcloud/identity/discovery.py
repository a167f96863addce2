"""What clients ask before anything else: which versions there are; and version 2.0's two requests for old clients.

Called through `identity.SERVICE`. The trap: links name the address that the client used, as the real Keystone does, so that a
forwarded port works.
"""

from typing import Any

from kamado.localcloud.clock import seconds_z
from kamado.localcloud.errors import bad_request
from kamado.localcloud.identity import passwords, tokens
from kamado.localcloud.identity.auth import denied, scope_token, usable
from kamado.localcloud.identity.catalog import catalog_of
from kamado.localcloud.identity.directory import projects_of
from kamado.localcloud.service import Answer, Call, Route
from kamado.localcloud.state import Obj


def _base(call: Call) -> str:
    return call.url[: call.url.index("/", 8)] if "/" in call.url[8:] else call.url


def _v3(call: Call) -> Obj:
    return {
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": f"{_base(call)}/v3/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    }


def _v2(call: Call) -> Obj:
    return {
        "id": "v2.0",
        "status": "deprecated",
        "updated": "2016-08-04T00:00:00Z",
        "links": [{"rel": "self", "href": f"{_base(call)}/v2.0/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v2.0+json"}],
    }


def versions(call: Call) -> Answer:
    """GET /: 300, all versions."""
    headers = {"Location": f"{_base(call)}/v3/", "Vary": "X-Auth-Token"}
    return Answer(300, {"versions": {"values": [_v3(call), _v2(call)]}}, headers)


def version_3(call: Call) -> Obj:
    """GET /v3."""
    return {"version": _v3(call)}


def version_2(call: Call) -> Obj:
    """GET /v2.0."""
    return {"version": _v2(call)}


def token_v2(call: Call) -> Obj:
    """POST /v2.0/tokens: name and password, or a token; in the domain `default`."""
    auth: Any = call.json.get("auth") if isinstance(call.json, dict) else None
    if not isinstance(auth, dict):
        raise bad_request("Expecting to find auth in request body.")
    state = call.state
    what: Obj = {"methods": ["password"]}
    if isinstance(auth.get("token"), dict):
        who = tokens.identify(call.cloud, str(auth["token"].get("id", "")), call.now)
        if who is None or who.trust_id or who.credential_id:
            raise denied(call)
        user = usable(call, state.get("identity.users", who.user_id))
        what = {"methods": ["token"], "expires": who.token["expires"], "audit": who.token["audit_ids"][-1]}
    elif isinstance(auth.get("passwordCredentials"), dict):
        given = auth["passwordCredentials"]
        found = state.get("identity.users", str(given.get("userId", "")))
        found = found or state.first("identity.users", name=given.get("username"), domain_id="default")
        if found is None or not passwords.verify(str(given.get("password", "")), found["password"] or ""):
            raise denied(call)
        user = usable(call, found)
    else:
        raise bad_request("Expecting to find passwordCredentials or token in auth.")
    scope: Any = None
    if auth.get("tenantId"):
        scope = {"project": {"id": auth["tenantId"]}}
    elif auth.get("tenantName"):
        scope = {"project": {"name": auth["tenantName"], "domain": {"id": "default"}}}
    return _access(call, scope_token(call, {"user": user}, scope, what))


def _access(call: Call, token: Obj) -> Obj:
    state = call.state
    user = state.get("identity.users", token["user"]) or {}
    project = state.get("identity.projects", token.get("project", ""))
    shown: Obj = {
        "id": token["id"],
        "expires": seconds_z(token["expires"]),
        "issued_at": seconds_z(token["issued"]),
        "audit_ids": token["audit_ids"],
    }
    if project:
        shown["tenant"] = _tenant(project)
    ids = tokens.token_roles(state, token, call.now) or []
    names = [(state.get("identity.roles", i) or {})["name"] for i in ids]
    catalog = catalog_of(state, token.get("project", ""), token["user"]) if project else []
    return {
        "access": {
            "token": shown,
            "serviceCatalog": [_v2_service(service) for service in catalog],
            "user": {
                "id": user["id"],
                "name": user["name"],
                "username": user["name"],
                "roles": [{"name": name} for name in names],
                "roles_links": [],
            },
            "metadata": {"is_admin": 0, "roles": ids},
        }
    }


def _v2_service(service: Obj) -> Obj:
    regions: dict[str, Obj] = {}
    for endpoint in service["endpoints"]:
        region = regions.setdefault(endpoint["region"], {"region": endpoint["region"], "id": endpoint["id"]})
        region[f"{endpoint['interface']}URL"] = endpoint["url"]
    found = list(regions.values())
    return {"type": service["type"], "name": service["name"], "endpoints": found, "endpoints_links": []}


def _tenant(project: Obj) -> Obj:
    return {k: project[k] for k in ("id", "name", "description", "enabled")}


def tenants_v2(call: Call) -> Obj:
    """GET /v2.0/tenants: where the caller has a role."""
    return {"tenants": [_tenant(p) for p in projects_of(call.state, call.who.user_id)], "tenants_links": []}


ROUTES = (
    Route("GET", "/", versions, public=True),
    Route("GET", "/v3", version_3, public=True),
    Route("GET", "/v2.0", version_2, public=True),
    Route("POST", "/v2.0/tokens", token_v2, public=True),
    Route("GET", "/v2.0/tenants", tenants_v2),
)
