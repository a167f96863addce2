"""Rules across properties, in Heat's words."""

import pytest

from kamado.plugin.rules import AnyOf, Excludes, Needs, OneOf, OnlyWhen, RequiredWhen, at
from kamado.template.unknown import UNKNOWN


@pytest.mark.parametrize(
    ("rule", "properties", "found"),
    [
        (AnyOf("a", "b"), {"a": 1}, []),
        (AnyOf("a", "b"), {"a": UNKNOWN}, []),
        (AnyOf("a", "b"), {}, ["At least one of the following properties must be specified: a, b."]),
        (Excludes("a", "b"), {"a": 1, "b": None}, []),
        (
            Excludes("a", "b"),
            {"a": 1, "b": UNKNOWN},
            ["Cannot define the following properties at the same time: a, b."],
        ),
        (OneOf("a", "b"), {"b": 1}, []),
        (OneOf("a", "b"), {}, ["At least one of the following properties must be specified: a, b."]),
        (Needs("a", "b"), {"a": 1}, ["a cannot be specified without b."]),
        (Needs("a", "b"), {"a": 1, "b": 2}, []),
        (
            OnlyWhen("p.a", "p.b", "x"),
            {"p": {"a": 1, "b": "y"}},
            ["a property should only be specified for b with value x."],
        ),
        (OnlyWhen("p.a", "p.b", "x"), {"p": {"a": 1, "b": UNKNOWN}}, []),
        (RequiredWhen("a", "b", "x"), {"b": "x"}, ["Property a is required when b is set to 'x'."]),
        (RequiredWhen("a", "b", "x"), {"b": "x", "a": 1}, []),
        (RequiredWhen("a", "b", "x"), {"b": UNKNOWN}, []),
    ],
)
def test_rules(rule: object, properties: dict, found: list[str]) -> None:
    assert [str(finding) for finding in rule.check(properties)] == found  # type: ignore[attr-defined]


def test_findings_name_heats_exception() -> None:
    assert [f.error_type for f in OneOf("a").check({})] == ["PropertyUnspecifiedError"]
    assert [f.error_type for f in Excludes("a", "b").check({"a": 1, "b": 1})] == ["ResourcePropertyConflict"]


def test_paths_with_old_names() -> None:
    assert at({"network_id": 1}, "network|network_id") == 1
    assert at({"a": {"b": 2}}, "a.b") == 2
    assert at({"a": UNKNOWN}, "a.b") is UNKNOWN
