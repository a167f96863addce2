"""Environments: what is refused, in Heat's words; how several become one."""

from __future__ import annotations

from typing import Any

import pytest
from tests.template.tables import SHOWN, around_environment, differs, environment_request

from kamado.plugin.registry import Registry
from kamado.template import Environment, TemplateInvalid, check, load

CASE_FILE = "environments.yaml"
REGISTRY = Registry.load()


@pytest.mark.parametrize(
    ("source", "error_type", "words"),
    [
        (
            {"parameters": None},
            "HTTPBadRequest",
            'Environment not in valid format: environment has empty section "parameters"',
        ),
        ({"foo": 1}, "HTTPBadRequest", 'Environment not in valid format: environment has wrong section "foo"'),
        ("a: b", "HTTPBadRequest", 'Environment not in valid format: environment has wrong section "a"'),
        (
            "parameters: [",
            "HTTPBadRequest",
            "Environment not in valid format: while parsing a flow node\nexpected the node content, but found '<stream end>'\n"
            '  in "<unicode string>", line 1, column 14:\n    parameters: [\n                 ^',
        ),
        (
            "[1]",
            "HTTPBadRequest",
            "Environment not in valid format: The environment is not a valid YAML mapping data type.",
        ),
        (
            {"resource_registry": {"resources": {"x": {"hooks": "foo"}}}},
            "InvalidBreakPointHook",
            'Invalid hook type "foo" for resource breakpoint, acceptable hook types are: '
            "('pre-create', 'pre-update', 'pre-delete', 'post-create', 'post-update', 'post-delete')",
        ),
        (
            {"resource_registry": {"resources": {"x": {"restricted_actions": "foo"}}}},
            "InvalidRestrictedAction",
            'Invalid restricted_action type "foo" for resource, acceptable restricted_action types are: '
            "('update', 'replace')",
        ),
    ],
)
def test_refusals_as_heat(source: Any, error_type: str, words: str) -> None:
    with pytest.raises(TemplateInvalid) as caught:
        Environment.load(source)
    assert (caught.value.error_type, str(caught.value)) == (error_type, words)


@pytest.mark.parametrize(
    "source", [{"parameters": []}, {"resource_registry": {"a": 3}}, {"event_sinks": {}}, {"encrypted_param_names": 3}]
)
def test_what_makes_heat_stumble_is_refused_with_a_place(source: Any) -> None:
    with pytest.raises(TemplateInvalid) as caught:
        Environment.load(source)
    assert caught.value.problems[0].path


def test_places_and_hints() -> None:
    with pytest.raises(TemplateInvalid) as caught:
        Environment.load("parameters: {}\nresource_registy: {}\n", file="e.yaml")
    problem = caught.value.problems[0]
    assert (problem.file, problem.line, problem.hint) == ("e.yaml", 2, 'did you mean "resource_registry"?')


@pytest.mark.parametrize("source", [None, "", "  \n", {}, "{}", "---\n"])
def test_nothing_is_an_environment(source: Any) -> None:
    assert Environment.load(source).as_dict() == {
        "resource_registry": {"resources": {}},
        "parameters": {},
        "parameter_defaults": {},
        "event_sinks": [],
    }


def test_later_ones_win() -> None:
    low = Environment.load(
        {
            "parameters": {"a": 1, "b": {"x": 1}},
            "parameter_defaults": {"d": 1},
            "resource_registry": {
                "T::A": "one.yaml",
                "T::B": "b.yaml",
                "resources": {"s": {"hooks": "pre-create"}, "t": {"T::A": "t.yaml"}},
            },
            "encrypted_param_names": ["a"],
        }
    )
    high = Environment.load(
        {
            "parameters": {"b": {"y": 2}},
            "resource_registry": {
                "T::A": "two.yaml",
                "T::B": None,
                "resources": {"s": {"restricted_actions": ["update"]}},
            },
            "event_sinks": [{"type": "zaqar-queue", "target": "q"}],
        }
    )
    assert Environment.merge_all([low, high]).as_dict() == {
        "parameters": {"a": 1, "b": {"y": 2}},
        "parameter_defaults": {"d": 1},
        "resource_registry": {
            "T::A": "two.yaml",
            "T::B": "b.yaml",
            "resources": {"s": {"restricted_actions": ["update"]}},
        },
        "event_sinks": [{"type": "zaqar-queue", "target": "q"}],
        "encrypted_param_names": ["a"],
    }


def test_a_pattern_set_to_null_removes_what_it_matches() -> None:
    low = Environment.load({"resource_registry": {"T::A": "a", "T::B": "b", "U::C": "c"}})
    assert dict(low.merge(Environment.load({"resource_registry": {"T::*": None}})).registry) == {"U::C": "c"}


def answer(row: dict[str, Any]) -> dict[str, Any]:
    """What Kamado makes of a row without any service, in the table's words."""
    request = environment_request(row)
    try:
        if "files" in request:
            names = request["environment_files"]
            parts = [Environment.load(request["files"][name], file=name) for name in names]
            types = {name: one["type"] for name, one in around_environment(row)["parameters"].items()}
            environment = Environment.merge_all(parts, types, names)
        else:
            environment = Environment.load(request.get("environment"))
        environment = environment.with_parameters(request.get("parameters") or {})
        template = load(around_environment(row))
        parameters = template.bind(environment)
        types = REGISTRY.for_environment(environment.registry, {})
        errors = [p for p in check(template, parameters, types, environment) if p.severity == "error"]
        if errors:
            raise TemplateInvalid(errors)
    except TemplateInvalid as refused:
        return {"refused": str(refused), "type": refused.error_type}
    shown = {name: value for name, value in parameters.shown().items() if value != SHOWN.get(name, value)}
    return {"shown": shown, "made": types.get(row.get("resource", "OS::Heat::Value"), "v").type_name}


def test_as_heat(case: dict[str, Any]) -> None:
    wanted = {key: case[key] for key in ("refused", "type", "shown", "made") if key in case}
    found = answer(case)
    if differs(case, "library"):
        assert found != wanted, "this difference is gone: take `differs` out of the table"
    else:
        assert found == wanted


def test_a_merge_needs_no_types() -> None:
    files = [
        Environment.load({"parameters": {"p": value}, "parameter_merge_strategies": {"default": "deep_merge"}})
        for value in ({"a": "x", "l": [1]}, {"a": "y", "l": [2]})
    ]
    assert Environment.merge_all(files).parameters == {"p": {"a": "xy", "l": [1, 2]}}


def test_what_cannot_be_merged_names_the_parameter_and_no_value() -> None:
    files = [
        Environment.load({"parameters": {"n": value}, "parameter_merge_strategies": {"n": "merge"}})
        for value in ("secret", 2)
    ]
    with pytest.raises(TemplateInvalid) as caught:
        Environment.merge_all(files, {"n": "number"})
    assert caught.value.problems[0].path == ("parameters", "n")
    assert "secret" not in str(caught.value)


def test_patterns_that_lead_nowhere_end() -> None:
    registry = {f"{'A' * n}*": f"{'A' * (n + 1)}B{n}*" for n in range(1, 60)} | {"B::*": "C::*", "C::*": "B::*"}
    view = REGISTRY.for_environment(registry, {})
    assert view.schema("A" * 60, "") is None
    assert view.schema("B::X", "") is None
