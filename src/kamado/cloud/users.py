"""Users and projects of stacks, in a domain of their own: for signals and for servers that talk to us.

Called by `kamado.plugin.signals` through `StackUsers`, which `kamado.assemble` makes for one stack. Names are chosen before anything is
asked of Keystone and are unique in the domain, so what was made by a call whose answer was lost is found by its name. The trap: they
belong to the stack domain's administrator; a user's token or trust cannot make them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from kamado.cloud.failures import CloudError, FailureKind
from kamado.cloud.rest import Service
from kamado.cloud.session import Cloud, CloudFactory


def make_project(factory: CloudFactory, name: str, description: str = "") -> str:
    """The project of that name in the stack domain, made unless it is there; its id. Raises CloudError."""
    identity = factory.stack_domain_admin().service("identity")
    body = {"name": name, "domain_id": factory.stack_domain_id(), "description": description}
    made = identity.post("/v3/projects", json={"project": body}, ok=(409,))
    return str(made["project"]["id"]) if made else str(_named(factory, "projects", name)["id"])


def remove_project(factory: CloudFactory, project_id: str) -> None:
    """Removes it; one that is gone is fine."""
    factory.stack_domain_admin().service("identity").delete(f"/v3/projects/{project_id}", ok=(404,))


def make_user(factory: CloudFactory, name: str, password: str, project_id: str) -> str:
    """The user of that name in the stack domain, with that password and the configured role in a project; its id. Raises CloudError."""
    identity = factory.stack_domain_admin().service("identity")
    body = {
        "name": name,
        "password": password,
        "domain_id": factory.stack_domain_id(),
        "default_project_id": project_id,
        # Rules for passwords that people choose and forget would lock a machine out.
        "options": {
            "ignore_change_password_upon_first_use": True,
            "ignore_password_expiry": True,
            "ignore_lockout_failure_attempts": True,
        },
    }
    made = identity.post("/v3/users", json={"user": body}, ok=(409,))
    user = str(made["user"]["id"]) if made else _adopted(factory, identity, name, password)
    identity.put(f"/v3/projects/{project_id}/users/{user}/roles/{_role(factory, identity)}")
    return user


def _adopted(factory: CloudFactory, identity: Service, name: str, password: str) -> str:
    user = str(_named(factory, "users", name)["id"])
    identity.patch(f"/v3/users/{user}", json={"user": {"password": password, "enabled": True}})
    return user


def _role(factory: CloudFactory, identity: Service) -> str:
    role = factory.settings.stack_user_role
    found = identity.list("/v3/roles", "roles", {"name": role})
    return str(found[0]["id"]) if found else role


def _named(factory: CloudFactory, kind: str, name: str) -> Any:
    """What has a name that is taken. Raises CloudError when it is gone by now."""
    identity = factory.stack_domain_admin().service("identity")
    found = identity.list(f"/v3/{kind}", kind, {"name": name, "domain_id": factory.stack_domain_id()})
    if not found:
        words = f"the name {name} was taken and is not to be found now"
        raise CloudError(FailureKind.UNAVAILABLE, words, service="identity", url=f"/v3/{kind}")
    return found[0]


def find_user(factory: CloudFactory, name: str) -> str | None:
    """The id of the user of that name in the stack domain, None when there is none."""
    identity = factory.stack_domain_admin().service("identity")
    found = identity.list("/v3/users", "users", {"name": name, "domain_id": factory.stack_domain_id()})
    return str(found[0]["id"]) if found else None


def set_enabled(factory: CloudFactory, user_id: str, enabled: bool) -> None:
    """Locks a user out, or lets it in again."""
    factory.stack_domain_admin().service("identity").patch(f"/v3/users/{user_id}", json={"user": {"enabled": enabled}})


def remove_user(factory: CloudFactory, user_id: str) -> None:
    """Removes it, and with it its EC2 keys; one that is gone is fine."""
    factory.stack_domain_admin().service("identity").delete(f"/v3/users/{user_id}", ok=(404,))


def make_keys(factory: CloudFactory, user_id: str, project_id: str, access: str, secret: str) -> None:
    """Lets a user sign requests in the way of EC2, with keys that the caller has chosen; done already is fine. Raises CloudError."""
    blob = json.dumps({"access": access, "secret": secret})
    body = {"type": "ec2", "user_id": user_id, "project_id": project_id, "blob": blob}
    factory.stack_domain_admin().service("identity").post("/v3/credentials", json={"credential": body}, ok=(409,))


def remove_keys(factory: CloudFactory, access: str) -> None:
    """Removes EC2 keys; what is gone is fine. Keystone knows them by the digest of the access key."""
    key = hashlib.sha256(access.encode()).hexdigest()
    factory.stack_domain_admin().service("identity").delete(f"/v3/credentials/{key}", ok=(404,))


class StackUsers:
    """The users of one stack. ``known`` gives the id of their project if there is one, ``remember`` keeps it, durable on return."""

    def __init__(
        self, factory: CloudFactory, name: str, known: Callable[[], str | None], remember: Callable[[str], None]
    ) -> None:
        self._factory = factory
        self._name = name
        self._known = known
        self._remember = remember

    @property
    def auth_url(self) -> str:
        """Keystone's address, version 3."""
        return self._factory.settings.auth_url.rstrip("/").removesuffix("/v3") + "/v3"

    @property
    def region(self) -> str:
        """The region whose endpoints are used."""
        return self._factory.settings.region

    @property
    def insecure(self) -> bool:
        """Whether certificates are not looked at."""
        return self._factory.settings.verify is False

    @property
    def waitcondition_url(self) -> str:
        """Where the CloudFormation API takes signals of wait conditions, as configured; empty for what the catalog says."""
        return self._factory.settings.waitcondition_url

    @property
    def domain_id(self) -> str:
        """The domain that they live in."""
        return self._factory.stack_domain_id()

    def project_id(self) -> str:
        """Their project, made when it is first asked for. Raises CloudError."""
        found = self._known()
        if found is None:
            found = make_project(self._factory, self._name, "Users that a stack has made")
            self._remember(found)
        return found

    def make(self, name: str, password: str) -> str:
        """A user in that project; its id. Raises CloudError."""
        return make_user(self._factory, name, password, self.project_id())

    def find(self, name: str) -> str | None:
        """The id of a user by its name."""
        return find_user(self._factory, name)

    def make_keys(self, user_id: str, access: str, secret: str) -> None:
        """EC2 keys for a user. Raises CloudError."""
        make_keys(self._factory, user_id, self.project_id(), access, secret)

    def remove_keys(self, access: str) -> None:
        """Removes EC2 keys."""
        remove_keys(self._factory, access)

    def set_enabled(self, user_id: str, enabled: bool) -> None:
        """Locks a user out, or lets it in again."""
        set_enabled(self._factory, user_id, enabled)

    def remove(self, user_id: str) -> None:
        """Removes a user with its keys."""
        remove_user(self._factory, user_id)

    def cloud(self, user_id: str, password: str) -> Cloud:
        """The cloud as a user sees it, in the project."""
        return self._factory.for_stack_user(user_id, password, self.project_id())

    def token(self, user_id: str, password: str) -> str:
        """A new token of a user, good in the project. Raises CloudError."""
        return self._factory.token_of(user_id, password, self.project_id())
