"""Trusts (OS-TRUST): a user lets another act in one project with some of his roles.

Called through `identity.SERVICE`; how a token is got with one is in `auth`, whether it still holds in `tokens`. The trap: a
deleted trust is marked `_gone`, not removed, so that a token that rests on it is refused and not merely unknown.
"""

from typing import Any

from kamado.localcloud.clock import micros_z
from kamado.localcloud.collection import Collection, Field, Policy, anything, boolean, integer, new_hex, nullable, text
from kamado.localcloud.errors import bad_request
from kamado.localcloud.identity import assignments
from kamado.localcloud.identity.auth import forbidden
from kamado.localcloud.identity.wire import known, listing, moment, required, self_link
from kamado.localcloud.service import Answer, Call, Refusal, Route
from kamado.localcloud.state import Obj

TABLE = "identity.trusts"
DEPTH = 3
"""How often a trust may be handed on at most, Keystone's default."""
# declared for its name and its fields; the requests below are the trusts' own
TRUSTS = Collection(
    service="identity",
    plural="trusts",
    singular="trust",
    path="/v3/OS-TRUST/trusts",
    owner="",
    open=True,
    fields=(
        Field("trustor_user_id", text(), required=True),
        Field("trustee_user_id", text(), required=True),
        Field("impersonation", boolean, required=True),
        Field("project_id", nullable(text())),
        Field("roles", anything, default=tuple),
        Field("expires_at", nullable(text())),
        Field("remaining_uses", anything),
        Field("allow_redelegation", nullable(boolean), default=False),
        Field("redelegation_count", nullable(integer(0)), default=0),
    ),
    policy=Policy("", "", "", "", ""),
)


def _not_allowed() -> Refusal:
    return Refusal(403, "You are not authorized to perform the requested action.")


def create(call: Call) -> Answer:
    """POST /v3/OS-TRUST/trusts."""
    body = call.json.get("trust") if isinstance(call.json, dict) else None
    if not isinstance(body, dict):
        raise call.service.dialect.no_envelope("trust", call.json)
    required(call, "trust", body, "trustor_user_id", "trustee_user_id", "impersonation")
    for field in TRUSTS.fields:
        if field.name in body:
            try:
                field.type(body[field.name])
            except ValueError as error:
                raise call.service.dialect.wrong(field.name, body[field.name], str(error)) from None
    who = call.who
    _only_with_full_rights(call)
    if body["trustor_user_id"] != who.user_id:
        raise call.service.dialect.forbidden("create_trust")
    known(call, "identity.users", body["trustee_user_id"])
    project_id = body.get("project_id")
    if project_id is not None:
        known(call, "identity.projects", project_id)
    roles = _roles(call, body.get("roles") or [], project_id)
    uses = body.get("remaining_uses")
    if uses is not None and (isinstance(uses, bool) or not isinstance(uses, int) or uses < 1):
        raise call.service.dialect.wrong("remaining_uses", uses, f"{uses!r} is not a positive integer")
    if uses is not None and body.get("allow_redelegation"):
        raise bad_request("remaining_uses must not be set if redelegation is allowed")
    expires = moment(body.get("expires_at"), "expires_at")
    if expires is not None and expires <= call.now:
        raise bad_request("The 'expires_at' must not be before now.")
    handed_on = _handed_on(call, body, roles, expires)
    expires = handed_on["_expires"]
    trust = {
        "id": new_hex(),
        "trustor_user_id": who.user_id,
        "trustee_user_id": body["trustee_user_id"],
        "impersonation": body["impersonation"],
        "project_id": project_id,
        "expires_at": micros_z(expires) if expires else None,
        "remaining_uses": uses,
        "deleted_at": None,
        "roles": [{k: v for k, v in role.items() if k[0] != "_"} for role in roles],
        "_gone": False,
        **handed_on,
    }
    return Answer(201, {"trust": _view(call, call.state.put(TABLE, trust))})


def _only_with_full_rights(call: Call) -> None:
    held = (
        call.state.get("identity.application_credentials", call.who.credential_id) if call.who.credential_id else None
    )
    if held is not None and not held["unrestricted"]:
        raise forbidden("Using method 'application_credential' is not allowed for managing trusts.")


def _handed_on(call: Call, body: Obj, roles: list[Obj], expires: float | None) -> Obj:
    """How often a new trust may be handed on, and when it ends; one that is made by way of another must be no more than that."""
    count = body.get("redelegation_count")
    allowed = bool(body.get("allow_redelegation")) and count != 0
    if allowed and count is not None and count > DEPTH:
        raise _not_allowed()
    parent = call.state.get(TABLE, call.who.trust_id) if call.who.trust_id else None
    if parent is None:
        depth = (count or DEPTH) if allowed else 0
        return {"redelegated_trust_id": None, "redelegation_count": depth, "_expires": expires}
    left, ends = parent["redelegation_count"] - 1, parent["_expires"]
    if left >= 0 and expires is not None and ends is None:
        raise bad_request("A part of a trust without an end has none either.")  # Keystone's own comparison fails here
    fits = (
        left >= 0
        and body.get("remaining_uses") is None
        and (expires is None or expires <= ends)
        and {role["id"] for role in roles} <= {role["id"] for role in parent["roles"]}
        and (parent["impersonation"] or not body["impersonation"])
        and (not allowed or count in (None, left))
    )
    if not fits:
        raise _not_allowed()
    return {
        "redelegated_trust_id": parent["id"],
        "redelegation_count": left if allowed else 0,
        "_expires": expires or ends,
    }


def _roles(call: Call, given: list[Any], project_id: str | None) -> list[Obj]:
    if project_id is None:
        if given:
            raise forbidden("At least one project is needed for the roles of a trust.")
        return []
    if not given:
        raise forbidden("At least one role should be specified.")
    have = set(assignments.roles_on(call.state, call.who.user_id, project_id))
    found = []
    for wanted in given:
        name = wanted.get("name") if isinstance(wanted, dict) else None
        role_id = wanted.get("id") if isinstance(wanted, dict) else None
        role = call.state.get("identity.roles", role_id) if role_id else call.state.first("identity.roles", name=name)
        if role is None or role["id"] not in have:
            raise Refusal(404, f"Could not find role: {role['id'] if role else role_id or name}.")
        found.append(role)
    return found


def _view(call: Call, trust: Obj, roles: bool = True) -> Obj:
    seen = {k: v for k, v in trust.items() if k[0] != "_" and k != "roles"}
    base = f"/v3/OS-TRUST/trusts/{trust['id']}"
    seen["links"] = {"self": self_link(call, base)}
    if roles:
        seen["roles"] = [{**r, "links": {"self": self_link(call, f"/v3/roles/{r['id']}")}} for r in trust["roles"]]
        seen["roles_links"] = {"self": self_link(call, base + "/roles"), "next": None, "previous": None}
    return seen


def _find(call: Call, rule: str, *, trustee: bool = True) -> Obj:
    """A live trust that the caller has to do with."""
    trust_id = call.params["id"]
    trust = call.state.get(TABLE, trust_id)
    if trust is None or trust["_gone"] or 0 < (trust["_expires"] or 0) <= call.now:
        raise Refusal(404, f"Could not find trust: {trust_id}.")
    sides = {trust["trustor_user_id"], trust["trustee_user_id"] if trustee else ""}
    if not call.who.is_admin and call.who.user_id not in sides:
        raise call.service.dialect.forbidden(rule)
    return trust


def index(call: Call) -> Obj:
    """GET /v3/OS-TRUST/trusts: all for an administrator, one's own when asked for by one's own id."""
    mine = {call.arg("trustor_user_id"), call.arg("trustee_user_id")} - {""}
    if not call.who.is_admin and mine != {call.who.user_id}:
        raise call.service.dialect.forbidden("list_trusts")
    found = []
    for trust in call.state.all(TABLE):
        if trust["_gone"] or 0 < (trust["_expires"] or 0) <= call.now:
            continue
        if all(call.arg(side, trust[side]) == trust[side] for side in ("trustor_user_id", "trustee_user_id")):
            found.append(_view(call, trust, roles=False))
    return listing(call, "trusts", found)


def show(call: Call) -> Obj:
    """GET /v3/OS-TRUST/trusts/{id}."""
    return {"trust": _view(call, _find(call, "get_trust"))}


def list_roles(call: Call) -> Obj:
    """GET /v3/OS-TRUST/trusts/{id}/roles."""
    return listing(call, "roles", _view(call, _find(call, "list_roles_for_trust"))["roles"])


def show_role(call: Call) -> Obj:
    """GET /v3/OS-TRUST/trusts/{id}/roles/{role_id}."""
    trust = _find(call, "get_role_for_trust")
    role = next((r for r in _view(call, trust)["roles"] if r["id"] == call.params["role_id"]), None)
    if role is None:
        raise Refusal(404, f"Could not find role: {call.params['role_id']}.")
    return {"role": role}


def delete(call: Call) -> Answer:
    """DELETE /v3/OS-TRUST/trusts/{id}: by the trustor or an administrator; what was handed on of it and its tokens end with it."""
    trust = _find(call, "delete_trust", trustee=False)
    _only_with_full_rights(call)
    ends = [trust["id"]]
    for trust_id in ends:
        call.state.change(TABLE, trust_id, _gone=True, deleted_at=micros_z(call.now))
        ends += [one["id"] for one in call.state.all(TABLE) if one["redelegated_trust_id"] == trust_id]
    return Answer(204)


ROUTES = (
    Route("POST", TRUSTS.path, create),
    Route("GET", TRUSTS.path, index),
    Route("GET", TRUSTS.path + "/{id}", show),
    Route("DELETE", TRUSTS.path + "/{id}", delete),
    Route("GET", TRUSTS.path + "/{id}/roles", list_roles),
    Route("GET", TRUSTS.path + "/{id}/roles/{role_id}", show_role),
)
