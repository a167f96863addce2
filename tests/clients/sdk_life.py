"""Runs in the clients' environment: openstacksdk's orchestration proxy and cloud layer, and keystoneauth alone."""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import openstack
from keystoneauth1 import loading
from keystoneauth1.session import Session
from openstack import exceptions

TEMPLATE = {
    "heat_template_version": "2018-08-31",
    "parameters": {"p": {"type": "string", "default": "one"}},
    "resources": {"r": {"type": "OS::Heat::TestResource", "properties": {"value": {"get_param": "p"}}}},
    "outputs": {"o": {"value": {"get_attr": ["r", "output"]}}},
}
NAMES = ("OS_AUTH_URL", "OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME", "OS_USER_DOMAIN_ID", "OS_PROJECT_DOMAIN_ID")
cloud = openstack.connect()
heat = cloud.orchestration

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "t.json"
    path.write_text(json.dumps(TEMPLATE))
    made = cloud.create_stack("cloud-layer", template_file=str(path), wait=True, timeout=60, p="two")
    assert made.status == "CREATE_COMPLETE", made
    changed = cloud.update_stack("cloud-layer", template_file=str(path), wait=True, timeout=60, p="three")
    assert changed.status == "UPDATE_COMPLETE", changed
    assert cloud.get_stack("cloud-layer").outputs[0]["output_value"] == "three"
    assert cloud.delete_stack("cloud-layer", wait=True)

stack = heat.create_stack(name="sdk", template=TEMPLATE, parameters={"p": "one"}, timeout_mins=5, tags="a")
heat.wait_for_status(stack, "CREATE_COMPLETE", ["CREATE_FAILED"], 0.2, 60)
assert [found.name for found in heat.stacks(name="sdk")] == ["sdk"]
assert heat.find_stack("sdk").id == stack.id
assert heat.find_stack("none") is None
shown = heat.get_stack(stack.id)
assert shown.outputs[0]["output_value"] == "one"
assert [one.name for one in heat.resources(stack)] == ["r"]
assert {event.resource_status for event in heat.stack_events(stack)} == {"CREATE_IN_PROGRESS", "CREATE_COMPLETE"}
assert {event.resource_name for event in heat.stack_events(stack, "r")} == {"r"}
assert heat.get_stack_template(stack).resources == TEMPLATE["resources"]
assert heat.get_stack_environment(stack).parameters == {"p": "one"}
assert heat.get_stack_files(stack) == {}
assert heat.validate_template(TEMPLATE).parameters["p"]["Type"] == "String"
heat.update_stack(heat.get_stack(stack.id), template=TEMPLATE, parameters={"p": "two"})
heat.wait_for_status(heat.get_stack(stack.id), "UPDATE_COMPLETE", ["UPDATE_FAILED"], 0.2, 60)
exported = heat.export_stack(heat.get_stack(stack.id))
assert exported["resources"]["r"]["type"] == "OS::Heat::TestResource"
for action, status in (("suspend", "SUSPEND_COMPLETE"), ("resume", "RESUME_COMPLETE"), ("check", "CHECK_COMPLETE")):
    getattr(heat, f"{action}_stack")(heat.get_stack(stack.id)) if hasattr(heat, f"{action}_stack") else getattr(
        heat.get_stack(stack.id), action
    )(heat)
    heat.wait_for_status(heat.get_stack(stack.id), status, [status.replace("COMPLETE", "FAILED")], 0.2, 60)
abandoned = heat.abandon_stack(heat.get_stack(stack.id))
adopted = heat.post(
    "/stacks", json={"stack_name": "adopted", "adopt_stack_data": json.dumps(abandoned), "timeout_mins": 5}
)
assert adopted.status_code == 201, adopted.text
# The SDK takes an adopted stack for one that is gone, so it is looked at past its resource class.
place = f"/stacks/adopted/{adopted.json()['stack']['id']}"
for _ in range(300):
    shown = heat.get(place).json()["stack"]
    if not shown["stack_status"].endswith("IN_PROGRESS"):
        break
    time.sleep(0.2)
assert shown["stack_status"] == "ADOPT_COMPLETE", shown
assert shown["outputs"][0]["output_value"] == "two", shown
heat.delete_stack(shown["id"])
for _ in range(300):
    if heat.get(place).json()["stack"]["stack_status"] == "DELETE_COMPLETE":
        break
    time.sleep(0.2)
try:
    heat.get_stack("none")
except exceptions.NotFoundException:
    pass
else:
    raise AssertionError("a stack that is not there was found")

config = heat.create_software_config(name="c", group="script", config="#!/bin/sh", inputs=[{"name": "i"}], outputs=[])
assert [found.id for found in heat.software_configs()] == [config.id]
assert heat.get_software_config(config.id).config == "#!/bin/sh"
deployment = heat.create_software_deployment(
    config_id=config.id, server_id="s", input_values={"i": 1}, action="CREATE", status="IN_PROGRESS"
)
assert [found.id for found in heat.software_deployments(server_id="s")] == [deployment.id]
assert heat.update_software_deployment(deployment, status="COMPLETE", output_values={"x": 1}).status == "COMPLETE"
assert heat.get_software_deployment(deployment.id).output_values == {"x": 1}
heat.delete_software_deployment(deployment)
heat.delete_software_config(config)

auth = loading.get_plugin_loader("v3password").load_from_options(
    **{name[3:].lower(): value for name, value in os.environ.items() if name in NAMES}
)
alone = Session(auth=auth)
answer = alone.get("/stacks", endpoint_filter={"service_type": "orchestration", "interface": "public"})
assert answer.json() == {"stacks": []}, answer.text
versions = alone.get(
    "/", endpoint_override=alone.get_endpoint(service_type="orchestration").split("/v1")[0], raise_exc=False
)
assert versions.status_code == 300
print("done", file=sys.stdout)
