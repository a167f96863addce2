"""How many calls the cloud gets at once: counted where they arrive, over real HTTP, with a real engine that has more threads than calls."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.wire.stand import Stand

from kamado.cloud.limits import CallLimits
from kamado.engine.ports import EngineSettings
from kamado.localcloud.server import LocalCloud
from kamado.localcloud.traffic import most_at_once

VERSION = {"heat_template_version": "2018-08-31"}
PER_SERVICE, PER_PROJECT, MANY = 5, 3, 12
ENGINE = EngineSettings(poll_first=0.02, claim_interval=0.5, worker_threads=16, calls_per_project=PER_PROJECT)
NETS = {"network": "/v2.0/networks*"}


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud(identity_port=0, threads=2 * PER_SERVICE) as running:
        yield running


@pytest.fixture(scope="module")
def stand(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    made = Stand(tmp_path_factory.mktemp("stand"), cloud, limits=CallLimits(in_flight=PER_SERVICE), engine=ENGINE)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def slow(cloud: LocalCloud) -> Iterator[None]:
    """Everything that has to do with networks takes a while, so that whoever may call does so at once."""
    cloud.faults.add(service="network", action="delay", seconds=0.1, times=None)
    yield
    cloud.faults.clear()


def nets(up: bool = True) -> dict[str, Any]:
    net = {"type": "OS::Neutron::Net", "properties": {"admin_state_up": up}}
    return {**VERSION, "resources": {f"n{number}": net for number in range(MANY)}}


def begin(stand: Stand, name: str, template: dict[str, Any], user: str = "demo") -> str:
    answer = stand.ask("POST", "/stacks", {"stack_name": name, "template": template}, user=user)
    assert answer.status_code == 201, answer.text
    return f"/stacks/{name}/{answer.json()['stack']['id']}"


def ended(stand: Stand, path: str, state: str, user: str = "demo") -> None:
    deadline = time.monotonic() + 60
    while True:
        stack = stand.ask("GET", path, user=user).json()["stack"]
        if not stack["stack_status"].endswith("IN_PROGRESS"):
            assert stack["stack_status"] == state, stack["stack_status_reason"]
            return
        assert time.monotonic() < deadline, stack
        time.sleep(0.02)


def most(cloud: LocalCloud, service: str, method: str, project: str | None = None) -> int:
    """At once, of the calls since the log was cleared."""
    calls = [one for one in cloud.log if (one.service, one.method) == (service, method)]
    return most_at_once(one for one in calls if project in (None, one.project_id))


def test_one_project_has_its_share_of_calls_in_flight_whatever_it_does(cloud: LocalCloud, stand: Stand) -> None:
    cloud.log.clear()
    path = begin(stand, "many", nets())
    ended(stand, path, "CREATE_COMPLETE")
    assert most(cloud, "network", "POST") == PER_PROJECT
    assert stand.ask("PUT", path, {"template": nets(up=False)}).status_code == 202
    ended(stand, path, "UPDATE_COMPLETE")
    assert most(cloud, "network", "PUT") == PER_PROJECT
    cloud.log.clear()
    assert stand.ask("POST", f"{path}/actions", {"check": None}).ok
    ended(stand, path, "CHECK_COMPLETE")
    assert most(cloud, "network", "GET") == PER_PROJECT
    # A list that fails has each looked at by a call of its own.
    cloud.faults.clear()
    cloud.faults.add(service="network", method="GET", path="/v2.0/networks", status=500, times=None)
    cloud.faults.add(service="network", action="delay", seconds=0.1, times=None)
    cloud.log.clear()
    assert stand.ask("PUT", path, {"template": nets(up=False), "converge": True}).status_code == 202
    ended(stand, path, "UPDATE_COMPLETE")
    assert most(cloud, "network", "GET") == PER_PROJECT
    assert stand.ask("DELETE", path).status_code == 204
    ended(stand, path, "DELETE_COMPLETE")
    assert most(cloud, "network", "DELETE") == PER_PROJECT


def test_looking_whether_a_thing_is_ready_counts_like_any_call(cloud: LocalCloud, stand: Stand) -> None:
    cloud.faults.add(service="compute", method="GET", path="/v2.1/servers/*", action="delay", seconds=0.1, times=None)
    cloud.faults.build("compute.servers", seconds=0.5)
    cloud.log.clear()
    properties = {"image": "cirros", "flavor": "m1.nano", "networks": [{"allocate_network": "none"}]}
    server = {"type": "OS::Nova::Server", "properties": properties}
    path = begin(stand, "servers", {**VERSION, "resources": {f"s{number}": server for number in range(MANY)}})
    ended(stand, path, "CREATE_COMPLETE")
    polls = [one for one in cloud.log if one.method == "GET" and one.path.startswith("/v2.1/servers/")]
    assert len(polls) >= MANY
    assert most_at_once(polls) == PER_PROJECT


def test_all_projects_together_have_no_more_than_a_service_may_get(cloud: LocalCloud, stand: Stand) -> None:
    cloud.log.clear()
    users = ("demo", "alt_demo", "admin")
    paths = {user: begin(stand, "many", nets(), user) for user in users}
    for user, path in paths.items():
        ended(stand, path, "CREATE_COMPLETE", user)
    assert most(cloud, "network", "POST") == PER_SERVICE
    for user in users:
        assert 1 < most(cloud, "network", "POST", stand.token(user)[1]) <= PER_PROJECT


def test_a_project_whose_calls_hang_does_not_keep_another_waiting(cloud: LocalCloud, stand: Stand) -> None:
    cloud.faults.clear()
    cloud.faults.add(service="network", method="POST", path="/v2.0/networks", action="delay", seconds=4, times=None)
    path = begin(stand, "hangs", nets())
    deadline = time.monotonic() + 30
    while most(cloud, "network", "POST") < PER_PROJECT:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    router = {"type": "OS::Neutron::Router"}
    other = begin(stand, "quick", {**VERSION, "resources": {"a": router, "b": router}}, "alt_demo")
    ended(stand, other, "CREATE_COMPLETE", "alt_demo")
    assert stand.ask("GET", path).json()["stack"]["stack_status"] == "CREATE_IN_PROGRESS"
    served = [one for one in cloud.log if one.path.startswith("/v2.0/routers") and one.method == "POST"]
    first = min(one.began for one in cloud.log if one.path == "/v2.0/networks" and one.method == "POST")
    assert max(one.ended for one in served) < first + 4 * 3  # long before the last of the others, which come by threes
    cloud.faults.clear()
    assert stand.ask("DELETE", path).status_code == 204
    ended(stand, path, "DELETE_COMPLETE")


def test_services_do_not_share_a_bound(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> None:
    engine = EngineSettings(worker_threads=16)
    one = Stand(tmp_path_factory.mktemp("two"), cloud, limits=CallLimits(in_flight=3), engine=engine)
    try:
        cloud.faults.add(service="blockstorage", action="delay", seconds=0.1, times=None)
        volume = {"type": "OS::Cinder::Volume", "properties": {"size": 1}}
        volumes = {f"v{number}": volume for number in range(8)}
        cloud.log.clear()
        path = begin(one, "both", {**VERSION, "resources": nets()["resources"] | volumes})
        ended(one, path, "CREATE_COMPLETE")
        assert most(cloud, "network", "POST") == 3
        assert most(cloud, "blockstorage", "POST") == 3
        assert most_at_once(call for call in cloud.log if call.service in ("network", "blockstorage")) > 3
    finally:
        one.close()
