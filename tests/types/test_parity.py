"""The declarations say what Heat's do: each implemented type is compared with Heat's surface as data, by machine."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.types.make_facts import compact, facts

from kamado.plugin.registry import WITHDRAWN, Registry
from kamado.template.schema import AttributeSchema, Schema

IMPLEMENTED = tuple((Path(__file__).parent / "data" / "implemented.txt").read_text().split())
"""Grows with each new type; nothing is taken off it."""

EXPLAINED: Mapping[str, str] = {}
"""Difference as it is printed → why it is right."""

REGISTRY = Registry.load()
FACTS = facts()


def plain(schema: Schema) -> dict[str, Any]:
    """Our declaration in the reference's shape."""
    shape: dict[str, Any] = {"type": schema.type.value.capitalize()}
    flags = {"required": schema.required, "update_allowed": schema.update, "immutable": schema.immutable,
             "allow_conversion": schema.allow_conversion}  # fmt: skip
    shape |= {name: True for name, value in flags.items() if value}
    if schema.default is not None:
        shape["default"] = schema.default
    if schema.constraints:
        shape["constraints"] = [_constraint(constraint.describe()) for constraint in schema.constraints]
    if schema.fields is not None:
        shape["map_schema"] = {name: plain(nested) for name, nested in schema.fields.items()}
    if schema.items is not None:
        shape["item_schema"] = plain(schema.items)
    shape |= support(schema)
    return shape


def _constraint(shape: dict[str, Any]) -> dict[str, Any]:
    shape.pop("description", None)
    return {"custom": shape.pop("custom_constraint"), **shape} if "custom_constraint" in shape else shape


def support(schema: Schema | AttributeSchema) -> dict[str, Any]:
    found = schema.support
    return (
        {}
        if found.status == "SUPPORTED" and found.since is None
        else {"support": {"status": found.status, "since": found.since}}
    )


def expected(shape: Mapping[str, Any]) -> dict[str, Any]:
    """The reference's shape without what we do not compare (the history of the support status)."""
    result = dict(shape)
    if "support" in result:
        result["support"] = {
            "status": result["support"]["status"],
            "since": (result["support"].get("since") or "").strip() or None,
        }
        if result["support"] == {"status": "SUPPORTED", "since": None}:
            del result["support"]
    if "implemented" in result:
        del result["implemented"]
        result["support"] = {"status": "UNSUPPORTED", "since": (result.get("support") or {}).get("since")}
    for key in ("map_schema",):
        if key in result:
            result[key] = {name: expected(nested) for name, nested in result[key].items()}
    if "item_schema" in result:
        result["item_schema"] = expected(result["item_schema"])
    return result


def differences(ours: Any, theirs: Any, path: str) -> Iterator[str]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted({*ours, *theirs}):
            if key not in ours:
                yield f"{path}.{key}: missing, should be {theirs[key]!r}"
            elif key not in theirs:
                yield f"{path}.{key}: is {ours[key]!r}, should not be there"
            else:
                yield from differences(ours[key], theirs[key], f"{path}.{key}")
    elif path.endswith(".constraints"):
        if sorted(map(_listed, ours)) != sorted(map(_listed, theirs)):
            yield f"{path}: is {ours!r}, should be {theirs!r}"
    elif ours != theirs or isinstance(ours, bool) != isinstance(theirs, bool):
        yield f"{path}: is {ours!r}, should be {theirs!r}"


def _listed(constraint: dict[str, Any]) -> str:
    """A text that is the same for constraints that mean the same: neither the order of keys nor that of values matters."""
    if "allowed_values" in constraint:
        constraint = {"allowed_values": sorted(map(str, constraint["allowed_values"]))}
    return json.dumps(constraint, sort_keys=True)


def type_differences(name: str) -> list[str]:
    cls, fact = REGISTRY.get(name, ""), FACTS[name]
    attributes = {key: value for key, value in cls.schema.attributes.items() if key != "show"}
    ours = {
        "properties": {key: plain(schema) for key, schema in cls.schema.properties.items()},
        "attributes": {
            key: {"type": None if schema.type is None else schema.type.value.capitalize(), **support(schema)}
            for key, schema in attributes.items()
        },
        "support": {"status": cls.support.status, "since": cls.support.since},
        "name limit": cls.physical_name_limit,
        "class": cls.schema.called,
    }
    theirs = {
        "properties": {key: expected(shape) for key, shape in fact["properties"].items()},
        "attributes": {
            key: {"type": shape["type"], **{k: v for k, v in expected(shape).items() if k == "support"}}
            for key, shape in fact["attributes"].items()
        },
        "support": {"status": fact["support"]["status"], "since": fact["support"].get("since")},
        "name limit": fact["physical_resource_name_limit"],
        "class": fact["class"],
    }
    return [found for found in differences(ours, theirs, name) if found not in EXPLAINED]


@pytest.mark.parametrize("name", sorted(IMPLEMENTED))
def test_a_type_is_declared_as_in_heat(name: str) -> None:
    assert type_differences(name) == []


@pytest.mark.parametrize("name", sorted(IMPLEMENTED))
def test_a_live_attribute_is_one_that_heat_never_caches(name: str) -> None:
    facts_of = FACTS[name]["attributes"]
    live = {key for key, shape in facts_of.items() if shape.get("cache_mode") == "cache_none"}
    assert set(REGISTRY.get(name, "").schema.live_attributes) == live


def test_every_registered_type_of_heat_is_listed() -> None:
    ours = {name for name in REGISTRY.names() if name in FACTS}
    assert sorted(ours - set(IMPLEMENTED)) == [], "add them to tests/types/data/implemented.txt"


def test_the_copy_of_the_facts_is_the_reference() -> None:
    copy = Path(__file__).parent / "data" / "facts.json"
    import json

    assert json.loads(copy.read_text()) == FACTS or compact({"types": json.loads(copy.read_text())}) == FACTS


def test_a_difference_would_be_seen() -> None:
    shape = {"type": "String", "constraints": [{"allowed_values": ["a"]}]}
    assert list(differences({**shape, "default": ""}, shape, "p")) == ["p.default: is '', should not be there"]
    assert len(list(differences({**shape, "constraints": [{"allowed_values": ["b"]}]}, shape, "p"))) == 1


def test_the_types_that_were_given_up_are_those_that_heat_hides_and_we_do_not_have() -> None:
    hidden = {name for name, entry in FACTS.items() if (entry.get("support") or {}).get("status") == "HIDDEN"}
    assert hidden - set(REGISTRY.names()) == WITHDRAWN
