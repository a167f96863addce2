"""What the user of a stack's own (a handle's, a server's) may ask for: every route, with a token that the stack has given away."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from tests.wire.stand import Stand
from tests.wire.test_access import GOOD, body

from kamado.api.policies import Rules
from kamado.api.routes import ROUTES, Route
from kamado.localcloud.server import LocalCloud

OPEN = {"stacks:lookup", "resource:metadata", "resource:signal", "software_deployments:metadata"}
"""Rules that stack users pass; the rest is not for them."""
HANDLE = {"type": "OS::Heat::WaitConditionHandle", "properties": {"signal_transport": "TOKEN_SIGNAL"}}
TEMPLATE = {
    **GOOD,
    "resources": {"h": HANDLE, "other_h": HANDLE, "r": {"type": "OS::Heat::TestResource", "metadata": {"a": 1}}},
    "outputs": {name: {"value": {"get_attr": ["h", name]}} for name in ("token", "endpoint")},
}


@dataclass
class User:
    """A handle's user: where it may ask (its project is the stack's users'), and the stacks of two owners."""

    stand: Stand
    token: str
    project: str
    stacks: dict[str, str]

    def ask(self, verb: str, url: str, content: Any = None) -> requests.Response:
        headers = {"X-Auth-Token": self.token, "Accept": "application/json"}
        return requests.request(verb, url, json=content, headers=headers, allow_redirects=False, timeout=30)

    def url(self, route: Route, stack: str, project: str) -> str:
        names = {
            "tenant_id": project,
            "stack_name": stack,
            "stack_id": self.stacks[stack],
            "resource_name": "h",
            "output_key": "token",
            "type_name": "OS::Heat::Value",
            "template_version": "heat_template_version.2013-05-23",
            "arn": f"arn:openstack:heat::{project}:stacks/{stack}/{self.stacks[stack]}",
        }
        path = route.path.replace("/arn/{arn}", "/stacks/{arn}")
        return self.stand.endpoint + re.sub(r"\{(\w+)\}", lambda found: names.get(found[1], "x"), path)


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    with LocalCloud(identity_port=0) as cloud:
        stand = Stand(tmp_path_factory.mktemp("users"), cloud)
        stand.enter_catalog(cloud)
        stacks = {}
        for name in ("mine", "other"):
            made = stand.ask("POST", "/stacks", {"stack_name": name, "template": TEMPLATE})
            stacks[name] = made.json()["stack"]["id"]
            shown = stand.settled(f"/stacks/{name}/{stacks[name]}", 60)
            assert shown["stack_status"] == "CREATE_COMPLETE", shown
        outputs = {
            name: stand.ask("GET", f"/stacks/mine/{stacks['mine']}/outputs/{name}").json()["output"]["output_value"]
            for name in ("token", "endpoint")
        }
        yield User(stand, outputs["token"], outputs["endpoint"].split("/v1/")[1].split("/")[0], stacks)
        stand.close()


def test_the_rules_that_let_stack_users_in_are_these(user: User) -> None:
    rules = user.stand.services.policy
    assert isinstance(rules, Rules)
    asked = {rule for route in ROUTES for rule in route.rules}
    assert {rule for rule in asked if "heat_stack_user" in rules.in_force()[rule]} == OPEN


@pytest.mark.parametrize("route", ROUTES, ids=[f"{route.verb} {route.path}" for route in ROUTES])
def test_a_stack_user_reaches_what_is_meant_for_it_and_nothing_else(user: User, route: Route) -> None:
    answer = user.ask(route.verb, user.url(route, "mine", user.project), body(route))
    if OPEN & set(route.rules):
        assert answer.status_code == route.success, answer.text
    else:
        assert answer.status_code == 403, answer.text
        assert answer.json()["error"]["type"] == "Forbidden"


def test_the_metadata_of_other_resources_of_its_stack_are_not_for_it(user: User) -> None:
    base = f"{user.stand.endpoint}/v1/{user.project}/stacks/mine/{user.stacks['mine']}/resources"
    assert user.ask("GET", f"{base}/h/metadata").status_code == 200
    for name in ("other_h", "r", "nothing"):
        answer = user.ask("GET", f"{base}/{name}/metadata")
        assert (answer.status_code, answer.json()["error"]["type"]) == (403, "Forbidden"), name
    shown = user.stand.ask("GET", f"/stacks/mine/{user.stacks['mine']}/resources/r/metadata")
    assert shown.json() == {"metadata": {"a": 1}}


def test_any_resource_of_its_stack_takes_its_signals_as_in_heat(user: User) -> None:
    path = f"/stacks/mine/{user.stacks['mine']}/resources"
    url = f"{user.stand.endpoint}/v1/{user.project}{path}"
    assert user.ask("POST", f"{url}/other_h/signal", {"id": "7"}).status_code == 200
    assert "7" in user.stand.ask("GET", f"{path}/other_h/metadata").json()["metadata"]
    refused = user.ask("POST", f"{url}/nothing/signal", {})
    assert (refused.status_code, refused.json()["error"]["type"]) == (404, "ResourceNotFound")


@pytest.mark.parametrize("route", [r for r in ROUTES if "{stack_name}" in r.path], ids=lambda r: f"{r.verb} {r.path}")
def test_another_stack_of_the_same_owner_is_not_there_for_it(user: User, route: Route) -> None:
    answer = user.ask(route.verb, user.url(route, "other", user.project), body(route))
    assert answer.status_code == (404 if OPEN & set(route.rules) else 403), answer.text


@pytest.mark.parametrize("route", ROUTES, ids=[f"{route.verb} {route.path}" for route in ROUTES])
def test_the_owners_project_is_closed_to_it(user: User, route: Route) -> None:
    _, owners = user.stand.token("demo")
    answer = user.ask(route.verb, user.url(route, "mine", owners), body(route))
    assert answer.status_code == 403, answer.text
    assert answer.json()["error"]["type"] == "HTTPForbidden"


def test_the_user_goes_with_its_stack(user: User) -> None:
    made = user.stand.ask("POST", "/stacks", {"stack_name": "short", "template": TEMPLATE}).json()["stack"]
    path = f"/stacks/short/{made['id']}"
    user.stand.settled(path, 60)
    token = user.stand.ask("GET", f"{path}/outputs/token").json()["output"]["output_value"]
    assert user.stand.ask("DELETE", path).status_code == 204
    until = time.monotonic() + 60
    while user.stand.ask("GET", path).json()["stack"]["stack_status"] != "DELETE_COMPLETE":
        assert time.monotonic() < until
        time.sleep(0.05)
    endpoint = f"{user.stand.endpoint}/v1/x/software_deployments/metadata/x"
    assert requests.get(endpoint, headers={"X-Auth-Token": token}, timeout=30).status_code == 401
