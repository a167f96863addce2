"""Trusts: a user lets Kamado's service user act in a project after the request is over.

Made by the orchestrator when an operation first needs one, removed with the last stack that uses it. The trap: a
trust is removed by the one who made it, so `remove` goes through the trust itself.
"""

from __future__ import annotations

from typing import Protocol

from kamado.cloud.failures import CloudError
from kamado.cloud.session import CloudFactory, RequestToken
from kamado.model.records import CredentialRecord


class Trustor(RequestToken, Protocol):
    """What of a request's context a trust is made from."""

    @property
    def roles(self) -> tuple[str, ...]:
        """Names of the roles of the token."""


def delegated(factory: CloudFactory, context: Trustor) -> tuple[str, ...]:
    """The roles that a trust hands on: those configured, or else all of the token's, sorted."""
    return factory.settings.delegated_roles or tuple(sorted(context.roles))


def make(factory: CloudFactory, context: Trustor) -> str:
    """Makes a trust from the request's user to the service user; its id. Raises CloudError."""
    trust = {
        "trustor_user_id": context.user_id,
        "trustee_user_id": factory.trustee_user_id(),
        "project_id": context.project_id,
        "impersonation": True,
        "allow_redelegation": True,
        "roles": [{"name": role} for role in delegated(factory, context)],
    }
    identity = factory.for_token(context).service("identity")
    return str(identity.post("/v3/OS-TRUST/trusts", json={"trust": trust})["trust"]["id"])


def remove(factory: CloudFactory, credential: CredentialRecord) -> None:
    """Removes a trust; one that is gone already, with its user or its project, is fine. Raises CloudError."""
    try:
        identity = factory.for_credential(credential).service("identity")
        identity.delete(f"/v3/OS-TRUST/trusts/{credential.trust_id}", ok=(404,))
    except CloudError as error:
        # A trust of a user who is gone gives no token any more: 401, 403 or 404, as the release pleases.
        if error.status not in (401, 403, 404):
            raise
    finally:
        factory.forget_credential(credential)
