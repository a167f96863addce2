"""Credentials that died: what people are told, and how the next request by one who may replaces them.

Not mocked: HTTP, engine, store, Keystone and Neutron (the local cloud's). Each way to act for a user, each way to lose it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.wire.stand import Stand, issue

from kamado.localcloud.server import LocalCloud

NET = {"heat_template_version": "2018-08-31", "resources": {"n": {"type": "OS::Neutron::Net"}}}
TREE = {"heat_template_version": "2018-08-31", "resources": {"inner": {"type": "net.yaml"}}}


class World:
    """A cloud of its own, with a user who can be taken away."""

    def __init__(self, folder: Path, method: str) -> None:
        self.cloud = LocalCloud(identity_port=0)
        self.cloud.start()
        self.admin, _ = issue(self.cloud.auth_url, "admin")
        self.project = self.find("projects", "demo")
        self.user = self.identity(
            "POST", "/users", {"user": {"name": "kim", "password": "kim", "domain_id": "default"}}
        )["user"]["id"]
        self.grant("member")
        self.grant("reader")
        self.stand = Stand(folder, self.cloud, deferred_auth_method=method)

    def identity(self, verb: str, path: str, body: Any = None) -> Any:
        headers = {"X-Auth-Token": self.admin}
        answer = requests.request(verb, f"{self.cloud.auth_url}{path}", json=body, headers=headers, timeout=30)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def find(self, kind: str, name: str) -> str:
        return str(self.identity("GET", f"/{kind}?name={name}")[kind][0]["id"])

    def _role(self, role: str) -> str:
        return f"/projects/{self.project}/users/{self.user}/roles/{self.find('roles', role)}"

    def grant(self, role: str) -> None:
        self.identity("PUT", self._role(role))

    def take(self, role: str) -> None:
        self.identity("DELETE", self._role(role))

    def token(self, user: str) -> str:
        where = {"name": user, "domain": {"id": "default"}, "password": user}
        scope = {"project": {"id": self.project}}
        auth = {"identity": {"methods": ["password"], "password": {"user": where}}, "scope": scope}
        answer = requests.post(f"{self.cloud.auth_url}/auth/tokens", json={"auth": auth}, timeout=30)
        answer.raise_for_status()
        return str(answer.headers["X-Subject-Token"])

    def ask(self, verb: str, path: str, body: Any = None, user: str = "kim") -> requests.Response:
        headers = {"X-Auth-Token": self.token(user), "X-Auth-User": user, "X-Auth-Key": user}
        url = f"{self.stand.endpoint}/v1/{self.project}{path}"
        return requests.request(verb, url, json=body, headers=headers, timeout=30)

    def make(self, name: str, template: Any = NET) -> str:
        answer = self.ask(
            "POST", "/stacks", {"stack_name": name, "template": template, "files": {"net.yaml": _text(NET)}}
        )
        assert answer.status_code == 201, answer.text
        path = f"/stacks/{name}/{answer.json()['stack']['id']}"
        assert self.stand.settled(path)["stack_status"] == "CREATE_COMPLETE", self.stand.settled(path)
        return path

    def networks(self) -> list[str]:
        headers = {"X-Auth-Token": self.token("demo")}
        found = requests.get(f"{self.cloud.urls['network']}/v2.0/networks", headers=headers, timeout=30).json()[
            "networks"
        ]
        return [net["name"] for net in found if net["project_id"] == self.project and "-n-" in net["name"]]

    def close(self) -> None:
        self.stand.close()
        self.cloud.stop()


def _text(template: Any) -> str:
    return json.dumps(template)


@pytest.fixture(params=["trusts", "application_credential", "password"])
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world(tmp_path: Path, method: str) -> Iterator[World]:
    made = World(tmp_path, method)
    yield made
    made.close()


def _delete_user(world: World) -> None:
    world.identity("DELETE", f"/users/{world.user}")


def _lose_all_roles(world: World) -> None:
    world.take("member")
    world.take("reader")


WORDS = {"trusts": "trust", "application_credential": "application credential", "password": "password"}


@pytest.mark.parametrize("loss", [_delete_user, _lose_all_roles])
def test_what_died_is_told_and_replaced_by_the_next_who_may(
    world: World, method: str, loss: Callable[[World], None]
) -> None:
    path = world.make("one", TREE)
    first = world.stand.store.stacks.get(path.rpartition("/")[2]).credential_id
    cloud = world.stand.factory.for_credential(world.stand.store.credentials.get(first))
    cloud.token()
    loss(world)
    # Nobody has come yet: what works in the background is told what to do.
    with pytest.raises(Exception, match="no longer accepts") as told:
        cloud.service("network").get("/v2.0/networks")
    assert f"the {WORDS[method]} with which the service acts for user kim" in str(told.value)
    assert "update, deletion or retry of the stack by a user who may act in its project replaces it" in str(told.value)
    assert world.ask("DELETE", path, user="demo").status_code == 204
    assert world.stand.settled(path)["stack_status"] == "DELETE_COMPLETE"
    assert world.networks() == []
    tree = world.stand.store.stacks.tree(path.rpartition("/")[2], True)
    assert len(tree) == 2
    assert {stack.credential_id for stack in tree}.isdisjoint({first})


def test_what_was_revoked_is_replaced_in_its_place_for_all_stacks_that_share_it(world: World, method: str) -> None:
    one, two = world.make("one"), world.make("two")
    store = world.stand.store
    ids = {store.stacks.get(path.rpartition("/")[2]).credential_id for path in (one, two)}
    assert len(ids) == 1
    record = store.credentials.get(ids.pop())
    if method == "trusts":
        headers = {"X-Auth-Token": world.token("kim")}
        gone = requests.delete(f"{world.cloud.auth_url}/OS-TRUST/trusts/{record.trust_id}", headers=headers, timeout=30)
        assert gone.status_code == 204
    elif method == "application_credential":
        headers = {"X-Auth-Token": world.token("kim")}
        url = f"{world.cloud.auth_url}/users/{world.user}/application_credentials/{record.trust_id}"
        assert requests.delete(url, headers=headers, timeout=30).status_code == 204
    else:
        for password in ("changed", "kim"):
            world.identity("PATCH", f"/users/{world.user}", {"user": {"password": password}})
    assert world.ask("POST", f"{one}/actions", {"check": None}).status_code == 200
    world.stand.settled(one)
    assert world.ask("PUT", one, {"template": NET}).status_code == 202
    assert world.stand.settled(one)["stack_status"] == "UPDATE_COMPLETE"
    again = store.credentials.get(record.id)
    assert again is not None
    if method != "password":
        assert again.trust_id != record.trust_id
    for path in (one, two):
        assert world.ask("DELETE", path).status_code == 204
        assert world.stand.settled(path)["stack_status"] == "DELETE_COMPLETE"
    assert world.networks() == []


def test_a_request_without_the_password_is_refused_where_one_is_needed(tmp_path: Path) -> None:
    world = World(tmp_path, "password")
    try:
        answer = world.stand.ask("POST", "/stacks", {"stack_name": "s", "template": NET})
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "MissingCredentialError")
        assert world.stand.ask("GET", "/stacks").json() == {"stacks": []}
    finally:
        world.close()


def test_secrets_are_encrypted_at_rest_and_not_shown(world: World, method: str, tmp_path: Path) -> None:
    path = world.make("one")
    stack = world.stand.store.stacks.get(path.rpartition("/")[2])
    record = world.stand.store.credentials.get(stack.credential_id)
    assert record.method == method
    raw = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.name.startswith("kamado.sqlite"))
    for secret in (record.trust_id, record.secret):
        if len(secret) > 8:
            assert secret.encode() not in raw
            assert secret not in repr(record)
