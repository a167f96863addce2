"""Wait conditions through the API, with the handle's own user in the local Keystone: signals, counts, failures, time, clean-up."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from tests.wire.stand import Stand

from kamado.localcloud.server import LocalCloud


@pytest.fixture(scope="module")
def stand(own_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    stand = Stand(tmp_path_factory.mktemp("waits"), own_cloud)
    stand.enter_catalog(own_cloud)
    yield stand
    stand.close()


@pytest.fixture(scope="module")
def own_cloud() -> Iterator[LocalCloud]:
    with LocalCloud(identity_port=0) as cloud:
        yield cloud


def waiting(transport: str | None = None, **condition: Any) -> dict[str, Any]:
    handle: dict[str, Any] = {"type": "OS::Heat::WaitConditionHandle"}
    if transport:
        handle["properties"] = {"signal_transport": transport}
    wait = {"handle": {"get_resource": "handle"}, "timeout": 60, **condition}
    shown = ("token", "endpoint", "curl_cli", "signal")
    return {
        "heat_template_version": "2018-08-31",
        "resources": {"handle": handle, "wait": {"type": "OS::Heat::WaitCondition", "properties": wait}},
        "outputs": {
            **{name: {"value": {"get_attr": ["handle", name]}} for name in shown},
            "data": {"value": {"get_attr": ["wait", "data"]}},
        },
    }


def begin(stand: Stand, name: str, template: dict[str, Any]) -> str:
    answer = stand.ask("POST", "/stacks", {"stack_name": name, "template": template})
    assert answer.status_code == 201, answer.text
    return f"/stacks/{name}/{answer.json()['stack']['id']}"


def output(stand: Stand, path: str, name: str) -> Any:
    return stand.ask("GET", f"{path}/outputs/{name}").json()["output"]["output_value"]


def made(stand: Stand, path: str, name: str = "handle") -> dict[str, Any]:
    """A resource once it is complete."""
    for _ in range(500):
        resource: dict[str, Any] = stand.ask("GET", f"{path}/resources/{name}").json()["resource"]
        if resource["resource_status"] == "CREATE_COMPLETE":
            return resource
        time.sleep(0.02)
    raise AssertionError(resource)


def test_the_curl_command_of_a_handle_ends_the_wait(stand: Stand) -> None:
    path = begin(stand, "curl", waiting(count=2))
    made(stand, path)
    command = shlex.split(output(stand, path, "curl_cli"))
    for body in ({"status": "SUCCESS", "data": "one", "id": "a"}, {}):
        done = subprocess.run(
            [*command, "-s", "--data-binary", json.dumps(body)], capture_output=True, text=True, timeout=30
        )
        assert "200 OK" in done.stdout, done.stdout
    assert stand.settled(path)["stack_status"] == "CREATE_COMPLETE"
    assert json.loads(output(stand, path, "data")) == {"a": "one", "2": None}
    assert output(stand, path, "signal") == "null"


def test_who_signals_wakes_the_one_who_waits_and_a_repeated_id_counts_once(stand: Stand) -> None:
    path = begin(stand, "repeated", waiting(count=2))
    made(stand, path)
    ring = f"{path}/resources/handle/signal"
    for body in ({"id": 1, "reason": "first"}, {"id": "1", "reason": "again"}):
        assert stand.ask("POST", ring, body).status_code == 200
    time.sleep(0.3)
    assert stand.ask("GET", path).json()["stack"]["stack_status"] == "CREATE_IN_PROGRESS"
    assert stand.ask("POST", ring, {"reason": "second"}).status_code == 200
    assert stand.settled(path)["stack_status"] == "CREATE_COMPLETE"
    kept = stand.ask("GET", f"{path}/resources/handle/metadata").json()["metadata"]
    assert kept == {
        "1": {"status": "SUCCESS", "reason": "again", "data": None},
        "2": {"status": "SUCCESS", "reason": "second", "data": None},
    }


def test_a_failure_fails_the_wait_with_its_reason(stand: Stand) -> None:
    path = begin(stand, "failing", waiting())
    made(stand, path)
    stand.ask("POST", f"{path}/resources/handle/signal", {"status": "FAILURE", "reason": "no disk"})
    stack = stand.settled(path)
    assert stack["stack_status"] == "CREATE_FAILED"
    assert "WaitConditionFailure: resources.wait: no disk" in stack["stack_status_reason"]


def test_a_malformed_signal_is_not_kept(stand: Stand) -> None:
    path = begin(stand, "malformed", waiting(timeout=2))
    made(stand, path)
    for body in ({"status": "PERHAPS"}, {"mood": "good"}):
        stand.ask("POST", f"{path}/resources/handle/signal", body)
    assert stand.ask("GET", f"{path}/resources/handle/metadata").json()["metadata"] == {}
    stack = stand.settled(path)
    assert "WaitConditionTimeout: resources.wait: 0 of 1 received" in stack["stack_status_reason"]


def test_nobody_needs_to_signal_a_handle_without_a_transport(stand: Stand) -> None:
    path = begin(stand, "nobody", waiting("NO_SIGNAL", count=3))
    assert stand.settled(path)["stack_status"] == "CREATE_COMPLETE"
    assert output(stand, path, "signal") == "{}"
    assert output(stand, path, "token") is None


def test_the_user_of_a_handle_signals_with_its_password_and_goes_with_the_stack(
    stand: Stand, own_cloud: LocalCloud
) -> None:
    path = begin(stand, "password", waiting("HEAT_SIGNAL"))
    made(stand, path)
    given = json.loads(output(stand, path, "signal"))
    token = stand.factory.token_of(given["user_id"], given["password"], given["project_id"])
    answer = requests.post(given["alarm_url"], json={"data": 7}, headers={"X-Auth-Token": token}, timeout=30)
    assert answer.status_code == 200, answer.text
    assert stand.settled(path)["stack_status"] == "CREATE_COMPLETE"
    elsewhere = begin(stand, "elsewhere", waiting())
    other = f"{given['alarm_url'].split('/stacks/')[0]}{elsewhere}/resources/handle/signal"
    assert requests.post(other, json={}, headers={"X-Auth-Token": token}, timeout=30).status_code == 404
    assert stand.ask("DELETE", path).status_code == 204
    for _ in range(500):
        if own_cloud.state.get("identity.projects", given["project_id"]) is None:
            break
        time.sleep(0.02)
    assert own_cloud.state.get("identity.users", given["user_id"]) is None
    assert own_cloud.state.get("identity.projects", given["project_id"]) is None


def test_a_suspended_handle_locks_its_user_out(stand: Stand, own_cloud: LocalCloud) -> None:
    path = begin(stand, "locked", waiting("NO_SIGNAL"))
    assert stand.settled(path)["stack_status"] == "CREATE_COMPLETE"
    user = made(stand, path)["physical_resource_id"]
    for action, enabled in (("suspend", False), ("resume", True)):
        assert stand.ask("POST", f"{path}/actions", {action: None}).status_code in (200, 204)
        assert stand.settled(path)["stack_status"] == f"{action.upper()}_COMPLETE"
        assert own_cloud.state.get("identity.users", user)["enabled"] is enabled


def test_more_signals_are_waited_for_after_an_update(stand: Stand) -> None:
    path = begin(stand, "more", waiting())
    made(stand, path)
    ring = f"{path}/resources/handle/signal"
    stand.ask("POST", ring, {})
    assert stand.settled(path)["stack_status"] == "CREATE_COMPLETE"
    assert stand.ask("PUT", path, {"template": waiting(count=2)}).status_code == 202
    time.sleep(0.3)
    assert stand.ask("GET", path).json()["stack"]["stack_status"] == "UPDATE_IN_PROGRESS"
    stand.ask("POST", ring, {})
    assert stand.settled(path)["stack_status"] == "UPDATE_COMPLETE"


def test_something_else_is_no_handle(stand: Stand) -> None:
    template = waiting()
    template["resources"]["handle"] = {"type": "OS::Heat::RandomString"}
    template["outputs"] = {}
    path = begin(stand, "nohandle", template)
    assert "is not a valid wait condition handle." in stand.settled(path)["stack_status_reason"]


def aws(count: int = 1, handle: str = "AWS::CloudFormation::WaitConditionHandle") -> dict[str, Any]:
    wait = {"Handle": {"Ref": "handle"}, "Timeout": "60", "Count": str(count)}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {
            "handle": {"Type": handle},
            "wait": {"Type": "AWS::CloudFormation::WaitCondition", "Properties": wait},
        },
        "Outputs": {
            "url": {"Value": {"Ref": "handle"}},
            "data": {"Value": {"Fn::GetAtt": ["wait", "Data"]}},
        },
    }


def word(identifier: str, **changed: str) -> dict[str, str]:
    return {"Status": "SUCCESS", "Reason": "ready", "Data": "d", "UniqueId": identifier, **changed}


def test_a_signed_url_is_all_that_a_server_needs_to_end_the_wait(stand: Stand) -> None:
    path = begin(stand, "aws-wait", aws(count=2))
    made(stand, path)
    url = output(stand, path, "url")
    assert url.startswith(f"{stand.cfn_endpoint}/waitcondition/arn%3Aopenstack%3Aheat%3A%3A")
    answer = requests.put(url, json=word("a"), timeout=30)
    assert (answer.status_code, answer.text) == (200, "<resource>handle</resource>")
    assert requests.put(url, json=word("b", Data="e"), timeout=30).status_code == 200
    assert stand.settled(path)["stack_status"] == "CREATE_COMPLETE"
    assert json.loads(output(stand, path, "data")) == {"a": "d", "b": "e"}


def test_a_url_that_was_signed_for_something_else_is_refused(stand: Stand) -> None:
    path = begin(stand, "aws-forged", aws())
    made(stand, path)
    url = output(stand, path, "url")
    bent = {
        "IncompleteSignature": url.partition("&Signature=")[0],
        "SignatureDoesNotMatch": url.replace("aws-forged", "aws-forgery"),
        "InvalidClientTokenId": url.replace("AWSAccessKeyId=", "AWSAccessKeyId=0"),
    }
    for code, other in bent.items():
        answer = requests.put(other, json=word("a"), timeout=30)
        assert f"<Code>{code}</Code>" in answer.text, answer.text
        assert answer.status_code in (400, 403)
    assert requests.put(url, data=b"{", timeout=30).status_code == 400
    assert stand.ask("GET", f"{path}/resources/handle/metadata").json()["metadata"] == {}
    assert requests.put(url, json=word("a", Status="FAILURE", Reason="no disk"), timeout=30).status_code == 200
    assert "WaitConditionFailure: resources.wait: no disk" in stand.settled(path)["stack_status_reason"]


def test_a_handle_of_heat_may_be_signalled_by_a_signed_url(stand: Stand) -> None:
    path = begin(stand, "cfn-signal", waiting("CFN_SIGNAL"))
    made(stand, path)
    url = json.loads(output(stand, path, "signal"))["alarm_url"]
    assert requests.put(url, json={"data": "x"}, timeout=30).status_code == 200
    assert stand.settled(path)["stack_status"] == "CREATE_COMPLETE"
    assert json.loads(output(stand, path, "data")) == {"1": "x"}


def test_each_update_replaces_an_update_handle_and_waits_again(stand: Stand) -> None:
    template = aws(handle="OS::Heat::UpdateWaitConditionHandle")
    path = begin(stand, "update-handle", template)
    made(stand, path)
    first = output(stand, path, "url")
    requests.put(first, json=word("a"), timeout=30)
    assert stand.settled(path)["stack_status"] == "CREATE_COMPLETE"
    assert stand.ask("PUT", path, {"template": template}).status_code == 202
    for _ in range(500):
        second = output(stand, path, "url")
        if second != first and str(second).startswith("http"):
            break
        time.sleep(0.02)
    assert stand.ask("GET", path).json()["stack"]["stack_status"] == "UPDATE_IN_PROGRESS"
    assert requests.put(second, json=word("b"), timeout=30).status_code == 200
    assert stand.settled(path)["stack_status"] == "UPDATE_COMPLETE"


def test_lost_answers_of_keystone_leave_one_user_with_one_key(stand: Stand, own_cloud: LocalCloud) -> None:
    for path in ("/v3/projects", "/v3/users", "/v3/credentials"):
        own_cloud.faults.add(service="identity", method="POST", path=path, action="lose")
    stack = begin(stand, "lost-answers", aws())
    user = made(stand, stack)["physical_resource_id"]
    requests.put(output(stand, stack, "url"), json=word("a"), timeout=30)
    assert stand.settled(stack)["stack_status"] == "CREATE_COMPLETE"
    state = own_cloud.state
    project = state.get("identity.users", user)["default_project_id"]
    assert [each["id"] for each in state.find("identity.users", default_project_id=project)] == [user]
    assert stand.ask("DELETE", stack).status_code == 204
    for _ in range(500):
        if state.get("identity.projects", project) is None:
            break
        time.sleep(0.02)
    assert state.get("identity.users", user) is None
    assert state.get("identity.projects", project) is None
