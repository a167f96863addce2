"""The right to act for a user after the request: one trust a project, user and set of roles, shared by all their stacks.

`ensure` is called by `stacks`, only when a stack has a resource that touches the cloud; `sweep` when a stack is gone. The traps: making
a trust costs Keystone half a second of CPU, so two requests at once must not make two; and a request may have found a
credential without having written its stack yet, so what was taken a short while ago is never swept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from kamado.model.identifiers import new_id
from kamado.model.records import CredentialRecord
from kamado.orchestrator.context import RequestContext, Services
from kamado.store.credentials import Credentials

_STRIPES = tuple(threading.Lock() for _ in range(64))


_FRESH = timedelta(minutes=30)
"""So long a credential needs no new mark that a request took it."""

_SWEPT_AFTER = timedelta(hours=2)
"""So long a credential that nobody has is kept, for the next stack of its user; longer than `_FRESH` and any request."""


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
        now = services.clock.now()
        found = services.store.credentials.find(context.project_id, trustor, roles)
        if found is not None and (now - found.used_at < _FRESH or services.store.credentials.touch(found.id, now)):
            return found.id
        record = CredentialRecord(
            id=new_id(),
            project_id=context.project_id,
            user_id=context.user_id,
            username=context.username,
            trustor_user_id=trustor,
            roles=roles,
            created_at=now,
            used_at=now,
            trust_id=services.clouds.make_trust(context),
        )
        services.store.credentials.add(record)
        return record.id


def sweep(credentials: Credentials, remove_trust: Callable[[CredentialRecord], None], now: datetime) -> int:
    """Remove the credentials that nobody has had for a while, with their trusts; how many.

    The row goes first: a trust without a row costs nothing, a row without its trust would fail the next stack.
    """
    removed = 0
    for record in credentials.unused(now - _SWEPT_AFTER):
        if credentials.remove(record):
            remove_trust(record)
            removed += 1
    return removed
