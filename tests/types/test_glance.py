"""Web images: fetched once, patched in place, shared, taken out of use; a failed import says why."""

from __future__ import annotations

from typing import Any

import pytest
from tests.types.rig import Died, Rig, Saver

from kamado.model.lifecycle import Action
from kamado.plugin import lifecycle
from kamado.plugin.errors import ResourceInError
from kamado.plugin.registry import Registry
from kamado.plugin.resource import Resource

WEB_IMAGE = Registry.load().get("OS::Glance::WebImage", "")
LEAST = {"disk_format": "raw", "container_format": "bare", "location": "http://images.example/a.raw"}


def image(rig: Rig, **properties: Any) -> Resource:
    return rig.make("OS::Glance::WebImage", {**LEAST, **properties})


def members(rig: Rig, made: Resource) -> list[str]:
    assert rig.cloud is not None
    found = rig.cloud.service("image").get(f"/v2/images/{made.physical_id}/members")
    return [item["member_id"] for item in found["members"]]


def shown(rig: Rig, made: Resource) -> dict[str, Any]:
    assert rig.cloud is not None
    body: dict[str, Any] = rig.cloud.service("image").get(f"/v2/images/{made.physical_id}")
    return body


def test_least_is_fetched_and_active(rig: Rig) -> None:
    made = image(rig)
    body = shown(rig, made)
    assert body["status"] == "active"
    assert body["name"] == made.physical_name
    assert body["visibility"] == "private"
    assert made.data == {"importing": True}
    rig.run(made, Action.CHECK)


def test_everything_is_said(rig: Rig) -> None:
    made = image(
        rig, name="full", id="6f8a2c4e-0d7b-4b9e-9a51-3c2f1e0d9b8a", tags=["a", "b"], extra_properties={"hw_disk_bus": "scsi"},
        architecture="x86_64", os_distro="debian", os_version="12", min_disk=1, min_ram=64, visibility="shared",
        members=["someone"],
    )  # fmt: skip
    body = shown(rig, made)
    assert made.physical_id == body["id"] == "6f8a2c4e-0d7b-4b9e-9a51-3c2f1e0d9b8a"
    wanted = {"name": "full", "hw_disk_bus": "scsi", "architecture": "x86_64", "os_distro": "debian", "os_version": "12",
              "min_disk": 1, "min_ram": 64, "visibility": "shared"}  # fmt: skip
    assert wanted.items() <= body.items()
    assert sorted(body["tags"]) == ["a", "b"]
    assert members(rig, made) == ["someone"]


def test_changes_in_place_there_and_back(rig: Rig) -> None:
    kernel = "0e2f9a3b-1c4d-4e5f-8a6b-7c8d9e0f1a2b"
    made = image(rig, os_distro="debian", tags=["a"], visibility="shared", members=["one"], extra_properties={"k": "v"})
    before = made.physical_id
    for changes in (
        {"os_distro": "fedora"}, {"os_distro": None}, {"os_distro": "debian"}, {"tags": ["b", "c"]}, {"tags": []},
        {"architecture": "arm64"}, {"os_version": "40"}, {"kernel_id": kernel}, {"kernel_id": None}, {"ramdisk_id": kernel},
        {"protected": True}, {"protected": False}, {"visibility": "private", "members": []},
    ):  # fmt: skip
        assert not rig.update(made, **changes).must_replace
        body = shown(rig, made)
        for name, value in changes.items():
            if name != "members":
                assert (sorted(body[name]) if name == "tags" else body.get(name)) == value, name
    rig.update(made, visibility="shared", members=["two", "three"])
    assert sorted(members(rig, made)) == ["three", "two"]
    rig.update(made, extra_properties={"other": "w"})
    body = shown(rig, made)
    assert (body.get("k"), body["other"]) == (None, "w")
    assert made.physical_id == before


def test_out_of_use_and_back(admin_rig: Rig) -> None:
    made = image(admin_rig, active=False)
    assert shown(admin_rig, made)["status"] == "deactivated"
    admin_rig.update(made, active=True)
    assert shown(admin_rig, made)["status"] == "active"
    admin_rig.update(made, active=False, os_distro="debian")
    assert shown(admin_rig, made)["status"] == "deactivated"


def test_formats_of_amazon_go_together() -> None:
    (finding,) = WEB_IMAGE.validate({**LEAST, "container_format": "ami"})
    assert "the container and disk formats must match" in finding
    assert WEB_IMAGE.validate({**LEAST, "container_format": "ami", "disk_format": "ami"}) == []


def test_members_are_for_shared_images() -> None:
    (finding,) = WEB_IMAGE.validate({**LEAST, "members": ["a"], "visibility": "private"})
    assert finding.error_type == "ResourcePropertyValueDependency"


def test_other_data_ask_for_another_image() -> None:
    for name in ("location", "disk_format", "container_format", "name", "id", "min_disk"):
        assert lifecycle.diff(WEB_IMAGE.schema, {name: "a"}, {name: "b"}).replace == (name,)


def test_an_address_that_glance_refuses_fails_but_keeps_the_id(rig: Rig) -> None:
    made = rig.build("OS::Glance::WebImage", {**LEAST, "location": "ftp://images.example/a.raw"})
    rig.made.append(made)
    with pytest.raises(Exception, match="HTTP 400") as refused:
        rig.run(made, Action.CREATE)
    assert lifecycle.outcome(refused.value, "it").reason.startswith(
        "HTTPBadRequest: resources.it: HTTP 400 Bad Request: "
    )
    assert shown(rig, made)["status"] == "queued"


def test_an_image_that_was_killed_is_in_error(rig: Rig) -> None:
    made = image(rig)
    assert rig.local is not None
    rig.local.state.change("image.images", str(made.physical_id), status="killed")
    rig.clock.sleep(5)
    with pytest.raises(ResourceInError, match="Went to status killed"):
        rig.run(made, Action.CHECK)
    assert made.needs_replace_failed()


@pytest.mark.parametrize("asked", [True, False])
def test_after_a_crash_the_data_are_fetched_once(rig: Rig, asked: bool) -> None:
    """The process dies after the id was saved, before or after the import was asked for."""
    made = rig.build("OS::Glance::WebImage", LEAST)
    rig.made.append(made)
    token = lifecycle.start(made, Action.CREATE)
    assert shown(rig, made)["status"] == "queued"
    if asked:
        lifecycle.poll(made, Action.CREATE, token)
        made.set_data("importing", None)
    for _ in range(100):
        if lifecycle.poll(made, Action.CREATE, None):
            break
    assert shown(rig, made)["status"] == "active"


def test_what_a_dead_process_made_is_found(rig: Rig) -> None:
    started = rig.clock.now()
    made = rig.build("OS::Glance::WebImage", LEAST, saver=Saver(dies=True))
    with pytest.raises(Died):
        rig.run(made, Action.CREATE)
    survivor = rig.again(made.record, made.properties)
    orphan = survivor.find_existing(started, ())
    assert orphan is not None
    assert survivor.find_existing(started, {orphan}) is None
    survivor.set_physical_id(orphan)
    rig.made.append(survivor)


def test_gone_is_gone(rig: Rig) -> None:
    made = image(rig)
    rig.run(made, Action.DELETE)
    rig.run(made, Action.DELETE)
    assert made.needs_replace_failed()
    assert made.attribute("show") is None
