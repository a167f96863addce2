"""Users of stacks in the heat domain of a real Keystone: made once however often they are asked for, let in, locked out, removed."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from kamado.cloud import users
from kamado.cloud.failures import CloudError
from kamado.cloud.session import CloudFactory, CloudSettings, ServiceUser
from kamado.model.identifiers import new_id
from kamado.plugin.signals import signed

pytestmark = pytest.mark.real


@pytest.fixture
def factory() -> Iterator[CloudFactory]:
    url = os.environ["KAMADO_REAL_AUTH_URL"]
    user = ServiceUser(
        url, "heat", "secret", project_name="service", user_domain_id="default", project_domain_id="default"
    )
    keeper = ServiceUser(url, "heat_domain_admin", "secret", user_domain_name="heat")
    made = CloudFactory(CloudSettings(user, stack_domain_admin=keeper))
    yield made
    made.close()


def test_a_user_is_made_once_and_signs_what_keystone_accepts_until_it_is_locked_out(factory: CloudFactory) -> None:
    name = f"kamado-{new_id()}"
    known: list[str] = []
    stack = users.StackUsers(factory, name, lambda: known[-1] if known else None, known.append)
    again = users.StackUsers(factory, name, lambda: None, known.append)  # whose first answer was lost
    try:
        project = stack.project_id()
        assert again.project_id() == project
        user = stack.make(name, "first")
        assert stack.make(name, "second") == user == stack.find(name)
        assert stack.token(user, "second")
        access, secret = new_id().replace("-", ""), new_id().replace("-", "")
        for _ in range(2):
            stack.make_keys(user, access, secret)
        assert _signed_by(factory, access, secret) == (user, project)
        with pytest.raises(CloudError):
            _signed_by(factory, access, "another")
        stack.set_enabled(user, False)
        with pytest.raises(CloudError):
            stack.token(user, "second")
        stack.set_enabled(user, True)
        assert stack.token(user, "second")
        for _ in range(2):
            stack.remove(user)
        assert stack.find(name) is None
        with pytest.raises(CloudError):
            _signed_by(factory, access, secret)
    finally:
        for project in known:
            users.remove_project(factory, project)


def _signed_by(factory: CloudFactory, access: str, secret: str) -> tuple[str, str]:
    """Who Keystone says has signed a URL."""
    from urllib.parse import parse_qsl, unquote, urlsplit

    url = urlsplit(
        signed("http://somewhere:8000/v1/signal", "arn:openstack:heat::p:stacks/s/i", "POST", access, secret, None)
    )
    params = dict(parse_qsl(url.query))
    given = {
        "access": access,
        "signature": params.pop("Signature"),
        "host": url.netloc,
        "verb": "POST",
        "path": unquote(url.path),
        "params": params,
        "headers": {},
        "body_hash": "",
    }
    token = factory.admin().service("identity").post("/v3/ec2tokens", json={"ec2Credentials": given})["token"]
    return token["user"]["id"], token["project"]["id"]
