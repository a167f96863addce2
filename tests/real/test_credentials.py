"""The ways to act for a user, against a real Keystone: made, used, found dead, given back. Needs nothing but Keystone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kamado.cloud import grants
from kamado.cloud.failures import CloudError, FailureKind
from kamado.cloud.session import CloudFactory, CloudSettings, ServiceUser
from kamado.model.identifiers import new_id
from kamado.model.records import CredentialRecord
from kamado.orchestrator.context import RequestContext

pytestmark = pytest.mark.real


@pytest.fixture(params=["trusts", "application_credential", "password"])
def factory(request: pytest.FixtureRequest) -> Iterator[CloudFactory]:
    url = os.environ["KAMADO_REAL_AUTH_URL"]
    user = ServiceUser(
        url, "heat", "secret", project_name="service", user_domain_id="default", project_domain_id="default"
    )
    made = CloudFactory(CloudSettings(user, deferred_auth_method=request.param))
    yield made
    made.close()


def made_for(factory: CloudFactory) -> tuple[RequestContext, CredentialRecord]:
    cloud = factory.for_user("demo", "demo", "demo")
    roles = tuple(role for role in cloud.session.auth.get_access(cloud.session).role_names)
    context = RequestContext(cloud.project_id, cloud.user_id, "demo", roles, token=cloud.token(), password="demo")
    grant = grants.make(factory, context, f"kamado-{new_id()}")
    now = datetime.now(UTC)
    record = CredentialRecord(
        new_id(), context.project_id, context.user_id, "demo", context.user_id, roles, now, now,
        trust_id=grant.trust_id, method=grant.method, secret=grant.secret,
    )  # fmt: skip
    return context, record


def test_it_acts_for_the_user_and_is_given_back(factory: CloudFactory) -> None:
    context, record = made_for(factory)
    cloud = factory.for_credential(record)
    assert (cloud.project_id, cloud.user_id) == (context.project_id, context.user_id)
    assert grants.holds(factory, record)
    grants.remove(factory, record)
    if record.method != "password":
        assert not grants.holds(factory, record)
    grants.remove(factory, record)


def test_what_was_revoked_behind_our_back_is_noticed_and_told(factory: CloudFactory) -> None:
    context, record = made_for(factory)
    cloud = factory.for_credential(record)
    cloud.token()
    identity = factory.for_token(context).service("identity")
    if record.method == "trusts":
        identity.delete(f"/v3/OS-TRUST/trusts/{record.trust_id}")
    elif record.method == "application_credential":
        identity.delete(f"/v3/users/{context.user_id}/application_credentials/{record.trust_id}")
    else:
        record = replace(record, secret="another one")
        cloud = factory.for_credential(record)
    deadline = time.monotonic() + 30  # Keystone keeps what it has decided for a moment
    while grants.holds(factory, record):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    cloud.session.invalidate()  # as the session does when a service answers 401
    with pytest.raises(CloudError, match="no longer accepts") as told:
        cloud.token()
    assert told.value.kind is FailureKind.UNAUTHORIZED
