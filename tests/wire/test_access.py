"""Who may do what: every route against another project's caller, overrides of policy, and what a stack costs in trusts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.wire.stand import Stand

from kamado.api.routes import ROUTES, Route
from kamado.localcloud.server import LocalCloud

GOOD = {"heat_template_version": "2013-05-23"}
LOCAL = {**GOOD, "resources": {"r": {"type": "OS::Heat::TestResource"}}, "outputs": {"o": {"value": 1}}}
BODIES: dict[str, Any] = {
    "validate": {"template": LOCAL},
    "stacks": {"stack_name": "more", "template": LOCAL},
    "preview": {"stack_name": "more", "template": LOCAL},
    "actions": {"check": None},
    "{resource_name}": {"mark_unhealthy": True},
}
OF_A_STACK = [route for route in ROUTES if "{stack_id}" in route.path]
OF_SOFTWARE = [route for route in ROUTES if "{config_id}" in route.path or "{deployment_id}" in route.path]
OF_A_NAME = [route for route in ROUTES if "{stack_name}" in route.path and "{stack_id}" not in route.path]


@pytest.fixture(scope="module")
def idle(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A Kamado without an engine, with one stack of demo's."""
    stand = Stand(tmp_path_factory.mktemp("idle"), cloud, working=False)
    made = stand.ask("POST", "/stacks", {"stack_name": "mine", "template": LOCAL})
    assert made.status_code == 201
    stand.mine = made.json()["stack"]["id"]  # type: ignore[attr-defined]
    config = stand.ask("POST", "/software_configs", {"name": "mine"}).json()["software_config"]["id"]
    made = stand.ask("POST", "/software_deployments", {"config_id": config, "server_id": "s-1"})
    stand.config, stand.deployment = config, made.json()["software_deployment"]["id"]  # type: ignore[attr-defined]
    yield stand
    stand.close()


def url(stand: Any, route: Route, project: str) -> str:
    names = {
        "tenant_id": project,
        "stack_name": "mine",
        "stack_id": stand.mine,
        "resource_name": "r",
        "output_key": "o",
        "event_id": "e",
        "snapshot_id": "s",
        "type_name": "OS::Heat::Value",
        "template_version": "heat_template_version.2013-05-23",
        "config_id": stand.config,
        "deployment_id": stand.deployment,
        "server_id": "s-1",
        "arn": f"arn:openstack:heat::{project}:stacks%2Fmine%2F{stand.mine}",
    }
    return stand.endpoint + re.sub(r"\{(\w+)\}", lambda found: names[found[1]], route.path)


def body(route: Route) -> Any:
    if route.verb in ("GET", "DELETE"):
        return None
    return BODIES.get(route.path.rpartition("/")[2], {"template": LOCAL, "stack_name": "more"})


@pytest.mark.parametrize("route", ROUTES, ids=[f"{route.verb} {route.path}" for route in ROUTES])
def test_the_project_in_the_path_must_be_the_tokens(idle: Any, route: Route) -> None:
    _, project = idle.token("demo")
    answer = idle.ask(route.verb, url(idle, route, project), body(route), user="alt_demo")
    assert answer.status_code == 403, answer.text
    assert answer.json()["error"]["type"] == "HTTPForbidden"


@pytest.mark.parametrize("route", OF_A_STACK + OF_A_NAME, ids=lambda route: f"{route.verb} {route.path}")
def test_another_projects_stack_is_not_there(idle: Any, route: Route) -> None:
    _, project = idle.token("alt_demo")
    answer = idle.ask(route.verb, url(idle, route, project), body(route), user="alt_demo")
    assert answer.status_code == 404, answer.text
    assert answer.json()["error"]["type"] == "EntityNotFound"


@pytest.mark.parametrize("route", OF_SOFTWARE, ids=lambda route: f"{route.verb} {route.path}")
def test_another_projects_software_is_not_there(idle: Any, route: Route) -> None:
    _, project = idle.token("alt_demo")
    answer = idle.ask(route.verb, url(idle, route, project), {"status": "COMPLETE"}, user="alt_demo")
    assert answer.status_code == 404, answer.text
    assert answer.json()["error"]["type"] == "NotFound"


def test_an_administrator_sees_software_of_all_projects(idle: Any) -> None:
    listed = idle.ask("GET", "/software_configs", user="admin").json()["software_configs"]
    assert {"id": idle.config, "project": idle.token("demo")[1]}.items() <= listed[0].items()
    assert idle.ask("GET", f"/software_deployments/{idle.deployment}", user="admin").status_code == 200


@pytest.mark.parametrize("route", ROUTES, ids=[f"{route.verb} {route.path}" for route in ROUTES])
def test_every_route_needs_a_token(idle: Any, route: Route) -> None:
    answer = idle.ask(route.verb, url(idle, route, "p"), body(route), X_Auth_Token=None)
    assert answer.status_code == 401


def test_an_operators_policy_file_wins(cloud: LocalCloud, tmp_path: Path) -> None:
    stand = Stand(tmp_path, cloud, policy='"stacks:index": "!"\n"resource_types:OS::Heat::*": "!"\n', working=False)
    try:
        answer = stand.ask("GET", "/stacks")
        assert answer.status_code == 403
        assert answer.json()["error"]["message"] == "You are not authorized to use stacks:index."
        answer = stand.ask("POST", "/stacks", {"stack_name": "one", "template": LOCAL})
        assert answer.json()["error"]["message"] == "You are not authorized to use OS::Heat::TestResource."
        assert stand.ask("GET", "/resource_types?name=OS::Heat").json() == {"resource_types": []}
    finally:
        stand.close()


def test_a_reader_may_look_and_not_touch(cloud: LocalCloud, tmp_path: Path) -> None:
    stand = Stand(tmp_path, cloud, policy='"stacks:create": "role:nobody"\n', working=False)
    try:
        assert stand.ask("POST", "/stacks", {"stack_name": "one", "template": LOCAL}).status_code == 403
        assert stand.ask("GET", "/stacks").json() == {"stacks": []}
    finally:
        stand.close()


def test_local_stacks_need_no_trust_and_others_share_one(stand: Stand) -> None:
    before = stand.clouds.trusts_made
    made = stand.ask("POST", "/stacks", {"stack_name": "local", "template": LOCAL})
    assert stand.settled(f"/stacks/local/{made.json()['stack']['id']}")["stack_status"] == "CREATE_COMPLETE"
    assert stand.clouds.trusts_made == before
    net = {**GOOD, "resources": {"n": {"type": "OS::Neutron::Net"}}}
    for name in ("net-1", "net-2"):
        made = stand.ask("POST", "/stacks", {"stack_name": name, "template": net})
        assert made.status_code == 201, made.text
        stack = stand.settled(f"/stacks/{name}/{made.json()['stack']['id']}")
        assert stack["stack_status"] == "CREATE_COMPLETE", stack["stack_status_reason"]
    assert stand.clouds.trusts_made == before + 1
