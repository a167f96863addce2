"""Whole templates against a running Heat's answers, and the mistakes that Heat is silent about."""

from __future__ import annotations

from typing import Any

import pytest
from tests.template.tables import differs, orderly

from kamado.template import Environment, PseudoParameters, TemplateInvalid, check, load

CASE_FILE = "structure.yaml"


def first_error(body: Any, catalog: Any) -> Any:
    try:
        template = load(body)
        parameters = template.bind(Environment(), PseudoParameters("orc", None, "p"))
        errors = [p for p in check(template, parameters, catalog) if p.severity == "error"]
    except TemplateInvalid as refused:
        errors = list(refused.problems)
    return errors[0] if errors else None


def test_as_heat(case: dict[str, Any], catalog: Any) -> None:
    problem = first_error(case["template"], catalog)
    if differs(case, "library"):
        assert problem is not None
        assert (problem.error_type, problem.message) != (case.get("type"), case.get("refused"))
    elif "refused" not in case:
        assert problem is None, problem
    else:
        assert problem is not None
        assert (problem.error_type, orderly(problem.message)) == (case["type"], orderly(case["refused"]))


def test_a_circle_is_named_whole(catalog: Any) -> None:
    resources = {
        n: {"type": "OS::Heat::Value", "properties": {"value": {"get_resource": m}}} for n, m in ("ab", "bc", "ca")
    }
    resources["d"] = {"type": "OS::Heat::None", "depends_on": "a"}
    problem = first_error({"heat_template_version": "2018-08-31", "resources": resources}, catalog)
    assert problem.message == (
        'Circular Dependency Found: {Value "a": {Value "b"}, Value "b": {Value "c"}, Value "c": {Value "a"}, '
        'NoneResource "d": {Value "a"}}'
    )
    assert problem.hint == "a -> b -> c -> a"


TEXT = """\
heat_template_version: 2018-08-31
parameters:
  size: {type: string, default: small}
resources:
  one:
    type: OS::Heat::RandomString
    properties:
      lenght: 5
  two:
    type: OS::Heat::Valu
    properties: {value: {get_param: siez}}
  three:
    type: OS::Heat::Value
    depends_on: onne
    properties:
      value:
        - {get_attr: [one, valeu]}
outputs:
  o: {value: {get_attr: [one, vlaue]}}
"""


def test_everything_at_once_each_with_its_place_and_a_hint(catalog: Any) -> None:
    template = load(TEXT, file="t.yaml")
    problems = check(template, template.bind(), catalog)
    found = [(p.code, p.line, p.column, p.hint, p.severity) for p in problems]
    assert found == [
        ("KT403", 10, 5, 'did you mean "OS::Heat::Value"?', "error"),
        ("KT401", 14, 5, 'did you mean "one"?', "error"),
        ("KT405", 8, 7, 'did you mean "length"?', "error"),
        ("KT406", 11, 18, 'did you mean "size"?', "error"),
        ("KT407", 17, 12, 'did you mean "value"?', "error"),
        ("KT407", 19, 15, 'did you mean "value"?', "error"),
        ("KT501", 3, 3, "", "warning"),
    ]
    assert all(p.file == "t.yaml" for p in problems)
    assert problems[2].message == "Property error: : resources.one.properties: : Unknown Property lenght"
    assert problems[4].dotted == "resources.three.properties.value[0].get_attr"


def test_shape_problems_come_all_at_once() -> None:
    body = {
        "heat_template_version": "2018-08-31",
        "resource": {"x": {"type": "OS::Heat::None"}},
        "parameters": {"p": {"type": "strin"}},
        "resources": {"y": {"typ": "OS::Heat::None"}, "z": {"type": "OS::Heat::None", "propertys": {}}},
        "outputs": {"o": {"valu": 1}},
    }
    with pytest.raises(TemplateInvalid) as caught:
        load(body)
    assert [(p.message, p.hint) for p in caught.value.problems] == [
        ("The template section is invalid: resource", 'did you mean "resources"?'),
        ("Invalid type (strin)", 'did you mean "string"?'),
        ('"typ" is not a valid keyword inside a resource definition', 'did you mean "type"?'),
        ('"propertys" is not a valid keyword inside a resource definition', 'did you mean "properties"?'),
        (
            "Output validation error: : outputs.o: : Each output definition must contain a value key.",
            'did you mean "value"?',
        ),
    ]


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (
            {"parameters": {"resources": {"x": {"type": "OS::Heat::None"}}}},
            '"resources" is a section; is it one level too deep?',
        ),
        (
            {"resources": {"resources": {"x": {"type": "OS::Heat::None"}}}},
            '"resources" is a section; is it one level too deep?',
        ),
        ({"resources": {"type": "OS::Heat::None"}}, '"type" is a key of a resource; is it one level too high?'),
        ({"server": {"type": "OS::Heat::None"}}, 'a resource belongs into the section "resources"'),
    ],
)
def test_a_section_at_the_wrong_level_is_no_empty_stack(body: dict[str, Any], hint: str) -> None:
    with pytest.raises(TemplateInvalid) as caught:
        load({"heat_template_version": "2018-08-31", **body})
    assert hint in [problem.hint for problem in caught.value.problems]


def test_conditions_leave_out_resources_outputs_and_their_edges(catalog: Any) -> None:
    body = {
        "heat_template_version": "2018-08-31",
        "parameters": {"prod": {"type": "boolean", "default": False}, "n": {"type": "string", "default": "x"}},
        "conditions": {
            "prod": {"get_param": "prod"},
            "test": {"not": "prod"},
            "either": {"or": ["prod", {"equals": [{"get_param": "n"}, "x"]}]},
            "both": {"and": ["either", "prod"]},
        },
        "resources": {
            "a": {"type": "OS::Heat::None", "condition": "prod"},
            "b": {"type": "OS::Heat::None", "condition": "test", "depends_on": ["a", "c"]},
            "c": {
                "type": "OS::Heat::None",
                "condition": {"not": "both"},
                "deletion_policy": {"if": ["prod", "retain", "delete"]},
            },
        },
        "outputs": {"o": {"value": {"get_resource": "a"}, "condition": "prod"}, "p": {"value": 3}},
    }
    template = load(body)
    off, on = template.bind(), template.bind(Environment(parameters={"prod": True}))
    assert list(template.definitions(off)) == ["b", "c"]
    assert template.definitions(off)["b"].requires == {"c"}
    assert template.definitions(off)["c"].deletion_policy == "Delete"
    assert list(template.definitions(on)) == ["a"]
    assert template.active_outputs(off)["o"].value is None
    assert template.active_outputs(on)["o"].requires == {"a"}
    assert [p for p in check(template, off, catalog) if p.severity == "error"] == []
    assert [p for p in check(template, None, catalog) if p.severity == "error"] == []


def test_definitions_know_what_they_read() -> None:
    template = load(
        {
            "heat_template_version": "2018-08-31",
            "parameters": {
                "p": {"type": "string", "default": "two"},
                "s": {"type": "string", "hidden": True, "default": ""},
            },
            "resources": {
                "one": {"type": "OS::Heat::None"},
                "two": {"type": "OS::Heat::None"},
                "x": {
                    "type": "OS::Heat::Value",
                    "depends_on": "one",
                    "metadata": {"m": {"get_attr": ["one", "a", 0, "b"]}},
                    "properties": {
                        "value": {"get_resource": {"get_param": "p"}},
                        "type": {"str_replace": {"template": "t", "params": {"t": {"get_param": "s"}}}},
                    },
                },
            },
        }
    )
    x = template.definitions(template.bind())["x"]
    assert x.requires == {"one", "two"}
    assert x.attributes == {("one", ("a", 0, "b"))}
    assert x.parameters == {"p", "s"}
    assert x.hidden(frozenset({"s"})) == {"type": None}


def test_digest_sees_what_the_template_says() -> None:
    def digest(value: Any, content: str = "c", **more: Any) -> str:
        resource = {"type": "OS::Heat::Value", "properties": {"value": value}, **more}
        body = {"heat_template_version": "2018-08-31", "resources": {"x": resource}}
        template = load(body, files={"f": content})
        return template.definitions(template.bind())["x"].digest

    assert digest(1) == digest(1)
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"get_file": "f"}) == digest({"get_file": "f"})
    different = [
        digest(1),
        digest("1"),
        digest({"get_file": "f"}),
        digest({"get_file": "f"}, "other"),
        digest(1, metadata={"a": 1}),
        digest(1, deletion_policy="Retain"),
        digest(1, update_policy={"a": 1}),
    ]
    assert len(set(different)) == len(different)


def test_a_template_goes_to_text_and_back() -> None:
    template = load(TEXT)
    assert load(template.render()).raw == template.raw == load(template.dump()).raw


def test_cfn_end_to_end(catalog: Any, table_scope: Any) -> None:
    from kamado.template import resolve

    template = load(
        """{"AWSTemplateFormatVersion": "2010-09-09",
            "Mappings": {"M": {"k": {"n": "found"}}},
            "Parameters": {"P": {"Type": "String", "Default": "k"}},
            "Conditions": {"c": {"Fn::Equals": [{"Ref": "P"}, "k"]}, "d": {"Fn::Not": [{"Fn::Equals": [1, 1]}]}},
            "Resources": {"A": {"Type": "OS::Heat::Value", "Properties": {"value": {"Fn::FindInMap": ["M", {"Ref": "P"}, "n"]}}},
                          "B": {"Type": "OS::Heat::Value", "DependsOn": "A", "DeletionPolicy": "Retain", "Condition": "c",
                                "Properties": {"value": {"Fn::Join": ["-", [{"Ref": "A"}, {"Ref": "AWS::StackName"}]]}}},
                          "C": {"Type": "OS::Heat::None", "Condition": "d"}},
            "Outputs": {"o": {"Value": {"Fn::If": ["c", {"Fn::GetAtt": ["A", "value"]}, "no"]}}}}"""
    )
    parameters = template.bind(Environment(), PseudoParameters("s", "i", "p"))
    assert [(p.code, p.path) for p in check(template, parameters, catalog)] == [("KT503", ("Conditions", "d"))]
    definitions = template.definitions(parameters)
    assert list(definitions) == ["A", "B"]
    scope = table_scope(parameters, {"A": "a-id"}, {"A": {"value": "found"}})
    assert resolve(definitions["A"].properties, scope) == {"value": "found"}
    assert resolve(definitions["B"].properties, scope) == {"value": "a-id-s"}
    assert definitions["B"].deletion_policy == "Retain"
    assert definitions["B"].requires == {"A"}
    assert resolve(template.active_outputs(parameters)["o"].value, scope) == "found"


def test_a_template_as_a_type(catalog: Any) -> None:
    nested = "heat_template_version: 2018-08-31\nparameters: {n: {type: number}, l: {type: comma_delimited_list, default: ''}}\n"
    body = {
        "heat_template_version": "2018-08-31",
        "resources": {"x": {"type": "My::Type", "properties": {"n": "x", "q": 1}}},
    }
    environment = Environment.load({"resource_registry": {"My::Type": "file:///n.yaml"}})
    template = load(body, files={"file:///n.yaml": nested})
    problems = check(template, template.bind(environment), catalog, environment)
    assert [p.message for p in problems] == [
        "Property error: : resources.x.properties: : Unknown Property q",
        "Property error: : resources.x.properties.n: : could not convert string to float: 'x'",
    ]


def test_a_computed_name_may_be_any_parameter() -> None:
    text = """
heat_template_version: 2018-08-31
parameters: {which: {type: string, default: secret}, secret: {type: string, hidden: true, default: x}}
resources: {v: {type: OS::Heat::Value, properties: {value: {get_param: [{get_param: which}]}, type: string}}}
"""
    template = load(text)
    definition = template.definitions(template.bind())["v"]
    assert definition.parameters == {"which", "secret"}, "a change of any of them must be seen"
    assert definition.hidden(frozenset({"secret"})) == {"value": None}, "and a hidden one must not be shown"


def test_a_wrong_attribute_does_not_hide_a_wrong_property_beside_it(catalog: Any) -> None:
    properties = {"lenght": 4, "salt": {"get_attr": ["b", "nope"]}}
    resources = {"a": {"type": "OS::Heat::RandomString", "properties": properties}, "b": {"type": "OS::Heat::Value"}}
    found = check(load({"heat_template_version": "2021-04-16", "resources": resources}), None, catalog)
    assert [(problem.code, problem.path[-1]) for problem in found if problem.severity == "error"][-2:] == [
        ("KT407", "get_attr"),
        ("KT405", "lenght"),
    ]


def test_what_is_no_condition_is_told_where_it_stands_though_nothing_asks_for_it(catalog: Any) -> None:
    text = (
        "heat_template_version: 2018-08-31\n"
        "conditions:\n  a: true\n  c: {or: [a, 3]}\n  d: {not: c}\n"
        "resources:\n  x: {type: OS::Heat::None, condition: d}\n"
    )
    template = load(text)
    found = [p for p in check(template, None, catalog) if p.code == "KT112"]
    assert [(p.severity, p.line, p.column, p.message) for p in found] == [
        ("warning", 4, 15, 'conditions.c.or[1]: : Invalid condition "3"')
    ]
