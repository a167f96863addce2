"""OS::Heat::SoftwareConfig and its kin: what each of them has the engine keep."""

import email
import uuid
from dataclasses import replace
from typing import Any

import pytest
import yaml
from tests.types.rig import REGISTRY, Died, Rig, Saver

from kamado.model.identifiers import new_id
from kamado.model.lifecycle import Action
from kamado.model.records import SoftwareConfigRecord, SoftwareDeploymentRecord
from kamado.orchestrator.context import OrchestratorSettings
from kamado.plugin import lifecycle
from kamado.plugin.errors import PermanentError
from kamado.plugin.resource import Resource

KINDS = ("SoftwareConfig", "StructuredConfig", "CloudConfig", "MultipartMime", "SoftwareComponent")
MINIMAL: dict[str, dict[str, Any]] = {"SoftwareComponent": {"configs": [{"tool": "script"}]}}

INPUTS = [
    {"name": "size", "type": "Number", "default": "3", "description": "how big", "replace_on_change": True},
    {"name": "word"},
    {"name": "list", "type": "CommaDelimitedList"},
    {"name": "flag", "type": "Boolean", "description": None},
]
OUTPUTS = [{"name": "result", "type": "Json", "description": "what came"}, {"name": "trouble", "error_output": True}]
KEPT_INPUTS = [
    {"name": "size", "type": "Number", "default": 3, "description": "how big", "replace_on_change": True},
    {"name": "word", "type": "String", "description": "", "default": ""},
    {"name": "list", "type": "CommaDelimitedList", "description": "", "default": []},
    {"name": "flag", "type": "Boolean", "description": "", "default": False},
]
KEPT_OUTPUTS = [
    {"name": "result", "type": "Json", "description": "what came", "error_output": False},
    {"name": "trouble", "type": "String", "description": "", "error_output": True},
]


def made(rig: Rig, kind: str, properties: dict[str, Any], name: str = "it") -> tuple[Resource, SoftwareConfigRecord]:
    resource = rig.make(f"OS::Heat::{kind}", properties, name=name)
    config = rig.software().config(str(resource.physical_id))
    assert config is not None
    return resource, config


@pytest.mark.parametrize("kind", KINDS)
def test_a_config_lives_from_its_creation_to_its_deletion(stored_rig: Rig, kind: str) -> None:
    resource, config = made(stored_rig, kind, MINIMAL.get(kind, {}))
    assert config.name == resource.physical_name
    assert config.project_id == stored_rig.stack.project_id
    assert resource.reference() == config.id
    assert resource.read_attributes(["config"])["config"] == (None if kind == "SoftwareComponent" else config.config)
    assert not resource.needs_replace_failed()
    stored_rig.run(resource, Action.DELETE)
    assert stored_rig.software().config(config.id) is None
    stored_rig.run(resource, Action.DELETE)
    assert resource.read_attributes(["config", "show"]) == {"config": None, "show": None}
    assert resource.needs_replace_failed()


@pytest.mark.parametrize("kind", KINDS)
def test_any_change_asks_for_another_config(kind: str) -> None:
    schema = REGISTRY.get(f"OS::Heat::{kind}", "").schema
    for name in schema.properties:
        assert lifecycle.diff(schema, {name: "a"}, {name: "b"}).replace == (name,)


@pytest.mark.parametrize("kind", KINDS)
def test_a_config_made_before_a_crash_is_found_and_not_made_twice(stored_rig: Rig, kind: str) -> None:
    values = MINIMAL.get(kind, {})
    resource = stored_rig.build(f"OS::Heat::{kind}", values, saver=Saver(dies=True))
    started = stored_rig.clock.now()
    with pytest.raises(Died):
        lifecycle.start(resource, Action.CREATE)
    survivor = stored_rig.again(resource.record, resource.properties)
    found = lifecycle.find(survivor, started, ())
    assert found is not None
    stored_rig.run(survivor, Action.CREATE)
    assert survivor.physical_id == found
    assert len(stored_rig.store.software_configs.page(stored_rig.stack.project_id)) == 1
    nothing = stored_rig.build(f"OS::Heat::{kind}", values)
    assert lifecycle.find(nothing, started, ()) is None


@pytest.mark.parametrize(
    ("kind", "config"), [("SoftwareConfig", "#!/bin/sh\n"), ("StructuredConfig", {"a": {"get_input": "size"}})]
)
def test_a_config_is_kept_as_it_is_written(stored_rig: Rig, kind: str, config: Any) -> None:
    properties = {"config": config, "group": "script", "inputs": INPUTS, "outputs": OUTPUTS, "options": {"a": [1]}}
    resource, kept = made(stored_rig, kind, properties)
    assert (kept.config, kept.group, kept.options) == (config, "script", {"a": [1]})
    assert list(kept.inputs) == KEPT_INPUTS
    assert list(kept.outputs) == KEPT_OUTPUTS
    assert resource.read_attributes(["config", "show"]) == {"config": config, "show": None}


def test_a_config_without_anything_is_ungrouped(stored_rig: Rig) -> None:
    _, kept = made(stored_rig, "SoftwareConfig", {})
    assert (kept.group, kept.config, kept.inputs, kept.outputs, kept.options) == ("Heat::Ungrouped", None, (), (), {})


def test_a_default_that_is_not_of_its_type_fails_the_creation(stored_rig: Rig) -> None:
    properties = {"inputs": [{"name": "size", "type": "Number", "default": "many"}]}
    with pytest.raises(PermanentError, match="many") as failed:
        stored_rig.make("OS::Heat::SoftwareConfig", properties)
    assert lifecycle.outcome(failed.value, "it").reason.startswith("ValueError: resources.it: Property error: default")


def test_a_cloud_config_is_what_cloud_init_reads(stored_rig: Rig) -> None:
    wanted = {"runcmd": ["echo ä", "true"], "users": [{"name": "a", "sudo": True}], "n": "012"}
    _, kept = made(stored_rig, "CloudConfig", {"cloud_config": wanted})
    first, _, rest = kept.config.partition("\n")
    assert first == "#cloud-config"
    assert yaml.safe_load(rest) == wanted
    assert kept.group == "Heat::Ungrouped"


def test_parts_are_put_together_in_their_order(stored_rig: Rig) -> None:
    _, script = made(stored_rig, "SoftwareConfig", {"config": "#!/bin/sh\necho ä\n"}, name="script")
    _, inner = made(
        stored_rig,
        "MultipartMime",
        {"parts": [{"config": "inner", "subtype": "x-shellscript", "filename": "inner.sh"}, {"config": "second"}]},
        name="inner",
    )
    unknown = str(uuid.uuid4())
    parts = [
        {"config": script.id, "filename": "script.sh", "subtype": "x-shellscript"},
        {"config": inner.id, "type": "multipart"},
        {"config": "plain"},
        {"config": unknown},
    ]
    _, whole = made(stored_rig, "MultipartMime", {"parts": parts, "group": "mine"})
    assert whole.group == "mine"
    found = [
        (part.get_content_type(), part.get_filename(), part.get_payload(decode=True).decode())
        for part in email.message_from_string(whole.config).get_payload()
    ]
    assert found == [
        ("text/x-shellscript", "script.sh", "#!/bin/sh\necho ä\n"),
        ("text/x-shellscript", "inner.sh", "inner"),
        ("text/plain", None, "second"),
        ("text/plain", None, "plain"),
        ("text/plain", None, unknown),
    ]
    again, _ = made(stored_rig, "MultipartMime", {"parts": parts}, name="again")
    assert again.read_attributes(["config"])["config"] == whole.config


def test_a_map_is_no_part(stored_rig: Rig) -> None:
    _, config = made(stored_rig, "StructuredConfig", {"config": {"a": 1}}, name="map")
    with pytest.raises(PermanentError, match=f"the config {config.id} has no text"):
        stored_rig.make("OS::Heat::MultipartMime", {"parts": [{"config": config.id}]})


def test_a_component_keeps_all_its_configs(stored_rig: Rig) -> None:
    configs = [
        {"actions": ["CREATE"], "config": "make", "tool": "script"},
        {"actions": ["DELETE", "SUSPEND"], "config": "break", "tool": "ansible"},
    ]
    properties = {"configs": configs, "inputs": INPUTS, "outputs": OUTPUTS, "options": {"a": 1}}
    resource, kept = made(stored_rig, "SoftwareComponent", properties)
    assert (kept.group, kept.config, kept.options) == ("component", {"configs": configs}, {"a": 1})
    assert resource.read_attributes(["config"]) == {"config": None}
    assert list(kept.inputs) == KEPT_INPUTS
    assert list(kept.outputs) == KEPT_OUTPUTS
    assert resource.properties["configs"] == configs
    _, plain = made(stored_rig, "SoftwareComponent", {"configs": [{"tool": "t"}]}, name="plain")
    assert plain.config == {"configs": [{"tool": "t", "config": None, "actions": ["CREATE", "UPDATE"]}]}


def test_an_action_has_one_config_of_a_component() -> None:
    cls = REGISTRY.get("OS::Heat::SoftwareComponent", "")
    once = lifecycle.coerce(
        cls.schema, {"configs": [{"tool": "t", "actions": ["CREATE"]}, {"tool": "u", "actions": ["UPDATE"]}]}
    )
    assert cls.validate(once) == []
    twice = lifecycle.coerce(cls.schema, {"configs": [{"tool": "t"}, {"tool": "u", "actions": ["UPDATE"]}]})
    (finding,) = cls.validate(twice)
    assert "more than one configuration for the same action" in finding.told("it")


def test_a_config_that_is_deployed_is_not_deleted(stored_rig: Rig) -> None:
    resource, kept = made(stored_rig, "SoftwareConfig", {})
    project, now = stored_rig.stack.project_id, stored_rig.clock.now()
    deployment = SoftwareDeploymentRecord(new_id(), project, kept.id, "server", now)
    stored_rig.store.software_deployments.create(deployment)
    with pytest.raises(PermanentError, match="can not be deleted as it is referenced"):
        stored_rig.run(resource, Action.DELETE)
    stored_rig.store.software_deployments.remove(deployment.id)
    stored_rig.run(resource, Action.DELETE)


def test_a_project_has_no_more_configs_than_it_may_have(stored_rig: Rig) -> None:
    made(stored_rig, "SoftwareConfig", {})
    limited = replace(stored_rig.software(), settings=OrchestratorSettings(max_software_configs_per_tenant=1))
    resource = stored_rig.build("OS::Heat::SoftwareConfig", {}, name="second")
    resource.ports = replace(resource.ports, software=lambda: limited)
    with pytest.raises(PermanentError, match="maximum software configs per tenant, 1") as failed:
        lifecycle.start(resource, Action.CREATE)
    assert lifecycle.outcome(failed.value, "second").reason.startswith("RequestLimitExceeded: resources.second: ")
