"""Updates with `converge` over HTTP on the local cloud's Neutron: drift is in the plan and put right, and nothing else is sent."""

from __future__ import annotations

from typing import Any

import pytest
from tests.wire.stand import Stand

TEMPLATE: dict[str, Any] = {
    "heat_template_version": "2016-10-14",
    "resources": {
        "net": {"type": "OS::Neutron::Net", "properties": {"name": "drifting", "admin_state_up": True}},
        "subnet": {
            "type": "OS::Neutron::Subnet",
            "properties": {"network": {"get_resource": "net"}, "cidr": "10.9.0.0/24", "dns_nameservers": ["10.9.0.9"]},
        },
    },
}
REQUEST = {"template": TEMPLATE, "converge": True}


@pytest.fixture
def neutron(stand: Stand) -> Any:
    """The service as the stack's owner has it."""

    class Owner:
        token, project = stand.token("demo")

        def __call__(self, verb: str, path: str, body: Any = None) -> Any:
            url = f"{stand.cloud.urls['network'].rstrip('/')}{path}"
            return stand.ask(verb, url, body)

    return Owner()


def made(stand: Stand, name: str) -> str:
    answer = stand.ask("POST", "/stacks", {"stack_name": name, "template": TEMPLATE})
    path = f"/stacks/{name}/{answer.json()['stack']['id']}"
    assert stand.settled(path)["stack_status"] == "CREATE_COMPLETE"
    return path


def key(stand: Stand, path: str, name: str) -> str:
    return str(stand.ask("GET", f"{path}/resources/{name}").json()["resource"]["physical_resource_id"])


def plan(stand: Stand, path: str) -> dict[str, Any]:
    answer = stand.ask("POST", f"{path}/plan", REQUEST)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["plan"]
    return found


def update(stand: Stand, path: str) -> None:
    assert stand.ask("PUT", path, REQUEST).status_code == 202
    assert stand.settled(path)["stack_status"] == "UPDATE_COMPLETE"


def test_drift_is_shown_and_put_right(stand: Stand, neutron: Any) -> None:
    path = made(stand, "drift-changed")
    assert plan(stand, path)["has_changes"] is False
    net = key(stand, path, "net")
    assert neutron("PUT", f"/v2.0/networks/{net}", {"network": {"admin_state_up": False}}).status_code == 200
    shown = plan(stand, path)
    steps = {step["step"]: step for step in shown["steps"]}
    assert steps["update:net"]["reason"] == "differs from what is really there"
    assert steps["update:net"]["changes"] == [
        {"path": ["admin_state_up"], "old": False, "new": True, "known_later": False, "replaces": False}
    ]
    assert shown["basis"] is None
    update(stand, path)
    assert neutron("GET", f"/v2.0/networks/{net}").json()["network"]["admin_state_up"] is True
    assert plan(stand, path)["has_changes"] is False


def test_what_is_gone_is_made_anew(stand: Stand, neutron: Any) -> None:
    path = made(stand, "drift-gone")
    net, subnet = key(stand, path, "net"), key(stand, path, "subnet")
    assert neutron("DELETE", f"/v2.0/subnets/{subnet}").status_code == 204
    steps = {step["step"]: step for step in plan(stand, path)["steps"]}
    assert steps["replace:subnet"]["reason"] == "is not there any more"
    update(stand, path)
    assert key(stand, path, "net") == net
    again = key(stand, path, "subnet")
    assert again != subnet
    assert neutron("GET", f"/v2.0/subnets/{again}").status_code == 200


def test_what_is_in_order_is_read_once_and_not_written(stand: Stand) -> None:
    path = made(stand, "drift-none")
    before = len(stand.ask("GET", f"{path}/events").json()["events"])
    update(stand, path)
    events = stand.ask("GET", f"{path}/events?sort_dir=asc").json()["events"]
    assert [event["resource_name"] for event in events[before:]] == ["drift-none", "drift-none"]
