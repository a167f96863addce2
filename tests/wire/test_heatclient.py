"""python-heatclient as it comes from PyPI, on what its commands call."""

from __future__ import annotations

import time
from typing import Any

import pytest
from heatclient import exc
from heatclient.client import Client
from keystoneauth1 import session
from keystoneauth1.identity import v3
from tests.wire.stand import Stand

TEMPLATE = {
    "heat_template_version": "2013-05-23",
    "description": "by a client",
    "parameters": {"a": {"type": "string", "default": "x"}},
    "resources": {"one": {"type": "OS::Heat::TestResource", "properties": {"value": {"get_param": "a"}}}},
    "outputs": {"o": {"value": {"get_attr": ["one", "output"]}}},
}


@pytest.fixture(scope="module")
def heat(stand: Stand) -> Any:
    auth = v3.Password(
        stand.cloud.auth_url,
        username="demo",
        password="demo",
        project_name="demo",
        user_domain_id="default",
        project_domain_id="default",
    )
    _, project = stand.token("demo")
    return Client("1", session=session.Session(auth=auth), endpoint=f"{stand.endpoint}/v1/{project}")


def wait(heat: Any, name: str, status: str) -> Any:
    deadline = time.monotonic() + 20
    while True:
        stack = heat.stacks.get(name)
        if stack.stack_status == status:
            return stack
        assert time.monotonic() < deadline, stack.to_dict()
        time.sleep(0.02)


def test_the_life_of_a_stack(heat: Any) -> None:
    made = heat.stacks.create(stack_name="client", template=TEMPLATE, parameters={"a": "first"}, tags="t")
    stack = wait(heat, "client", "CREATE_COMPLETE")
    assert stack.id == made["stack"]["id"]
    assert stack.outputs[0]["output_value"] == "first"
    assert [found.stack_name for found in heat.stacks.list(filters={"name": "client"})] == ["client"]
    assert heat.stacks.template("client") == TEMPLATE
    assert heat.stacks.environment("client")["parameters"] == {"a": "first"}
    assert heat.stacks.output_list("client")["outputs"][0]["output_key"] == "o"
    assert heat.stacks.output_show("client", "o")["output"]["output_value"] == "first"
    assert [found.resource_name for found in heat.resources.list("client")] == ["one"]
    assert heat.resources.get("client", "one").attributes == {"output": "first"}
    assert heat.resources.metadata("client", "one") == {}
    events = heat.events.list("client")
    assert {event.resource_name for event in events} == {"client", "one"}
    assert heat.events.get("client", "one", heat.events.list("client", "one")[0].id).resource_type == (
        "OS::Heat::TestResource"
    )
    changes = heat.stacks.preview_update("client", template=TEMPLATE, parameters={"a": "second"})
    assert [found["resource_name"] for found in changes["resource_changes"]["updated"]] == ["one"]
    heat.stacks.update("client", existing=True, parameters={"a": "second"})
    assert wait(heat, "client", "UPDATE_COMPLETE").outputs[0]["output_value"] == "second"
    heat.actions.check("client")
    wait(heat, "client", "CHECK_COMPLETE")
    heat.stacks.delete("client")
    wait(heat, made["stack"]["id"], "DELETE_COMPLETE")
    with pytest.raises(exc.HTTPNotFound):
        heat.stacks.get("client")


def test_what_needs_no_stack(heat: Any) -> None:
    assert heat.stacks.validate(template=TEMPLATE)["Parameters"]["a"]["Default"] == "x"
    assert heat.stacks.preview(stack_name="seen", template=TEMPLATE).resources[0]["resource_name"] == "one"
    assert heat.resource_types.get("OS::Heat::Value")["resource_type"] == "OS::Heat::Value"
    assert heat.resource_types.generate_template("OS::Heat::Value", "hot")["resources"]["Value"]
    assert heat.build_info.build_info()["api"]["revision"]
    assert heat.template_versions.list()[0].version == "AWSTemplateFormatVersion.2010-09-09"
    with pytest.raises(exc.HTTPBadRequest, match="The template version is invalid"):
        heat.stacks.validate(template={"resources": {}})
