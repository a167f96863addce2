"""OS::Heat::Stack whose other orchestration service is a real Heat: its whole life there."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.types.rig import Rig

from kamado.cloud.failures import CloudError
from kamado.cloud.session import CloudFactory, CloudSettings, ServiceUser
from kamado.model.lifecycle import Action
from kamado.plugin import lifecycle

pytestmark = pytest.mark.real

TEMPLATE: dict[str, Any] = {
    "heat_template_version": "2018-08-31",
    "parameters": {"length": {"type": "number"}, "fail": {"type": "boolean", "default": False}},
    "resources": {
        "text": {"type": "OS::Heat::RandomString", "properties": {"length": {"get_param": "length"}}},
        "test": {"type": "OS::Heat::TestResource", "properties": {"fail": {"get_param": "fail"}}},
    },
    "outputs": {"text": {"value": {"get_attr": ["text", "value"]}}},
}


@pytest.fixture
def rig() -> Iterator[Rig]:
    url, heat = os.environ["KAMADO_REAL_AUTH_URL"], os.environ["HEAT_REAL_URL"]
    service = ServiceUser(url, "heat", "secret", project_name="service")
    plain = CloudFactory(CloudSettings(service))
    project = plain.for_user("demo", "demo", "demo").project_id
    factory = CloudFactory(CloudSettings(service, overrides={"orchestration": f"{heat}/{project}"}))
    made = Rig(factory.for_user("demo", "demo", "demo"))
    yield made
    made.clean()
    for each in (plain, factory):
        each.close()


def test_a_stack_lives_and_dies_in_a_real_heat(rig: Rig) -> None:
    given = {"template": json.dumps(TEMPLATE), "parameters": {"length": 7}, "timeout": 5}
    remote = rig.build("OS::Heat::Stack", given, name="remote")
    rig.made.append(remote)
    _through(remote, Action.CREATE)
    told = remote.read_attributes(("stack_name", "outputs"))
    assert told["stack_name"] == remote.physical_name
    assert len(told["outputs"]["text"]) == 7
    remote.record = replace(remote.record, properties=dict(remote.properties))
    remote.properties = {**remote.properties, "parameters": {"length": 9}}
    _through(remote, Action.UPDATE, {"parameters": {"length": 9}})
    assert len(remote.attribute("outputs")["text"]) == 9
    for action in (Action.SUSPEND, Action.RESUME, Action.CHECK, Action.SNAPSHOT):
        _through(remote, action)
    kept = {"resource_data": dict(remote.data)}
    then = type(remote).restored({"template": "", "parameters": {}}, kept)
    assert then["parameters"] == {"length": 9}
    assert json.loads(then["template"])["resources"].keys() == TEMPLATE["resources"].keys()
    lifecycle.start(remote, "delete_snapshot", kept)
    assert rig.cloud is not None
    snapshots = f"/stacks/{remote.physical_name}/{remote.physical_id}/snapshots"
    for _ in range(120):  # Heat deletes it after its answer
        if not rig.cloud.service("orchestration").get(snapshots)["snapshots"]:
            break
        time.sleep(0.5)
    else:
        raise AssertionError("the snapshot is still there")
    _through(remote, Action.DELETE)


def test_a_failure_in_a_real_heat_is_told(rig: Rig) -> None:
    given = {"template": json.dumps(TEMPLATE), "parameters": {"length": 7, "fail": True}}
    remote = rig.build("OS::Heat::Stack", given, name="failing")
    rig.made.append(remote)
    with pytest.raises(Exception, match="Test Resource failed test") as failed:
        _through(remote, Action.CREATE)
    reason = lifecycle.outcome(failed.value, "failing").reason
    assert reason.startswith("ResourceInError: resources.failing: Went to status CREATE_FAILED due to ")


def test_what_a_real_heat_refuses_is_told(rig: Rig) -> None:
    remote = rig.build("OS::Heat::Stack", {"template": json.dumps(TEMPLATE)}, name="refused")
    with pytest.raises(Exception, match=r"The Parameter \(length\) was not provided"):
        _through(remote, Action.CREATE)


def _through(remote: Any, action: Action, changes: dict[str, Any] | None = None) -> None:
    """The action from start to end, as long as a real service takes."""
    token = _patiently(lambda: lifecycle.start(remote, action, changes))
    for _ in range(600):
        if _patiently(lambda: lifecycle.poll(remote, action, token)):
            return
        time.sleep(0.5)
    raise AssertionError(f"{remote} is not done with {action}")


def _patiently(call: Callable[[], Any]) -> Any:
    """A call, as the engine makes it: again when the answer was lost on the way."""
    for left in (3, 2, 1, 0):
        try:
            return call()
        except CloudError as error:
            if not error.passing or not left:
                raise
            time.sleep(1)
    raise AssertionError("the loop returns or raises")
