"""Volumes in servers: in, out, moved, and what a crash or a lost answer leaves of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.types.rig import Died, Rig, Saver

from kamado.model.lifecycle import Action
from kamado.plugin import lifecycle
from kamado.plugin.lifecycle import OutcomeKind
from kamado.plugin.resource import Resource

TYPE = "OS::Cinder::VolumeAttachment"


@pytest.fixture
def web(rig: Rig) -> Resource:
    return server(rig, "web")


def server(rig: Rig, name: str) -> Resource:
    values = {"image": "cirros", "flavor": "m1.tiny", "networks": [{"allocate_network": "none"}]}
    return rig.make("OS::Nova::Server", {**values, "user_data_format": "RAW"}, name=name)


def volume(rig: Rig, name: str = "disk") -> Resource:
    return rig.make("OS::Cinder::Volume", {"size": 1}, name=name)


def attached(rig: Rig, made: Resource) -> list[str]:
    """Servers that have a volume."""
    assert rig.cloud is not None
    body: Mapping[str, Any] = rig.cloud.service("volumev3").get(f"/volumes/{made.physical_id}")["volume"]
    assert (body["status"] == "in-use") == bool(body["attachments"])
    return [item["server_id"] for item in body["attachments"]]


def pair(server: Resource, volume: Resource, **more: Any) -> dict[str, Any]:
    return {"instance_uuid": server.physical_id, "volume_id": volume.physical_id, **more}


def test_in_and_out(rig: Rig, web: Resource) -> None:
    disk = volume(rig)
    made = rig.make(TYPE, pair(web, disk, mountpoint="/dev/vdb"))
    assert attached(rig, disk) == [web.physical_id]
    assert made.physical_id
    assert not made.needs_replace_failed()
    rig.run(made, Action.DELETE)
    assert attached(rig, disk) == []
    rig.run(made, Action.DELETE)
    assert made.needs_replace_failed()


def test_by_name(rig: Rig, web: Resource) -> None:
    disk = rig.make("OS::Cinder::Volume", {"size": 1, "name": "named-disk"}, name="disk")
    rig.make(TYPE, {"instance_uuid": web.physical_id, "volume_id": "named-disk"})
    assert attached(rig, disk) == [web.physical_id]


def test_each_property_there_and_back(rig: Rig, web: Resource) -> None:
    other, disk, spare = server(rig, "other"), volume(rig), volume(rig, "spare")
    made = rig.make(TYPE, pair(web, disk))
    for changes, where in (
        ({"instance_uuid": other.physical_id}, (other, disk)),
        ({"instance_uuid": web.physical_id}, (web, disk)),
        ({"volume_id": spare.physical_id}, (web, spare)),
        ({"volume_id": disk.physical_id}, (web, disk)),
        ({"mountpoint": "/dev/vdc"}, (web, disk)),
        ({"mountpoint": None}, (web, disk)),
    ):
        assert not rig.update(made, **changes).must_replace
        home, held = where
        assert attached(rig, held) == [home.physical_id]
        for free in {disk.physical_id, spare.physical_id} - {held.physical_id}:
            assert attached(rig, next(v for v in (disk, spare) if v.physical_id == free)) == []
        assert made.data["attached"] == {"server": home.physical_id, "volume": held.physical_id}


def test_a_volume_in_a_server_is_extended_and_changed(rig: Rig, web: Resource) -> None:
    disk = volume(rig)
    rig.make(TYPE, pair(web, disk))
    rig.update(disk, size=2)
    assert disk.attribute("size") == "2"
    rig.update(disk, read_only=True)
    assert attached(rig, disk) == [web.physical_id]
    assert disk.attribute("metadata_values")["readonly"] == "True"


def test_a_server_that_is_gone_took_the_attachment_along(rig: Rig, web: Resource) -> None:
    disk = volume(rig)
    made = rig.make(TYPE, pair(web, disk))
    rig.run(web, Action.DELETE)
    rig.run(made, Action.DELETE)
    assert attached(rig, disk) == []


def test_a_busy_server_is_asked_again(rig: Rig, web: Resource) -> None:
    assert rig.local is not None
    disk = volume(rig)
    made = rig.build(TYPE, pair(web, disk))
    path = "/v2.1/servers/*/os-volume_attachments"
    rig.local.faults.add(service="compute", method="POST", path=path, status=409, message="busy")
    with pytest.raises(Exception, match="busy") as busy:
        rig.run(made, Action.CREATE)
    assert lifecycle.outcome(busy.value).kind is OutcomeKind.RETRY
    rig.made.append(made)
    rig.run(made, Action.CREATE)
    assert attached(rig, disk) == [web.physical_id]


@pytest.mark.parametrize("how", ["died", "lose"])
def test_what_was_attached_without_our_knowing_is_found(rig: Rig, web: Resource, how: str) -> None:
    assert rig.local is not None
    disk = volume(rig)
    started = rig.clock.now()
    made = rig.build(TYPE, pair(web, disk), saver=Saver(dies=how == "died"))
    if how == "lose":
        path = "/v2.1/servers/*/os-volume_attachments"
        rig.local.faults.add(service="compute", method="POST", path=path, action="lose")
    with pytest.raises((Died, Exception)):
        rig.run(made, Action.CREATE)
    survivor = rig.again(made.record, made.properties)
    found = survivor.find_existing(started, ())
    assert found is not None
    survivor.set_physical_id(found)
    rig.made.append(survivor)
    rig.clock.sleep(1)
    while not lifecycle.poll(survivor, Action.CREATE, None):
        rig.clock.sleep(1)
    assert attached(rig, disk) == [web.physical_id]


def test_a_move_goes_on_after_a_crash(rig: Rig, web: Resource) -> None:
    other, disk = server(rig, "other"), volume(rig)
    made = rig.make(TYPE, pair(web, disk))
    made.record = replace(made.record, properties=dict(made.properties))
    made.properties = pair(other, disk)
    token = lifecycle.start(made, Action.UPDATE, {"instance_uuid": other.physical_id})
    lifecycle.poll(made, Action.UPDATE, token)
    # The engine that takes over starts the handler again.
    rig.run(made, Action.UPDATE, {"instance_uuid": other.physical_id})
    assert attached(rig, disk) == [other.physical_id]
