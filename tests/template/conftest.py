"""What the template tests share: the case tables, a small catalog of types, and scopes that know everything or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from tests.template.tables import cases

from kamado.template import (
    UNKNOWN,
    AllowedValues,
    AttributeSchema,
    Length,
    PropertyType,
    Range,
    Schema,
    TypeSchema,
    walk,
)
from kamado.template.parameters import Parameters

_S, _I, _N, _B, _L, _M, _A = (
    PropertyType.STRING,
    PropertyType.INTEGER,
    PropertyType.NUMBER,
    PropertyType.BOOLEAN,
    PropertyType.LIST,
    PropertyType.MAP,
    PropertyType.ANY,
)
TYPES = {
    "OS::Heat::None": TypeSchema("OS::Heat::None", any_properties=True, any_attributes=True, heat_class="NoneResource"),
    "OS::Heat::Value": TypeSchema(
        "OS::Heat::Value",
        {
            "type": Schema(
                _S,
                constraints=(AllowedValues(("string", "number", "comma_delimited_list", "json", "boolean")),),
            ),
            "value": Schema(_A, required=True, update=True),
        },
        {"value": AttributeSchema()},
    ),
    "OS::Heat::RandomString": TypeSchema(
        "OS::Heat::RandomString",
        {
            "length": Schema(_I, default=32, constraints=(Range(1, 512),)),
            "salt": Schema(_S, update=True),
            "character_classes": Schema(
                _L,
                items=Schema(
                    _M,
                    fields={
                        "class": Schema(
                            _S,
                            default="lettersdigits",
                            constraints=(
                                AllowedValues(
                                    (
                                        "lettersdigits",
                                        "letters",
                                        "lowercase",
                                        "uppercase",
                                        "digits",
                                        "hexdigits",
                                        "octdigits",
                                    )
                                ),
                            ),
                        ),
                        "min": Schema(_I, default=1, constraints=(Range(1, 512),)),
                    },
                ),
            ),
        },
        {"value": AttributeSchema()},
    ),
    "Test::Everything": TypeSchema(
        "Test::Everything",
        {
            "text": Schema(_S, constraints=(Length(max=10),)),
            "count": Schema(_I),
            "ratio": Schema(_N),
            "flag": Schema(_B),
            "many": Schema(_L, items=Schema(_S)),
            "map": Schema(_M, default={}),
            "any": Schema(_A),
            "needed": Schema(_S, required=True),
        },
        {"one": AttributeSchema(), "two": AttributeSchema()},
    ),
}


class Catalog:
    """A catalog of the four types above."""

    def schema(self, type_name: str, resource_name: str = "") -> TypeSchema | None:
        return TYPES.get(type_name)

    def suggestions(self, type_name: str) -> Sequence[str]:
        return list(TYPES)


class TableScope:
    """A scope over plain tables; what it does not have is UNKNOWN."""

    def __init__(
        self,
        parameters: Mapping[str, Any],
        references: Mapping[str, Any] | None = None,
        attributes: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.parameters = parameters
        self.references = references or {}
        self.attributes = attributes or {}

    def parameter(self, name: str) -> Any:
        return self.parameters[name]

    def reference(self, resource: str) -> Any:
        return self.references.get(resource, UNKNOWN)

    def attribute(self, resource: str, path: tuple[Any, ...]) -> Any:
        found = self.attributes.get(resource)
        if found is None:
            return UNKNOWN
        if path:
            return walk(found, path)
        known = {name: value for name, value in found.items() if value is not None}
        return known or None

    def facade(self, key: str) -> Any:
        return Parameters({}, {}, {}, {}, facade=None).of_parent(key)


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return Catalog()


@pytest.fixture(scope="session")
def table_scope() -> Callable[..., TableScope]:
    return TableScope


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `case` names its table in a marker-free way: the module's CASE_FILE."""
    name = getattr(metafunc.module, "CASE_FILE", None)
    if name and "case" in metafunc.fixturenames:
        rows = cases(name)
        metafunc.parametrize("case", rows, ids=[str(index) for index in range(len(rows))])
