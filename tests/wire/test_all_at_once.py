"""A request with faults in template, environment, values and nested files: all are told at once, each once, Heat's own first."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.wire.stand import Stand

TEMPLATE = """heat_template_version: 2018-08-31
parameters:
  size: {type: number, constraints: [{range: {min: 5}}]}
  needed: {type: string}
resources:
  a:
    type: OS::Heat::TestResource
    properties: {value: {get_param: needed}, fail: maybe}
  policy:
    type: OS::Heat::AccessPolicy
  c:
    type: My::Type
  child:
    type: child.yaml
    properties: {what: 1, whit: 2}
  other:
    type: other.yaml
outputs:
  o: {value: {get_attr: [lost, x]}}
"""
FILES = {
    # load faults of its own, so that it is no type; what is below it is looked at all the same
    "child.yaml": """heat_template_version: 2018-08-31
parameters:
  what: {type: string}
resources:
  in:
    typo: OS::Heat::Value
  b:
    type: OS::Heat::Valu
  deeper:
    type: deeper.yaml
""",
    "deeper.yaml": """heat_template_version: 2018-08-31
resources:
  d:
    type: OS::Heat::RandomString
    properties: {length: 0}
""",
    # nothing wrong in its shape: what is wrong with its values is told beside what is wrong around it
    "other.yaml": """heat_template_version: 2018-08-31
resources:
  e:
    type: OS::Heat::RandomString
    properties: {length: {get_attr: [gone, x]}}
  f:
    type: deeper.yaml
""",
}
BROKEN = {"parameters": {"size": 1}, "resource_registry": {"My::Type": 3}, "parameter_default": {"needed": "x"}}


ENVIRONMENT = [
    'Environment not in valid format: environment has wrong section "parameter_default"',
    'Environment not in valid format: the registry entry "My::Type" must name a type or a template',
]
TYPES = [
    "The Resource Type (My::Type) could not be found.",
]
OWN = [
    'Property error: : resources.a.properties.fail: : "maybe" is not a valid boolean',
    "Property error: : resources.policy.properties: : Property AllowedResources not assigned",
    "Property error: : resources.child.properties: : Unknown Property whit",
    'outputs.o.value.get_attr: : The specified reference "lost" (in unknown) is incorrect.',
]
SHAPE = ['"typo" is not a valid keyword inside a resource definition']
INSIDE = [
    "Property error: : resources.child<child.yaml>.resources.deeper<deeper.yaml>.resources.d.properties.length: : "
    "0 is out of range (min: 1, max: 512)",
    'InvalidTemplateReference: : resources.other<other.yaml>: : The specified reference "gone" (in e.Properties.length) is incorrect.',
]
NO_TYPE_INSIDE = ["resources.child<child.yaml>: : The Resource Type (OS::Heat::Valu) could not be found."]


def told(stand: Stand, path: str, environment: dict[str, Any] | None, *as_file: str) -> list[str]:
    body: dict[str, Any] = {"stack_name": "bad", "template": TEMPLATE, "files": dict(FILES)}
    if as_file:
        body["files"]["env.yaml"], body["environment_files"] = json.dumps(environment), ["env.yaml"]
    else:
        body["environment"] = environment
    answer = stand.ask("POST", path, body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    first = error["problems"][0]["message"]
    assert error["message"].startswith(first.replace(": : ", ": ") if path == "/validate" else first)
    return [problem["message"] for problem in error["problems"]]


@pytest.mark.parametrize("path", ["/stacks", "/validate", "/stacks/preview"])
@pytest.mark.parametrize("as_file", [(), ("env.yaml",)])
def test_with_a_broken_environment(stand: Stand, path: str, as_file: tuple[str, ...]) -> None:
    broken = {"parameters": {"size": 1}, "resource_registry": {"My::Type": 3}, "parameter_default": {"needed": "x"}}
    size = ["Parameter 'size' is invalid: 1 is out of range (min: 5, max: None)"]
    # of types that nobody knows nothing is said: the registry may have named them
    assert told(stand, path, broken, *as_file) == [*ENVIRONMENT, *size, *SHAPE, *OWN, *INSIDE]


def test_with_an_environment_that_can_be_read(stand: Stand) -> None:
    needed = ["The Parameter (needed) was not provided."]
    found = told(stand, "/stacks", {"parameters": {"size": 5}})
    assert found == [*needed, *TYPES, *SHAPE, *OWN, *NO_TYPE_INSIDE, *INSIDE]
    # what Heat refuses a validation for comes before what it finds when a stack is made
    stops, values = [*OWN[2:], *NO_TYPE_INSIDE, INSIDE[1]], [*OWN[:2], INSIDE[0]]
    assert told(stand, "/validate", {"parameters": {"size": 5}}) == [*TYPES, *SHAPE, *stops, *values]


def test_what_validation_lets_pass_is_told_beside_the_answer(stand: Stand) -> None:
    template = {
        "heat_template_version": "2018-08-31",
        "resources": {
            "a": {"type": "deeper.yaml"},
            "policy": {"type": "OS::Heat::AccessPolicy", "properties": {"AllowedResources": ["b"]}},
        },
    }
    answer = stand.ask("POST", "/validate", {"template": template, "files": FILES})
    assert answer.status_code == 200
    said = "\n".join(answer.json()["Problems"])
    assert "AccessPolicy resource b not in stack" in said
    assert "0 is out of range" in said


def test_of_environment_and_template_neither_can_be_read(stand: Stand) -> None:
    answer = stand.ask("POST", "/stacks", {"stack_name": "bad", "template": "{", "environment": "[1"})
    problems = answer.json()["error"]["problems"]
    assert [problem["file"] for problem in problems] == ["environment", "template"]
