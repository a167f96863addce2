"""The classic first walk-through of Heat, step by step, as its documentation teaches it."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import yaml
from tests.scenarios.site import Site

TEMPLATE = Path(__file__).parents[2] / "examples" / "first-stack.yaml"

STACK_FIELDS = {
    "capabilities": list, "creation_time": str, "deletion_time": type(None), "description": str, "disable_rollback": bool,
    "id": str, "links": list, "notification_topics": list, "outputs": list, "parameters": dict,
    "parent": type(None), "stack_name": str, "stack_owner": (str, type(None)), "stack_status": str,
    "stack_status_reason": str, "stack_user_project_id": (str, type(None)), "tags": (list, type(None)),
    "template_description": str,
    "timeout_mins": (int, type(None)), "updated_time": (str, type(None)),
}  # fmt: skip


def walk_through(site: Site) -> None:
    """Create with a parameter, look from all sides, rename in place, update without a change, delete."""
    name = f"sample-{uuid4().hex[:8]}"
    first, second = f"{name}-net", f"{name}-renamed"

    created = site.openstack("stack", "create", "-t", str(TEMPLATE), "--parameter", f"sample_net_name={first}", name)
    assert created["stack_name"] == name
    assert created["stack_status"] in ("CREATE_IN_PROGRESS", "CREATE_COMPLETE")
    stack = site.settled(name)
    assert (stack["stack_status"], stack["stack_status_reason"]) == (
        "CREATE_COMPLETE",
        "Stack CREATE completed successfully",
    )
    network = _network(site, first)
    assert network["Name"] == first

    _look(site, name, stack, network["ID"], first)
    _update(site, name, network["ID"], second)
    _delete(site, name, second)


def _look(site: Site, name: str, stack: dict[str, object], network_id: str, net_name: str) -> None:
    for field, kind in STACK_FIELDS.items():
        assert field in stack, field
        assert isinstance(stack[field], kind), (field, stack[field])
    assert stack["parameters"]["OS::stack_name"] == name
    assert stack["parameters"]["sample_net_name"] == net_name
    assert stack["outputs"] == [
        {"output_key": "status", "description": "status of sample_net", "output_value": "ACTIVE"}
    ]

    assert name in [row["Stack Name"] for row in site.openstack("stack", "list")]
    shown = site.openstack("stack", "show", name)
    assert shown["id"] == stack["id"]
    template = site.run("stack", "template", "show", name)
    assert yaml.safe_load(template)["resources"] == yaml.safe_load(TEMPLATE.read_text())["resources"]

    [resource] = site.openstack("stack", "resource", "list", name)
    assert (resource["resource_name"], resource["resource_type"], resource["resource_status"]) == (
        "sample_net",
        "OS::Neutron::Net",
        "CREATE_COMPLETE",
    )
    assert resource["physical_resource_id"] == network_id
    detail = site.openstack("stack", "resource", "show", name, "sample_net")
    assert detail["attributes"]["name"] == net_name
    assert detail["attributes"]["status"] == "ACTIVE"

    events = site.openstack("stack", "event", "list", name)
    assert [(e["resource_name"], e["resource_status"]) for e in events] == [
        (name, "CREATE_IN_PROGRESS"),
        ("sample_net", "CREATE_IN_PROGRESS"),
        ("sample_net", "CREATE_COMPLETE"),
        (name, "CREATE_COMPLETE"),
    ]
    last = events[2]
    event = site.openstack("stack", "event", "show", name, "sample_net", last["id"])
    assert event["physical_resource_id"] == network_id

    assert [row["output_key"] for row in site.openstack("stack", "output", "list", name)] == ["status"]
    assert site.openstack("stack", "output", "show", name, "status")["output_value"] == "ACTIVE"


def _update(site: Site, name: str, network_id: str, new_name: str) -> None:
    body = {"template": TEMPLATE.read_text(), "parameters": {"sample_net_name": new_name}}
    redirected = site.rest("PUT", f"/stacks/{name}", body)
    assert redirected.status_code == 302
    assert redirected.headers["Location"].startswith(site.url + f"/stacks/{name}/")

    site.openstack("stack", "update", "-t", str(TEMPLATE), "--parameter", f"sample_net_name={new_name}", name)
    assert site.settled(name)["stack_status"] == "UPDATE_COMPLETE"
    assert _network(site, new_name)["ID"] == network_id

    before = site.openstack("stack", "event", "list", name)
    site.run("stack", "update", "--existing", "-t", str(TEMPLATE), "--wait", name)
    assert site.settled(name)["stack_status"] == "UPDATE_COMPLETE"
    after = site.openstack("stack", "event", "list", name)
    news = [e["resource_name"] for e in after[len(before) :]]
    assert news == [name, name], "an update without a change touches no resource"


def _delete(site: Site, name: str, net_name: str) -> None:
    answer = site.rest("DELETE", f"/stacks/{name}")
    assert answer.status_code == 302
    site.run("stack", "delete", "--yes", "--wait", name)
    site.gone(name)
    assert net_name not in [row["Name"] for row in site.openstack("network", "list")]


def _network(site: Site, name: str) -> dict[str, str]:
    [found] = [row for row in site.openstack("network", "list") if row["Name"] == name]
    return dict(found)
