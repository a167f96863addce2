"""The right to act for a user after the request: one trust a project, user and set of roles, shared by all their stacks.

Called by `stacks`, only when a stack has a resource that touches the cloud. The trap: making a trust costs Keystone
half a second of CPU, so two requests at once must not make two.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from kamado.model.identifiers import new_id
from kamado.model.records import CredentialRecord
from kamado.orchestrator.context import RequestContext, Services

_STRIPES = tuple(threading.Lock() for _ in range(64))


@contextmanager
def _one_at_a_time(*key: object) -> Iterator[None]:
    with _STRIPES[hash(key) % len(_STRIPES)]:
        yield


def ensure(services: Services, context: RequestContext) -> str:
    """The id of a credential for the caller, made when there is none yet.

    :raises CloudError: Keystone refused to make the trust.
    """
    trustor = context.trustor_user_id or context.user_id
    roles = tuple(sorted(context.roles))
    with _one_at_a_time(context.project_id, trustor, roles):
        found = services.store.credentials.find(context.project_id, trustor, roles)
        if found is not None:
            return found.id
        record = CredentialRecord(
            id=new_id(),
            project_id=context.project_id,
            user_id=context.user_id,
            username=context.username,
            trustor_user_id=trustor,
            roles=roles,
            created_at=services.clock.now(),
            trust_id=services.clouds.make_trust(context),
        )
        services.store.credentials.add(record)
        return record.id
