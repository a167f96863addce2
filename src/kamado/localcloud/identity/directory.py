"""Domains, projects, users, groups and their members, roles.

Called through `identity.SERVICE`. The trap: deleting one takes along much that refers to it (grants, trusts, credentials);
`_forget_*` below say what, and tokens need no list because `tokens.judge` looks at what is there.
"""

from typing import Any

from kamado.localcloud.collection import (
    Collection,
    Field,
    anything,
    list_of,
    map_of,
    new_hex,
    nullable,
    text,
)  # fmt: skip
from kamado.localcloud.crud import find
from kamado.localcloud.identity import assignments, passwords
from kamado.localcloud.identity.wire import (
    duplicate,
    is_self,
    known,
    lenient_boolean,
    linked,
    listing,
    need,
    own_domain,
    policy,
    required,
)  # fmt: skip
from kamado.localcloud.service import Answer, Call, Refusal, Route
from kamado.localcloud.state import Obj, State

_name = text(255, 1)
_options = Field("options", map_of(anything), default=dict)


def _unique(call: Call, table: str, kind: str, values: Obj, old: Obj | None = None) -> None:
    """409 when another object of the same domain has the name."""
    merged = {**(old or {}), **values}
    for other in call.state.find(table, name=merged["name"]):
        if other.get("domain_id") == merged.get("domain_id") and other["id"] != merged.get("id"):
            if kind == "project":
                text = (
                    "Conflict occurred attempting to store project - it is not permitted to have two projects with "
                    "either the same name or same id in the same domain: name is "
                    f"{merged['name']}, project id {other['id']}."
                )
                raise Refusal(409, text)
            raise duplicate(kind, merged["name"], merged.get("domain_id"))


def _same_domain(call: Call, old: Obj, changes: Obj) -> None:
    if changes.get("domain_id", old["domain_id"]) != old["domain_id"]:
        raise Refusal(400, "Cannot change Domain ID")


# domains


def _new_domain(call: Call, values: Obj) -> None:
    if call.state.find("identity.domains", name=values["name"]):
        raise Refusal(
            409,
            "Conflict occurred attempting to store project - it is not permitted to have two projects acting as domains "
            f"with the same name: {values['name']}.",
        )


def _only_disabled(call: Call, domain: Obj) -> None:
    if domain["enabled"]:
        raise Refusal(403, "Cannot delete a domain that is enabled, please disable it first.")


def _empty_domain(call: Call, domain: Obj) -> None:
    state = call.state
    for user in state.find("identity.users", domain_id=domain["id"]):
        state.remove("identity.users", user["id"])
        forget_user(call, user)
    for group in state.find("identity.groups", domain_id=domain["id"]):
        state.remove("identity.groups", group["id"])
        _forget_group(call, group)
    for project in state.find("identity.projects", domain_id=domain["id"]):
        state.remove("identity.projects", project["id"])
        _forget_project(call, project)
    for role in state.find("identity.roles", domain_id=domain["id"]):
        state.remove("identity.roles", role["id"])
        _forget_role(call, role)
    assignments.forget(state, target=domain["id"])


DOMAINS = Collection(
    service="identity",
    plural="domains",
    singular="domain",
    path="/v3/domains",
    owner="",
    open=True,
    fields=(
        Field("name", text(64, 1), required=True),
        Field("description", nullable(text()), default=""),
        Field("enabled", lenient_boolean, default=True),
        Field("tags", list_of(text(255, 1)), default=tuple),
        _options,
    ),
    policy=policy("domain", "domains"),
    allow=lambda call, action: action == "show" and own_domain(call) == call.params["id"],
    update_method="PATCH",
    created="",
    updated="",
    new_id=new_hex,
    before_create=_new_domain,
    before_delete=_only_disabled,
    after_delete=_empty_domain,
    view=linked("/v3/domains"),
)

# projects


def _new_project(call: Call, values: Obj) -> None:
    state = call.state
    if values["is_domain"]:
        raise Refusal(403, "The creation of projects acting as domains is not allowed here; create a domain instead.")
    parent = values["parent_id"]
    above = state.get("identity.projects", parent) if parent else None
    if parent and above is None and state.get("identity.domains", parent) is None:
        raise Refusal(404, f"Could not find project: {parent}.")
    values["domain_id"] = values["domain_id"] or (above["domain_id"] if above else parent or own_domain(call))
    if above and above["domain_id"] != values["domain_id"]:
        raise Refusal(400, f"Cannot create project, since it specifies its domain_id {values['domain_id']}, but "
                           f"specifies a parent in a different domain ({above['domain_id']}).")  # fmt: skip
    values["parent_id"] = parent or values["domain_id"]
    _unique(call, "identity.projects", "project", values)


def _changed_project(call: Call, project: Obj, changes: Obj) -> None:
    _same_domain(call, project, changes)
    if changes.get("parent_id", project["parent_id"]) != project["parent_id"]:
        raise Refusal(
            403, "You are not authorized to perform the requested action: Update of `parent_id` is not allowed."
        )
    _unique(call, "identity.projects", "project", changes, project)


def _only_leaf(call: Call, project: Obj) -> None:
    if call.state.find("identity.projects", parent_id=project["id"]):
        text = f"Cannot delete the project {project['id']} since it is not a leaf in the hierarchy."
        raise Refusal(403, f"You are not authorized to perform the requested action: {text}")


def _forget_project(call: Call, project: Obj) -> None:
    state = call.state
    assignments.forget(state, target=project["id"])
    for table in ("trusts", "credentials", "application_credentials"):
        for obj in state.find(f"identity.{table}", project_id=project["id"]):
            state.remove(f"identity.{table}", obj["id"])
    for user in state.find("identity.users", default_project_id=project["id"]):
        state.change("identity.users", user["id"], default_project_id=None)


def _sees_project(call: Call, action: str) -> bool:
    who = call.who
    if action == "list":
        return bool(who.domain_id) and "reader" in who.roles
    own = bool(who.project_id) and call.params.get("id") == who.project_id
    return action == "show" and own and "reader" in who.roles


PROJECTS = Collection(
    service="identity",
    plural="projects",
    singular="project",
    path="/v3/projects",
    owner="",
    open=True,
    fields=(
        Field("name", text(64, 1), required=True),
        Field("domain_id", nullable(text()), refers="identity.domains"),
        Field("description", nullable(text()), default=""),
        Field("enabled", lenient_boolean, default=True),
        Field("parent_id", nullable(text())),
        Field("is_domain", lenient_boolean, default=False, update=False),
        Field("tags", list_of(text(255, 1), unique=True), default=tuple),
        _options,
    ),
    policy=policy("project", "projects"),
    allow=_sees_project,
    update_method="PATCH",
    created="",
    updated="",
    new_id=new_hex,
    before_create=_new_project,
    before_update=_changed_project,
    before_delete=_only_leaf,
    after_delete=_forget_project,
    view=linked("/v3/projects"),
)

# users


def _new_user(call: Call, values: Obj) -> None:
    values["domain_id"] = values["domain_id"] or own_domain(call)
    _unique(call, "identity.users", "user", values)
    values["_epoch"] = 0
    if values["password"] is not None:
        values["password"] = passwords.digest(values["password"])


def _changed_user(call: Call, user: Obj, changes: Obj) -> None:
    _same_domain(call, user, changes)
    _unique(call, "identity.users", "user", changes, user)
    if changes.get("password") is not None:
        changes["password"] = passwords.digest(changes["password"])
    if "password" in changes or changes.get("enabled") is False:
        changes["_epoch"] = user.get("_epoch", 0) + 1  # ends the tokens he has


def forget_user(call: Call, user: Obj) -> None:
    """Drop all that hangs on a user who is gone."""
    state, user_id = call.state, user["id"]
    assignments.forget(state, actor=user_id)
    for member in state.find(assignments.MEMBERSHIPS, user=user_id):
        state.remove(assignments.MEMBERSHIPS, member["id"])
    doomed = (
        ("credentials", "user_id"),
        ("application_credentials", "_user_id"),
        ("trusts", "trustor_user_id"),
        ("trusts", "trustee_user_id"),
    )
    for table, field in doomed:
        for obj in state.find(f"identity.{table}", **{field: user_id}):
            state.remove(f"identity.{table}", obj["id"])


def _user_view(call: Call, user: Obj) -> Obj:
    seen = linked("/v3/users")(call, user)
    if seen["default_project_id"] is None:
        del seen["default_project_id"]
    links = seen.pop("links")
    return {**seen, "password_expires_at": None, "links": links}


def _sees_user(call: Call, action: str) -> bool:
    if action == "list":
        return bool(call.who.domain_id) and "reader" in call.who.roles
    return action == "show" and is_self(call, call.params["id"])


USERS = Collection(
    service="identity",
    plural="users",
    singular="user",
    path="/v3/users",
    owner="",
    open=True,
    fields=(
        Field("name", _name, required=True),
        Field("domain_id", nullable(text()), refers="identity.domains"),
        Field("enabled", lenient_boolean, default=True),
        Field("default_project_id", nullable(text())),
        Field("password", nullable(text()), hidden=True),
        _options,
    ),
    policy=policy("user", "users"),
    allow=_sees_user,
    update_method="PATCH",
    created="",
    updated="",
    new_id=new_hex,
    before_create=_new_user,
    before_update=_changed_user,
    after_delete=forget_user,
    view=_user_view,
)


def change_password(call: Call) -> Answer:
    """POST /v3/users/{id}/password: needs the old password, no token; ends the tokens that the user has."""
    body = call.json.get("user") if isinstance(call.json, dict) else None
    if not isinstance(body, dict):
        raise call.service.dialect.no_envelope("user", call.json)
    required(call, "user", body, "original_password", "password")
    user = call.state.get("identity.users", call.params["id"])
    if (
        user is None
        or not user["enabled"]
        or not passwords.verify(str(body["original_password"]), user["password"] or "")
    ):
        raise call.service.dialect.unauthorized(call.cloud.urls["identity"])
    epoch = user.get("_epoch", 0) + 1
    call.state.change("identity.users", user["id"], password=passwords.digest(str(body["password"])), _epoch=epoch)
    return Answer(204)


def projects_of(state: State, user_id: str) -> list[Obj]:
    """The enabled projects on which a user has a role, inherited ones too."""
    return [
        p for p in state.all("identity.projects") if p["enabled"] and assignments.direct_roles(state, user_id, p["id"])
    ]


def user_projects(call: Call) -> Obj:
    """GET /v3/users/{user_id}/projects."""
    user_id = call.params["user_id"]
    need(call, "list_user_projects", also=is_self(call, user_id))
    known(call, "identity.users", user_id)
    return listing(call, "projects", [linked("/v3/projects")(call, p) for p in projects_of(call.state, user_id)])


# groups


def _new_group(call: Call, values: Obj) -> None:
    values["domain_id"] = values["domain_id"] or own_domain(call)
    _unique(call, "identity.groups", "group", values)


def _changed_group(call: Call, group: Obj, changes: Obj) -> None:
    _same_domain(call, group, changes)
    _unique(call, "identity.groups", "group", changes, group)


def _forget_group(call: Call, group: Obj) -> None:
    assignments.forget(call.state, actor=group["id"])
    for member in call.state.find(assignments.MEMBERSHIPS, group=group["id"]):
        call.state.remove(assignments.MEMBERSHIPS, member["id"])


GROUPS = Collection(
    service="identity",
    plural="groups",
    singular="group",
    path="/v3/groups",
    owner="",
    open=True,
    fields=(
        Field("name", text(64, 1), required=True),
        Field("domain_id", nullable(text()), refers="identity.domains"),
        Field("description", nullable(text()), default=""),
    ),
    policy=policy("group", "groups"),
    update_method="PATCH",
    created="",
    updated="",
    new_id=new_hex,
    before_create=_new_group,
    before_update=_changed_group,
    after_delete=_forget_group,
    view=linked("/v3/groups"),
)


def _membership(call: Call) -> tuple[str, str, str]:
    group_id, user_id = call.params["group_id"], call.params["user_id"]
    known(call, "identity.groups", group_id)
    known(call, "identity.users", user_id)
    return f"{group_id}/{user_id}", group_id, user_id


def add_member(call: Call) -> Answer:
    """PUT /v3/groups/{group_id}/users/{user_id}."""
    need(call, "add_user_to_group")
    key, group_id, user_id = _membership(call)
    call.state.put(assignments.MEMBERSHIPS, {"id": key, "group": group_id, "user": user_id})
    return Answer(204)


def _must_be_member(call: Call) -> str:
    key, group_id, user_id = _membership(call)
    if call.state.get(assignments.MEMBERSHIPS, key) is None:
        raise Refusal(404, f"User '{user_id}' not found in group '{group_id}'.")
    return key


def check_member(call: Call) -> Answer:
    """GET or HEAD the same: 204 or 404."""
    need(call, "check_user_in_group", also=is_self(call, call.params["user_id"]))
    _must_be_member(call)
    return Answer(204)


def remove_member(call: Call) -> Answer:
    """DELETE the same."""
    need(call, "remove_user_from_group")
    call.state.remove(assignments.MEMBERSHIPS, _must_be_member(call))
    return Answer(204)


def members(call: Call) -> Obj:
    """GET /v3/groups/{group_id}/users."""
    need(call, "list_users_in_group")
    group_id = call.params["group_id"]
    known(call, "identity.groups", group_id)
    rows = call.state.find(assignments.MEMBERSHIPS, group=group_id)
    users = [u for row in rows if (u := call.state.get("identity.users", row["user"]))]
    return listing(call, "users", [_user_view(call, user) for user in users])


def user_groups(call: Call) -> Obj:
    """GET /v3/users/{user_id}/groups."""
    user_id = call.params["user_id"]
    need(call, "list_groups_for_user", also=is_self(call, user_id))
    known(call, "identity.users", user_id)
    groups = [g for i in assignments.groups_of(call.state, user_id) if (g := call.state.get("identity.groups", i))]
    return listing(call, "groups", [linked("/v3/groups")(call, group) for group in groups])


# roles


def _new_role(call: Call, values: Obj) -> None:
    _unique(call, "identity.roles", "role", values)


def _mutable(call: Call, role: Obj) -> None:
    if role["options"].get("immutable"):
        raise Refusal(403, f"Cannot modify/delete immutable role {role['id']}.")


def _changed_role(call: Call, role: Obj, changes: Obj) -> None:
    if set(changes) != {"options"}:
        _mutable(call, role)
    _unique(call, "identity.roles", "role", changes, role)


def _forget_role(call: Call, role: Obj) -> None:
    assignments.forget(call.state, role=role["id"])
    for side in ("prior", "implied"):
        for rule in call.state.find("identity.implications", **{side: role["id"]}):
            call.state.remove("identity.implications", rule["id"])


def _only_global(call: Call, role: Obj, wanted: str) -> bool:
    return bool(role["domain_id"] == wanted)


ROLES = Collection(
    service="identity",
    plural="roles",
    singular="role",
    path="/v3/roles",
    owner="",
    open=True,
    fields=(
        Field("name", _name, required=True),
        Field("domain_id", nullable(text()), update=False, refers="identity.domains"),
        Field("description", nullable(text())),
        _options,
    ),
    policy=policy("role", "roles"),
    update_method="PATCH",
    created="",
    updated="",
    new_id=new_hex,
    filters={"domain_id": _only_global},
    before_create=_new_role,
    before_update=_changed_role,
    before_delete=_mutable,
    after_delete=_forget_role,
    view=linked("/v3/roles"),
)

# tags of projects


def _tagged(call: Call, action: str) -> Obj:
    need(call, action, also=action.startswith(("list", "get")) and call.who.project_id == call.params["id"])
    return find(call, PROJECTS, call.params["id"])


def list_tags(call: Call) -> Obj:
    """GET /v3/projects/{id}/tags."""
    project = _tagged(call, "list_project_tags")
    return {"tags": project["tags"], "links": {"next": None, "previous": None, "self": call.url}}


def set_tags(call: Call) -> Obj:
    """PUT (all of them) or DELETE (none)."""
    project = _tagged(call, "update_project_tags")
    given: Any = call.json.get("tags") if isinstance(call.json, dict) else None
    try:
        tags = list_of(text(255, 1), unique=True)(given)
    except ValueError as error:
        raise call.service.dialect.wrong("tags", given, str(error)) from None
    call.state.change("identity.projects", project["id"], tags=tags)
    return {"tags": tags, "links": {"next": None, "previous": None, "self": call.url}}


def clear_tags(call: Call) -> Answer:
    """DELETE /v3/projects/{id}/tags."""
    project = _tagged(call, "delete_project_tags")
    call.state.change("identity.projects", project["id"], tags=[])
    return Answer(204)


def add_tag(call: Call) -> Answer:
    """PUT /v3/projects/{id}/tags/{tag}."""
    project = _tagged(call, "create_project_tag")
    tag = call.params["tag"]
    if tag not in project["tags"]:
        call.state.change("identity.projects", project["id"], tags=[*project["tags"], tag])
    return Answer(201, None, {"Location": call.url})


def check_tag(call: Call) -> Answer:
    """GET or HEAD the same: 204 or 404."""
    project = _tagged(call, "get_project_tag")
    if call.params["tag"] not in project["tags"]:
        raise Refusal(404, f"Could not find project tag: {call.params['tag']}.")
    return Answer(204)


def remove_tag(call: Call) -> Answer:
    """DELETE the same."""
    check_tag(call)
    project = _tagged(call, "delete_project_tag")
    left = [tag for tag in project["tags"] if tag != call.params["tag"]]
    call.state.change("identity.projects", project["id"], tags=left)
    return Answer(204)


COLLECTIONS = (DOMAINS, PROJECTS, USERS, GROUPS, ROLES)
_MEMBER = "/v3/groups/{group_id}/users/{user_id}"
_TAGS = "/v3/projects/{id}/tags"
ROUTES = (
    Route("POST", "/v3/users/{id}/password", change_password, public=True),
    Route("GET", "/v3/users/{user_id}/projects", user_projects),
    Route("GET", "/v3/users/{user_id}/groups", user_groups),
    Route("GET", "/v3/groups/{group_id}/users", members),
    Route("PUT", _MEMBER, add_member),
    Route("GET", _MEMBER, check_member),
    Route("DELETE", _MEMBER, remove_member),
    Route("GET", _TAGS, list_tags),
    Route("PUT", _TAGS, set_tags),
    Route("DELETE", _TAGS, clear_tags),
    Route("PUT", _TAGS + "/{tag}", add_tag, body="none"),
    Route("GET", _TAGS + "/{tag}", check_tag),
    Route("DELETE", _TAGS + "/{tag}", remove_tag),
)
