"""What goes wrong in the first walk-through, as the real clients see it."""

from pathlib import Path

import pytest
from tests.scenarios import first_stack
from tests.scenarios.site import Site

TEMPLATE = first_stack.TEMPLATE.read_text()


def test_a_check_that_fails_is_told_in_stack_resource_event_and_output(site: Site) -> None:
    template = """
heat_template_version: 2013-05-23
resources:
  bad: {type: OS::Heat::TestResource, properties: {value: x, fail: true}}
outputs:
  seen: {value: {get_attr: [bad, output]}}
"""
    site.create("failing", template)
    stack = site.settled("failing")
    try:
        assert stack["stack_status"] == "CREATE_FAILED"
        reason = "ValueError: resources.bad: Test Resource failed bad"
        assert stack["stack_status_reason"] == f"Resource CREATE failed: {reason}"
        resource = site.heat.resources.get("failing", "bad")
        assert (resource.resource_status, resource.resource_status_reason) == ("CREATE_FAILED", reason)
        events = site.heat.events.list("failing", sort_dir="asc")
        assert reason in [e.resource_status_reason for e in events if e.resource_name == "bad"]
        [output] = stack["outputs"]
        assert output["output_value"] is None
        assert reason in output["output_error"]
    finally:
        site.heat.stacks.delete("failing")
        site.gone("failing")


@pytest.mark.parametrize(
    ("change", "status", "kind", "message"),
    [
        (lambda t: t.replace("2013-05-23", "1999-01-01"), 400, "InvalidTemplateVersion", "1999-01-01"),
        (lambda t: t.replace("OS::Neutron::Net", "OS::Neutron::Nat"), 400, "StackValidationFailed", "OS::Neutron::Nat"),
        (lambda t: t.replace("    default: sample_network\n", ""), 400, "UserParameterMissing", "sample_net_name"),
        (
            lambda t: t.replace("      name: {get_param", "      nome: {get_param"),
            400,
            "StackValidationFailed",
            "Unknown Property nome",
        ),
    ],
    ids=["version", "type", "parameter", "property"],
)
def test_a_refusal_has_heats_status_type_and_words(site: Site, change, status, kind, message) -> None:
    answer = site.rest("POST", "/stacks", {"stack_name": "refused", "template": change(TEMPLATE)})
    body = answer.json()
    assert answer.status_code == status, body
    assert body["code"] == status
    assert body["error"]["type"] == kind
    assert message in body["error"]["message"]
    assert {"code", "title", "explanation", "error"} <= body.keys()
    assert site.rest("GET", "/stacks/refused").status_code == 404


def test_a_missing_stack_and_one_of_another_project_look_the_same(site: Site) -> None:
    stack_id = site.create("mine", TEMPLATE)
    site.settled("mine")
    try:
        for path in (f"/stacks/mine/{stack_id}", "/stacks/mine"):
            answer = site.rest_as_other("GET", path)
            assert answer.status_code == 404
            assert answer.json()["error"]["type"] == "EntityNotFound"
            assert answer.json()["error"]["message"] == "The Stack (mine) could not be found."
        assert site.rest("GET", "/stacks/nothing").json()["error"]["type"] == "EntityNotFound"
        assert "not found" in site.refused("stack", "show", "nothing")
    finally:
        site.heat.stacks.delete("mine")
        site.gone("mine")


def test_the_command_names_the_place_of_a_mistake(site: Site, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(TEMPLATE.replace("type: OS::Neutron::Net", "typo: OS::Neutron::Net"))
    said = site.refused("stack", "create", "-t", str(broken), "broken")
    assert "sample_net" in said
    assert "typo" in said
