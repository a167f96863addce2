"""Parameters: declarations and values against a running Heat's answers, then what is Kamado's own."""

from __future__ import annotations

from typing import Any

import pytest
from tests.template.tables import around_parameter, differs

from kamado.template import Environment, PseudoParameters, TemplateInvalid, load

CASE_FILE = "parameters.yaml"


def no_such_constraint(name: str, _value: Any) -> str | None:
    raise KeyError(name)


def answer(case: dict[str, Any]) -> tuple[str, Any]:
    given = {"p": case["given"]} if "given" in case else {}
    try:
        template = load(around_parameter(case["schema"]))
        parameters = template.bind(Environment(parameters=given), custom=no_such_constraint)
    except TemplateInvalid as refused:
        words = "*" if case.get("refused") == "*" else str(refused)
        return "refused", (refused.error_type, words, refused.problems[0].path[:2])
    return "shown", parameters.shown()["p"]


def test_as_heat(case: dict[str, Any]) -> None:
    if "refused" in case:
        kind, (error_type, words, path) = answer(case)
        assert (kind, path) == ("refused", ("parameters", "p"))
        if differs(case, "library"):
            assert error_type != case["type"]
        else:
            assert (error_type, words) == (case["type"], case["refused"])
    else:
        assert answer(case) == ("shown", case["shown"])


def bound(schema: dict[str, Any], value: Any, **defaults: Any) -> Any:
    environment = Environment(parameters={} if value is None else {"p": value}, parameter_defaults=defaults)
    return load(around_parameter(schema)).bind(environment, PseudoParameters("s", "i", "pr"))


@pytest.mark.parametrize(
    ("kind", "given", "typed"),
    [
        ("string", 5, "5"),
        ("string", "ü", "ü"),
        ("number", "5", 5),
        ("number", "5.5", 5.5),
        ("number", 7, 7),
        ("boolean", "off", False),
        ("boolean", 1, True),
        ("json", '{"a": [1]}', {"a": [1]}),
        ("json", [1, 2], [1, 2]),
        ("comma_delimited_list", " a , b", [" a ", " b"]),
        ("comma_delimited_list", [1, "x"], ["1", "x"]),
        ("comma_delimited_list", "", []),
    ],
)
def test_functions_see_typed_values(kind: str, given: Any, typed: Any) -> None:
    assert bound({"type": kind}, given)["p"] == typed


def test_precedence_given_then_environment_default_then_template_default() -> None:
    schema = {"type": "string", "default": "t"}
    assert bound(schema, "g", p="e")["p"] == "g"
    assert bound(schema, None, p="e", other="ignored")["p"] == "e"
    assert bound(schema, None)["p"] == "t"


def test_pseudo_parameters_and_hidden_ones() -> None:
    found = bound({"type": "string", "hidden": True}, "secret")
    assert found.shown() == {"OS::stack_id": "i", "OS::project_id": "pr", "OS::stack_name": "s", "p": "******"}
    assert found["p"] == "secret"
    assert found.hidden == {"p"}
    assert "secret" not in repr(found)


def test_all_problems_at_once_the_unknown_name_first_with_a_hint() -> None:
    template = load(
        {
            "heat_template_version": "2018-08-31",
            "parameters": {"size": {"type": "number"}, "image": {"type": "string"}},
            "resources": {},
        }
    )
    with pytest.raises(TemplateInvalid) as caught:
        template.bind(Environment(parameters={"size": "x", "imagee": "c"}))
    assert [(p.error_type, p.hint) for p in caught.value.problems] == [
        ("UnknownUserParameter", 'did you mean "image"?'),
        ("StackValidationFailed", ""),
        ("UserParameterMissing", ""),
    ]


def test_changes_and_immutable_ones() -> None:
    schema = {"type": "string", "immutable": True}
    before, after = bound(schema, "a"), bound(schema, "b")
    assert after.changed(before) == {"p"}
    assert after.immutable_changes(before) == ["p"]
    assert after.immutable_changes(after) == []


def test_what_validate_shows() -> None:
    schema = {
        "type": "number",
        "default": 3,
        "constraints": [{"range": {"min": 2}}, {"allowed_values": [3, 4], "description": "dd"}],
        "description": "D",
        "label": "L",
        "hidden": True,
    }
    assert load(around_parameter(schema)).parameters["p"].describe(4) == {
        "Type": "Number",
        "Description": "D",
        "NoEcho": "true",
        "Label": "L",
        "Default": 3,
        "Value": 4,
        "MinValue": 2,
        "AllowedValues": [3, 4],
        "ConstraintDescription": "dd",
    }


def test_cfn_parameters() -> None:
    template = load(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Parameters": {
                "P": {
                    "Type": "String",
                    "Default": "a",
                    "NoEcho": "true",
                    "AllowedValues": ["a", "b"],
                    "ConstraintDescription": "cd",
                    "MinLength": "1",
                },
            },
            "Resources": {},
        }
    )
    assert template.parameters["P"].describe() == {
        "Type": "String",
        "Description": "",
        "NoEcho": "true",
        "Label": "P",
        "Default": "a",
        "MinLength": 1,
        "AllowedValues": ["a", "b"],
        "ConstraintDescription": "cd cd",
    }
    shown = template.bind(Environment(), PseudoParameters("s", "i", "pr")).shown()
    assert shown == {
        "AWS::StackId": "arn:openstack:heat::pr:stacks/s/i",
        "AWS::StackName": "s",
        "AWS::Region": "ap-southeast-1",
        "P": "******",
    }


def test_a_value_that_breaks_a_runaway_pattern_is_refused_at_once() -> None:
    schema = {"type": "string", "constraints": [{"allowed_pattern": "(a+)+$"}]}
    with pytest.raises(TemplateInvalid, match="does not match pattern"):
        bound(schema, "a" * 5000 + "!")
