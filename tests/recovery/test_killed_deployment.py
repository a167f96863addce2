"""Deployments through `kill -9`: of the process while a server is waited for, and right after the server has told."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.kamado_process import KamadoProcess, free_ports
from tests.scenarios.site import Site

SECONDS = 120


def template(word: str) -> dict[str, Any]:
    config = {"config": "#!/bin/sh\n", "group": "script", "inputs": [{"name": "word"}], "outputs": [{"name": "result"}]}
    values = {
        "server": {"get_resource": "server"},
        "config": {"get_resource": "config"},
        "input_values": {"word": word},
    }
    return {
        "heat_template_version": "2018-08-31",
        "resources": {
            "server": {"type": "OS::Heat::DeployedServer"},
            "config": {"type": "OS::Heat::SoftwareConfig", "properties": config},
            "deployment": {"type": "OS::Heat::SoftwareDeployment", "properties": values},
        },
        "outputs": {"result": {"value": {"get_attr": ["deployment", "result"]}}},
    }


def waiting(site: Site, action: str) -> dict[str, Any]:
    """The inputs of the one deployment, once it waits for its server."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        found = site.rest("GET", "/software_deployments").json()["software_deployments"]
        if [(one["action"], one["status"]) for one in found] == [(action, "IN_PROGRESS")]:
            config = site.rest("GET", f"/software_configs/{found[0]['config_id']}").json()["software_config"]
            return {one["name"]: one["value"] for one in config["inputs"]}
        time.sleep(0.05)
    raise AssertionError(found)


def outcome(site: Site) -> tuple[str, Any, int, int]:
    stack = site.settled("killed")
    configs = site.rest("GET", "/software_configs").json()["software_configs"]
    deployments = site.rest("GET", "/software_deployments").json()["software_deployments"]
    return stack["stack_status"], stack["outputs"][0]["output_value"], len(configs), len(deployments)


@pytest.mark.timeout(600)
def test_a_deployment_survives_kills(tmp_path: Path) -> None:
    (cfn_port,) = free_ports(1)
    kamado = KamadoProcess(tmp_path / "state", "--cfn-port", str(cfn_port)).start()
    try:
        key = kamado.site().create("killed", template("one"))
        waiting(kamado.site(), "CREATE")
        kamado.kill()
        kamado.start()
        told = waiting(kamado.site(), "CREATE")
        done = requests.post(told["deploy_signal_id"], json={"result": "one", "deploy_status_code": 0}, timeout=60)
        assert done.status_code == 200
        kamado.kill()  # the signal is durable, whether or not anybody has looked at it
        kamado.start()
        assert outcome(kamado.site()) == ("CREATE_COMPLETE", "one", 2, 1)

        path = f"/stacks/killed/{key}"
        assert kamado.site().rest("PUT", path, {"template": template("two")}).status_code == 202
        kamado.kill()
        kamado.start()
        told = waiting(kamado.site(), "UPDATE")
        assert told["word"] == "two"
        requests.post(told["deploy_signal_id"], json={"result": "two", "deploy_status_code": 0}, timeout=60)
        kamado.kill()
        kamado.start()
        assert outcome(kamado.site()) == ("UPDATE_COMPLETE", "two", 2, 1)

        site = kamado.site()
        assert site.rest("DELETE", path).status_code == 204
        kamado.kill()
        kamado.start()
        kamado.site().gone("killed")
        assert kamado.site().rest("GET", "/software_configs").json()["software_configs"] == []
        assert kamado.site().rest("GET", "/software_deployments").json()["software_deployments"] == []
    finally:
        kamado.stop()
