"""A cloud that is busy, away, or slow to build: waited for as it asks, asked again spread out, less and less often, by one call.

Counted and timed where the calls arrive (`LocalCloud.log`), over real HTTP, with a real engine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.wire.stand import Stand
from tests.wire_cutter import WireCutter

from kamado.cloud.limits import CallLimits
from kamado.engine.ports import EngineSettings
from kamado.localcloud.server import LocalCloud
from kamado.localcloud.traffic import Served

VERSION = {"heat_template_version": "2018-08-31"}
MANY = 12
ENGINE = EngineSettings(poll_first=0.1, claim_interval=0.5, worker_threads=16, retry_first=0.2)
WAITS = {
    "in the call": CallLimits(first_wait=0.1),
    "by the engine": CallLimits(first_wait=0.1, longest_wait=0.5),
}
"""Where a wait of a second or two takes place."""


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud(identity_port=0, threads=16) as running:
        yield running


@pytest.fixture(scope="module", params=WAITS)
def stand(cloud: LocalCloud, request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Stand]:
    made = Stand(tmp_path_factory.mktemp("stand"), cloud, limits=WAITS[request.param], engine=ENGINE)
    yield made
    made.close()


@pytest.fixture(scope="module")
def wire(cloud: LocalCloud) -> Iterator[WireCutter]:
    there = urlsplit(cloud.urls["network"])
    with WireCutter(str(there.hostname), there.port or 0) as wire:
        yield wire


@pytest.fixture(scope="module")
def wired(cloud: LocalCloud, wire: WireCutter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """One whose way to Neutron can be cut."""
    endpoints = {"network": f"http://127.0.0.1:{wire.port}"}
    limits = CallLimits(first_wait=0.1, attempts=2)
    engine = replace(ENGINE, poll_first=0.5)
    made = Stand(tmp_path_factory.mktemp("wired"), cloud, limits=limits, engine=engine, endpoints=endpoints)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def in_order(cloud: LocalCloud) -> Iterator[None]:
    cloud.log.clear()
    yield
    cloud.faults.clear()


def many(kind: str, count: int = MANY, **properties: Any) -> dict[str, Any]:
    return {**VERSION, "resources": {f"r{number}": {"type": kind, "properties": properties} for number in range(count)}}


def begin(stand: Stand, template: dict[str, Any]) -> str:
    name = f"s{time.monotonic_ns()}"
    answer = stand.ask("POST", "/stacks", {"stack_name": name, "template": template})
    assert answer.status_code == 201, answer.text
    return f"/stacks/{name}/{answer.json()['stack']['id']}"


def ended(stand: Stand, path: str, state: str = "CREATE_COMPLETE") -> None:
    stack = stand.settled(path)
    assert stack["stack_status"] == state, stack["stack_status_reason"]


def removed(stand: Stand, path: str) -> None:
    assert stand.ask("DELETE", path).status_code == 204
    ended(stand, path, "DELETE_COMPLETE")


def calls(cloud: LocalCloud, method: str, path: str) -> list[Served]:
    """To that very path, whatever its query."""
    return [one for one in cloud.log if (one.method, one.path.partition("?")[0]) == (method, path)]


def _seconds() -> tuple[str, Callable[[Served], float]]:
    """What Retry-After says, and the moment of `time.monotonic` before which nobody may ask again."""
    return "1", lambda refused: refused.ended + 1


def _date() -> tuple[str, Callable[[Served], float]]:
    now = datetime.now(UTC)
    until = now.replace(microsecond=0) + timedelta(seconds=3)
    moment = time.monotonic() + (until - now).total_seconds()
    return format_datetime(until, usegmt=True), lambda _: moment - 0.1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("wish", [_seconds, _date])
def test_who_asks_to_be_left_alone_is(cloud: LocalCloud, stand: Stand, status: int, wish: Any) -> None:
    network = {"service": "network", "path": "/v2.0/networks*", "status": status}
    net = {**VERSION, "resources": {"n": {"type": "OS::Neutron::Net"}}}
    path = ""
    for method in ("POST", "DELETE"):
        told, soonest = wish()
        fault = cloud.faults.add(**network, method=method, headers={"Retry-After": told, "Date": ""})
        path = path or begin(stand, net)
        if method == "DELETE":
            removed(stand, path)
        ended(stand, path, "CREATE_COMPLETE" if method == "POST" else "DELETE_COMPLETE")
        first, second = [one for one in cloud.log if one.service == "network" and one.method == method]
        assert (first.status, second.status < 300) == (status, True)
        assert soonest(first) <= second.began < soonest(first) + 20
        cloud.faults.remove(fault)


def test_of_many_of_one_name_whose_answers_are_lost_each_row_finds_its_own(cloud: LocalCloud, stand: Stand) -> None:
    net = {"type": "OS::Neutron::Net"}
    nets = {"a": net, "b": net}
    ports = {
        f"{letter}{number}": {
            "type": "OS::Neutron::Port",
            "properties": {"network": {"get_resource": letter}, "name": "one name"},
        }
        for letter in nets
        for number in range(MANY)
    }
    cloud.faults.add(service="network", method="POST", path="/v2.0/ports", action="lose", times=2 * MANY)
    path = begin(stand, {**VERSION, "resources": nets | ports})
    ended(stand, path)
    assert len(calls(cloud, "POST", "/v2.0/ports")) == 2 * MANY, "none was made again"
    rows = {row["resource_name"]: row for row in stand.ask("GET", f"{path}/resources").json()["resources"]}
    assert len({rows[name]["physical_resource_id"] for name in ports}) == 2 * MANY
    for name in ports:
        shown = stand.ask("GET", f"{path}/resources/{name}").json()["resource"]["attributes"]
        assert shown["network_id"] == rows[name[0]]["physical_resource_id"]
    removed(stand, path)


def test_those_who_were_sent_away_together_do_not_come_back_together(cloud: LocalCloud, stand: Stand) -> None:
    cloud.faults.add(
        service="network", method="POST", path="/v2.0/networks", status=503, headers={"Retry-After": "3"}, times=MANY
    )
    path = begin(stand, many("OS::Neutron::Net"))
    ended(stand, path)
    posts = calls(cloud, "POST", "/v2.0/networks")
    refused, made = ([one for one in posts if one.status == status] for status in (503, 201))
    assert (len(refused), len(made)) == (MANY, MANY)
    assert min(one.began for one in made) - min(one.ended for one in refused) >= 3
    # They were refused within some hundredths of a second; each waits for up to a fifth longer than it must.
    came = sorted(one.began for one in made)
    assert came[-1] - came[0] > 0.2
    removed(stand, path)


def test_keystone_is_waited_for_too(cloud: LocalCloud, wired: Stand) -> None:
    assert wired.ask("GET", "/stacks").status_code == 200  # who checks tokens has one of its own by now
    told = {"status": 503, "headers": {"Retry-After": "1"}}
    cloud.faults.add(service="identity", method="POST", path="/v3/auth/tokens", **told)
    with_trust = begin(wired, many("OS::Neutron::Net", 1))
    ended(wired, with_trust)
    # The other one goes on with the trust that is there, in a session whose token has died.
    for cloud_kept in list(wired.factory._clouds.values()):
        cloud_kept.session.invalidate()
    cloud.faults.add(service="identity", method="POST", path="/v3/auth/tokens", **told)
    cloud.log.clear()
    assert wired.ask("DELETE", with_trust).status_code == 204
    ended(wired, with_trust, "DELETE_COMPLETE")
    asked = calls(cloud, "POST", "/v3/auth/tokens")
    refused = next(one for one in asked if one.status == 503)
    assert min(one.began for one in asked if one.began > refused.began) - refused.ended >= 1


def test_nothing_is_lost_or_made_twice_while_a_service_is_away(
    cloud: LocalCloud, wired: Stand, wire: WireCutter
) -> None:
    cloud.faults.add(service="network", method="POST", path="/v2.0/networks", action="delay", seconds=0.1, times=None)
    path = begin(wired, many("OS::Neutron::Net"))
    deadline = time.monotonic() + 30
    while not calls(cloud, "POST", "/v2.0/networks"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    wire.cut()  # some requests are on their way, the answers of others will be lost
    time.sleep(1.5)
    wire.mend()
    ended(wired, path)
    rows = wired.ask("GET", f"{path}/resources").json()["resources"]
    ids = {row["physical_resource_id"] for row in rows}
    project = wired.token("demo")[1]
    nets = cloud.state.find("network.networks", project_id=project)
    assert len(ids) == MANY
    assert ids == {net["id"] for net in nets if net["name"].startswith(path.split("/")[2])}
    assert wired.ask("DELETE", path).status_code == 204
    wire.cut()
    time.sleep(1)
    wire.mend()
    ended(wired, path, "DELETE_COMPLETE")


def test_looks_come_less_and_less_often(cloud: LocalCloud, wired: Stand) -> None:
    cloud.faults.build("blockstorage.volumes", seconds=5)
    path = begin(wired, many("OS::Cinder::Volume", 1, size=1))
    ended(wired, path)
    looks = [one.began for one in cloud.log if one.service == "blockstorage" and one.method == "GET"]
    gaps = [later - sooner for sooner, later in pairwise(looks)]
    assert 3 <= len(gaps) <= 8
    assert gaps[-1] > 1.5 * gaps[0]
    assert all(
        later > sooner * 0.75 for sooner, later in pairwise(gaps)
    )  # they are due on a grid, each up to half as much later
    removed(wired, path)


@pytest.mark.parametrize("answer", [{"status": 503, "headers": {"Retry-After": "1"}}, {"action": "drop"}])
def test_a_list_that_is_refused_does_not_bring_a_call_for_each(
    cloud: LocalCloud, wired: Stand, answer: dict[str, Any]
) -> None:
    cloud.faults.build("blockstorage.volumes", seconds=3)
    cloud.faults.add(service="blockstorage", method="GET", path="*/volumes/detail", times=5, **answer)
    path = begin(wired, many("OS::Cinder::Volume", size=1))
    ended(wired, path)
    looks = [one for one in cloud.log if one.service == "blockstorage" and one.method == "GET"]
    lists = [one for one in looks if "/detail" in one.path]
    assert 5 < len(lists) <= 16
    # Those who are refused together ask again together; a few may have come too late to be among them.
    assert len([one for one in looks if one not in lists and one.began > lists[0].ended]) <= MANY // 2
    removed(wired, path)


def test_a_list_that_is_refused_for_a_while_does_not_bring_a_call_for_each_to_who_looks_around(
    cloud: LocalCloud, wired: Stand
) -> None:
    template = many("OS::Neutron::Net")
    path = begin(wired, template)
    ended(wired, path)
    cloud.log.clear()
    cloud.faults.add(service="network", method="GET", path="/v2.0/networks", status=503, times=3)
    assert wired.ask("PUT", path, {"template": template, "converge": True}).status_code == 202
    ended(wired, path, "UPDATE_COMPLETE")
    found = [one for one in cloud.log if one.service == "network"]
    assert [(one.method, one.status) for one in found] == [("GET", 503)] * 3 + [("GET", 200)]
    removed(wired, path)


def test_an_update_calls_for_what_it_touches_only(cloud: LocalCloud, wired: Stand) -> None:
    server = {"type": "OS::Nova::Server", "properties": {"image": "cirros", "flavor": "m1.tiny", "networks": []}}

    def template(name: str) -> dict[str, Any]:
        resources = {
            "net": {"type": "OS::Neutron::Net"},
            "subnet": {
                "type": "OS::Neutron::Subnet",
                "properties": {"network": {"get_resource": "net"}, "cidr": "10.8.0.0/24"},
            },
            "port": {
                "type": "OS::Neutron::Port",
                "depends_on": "subnet",
                "properties": {"network": {"get_resource": "net"}},
            },
            "volume": {"type": "OS::Cinder::Volume", "properties": {"size": 1, "name": name}},
            "server": {
                **server,
                "properties": {**server["properties"], "networks": [{"port": {"get_resource": "port"}}]},
            },
            "address": {"type": "OS::Heat::Value", "properties": {"value": {"get_attr": ["server", "first_address"]}}},
        }
        return {**VERSION, "resources": resources}

    path = begin(wired, template("old"))
    ended(wired, path)
    cloud.log.clear()
    assert wired.ask("PUT", path, {"template": template("old")}).status_code == 202
    ended(wired, path, "UPDATE_COMPLETE")
    assert [one for one in cloud.log if one.service != "identity"] == []
    volume = wired.ask("GET", f"{path}/resources/volume").json()["resource"]["physical_resource_id"]
    cloud.log.clear()
    assert wired.ask("PUT", path, {"template": template("new")}).status_code == 202
    ended(wired, path, "UPDATE_COMPLETE")
    touched = [one for one in cloud.log if one.service != "identity"]
    assert {one.method for one in touched} >= {"PUT"}
    assert all(volume in one.path for one in touched)
    assert len(touched) <= 3
    removed(wired, path)
