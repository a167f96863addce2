"""Three tiers: everything made, changed in place, replaced in the right order, and gone without a trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from heatclient.common import template_utils
from tests.scenarios.site import Site

FOLDER = Path(__file__).parents[2] / "examples" / "three-tier"


def life(site: Site) -> None:
    """Create, update in place, update with replacements, delete; the cloud is compared at each stage."""
    name = f"tiers-{uuid4().hex[:8]}"
    before = inventory(site)
    body = request()
    site.create(name, **body, parameters={})
    stack = site.settled(name)
    assert stack["stack_status"] == "CREATE_COMPLETE", stack["stack_status_reason"]
    ids = _ids(site, name)
    outputs = {o["output_key"]: o["output_value"] for o in stack["outputs"]}
    assert outputs["url"].startswith("http://172.24."), outputs
    assert outputs["database_address"].startswith("10.42.0."), outputs
    assert outputs["volume_device"].startswith("/dev/"), outputs

    _change_in_place(site, name, body, ids)
    _replace(site, name, body, ids)

    site.heat.stacks.delete(name)
    site.gone(name)
    assert inventory(site) == before


def inventory(site: Site) -> dict[str, set[str]]:
    """What the project has, by kind: ids."""
    found = {}
    for service, path, key in (
        ("network", "/v2.0/networks", "networks"),
        ("network", "/v2.0/subnets", "subnets"),
        ("network", "/v2.0/ports", "ports"),
        ("network", "/v2.0/routers", "routers"),
        ("network", "/v2.0/floatingips", "floatingips"),
        ("network", "/v2.0/security-groups", "security_groups"),
        ("network", "/v2.0/security-group-rules", "security_group_rules"),
        ("compute", "/servers", "servers"),
        ("block-storage", "/volumes", "volumes"),
    ):
        answer = site.keystone.get(path, endpoint_filter={"service_type": service, "interface": "public"})
        found[key] = {row["id"] for row in answer.json()[key]}
    keys = site.keystone.get("/os-keypairs", endpoint_filter={"service_type": "compute", "interface": "public"})
    found["keypairs"] = {row["keypair"]["name"] for row in keys.json()["keypairs"]}
    return found


def request() -> dict[str, Any]:
    """The body of a create, as heatclient makes it from the example."""
    files, template = template_utils.get_template_contents(str(FOLDER / "app.yaml"))
    env_files, environment = template_utils.process_environment_and_files(str(FOLDER / "environment.yaml"))
    return {"template": template, "files": {**files, **env_files}, "environment": environment}


def _change_in_place(site: Site, name: str, body: dict[str, Any], ids: dict[str, str]) -> None:
    site.heat.stacks.update(name, **body, parameters={"greeting": "bye", "web_port": 8080, "volume_size": 3})
    stack = site.settled(name)
    assert stack["stack_status"] == "UPDATE_COMPLETE", stack["stack_status_reason"]
    assert _ids(site, name) == ids
    changed = {r.resource_name for r in site.heat.resources.list(name) if r.resource_status == "UPDATE_COMPLETE"}
    assert changed == {"web_rules", "db_volume", "web_server"}
    server = site.keystone.get(
        f"/servers/{ids['web_server']}", endpoint_filter={"service_type": "compute", "interface": "public"}
    ).json()["server"]
    assert server["metadata"]["greeting"] == "bye"


def _replace(site: Site, name: str, body: dict[str, Any], ids: dict[str, str]) -> None:
    """A new password changes the user data of both servers: they are replaced, their ports and the volume stay."""
    parameters = {"greeting": "bye", "web_port": 8080, "volume_size": 3, "password_length": 24}
    site.heat.stacks.update(name, **body, parameters=parameters)
    stack = site.settled(name)
    assert stack["stack_status"] == "UPDATE_COMPLETE", stack["stack_status_reason"]
    after = _ids(site, name)
    replaced = {key for key in ids if ids[key] != after[key]}
    assert {"db_password", "db_server", "web_server"} <= replaced
    assert not replaced & {"network", "subnet", "router", "db_server_port", "web_server_port", "db_volume", "address"}
    events = [
        (e.resource_name, e.resource_status, e.physical_resource_id)
        for e in site.heat.events.list(name, sort_dir="asc")
    ]
    made = events.index(("db_server", "CREATE_COMPLETE", after["db_server"]))
    removed = events.index(("db_server", "DELETE_COMPLETE", ids["db_server"]))
    dependant = events.index(("web_server", "CREATE_COMPLETE", after["web_server"]))
    assert made < dependant < removed, "made first, dependants moved, then the old one removed"


def _ids(site: Site, name: str) -> dict[str, str]:
    resources = site.heat.resources.list(name)
    assert all(r.resource_status.endswith("_COMPLETE") for r in resources), [r.to_dict() for r in resources]
    return {r.resource_name: r.physical_resource_id for r in resources}
