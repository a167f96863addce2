"""POST/GET/HEAD/DELETE /v3/auth/tokens, and what a token's owner may ask about his own reach.

Called through `identity.SERVICE`; `scope_token` also by the v2.0 and EC2 roads. Every reason why somebody is not let in is the
same 401, as in the real Keystone; only bodies that make no sense get a 400. The trap: a token got by token keeps the expiry
of the first one, and one that rests on a trust or an application credential cannot be scoped anew.
"""

from collections.abc import Callable
from typing import Any

from kamado.localcloud.errors import bad_request
from kamado.localcloud.identity import assignments, passwords, tokens
from kamado.localcloud.identity.catalog import catalog_of
from kamado.localcloud.identity.directory import projects_of
from kamado.localcloud.identity.wire import linked, listing, self_link
from kamado.localcloud.service import Answer, Call, Refusal, Route
from kamado.localcloud.state import Obj

Proof = dict[str, Any]


def denied(call: Call) -> Refusal:
    """401: whoever you are, no."""
    return call.service.dialect.unauthorized(call.cloud.urls["identity"])


def forbidden(reason: str) -> Refusal:
    """Keystone's 403 with a reason of its own."""
    return Refusal(403, f"You are not authorized to perform the requested action: {reason}")


def _expect(holder: Any, name: str, where: str) -> Any:
    if not isinstance(holder, dict) or name not in holder or holder[name] is None:
        raise bad_request(f"Expecting to find {name} in {where}.")
    return holder[name]


def find_domain(call: Call, given: Any, where: str) -> Obj | None:
    """The domain that a body names by id or name."""
    domain = _expect(given, "domain", where)
    if "id" in domain:
        return call.state.get("identity.domains", str(domain["id"]))
    return call.state.first("identity.domains", name=_expect(domain, "name", "domain"))


def _named(call: Call, table: str, given: Any, where: str) -> Obj | None:
    if not isinstance(given, dict):
        raise bad_request(f"Expecting to find id or name in {where}.")
    if "id" in given:
        return call.state.get(table, str(given["id"]))
    name = _expect(given, "name", where)
    domain = find_domain(call, given, where)
    return call.state.first(table, name=name, domain_id=domain["id"]) if domain else None


def usable(call: Call, user: Obj | None) -> Obj:
    """The user, or 401 when there is none, or he or his domain is disabled."""
    domain = call.state.get("identity.domains", user["domain_id"]) if user else None
    if user is None or not user["enabled"] or domain is None or not domain["enabled"]:
        raise denied(call)
    return user


def _by_password(call: Call, identity: Obj) -> Proof:
    given = _expect(_expect(identity, "password", "identity"), "user", "password")
    user = _named(call, "identity.users", given, "user")
    secret = _expect(given, "password", "user")
    if user is None or not isinstance(secret, str) or not passwords.verify(secret, user["password"] or ""):
        raise denied(call)
    return {"user": usable(call, user)}


def _by_token(call: Call, identity: Obj) -> Proof:
    token_id = _expect(_expect(identity, "token", "identity"), "id", "token")
    who = tokens.identify(call.cloud, str(token_id), call.now)
    if who is None:
        raise denied(call)
    if who.trust_id:
        raise forbidden("Using trust-scoped token to create another token. Create a new trust-scoped token instead.")
    user = call.state.get("identity.users", who.token["user"])
    return {"user": usable(call, user), "from": who.token, "credential": who.credential_id}


def _by_credential(call: Call, identity: Obj) -> Proof:
    given = _expect(identity, "application_credential", "identity")
    secret = _expect(given, "secret", "application_credential")
    if "id" in given:
        held = call.state.get("identity.application_credentials", str(given["id"]))
    else:
        name = _expect(given, "name", "application_credential")
        user = _named(call, "identity.users", _expect(given, "user", "application_credential"), "user")
        owner = user["id"] if user else ""
        held = call.state.first("identity.application_credentials", name=name, _user_id=owner)
    if held is None or not passwords.verify(str(secret), held["_secret"]):
        raise denied(call)
    if 0 < (held["_expires"] or 0) <= call.now:
        raise denied(call)
    return {"user": usable(call, call.state.get("identity.users", held["_user_id"])), "credential": held["id"]}


METHODS: dict[str, Callable[[Call, Obj], Proof]] = {
    "password": _by_password,
    "token": _by_token,
    "application_credential": _by_credential,
}


def create_token(call: Call) -> Answer:
    """POST /v3/auth/tokens."""
    body = call.json
    if not isinstance(body, dict) or not isinstance(body.get("auth"), dict):
        raise Refusal(400, "'auth' is a required property")
    auth = body["auth"]
    if not isinstance(auth.get("identity"), dict):
        raise Refusal(400, "'identity' is a required property")
    methods = auth["identity"].get("methods")
    if not isinstance(methods, list) or not methods:
        raise Refusal(400, "'methods' is a required property")
    proofs = []
    for method in methods:
        if method not in METHODS or method not in auth["identity"]:
            raise bad_request(f"Expecting to find {method} in identity.")
        proofs.append(METHODS[method](call, auth["identity"]))
    if len({proof["user"]["id"] for proof in proofs}) > 1:
        raise denied(call)
    proof = {k: v for one in proofs for k, v in one.items() if v}
    scope = auth.get("scope")
    what = {"methods": list(dict.fromkeys([*proof.get("from", {}).get("methods", []), *methods]))}
    if "from" in proof:
        what |= {"expires": proof["from"]["expires"], "audit": proof["from"]["audit_ids"][-1]}
    token = scope_token(call, proof, scope, what)
    return token_answer(call, token, 201)


def scope_token(call: Call, proof: Proof, scope: Any, what: Obj) -> Obj:
    """Issue a token for who proved himself (`proof["user"]`), for what he asks; 401 when he has no role there."""
    user, state = proof["user"], call.state
    what = {"user": user["id"], **what}
    if proof.get("credential"):
        held = state.get("identity.application_credentials", proof["credential"]) or {}
        if isinstance(scope, dict) and "project" in scope:
            wanted = _named(call, "identity.projects", scope["project"], "project")
            if wanted is None or wanted["id"] != held["project_id"]:
                raise denied(call)
        elif scope and scope != "unscoped":
            raise denied(call)
        what |= {"credential": held["id"], "project": held["project_id"]}
        if held["_expires"]:
            what["expires"] = min(held["_expires"], what.get("expires", call.now + call.cloud.token_seconds))
    elif isinstance(scope, dict) and "OS-TRUST:trust" in scope:
        what |= _through_trust(call, user, str(_expect(scope["OS-TRUST:trust"], "id", "OS-TRUST:trust")))
    elif isinstance(scope, dict) and "project" in scope:
        project = _named(call, "identity.projects", scope["project"], "project")
        what["project"] = project["id"] if project else "?"
    elif isinstance(scope, dict) and "domain" in scope:
        domain = find_domain(call, scope, "scope")
        what["domain"] = domain["id"] if domain else "?"
    elif isinstance(scope, dict) and "system" in scope:
        what["system"] = True
    elif scope is None:
        default = user["default_project_id"]
        if default and state.get("identity.projects", default) and assignments.roles_on(state, user["id"], default):
            what["project"] = default
    token = tokens.issue(call.cloud, call.now, **what)
    if tokens.judge(state, token, call.now) is None:
        raise denied(call)
    return token


def _through_trust(call: Call, user: Obj, trust_id: str) -> Obj:
    state = call.state
    trust = state.get("identity.trusts", trust_id)
    if trust is None or trust["_gone"] or 0 < (trust["_expires"] or 0) <= call.now:
        raise denied(call)
    if trust["trustee_user_id"] != user["id"]:
        raise forbidden("User is not a trustee.")
    if not tokens.trustees_live(state, trust):
        raise denied(call)
    trustor = state.get("identity.users", trust["trustor_user_id"])
    domain = state.get("identity.domains", trustor["domain_id"]) if trustor else None
    if trustor is None or not trustor["enabled"] or domain is None or not domain["enabled"]:
        raise forbidden("Trustor is disabled.")
    if trust["remaining_uses"] is not None:
        if trust["remaining_uses"] <= 0:
            raise forbidden(f"Trust {trust_id} has no uses left.")
        state.change("identity.trusts", trust_id, remaining_uses=trust["remaining_uses"] - 1)
    target = trust["project_id"] or ""
    have = set(assignments.roles_on(state, trustor["id"], target)) if target else set()
    if not have.issuperset(role["id"] for role in trust["roles"]):
        raise forbidden("Trustee has no delegated roles.")
    who = trustor["id"] if trust["impersonation"] else user["id"]
    what: Obj = {"user": who, "trust": trust_id}
    if target:
        what["project"] = target
    if trust["_expires"]:
        what["expires"] = min(trust["_expires"], call.now + call.cloud.token_seconds)
    return what


def token_answer(call: Call, token: Obj, status: int) -> Answer:
    """A token's body, with its id in the header."""
    catalog = None
    if "nocatalog" not in call.query:
        catalog = catalog_of(call.state, token.get("project", ""), token["user"])
    headers = {"X-Subject-Token": token["id"], "Vary": "X-Auth-Token"}
    return Answer(status, tokens.render(call.cloud, token, call.now, catalog), headers)


def _subject(call: Call, rule: str) -> Obj:
    """The token that the request is about, if the caller may deal with it."""
    token_id = call.header("X-Subject-Token")
    if not token_id:
        raise call.service.dialect.forbidden(rule)
    row = call.state.get(tokens.TOKENS, token_id)
    if row is None:
        raise Refusal(404, "Could not recognize Fernet token")
    late = call.arg("allow_expired").lower() in ("1", "true") and call.now < row["expires"] + tokens.LATE_SECONDS
    if tokens.judge(call.state, row, call.now) is None or (row["expires"] <= call.now and not late):
        raise Refusal(404, f"Could not find token: {token_id[:12]}….")
    trusted = call.who.is_admin or "service" in call.who.roles
    if not trusted and row["user"] != call.who.user_id:
        raise call.service.dialect.forbidden(rule)
    return row


def show_token(call: Call) -> Answer:
    """GET or HEAD /v3/auth/tokens: what keystonemiddleware asks to validate a token."""
    return token_answer(call, _subject(call, "validate_token"), 200)


def revoke_token(call: Call) -> Answer:
    """DELETE /v3/auth/tokens: the token, and those that were got with it, are over."""
    row = _subject(call, "revoke_token")
    for other in [t for t in call.state.all(tokens.TOKENS) if row["audit_ids"][0] in t["audit_ids"]]:
        call.state.remove(tokens.TOKENS, other["id"])
    return Answer(204)


def own_catalog(call: Call) -> Obj:
    """GET /v3/auth/catalog."""
    if not (call.who.project_id or call.who.domain_id or call.who.system):
        raise call.service.dialect.forbidden("get_auth_catalog")
    catalog = catalog_of(call.state, call.who.project_id, call.who.user_id)
    return {"catalog": catalog, "links": {"self": self_link(call, call.path)}}


def own_projects(call: Call) -> Obj:
    """GET /v3/auth/projects."""
    view = linked("/v3/projects")
    return listing(call, "projects", [view(call, p) for p in projects_of(call.state, call.who.user_id)])


def own_domains(call: Call) -> Obj:
    """GET /v3/auth/domains."""
    state, view = call.state, linked("/v3/domains")
    reach = [d for d in state.all("identity.domains") if assignments.direct_roles(state, call.who.user_id, d["id"])]
    return listing(call, "domains", [view(call, d) for d in reach if d["enabled"]])


def own_system(call: Call) -> Obj:
    """GET /v3/auth/system."""
    has = assignments.direct_roles(call.state, call.who.user_id, assignments.SYSTEM)
    return {"system": [{"all": True}] if has else [], "links": {"self": self_link(call, call.path)}}


ROUTES = (
    Route("POST", "/v3/auth/tokens", create_token, public=True),
    Route("GET", "/v3/auth/tokens", show_token),
    Route("DELETE", "/v3/auth/tokens", revoke_token),
    Route("GET", "/v3/auth/catalog", own_catalog),
    Route("GET", "/v3/auth/projects", own_projects),
    Route("GET", "/v3/auth/domains", own_domains),
    Route("GET", "/v3/auth/system", own_system),
)
