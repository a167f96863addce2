"""Signals to a type that takes them: what is kept, what is told, who may send them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests
from opentelemetry.sdk.trace import TracerProvider
from tests.wire.stand import Stand

from kamado.localcloud.server import LocalCloud
from kamado.model.records import TRACE
from kamado.plugin.declare import STRING, Prop, resource_type
from kamado.plugin.errors import NoActionRequired, PermanentError
from kamado.plugin.resource import Resource
from kamado.telemetry.traces import Traces


@resource_type("Test::Bell")
class Bell(Resource):
    """Counts in its metadata how often it was rung."""

    local = True
    keeps_metadata = True
    properties = (Prop("note", STRING, "Anything.", update=True),)

    def handle_create(self) -> None:
        self.set_physical_id(self.physical_name)

    def handle_update(self, changes: Mapping[str, Any]) -> None:
        pass

    def handle_signal(self, details: Mapping[str, Any] | None) -> str | None:
        given = details or {}
        if given.get("quiet"):
            raise NoActionRequired
        if given.get("broken"):
            raise PermanentError("it fell down")
        self.set_metadata({**self.metadata, "rung": self.metadata.get("rung", 0) + 1})
        self.set_data("last", given.get("by"))
        return str(given["by"]) if "by" in given else None


def _stack(note: str) -> dict[str, Any]:
    bell = {"type": "Test::Bell", "properties": {"note": note}, "metadata": {"of": "brass"}}
    return {"heat_template_version": "2018-08-31", "resources": {"bell": bell}}


def test_a_signal_is_handled_told_and_kept_through_updates(cloud: LocalCloud, tmp_path: Path) -> None:
    stand = Stand(tmp_path, cloud, types=(Bell,))
    try:
        made = stand.ask("POST", "/stacks", {"stack_name": "tower", "template": _stack("a")})
        path = f"/stacks/tower/{made.json()['stack']['id']}"
        assert stand.settled(path)["stack_status"] == "CREATE_COMPLETE"
        ring = f"{path}/resources/bell/signal"
        bodies: list[Any] = [
            {"by": "me"},
            None,
            {"previous": "ok", "current": "alarm", "reason": "hot"},
            {"quiet": 1},
            {"broken": 1},
            {},
        ]
        for body in bodies:
            answer = stand.ask("POST", ring, body)
            assert (answer.status_code, answer.json()) == (200, None), answer.text
        told = stand.ask("GET", f"{path}/resources/bell/events").json()["events"]
        assert [(line["resource_status"], line["resource_status_reason"]) for line in told[:4]] == [
            ("SIGNAL_COMPLETE", "Unknown"),
            ("SIGNAL_COMPLETE", "alarm state changed from ok to alarm (hot)"),
            ("SIGNAL_COMPLETE", "No signal details provided"),
            ("SIGNAL_COMPLETE", "Signal: me"),
        ]
        metadata = f"{path}/resources/bell/metadata"
        assert stand.ask("GET", metadata).json() == {"metadata": {"of": "brass", "rung": 4}}
        assert stand.ask("PUT", path, {"template": _stack("b")}).status_code == 202
        assert stand.settled(path)["stack_status"] == "UPDATE_COMPLETE"
        assert stand.ask("GET", metadata).json() == {"metadata": {"of": "brass", "rung": 4}}
    finally:
        stand.close()


def test_what_a_signal_begins_belongs_to_the_trace_of_who_signals(tmp_path: Path) -> None:
    group = {
        "min_size": 0,
        "max_size": 9,
        "desired_capacity": 1,
        "resource": {"type": "OS::Heat::Value", "properties": {"value": 1}},
    }
    policy = {
        "auto_scaling_group_id": {"get_resource": "group"},
        "scaling_adjustment": 1,
        "adjustment_type": "change_in_capacity",
    }
    template = {
        "heat_template_version": "2018-08-31",
        "resources": {
            "group": {"type": "OS::Heat::AutoScalingGroup", "properties": group},
            "up": {"type": "OS::Heat::ScalingPolicy", "properties": policy},
        },
        "outputs": {"alarm": {"value": {"get_attr": ["up", "alarm_url"]}}},
    }
    with LocalCloud(identity_port=0) as cloud:
        stand = Stand(tmp_path, cloud, traces=Traces(TracerProvider()))
        try:
            stand.enter_catalog(cloud)
            made = stand.ask("POST", "/stacks", {"stack_name": "grown", "template": template}).json()["stack"]
            path = f"/stacks/grown/{made['id']}"
            assert stand.settled(path, 60)["stack_status"] == "CREATE_COMPLETE"
            alarm = stand.ask("GET", f"{path}/outputs/alarm").json()["output"]["output_value"]
            nested = stand.ask("GET", f"{path}/resources/group").json()["resource"]["physical_resource_id"]
            by_rest, by_alarm = "1" * 32, "2" * 32
            answer = stand.ask("POST", f"{path}/resources/up/signal", traceparent=f"00-{by_rest}-b7ad6b7169203331-01")
            assert answer.status_code == 200, answer.text
            headers = {"traceparent": f"00-{by_alarm}-b7ad6b7169203331-01"}
            assert requests.post(alarm, headers=headers, timeout=30).status_code == 200
            traces = [str(operation.options.get(TRACE, "")) for operation in stand.store.operations.of_stack(nested)]
            assert [by_rest in trace for trace in traces].count(True) == 1
            assert [by_alarm in trace for trace in traces].count(True) == 1
        finally:
            stand.close()
