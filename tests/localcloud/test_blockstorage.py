"""Cinder: volumes and what is made of them. Every fact here was seen on a real Cinder."""

import pytest

from kamado.localcloud import ManualClock

UUID = "8483264d-9cf4-4d9c-8993-eb0b7a3352de"


class Storage:
    """Cinder's requests for one user; waiting is moving the clock."""

    def __init__(self, client, clock: ManualClock):
        self.client, self.clock = client, clock

    def call(self, method, path, body=None, version=None):
        headers = {"OpenStack-API-Version": f"volume {version}"} if version else {}
        return self.client.call(method, "blockstorage", f"/v3/{self.client.project_id}{path}", body, headers=headers)

    def volume(self, settle=True, **fields):
        answer = self.call("POST", "/volumes", {"volume": {"size": 1, **fields}})
        assert answer.status_code == 202, answer.text
        if settle:
            self.clock.advance(5)
        return answer.json()["volume"]

    def show(self, kind, object_id):
        return self.call("GET", f"/{kind}s/{object_id}").json().get(kind)

    def act(self, volume, body):
        return self.call("POST", f"/volumes/{volume['id']}/action", body)


def error(answer):
    ((name, fault),) = answer.json().items()
    assert fault["code"] == answer.status_code
    return answer.status_code, name


@pytest.fixture
def storage(demo, shared_clock):
    return Storage(demo, shared_clock)


def test_life_of_a_volume(storage, shared_clock):
    made = storage.volume(settle=False, name="v", metadata={"a": "b"})
    assert (made["status"], made["bootable"], made["volume_type"]) == ("creating", "false", "__DEFAULT__")
    assert "os-vol-tenant-attr:tenant_id" not in made
    refused = storage.call("DELETE", f"/volumes/{made['id']}")
    assert error(refused) == (400, "badRequest")
    assert refused.json()["badRequest"]["message"].startswith(
        "Invalid volume: Volume status must be available or error"
    )
    shared_clock.advance(5)
    seen = storage.show("volume", made["id"])
    assert (seen["status"], seen["os-vol-tenant-attr:tenant_id"]) == ("available", storage.client.project_id)
    renamed = storage.call("PUT", f"/volumes/{made['id']}", {"volume": {"name": "w"}}).json()["volume"]
    assert (renamed["name"], renamed["metadata"]) == ("w", {"a": "b"})
    assert storage.call("DELETE", f"/volumes/{made['id']}").status_code == 202
    assert storage.show("volume", made["id"])["status"] == "deleting"
    shared_clock.advance(5)
    assert error(storage.call("GET", f"/volumes/{made['id']}")) == (404, "itemNotFound")


VOLUMES = [
    ({"size": 0}, 400),
    ({"size": "x"}, 400),
    ({"size": None}, 400),
    ({"name": 5}, 400),
    ({"name": "x" * 256}, 400),
    ({"volume_type": "zork"}, 404),
    ({"availability_zone": "zork"}, 400),
    ({"imageRef": UUID}, 400),
    ({"snapshot_id": UUID}, 404),
    ({"source_volid": UUID}, 404),
    ({"backup_id": UUID}, 404),
    ({"metadata": {"a": 1}}, 400),
    ({"multiattach": True}, 400),
]


@pytest.mark.parametrize(("fields", "status"), VOLUMES)
def test_volumes_that_are_refused(storage, fields, status):
    answer = storage.call("POST", "/volumes", {"volume": {"size": 1, "name": "refused", **fields}})
    assert answer.status_code == status
    assert not storage.call("GET", "/volumes?name=refused").json()["volumes"]


def test_faults_make_a_volume_that_can_only_be_deleted(cloud, storage):
    cloud.faults.build("blockstorage.volumes", fail="no space", times=1)
    broken = storage.volume()
    assert storage.show("volume", broken["id"])["status"] == "error"
    assert storage.call("DELETE", f"/volumes/{broken['id']}").status_code == 202


def test_from_image_snapshot_and_volume(demo, storage, shared_clock):
    image = demo.get("image", "/v2/images?name=cirros").json()["images"][0]["id"]
    volume = storage.volume(size=2, imageRef=image)
    seen = storage.show("volume", volume["id"])
    assert (seen["bootable"], seen["volume_image_metadata"]["image_id"]) == ("true", image)
    made = storage.call("POST", "/snapshots", {"snapshot": {"volume_id": volume["id"], "name": "s"}})
    assert (made.status_code, made.json()["snapshot"]["status"]) == (202, "creating")
    shared_clock.advance(5)
    snapshot = made.json()["snapshot"]["id"]
    assert storage.call("DELETE", f"/volumes/{volume['id']}").status_code == 400
    copy = storage.call("POST", "/volumes", {"volume": {"snapshot_id": snapshot}}).json()["volume"]
    assert copy["size"] == 2
    small = storage.call("POST", "/volumes", {"volume": {"snapshot_id": snapshot, "size": 1}})
    assert "cannot be smaller than the snapshot size 2GB" in small.json()["badRequest"]["message"]
    clone = storage.call("POST", "/volumes", {"volume": {"source_volid": volume["id"]}}).json()["volume"]
    assert (clone["size"], clone["source_volid"]) == (2, volume["id"])
    assert storage.call("DELETE", f"/snapshots/{snapshot}").status_code == 202
    shared_clock.advance(5)
    assert storage.call("DELETE", f"/volumes/{volume['id']}").status_code == 202


def test_extend_and_retype(storage, shared_clock):
    volume = storage.volume()
    assert storage.act(volume, {"os-extend": {"new_size": 3}}).status_code == 202
    assert storage.show("volume", volume["id"])["status"] == "extending"
    shared_clock.advance(5)
    assert storage.show("volume", volume["id"])["size"] == 3
    assert "must be greater than current size" in storage.act(volume, {"os-extend": {"new_size": 2}}).text
    assert storage.act(volume, {"os-extend": {}}).status_code == 400
    retype = {"os-retype": {"new_type": "rig", "migration_policy": "never"}}
    assert storage.act(volume, retype).status_code == 202
    shared_clock.advance(5)
    assert storage.show("volume", volume["id"])["volume_type"] == "rig"
    assert storage.act(volume, retype).status_code == 400
    assert storage.act(volume, {"os-retype": {"new_type": "zork"}}).status_code == 404


def test_actions(storage, admin):
    volume = storage.volume()
    assert storage.act(volume, {"zork": {}}).status_code == 400
    assert storage.act(volume, {"os-set_bootable": {"bootable": True}}).status_code == 200
    assert storage.act(volume, {"os-update_readonly_flag": {"readonly": True}}).status_code == 202
    seen = storage.show("volume", volume["id"])
    assert (seen["bootable"], seen["metadata"]) == ("true", {"readonly": "True"})
    assert error(storage.act(volume, {"os-reset_status": {"status": "error"}})) == (403, "forbidden")
    attach = {"os-attach": {"instance_uuid": UUID, "mountpoint": "/dev/vdx"}}
    assert storage.act(volume, {"os-reserve": None}).status_code == 202
    assert storage.act(volume, {"os-reserve": None}).status_code == 400
    assert storage.act(volume, attach).status_code == 202
    seen = storage.show("volume", volume["id"])
    assert (seen["status"], seen["attachments"][0]["server_id"]) == ("in-use", UUID)
    assert storage.act(volume, {"os-detach": {}}).status_code == 202
    assert storage.show("volume", volume["id"])["status"] == "available"


def test_attachments(storage):
    volume = storage.volume()
    body = {"attachment": {"volume_uuid": volume["id"], "instance_uuid": UUID}}
    assert storage.call("POST", "/attachments", body).status_code == 404
    made = storage.call("POST", "/attachments", body, "3.44").json()["attachment"]
    assert (made["status"], storage.show("volume", volume["id"])["status"]) == ("reserved", "reserved")
    path = f"/attachments/{made['id']}"
    assert (
        storage.call("PUT", path, {"attachment": {"connector": {"mountpoint": "/dev/vdz"}}}, "3.44").status_code == 200
    )
    assert storage.call("POST", path + "/action", {"os-complete": None}, "3.44").status_code == 204
    assert storage.show("volume", volume["id"])["attachments"][0]["device"] == "/dev/vdz"
    assert storage.call("DELETE", path, version="3.44").json() == {"attachments": []}
    assert storage.show("volume", volume["id"])["status"] == "available"


def test_backup_and_restore(storage, shared_clock):
    volume = storage.volume(size=2)
    made = storage.call("POST", "/backups", {"backup": {"volume_id": volume["id"], "name": "b"}})
    assert set(made.json()["backup"]) == {"id", "name", "links"}
    backup = made.json()["backup"]["id"]
    shared_clock.advance(5)
    assert storage.show("backup", backup)["status"] == "available"
    fresh = storage.call("POST", f"/backups/{backup}/restore", {"restore": {}}).json()["restore"]
    assert storage.show("volume", fresh["volume_id"])["status"] == "restoring-backup"
    shared_clock.advance(5)
    assert storage.show("volume", fresh["volume_id"])["status"] == "available"
    assert storage.call("POST", f"/backups/{backup}/restore", {"restore": {"volume_id": UUID}}).status_code == 404
    assert storage.call("DELETE", f"/backups/{backup}").status_code == 202


def test_metadata(storage):
    volume = storage.volume(metadata={"a": "b"})
    path = f"/volumes/{volume['id']}/metadata"
    assert storage.call("POST", path, {"metadata": {"c": "d"}}).json() == {"metadata": {"a": "b", "c": "d"}}
    assert storage.call("PUT", path, {"metadata": {"e": "f"}}).json() == {"metadata": {"e": "f"}}
    assert storage.call("DELETE", path + "/e").status_code == 200
    assert error(storage.call("DELETE", path + "/e")) == (404, "itemNotFound")


def test_types(storage, admin, shared_clock):
    boss = Storage(admin, shared_clock)
    assert error(storage.call("POST", "/types", {"volume_type": {"name": "q"}})) == (403, "forbidden")
    made = boss.call("POST", "/types", {"volume_type": {"name": "q", "extra_specs": {"multiattach": "<is> True"}}})
    kind = made.json()["volume_type"]["id"]
    assert boss.call("POST", "/types", {"volume_type": {"name": "q"}}).status_code == 409
    assert storage.show("type", kind) is None
    assert storage.call("GET", f"/types/{kind}").json()["volume_type"]["extra_specs"] == {}
    assert storage.call("GET", "/types/default").json()["volume_type"]["name"] == "__DEFAULT__"
    assert storage.volume(volume_type="q")["multiattach"] is True
    assert boss.call("DELETE", f"/types/{kind}").status_code == 400


def test_quotas_bind(alt, admin, shared_clock):
    mine, boss = Storage(alt, shared_clock), Storage(admin, shared_clock)
    path = f"/os-quota-sets/{alt.project_id}"
    assert error(mine.call("PUT", path, {"quota_set": {"volumes": 1}})) == (403, "forbidden")
    assert boss.call("PUT", path, {"quota_set": {"volumes": 1, "gigabytes": 4}}).status_code == 200
    assert error(mine.call("POST", "/volumes", {"volume": {"size": 5}})) == (413, "overLimit")
    mine.volume()
    full = mine.call("POST", "/volumes", {"volume": {"size": 1}})
    assert full.json()["overLimit"]["message"].startswith("VolumeLimitExceeded: Maximum number of volumes allowed (1)")
    assert boss.call("PUT", path, {"quota_set": {"zork": 1}}).status_code == 400
    assert boss.call("DELETE", path).status_code == 200


def test_projects_do_not_see_each_other(storage, alt, shared_clock):
    volume = storage.volume()
    other = Storage(alt, shared_clock)
    assert other.call("GET", f"/volumes/{volume['id']}").status_code == 404
    assert other.call("DELETE", f"/volumes/{volume['id']}").status_code == 404
    assert other.act(volume, {"os-extend": {"new_size": 3}}).status_code == 404
    assert volume["id"] not in other.call("GET", "/volumes/detail").text
    foreign = alt.get("blockstorage", f"/v3/{storage.client.project_id}/volumes")
    assert foreign.status_code == 400


def test_versions(demo, storage):
    assert demo.get("blockstorage", "/").status_code == 300
    assert demo.get("blockstorage", "/v3/").json()["versions"][0]["min_version"] == "3.0"
    answer = storage.call("GET", "/volumes", version="3.99")
    assert error(answer) == (406, "computeFault")
    assert storage.call("GET", "/volumes", version="3.50").headers["OpenStack-API-Version"] == "volume 3.50"
    assert storage.call("GET", "/volumes?limit=foo").status_code == 400
    assert storage.call("GET", "/volumes?sort=zork:asc").status_code == 400
    assert storage.call("GET", "/volumes?marker=foo").status_code == 404
