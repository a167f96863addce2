"""Credentials against the local cloud: a request's token, a trust that outlives it, users of stacks."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from kamado.cloud import trusts, users
from kamado.cloud.failures import CloudError, FailureKind
from kamado.cloud.session import Cloud, CloudFactory, CloudSettings, ServiceUser
from kamado.localcloud.server import LocalCloud
from kamado.model.records import CredentialRecord


@dataclass(frozen=True)
class Context:
    token: str | None
    project_id: str
    user_id: str
    roles: tuple[str, ...]


@pytest.fixture
def factory(local_cloud: LocalCloud) -> Iterator[CloudFactory]:
    url = local_cloud.auth_url
    settings = CloudSettings(
        ServiceUser(url, "heat", "secret", project_name="service", user_domain_id="default"),
        stack_domain_admin=ServiceUser(url, "heat_domain_admin", "secret", user_domain_name="heat"),
    )
    factory = CloudFactory(settings)
    yield factory
    factory.close()


def request_of(cloud: Cloud) -> Context:
    return Context(cloud.token(), cloud.project_id, cloud.user_id, ("member", "reader"))


def record_of(context: Context, trust_id: str) -> CredentialRecord:
    return CredentialRecord(
        "c",
        context.project_id,
        context.user_id,
        "demo",
        context.user_id,
        context.roles,
        datetime.now(UTC),
        datetime.now(UTC),
        trust_id,
    )


def test_the_token_of_a_request(factory: CloudFactory) -> None:
    context = request_of(factory.for_user("demo", "demo", "demo"))
    cloud = factory.for_token(context)
    assert cloud is factory.for_token(context)
    assert (cloud.project_id, cloud.user_id) == (context.project_id, context.user_id)
    assert cloud.has("network")
    assert not cloud.has("nonsense")
    found = cloud.service("network").list("/v2.0/networks", "networks", {"name": "private"})
    assert [net["name"] for net in found] == ["private"]
    assert cloud.service("network") is cloud.service("network")


def test_no_token_and_a_bad_one(factory: CloudFactory) -> None:
    with pytest.raises(CloudError) as error:
        factory.for_token(Context(None, "p", "u", ()))
    assert error.value.kind is FailureKind.UNAUTHORIZED
    with pytest.raises(CloudError) as error:
        factory.for_token(Context("nonsense", "p", "u", ())).service("network")
    assert error.value.kind is FailureKind.UNAUTHORIZED
    with pytest.raises(CloudError) as error:
        factory.for_user("demo", "wrong", "demo").token()
    assert error.value.kind is FailureKind.UNAUTHORIZED


def test_a_service_that_the_cloud_does_not_have(factory: CloudFactory) -> None:
    with pytest.raises(CloudError, match="no nonsense endpoint") as error:
        factory.for_user("demo", "demo", "demo").service("nonsense")
    assert error.value.not_found


def test_an_address_may_be_given(factory: CloudFactory) -> None:
    other = CloudFactory(replace(factory.settings, overrides={"network": "http://c:1/v2.0"}))
    assert other.for_user("demo", "demo", "demo").service("network").base == "http://c:1"
    other.close()


def test_a_trust_acts_for_the_user_until_it_is_removed(factory: CloudFactory) -> None:
    context = request_of(factory.for_user("demo", "demo", "demo"))
    trust = trusts.make(factory, context)
    record = record_of(context, trust)
    cloud = factory.for_credential(record)
    assert (cloud.project_id, cloud.user_id) == (context.project_id, context.user_id)
    made = cloud.service("network").post("/v2.0/networks", json={"network": {"name": "trusted"}})["network"]
    assert made["project_id"] == context.project_id
    cloud.service("network").delete(f"/v2.0/networks/{made['id']}")
    trusts.remove(factory, record)
    with pytest.raises(CloudError):
        factory.for_credential(record).token()
    trusts.remove(factory, record)


def test_roles_of_a_trust(factory: CloudFactory) -> None:
    context = Context("t", "p", "u", ("b", "a"))
    assert trusts.delegated(factory, context) == ("a", "b")
    some = CloudFactory(replace(factory.settings, delegated_roles=("x",)))
    assert trusts.delegated(some, context) == ("x",)
    some.close()


def test_the_trustee(factory: CloudFactory) -> None:
    assert factory.trustee_user_id() == factory.admin().user_id


def test_users_of_stacks(factory: CloudFactory) -> None:
    project = users.make_project(factory, "stack-project")
    user = users.make_user(factory, "stack-user", "pass", project)
    identity = factory.stack_domain_admin().service("identity")
    assert identity.get(f"/v3/users/{user}")["user"]["domain_id"] == factory.stack_domain_id()
    users.set_enabled(factory, user, False)
    assert identity.get(f"/v3/users/{user}")["user"]["enabled"] is False
    users.remove_user(factory, user)
    users.remove_user(factory, user)
    users.remove_project(factory, project)
    users.remove_project(factory, project)


def test_without_a_stack_domain(factory: CloudFactory) -> None:
    bare = CloudFactory(replace(factory.settings, stack_domain_admin=None))
    with pytest.raises(CloudError, match="no administrator of a stack domain"):
        bare.stack_domain_admin()
    bare.close()


def test_secrets_do_not_show(factory: CloudFactory) -> None:
    assert "secret" not in repr(factory.settings)


def test_remembered_for_a_while(factory: CloudFactory) -> None:
    cloud = factory.for_user("demo", "demo", "demo")
    asked: list[int] = []
    for _ in range(3):
        assert cloud.remember("key", 60, lambda: asked.append(1) or "value") == "value"
    assert len(asked) == 1
    cloud.remember("short", 0, lambda: asked.append(2))
    cloud.remember("short", 0, lambda: asked.append(2))
    assert asked == [1, 2, 2]


@pytest.mark.parametrize(
    "options",
    [
        {"auth_type": "password", "auth": {"auth_url": "http://localhost:{port}/v3", "username": "x", "password": "y"}},
        {"auth": {"auth_url": " HTTP://localhost:{port}", "username": "x", "password": "y"}},
        {"auth": {"auth_url": "http://localhost:{port}\\@{own}/v3", "username": "x", "password": "y"}},
        {"auth": {"auth_url": "http://{own}@localhost:{port}/v3", "username": "x", "password": "y"}},
        {"auth": {"auth_url": "http://127.0.0.1:{port}/v3", "username": "x", "password": "y"}},
        {"auth": {"auth_url": "http://[nothing/v3", "username": "x", "password": "y"}},
        {"auth_type": "none", "auth": {"endpoint": "http://localhost:{port}/latest/meta-data"}},
        {"auth_type": "admin_token", "auth": {"endpoint": "http://localhost:{port}", "token": "x"}},
    ],
)
def test_a_credential_leads_nowhere_that_the_operator_has_not_named(factory: CloudFactory, options: Any) -> None:
    own = factory.settings.auth_url.split("//")[1].split("/")[0]
    here = factory.for_user("demo", "demo", "demo")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = str(listening.getsockname()[1])
        given = {name: text.replace("{port}", port).replace("{own}", own) for name, text in options["auth"].items()}
        with pytest.raises(CloudError, match="remote_cloud_hosts") as refused:
            here.elsewhere("", auth={**options, "auth": given}).token()
        assert "localhost" not in refused.value.message
        listening.settimeout(0)
        with pytest.raises(BlockingIOError):
            listening.accept()


@pytest.mark.parametrize("named", ["localhost", "LOCALHOST", "*"])
def test_a_credential_leads_to_a_host_that_the_operator_has_named(factory: CloudFactory, named: str) -> None:
    url = factory.settings.auth_url.replace("127.0.0.1", "localhost")
    assert "localhost" in url
    domain = {"user_domain_id": "default", "project_domain_id": "default"}
    auth = {"auth_url": url, "username": "alt_demo", "password": "alt_demo", "project_name": "alt_demo", **domain}
    open_to = CloudFactory(replace(factory.settings, remote_hosts=("other.example.org", named)))
    try:
        cloud = open_to.for_user("demo", "demo", "demo").elsewhere("", auth={"auth_type": "password", "auth": auth})
        assert cloud.project_id == factory.for_user("alt_demo", "alt_demo", "alt_demo").project_id
    finally:
        open_to.close()
