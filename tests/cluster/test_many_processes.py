"""Some APIs and engines over one database and one broker: the work is shared, woken at once, and survives any of them.

What takes long by its nature (many engines, a minute without a broker) is marked, and runs by `make test-cluster`.
"""

from __future__ import annotations

import signal
import time

import pytest
from tests.cluster.cluster import Cluster, nested, networks, settled
from tests.cluster.conftest import Start
from tests.cluster.processes import until
from tests.scenarios.site import Site
from tests.wire_cutter import WireCutter

SLOW = {"service": "network", "method": "POST", "path": "/v2.0/networks", "action": "delay", "times": None}

FOR_EVER = 3600
"""Seconds of a lease that cannot run out during a test, however busy the machine is."""

long = pytest.mark.cluster
pytestmark = pytest.mark.servers
"""The queue is looked at every hour only, unless a test says otherwise: all else is done because somebody was woken."""


def made_once(cluster: Cluster, site: Site, count: int) -> None:
    """There is each network once, and each line of history."""
    counts = cluster.names(site)
    assert len(counts) == count
    assert set(counts.values()) == {1}, "no duplicate"
    assert set(cluster.events().values()) == {1}, "no event doubled"


@pytest.mark.parametrize("engines", [2, pytest.param(3, marks=long)])
def test_the_life_of_stacks_with_two_apis_and_some_engines(start: Start, engines: int) -> None:
    """That it takes less than an hour shows that wake-ups arrive, also those of children."""
    cluster = start(lease_seconds=FOR_EVER)
    sites = [cluster.api(), cluster.api()]
    cluster.engines(engines)
    names = [f"s{number}" for number in range(2 * engines)]
    other = sites[::-1]
    for place, name in enumerate(names):
        sites[place % 2].create(name, networks(4))
    assert set(settled(other, names).values()) == {"CREATE_COMPLETE"}, cluster.log()
    for place, name in enumerate(names):
        sites[place % 2].heat.stacks.update(name, template=networks(4, admin_state_up=False))
    assert set(settled(other, names).values()) == {"UPDATE_COMPLETE"}, cluster.log()
    made_once(cluster, sites[0], 4 * len(names))
    for place, name in enumerate(names):
        sites[place % 2].heat.stacks.delete(name)
    for name in names:
        other[0].gone(name)
    assert cluster.names(sites[0]) == {}
    assert set(cluster.events().values()) == {1}
    assert cluster.finished() == {"DONE": 3 * len(names)}
    assert [one.status for one in cluster.site("admin").heat.services.list()] == ["up"] * engines


def test_an_engine_that_is_killed_is_replaced(start: Start) -> None:
    cluster = start(claim_interval=0.5, lease_seconds=4)
    site = cluster.api()
    engines = cluster.engines(2)
    cluster.cloud.faults.add(**SLOW, seconds=0.3)
    names = [f"s{number}" for number in range(4)]
    for name in names:
        site.create(name, networks(6))
    until(lambda: sum(cluster.names(site).values()) >= 4, cluster.log)
    max(engines, key=lambda engine: cluster.at_work()[engine.pid]).kill()
    assert set(settled([site], names).values()) == {"CREATE_COMPLETE"}, cluster.log()
    made_once(cluster, site, 24)
    for name in names:
        site.heat.stacks.delete(name)
    for name in names:
        site.gone(name)
    assert cluster.names(site) == {}, "no orphan"


def test_a_sleeper_that_wakes_after_its_lease_changes_nothing(start: Start) -> None:
    cluster = start(claim_interval=0.5, lease_seconds=3)
    site = cluster.api()
    sleeper = cluster.engine()
    cluster.cloud.faults.add(**SLOW, seconds=0.3)
    site.create("s", networks(9))
    until(lambda: sum(cluster.names(site).values()) >= 2, cluster.log)
    sleeper.pause()
    cluster.engine()
    assert settled([site], ["s"]) == {"s": "CREATE_COMPLETE"}, cluster.log()
    before = cluster.events(), cluster.names(site)
    sleeper.go_on()
    until(lambda: "lease lost" in sleeper.said(), sleeper.said)
    assert (cluster.events(), cluster.names(site)) == before
    made_once(cluster, site, 9)
    cluster.cloud.faults.clear()
    site.create("t", networks(3))
    assert settled([site], ["t"]) == {"t": "CREATE_COMPLETE"}, cluster.log()


@pytest.mark.parametrize("seconds", [0, pytest.param(60, marks=long)])
def test_everything_goes_on_while_the_broker_is_away(start: Start, wire: WireCutter, seconds: float) -> None:
    cluster = start(claim_interval=0.5, lease_seconds=FOR_EVER)
    site = cluster.api()
    cluster.engines(2)
    site.create("before", networks(3))
    wire.cut()
    end = time.monotonic() + seconds
    names = ["before"]
    while len(names) < 4 or time.monotonic() < end:
        names.append(f"s{len(names)}")
        site.create(names[-1], networks(3))
        assert settled([site], names[-1:]) == {names[-1]: "CREATE_COMPLETE"}, cluster.log()
    third = cluster.engine()  # one that has never met the broker
    site.create("late", networks(3))
    wire.mend()
    site.create("after", networks(3))
    names += ["late", "after"]
    assert set(settled([site], names).values()) == {"CREATE_COMPLETE"}, cluster.log()
    assert third.runs
    made_once(cluster, site, 3 * len(names))


@pytest.mark.parametrize("engines", [2, pytest.param(3, marks=long)])
def test_engines_restarted_one_after_the_other_under_load_fail_nothing(start: Start, engines: int) -> None:
    """No lease can run out here: that all work is done shows that each was given back."""
    cluster = start(lease_seconds=FOR_EVER)
    site = cluster.api()
    cluster.cloud.faults.add(**SLOW, seconds=0.3)
    names: list[str] = []
    for turn, old in enumerate(cluster.engines(engines)):
        for number in range(2):
            names.append(f"s{turn}-{number}")
            site.create(names[-1], networks(6))
        until(lambda old=old: cluster.at_work()[old.pid] or not cluster.at_work(), cluster.log)  # type: ignore[misc]
        old.ask_to_end()
        cluster.engine()
        assert old.ended() == 0, old.said()
        assert "Handed over" in old.said()
        assert cluster.at_work()[old.pid] == 0
    assert set(settled([site], names).values()) == {"CREATE_COMPLETE"}, cluster.log()
    assert set(cluster.finished()) == {"DONE"}
    made_once(cluster, site, 6 * len(names))
    assert "lease lost" not in cluster.log()


def test_the_last_engine_hands_over_to_its_successor(start: Start) -> None:
    cluster = start(lease_seconds=FOR_EVER)
    site = cluster.api()
    engine = cluster.engine()
    cluster.cloud.faults.add(**SLOW, seconds=0.3)
    site.create("s", networks(9))
    until(lambda: sum(cluster.names(site).values()) >= 2, cluster.log)
    engine.ask_to_end()
    assert engine.ended() == 0
    assert cluster.at_work() == {0: 1}
    cluster.engine()
    assert settled([site], ["s"]) == {"s": "CREATE_COMPLETE"}, cluster.log()
    made_once(cluster, site, 9)


def test_the_children_of_one_stack_are_spread_over_engines(start: Start) -> None:
    cluster = start(lease_seconds=FOR_EVER)
    site = cluster.api()
    engines = cluster.engines(2)
    cluster.cloud.faults.add(**SLOW, seconds=1)
    template, files = nested(24)
    site.create("tree", template, files=files)
    seen: set[int] = set()

    def all_have_worked() -> bool:
        seen.update(cluster.at_work(nested=True))
        return seen >= {engine.pid for engine in engines}

    until(all_have_worked, cluster.log)
    assert settled([site], ["tree"]) == {"tree": "CREATE_COMPLETE"}, cluster.log()
    made_once(cluster, site, 24)
    site.heat.stacks.delete("tree")
    site.gone("tree")
    assert cluster.names(site) == {}
    assert cluster.finished() == {"DONE": 50}


@long
def test_a_huge_stack_of_one_project_does_not_keep_another_waiting(start: Start) -> None:
    cluster = start(lease_seconds=FOR_EVER, calls_per_project=4)
    site = cluster.api()
    cluster.engines(2)
    cluster.cloud.faults.add(**SLOW, seconds=0.3)
    template, files = nested(400)
    site.create("huge", template, files=files)
    until(lambda: sum(cluster.names(site).values()) >= 20, cluster.log)
    other = cluster.site("alt_demo")
    for number in range(5):
        other.create(f"small{number}", networks(2))
        assert settled([other], [f"small{number}"]) == {f"small{number}": "CREATE_COMPLETE"}
    assert site.heat.stacks.get("huge").stack_status == "CREATE_IN_PROGRESS"
    cluster.cloud.faults.clear()
    assert settled([site], ["huge"]) == {"huge": "CREATE_COMPLETE"}, cluster.log()
    made_once(cluster, site, 400)


@long
@pytest.mark.parametrize("how", ["drain_timeout", "a second signal"])
def test_a_call_that_does_not_end_holds_nobody_up(start: Start, how: str) -> None:
    cluster = start(claim_interval=0.5, lease_seconds=3, drain_timeout=1 if how == "drain_timeout" else 600)
    site = cluster.api()
    engine = cluster.engine()
    cluster.cloud.faults.add(**{**SLOW, "times": 1}, seconds=20)
    site.create("s", networks(1))
    until(lambda: not cluster.cloud.faults.all(), cluster.log)
    engine.ask_to_end()
    engine.wait_for("handing over")
    if how == "a second signal":
        engine.ask_to_end()
    assert engine.ended() == (0 if how == "drain_timeout" else 128 + signal.SIGTERM)
    cluster.engine()
    assert settled([site], ["s"]) == {"s": "CREATE_COMPLETE"}, cluster.log()


@long
def test_connections_to_the_database_that_break_cost_time_only(start: Start) -> None:
    """A short fail-over: every connection ends, again and again, while stacks are made and deleted."""
    cluster = start(claim_interval=0.5, lease_seconds=FOR_EVER)
    sites = [cluster.api(), cluster.api()]
    cluster.engines(2)
    cluster.cloud.faults.add(**SLOW, seconds=0.1)
    names = [f"s{number}" for number in range(6)]
    killed = 0
    for place, name in enumerate(names):
        sites[place % 2].create(name, networks(4))
        killed += cluster.break_connections()
    while any(cluster.at_work().values()):
        killed += cluster.break_connections()
        time.sleep(0.2)
    assert killed > 10
    assert set(settled(sites, names).values()) == {"CREATE_COMPLETE"}, cluster.log()
    made_once(cluster, sites[0], 24)
    assert set(cluster.finished()) == {"DONE"}
    for name in names:
        sites[0].heat.stacks.delete(name)
        cluster.break_connections()
    for name in names:
        sites[1].gone(name)
    assert cluster.names(sites[0]) == {}


@long
def test_a_database_that_is_away_in_the_middle_of_work_costs_time_only(start: Start, database_wire: WireCutter) -> None:
    """A long fail-over: longer than a request would wait, while handlers, nested stacks and the queue want to read and write."""
    cluster = start(claim_interval=0.5, lease_seconds=FOR_EVER, database_wire=database_wire)
    site = cluster.api()
    cluster.engines(2)
    cluster.cloud.faults.add(**SLOW, seconds=0.5)
    template, files = nested(16)
    site.create("tree", template, files=files)
    site.create("flat", networks(9))
    until(lambda: sum(cluster.names(site).values()) >= 4, cluster.log)
    database_wire.cut()
    time.sleep(15)
    database_wire.mend()
    assert settled([site], ["tree", "flat"]) == {"tree": "CREATE_COMPLETE", "flat": "CREATE_COMPLETE"}, cluster.log()
    made_once(cluster, site, 25)
    assert set(cluster.finished()) == {"DONE"}
