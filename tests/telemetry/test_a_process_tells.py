"""What one real process tells while stacks come and go: notifications over RabbitMQ, numbers, log lines; and what none of them may tell.

Not mocked: the process, its API, Keystone and Neutron of the local cloud, the broker.
"""

from __future__ import annotations

import json
import queue
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from tests.kamado_process import KamadoProcess, free_ports

from kamado import settings
from kamado.messaging.transport import library, notification_transport

SECRET = "a-secret-that-nobody-may-tell"
ID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}|[0-9a-f]{32}")


@dataclass
class Telling:
    process: KamadoProcess
    notices: queue.Queue[tuple[str, str, dict[str, Any]]]
    metrics_url: str

    def metrics(self, url: str = "") -> dict[str, list[Any]]:
        answer = requests.get(url or self.metrics_url, timeout=30)
        assert answer.status_code == 200
        assert SECRET not in answer.text
        return {family.name: family.samples for family in text_string_to_metric_families(answer.text)}

    def until(self, wanted: list[str], stack: str) -> list[tuple[str, str, dict[str, Any]]]:
        """The notices of a stack, as they come, until those of these types are there."""
        found: list[tuple[str, str, dict[str, Any]]] = []
        while [one[1] for one in found] != wanted:
            notice = self.notices.get(timeout=60)
            if notice[2]["stack_name"] == stack:
                found.append(notice)
            assert len(found) <= len(wanted), found
        return found


class _Listener:
    def __init__(self, notices: queue.Queue[tuple[str, str, dict[str, Any]]]) -> None:
        self._notices = notices

    def info(self, _ctxt: Any, publisher: str, event_type: str, payload: dict[str, Any], _meta: Any) -> None:
        assert publisher.startswith("orchestration.")
        self._notices.put(("info", event_type, payload))

    def error(self, _ctxt: Any, _publisher: str, event_type: str, payload: dict[str, Any], _meta: Any) -> None:
        self._notices.put(("error", event_type, payload))


@pytest.fixture
def telling(broker_url: str, tmp_path: Path) -> Iterator[Telling]:
    (port,) = free_ports(1)
    path = tmp_path / "kamado.conf"
    path.write_text(
        f"[DEFAULT]\ntransport_url = {broker_url}\nauth_encryption_key = {'k' * 32}\nuse_json = true\n"
        "default_log_levels = kamado.states=DEBUG\n"
        "[database]\nconnection = sqlite:////nowhere\n"
        "[keystone_authtoken]\nauth_url = http://127.0.0.1:1\nusername = u\npassword = p\n"
        "[oslo_messaging_notifications]\ndriver = messagingv2\n"
        f"[kamado]\nmetrics_port = {port}\n"
    )
    messaging = library()
    notices: queue.Queue[tuple[str, str, dict[str, Any]]] = queue.Queue()
    listener = messaging.get_notification_listener(
        notification_transport(settings.load([str(path)]).messaging),
        [messaging.Target(topic="notifications", exchange="heat")],
        [_Listener(notices)],
        executor="threading",
    )
    listener.start()
    process = KamadoProcess(tmp_path / "state", config_file=path).start()
    yield Telling(process, notices, f"http://127.0.0.1:{port}/metrics")
    process.stop()
    listener.stop()
    listener.wait()


TEMPLATE = {
    "heat_template_version": "2018-08-31",
    "parameters": {"pin": {"type": "string", "hidden": True}},
    "resources": {
        "n": {"type": "OS::Neutron::Net"},
        "t": {"type": "OS::Heat::TestResource", "properties": {"value": {"get_param": "pin"}}},
        "inner": {"type": "one.yaml"},
    },
}
INNER = {
    "heat_template_version": "2018-08-31",
    "resources": {"v": {"type": "OS::Heat::Value", "properties": {"value": 1}}},
}
BROKEN = {
    "heat_template_version": "2018-08-31",
    "resources": {"t": {"type": "OS::Heat::TestResource", "properties": {"fail": True}}},
}


def test_stacks_are_told_of_and_secrets_are_not(telling: Telling) -> None:
    heat = telling.process.site().heat
    files = {"one.yaml": json.dumps(INNER)}
    stack = heat.stacks.create(
        stack_name="told", template=TEMPLATE, files=files, parameters={"pin": SECRET}, tags="one,two"
    )["stack"]
    found = telling.until(["orchestration.stack.create.start", "orchestration.stack.create.end"], "told")
    assert [level for level, _, _ in found] == ["info", "info"]
    payload = found[1][2]
    assert payload == {
        "tenant_id": payload["tenant_id"],
        "user_id": "demo",
        "user_identity": payload["user_identity"],
        "username": "demo",
        "stack_identity": stack["id"],
        "stack_name": "told",
        "state": "CREATE_COMPLETE",
        "state_reason": "Stack CREATE completed successfully",
        "create_at": payload["create_at"],
        "updated_at": None,
        "tags": ["one", "two"],
        "description": "No description",
    }
    heat.stacks.create(stack_name="bad", template=BROKEN)
    level, _, payload = telling.until(["orchestration.stack.create.start", "orchestration.stack.create.error"], "bad")[
        1
    ]
    assert (level, payload["state"]) == ("error", "CREATE_FAILED")
    assert payload["state_reason"].startswith("Resource CREATE failed: ValueError: resources.t:")
    heat.stacks.delete("told")
    told = ["orchestration.stack.delete.start", "orchestration.stack.delete.end"]
    assert SECRET not in str(telling.until(told, "told"))
    _numbers(telling)
    _lines(telling, stack["id"])


def _numbers(telling: Telling) -> None:
    found = telling.metrics()
    operations = {
        (one.labels["action"], one.labels["outcome"]): one.value
        for one in found["kamado_operations"]
        if one.name.endswith("_total")
    }
    assert operations["CREATE", "done"] == 2  # the nested one counts
    assert operations["CREATE", "failed"] == 1
    assert operations["DELETE", "done"] == 2
    steps = {
        (one.labels["type"], one.labels["action"], one.labels["outcome"])
        for one in found["kamado_steps"]
        if one.name.endswith("_total")
    }
    assert ("OS::Neutron::Net", "create", "done") in steps
    assert ("OS::Heat::TestResource", "create", "failed") in steps
    assert ("template", "create", "done") in steps
    calls = {
        (one.labels["service"], one.labels["status"]) for one in found["kamado_cloud_calls"] if "status" in one.labels
    }
    assert {("network", "201"), ("network", "204"), ("identity", "201")} <= calls
    assert {one.value for one in found["kamado_cloud_calls_in_flight"]} == {0}
    assert {one.labels["state"]: one.value for one in found["kamado_queue_operations"]} == {"waiting": 0, "running": 0}
    assert [one.value for one in found["kamado_queue_age_seconds"]] == [0]
    assert any(one.labels.get("method") == "POST" for one in found["kamado_api_requests"])
    for samples in found.values():
        for sample in samples:
            for name, value in sample.labels.items():
                assert not ID.search(value), (sample.name, name, value)
                assert value not in ("told", "bad", "n", "t", "one.yaml", "demo"), (sample.name, name, value)
    on_api = telling.metrics(f"http://127.0.0.1:{telling.process.port}/metrics")
    assert on_api.keys() == found.keys()


def _lines(telling: Telling, stack_id: str) -> None:
    end = time.monotonic() + 30
    while True:
        text = (telling.process.state / "kamado.log").read_text()
        lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        states = [line["extra"] for line in lines if line["name"] == "kamado.states"]
        mine = [line for line in states if line.get("stack") == stack_id]
        if any(line["state"] == "DELETE_COMPLETE" and "resource" not in line for line in mine):
            break
        assert time.monotonic() < end, states
    assert SECRET not in text
    nets = [line for line in mine if line.get("resource") == "n"]
    assert [line["state"] for line in nets] == [
        "CREATE_IN_PROGRESS",
        "CREATE_COMPLETE",
        "DELETE_IN_PROGRESS",
        "DELETE_COMPLETE",
    ]
    for line in mine:
        assert line["operation"]
        assert line["engine"]
        assert line["request"].startswith("req-")
