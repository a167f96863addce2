"""A wait goes on where it was when Kamado is killed: what had been signalled counts, and the signed URL still leads there."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.kamado_process import KamadoProcess, free_ports
from tests.wire.stand import issue
from tests.wire.test_wait_conditions import waiting


def _until(wanted: str, url: str, user: dict[str, str], key: str, status: str) -> None:
    for _ in range(400):
        found = requests.get(url, headers=user, timeout=30).json()[key][status]
        if found == wanted:
            return
        time.sleep(0.05)
    raise AssertionError(found)


def test_signals_before_and_after_a_kill_end_the_wait(tmp_path: Path) -> None:
    kamado = KamadoProcess(tmp_path / "state", "--cfn-port", str(free_ports(1)[0])).start(90)
    try:
        token, project = issue(kamado.auth_url, "demo")
        user, stacks = {"X-Auth-Token": token}, f"http://127.0.0.1:{kamado.port}/v1/{project}/stacks"
        body = {"stack_name": "wait", "template": waiting("CFN_SIGNAL", count=2)}
        made = requests.post(stacks, json=body, headers=user, timeout=30).json()["stack"]["id"]
        stack = f"{stacks}/wait/{made}"
        _until("CREATE_IN_PROGRESS", f"{stack}/resources/wait", user, "resource", "resource_status")
        shown = requests.get(f"{stack}/outputs/signal", headers=user, timeout=30).json()["output"]["output_value"]
        url = json.loads(shown)["alarm_url"]
        assert requests.put(url, json={}, timeout=30).status_code == 200
        kamado.kill()
        kamado.start(90)
        user = {"X-Auth-Token": issue(kamado.auth_url, "demo")[0]}
        assert requests.put(url, json={}, timeout=30).status_code == 200
        _until("CREATE_COMPLETE", stack, user, "stack", "stack_status")
    finally:
        kamado.stop()


@pytest.mark.parametrize("transport", ["TEMP_URL_SIGNAL", "ZAQAR_SIGNAL"])
def test_signals_that_are_left_count_once_whoever_dies(tmp_path: Path, transport: str) -> None:
    kamado = KamadoProcess(tmp_path / "state").start(90)
    try:
        token, project = issue(kamado.auth_url, "demo")
        user, stacks = {"X-Auth-Token": token}, f"http://127.0.0.1:{kamado.port}/v1/{project}/stacks"
        body = {"stack_name": "left", "template": waiting(transport, count=3)}
        made = requests.post(stacks, json=body, headers=user, timeout=30).json()["stack"]["id"]
        stack = f"{stacks}/left/{made}"
        _until("CREATE_IN_PROGRESS", f"{stack}/resources/wait", user, "resource", "resource_status")
        shown = requests.get(f"{stack}/outputs/signal", headers=user, timeout=30).json()["output"]["output_value"]
        leave = _leaving(kamado.auth_url, json.loads(shown))
        leave({"data": "a"})
        _until_kept(1, f"{stack}/resources/handle/metadata", user)
        kamado.kill()
        kamado.start(90)
        leave({"data": "b"})
        kamado.kill()
        kamado.start(90)
        user = {"X-Auth-Token": issue(kamado.auth_url, "demo")[0]}
        _until_kept(2, f"{stack}/resources/handle/metadata", user)
        found = requests.get(stack, headers=user, timeout=30).json()["stack"]["stack_status"]
        assert found == "CREATE_IN_PROGRESS"
        leave({"data": "c"})
        _until("CREATE_COMPLETE", stack, user, "stack", "stack_status")
        kept = requests.get(f"{stack}/resources/handle/metadata", headers=user, timeout=30).json()["metadata"]
        assert {key: signal["data"] for key, signal in kept.items()} == {"1": "a", "2": "b", "3": "c"}
    finally:
        kamado.stop()


def _until_kept(number: int, url: str, user: dict[str, str]) -> None:
    for _ in range(800):
        found = requests.get(url, headers=user, timeout=30).json()["metadata"]
        if len(found) == number:
            return
        time.sleep(0.05)
    raise AssertionError(found)


def _leaving(auth_url: str, given: dict[str, Any]) -> Callable[[dict[str, str]], None]:
    """Leaves a signal as a server would, knowing what the handle tells."""

    def write(body: dict[str, str]) -> None:
        assert requests.put(given["alarm_url"], json=body, timeout=30).status_code == 201

    def post(body: dict[str, str]) -> None:
        identity = {
            "methods": ["password"],
            "password": {"user": {"id": given["user_id"], "password": given["password"]}},
        }
        auth = {"identity": identity, "scope": {"project": {"id": given["project_id"]}}}
        answer = requests.post(f"{auth_url}/auth/tokens", json={"auth": auth}, timeout=30)
        catalog = answer.json()["token"]["catalog"]
        queues = next(each["endpoints"][0]["url"] for each in catalog if each["type"] == "messaging")
        headers = {"X-Auth-Token": answer.headers["X-Subject-Token"], "Client-ID": str(uuid.uuid4())}
        url = f"{queues}/v2/queues/{given['queue_id']}/messages"
        body_of = {"messages": [{"body": body, "ttl": 300}]}
        assert requests.post(url, json=body_of, headers=headers, timeout=30).status_code == 201

    return write if "alarm_url" in given else post
