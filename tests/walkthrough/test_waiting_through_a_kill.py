"""A wait goes on where it was when Kamado is killed: what had been signalled counts, and the signed URL still leads there."""

from __future__ import annotations

import json
import time
from pathlib import Path

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
