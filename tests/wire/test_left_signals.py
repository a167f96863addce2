"""Signals that servers leave in the cloud instead of bringing them: in objects by temporary URLs, in queues."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from tests.wire.stand import Stand

from kamado.localcloud.server import LocalCloud


@pytest.fixture(scope="module")
def own_cloud() -> Iterator[LocalCloud]:
    with LocalCloud(identity_port=0) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def stand(own_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    stand = Stand(tmp_path_factory.mktemp("left"), own_cloud)
    stand.enter_catalog(own_cloud)
    yield stand
    stand.close()


def begin(stand: Stand, name: str, template: dict[str, Any]) -> str:
    answer = stand.ask("POST", "/stacks", {"stack_name": name, "template": template})
    assert answer.status_code == 201, answer.text
    return f"/stacks/{name}/{answer.json()['stack']['id']}"


def output(stand: Stand, path: str, name: str) -> Any:
    return stand.ask("GET", f"{path}/outputs/{name}").json()["output"].get("output_value")


def soon(look: Callable[[], Any]) -> Any:
    """What it gives once that is something."""
    for _ in range(1500):
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen")


def swift(count: int = 1, timeout: int = 60) -> dict[str, Any]:
    wait = {"handle": {"get_resource": "handle"}, "timeout": timeout, "count": count}
    return {
        "heat_template_version": "2018-08-31",
        "resources": {
            "handle": {"type": "OS::Heat::SwiftSignalHandle"},
            "wait": {"type": "OS::Heat::SwiftSignal", "properties": wait},
        },
        "outputs": {
            "url": {"value": {"get_resource": "handle"}},
            "curl": {"value": {"get_attr": ["handle", "curl_cli"]}},
            "token": {"value": {"get_attr": ["handle", "token"]}},
            "endpoint": {"value": {"get_attr": ["handle", "endpoint"]}},
            "data": {"value": {"get_attr": ["wait", "data"]}},
        },
    }


def url_of(stand: Stand, path: str) -> str:
    def look() -> str:
        found = str(output(stand, path, "url"))
        return found if found.startswith("http") else ""

    return str(soon(look))


def write(url: str, *bodies: Any) -> None:
    for body in bodies:
        answer = requests.put(url, data=body if isinstance(body, str) else json.dumps(body), timeout=30)
        assert answer.status_code == 201, answer.text


def gone(stand: Stand, path: str) -> None:
    assert stand.ask("DELETE", path).status_code == 204
    for _ in range(1500):
        answer = stand.ask("GET", path)
        status = "" if answer.status_code == 404 else answer.json()["stack"]["stack_status"]
        if status in ("", "DELETE_COMPLETE"):
            return
        assert status != "DELETE_FAILED", answer.json()["stack"]["stack_status_reason"]
        time.sleep(0.02)
    raise AssertionError(f"{path} is still there")


# What a real Heat makes of the same bodies, seen on a real Swift.
@pytest.mark.parametrize(
    ("count", "bodies", "status", "reason", "data"),
    [
        (
            2,
            [
                {"status": "SUCCESS", "reason": "r1", "data": "d1", "id": "1"},
                {"data": {"a": 1}, "id": "2"},
            ],
            "CREATE_COMPLETE",
            "",
            {"1": "d1", "2": {"a": 1}},
        ),
        (2, [{"data": "x"}, {"data": "y"}], "CREATE_COMPLETE", "", {"1": "x", "2": "y"}),
        (
            2,
            [{"id": "1", "data": "x"}, {"id": "1", "data": "y"}, {"id": "2", "data": "z"}],
            "CREATE_COMPLETE",
            "",
            {"1": "y", "2": "z"},
        ),
        (2, ["", ""], "CREATE_COMPLETE", "", {"1": None, "2": None}),
        (
            3,
            [{"data": "x", "id": "2"}, {"data": "y"}, {"data": "z"}],
            "CREATE_COMPLETE",
            "",
            {"2": "x", "3": "y", "4": "z"},
        ),
        (1, [{"status": "SUCCESS", "mood": "good", "data": ["l"]}], "CREATE_COMPLETE", "", {"1": ["l"]}),
        (1, [{"data": 5, "id": 7}], "CREATE_COMPLETE", "", {"7": 5}),
        (
            2,
            [{"status": "FAILURE", "reason": "no disk", "data": "d"}],
            "CREATE_FAILED",
            "SwiftSignalFailure: resources.wait: no disk",
            {"1": "d"},
        ),
        (1, ["nope"], "CREATE_FAILED", "Error: resources.wait: Failed to parse JSON data: nope", None),
        (1, [{"status": "PERHAPS"}], "CREATE_FAILED", "Error: resources.wait: Unknown status: PERHAPS", {"1": None}),
    ],
)
def test_what_is_written_to_a_handle_ends_the_wait(
    stand: Stand, count: int, bodies: list[Any], status: str, reason: str, data: Any
) -> None:
    path = begin(stand, f"swift-{uuid.uuid4().hex[:8]}", swift(count))
    write(url_of(stand, path), *bodies)
    stack = stand.settled(path, 60)
    assert stack["stack_status"] == status, stack["stack_status_reason"]
    assert reason in stack["stack_status_reason"]
    told = output(stand, path, "data")
    assert (None if told is None else json.loads(told)) == data
    gone(stand, path)


def test_a_handle_tells_how_to_write_to_it_and_leaves_nothing_behind(stand: Stand, own_cloud: LocalCloud) -> None:
    path = begin(stand, "swift-handle", swift())
    url = url_of(stand, path)
    assert output(stand, path, "endpoint") == url
    assert output(stand, path, "token") == ""
    assert output(stand, path, "curl") == f"curl -i -X PUT '{url}'"
    stack_id = path.rpartition("/")[2]
    resource = stand.ask("GET", f"{path}/resources/handle").json()["resource"]
    where = f"{own_cloud.urls['objectstore']}/v1/AUTH_{stand.token('demo')[1]}/{stack_id}"
    assert url.startswith(f"{where}/{resource['physical_resource_id']}?temp_url_sig=")
    headers = {"X-Auth-Token": stand.token("demo")[0]}
    shown = requests.head(where, headers=headers, timeout=30).headers
    assert shown["X-Versions-Location"] == stack_id
    write(url, {}, {})
    assert stand.settled(path)["stack_status"] == "CREATE_COMPLETE"
    assert requests.get(where, headers=headers, timeout=30).text.count("\n") == 3
    gone(stand, path)
    assert requests.head(where, headers=headers, timeout=30).status_code == 404


def test_a_wait_for_what_is_never_written_ends_in_time(stand: Stand) -> None:
    path = begin(stand, "swift-late", swift(3, timeout=2))
    write(url_of(stand, path), {"reason": "one"}, {"status": "SUCCESS"})
    reason = stand.settled(path, 60)["stack_status_reason"]
    assert "SwiftSignalTimeout: resources.wait: 2 of 3 received - one;Signal 2 received" in reason
    gone(stand, path)


def test_something_else_is_no_handle_to_write_to(stand: Stand) -> None:
    template = swift()
    template["resources"]["wait"]["properties"]["handle"] = "http://somewhere/else"
    path = begin(stand, "swift-nohandle", template)
    assert "http://somewhere/else" in stand.settled(path)["stack_status_reason"]
    gone(stand, path)


def test_an_account_keeps_the_key_that_it_has(stand: Stand, own_cloud: LocalCloud) -> None:
    token, project = stand.token("alt_demo")
    account = f"{own_cloud.urls['objectstore']}/v1/AUTH_{project}"
    headers = {"X-Auth-Token": token}
    requests.post(account, headers={**headers, "X-Account-Meta-Temp-URL-Key": "mine"}, timeout=30)
    answer = stand.ask("POST", "/stacks", {"stack_name": "key", "template": swift()}, user="alt_demo")
    path = f"/stacks/key/{answer.json()['stack']['id']}"

    def look() -> str:
        told = stand.ask("GET", f"{path}/outputs/url", user="alt_demo").json()["output"].get("output_value")
        return told if str(told).startswith("http") else ""

    write(soon(look), {})
    soon(lambda: stand.ask("GET", path, user="alt_demo").json()["stack"]["stack_status"] == "CREATE_COMPLETE")
    assert requests.head(account, headers=headers, timeout=30).headers["X-Account-Meta-Temp-URL-Key"] == "mine"


def test_handles_that_are_made_at_once_agree_on_the_key(own_cloud: LocalCloud, stand: Stand) -> None:
    token, project = stand.token("demo")
    account = f"{own_cloud.urls['objectstore']}/v1/AUTH_{project}"
    requests.post(account, headers={"X-Auth-Token": token, "X-Account-Meta-Temp-URL-Key": ""}, timeout=30)
    names = [f"h{number}" for number in range(8)]
    template = {
        "heat_template_version": "2018-08-31",
        "resources": {name: {"type": "OS::Heat::SwiftSignalHandle"} for name in names},
        "outputs": {name: {"value": {"get_resource": name}} for name in names},
    }
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(lambda name: begin(stand, name, template), ("agree-one", "agree-two")))
    for path in paths:
        assert stand.settled(path, 60)["stack_status"] == "CREATE_COMPLETE"
        for name in names:
            write(output(stand, path, name), {})
        gone(stand, path)


def waiting(transport: str, count: int = 2, timeout: int = 60) -> dict[str, Any]:
    wait = {"handle": {"get_resource": "handle"}, "timeout": timeout, "count": count}
    return {
        "heat_template_version": "2018-08-31",
        "resources": {
            "handle": {"type": "OS::Heat::WaitConditionHandle", "properties": {"signal_transport": transport}},
            "wait": {"type": "OS::Heat::WaitCondition", "properties": wait},
        },
        "outputs": {
            "signal": {"value": {"get_attr": ["handle", "signal"]}},
            "data": {"value": {"get_attr": ["wait", "data"]}},
        },
    }


def signal_of(stand: Stand, path: str) -> dict[str, Any]:
    found: dict[str, Any] = soon(lambda: json.loads(output(stand, path, "signal") or "null"))
    return found


def post(stand: Stand, own_cloud: LocalCloud, given: dict[str, Any], *bodies: Any) -> str:
    """Puts messages into the queue as the handle's user; the queue's address."""
    token = stand.factory.token_of(given["user_id"], given["password"], given["project_id"])
    queue = f"{own_cloud.urls['messaging']}/v2/queues/{given['queue_id']}"
    headers = {"X-Auth-Token": token, "Client-ID": str(uuid.uuid4())}
    for body in bodies:
        answer = requests.post(
            f"{queue}/messages", json={"messages": [{"body": body, "ttl": 300}]}, headers=headers, timeout=30
        )
        assert answer.status_code == 201, answer.text
    return queue


@pytest.mark.parametrize("transport", ["TEMP_URL_SIGNAL", "ZAQAR_SIGNAL"])
@pytest.mark.parametrize(
    ("count", "bodies", "status", "reason", "kept"),
    [
        (2, [{"data": "x"}, {"data": "y"}], "CREATE_COMPLETE", "", {"1": "x", "2": "y"}),
        (2, [{"id": "a", "data": 1}, {"id": "a", "data": 2}, {"id": "b"}], "CREATE_COMPLETE", "", {"a": 2, "b": None}),
        (1, [[1], {"mood": "good"}, {"status": "PERHAPS"}, {"data": 3}], "CREATE_COMPLETE", "", {"1": 3}),
        (2, [{"status": "FAILURE", "reason": "no disk"}], "CREATE_FAILED", "WaitConditionFailure: resources.wait: no disk", {"1": None}),
    ],
)  # fmt: skip
def test_signals_that_are_left_for_a_handle_end_the_wait(
    stand: Stand,
    own_cloud: LocalCloud,
    transport: str,
    count: int,
    bodies: list[Any],
    status: str,
    reason: str,
    kept: dict[str, Any],
) -> None:
    path = begin(stand, f"left-{uuid.uuid4().hex[:8]}", waiting(transport, count))
    given = signal_of(stand, path)
    if transport == "TEMP_URL_SIGNAL":
        write(given["alarm_url"], *bodies)
    else:
        post(stand, own_cloud, given, *bodies)
    stack = stand.settled(path, 60)
    assert stack["stack_status"] == status, stack["stack_status_reason"]
    assert reason in stack["stack_status_reason"]
    assert json.loads(output(stand, path, "data")) == kept
    metadata = stand.ask("GET", f"{path}/resources/handle/metadata").json()["metadata"]
    assert {key: signal["data"] for key, signal in metadata.items()} == kept
    gone(stand, path)
    assert not list(own_cloud.state.all("messaging.queues"))
    assert not list(own_cloud.state.all("messaging.messages"))


def test_signals_that_came_before_anybody_waited_count(stand: Stand, own_cloud: LocalCloud) -> None:
    template = waiting("ZAQAR_SIGNAL")
    wait = template["resources"].pop("wait")
    del template["outputs"]["data"]
    path = begin(stand, "early", template)
    assert stand.settled(path)["stack_status"] == "CREATE_COMPLETE"
    post(stand, own_cloud, signal_of(stand, path), {"data": "x"}, {"data": "y"})
    template["resources"]["wait"] = wait
    assert stand.ask("PUT", path, {"template": template}).status_code == 202
    assert stand.settled(path)["stack_status"] == "UPDATE_COMPLETE"
    gone(stand, path)


def test_more_signals_are_waited_for_after_an_update(stand: Stand, own_cloud: LocalCloud) -> None:
    path = begin(stand, "more-left", waiting("TEMP_URL_SIGNAL", 1))
    url = signal_of(stand, path)["alarm_url"]
    write(url, {})
    assert stand.settled(path)["stack_status"] == "CREATE_COMPLETE"
    assert stand.ask("PUT", path, {"template": waiting("TEMP_URL_SIGNAL", 2)}).status_code == 202
    time.sleep(0.3)
    assert stand.ask("GET", path).json()["stack"]["stack_status"] == "UPDATE_IN_PROGRESS"
    write(url, {})
    assert stand.settled(path)["stack_status"] == "UPDATE_COMPLETE"
    gone(stand, path)


def test_nobody_waits_for_what_is_written_to_a_url_that_an_update_has_taken_away(stand: Stand) -> None:
    """The wait of the creation would last an hour; the update wants another one, which has what it waits for at once."""
    template = swift(count=2, timeout=3600)
    path = begin(stand, "vain-swift", template)
    first = url_of(stand, path)
    write(first, {})
    soon(
        lambda: stand.ask("GET", f"{path}/resources/wait").json()["resource"]["resource_status"] == "CREATE_IN_PROGRESS"
    )
    wanted = swift(count=1, timeout=3600)
    wanted["resources"]["other"] = wanted["resources"].pop("handle")
    wanted["resources"]["wait"]["properties"]["handle"] = {"get_resource": "other"}
    wanted["outputs"] = {"url": {"value": {"get_resource": "other"}}}
    assert stand.ask("PUT", path, {"template": wanted}).status_code == 202
    second = soon(lambda: (found := url_of(stand, path)) != first and found)
    write(second, {"data": "x"})
    assert stand.settled(path)["stack_status"] == "UPDATE_COMPLETE"
    history = stand.ask("GET", f"{path}/resources/wait/events").json()["events"]
    assert [event["resource_status"] for event in history].count("CREATE_COMPLETE") == 1
    gone(stand, path)


def test_a_wait_that_an_update_leaves_alone_goes_on(stand: Stand) -> None:
    template = swift(count=2, timeout=3600)
    path = begin(stand, "goes-on-swift", template)
    url = url_of(stand, path)
    write(url, {})
    template["resources"]["besides"] = {"type": "OS::Heat::Value", "properties": {"value": 1}}
    assert stand.ask("PUT", path, {"template": template}).status_code == 202
    soon(lambda: stand.ask("GET", f"{path}/resources/besides").status_code == 200)
    assert url_of(stand, path) == url
    write(url, {})
    assert stand.settled(path)["stack_status"] == "UPDATE_COMPLETE"
    gone(stand, path)


def test_a_queue_that_cannot_be_read_for_a_while_costs_time_only(stand: Stand, own_cloud: LocalCloud) -> None:
    path = begin(stand, "weather", waiting("ZAQAR_SIGNAL", 1))
    given = signal_of(stand, path)
    own_cloud.faults.add(service="messaging", method="GET", status=503, times=3)
    own_cloud.faults.add(service="messaging", method="DELETE", action="lose", times=1)
    post(stand, own_cloud, given, {"data": "x"})
    assert stand.settled(path, 60)["stack_status"] == "CREATE_COMPLETE"
    assert json.loads(output(stand, path, "data")) == {"1": "x"}
    gone(stand, path)


def test_lost_answers_of_the_object_store_leave_one_object(stand: Stand, own_cloud: LocalCloud) -> None:
    for method in ("PUT", "POST", "DELETE"):
        own_cloud.faults.add(service="objectstore", method=method, action="lose", times=2)
    path = begin(stand, "lost-swift", swift())
    write(url_of(stand, path), {})
    assert stand.settled(path, 60)["stack_status"] == "CREATE_COMPLETE"
    gone(stand, path)
    assert not own_cloud.state.find(
        "objectstore.objects", container=f"{stand.token('demo')[1]}/{path.rpartition('/')[2]}"
    )
