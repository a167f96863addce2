"""Environments: what is refused, in Heat's words; how several become one."""

from __future__ import annotations

from typing import Any

import pytest

from kamado.template import Environment, TemplateInvalid


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
            "resources": {"s": {"hooks": "pre-create", "restricted_actions": ["update"]}, "t": {"T::A": "t.yaml"}},
        },
        "event_sinks": [{"type": "zaqar-queue", "target": "q"}],
        "encrypted_param_names": ["a"],
    }


def test_a_pattern_set_to_null_removes_what_it_matches() -> None:
    low = Environment.load({"resource_registry": {"T::A": "a", "T::B": "b", "U::C": "c"}})
    assert dict(low.merge(Environment.load({"resource_registry": {"T::*": None}})).registry) == {"U::C": "c"}


@pytest.mark.parametrize(
    ("kind", "old", "new", "strategy", "expected"),
    [
        ("json", {"a": 1, "m": {"x": 1}}, {"m": {"y": 2}}, "merge", {"a": 1, "m": {"y": 2}}),
        (
            "json",
            {"a": "p", "m": {"x": 1}, "l": [1]},
            {"a": "q", "m": {"y": 2}, "l": [2]},
            "deep_merge",
            {"a": "pq", "m": {"x": 1, "y": 2}, "l": [1, 2]},
        ),
        ("comma_delimited_list", ["a"], ["b"], "merge", ["a", "b"]),
        ("comma_delimited_list", "a,b", "c", "merge", "a,b,c"),
        ("string", "ab", "cd", "merge", "abcd"),
        ("number", 3, 4, "merge", 7),
        ("json", {"a": 1}, {"b": 2}, "overwrite", {"b": 2}),
    ],
)
def test_merge_strategies(kind: str, old: Any, new: Any, strategy: str, expected: Any) -> None:
    low = Environment.load({"parameters": {"p": old}})
    high = Environment.load({"parameters": {"p": new}, "parameter_merge_strategies": {"p": strategy}})
    assert Environment.merge_all([low, high], types={"p": kind}).parameters == {"p": expected}


def test_a_boolean_cannot_be_merged() -> None:
    low = Environment.load({"parameters": {"p": True}})
    high = Environment.load({"parameters": {"p": False}, "parameter_merge_strategies": {"default": "merge"}})
    with pytest.raises(TemplateInvalid) as caught:
        Environment.merge_all([low, high], types={"p": "boolean"})
    assert caught.value.error_type == "InvalidMergeStrategyForParam"
