"""Users and projects of stacks, in a domain of their own: for signals and for servers that talk to us.

Called by types that need such a user. The trap: they belong to the stack domain's administrator; a user's token or
trust cannot make them.
"""

from __future__ import annotations

from kamado.cloud.session import CloudFactory


def make_project(factory: CloudFactory, name: str, description: str = "") -> str:
    """A project in the stack domain; its id. Raises CloudError."""
    cloud = factory.stack_domain_admin()
    body = {"name": name, "domain_id": factory.stack_domain_id(), "description": description}
    return str(cloud.service("identity").post("/v3/projects", json={"project": body})["project"]["id"])


def remove_project(factory: CloudFactory, project_id: str) -> None:
    """Removes it; one that is gone is fine."""
    factory.stack_domain_admin().service("identity").delete(f"/v3/projects/{project_id}", ok=(404,))


def make_user(factory: CloudFactory, name: str, password: str, project_id: str) -> str:
    """A user in the stack domain with the configured role in a project; its id. Raises CloudError."""
    role = factory.settings.stack_user_role
    identity = factory.stack_domain_admin().service("identity")
    body = {
        "name": name,
        "password": password,
        "domain_id": factory.stack_domain_id(),
        "default_project_id": project_id,
    }
    user = str(identity.post("/v3/users", json={"user": body})["user"]["id"])
    found = identity.list("/v3/roles", "roles", {"name": role})
    identity.put(f"/v3/projects/{project_id}/users/{user}/roles/{found[0]['id'] if found else role}")
    return user


def set_enabled(factory: CloudFactory, user_id: str, enabled: bool) -> None:
    """Locks a user out, or lets it in again."""
    factory.stack_domain_admin().service("identity").patch(f"/v3/users/{user_id}", json={"user": {"enabled": enabled}})


def remove_user(factory: CloudFactory, user_id: str) -> None:
    """Removes it; one that is gone is fine."""
    factory.stack_domain_admin().service("identity").delete(f"/v3/users/{user_id}", ok=(404,))
