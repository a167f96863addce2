"""Coercion of property values by Heat's rules, with Heat's words, as a running Heat 27.0.1 gave them."""

from __future__ import annotations

from typing import Any

import pytest

from kamado.template import (
    UNKNOWN,
    AllowedPattern,
    AllowedValues,
    Custom,
    Length,
    Modulo,
    PropertyType,
    Range,
    Schema,
    Support,
    ValueInvalid,
    ValuesInvalid,
    coerce,
    coerce_all,
    describe,
)

T = PropertyType


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (T.STRING, "a", "a"),
        (T.STRING, True, "True"),
        (T.STRING, 5, "5"),
        (T.STRING, None, ""),
        (T.INTEGER, " 12 ", 12),
        (T.INTEGER, True, 1),
        (T.INTEGER, 1.5, 1),
        (T.INTEGER, None, 0),
        (T.NUMBER, "1.5", 1.5),
        (T.NUMBER, "7", 7),
        (T.NUMBER, None, 0),
        (T.BOOLEAN, "FALSE", False),
        (T.BOOLEAN, True, True),
        (T.BOOLEAN, None, False),
        (T.LIST, None, []),
        (T.LIST, ["a", 1], ["a", 1]),
        (T.MAP, None, {}),
        (T.MAP, {"a": None}, {"a": None}),
        (T.ANY, {"x": [1]}, {"x": [1]}),
        (T.ANY, None, None),
    ],
)
def test_conversion(kind: PropertyType, value: Any, expected: Any) -> None:
    found = coerce(Schema(kind), value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (T.STRING, 1.5, "Value must be a string; got 1.5"),
        (T.STRING, [1], "Value must be a string; got [1]"),
        (T.INTEGER, "abc", "Value 'abc' is not an integer"),
        (T.INTEGER, "1.0", "Value '1.0' is not an integer"),
        (T.INTEGER, [1], "int() argument must be a string, a bytes-like object or a real number, not 'list'"),
        (T.INTEGER, float("inf"), "cannot convert float infinity to integer"),
        (T.NUMBER, "3.5x", "could not convert string to float: '3.5x'"),
        (T.BOOLEAN, "yes", '"yes" is not a valid boolean'),
        (T.BOOLEAN, 1, '"1" is not a valid boolean'),
        (T.BOOLEAN, "", '"" is not a valid boolean'),
        (T.LIST, "a,b", "\"'a,b'\" is not a list"),
        (T.LIST, {"a": 1}, "\"{'a': 1}\" is not a list"),
        (T.MAP, "nope", '"nope" is not a map'),
        (T.MAP, [1], '"[1]" is not a map'),
    ],
)
def test_refusal(kind: PropertyType, value: Any, words: str) -> None:
    with pytest.raises(ValueInvalid) as caught:
        coerce(Schema(kind), value)
    assert caught.value.message == words


@pytest.mark.parametrize(
    ("schema", "value", "words"),
    [
        (Schema(T.INTEGER, constraints=(Range(1, 512),)), 5000, "5000 is out of range (min: 1, max: 512)"),
        (Schema(T.NUMBER, constraints=(Range(min=0),)), -1, "-1 is out of range (min: 0, max: None)"),
        (Schema(T.STRING, constraints=(Length(2, 3),)), "abcd", "length (4) is out of range (min: 2, max: 3)"),
        (Schema(T.LIST, constraints=(Length(max=1),)), [1, 2], "length (2) is out of range (min: None, max: 1)"),
        (Schema(T.NUMBER, constraints=(Modulo(2, 1),)), 2, "2 is not a multiple of 2 with an offset of 1"),
        (Schema(T.STRING, constraints=(AllowedValues(["a", "b"]),)), "c", '"c" is not an allowed value ["a", "b"]'),
        (Schema(T.STRING, constraints=(AllowedPattern("[a-z]+"),)), "C1", '"C1" does not match pattern "[a-z]+"'),
        (Schema(T.STRING, constraints=(AllowedPattern("[a-z]+", "own words"),)), "C1", "own words"),
        (Schema(T.STRING, constraints=(Custom("net"),)), "n", "Error validating value 'n': no net n"),
    ],
)
def test_constraints(schema: Schema, value: Any, words: str) -> None:
    with pytest.raises(ValueInvalid) as caught:
        coerce(schema, value, custom=lambda name, given: f"no {name} {given}")
    assert caught.value.message == words


NESTED = {
    "name": Schema(T.STRING, default="d"),
    "pools": Schema(
        T.LIST,
        items=Schema(
            T.MAP,
            fields={
                "start": Schema(T.STRING, required=True),
                "size": Schema(T.INTEGER, default=1),
                "o": Schema(T.STRING),
            },
        ),
    ),
    "each": Schema(T.MAP, items=Schema(T.INTEGER)),
    "gone": Schema(T.STRING, support=Support("UNSUPPORTED")),
}


def test_nested_values_are_converted_and_defaulted_and_absent_ones_stay_out() -> None:
    found = coerce_all(NESTED, {"pools": [{"start": 5}], "each": {"a": "1"}})
    assert found == {"name": "d", "pools": [{"start": "5", "size": 1}], "each": {"a": 1}}


def test_everything_wrong_is_found_with_paths_and_hints() -> None:
    with pytest.raises(ValuesInvalid) as caught:
        coerce_all(NESTED, {"pools": [{"strat": "x"}, "y"], "each": {"a": "q"}, "nam": 1, "gone": "x"})
    assert [(e.dotted, e.message, e.hint) for e in caught.value.errors] == [
        ("", "Unknown Property nam", 'did you mean "name"?'),
        ("pools[0]", "Unknown Property strat", 'did you mean "start"?'),
        ("pools[1]", '"y" is not a map', ""),
        ("each.a", "Value 'q' is not an integer", ""),
        ("", "Property gone not implemented yet", ""),
    ]


def test_unknown_passes_unchecked_at_any_depth() -> None:
    schema = {
        "l": Schema(T.LIST, items=Schema(T.INTEGER), constraints=(Length(max=1),)),
        "s": Schema(T.STRING, constraints=(Length(max=1),)),
    }
    assert coerce_all(schema, {"l": [UNKNOWN, "2"], "s": UNKNOWN}) == {"l": [UNKNOWN, 2], "s": UNKNOWN}


def test_conversion_where_it_is_allowed() -> None:
    assert coerce(Schema(T.LIST, allow_conversion=True), "a, b") == ["a", "b"]
    assert coerce(Schema(T.MAP, allow_conversion=True), '{"a": 1}') == {"a": 1}
    assert coerce(Schema(T.STRING, allow_conversion=True), {"a": 1}) == '{"a": 1}'


def test_the_shape_that_resource_type_show_gives() -> None:
    schema = Schema(
        T.LIST,
        description="D",
        update=True,
        constraints=(Length(max=3),),
        items=Schema(T.MAP, fields={"a": Schema(T.INTEGER, required=True, default=1, constraints=(Range(1, 2),))}),
    )
    assert describe(schema) == {
        "type": "list",
        "required": False,
        "update_allowed": True,
        "immutable": False,
        "description": "D",
        "constraints": [{"length": {"max": 3}}],
        "schema": {
            "*": {
                "type": "map",
                "required": False,
                "update_allowed": False,
                "immutable": False,
                "schema": {
                    "a": {
                        "type": "integer",
                        "required": True,
                        "update_allowed": False,
                        "immutable": False,
                        "default": 1,
                        "constraints": [{"range": {"min": 1, "max": 2}}],
                    }
                },
            }
        },
    }
