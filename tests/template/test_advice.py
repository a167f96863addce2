"""Warnings: what nobody uses, conditions that never change, and what the fuzz target once brought down."""

from __future__ import annotations

from typing import Any

import pytest

from kamado.template import TemplateInvalid, check, load

HEAD = """\
heat_template_version: 2021-04-16
parameters:
  size: {type: string, default: small, constraints: [{allowed_values: [small, large]}]}
  flag: {type: boolean, default: true}
  free: {type: string, default: x}
"""


def warned(conditions: str, catalog: Any) -> list[tuple[str, str]]:
    template = load(f"{HEAD}conditions: {conditions}\n")
    found = check(template, None, catalog)
    return [(p.code, p.message) for p in found if p.code == "KT503"]


@pytest.mark.parametrize(
    ("condition", "truth"),
    [
        ("true", "true"),
        ("{equals: [a, b]}", "false"),
        ("{equals: [{get_param: size}, huge]}", "false"),
        ("{not: {equals: [{get_param: size}, huge]}}", "true"),
        ("{or: [{equals: [{get_param: size}, small]}, {equals: [{get_param: size}, large]}]}", "true"),
        ("{and: [{equals: [{get_param: flag}, true]}, {equals: [{get_param: flag}, false]}]}", "false"),
        ("{equals: [{get_param: size}, small]}", None),
        ("{get_param: flag}", None),
        ("{equals: [{get_param: free}, x]}", None),
        ("{and: [{equals: [{get_param: free}, x]}, {equals: [{get_param: size}, huge]}]}", "false"),
    ],
)
def test_conditions_that_never_change(condition: str, truth: str | None, catalog: Any) -> None:
    wanted = [] if truth is None else [("KT503", f'The condition "c" is always {truth}')]
    assert warned(f"{{c: {condition}}}", catalog) == wanted


def test_conditions_through_conditions(catalog: Any) -> None:
    found = warned("{c: {not: d}, d: {equals: [{get_param: size}, huge]}}", catalog)
    assert found == [("KT503", 'The condition "c" is always true'), ("KT503", 'The condition "d" is always false')]


def test_conditions_without_a_name(catalog: Any) -> None:
    text = (
        "heat_template_version: 2021-04-16\nparameters: {}\n"
        "resources:\n"
        "  a: {type: OS::Heat::None, condition: {equals: [1, 2]}}\n"
        "  b: {type: OS::Heat::Value, properties: {value: {if: [{equals: [1, 1]}, y, n]}}}\n"
        "outputs:\n  o: {value: 1, condition: {equals: [1, 2]}}\n"
    )
    found = [(p.dotted, p.line) for p in check(load(text), None, catalog) if p.code == "KT503"]
    assert found == [("resources.a.condition", 4), ("resources.b.properties.value.if", 5), ("outputs.o.condition", 7)]


def test_what_nobody_uses(catalog: Any) -> None:
    template = load(HEAD + "conditions: {used: {get_param: flag}, idle: {not: used}}\n")
    found = [(p.code, p.path) for p in check(template, None, catalog)]
    assert found == [
        ("KT501", ("parameters", "size")),
        ("KT501", ("parameters", "free")),
        ("KT502", ("conditions", "idle")),
    ]


@pytest.mark.parametrize(
    "value",
    [
        {"get_attr": ["a", {"get_param": "missing"}]},
        {"get_attr": ["a", {"b": 1}]},
        {"get_attr": [["a"], "b"]},
        {"get_resource": {"get_attr": [["a"], "b"]}},
        {"get_resource": {"get_param": "missing"}},
    ],
)
def test_names_of_the_wrong_kind_are_findings(value: Any, catalog: Any) -> None:
    body = {
        "heat_template_version": "2021-04-16",
        "resources": {
            "a": {"type": "OS::Heat::RandomString"},
            "b": {"type": "OS::Heat::Value", "properties": {"value": value}},
        },
        "outputs": {"o": {"value": value}},
    }
    assert "error" in [problem.severity for problem in check(load(body), None, catalog)]


def test_groups_of_the_wrong_kind() -> None:
    body = {"heat_template_version": "2021-04-16", "parameter_groups": [{"parameters": [["a"]]}]}
    with pytest.raises(TemplateInvalid, match="The grouped parameter"):
        load(body)


def test_places_in_json() -> None:
    with pytest.raises(TemplateInvalid) as caught:
        load('{"heat_template_version": "2021-04-16",\n  "resources": {"a": {}}, "nope": 1}')
    assert [(p.line, p.column) for p in caught.value.problems] == [(2, 27), (2, 17)]
    with pytest.raises(TemplateInvalid) as caught:
        load('{"heat_template_version": "2021-04-16",\n "resources": {},\n "resources": {}}')
    assert (caught.value.problems[0].code, caught.value.problems[0].line) == ("KT005", 3)
    with pytest.raises(TemplateInvalid) as caught:  # an escape that YAML does not know
        load('{"heat_template_version": "2021-04-16", "resources": {"\\ud83d\\ude00": [],\n "r": null}}')
    assert [(p.line, p.column) for p in caught.value.problems] == [(1, 55), (2, 2)]
