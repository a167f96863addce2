"""The requests that give, take and list roles: on projects, domains and the system, for users and groups.

Called through `identity.SERVICE`. One handler serves all twelve path shapes: the parameters that a path has say what it is
about. The trap: when a user loses a role on a project, his application credentials there die with it.
"""

from kamado.localcloud.identity import assignments
from kamado.localcloud.identity.wire import known, linked, listing, need, self_link
from kamado.localcloud.service import Answer, Call, Handler, Refusal, Route
from kamado.localcloud.state import Obj


def _place(call: Call) -> tuple[str, str, bool]:
    """(actor, target, inherited) as the path says; 404 when one of them is not there."""
    params = call.params
    if "user_id" in params:
        actor = known(call, "identity.users", params["user_id"])["id"]
    else:
        actor = known(call, "identity.groups", params["group_id"])["id"]
    if "project_id" in params:
        target = known(call, "identity.projects", params["project_id"])["id"]
    elif "domain_id" in params:
        target = known(call, "identity.domains", params["domain_id"])["id"]
    else:
        target = assignments.SYSTEM
    return actor, target, "OS-INHERIT" in call.path


def give(call: Call) -> Answer:
    """PUT …/roles/{role_id}."""
    need(call, "create_grant")
    actor, target, inherited = _place(call)
    role = known(call, "identity.roles", call.params["role_id"])
    group = "group_id" in call.params
    assignments.grant(call.state, actor, target, role["id"], inherited=inherited, group=group)
    return Answer(204)


def _given(call: Call) -> str:
    actor, target, inherited = _place(call)
    role = known(call, "identity.roles", call.params["role_id"])
    key = assignments.grant_id(actor, target, role["id"], inherited)
    if call.state.get(assignments.GRANTS, key) is None:
        text = f"Could not find role assignment with role: {role['id']}, user or group: {actor}, project, domain, or system: {target}."
        raise Refusal(404, text)
    return key


def check(call: Call) -> Answer:
    """HEAD or GET the same: 204 or 404."""
    need(call, "check_grant")
    _given(call)
    return Answer(204)


def take(call: Call) -> Answer:
    """DELETE the same."""
    need(call, "revoke_grant")
    key = _given(call)
    gone = call.state.remove(assignments.GRANTS, key) or {}
    losers = [gone["actor"]]
    if gone["group"]:
        losers = [m["user"] for m in call.state.find(assignments.MEMBERSHIPS, group=gone["actor"])]
    for user_id in losers:
        for held in call.state.find("identity.application_credentials", project_id=gone["target"], _user_id=user_id):
            call.state.remove("identity.application_credentials", held["id"])
    return Answer(204)


def list_here(call: Call) -> Obj:
    """GET …/roles: what is given directly."""
    need(call, "list_grants")
    actor, target, inherited = _place(call)
    rows = [g for g in call.state.find(assignments.GRANTS, actor=actor, target=target) if g["inherited"] == inherited]
    roles = [role for g in rows if (role := call.state.get("identity.roles", g["role"]))]
    return listing(call, "roles", [linked("/v3/roles")(call, role) for role in roles])


# the list of all assignments


def list_assignments(call: Call) -> Obj:
    """GET /v3/role_assignments with Keystone's filters, `effective` and `include_names`."""
    need(call, "list_role_assignments")
    effective = _asked(call, "effective")
    rows = [
        row for grant in call.state.all(assignments.GRANTS) for row in (_expand(call, grant) if effective else [grant])
    ]
    unique = {(r["actor"], r["target"], r["role"], r["inherited"]): r for r in rows}
    wanted = [row for row in unique.values() if _passes(call, row)]
    return listing(call, "role_assignments", [_view(call, row) for row in wanted])


def _asked(call: Call, name: str) -> bool:
    return name in call.query and call.arg(name).lower() not in ("0", "false")


def _expand(call: Call, grant: Obj) -> list[Obj]:
    """What a grant comes to: members instead of the group, implied roles, projects that inherit."""
    state = call.state
    actors = [grant["actor"]]
    if grant["group"]:
        actors = [m["user"] for m in state.find(assignments.MEMBERSHIPS, group=grant["actor"])]
    targets = [grant["target"]]
    if grant["inherited"]:
        targets = [
            p["id"] for p in state.all("identity.projects") if grant["target"] in assignments.above(state, p["id"])
        ]
    roles = assignments.with_implied(state, [grant["role"]])
    return [
        {"actor": actor, "target": target, "role": role, "inherited": False, "group": False}
        for actor in actors
        for target in targets
        for role in roles
    ]


def _passes(call: Call, row: Obj) -> bool:
    wanted = {
        "user.id": None if row["group"] else row["actor"],
        "group.id": row["actor"] if row["group"] else None,
        "role.id": row["role"],
        "scope.project.id": row["target"] if call.state.get("identity.projects", row["target"]) else None,
        "scope.domain.id": row["target"] if call.state.get("identity.domains", row["target"]) else None,
    }
    for name, actual in wanted.items():
        if name in call.query and actual not in call.query[name]:
            return False
    if "scope.system" in call.query and row["target"] != assignments.SYSTEM:
        return False
    inherited_only = "scope.OS-INHERIT:inherited_to" in call.query
    return not inherited_only or bool(row["inherited"])


def _view(call: Call, row: Obj) -> Obj:
    kind = "group" if row["group"] else "user"
    project = call.state.get("identity.projects", row["target"])
    if project:
        scope: Obj = {"project": _shown(call, project)}
        place = f"projects/{row['target']}"
    elif row["target"] == assignments.SYSTEM:
        scope, place = {"system": {"all": True}}, "system"
    else:
        domain = call.state.get("identity.domains", row["target"]) or {"id": row["target"], "name": None}
        scope, place = {"domain": _shown(call, domain)}, f"domains/{row['target']}"
    if row["inherited"]:
        scope["OS-INHERIT:inherited_to"] = "projects"
        place = f"OS-INHERIT/{place}"
    path = f"/v3/{place}/{kind}s/{row['actor']}/roles/{row['role']}"
    path += "/inherited_to_projects" if row["inherited"] else ""
    actor = call.state.get(f"identity.{kind}s", row["actor"]) or {"id": row["actor"], "name": None}
    role = call.state.get("identity.roles", row["role"]) or {"id": row["role"], "name": None}
    return {
        "links": {"assignment": self_link(call, path)},
        "scope": scope,
        kind: _shown(call, actor),
        "role": _shown(call, role),
    }


def _shown(call: Call, obj: Obj) -> Obj:
    if not _asked(call, "include_names"):
        return {"id": obj["id"]}
    seen = {"id": obj["id"], "name": obj["name"]}
    if obj.get("domain_id"):
        domain = call.state.get("identity.domains", obj["domain_id"]) or {"name": None}
        seen["domain"] = {"id": obj["domain_id"], "name": domain["name"]}
    return seen


# implied roles


def implied(call: Call) -> Obj:
    """GET /v3/roles/{id}/implies."""
    need(call, "list_implied_roles")
    prior = known(call, "identity.roles", call.params["id"])
    return _inference(call, prior)


def _inference(call: Call, prior: Obj) -> Obj:
    rules = call.state.find("identity.implications", prior=prior["id"])
    roles = [call.state.get("identity.roles", r["implied"]) or {} for r in rules]
    named = [
        {"id": r["id"], "name": r["name"], "links": {"self": self_link(call, f"/v3/roles/{r['id']}")}} for r in roles
    ]
    own = {"id": prior["id"], "name": prior["name"], "links": {"self": self_link(call, f"/v3/roles/{prior['id']}")}}
    return {"role_inference": {"prior_role": own, "implies": named}, "links": {"self": self_link(call, call.path)}}


def imply(call: Call) -> Answer:
    """PUT /v3/roles/{id}/implies/{implied_id}."""
    need(call, "create_implied_role")
    prior, also = (
        known(call, "identity.roles", call.params["id"]),
        known(call, "identity.roles", call.params["implied_id"]),
    )
    rule = {"id": f"{prior['id']}/{also['id']}", "prior": prior["id"], "implied": also["id"]}
    call.state.put("identity.implications", rule)
    return Answer(201, _inference(call, prior))


def imply_no_more(call: Call) -> Answer:
    """DELETE the same."""
    need(call, "delete_implied_role")
    key = f"{call.params['id']}/{call.params['implied_id']}"
    if call.state.remove("identity.implications", key) is None:
        raise Refusal(404, f"Could not find implied role: {key}.")
    return Answer(204)


def inferences(call: Call) -> Obj:
    """GET /v3/role_inferences."""
    need(call, "list_role_inference_rules")
    priors = dict.fromkeys(rule["prior"] for rule in call.state.all("identity.implications"))
    known_roles = [role for role_id in priors if (role := call.state.get("identity.roles", role_id))]
    found = [_inference(call, role)["role_inference"] for role in known_roles]
    return {"role_inferences": found, "links": {"self": self_link(call, call.path)}}


def _routes() -> tuple[Route, ...]:
    one: tuple[tuple[str, Handler], ...] = (("PUT", give), ("GET", check), ("DELETE", take))
    made = []
    for actor in ("users/{user_id}", "groups/{group_id}"):
        for place in ("projects/{project_id}", "domains/{domain_id}", "system"):
            made.append(Route("GET", f"/v3/{place}/{actor}/roles", list_here))
            made += [Route(verb, f"/v3/{place}/{actor}/roles/{{role_id}}", do, body="none") for verb, do in one]
            if place != "system":
                path = f"/v3/OS-INHERIT/{place}/{actor}/roles"
                tail = "/inherited_to_projects"
                made.append(Route("GET", path + tail, list_here))
                made += [Route(verb, f"{path}/{{role_id}}{tail}", do, body="none") for verb, do in one]
    return tuple(made)


ROUTES = (
    *_routes(),
    Route("GET", "/v3/role_assignments", list_assignments),
    Route("GET", "/v3/role_inferences", inferences),
    Route("GET", "/v3/roles/{id}/implies", implied),
    Route("PUT", "/v3/roles/{id}/implies/{implied_id}", imply, body="none"),
    Route("DELETE", "/v3/roles/{id}/implies/{implied_id}", imply_no_more),
)
