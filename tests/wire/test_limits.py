"""Limits of the service that an operator sets: size of a template, events that are kept, and actions that do not give way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.wire.stand import Stand

from kamado.localcloud.server import LocalCloud
from kamado.orchestrator.context import OrchestratorSettings


@pytest.fixture
def small(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    settings = OrchestratorSettings(max_template_size=400, max_events_per_stack=3)
    made = Stand(tmp_path_factory.mktemp("small"), cloud, settings=settings)
    yield made
    made.close()


def template(word: str, kind: str = "OS::Heat::Value", **more: Any) -> dict[str, Any]:
    one = {"type": kind, "properties": {"value": word, **more}}
    return {"heat_template_version": "2018-08-31", "resources": {"one": one}}


def settled(stand: Stand, path: str) -> dict[str, Any]:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        stack: dict[str, Any] = stand.ask("GET", path).json()["stack"]
        if not stack["stack_status"].endswith("_IN_PROGRESS"):
            return stack
        time.sleep(0.02)
    raise AssertionError(stack)


def test_a_larger_template_than_the_operator_allows_is_refused(small: Stand) -> None:
    text = "heat_template_version: 2018-08-31\n" + "# " + "x" * 400
    for path, body in (("/stacks", {"stack_name": "big", "template": text}), ("/validate", {"template": text})):
        answer = small.ask("POST", path, body)
        assert answer.status_code == 400
        assert "exceeds maximum allowed size (400 bytes)" in answer.json()["error"]["message"]


def test_the_oldest_events_go_when_an_operation_is_accepted(small: Stand) -> None:
    made = small.ask("POST", "/stacks", {"stack_name": "chatty", "template": template("a")}).json()["stack"]
    path = f"/stacks/chatty/{made['id']}"
    settled(small, path)
    assert len(small.ask("GET", f"{path}/events").json()["events"]) == 4
    small.ask("PUT", path, {"template": template("a")})
    settled(small, path)
    events = small.ask("GET", f"{path}/events?sort_dir=asc").json()["events"]
    assert [event["resource_status"] for event in events] == [
        "CREATE_COMPLETE",
        "CREATE_COMPLETE",
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE",
    ]


@pytest.mark.parametrize("action", ["check", "suspend", "resume"])
def test_an_action_does_not_take_over_from_a_running_one(stand: Stand, action: str) -> None:
    name = f"busy-{action}"
    body = {"stack_name": name, "template": template("a", "OS::Heat::TestResource", wait_secs=30)}
    path = f"/stacks/{name}/{stand.ask('POST', '/stacks', body).json()['stack']['id']}"
    answer = stand.ask("POST", f"{path}/actions", {action: None})
    assert answer.status_code == 409
    assert answer.json()["error"]["type"] == "ActionInProgress"
    assert stand.ask("GET", path).json()["stack"]["stack_status"] == "CREATE_IN_PROGRESS"
    assert stand.ask("DELETE", path).status_code == 204


def test_resources_are_counted_over_the_whole_tree(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> None:
    inner = "heat_template_version: 2018-08-31\nresources: {a: {type: OS::Heat::None}, b: {type: OS::Heat::None}}\n"
    outer = "heat_template_version: 2018-08-31\nresources: {i: {type: inner.yaml}, j: {type: inner.yaml}}\n"
    files = {"inner.yaml": inner, "outer.yaml": outer}

    def request(*names: str) -> dict[str, Any]:
        resources = {name: {"type": "outer.yaml"} for name in names}
        return {"template": {"heat_template_version": "2018-08-31", "resources": resources}, "files": files}

    settings = OrchestratorSettings(max_resources_per_stack=13)
    stand = Stand(tmp_path_factory.mktemp("counted"), cloud, settings=settings)
    try:
        made = stand.ask("POST", "/stacks", {"stack_name": "tree", **request("x")})
        assert made.status_code == 201  # one above, two in the middle, four below
        path = f"/stacks/tree/{made.json()['stack']['id']}"
        assert settled(stand, path)["stack_status"] == "CREATE_COMPLETE"
        for verb, part in (("PUT", ""), ("PUT", "/preview"), ("POST", "/plan")):
            answer = stand.ask(verb, f"{path}{part}", request("x", "y"))
            assert answer.status_code == 400
            words = "Request limit exceeded: Maximum resources per stack exceeded."
            assert answer.json()["error"]["message"] == words
        assert settled(stand, path)["stack_status"] == "CREATE_COMPLETE"
    finally:
        stand.close()


@pytest.fixture
def strict(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    made = Stand(tmp_path_factory.mktemp("strict"), cloud, settings=OrchestratorSettings(max_stacks_per_tenant=1))
    yield made
    made.close()


def test_stacks_are_given_away_and_taken_over_only_where_the_operator_lets_them(strict: Stand) -> None:
    made = strict.ask("POST", "/stacks", {"stack_name": "kept", "template": template("a")}).json()["stack"]
    path = f"/stacks/kept/{made['id']}"
    settled(strict, path)
    for verb, part in (("GET", "export"), ("DELETE", "abandon")):
        answer = strict.ask(verb, f"{path}/{part}")
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "NotSupported")
        assert answer.json()["error"]["message"] == "Stack Abandon is not supported."
    body = {"stack_name": "taken", "adopt_stack_data": {"template": template("a"), "resources": {}}}
    answer = strict.ask("POST", "/stacks", body)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "Stack Adopt is not supported.")


def test_a_project_may_have_so_many_stacks(strict: Stand) -> None:
    assert strict.ask("POST", "/stacks", {"stack_name": "first", "template": template("a")}).status_code == 201
    answer = strict.ask("POST", "/stacks", {"stack_name": "second", "template": template("a")})
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "RequestLimitExceeded")
    assert "You have reached the maximum stacks per tenant, 1." in answer.json()["error"]["message"]


def test_a_snapshot_that_is_being_made_is_neither_removed_nor_gone_back_to(
    cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stand = Stand(tmp_path_factory.mktemp("unmade"), cloud)
    try:
        made = stand.ask("POST", "/stacks", {"stack_name": "unmade", "template": template("a")}).json()["stack"]
        path = f"/stacks/unmade/{made['id']}"
        settled(stand, path)
        stand.engine.stop()
        stand.wait_for_engine()
        snapshot = f"{path}/snapshots/{stand.ask('POST', f'{path}/snapshots', {}).json()['id']}"
        for verb, url, words in (
            ("DELETE", snapshot, "Deleting in-progress snapshot is not supported."),
            ("POST", f"{snapshot}/restore", "Restoring incomplete snapshot is not supported."),
        ):
            answer = stand.ask(verb, url)
            assert (answer.status_code, answer.json()["error"]["message"]) == (400, words)
    finally:
        stand.close()
