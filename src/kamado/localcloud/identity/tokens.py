"""Tokens: issued, kept in the state (so that they survive a restart), and judged anew whenever something changed.

Called by `server` for every request of every service (`identify`), and by the token requests. A token row says who, where
and until when; roles are worked out when it is used, as the real Keystone does, and remembered until any identity table
changes. The trap: `identify` must stay cheap, it is on the road of every request.
"""

import secrets
from typing import TYPE_CHECKING

from kamado.localcloud.clock import micros_z
from kamado.localcloud.identity import assignments
from kamado.localcloud.service import Identity
from kamado.localcloud.state import Obj, State

if TYPE_CHECKING:
    from kamado.localcloud.server import LocalCloud

TOKENS = "identity.tokens"
LATE_SECONDS = 3600.0  # an expired token is remembered so long, for services that finish what was begun with it
# Changes in these tables may end a token or change its roles.
WATCHED = tuple(
    "identity." + name
    for name in (
        "domains", "projects", "users", "groups", "roles", "grants", "memberships", "implications", "trusts",
        "application_credentials",
    )
)  # fmt: skip


class _Remembered:
    """What was worked out for tokens since the identity tables last changed."""

    def __init__(self) -> None:
        self.revision = -1
        self.known: dict[str, Identity | None] = {}


def identify(cloud: "LocalCloud", token_id: str, now: float) -> Identity | None:
    """Whom a token stands for; None when it is unknown, expired, or when what it rests on is gone."""
    state = cloud.state
    token = state.get(TOKENS, token_id)
    if token is None or token["expires"] <= now:
        return None
    memory: _Remembered = cloud.__dict__.setdefault("_identified", _Remembered())
    revision = sum(state.revision.get(table, 0) for table in WATCHED)
    if memory.revision != revision:
        memory.revision = revision
        memory.known.clear()
    if token_id not in memory.known:
        memory.known[token_id] = judge(state, token, now)
    return memory.known[token_id]


def judge(state: State, token: Obj, now: float) -> Identity | None:
    """The same from the token's row, worked out; None when user, scope or roles are gone."""
    user = state.get("identity.users", token["user"])
    if not _is_live(state, user) or user is None or user.get("_epoch", 0) > token["epoch"]:
        return None
    project_id, domain_id = token.get("project", ""), token.get("domain", "")
    project = state.get("identity.projects", project_id) if project_id else None
    if project_id and not _is_live(state, project):
        return None
    if domain_id and not (state.get("identity.domains", domain_id) or {}).get("enabled"):
        return None
    roles = token_roles(state, token, now)
    if roles is None or ((project_id or domain_id or token.get("system")) and not roles):
        return None
    return Identity(
        user_id=user["id"],
        user_name=user["name"],
        user_domain_id=user["domain_id"],
        project_id=project_id,
        project_name=project["name"] if project else "",
        domain_id=domain_id,
        system=bool(token.get("system")),
        roles=frozenset(assignments.role_names(state, roles)),
        trust_id=token.get("trust", ""),
        credential_id=token.get("credential", ""),
        token=token,
    )


def _is_live(state: State, obj: Obj | None) -> bool:
    """Whether a user or project exists, is enabled, and its domain is too."""
    if obj is None or not obj["enabled"]:
        return False
    domain = state.get("identity.domains", obj["domain_id"])
    return domain is not None and bool(domain["enabled"])


def trustees_live(state: State, trust: Obj | None) -> bool:
    """Whether whoever a trust was handed to, on the whole way, is there and enabled."""
    while trust is not None:
        if not _is_live(state, state.get("identity.users", trust["trustee_user_id"])):
            return False
        trust = state.get("identity.trusts", trust["redelegated_trust_id"]) if trust["redelegated_trust_id"] else None
    return True


def token_roles(state: State, token: Obj, now: float) -> list[str] | None:
    """Role ids of a token; None when the trust or application credential that it rests on is gone."""
    target = token.get("project") or token.get("domain") or (assignments.SYSTEM if token.get("system") else "")
    if token.get("trust"):
        trust = state.get("identity.trusts", token["trust"])
        if trust is None or trust["_gone"] or not trustees_live(state, trust):
            return None
        have = set(assignments.roles_on(state, trust["trustor_user_id"], target))
        wanted = [role["id"] for role in trust["roles"]]
        return assignments.with_implied(state, wanted) if have.issuperset(wanted) else None
    if token.get("credential"):
        credential = state.get("identity.application_credentials", token["credential"])
        if credential is None or 0 < (credential["_expires"] or 0) <= now:
            return None
        have = set(assignments.roles_on(state, credential["_user_id"], target))
        return [r for r in assignments.with_implied(state, credential["_roles"]) if r in have]
    return assignments.roles_on(state, token["user"], target) if target else []


def issue(cloud: "LocalCloud", now: float, **what: object) -> Obj:
    """Store a new token and return its row. `what`: user, methods, and project/domain/system/trust/credential, expires, audit."""
    state = cloud.state
    if state.count(TOKENS) % 500 == 499:
        for old in [t for t in state.all(TOKENS) if t["expires"] + LATE_SECONDS <= now]:
            state.remove(TOKENS, old["id"])
    user = state.get("identity.users", str(what["user"])) or {}
    chain = what.pop("audit", None)
    own = secrets.token_urlsafe(16)
    row: Obj = {
        "id": "gAAAAAB" + secrets.token_urlsafe(84),
        "issued": now,
        "expires": now + cloud.token_seconds,
        "epoch": user.get("_epoch", 0),
        "audit_ids": [own, chain] if chain else [own],
        **what,
    }
    return state.put(TOKENS, row)


def render(cloud: "LocalCloud", token: Obj, now: float, catalog: list[Obj] | None) -> Obj:
    """The body of a token answer: `{"token": {…}}`; `catalog` None leaves it out."""
    state = cloud.state
    body: Obj = {
        "methods": token["methods"],
        "user": _user(state, token["user"]),
        "audit_ids": token["audit_ids"],
        "expires_at": micros_z(token["expires"]),
        "issued_at": micros_z(token["issued"]),
    }
    if token.get("project"):
        project = state.get("identity.projects", token["project"]) or {}
        domain = _named(state, "identity.domains", project["domain_id"])
        body["project"] = {"domain": domain, "id": project["id"], "name": project["name"]}
        body["is_domain"] = False
    elif token.get("domain"):
        body["domain"] = _named(state, "identity.domains", token["domain"])
    elif token.get("system"):
        body["system"] = {"all": True}
    role_ids = token_roles(state, token, now) or []
    if role_ids:
        body["roles"] = [_named(state, "identity.roles", role_id) for role_id in role_ids]
    if catalog is not None and role_ids:
        body["catalog"] = catalog
    trust = state.get("identity.trusts", token["trust"]) if token.get("trust") else None
    if trust:
        body["OS-TRUST:trust"] = {
            "id": trust["id"],
            "impersonation": trust["impersonation"],
            "trustee_user": {"id": trust["trustee_user_id"]},
            "trustor_user": {"id": trust["trustor_user_id"]},
        }
    held = state.get("identity.application_credentials", token["credential"]) if token.get("credential") else None
    if held:
        body["application_credential"] = {
            "id": held["id"],
            "name": held["name"],
            "restricted": not held["unrestricted"],
        }
    return {"token": body}


def _user(state: State, user_id: str) -> Obj:
    user = state.get("identity.users", user_id) or {}
    return {
        "domain": _named(state, "identity.domains", user["domain_id"]),
        "id": user["id"],
        "name": user["name"],
        "password_expires_at": None,
    }


def _named(state: State, table: str, object_id: str) -> Obj:
    return {"id": object_id, "name": (state.get(table, object_id) or {}).get("name")}
