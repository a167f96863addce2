"""The list of functions that the API shows is the list that the language has."""

from __future__ import annotations

import pytest

from kamado.orchestrator import language
from kamado.template.cfn.versions import DIALECTS as CFN
from kamado.template.dialect import Dialect
from kamado.template.hot.versions import DIALECTS as HOT

BY_NAME: dict[str, Dialect] = {
    **{".".join(key): dialect for key, dialect in CFN.items()},
    **{f"{language.HOT}.{version}": dialect for version, dialect in HOT.items()},
}


def test_every_version_and_alias_is_listed() -> None:
    listed = {name for entry in language.versions() for name in (entry["version"], *entry["aliases"])}
    assert listed == set(BY_NAME)


@pytest.mark.parametrize("version", BY_NAME)
def test_functions_of_a_version(version: str) -> None:
    dialect = BY_NAME[version]
    values = {entry["functions"] for entry in language.functions(version)}
    # Since wallaby Heat lists the functions of conditions among those of values, where `if` takes them directly.
    assert values - set(dialect.condition_functions) == set(dialect.functions) - set(dialect.condition_functions)
    assert set(dialect.functions) <= values
    with_conditions = {entry["functions"] for entry in language.functions(version, conditions=True)}
    assert with_conditions - set(dialect.functions) <= set(dialect.condition_functions)
    assert all(entry["description"] for entry in language.functions(version, conditions=True))
