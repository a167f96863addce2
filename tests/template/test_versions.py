"""Every function in every version of the languages: known, a map like any other, or refused, as a running Heat answered."""

from __future__ import annotations

from typing import Any

import pytest
from tests.template.tables import FILES, around, by_version, cases

from kamado.template import Environment, PseudoParameters, ResolveError, TemplateInvalid, check, load, resolve

ROWS = cases("versions.yaml")
LIVE = {"r": {"value": None}, "j": {"value": None}}


def given(question: str) -> list[Any]:
    """(version, call, Heat's answer), by all rows and versions."""
    return [
        pytest.param(version, row["call"], answer, id=f"{version}-{number}")
        for number, row in enumerate(ROWS)
        for version, answer in by_version(row, question).items()
    ]


def answer(body: dict[str, Any], catalog: Any, table_scope: Any) -> dict[str, Any]:
    """What the library makes of the resource `t`, or how it refuses the template."""
    try:
        template = load(body, files=FILES)
        parameters = template.bind(Environment(), PseudoParameters("name", "id", "project"))
        errors = [problem for problem in check(template, parameters, catalog) if problem.severity == "error"]
        if errors:
            raise TemplateInvalid(errors)
        definition = template.definitions(parameters).get("t")
        if definition is None:
            return {"value": True}
        scope = table_scope(parameters, {name: name for name in LIVE}, LIVE)
        return {"value": resolve(definition.properties.get("value"), scope)}
    except TemplateInvalid as refused:
        return {"refused": str(refused), "type": refused.error_type}
    except ResolveError as refused:
        words = f"Property error: : resources.t.properties.value: : {refused}"
        return {"refused": words, "type": "StackValidationFailed"}


@pytest.mark.parametrize(("version", "call", "heat"), given("preview"))
def test_in_properties(version: str, call: Any, heat: Any, catalog: Any, table_scope: Any) -> None:
    assert answer(around(version, {"t": call}), catalog, table_scope) == heat


@pytest.mark.parametrize(("version", "call", "heat"), given("condition"))
def test_in_conditions(version: str, call: Any, heat: Any, catalog: Any, table_scope: Any) -> None:
    assert answer(around(version, {}, conditions={"t": call}), catalog, table_scope) == heat
