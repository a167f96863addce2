"""Volumes: every source, changes in place, deletion with and without a backup, and what a lost answer leaves."""

from __future__ import annotations

from typing import Any

import pytest
from tests.types.rig import Died, Rig, Saver

from kamado.model.lifecycle import Action
from kamado.plugin import lifecycle
from kamado.plugin.errors import PermanentError, ResourceInError, TemporaryError
from kamado.plugin.lifecycle import OutcomeKind
from kamado.plugin.registry import Registry
from kamado.plugin.resource import Resource
from kamado.template.unknown import UNKNOWN

VOLUME = Registry.load().get("OS::Cinder::Volume", "")


def volume(rig: Rig, **properties: Any) -> Resource:
    return rig.make("OS::Cinder::Volume", properties)


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({}, 'If neither "backup_id" nor "size" is provided'),
        ({"image": "cirros"}, 'If neither "backup_id" nor "size" is provided'),
        ({"size": 1, "image": "a", "snapshot_id": "b"}, 'If "size" is provided, only one of'),
        ({"size": 1, "image": "a", "imageRef": "b"}, "at the same time: image, imageRef"),
    ],
)
def test_sources_that_do_not_fit_are_refused(properties: dict[str, Any], words: str) -> None:
    assert any(words in finding for finding in VOLUME.validate(properties))


@pytest.mark.parametrize(
    "properties",
    [
        {"size": 1},
        {"snapshot_id": UNKNOWN},
        {"backup_id": "b"},
        {"size": UNKNOWN, "image": UNKNOWN},
        {"source_volid": "v"},
    ],
)
def test_sources_that_fit_are_fine(properties: dict[str, Any]) -> None:
    assert VOLUME.validate(properties) == []


def test_attributes_are_texts_as_in_heat(rig: Rig) -> None:
    made = volume(rig, size=1, metadata={"k": "v"}, description="d", name="n")
    values = made.read_attributes([])
    assert values["size"] == "1"
    assert values["display_name"] == "n"
    assert values["display_description"] == "d"
    assert values["metadata"] == '{"k": "v"}'
    assert values["metadata_values"] == {"k": "v"}
    assert values["status"] == "available"
    assert values["bootable"] == "false"
    assert values["attachments"] == "[]"
    assert values["attachments_list"] == []


def test_sources(rig: Rig) -> None:
    assert rig.cloud is not None
    cinder = rig.cloud.service("volumev3")
    first = volume(rig, size=1, image="cirros", scheduler_hints={"different_host": ["x"]}, volume_type="rig")
    assert first.attribute("bootable") == "true"
    assert first.attribute("volume_type") == "rig"
    copy = volume(rig, source_volid=first.physical_id)
    assert copy.attribute("source_volid") == first.physical_id
    snapshot = cinder.post("/snapshots", json={"snapshot": {"volume_id": copy.physical_id}})["snapshot"]["id"]
    wait(rig, f"/snapshots/{snapshot}", "snapshot")
    from_snapshot = volume(rig, snapshot_id=snapshot)
    assert from_snapshot.attribute("snapshot_id") == snapshot
    backup = cinder.post("/backups", json={"backup": {"volume_id": copy.physical_id}})["backup"]["id"]
    wait(rig, f"/backups/{backup}", "backup")
    restored = volume(rig, backup_id=backup, description="from a backup", metadata={"a": "b"})
    shown = restored.attribute("show")
    assert (shown["name"], shown["description"]) == (restored.physical_name, "from a backup")
    assert shown["metadata"]["a"] == "b"
    cinder.delete(f"/snapshots/{snapshot}")
    cinder.delete(f"/backups/{backup}")


def wait(rig: Rig, path: str, key: str) -> None:
    import time

    assert rig.cloud is not None
    for _ in range(200):
        if rig.cloud.service("volumev3").get(path)[key]["status"] == "available":
            return
        time.sleep(0.02)
    raise AssertionError(path)


def test_changes_in_place_there_and_back(rig: Rig) -> None:
    made = volume(rig, size=1, name="a", description="a", metadata={"a": "1"}, volume_type="rig")
    before = made.physical_id
    for changes in (
        {"name": "b"}, {"name": "a"}, {"description": "b"}, {"metadata": {"b": "2"}}, {"metadata": {}},
        {"volume_type": "rig2"}, {"volume_type": "rig"}, {"size": 3},
    ):  # fmt: skip
        assert not rig.update(made, **changes).must_replace
        shown = made.attribute("show")
        for name, value in changes.items():
            assert shown[name] == value, name
    rig.update(made, name=None)
    assert made.attribute("display_name") == made.physical_name
    assert made.physical_id == before


def test_read_only_there_and_back(rig: Rig) -> None:
    made = volume(rig, size=1, read_only=True)
    assert made.attribute("metadata_values").get("readonly") == "True"
    rig.update(made, read_only=False)
    assert made.attribute("metadata_values").get("readonly") == "False"


def test_a_backup_is_restored_into_it(rig: Rig) -> None:
    assert rig.cloud is not None
    made = volume(rig, size=1)
    cinder = rig.cloud.service("volumev3")
    backup = cinder.post("/backups", json={"backup": {"volume_id": made.physical_id}})["backup"]["id"]
    wait(rig, f"/backups/{backup}", "backup")
    rig.update(made, backup_id=backup)
    assert made.attribute("status") == "available"
    cinder.delete(f"/backups/{backup}")


def test_a_volume_does_not_shrink(rig: Rig) -> None:
    made = volume(rig, size=2)
    with pytest.raises(PermanentError, match="Shrinking volume is not supported"):
        rig.update(made, size=1)
    assert made.attribute("size") == "2"


def test_other_sources_ask_for_another_volume() -> None:
    for name in ("image", "snapshot_id", "source_volid", "availability_zone"):
        assert lifecycle.diff(VOLUME.schema, {name: "a"}, {name: "b"}).replace == (name,)


def put_status(rig: Rig, made: Resource, status: str) -> None:
    assert rig.local is not None
    rig.local.state.change("blockstorage.volumes", str(made.physical_id), status=status)


def test_a_volume_in_error_fails_with_its_status(rig: Rig) -> None:
    made = volume(rig, size=1)
    put_status(rig, made, "error")
    rig.clock.sleep(5)
    with pytest.raises(ResourceInError, match="Went to status error"):
        rig.run(made, Action.CHECK)
    assert made.needs_replace_failed()


def test_deleting_with_a_backup_first(rig: Rig) -> None:
    assert rig.cloud is not None
    made = volume(rig, size=1)
    rig.run(made, "snapshot_delete")
    cinder = rig.cloud.service("volumev3")
    (kept,) = [b for b in cinder.list("/backups/detail", "backups") if b["volume_id"] == made.physical_id]
    assert cinder.get(f"/volumes/{made.physical_id}", ok=(404,)) is None
    lifecycle.start(made, "delete_snapshot", {"resource_data": {"backup_id": kept["id"]}})


def test_a_snapshot_is_a_backup(rig: Rig) -> None:
    assert rig.cloud is not None
    made = volume(rig, size=1)
    rig.run(made, Action.SNAPSHOT)
    backup = made.data["backup_id"]
    cinder = rig.cloud.service("volumev3")
    assert cinder.get(f"/backups/{backup}")["backup"]["status"] == "available"
    rig.run(made, "delete_snapshot", {"resource_data": made.data})
    assert cinder.get(f"/backups/{backup}", ok=(404,)) is None


@pytest.mark.parametrize("path", ["create", "restore"])
def test_a_dead_process_leaves_a_volume_that_is_found(rig: Rig, path: str) -> None:
    assert rig.cloud is not None
    cinder = rig.cloud.service("volumev3")
    properties: dict[str, Any] = {"size": 1}
    if path == "restore":
        first = volume(rig, size=1)
        backup = cinder.post("/backups", json={"backup": {"volume_id": first.physical_id}})["backup"]["id"]
        wait(rig, f"/backups/{backup}", "backup")
        properties = {"backup_id": backup}
    started = rig.clock.now()
    made = rig.build("OS::Cinder::Volume", properties, saver=Saver(dies=True))
    with pytest.raises(Died):
        rig.run(made, Action.CREATE)
    survivor = rig.again(made.record, made.properties)
    orphan = survivor.find_existing(started, ())
    assert orphan is not None
    assert survivor.find_existing(started, {orphan}) is None
    survivor.set_physical_id(orphan)
    rig.made.append(survivor)
    token = None
    for _ in range(200):
        if lifecycle.poll(survivor, Action.CREATE, token):
            break
    assert survivor.attribute("display_name") == survivor.physical_name


def test_one_that_is_in_use_is_deleted_later(rig: Rig) -> None:
    made = volume(rig, size=1)
    put_status(rig, made, "in-use")
    with pytest.raises(Exception, match="Volume in use") as busy:
        rig.run(made, Action.DELETE)
    assert lifecycle.outcome(busy.value).kind is OutcomeKind.RETRY
    put_status(rig, made, "available")


def test_what_keeps_a_volume_from_going_is_named(rig: Rig) -> None:
    volume = rig.make("OS::Cinder::Volume", {"size": 1})
    body = {"volume_id": volume.physical_id, "name": "of-yesterday"}
    snapshot = volume.call("POST", "/snapshots", json={"snapshot": body})["snapshot"]["id"]
    assert [(one.id, one.words) for one in lifecycle.blockers(volume)] == [
        (snapshot, f"snapshot {snapshot} (name of-yesterday)")
    ]
    with pytest.raises(TemporaryError, match="Invalid volume"):
        volume.handle_delete()
    while volume.call("GET", f"/snapshots/{snapshot}")["snapshot"]["status"] != "available":
        pass
    volume.call("DELETE", f"/snapshots/{snapshot}")
    while volume.call("GET", f"/snapshots/{snapshot}", ok=(404,)) is not None:
        pass
