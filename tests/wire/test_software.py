"""What the agents on servers see of software deployments, and the limits of a project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.wire.stand import Stand

from kamado.localcloud.server import LocalCloud
from kamado.orchestrator.context import OrchestratorSettings

SERVER = {
    "heat_template_version": "2018-08-31",
    "resources": {"server": {"type": "OS::Heat::TestResource", "metadata": {"own": 1}}},
}


def made(stand: Stand, kind: str, **body: Any) -> dict[str, Any]:
    answer = stand.ask("POST", f"/software_{kind}s", body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()[f"software_{kind}"]
    return found


def test_a_servers_metadata_tells_what_is_to_be_on_it(stand: Stand) -> None:
    stack = stand.ask("POST", "/stacks", {"stack_name": "servers", "template": SERVER}).json()["stack"]["id"]
    stand.settled(f"/stacks/servers/{stack}")
    resource = f"/stacks/servers/{stack}/resources/server"
    server = stand.ask("GET", resource).json()["resource"]["physical_resource_id"]
    two, one = (made(stand, "config", name=name) for name in ("two", "one"))
    first = made(stand, "deployment", config_id=two["id"], server_id=server)
    second = made(stand, "deployment", config_id=one["id"], server_id=server)

    def metadata() -> Any:
        return stand.ask("GET", f"{resource}/metadata").json()["metadata"]

    assert metadata() == {"own": 1, "deployments": [one, two]}
    stand.ask("PUT", f"/software_deployments/{first['id']}", {"config_id": one["id"]})
    assert metadata() == {"own": 1, "deployments": [one, one]}
    for deployment in (first, second):
        assert stand.ask("DELETE", f"/software_deployments/{deployment['id']}").status_code == 204
    assert metadata() == {"own": 1}


def test_what_is_empty_in_a_change_stays(stand: Stand) -> None:
    config = made(stand, "config")
    before = made(stand, "deployment", config_id=config["id"], server_id="s", status="COMPLETE", input_values={"a": 1})
    change = {"status": None, "input_values": {}, "action": "UPDATE"}
    after = stand.ask("PUT", f"/software_deployments/{before['id']}", change).json()["software_deployment"]
    assert after == {**before, "action": "UPDATE", "updated_time": after["updated_time"]}


def test_bodies_of_the_wrong_shape_say_where(stand: Stand) -> None:
    for path, body, message in (
        ("/software_configs", {"name": 1}, "name: expected text"),
        ("/software_configs", {"options": "x"}, "options: expected a map"),
        ("/software_configs", {"name": "x" * 256}, "name: at most 255 characters"),
        ("/software_deployments", {"config_id": ["x"]}, "config_id: expected text"),
    ):
        answer = stand.ask("POST", path, body)
        assert answer.status_code == 400
        assert answer.json()["error"] == {"type": "HTTPBadRequest", "traceback": None, "message": message}


def test_a_project_has_no_more_than_it_may_have(cloud: LocalCloud, tmp_path: Path) -> None:
    limits = OrchestratorSettings(max_software_configs_per_tenant=1, max_software_deployments_per_tenant=1)
    stand = Stand(tmp_path, cloud, settings=limits, working=False)
    try:
        config = made(stand, "config")
        made(stand, "deployment", config_id=config["id"], server_id="s")
        for kind, body in (("config", {}), ("deployment", {"config_id": config["id"], "server_id": "s"})):
            answer = stand.ask("POST", f"/software_{kind}s", body)
            assert answer.status_code == 400
            assert answer.json()["error"]["type"] == "RequestLimitExceeded"
            assert f"maximum software {kind}s per tenant, 1" in answer.json()["error"]["message"]
    finally:
        stand.close()
