"""Runs in the clients' environment: python-heatclient as a library."""

import json
import os
import tempfile
import time
from pathlib import Path

from heatclient import exc
from heatclient.client import Client
from heatclient.common import event_utils, template_utils
from keystoneauth1 import loading
from keystoneauth1.session import Session

TEMPLATE = """
heat_template_version: 2018-08-31
parameters: {p: {type: string, default: one}}
resources:
  r: {type: OS::Heat::TestResource, properties: {value: {get_param: p}}}
  child: {type: child.yaml, properties: {p: {get_file: words.txt}}}
outputs:
  o: {value: {get_attr: [r, output]}}
  c: {value: {get_attr: [child, o]}}
"""
CHILD = """
heat_template_version: 2018-08-31
parameters: {p: {type: string}}
resources:
  inner: {type: My::Alias, properties: {value: {get_param: p}}}
outputs: {o: {value: {get_attr: [inner, output]}}}
"""
ENVIRONMENT = "{parameters: {p: two}, resource_registry: {'My::Alias': 'OS::Heat::TestResource'}}"
NAMES = ("OS_AUTH_URL", "OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME", "OS_USER_DOMAIN_ID", "OS_PROJECT_DOMAIN_ID")
auth = loading.get_plugin_loader("v3password").load_from_options(
    **{name[3:].lower(): value for name, value in os.environ.items() if name in NAMES}
)
heat = Client("1", session=Session(auth=auth), service_type="orchestration")


def reached(stack_id: str, status: str) -> object:
    """The stack, when it has come so far."""
    for _ in range(300):
        stack = heat.stacks.get(stack_id)
        if stack.stack_status == status:
            return stack
        assert stack.stack_status.endswith("IN_PROGRESS") or not stack.stack_status.startswith(status.split("_")[0]), (
            stack
        )
        time.sleep(0.1)
    raise AssertionError(stack)


def gone(stack_id: str) -> None:
    """Waits until it is removed; then its name is not found."""
    for _ in range(300):
        if heat.stacks.get(stack_id).stack_status == "DELETE_COMPLETE":
            return
        time.sleep(0.1)
    raise AssertionError(stack_id)


def outputs(stack: object) -> dict[str, object]:
    """By key."""
    return {one["output_key"]: one["output_value"] for one in stack.outputs}


with tempfile.TemporaryDirectory() as folder:
    for name, text in (("t.yaml", TEMPLATE), ("child.yaml", CHILD), ("words.txt", "words"), ("e.yaml", ENVIRONMENT)):
        (Path(folder) / name).write_text(text)
    files, template = template_utils.get_template_contents(str(Path(folder) / "t.yaml"))
    more, environment = template_utils.process_environment_and_files(str(Path(folder) / "e.yaml"))
body = {"template": template, "files": {**files, **more}, "environment": environment}

# What would be made, and what is.
previewed = heat.stacks.preview(stack_name="life", **body)
# A nested stack is the list of what is in it.
(inner,) = [one for one in previewed.resources if isinstance(one, list)]
assert [one["parent_resource"] for one in inner] == ["child"] * len(inner) != [], inner
assert [one["resource_name"] for one in previewed.resources if one is not inner] == ["r"], previewed.resources
assert heat.stacks.validate(**body)["Parameters"]["p"]["Type"] == "String"
made = heat.stacks.create(stack_name="life", tags="a,b", disable_rollback=True, timeout_mins=5, **body)
stack_id = made["stack"]["id"]
stack = reached(stack_id, "CREATE_COMPLETE")
assert outputs(stack) == {"o": "two", "c": "words"}, stack.outputs
assert stack.tags == ["a", "b"]
assert stack.identifier == f"life/{stack_id}"
assert [found.id for found in heat.stacks.list(filters={"stack_name": "life"})] == [stack_id]
assert [found.id for found in heat.stacks.list(tags="a", limit=1)] == [stack_id]
assert list(heat.stacks.list(not_tags="a")) == []
assert {one["output_key"] for one in heat.stacks.output_list(stack_id)["outputs"]} == {"o", "c"}
assert heat.stacks.output_show("life", "c")["output"]["output_value"] == "words"
assert heat.stacks.template(stack_id)["resources"].keys() == {"r", "child"}
assert heat.stacks.environment("life")["parameters"] == {"p": "two"}
sent = {name: text if isinstance(text, str) else text.decode() for name, text in body["files"].items()}
assert heat.stacks.files("life") == sent

# Its resources and events, and those of the nested stack.
assert {one.resource_name for one in heat.resources.list("life")} == {"r", "child"}
deep = {one.resource_name: one for one in heat.resources.list("life", nested_depth=2, with_detail=True)}
assert deep.keys() == {"r", "child", "inner"}
assert deep["inner"].parent_resource == "child"
assert [one.resource_name for one in heat.resources.list("life", filters={"type": "OS::Heat::TestResource"})] == ["r"]
assert heat.resources.get("life", "r", with_attr=["output"]).attributes["output"] == "two"
assert heat.resources.metadata("life", "r") == {}
assert heat.resources.generate_template("OS::Heat::TestResource")["HeatTemplateFormatVersion"] == "2012-12-12"
heat.resources.mark_unhealthy("life", "r", True, "seen to be so")
assert heat.resources.get("life", "r").resource_status == "CHECK_FAILED"
heat.resources.mark_unhealthy("life", "r", False, "")
shown = [(one.resource_name, one.resource_status) for one in heat.events.list("life", sort_dir="asc")]
assert shown[0] == ("life", "CREATE_IN_PROGRESS"), shown
nested = {one.resource_name for one in event_utils.get_events(heat, "life", {"sort_dir": "asc"}, nested_depth=2)}
assert {"life", "r", "child", "inner"} <= nested, nested
event = heat.events.list("life", resource_name="r")[0]
assert heat.events.get("life", "r", event.id).resource_name == "r"

# Changes of it: looked at first, made, undone from a snapshot.
snapshot = heat.stacks.snapshot(stack_id, "before")
for _ in range(300):
    if heat.stacks.snapshot_show(stack_id, snapshot["id"])["snapshot"]["status"] == "COMPLETE":
        break
    time.sleep(0.1)
changes = heat.stacks.preview_update(stack_id, **body, parameters={"p": "three"})["resource_changes"]
assert [one["resource_name"] for one in changes["updated"]] == ["r"], changes
heat.stacks.update(stack_id, **body, parameters={"p": "three"})
assert outputs(reached(stack_id, "UPDATE_COMPLETE"))["o"] == "three"
heat.stacks.update(stack_id, existing=True, parameters={"p": "four"})
for _ in range(300):
    if outputs(reached(stack_id, "UPDATE_COMPLETE"))["o"] == "four":
        break
    time.sleep(0.1)
assert [one["name"] for one in heat.stacks.snapshot_list(stack_id)["snapshots"]] == ["before"]
heat.stacks.restore(stack_id, snapshot["id"])
assert outputs(reached(stack_id, "RESTORE_COMPLETE"))["o"] == "two"
heat.stacks.snapshot_delete(stack_id, snapshot["id"])
for act, status in ((heat.actions.suspend, "SUSPEND"), (heat.actions.resume, "RESUME"), (heat.actions.check, "CHECK")):
    act(stack_id)
    reached(stack_id, f"{status}_COMPLETE")

# Given up, taken over by another one, removed.
assert heat.stacks.export(stack_id)["resources"].keys() == {"r", "child"}
left = heat.stacks.abandon(stack_id)
adopted = heat.stacks.create(stack_name="heir", adopt_stack_data=json.dumps(left), **body)["stack"]["id"]
assert outputs(reached(adopted, "ADOPT_COMPLETE")) == {"o": "two", "c": "words"}
heat.stacks.delete(adopted)
gone(adopted)

# Errors that a program tells apart.
for call, error in (
    (lambda: heat.stacks.get("none"), exc.HTTPNotFound),
    (lambda: heat.stacks.create(stack_name="1", template=TEMPLATE), exc.HTTPBadRequest),
    (lambda: heat.resource_types.get("No::Such"), exc.HTTPNotFound),
    (lambda: heat.services.list(), exc.HTTPForbidden),
):
    try:
        call()
    except error:
        continue
    raise AssertionError(error)

config = heat.software_configs.create(name="c", group="script", config="true", inputs=[{"name": "i"}], outputs=[])
assert config.id in {one.id for one in heat.software_configs.list()}
assert heat.software_configs.get(config.id).config == "true"
deployment = heat.software_deployments.create(
    config_id=config.id, server_id="lib", input_values={"i": 1}, action="CREATE", status="IN_PROGRESS"
)
assert [one.id for one in heat.software_deployments.list(server_id="lib")] == [deployment.id]
assert [one["id"] for one in heat.software_deployments.metadata("lib")] == [config.id]
heat.software_deployments.update(deployment.id, status="COMPLETE", output_values={"x": 1})
assert heat.software_deployments.get(deployment.id).output_values == {"x": 1}
heat.software_deployments.delete(deployment.id)
heat.software_configs.delete(config.id)

assert "OS::Heat::TestResource" in {one.resource_type for one in heat.resource_types.list()}
assert "properties" in heat.resource_types.get("OS::Heat::TestResource")
assert "get_resource" in {one.functions for one in heat.template_versions.get("heat_template_version.2018-08-31")}
assert heat.build_info.build_info()["api"]["revision"]
print("done")
