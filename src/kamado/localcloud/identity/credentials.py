"""Application credentials, and the credentials that Keystone keeps for users (EC2 keys among them).

Called through `identity.SERVICE`; how they let somebody in is in `auth` and `ec2`. The trap: an application credential belongs to
its user alone; not even an administrator may make one for him.
"""

import hashlib
import json
import secrets
from typing import Any

from kamado.localcloud.clock import micros
from kamado.localcloud.collection import (
    Collection,
    Field,
    Policy,
    anything,
    boolean,
    list_of,
    new_hex,
    nullable,
    text,
)  # fmt: skip
from kamado.localcloud.crud import envelope, validate
from kamado.localcloud.errors import bad_request
from kamado.localcloud.identity import assignments, passwords
from kamado.localcloud.identity.auth import forbidden
from kamado.localcloud.identity.wire import duplicate, is_self, known, listing, moment, need, self_link
from kamado.localcloud.service import Answer, Call, Refusal, Route
from kamado.localcloud.state import Obj

HELD = "identity.application_credentials"
NO_REQUESTS = Policy("", "", "", "", "")
APPLICATION_CREDENTIALS = Collection(
    service="identity",
    plural="application_credentials",
    singular="application_credential",
    path="/v3/users/{user_id}/application_credentials",
    owner="",
    fields=(
        Field("name", text(255, 1), required=True),
        Field("secret", nullable(text()), hidden=True),
        Field("description", nullable(text())),
        Field("expires_at", nullable(text())),
        Field("roles", list_of(anything), default=tuple),
        Field("unrestricted", nullable(boolean)),
        Field("access_rules", list_of(anything), default=tuple),
        Field("system", anything, hidden=True),
    ),
    policy=NO_REQUESTS,
)


def _full_rights(call: Call) -> None:
    held = call.state.get(HELD, call.who.credential_id) if call.who.credential_id else None
    if held is not None and not held["unrestricted"]:
        text = "Using method 'application_credential' is not allowed for managing additional application credentials."
        raise forbidden(text)


def create_held(call: Call) -> Answer:
    """POST /v3/users/{user_id}/application_credentials; the only answer that shows the secret."""
    who, state = call.who, call.state
    if not is_self(call, call.params["user_id"]):
        raise call.service.dialect.forbidden("create_application_credential")
    _full_rights(call)
    given = validate(call, APPLICATION_CREDENTIALS, envelope(call, "application_credential"), creating=True)
    if not who.project_id:
        raise bad_request("Application credentials need a token for a project.")
    if state.first(HELD, name=given["name"], _user_id=who.user_id):
        raise duplicate("application_credential", given["name"], None)
    expires = moment(given.get("expires_at"), "expires_at")
    if expires is not None and expires <= call.now:
        raise bad_request("The 'expires_at' must not be before now.")
    have = list(assignments.roles_on(state, who.user_id, who.project_id))
    if who.token.get("trust") or who.credential_id:
        have = [r for r in have if (state.get("identity.roles", r) or {}).get("name") in who.roles]
    secret = given.get("secret") or secrets.token_urlsafe(64)
    held: Obj = {
        "id": new_hex(),
        "name": given["name"],
        "description": given.get("description"),
        "project_id": who.project_id,
        "expires_at": micros(expires) if expires else None,
        "unrestricted": given.get("unrestricted"),
        "access_rules": given.get("access_rules", []),
        "_user_id": who.user_id,
        "_roles": [_role(call, wanted, have) for wanted in given["roles"]] if given.get("roles") else have,
        "_secret": passwords.digest(secret),
        "_expires": expires,
    }
    state.put(HELD, held)
    return Answer(201, {"application_credential": {**_view(call, held), "secret": secret}})


def _role(call: Call, wanted: Any, have: list[str]) -> str:
    name, role_id = (wanted.get("name"), wanted.get("id")) if isinstance(wanted, dict) else (None, None)
    role = call.state.get("identity.roles", role_id) if role_id else call.state.first("identity.roles", name=name)
    if role is None:
        raise Refusal(404, f"Could not find role: {role_id or name}.")
    if role["id"] not in have:
        text = "Invalid application credential: Cannot create an application credential with unassigned role"
        raise Refusal(400, text)
    return str(role["id"])


def _view(call: Call, held: Obj) -> Obj:
    roles = [role for i in held["_roles"] if (role := call.state.get("identity.roles", i))]
    names = ("id", "name", "domain_id", "description", "options")
    return {
        "id": held["id"],
        "name": held["name"],
        "description": held["description"],
        "user_id": held["_user_id"],
        "project_id": held["project_id"],
        "system": None,
        "expires_at": held["expires_at"],
        "unrestricted": held["unrestricted"],
        "roles": [{k: role[k] for k in names} for role in roles],
        "access_rules": held["access_rules"],
        "links": {"self": self_link(call, f"/v3/users/{held['_user_id']}/application_credentials/{held['id']}")},
    }


def list_held(call: Call) -> Obj:
    """GET /v3/users/{user_id}/application_credentials."""
    user_id = call.params["user_id"]
    need(call, "list_application_credentials", also=is_self(call, user_id))
    rows = call.state.find(HELD, _user_id=user_id)
    wanted = [r for r in rows if call.arg("name", r["name"]) == r["name"]]
    return listing(call, "application_credentials", [_view(call, r) for r in wanted])


def _held(call: Call, rule: str) -> Obj:
    need(call, rule, also=is_self(call, call.params["user_id"]))
    held = call.state.get(HELD, call.params["id"])
    if held is None or held["_user_id"] != call.params["user_id"]:
        raise Refusal(404, f"Could not find Application Credential: {call.params['id']}.")
    return held


def show_held(call: Call) -> Obj:
    """GET …/application_credentials/{id}."""
    return {"application_credential": _view(call, _held(call, "get_application_credential"))}


def delete_held(call: Call) -> Answer:
    """DELETE the same."""
    held = _held(call, "delete_application_credential")
    _full_rights(call)
    call.state.remove(HELD, held["id"])
    return Answer(204)


# credentials of any type

CREDENTIALS = Collection(
    service="identity",
    plural="credentials",
    singular="credential",
    path="/v3/credentials",
    owner="",
    open=True,
    fields=(
        Field("blob", anything, required=True),
        Field("type", text(255, 1), required=True),
        Field("user_id", text(), required=True),
        Field("project_id", nullable(text())),
    ),
    policy=NO_REQUESTS,
)
KEPT = "identity.credentials"


def _credential_view(call: Call, credential: Obj) -> Obj:
    seen = {k: credential.get(k) for k in ("id", "user_id", "project_id", "type", "blob")}
    return {**seen, "links": {"self": self_link(call, f"/v3/credentials/{credential['id']}")}}


def create_credential(call: Call) -> Answer:
    """POST /v3/credentials; an `ec2` one gets the id that its access key gives."""
    given = envelope(call, "credential")
    values = validate(call, CREDENTIALS, given, creating=True)
    need(call, "create_credential", also=is_self(call, values["user_id"]))
    values.setdefault("project_id", None)
    if values["type"] == "ec2":
        if not values["project_id"]:
            raise call.service.dialect.missing(CREDENTIALS, given, "project_id")
        blob = _blob(values["blob"])
        values["id"] = ec2_id(str(blob["access"]))
    else:
        values["id"] = new_hex()
    if call.state.get(KEPT, values["id"]):
        raise Refusal(409, f"Conflict occurred attempting to store credential - Duplicate ID, {values['id']}.")
    return Answer(201, {"credential": _credential_view(call, call.state.put(KEPT, values))})


def _blob(blob: Any) -> Obj:
    try:
        parsed = json.loads(blob) if isinstance(blob, str) else blob
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict) or "access" not in parsed:
        raise bad_request("Invalid blob in credential")
    return parsed


def list_credentials(call: Call) -> Obj:
    """GET /v3/credentials: one's own; an administrator sees all."""
    rows = [c for c in call.state.all(KEPT) if call.who.is_admin or is_self(call, c["user_id"])]
    for name in ("user_id", "type"):
        rows = [c for c in rows if call.arg(name, c[name]) == c[name]]
    return listing(call, "credentials", [_credential_view(call, c) for c in rows])


def _credential(call: Call, rule: str) -> Obj:
    credential = call.state.get(KEPT, call.params["id"])
    need(call, rule, also=credential is not None and is_self(call, credential["user_id"]))
    return known(call, KEPT, call.params["id"])


def show_credential(call: Call) -> Obj:
    """GET /v3/credentials/{id}."""
    return {"credential": _credential_view(call, _credential(call, "get_credential"))}


def update_credential(call: Call) -> Obj:
    """PATCH the same."""
    credential = _credential(call, "update_credential")
    changes = validate(call, CREDENTIALS, envelope(call, "credential"), creating=False)
    need(call, "update_credential", also=changes.get("user_id", call.who.user_id) == call.who.user_id)
    return {"credential": _credential_view(call, call.state.change(KEPT, credential["id"], **changes))}


def delete_credential(call: Call) -> Answer:
    """DELETE the same."""
    call.state.remove(KEPT, _credential(call, "delete_credential")["id"])
    return Answer(204)


# EC2 keys: credentials of type ec2 in another dress


def ec2_id(access: str) -> str:
    """The id under which an EC2 credential is kept: the hash of its access key."""
    return hashlib.sha256(access.encode()).hexdigest()


def _ec2_view(call: Call, credential: Obj) -> Obj:
    blob = _blob(credential["blob"])
    path = f"/v3/users/{credential['user_id']}/credentials/OS-EC2/{blob['access']}"
    return {
        "user_id": credential["user_id"],
        "tenant_id": credential["project_id"],
        "access": blob["access"],
        "secret": blob.get("secret"),
        "trust_id": blob.get("trust_id"),
        "links": {"self": self_link(call, path)},
    }


def create_ec2(call: Call) -> Answer:
    """POST /v3/users/{user_id}/credentials/OS-EC2."""
    user_id = call.params["user_id"]
    need(call, "ec2_create_credential", also=is_self(call, user_id))
    tenant = call.json.get("tenant_id") if isinstance(call.json, dict) else None
    if not isinstance(tenant, str):
        raise Refusal(400, "'tenant_id' is a required property")
    known(call, "identity.users", user_id)
    known(call, "identity.projects", tenant)
    access = new_hex()
    blob = {"access": access, "secret": new_hex(), "trust_id": call.who.trust_id or None}
    credential = {
        "id": ec2_id(access),
        "user_id": user_id,
        "project_id": tenant,
        "type": "ec2",
        "blob": json.dumps(blob),
    }
    return Answer(201, {"credential": _ec2_view(call, call.state.put(KEPT, credential))})


def list_ec2(call: Call) -> Obj:
    """GET the same."""
    user_id = call.params["user_id"]
    need(call, "ec2_list_credentials", also=is_self(call, user_id))
    rows = call.state.find(KEPT, user_id=user_id, type="ec2")
    return listing(call, "credentials", [_ec2_view(call, c) for c in rows])


def _ec2(call: Call, rule: str) -> Obj:
    need(call, rule, also=is_self(call, call.params["user_id"]))
    key = ec2_id(call.params["access"])
    credential = call.state.get(KEPT, key)
    if credential is None or credential["type"] != "ec2" or credential["user_id"] != call.params["user_id"]:
        raise Refusal(404, f"Could not find credential: {key}.")
    return credential


def show_ec2(call: Call) -> Obj:
    """GET …/OS-EC2/{access}."""
    return {"credential": _ec2_view(call, _ec2(call, "ec2_get_credential"))}


def delete_ec2(call: Call) -> Answer:
    """DELETE the same."""
    call.state.remove(KEPT, _ec2(call, "ec2_delete_credential")["id"])
    return Answer(204)


_HELD_PATH = APPLICATION_CREDENTIALS.path
_EC2_PATH = "/v3/users/{user_id}/credentials/OS-EC2"
ROUTES = (
    Route("POST", _HELD_PATH, create_held),
    Route("GET", _HELD_PATH, list_held),
    Route("GET", _HELD_PATH + "/{id}", show_held),
    Route("DELETE", _HELD_PATH + "/{id}", delete_held),
    Route("POST", "/v3/credentials", create_credential),
    Route("GET", "/v3/credentials", list_credentials),
    Route("GET", "/v3/credentials/{id}", show_credential),
    Route("PATCH", "/v3/credentials/{id}", update_credential),
    Route("DELETE", "/v3/credentials/{id}", delete_credential),
    Route("POST", _EC2_PATH, create_ec2),
    Route("GET", _EC2_PATH, list_ec2),
    Route("GET", _EC2_PATH + "/{access}", show_ec2),
    Route("DELETE", _EC2_PATH + "/{access}", delete_ec2),
)
