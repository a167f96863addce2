"""Where in written values something is hidden, and the values with that masked."""

from __future__ import annotations

from typing import Any

import pytest

from kamado.template import load
from kamado.template.hidden import all_of, both, inside, masked

P: Any = {"get_param": "p"}


@pytest.mark.parametrize(
    ("written", "places"),
    [
        ({"a": "x", "b": {"c": "x"}}, {}),
        ({"a": P, "b": "x"}, {"a": None}),
        ({"a": {"b": {"c": P, "d": 1}}}, {"a": {"b": {"c": None}}}),
        ({"a": [P, "x"]}, {"a": None}),
        ({"a": {"list_join": ["-", ["x", P]]}}, {"a": None}),
        ({"a": {"map_merge": [{"b": P}, {"c": 1}]}}, {"a": None}),
        ({"a": {"if": ["yes", {"b": P}, {"b": 1}]}}, {"a": {"b": None}}),
        ({"a": {"b": {"get_param": "open"}, "c": {"get_attr": ["s", "value"]}}}, {"a": {"c": None}}),
        ({"a": {"get_param": ["open", "x"]}, "b": {"get_param": [{"get_param": "open"}]}}, {"b": None}),
    ],
)
def test_where(written: Any, places: Any) -> None:
    template = load(
        {
            "heat_template_version": "2018-08-31",
            "parameters": {
                "p": {"type": "string", "default": "s", "hidden": True},
                "open": {"type": "json", "default": {}},
            },
            "conditions": {"yes": True},
            "resources": {
                "s": {"type": "OS::Heat::Value", "properties": {"value": 1}},
                "r": {"type": "OS::Heat::None", "properties": written},
            },
        }
    )
    definition = template.definitions(template.bind())["r"]
    assert definition.hidden({"p"}, {"s"}) == places


@pytest.mark.parametrize(
    ("value", "hidden", "shown"),
    [
        ({"a": 1, "b": 2}, {}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, {"a": None}, {"a": "*", "b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}, {"a": {"b": "*", "c": 2}}),
        ({"a": '{"b": 1}'}, {"a": {"b": None}}, {"a": "*"}),
        ({"a": [1]}, {"a": {"b": None}}, {"a": "*"}),
        ({"a": {"c": 2}}, {"a": {"b": None}}, {"a": {"c": 2}}),
        ({"a": None}, {"a": None}, {"a": None}),
        ({"a": 1}, None, "*"),
    ],
)
def test_masked(value: Any, hidden: Any, shown: Any) -> None:
    assert masked(value, hidden, "*") == shown


def test_together_and_inside() -> None:
    one, other = {"a": {"b": None}, "x": None}, {"a": {"c": None}, "x": {"y": None}}
    assert both(one, other) == both(other, one) == {"a": {"b": None, "c": None}, "x": None}
    assert inside(one, ("a",)) == {"b": None}
    assert inside(one, ("a", "z")) == {}
    assert inside(one, ("x", "y", "z")) is None
    assert inside(None, ("q",)) is None
    assert inside(all_of({"a": 1}), ("a", "b")) is None
