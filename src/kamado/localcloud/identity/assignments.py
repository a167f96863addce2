"""Who has which role where: direct, through a group, implied by another role, inherited from a domain.

Called by tokens (what a scope gives), trusts and the role requests. A grant is one object of `identity.grants` with
`actor` (user or group id), `target` (project id, domain id, or `system`), `role` and `inherited`; its id joins all of them, so
that giving it twice is one grant. The trap: an inherited grant on a domain or a project counts for what is below it, not
for the place itself.
"""

from kamado.localcloud.state import Obj, State

GRANTS = "identity.grants"
MEMBERSHIPS = "identity.memberships"
SYSTEM = "system"


def grant_id(actor: str, target: str, role: str, inherited: bool) -> str:
    """The one id that such a grant has."""
    return f"{actor}/{target}/{role}/{'i' if inherited else 'd'}"


def grant(state: State, actor: str, target: str, role: str, *, inherited: bool = False, group: bool = False) -> Obj:
    """Give a role; giving it again changes nothing."""
    key = grant_id(actor, target, role, inherited)
    found = state.get(GRANTS, key)
    if found:
        return found
    obj = {"id": key, "actor": actor, "target": target, "role": role, "inherited": inherited, "group": group}
    return state.put(GRANTS, obj)


def revoke(state: State, actor: str, target: str, role: str, *, inherited: bool = False) -> bool:
    """Take a role back; False when it was not given."""
    return state.remove(GRANTS, grant_id(actor, target, role, inherited)) is not None


def forget(state: State, **equal: str) -> None:
    """Drop all grants of an actor, on a target or of a role that goes away."""
    for found in state.find(GRANTS, **equal):
        state.remove(GRANTS, found["id"])


def groups_of(state: State, user_id: str) -> list[str]:
    """The ids of the groups that a user is in."""
    return [m["group"] for m in state.find(MEMBERSHIPS, user=user_id)]


def actors_of(state: State, user_id: str) -> list[str]:
    """The user and his groups: everyone whose grants count for him."""
    return [user_id, *groups_of(state, user_id)]


def above(state: State, project_id: str) -> list[str]:
    """The projects above a project, nearest first, then its domain: where inherited grants may sit."""
    places, project = [], state.get("identity.projects", project_id)
    while project is not None:
        parent = project.get("parent_id")
        if not parent or parent in places:
            break
        places.append(parent)
        if parent == project["domain_id"]:
            return places
        project = state.get("identity.projects", parent)
    if project is not None and project["domain_id"] not in places:
        places.append(project["domain_id"])
    return places


def direct_roles(state: State, user_id: str, target: str) -> list[str]:
    """Role ids that a user has on a project, a domain or the system, without implied ones; no repetitions."""
    found: dict[str, None] = {}
    inherited_from = above(state, target) if state.get("identity.projects", target) else []
    for actor in actors_of(state, user_id):
        for given in state.find(GRANTS, actor=actor):
            here = given["target"] == target and not given["inherited"]
            if here or (given["inherited"] and given["target"] in inherited_from):
                found[given["role"]] = None
    return list(found)


def with_implied(state: State, role_ids: list[str]) -> list[str]:
    """The roles and those that they imply, transitively, in the order found."""
    found = dict.fromkeys(role_ids)
    queue = list(role_ids)
    while queue:
        for rule in state.find("identity.implications", prior=queue.pop(0)):
            if rule["implied"] not in found:
                found[rule["implied"]] = None
                queue.append(rule["implied"])
    return list(found)


def roles_on(state: State, user_id: str, target: str) -> list[str]:
    """All role ids that count for a user in a scope."""
    return with_implied(state, direct_roles(state, user_id, target))


def role_names(state: State, role_ids: list[str]) -> list[str]:
    """Names of roles that still exist."""
    roles = (state.get("identity.roles", role_id) for role_id in role_ids)
    return [role["name"] for role in roles if role]
