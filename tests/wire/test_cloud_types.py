"""What a stack does to the local cloud: a volume that leaves a backup, a service that is not there."""

from __future__ import annotations

from pathlib import Path

import requests
from tests.wire.stand import Stand, issue

from kamado.localcloud.server import LocalCloud

VERSION = {"heat_template_version": "2018-08-31"}


def _backups(stand: Stand) -> list[str]:
    token, project = stand.token("demo")
    url = f"{stand.cloud.urls['blockstorage']}/v3/{project}/backups"
    return [backup["id"] for backup in requests.get(url, headers={"X-Auth-Token": token}, timeout=30).json()["backups"]]


def test_deletion_policy_snapshot_leaves_a_backup_of_the_volume(stand: Stand) -> None:
    volume = {"type": "OS::Cinder::Volume", "properties": {"size": 1}, "deletion_policy": "Snapshot"}
    made = stand.ask("POST", "/stacks", {"stack_name": "kept", "template": {**VERSION, "resources": {"v": volume}}})
    assert made.status_code == 201, made.text
    path = f"/stacks/kept/{made.json()['stack']['id']}"
    assert stand.settled(path)["stack_status"] == "CREATE_COMPLETE"
    before = _backups(stand)
    assert stand.ask("DELETE", path).status_code == 204
    gone = stand.settled(path)
    assert gone["stack_status"] == "DELETE_COMPLETE", gone["stack_status_reason"]
    assert len(_backups(stand)) == len(before) + 1


def test_a_snapshot_of_a_volume_is_a_backup_that_it_goes_back_to_and_takes_along(stand: Stand) -> None:
    volume = {"type": "OS::Cinder::Volume", "properties": {"size": 1}}
    before = _backups(stand)
    made = stand.ask("POST", "/stacks", {"stack_name": "snapped", "template": {**VERSION, "resources": {"v": volume}}})
    path = f"/stacks/snapped/{made.json()['stack']['id']}"
    assert stand.settled(path)["stack_status"] == "CREATE_COMPLETE"
    taken = [stand.ask("POST", f"{path}/snapshots", {"name": "a"})]
    assert stand.settled(path)["stack_status"] == "SNAPSHOT_COMPLETE"
    taken.append(stand.ask("POST", f"{path}/snapshots", {"name": "b"}))
    assert stand.settled(path)["stack_status"] == "SNAPSHOT_COMPLETE"
    assert len(_backups(stand)) == len(before) + 2
    first, second = (answer.json()["id"] for answer in taken)
    kept = stand.ask("GET", f"{path}/snapshots/{first}").json()["snapshot"]["data"]["resources"]["v"]
    assert kept["resource_data"]["backup_id"] in _backups(stand)
    assert stand.ask("POST", f"{path}/snapshots/{first}/restore").status_code == 202
    stack = stand.settled(path)
    assert stack["stack_status"] == "RESTORE_COMPLETE", stack["stack_status_reason"]
    template = stand.ask("GET", f"{path}/template").json()
    assert template["resources"]["v"]["properties"]["backup_id"] == kept["resource_data"]["backup_id"]
    assert stand.ask("DELETE", f"{path}/snapshots/{first}").status_code == 204
    stand.gone(f"{path}/snapshots/{first}")
    assert [one["id"] for one in stand.ask("GET", f"{path}/snapshots").json()["snapshots"]] == [second]
    assert stand.ask("DELETE", path).status_code == 204
    stack = stand.settled(path)
    assert stack["stack_status"] == "DELETE_COMPLETE", stack["stack_status_reason"]
    assert len(_backups(stand)) == len(before)


def test_a_type_whose_service_the_cloud_lacks_is_refused(tmp_path: Path) -> None:
    with LocalCloud(identity_port=0) as cloud:
        token, _ = issue(cloud.auth_url, "admin")
        headers = {"X-Auth-Token": token}
        found = requests.get(f"{cloud.auth_url}/services?type=image", headers=headers, timeout=30).json()["services"]
        for service in found:
            gone = requests.delete(f"{cloud.auth_url}/services/{service['id']}", headers=headers, timeout=30)
            assert gone.status_code == 204, gone.text
        stand = Stand(tmp_path, cloud, working=False)
        try:
            image = {"location": "http://x/y", "container_format": "bare", "disk_format": "raw"}
            wanted = {"type": "OS::Glance::WebImage", "properties": image}
            body = {"stack_name": "no-image", "template": {**VERSION, "resources": {"i": wanted}}}
            answer = stand.ask("POST", "/stacks", body)
            assert answer.status_code == 400, answer.text
            assert answer.json()["error"]["type"] == "ResourceTypeUnavailable"
            assert answer.json()["error"]["message"] == (
                "HEAT-E99001 Service glance is not available for resource type OS::Glance::WebImage, "
                "reason: glance image endpoint is not in service catalog."
            )
            assert stand.ask("GET", "/stacks").json() == {"stacks": []}
        finally:
            stand.close()
