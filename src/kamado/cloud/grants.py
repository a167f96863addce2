"""The right to act for a user after the request is over: made, used, checked and given back, by each method there is.

Called by `assemble` for orchestrator and engine. `METHODS` names the methods by Heat's option ``deferred_auth_method``. The trap: such a
right dies with its user, with a role, or when somebody revokes it; `holds` asks Keystone, `died` words it for people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from kamado.cloud import trusts
from kamado.cloud.failures import CloudError
from kamado.cloud.session import CloudFactory
from kamado.model.records import CredentialRecord


class Grantor(trusts.Trustor, Protocol):
    """What of a request's context is needed besides."""

    @property
    def password(self) -> str:
        """The user's own password, where the request carries it."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What Keystone gave: see `CredentialRecord`."""

    method: str
    trust_id: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)


def _trust(factory: CloudFactory, context: Grantor, name: str) -> Grant:  # noqa: ARG001  # trusts have no names
    return Grant("trusts", trusts.make(factory, context))


def _application_credential(factory: CloudFactory, context: Grantor, name: str) -> Grant:
    wanted = {
        "name": name,
        "description": "Kamado acts for the user in this project",
        "roles": [{"name": role} for role in trusts.delegated(factory, context)],
        "unrestricted": True,  # else it could not remove itself
    }
    identity = factory.for_token(context).service("identity")
    path = f"/v3/users/{context.user_id}/application_credentials"
    made = identity.post(path, json={"application_credential": wanted})["application_credential"]
    return Grant("application_credential", made["id"], made["secret"])


def _password(factory: CloudFactory, context: Grantor, name: str) -> Grant:  # noqa: ARG001  # nothing is asked of Keystone
    return Grant("password", secret=context.password)


METHODS: Mapping[str, Callable[[CloudFactory, Grantor, str], Grant]] = {
    "trusts": _trust,
    "application_credential": _application_credential,
    "password": _password,
}


def make(factory: CloudFactory, context: Grantor, name: str) -> Grant:
    """Let the service act for the request's user, by the configured method. ``name`` is unique. Raises CloudError."""
    return METHODS[factory.settings.deferred_auth_method](factory, context, name)


def holds(factory: CloudFactory, record: CredentialRecord) -> bool:
    """Whether Keystone still accepts it: one cheap call. What keeps Keystone from answering is no answer: then it holds."""
    try:
        factory.for_credential(record).service("identity").get("/v3/auth/catalog")
    except CloudError as error:
        return error.status not in (401, 403, 404)
    return True


def remove(factory: CloudFactory, record: CredentialRecord) -> None:
    """Gives it back; one that is gone already is fine. Raises CloudError."""
    if record.method == "trusts":
        trusts.remove(factory, record)
    elif record.method == "application_credential":
        try:
            cloud = factory.for_credential(record)
            path = f"/v3/users/{cloud.user_id}/application_credentials/{record.trust_id}"
            cloud.service("identity").delete(path, ok=(404,))
        except CloudError as error:
            if error.status not in (401, 403, 404):
                raise
        finally:
            factory.forget_credential(record)
