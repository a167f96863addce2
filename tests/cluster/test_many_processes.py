"""Two APIs and some engines over one database and one broker: the work is shared, woken at once, and survives any of them."""

from __future__ import annotations

import signal
import time

import pytest
from tests.cluster.cluster import networks, settled, until
from tests.cluster.conftest import Start
from tests.wire_cutter import WireCutter

pytestmark = pytest.mark.cluster

SLOW = {"service": "network", "method": "POST", "path": "/v2.0/networks", "action": "delay", "times": None}


def test_the_life_of_stacks_with_two_apis_and_two_engines(start: Start) -> None:
    """The queue is looked at every minute only: that it takes less shows that wake-ups arrive, also those of children."""
    cluster = start()
    sites = [cluster.api(), cluster.api()]
    for _ in range(2):
        cluster.engine()
    names = [f"s{number}" for number in range(8)]
    for place, name in enumerate(names):
        sites[place % 2].create(name, networks(4))
    other = sites[::-1]
    assert set(settled(other, names).values()) == {"CREATE_COMPLETE"}, cluster.log()
    for place, name in enumerate(names):
        sites[place % 2].heat.stacks.update(name, template=networks(4, admin_state_up=False))
    assert set(settled(other, names).values()) == {"UPDATE_COMPLETE"}, cluster.log()
    counts = cluster.names(sites[0])
    assert len(counts) == 32
    assert set(counts.values()) == {1}
    for place, name in enumerate(names):
        sites[place % 2].heat.stacks.delete(name)
    for name in names:
        other[0].gone(name)
    assert cluster.names(sites[0]) == {}
    assert set(cluster.events().values()) == {1}
    assert cluster.finished() == {"DONE": 24}
    listed = cluster.site("admin").openstack("orchestration", "service", "list")
    assert [row["Status"] for row in listed] == ["up", "up"]


def test_an_engine_that_is_killed_is_replaced(start: Start) -> None:
    cluster = start()
    site = cluster.api()
    engines = [cluster.engine() for _ in range(2)]
    cluster.cloud.faults.add(**SLOW, seconds=0.3)
    names = [f"s{number}" for number in range(6)]
    for name in names:
        site.create(name, networks(6))
    until(lambda: sum(cluster.names(site).values()) >= 6, cluster.log)
    busy = max(engines, key=lambda engine: cluster.at_work()[engine.pid])
    busy.kill()
    assert set(settled([site], names).values()) == {"CREATE_COMPLETE"}, cluster.log()
    counts = cluster.names(site)
    assert len(counts) == 36
    assert set(counts.values()) == {1}, "no duplicate"
    assert set(cluster.events().values()) == {1}, "no event doubled"
    for name in names:
        site.heat.stacks.delete(name)
    for name in names:
        site.gone(name)
    assert cluster.names(site) == {}, "no orphan"


def test_a_sleeper_that_wakes_after_its_lease_changes_nothing(start: Start) -> None:
    cluster = start(lease_seconds=2)
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
    assert set(before[0].values()) == {1}
    assert set(before[1].values()) == {1}
    assert len(before[1]) == 9
    cluster.cloud.faults.clear()
    site.create("t", networks(3))
    assert settled([site], ["t"]) == {"t": "CREATE_COMPLETE"}, cluster.log()


def test_everything_goes_on_while_the_broker_is_away(start: Start, wire: WireCutter) -> None:
    cluster = start(claim_interval=0.5)
    site = cluster.api()
    for _ in range(2):
        cluster.engine()
    site.create("before", networks(3))
    wire.cut()
    for name in ("one", "two", "three"):
        site.create(name, networks(3))
    names = ["before", "one", "two", "three"]
    assert set(settled([site], names).values()) == {"CREATE_COMPLETE"}, cluster.log()
    third = cluster.engine()  # one that has never met the broker
    site.create("four", networks(3))
    assert settled([site], ["four"]) == {"four": "CREATE_COMPLETE"}
    wire.mend()
    site.create("five", networks(3))
    assert settled([site], ["five"]) == {"five": "CREATE_COMPLETE"}
    assert third.runs
    assert set(cluster.names(site).values()) == {1}
    assert set(cluster.events().values()) == {1}


def test_engines_restarted_one_after_the_other_under_load_fail_nothing(start: Start) -> None:
    cluster = start()
    site = cluster.api()
    engines = [cluster.engine() for _ in range(3)]
    cluster.cloud.faults.add(**SLOW, seconds=0.3)
    names: list[str] = []
    for turn, old in enumerate(engines):
        for number in range(3):
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
    assert set(cluster.events().values()) == {1}
    counts = cluster.names(site)
    assert len(counts) == 54
    assert set(counts.values()) == {1}
    assert "lease lost" not in cluster.log()


def test_the_last_engine_hands_over_to_its_successor(start: Start) -> None:
    """A lease lasts an hour here: that the work is done shows that it was given back."""
    cluster = start(lease_seconds=3600)
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
    assert set(cluster.names(site).values()) == {1}
    assert set(cluster.events().values()) == {1}


@pytest.mark.parametrize("how", ["drain_timeout", "a second signal"])
def test_a_call_that_does_not_end_holds_nobody_up(start: Start, how: str) -> None:
    cluster = start(lease_seconds=3, drain_timeout=1 if how == "drain_timeout" else 600)
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


def test_connections_to_the_database_that_break_cost_time_only(start: Start) -> None:
    """What a fail-over looks like from here: every connection ends, again and again, while stacks are made and deleted."""
    cluster = start(claim_interval=0.5)
    sites = [cluster.api(), cluster.api()]
    for _ in range(2):
        cluster.engine()
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
    counts = cluster.names(sites[0])
    assert len(counts) == 24
    assert set(counts.values()) == {1}
    assert set(cluster.events().values()) == {1}
    assert set(cluster.finished()) == {"DONE"}
    for name in names:
        sites[0].heat.stacks.delete(name)
        cluster.break_connections()
    for name in names:
        sites[1].gone(name)
    assert cluster.names(sites[0]) == {}
