"""The right to act for a user after the request: one credential a project, user and set of roles, shared by all their stacks.

`ensure` is called by `stacks`, only when a stack has a resource that touches the cloud; `renewed` for every other operation on a
stack, so that one whose credential died gets another; `sweep` when a stack is gone. The traps: making
a trust costs Keystone half a second of CPU, so two requests at once must not make two; and a request may have found a
credential without having written its stack yet, so what was taken a short while ago is never swept.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from kamado.model.identifiers import new_id
from kamado.model.lifecycle import Status
from kamado.model.records import CredentialRecord, StackRecord
from kamado.orchestrator.context import RequestContext, Services
from kamado.store.credentials import Credentials

LOG = logging.getLogger(__name__)

_STRIPES = tuple(threading.Lock() for _ in range(64))


_FRESH = timedelta(minutes=30)
"""So long a credential needs no new mark that a request took it."""

_SWEPT_AFTER = timedelta(hours=2)
"""So long a credential that nobody has is kept, for the next stack of its user; longer than `_FRESH` and any request."""


@contextmanager
def _one_at_a_time(*key: object) -> Iterator[None]:
    with _STRIPES[hash(key) % len(_STRIPES)]:
        yield


def ensure(services: Services, context: RequestContext, *, surely: bool = False) -> str:
    """The id of a credential for the caller, made when there is none yet; one that is no longer accepted is replaced in its place.

    ``surely``: Keystone is asked, whatever it said a short while ago.

    :raises CloudError: Keystone refused to let the service act for the caller.
    """
    trustor = context.trustor_user_id or context.user_id
    roles = tuple(sorted(context.roles))
    credentials = services.store.credentials
    with _one_at_a_time(context.project_id, trustor, roles):
        now = services.clock.now()
        found = credentials.find(context.project_id, trustor, roles)
        if found is not None and services.clouds.holds(found, surely=surely):
            if now - found.used_at < _FRESH or credentials.touch(found.id, now):
                return found.id
            found = None
        key = found.id if found is not None else new_id()
        # A name is free once its owner is gone for good only, so a replacement has another one.
        grant = services.clouds.grant(context, f"kamado-{key}-{int(now.timestamp())}")
        record = CredentialRecord(
            id=key,
            project_id=context.project_id,
            user_id=context.user_id,
            username=context.username,
            trustor_user_id=trustor,
            roles=roles,
            created_at=now,
            used_at=now,
            trust_id=grant.trust_id,
            method=grant.method,
            secret=grant.secret,
        )
        if found is None or not credentials.renew(record):
            credentials.add(record)
        return key


def taken_over(services: Services, context: RequestContext, stack: StackRecord, local: bool) -> str | None:
    """The id of the credential that an update works with: the caller's own, which from now on is that of the whole tree.

    ``local``: what the stack is to be touches no cloud, so what it has will do. Raises CloudError.
    """
    if local or context.project_id != stack.project_id:
        return renewed(services, context, stack)
    new = ensure(services, context, surely=stack.status is Status.FAILED)
    if stack.credential_id not in (None, new):
        services.store.credentials.hand_over(stack.root_id or stack.id, str(stack.credential_id), new)
    return new


def renewed(services: Services, context: RequestContext, stack: StackRecord) -> str | None:
    """The id of the credential that a new operation on a stack works with: the stack's own as long as it is accepted, else one of the
    caller's, which then is that of the whole tree. None for a stack that needs none.

    A caller from another project (an administrator) replaces nothing. Nor does one whom Keystone does not let: then the operation
    fails with the reason, where it needs the cloud at all.
    """
    old = stack.credential_id
    if old is None or context.project_id != stack.project_id:
        return old
    surely = stack.status is Status.FAILED
    record = services.store.credentials.get(old)
    if record is not None and services.clouds.holds(record, surely=surely):
        return old
    try:
        new = ensure(services, context, surely=surely)
    except Exception as error:
        LOG.warning("the credential of a stack could not be replaced: %s", error, extra={"stack": stack.id})
        return old
    if new != old:
        services.store.credentials.hand_over(stack.root_id or stack.id, old, new)
    return new


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
