"""Who lives in a new cloud: domains, projects, roles and users, the same as on the real one that Kamado is tested against.

`seed_identity` is called through `identity.SERVICE`, once, when a cloud starts without kept state. Later seeds find their way with
`project_id(cloud, "demo")`, `user_id` and `acting_as` (also importable from `localcloud.seed`). The trap: passwords are public
(demo/demo …), which is fine on loopback and nowhere else.
"""

from typing import TYPE_CHECKING

from kamado.localcloud.collection import new_hex
from kamado.localcloud.identity import assignments, passwords
from kamado.localcloud.service import Identity
from kamado.localcloud.state import State

if TYPE_CHECKING:
    from kamado.localcloud.server import LocalCloud

SERVICE_PASSWORD = "secret"
FIXED_ROLES = ("admin", "manager", "member", "reader", "service")
ROLES = (*FIXED_ROLES, "heat_stack_owner", "heat_stack_user", "creator", "load-balancer_member")
IMPLIED = (("admin", "manager"), ("manager", "member"), ("member", "reader"))
PROJECTS = {
    "admin": "Bootstrap project for initializing the cloud.",
    "service": "",
    "demo": "",
    "alt_demo": "",
}
USER_ROLES = ("member", "reader", "heat_stack_owner", "creator", "load-balancer_member")
# user: (password, default project, {project: roles})
USERS: dict[str, tuple[str, str | None, dict[str, tuple[str, ...]]]] = {
    "admin": (
        "admin",
        None,
        {"admin": ("admin", "heat_stack_owner", "creator"), "demo": ("admin", "heat_stack_owner")},
    ),
    "demo": ("demo", "demo", {"demo": USER_ROLES}),
    "alt_demo": ("alt_demo", "alt_demo", {"alt_demo": USER_ROLES}),
    **{
        name: (SERVICE_PASSWORD, None, {"service": ("admin", "service")})
        for name in ("heat", "nova", "neutron", "glance", "cinder")
    },
}
STACK_DOMAIN, STACK_DOMAIN_ADMIN = "heat", "heat_domain_admin"


def seed_identity(cloud: "LocalCloud") -> None:
    """Domains, roles, projects, users and who has which role where."""
    state = cloud.state
    _domain(state, "default", "Default", "The default domain")
    stack_domain = _domain(state, new_hex(), STACK_DOMAIN, "")
    roles = {name: _role(state, name) for name in ROLES}
    for prior, implied in IMPLIED:
        rule = {"id": f"{roles[prior]}/{roles[implied]}", "prior": roles[prior], "implied": roles[implied]}
        state.put("identity.implications", rule)
    projects = {name: _project(state, name, description) for name, description in PROJECTS.items()}
    for name, (password, default, grants) in USERS.items():
        user = _user(state, name, password, "default", projects[default] if default else None)
        for project, given in grants.items():
            for role in given:
                assignments.grant(state, user, projects[project], roles[role])
        if name == "admin":
            assignments.grant(state, user, assignments.SYSTEM, roles["admin"])
    keeper = _user(state, STACK_DOMAIN_ADMIN, SERVICE_PASSWORD, stack_domain, None)
    assignments.grant(state, keeper, stack_domain, roles["admin"])


def project_id(cloud: "LocalCloud", name: str) -> str:
    """The id of a seeded project."""
    found = cloud.state.first("identity.projects", name=name, domain_id="default")
    if found is None:
        raise KeyError(name)
    return str(found["id"])


def user_id(cloud: "LocalCloud", name: str) -> str:
    """The id of a seeded user of the default domain."""
    found = cloud.state.first("identity.users", name=name, domain_id="default")
    if found is None:
        raise KeyError(name)
    return str(found["id"])


def acting_as(cloud: "LocalCloud", user: str, project: str) -> Identity:
    """Whom `cloud.call(service, who)` should be made for, so that a seed goes the same road as a client."""
    who, where = user_id(cloud, user), project_id(cloud, project)
    roles = assignments.role_names(cloud.state, assignments.roles_on(cloud.state, who, where))
    return Identity(who, user, "default", where, project, roles=frozenset(roles))


def _domain(state: State, domain_id: str, name: str, description: str) -> str:
    domain = {"id": domain_id, "name": name, "description": description, "enabled": True, "tags": [], "options": {}}
    state.put("identity.domains", domain)
    return domain_id


def _role(state: State, name: str) -> str:
    options = {"immutable": True} if name in FIXED_ROLES else {}
    role = {"id": new_hex(), "name": name, "domain_id": None, "description": None, "options": options}
    return str(state.put("identity.roles", role)["id"])


def _project(state: State, name: str, description: str) -> str:
    project = {
        "id": new_hex(),
        "name": name,
        "domain_id": "default",
        "description": description,
        "enabled": True,
        "parent_id": "default",
        "is_domain": False,
        "tags": [],
        "options": {},
    }
    return str(state.put("identity.projects", project)["id"])


def _user(state: State, name: str, password: str, domain_id: str, default_project_id: str | None) -> str:
    user = {
        "id": new_hex(),
        "name": name,
        "domain_id": domain_id,
        "enabled": True,
        "default_project_id": default_project_id,
        "password": passwords.digest(password),
        "options": {},
        "_epoch": 0,
    }
    return str(state.put("identity.users", user)["id"])
