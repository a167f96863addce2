"""How often the cloud is called: counted in the local cloud's own log, over real HTTP, with a real engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.wire.stand import Stand

from kamado.localcloud.server import LocalCloud

MANY = 30


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[LocalCloud, Stand]]:
    with LocalCloud(identity_port=0) as cloud:
        stand = Stand(tmp_path, cloud)
        yield cloud, stand
        stand.close()


def volumes(count: int, size: int = 1) -> dict[str, Any]:
    thing = {"type": "OS::Cinder::Volume", "properties": {"size": size}}
    return {"heat_template_version": "2018-08-31", "resources": {f"v{number}": thing for number in range(count)}}


def calls(cloud: LocalCloud, service: str) -> Counter[str]:
    """By method, ids left out."""
    found: Counter[str] = Counter()
    for one in cloud.log:
        if one.service == service:
            kind = "list" if "/detail" in one.path else "one"
            found[f"{one.method} {kind}" if one.method == "GET" else one.method] += 1
    return found


def test_many_things_that_are_built_are_looked_at_by_one_call(world: tuple[LocalCloud, Stand]) -> None:
    cloud, stand = world
    cloud.faults.build("blockstorage.volumes", seconds=6)
    cloud.log.clear()
    answer = stand.ask("POST", "/stacks", {"stack_name": "many", "template": volumes(MANY)})
    assert answer.status_code == 201, answer.text
    path = f"/stacks/many/{answer.json()['stack']['id']}"
    assert stand.settled(path, 180)["stack_status"] == "CREATE_COMPLETE"
    found = calls(cloud, "blockstorage")
    assert found["POST"] == MANY
    # Each is looked at once by itself, right after it was made; all further looks, some twenty, are shared by those who began alike.
    assert found["GET one"] <= 2 * MANY
    assert 2 <= found["GET list"] <= 2 * MANY
    # What is not touched is not called for.
    cloud.log.clear()
    body = {"template": volumes(MANY), "disable_rollback": True}
    assert stand.ask("PUT", path, body).status_code == 202
    assert stand.settled(path)["stack_status"] == "UPDATE_COMPLETE"
    assert calls(cloud, "blockstorage") == Counter()
    changed = volumes(MANY)
    changed["resources"]["v3"] = {"type": "OS::Cinder::Volume", "properties": {"size": 1, "name": "other"}}
    assert stand.ask("PUT", path, {"template": changed}).status_code == 202
    assert stand.settled(path)["stack_status"] == "UPDATE_COMPLETE"
    assert calls(cloud, "blockstorage").total() <= 6
    cloud.log.clear()
    assert stand.ask("DELETE", path).status_code == 204
    assert stand.settled(path, 180)["stack_status"] == "DELETE_COMPLETE"
    assert calls(cloud, "blockstorage")["DELETE"] == MANY


def test_an_update_that_looks_at_what_is_there_reads_a_collection_by_lists(world: tuple[LocalCloud, Stand]) -> None:
    cloud, stand = world
    net = {"type": "OS::Neutron::Net", "properties": {"admin_state_up": True}}
    template = {"heat_template_version": "2018-08-31", "resources": {f"n{number}": net for number in range(120)}}
    answer = stand.ask("POST", "/stacks", {"stack_name": "drifts", "template": template})
    path = f"/stacks/drifts/{answer.json()['stack']['id']}"
    assert stand.settled(path, 180)["stack_status"] == "CREATE_COMPLETE"
    rows = {row["resource_name"]: row for row in stand.ask("GET", f"{path}/resources").json()["resources"]}
    changed, gone = (f"/v2.0/networks/{rows[name]['physical_resource_id']}" for name in ("n7", "n8"))
    headers = {"X-Auth-Token": stand.token("demo")[0]}
    down = {"network": {"admin_state_up": False}}
    assert requests.put(cloud.urls["network"] + changed, json=down, headers=headers, timeout=60).status_code == 200
    assert requests.delete(cloud.urls["network"] + gone, headers=headers, timeout=60).status_code == 204
    cloud.log.clear()
    assert stand.ask("PUT", path, {"template": template, "converge": True}).status_code == 202
    assert stand.settled(path, 180)["stack_status"] == "UPDATE_COMPLETE"
    made = Counter(
        (one.method, "?" in one.path or one.path == "/v2.0/networks") for one in cloud.log if one.service == "network"
    )
    # Two lists of a hundred ids each at most, a look at what no list showed, and what had to be done.
    assert made["GET", True] == 2
    assert made["GET", False] <= 4
    assert made["PUT", False] == 1
    assert made["POST", True] == 1
    assert made.total() <= 9
