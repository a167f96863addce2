"""`kill -9` of the whole process while it works: after a restart the operation ends as if nothing had happened.

The points of the kill are times, spread over the operation; the engine's own suite enumerates every durable write and every cloud call.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.kamado_process import KamadoProcess
from tests.scenarios import three_tier

KILLS = (0.05, 0.3, 0.8)
"""Seconds between a start and the kill; then the process is left alone."""


@pytest.fixture
def process(tmp_path: Path) -> Iterator[KamadoProcess]:
    one = KamadoProcess(tmp_path / "state").start()
    yield one
    one.stop()


def test_create_and_delete_of_three_tiers_survive_kills(process: KamadoProcess) -> None:
    before = three_tier.inventory(process.site())
    body = three_tier.request()
    process.site().create("survivor", **body)
    _kill_again_and_again(process)
    site = process.site()
    stack = site.settled("survivor")
    assert stack["stack_status"] == "CREATE_COMPLETE", stack["stack_status_reason"]
    resources = {r.resource_name: r for r in site.heat.resources.list("survivor")}
    assert {r.resource_status for r in resources.values()} == {"CREATE_COMPLETE"}
    made = {kind: ids - before[kind] for kind, ids in three_tier.inventory(site).items()}
    counts = {kind: len(ids) for kind, ids in made.items()}
    expected = {"networks": 1, "subnets": 1, "routers": 1, "floatingips": 1, "security_groups": 1, "servers": 2}
    assert {kind: counts[kind] for kind in expected} == expected, "no orphan and no duplicate"
    assert counts["volumes"] == counts["keypairs"] == 1
    events = [(e.resource_name, e.resource_status) for e in site.heat.events.list("survivor")]
    assert len(events) == len(set(events)) == 2 * len(resources) + 2, "no event lost or doubled"

    site.heat.stacks.delete("survivor")
    _kill_again_and_again(process)
    process.site().gone("survivor")
    assert three_tier.inventory(process.site()) == before


def _kill_again_and_again(process: KamadoProcess) -> None:
    for seconds in KILLS:
        time.sleep(seconds)
        process.kill()
        process.start()
