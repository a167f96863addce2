"""The agent that runs on servers picks up what a stack deploys, runs it, and tells: the stack goes on with what it told."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.guests.conftest import Guest
from tests.kamado_process import KamadoProcess
from tests.scenarios.site import Site

SCRIPT = """#!/bin/sh
echo "$deploy_action of $word"
echo "for you to know" >&2
printf "%s" "$word on $deploy_server_id" > $heat_outputs_path.result
test "$word" != bad
"""
PAIRS = [
    ("POLL_SERVER_CFN", "CFN_SIGNAL"),
    ("POLL_SERVER_HEAT", "HEAT_SIGNAL"),
    ("POLL_TEMP_URL", "TEMP_URL_SIGNAL"),
    ("ZAQAR_MESSAGE", "ZAQAR_SIGNAL"),
]


def template(transport: str, signal: str, word: str = "one", server: dict[str, Any] | None = None) -> dict[str, Any]:
    """A server with a deployment that is run at every action but suspending."""
    config = {
        "config": SCRIPT,
        "group": "script",
        "inputs": [{"name": "word"}],
        "outputs": [{"name": "result"}],
    }
    values = {
        "server": {"get_resource": "server"},
        "config": {"get_resource": "config"},
        "signal_transport": signal,
        "input_values": {"word": word},
        "actions": ["CREATE", "UPDATE", "DELETE"],
    }
    made = server or {"type": "OS::Heat::DeployedServer", "properties": {}}
    made["properties"]["software_config_transport"] = transport
    shown = ("result", "deploy_stdout", "deploy_stderr", "deploy_status_code")
    return {
        "heat_template_version": "2018-08-31",
        "resources": {
            "server": made,
            "config": {"type": "OS::Heat::SoftwareConfig", "properties": config},
            "deployment": {"type": "OS::Heat::SoftwareDeployment", "properties": values},
        },
        "outputs": {
            **{name: {"value": {"get_attr": ["deployment", name]}} for name in shown},
            "agent": {"value": {"get_attr": ["server", "os_collect_config"]}},
        },
    }


def eventually(seen: Callable[[], Any], seconds: float = 120) -> Any:
    end = time.monotonic() + seconds
    while True:
        found = seen()
        if found:
            return found
        assert time.monotonic() < end
        time.sleep(0.1)


def answered(guest: Guest, over: Callable[[], Any]) -> Any:
    """What ``over`` sees once the agent has looked; a queue gives it one message at each look, old ones first."""
    for _ in range(5):
        guest.look()
        end = time.monotonic() + 25
        while time.monotonic() < end:
            found = over()
            if found:
                return found
            time.sleep(0.2)
    raise AssertionError(guest.done())


def stack_of(site: Site, path: str) -> dict[str, Any]:
    answer = site.rest("GET", path)
    found: dict[str, Any] = answer.json().get("stack") or {"stack_status": "gone"}
    return found


def outputs(site: Site, path: str) -> dict[str, Any]:
    return {one["output_key"]: one["output_value"] for one in stack_of(site, path)["outputs"]}


def waits(site: Site, path: str, action: str) -> None:
    """Until the server has been told of an action."""

    def seen() -> bool:
        row = site.rest("GET", f"{path}/resources/deployment").json().get("resource", {})
        key = row.get("physical_resource_id")
        found = site.rest("GET", f"/software_deployments/{key}").json().get("software_deployment", {}) if key else {}
        return (found.get("action"), found.get("status")) == (action, "IN_PROGRESS")

    eventually(seen)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("transport", "signal"), PAIRS)
def test_a_deployment_is_picked_up_run_and_told(
    kamado: KamadoProcess, programs: Path, tmp_path: Path, transport: str, signal: str
) -> None:
    site, guest = kamado.site(), Guest(programs, tmp_path / "guest")
    name = transport.lower().replace("_", "-")
    path = f"/stacks/{name}/{site.create(name, template(transport, signal))}"
    waits(site, path, "CREATE")
    guest.configure(outputs(site, path)["agent"])
    answered(guest, lambda: stack_of(site, path)["stack_status"] == "CREATE_COMPLETE")
    server = site.rest("GET", f"{path}/resources/server").json()["resource"]["physical_resource_id"]
    told = outputs(site, path)
    assert told["result"] == f"one on {server}"
    assert told["deploy_stdout"] == "CREATE of one\n"
    assert told["deploy_stderr"] == "for you to know\n"
    assert told["deploy_status_code"] == 0

    changed = {"template": template(transport, signal, "bad")}
    assert site.rest("PUT", path, changed).status_code == 202
    waits(site, path, "UPDATE")
    failed = answered(guest, lambda: stack_of(site, path)["stack_status"] == "UPDATE_FAILED" and stack_of(site, path))
    words = "Deployment to server failed: deploy_status_code : Deployment exited with non-zero status code: 1"
    assert failed["stack_status_reason"].endswith(f"Error: resources.deployment: {words}")

    assert site.rest("PUT", path, {"template": template(transport, signal, "two")}).status_code == 202
    waits(site, path, "CREATE")
    # What the update replaces is taken off the server before it ends.
    waits_for_old = lambda: any(  # noqa: E731
        one["action"] == "DELETE" and one["status"] == "IN_PROGRESS"
        for one in site.rest("GET", f"/software_deployments?server_id={server}").json()["software_deployments"]
    )
    answered(guest, waits_for_old)
    answered(guest, lambda: stack_of(site, path)["stack_status"] == "UPDATE_COMPLETE")
    assert outputs(site, path)["result"] == f"two on {server}"

    site.rest("DELETE", path)
    waits(site, path, "DELETE")
    answered(guest, lambda: stack_of(site, path)["stack_status"] in ("gone", "DELETE_COMPLETE"))
    assert [one["deploy_stdout"] for one in guest.done()].count("DELETE of two\n") == 1
