"""The tables of `tests/template/cases` put to a real Heat and to Kamado; `make compare-heat` says where both are.

Three things have to hold of each row: what the table says is what Heat says; Kamado says the same; and where a row has `differs`, Kamado
says something else (a reason for a difference that is gone is a fault, too). `docs/compatibility.md` lists those rows.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.real.comparison import Account
from tests.real.oracle import Answer, conditions, outputs, previewed, properties, validated
from tests.template.tables import (
    SHOWN,
    around_environment,
    around_parameter,
    by_version,
    cases,
    differs,
    environment_request,
    orderly,
)

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

FUNCTIONS = cases("functions*.yaml")
CALLS = {f"t{number}": row for number, row in enumerate(cases("versions.yaml"))}
VERSIONS = sorted({row["version"] for row in FUNCTIONS})


@pytest.fixture(scope="module")
def places() -> tuple[Account, Account]:
    """Heat and Kamado."""
    auth_url = os.environ["KAMADO_REAL_AUTH_URL"]
    heat, ours = os.environ["HEAT_REAL_URL"], os.environ.get("KAMADO_REAL_URL")
    return (
        Account.make(auth_url, "demo", "demo", "demo", heat),
        Account.make(auth_url, "demo", "demo", "demo", ours),
    )


Answers = Mapping[str, Answer]
Rows = Mapping[str, Mapping[str, Any]]


def both(places: tuple[Account, Account], ask: Callable[[Account], dict[str, Answer]]) -> tuple[Answers, Answers]:
    """The answers of Heat and of Kamado by the row's name, asked at the same time."""
    with ThreadPoolExecutor(2) as threads:
        heat, ours = threads.map(ask, places)
    return heat, ours


def compare(question: str, rows: Rows, recorded: Answers, heat: Answers, ours: Answers) -> None:
    """Fail with everything that is not as it has to be."""
    faults = [
        fault
        for name, row in rows.items()
        for fault in _faults(row, differs(row, question), recorded.get(name), heat[name], ours[name])
    ]
    assert not faults, "\n" + "\n".join(faults)


def _faults(
    row: Mapping[str, Any], different: bool, recorded: Answer | None, heat: Answer, ours: Answer
) -> Iterator[str]:
    shown = {
        key: row[key]
        for key in ("version", "value", "call", "schema", "given", "template", "environment", "files")
        if key in row
    }
    if recorded is not None and any(heat.get(key) != value for key, value in recorded.items()):
        yield f"{shown}\n    the table: {recorded}\n    Heat:      {heat}"
    if different:
        if heat == ours:
            yield f"{shown}\n    no difference any more: {row['differs']}"
    elif heat != ours:
        yield f"{shown}\n    Heat:   {heat}\n    Kamado: {ours}"


def _recorded(row: Mapping[str, Any], value: str) -> Answer | None:
    """What the table says that Heat says; ``value`` is the key under which a row keeps what is no refusal."""
    if "refused" in row:
        words = {} if row["refused"] == "*" else {"refused": orderly(row["refused"])}
        return {"type": row.get("type", "StackValidationFailed"), **words}
    return {"value": row[value]} if value in row else None


def _of(version: str) -> dict[str, Mapping[str, Any]]:
    return {f"t{number}": row for number, row in enumerate(FUNCTIONS) if row["version"] == version}


@pytest.mark.parametrize("version", VERSIONS)
def test_functions_in_properties(places: tuple[Account, Account], version: str) -> None:
    rows = _of(version)
    values = {name: row["value"] for name, row in rows.items()}
    alone = [name for name, row in rows.items() if "refused" in row]
    heat, ours = both(places, lambda account: properties(account, version, values, alone))
    recorded = {name: found for name, row in rows.items() if (found := _recorded(row, "property"))}
    compare("preview", rows, recorded, heat, ours)


@pytest.mark.parametrize("version", VERSIONS)
def test_functions_in_outputs(places: tuple[Account, Account], version: str) -> None:
    rows = _of(version)
    values = {name: row["value"] for name, row in rows.items()}
    stack = f"oracle-{secrets.token_hex(3)}"
    shapes = [
        name for name, row in rows.items() if not row.get("refused", "Property error").startswith("Property error")
    ]
    heat, ours = both(places, lambda account: outputs(account, version, values, stack, shapes))
    recorded = {name: {"value": row["live"]} for name, row in rows.items() if "live" in row}
    compare("output", rows, recorded, heat, ours)


@pytest.mark.parametrize("version", sorted(by_version(CALLS["t0"], "preview")))
@pytest.mark.parametrize("question", ["preview", "condition"])
def test_every_function_in_every_version(places: tuple[Account, Account], question: str, version: str) -> None:
    recorded = {name: found[version] for name, row in CALLS.items() if version in (found := by_version(row, question))}
    if not recorded:
        return  # a version without conditions
    rows = {name: CALLS[name] for name in recorded}
    values = {name: row["call"] for name, row in rows.items()}
    ask = properties if question == "preview" else conditions
    alone = [name for name, found in recorded.items() if "refused" in found]
    heat, ours = both(places, lambda account: ask(account, version, values, alone))
    compare(question, rows, recorded, heat, ours)


def test_parameters(places: tuple[Account, Account]) -> None:
    rows = {str(number): row for number, row in enumerate(cases("parameters.yaml"))}

    def ask(account: Account) -> dict[str, Answer]:
        return {name: _bound(account, row) for name, row in rows.items()}

    recorded = {name: found for name, row in rows.items() if (found := _recorded(row, "shown"))}
    compare("preview", rows, recorded, *both(places, ask))


def _bound(account: Account, row: Mapping[str, Any]) -> Answer:
    given = {"parameters": {"p": row["given"]}} if "given" in row else {}
    found = previewed(account, around_parameter(row["schema"]), **given)
    return found if "refused" in found else {"value": found["value"]["parameters"]["p"]}


def test_what_validation_shows_of_parameters(places: tuple[Account, Account]) -> None:
    rows = {str(number): row for number, row in enumerate(cases("parameters.yaml"))}

    def ask(account: Account) -> dict[str, Answer]:
        return {name: _described(account, row) for name, row in rows.items()}

    compare("validate", rows, {}, *both(places, ask))


def _described(account: Account, row: Mapping[str, Any]) -> Answer:
    given = {"parameters": {"p": row["given"]}} if "given" in row else {}
    found = validated(account, around_parameter(row["schema"]), **given)
    return found if "refused" in found else {"value": found["value"]["Parameters"]}


def test_environments(places: tuple[Account, Account]) -> None:
    rows = {str(number): row for number, row in enumerate(cases("environments.yaml"))}

    def ask(account: Account) -> dict[str, Answer]:
        with ThreadPoolExecutor(3) as threads:
            return dict(zip(rows, threads.map(lambda row: _surrounded(account, row), rows.values()), strict=True))

    recorded = {
        name: _recorded(row, "") or {"value": {key: row[key] for key in ("shown", "made")}}
        for name, row in rows.items()
    }
    compare("preview", rows, recorded, *both(places, ask))


def _surrounded(account: Account, row: Mapping[str, Any]) -> Answer:
    found = previewed(account, around_environment(row), **environment_request(row))
    if "refused" in found:
        return found
    parameters, attributes = found["value"]["parameters"], found["value"]["resources"][0]["attributes"]
    return {
        "value": {
            "shown": {name: parameters[name] for name, usual in SHOWN.items() if parameters[name] != usual},
            "made": "OS::Heat::Value" if "value" in attributes else "OS::Heat::None",
        }
    }


def test_structure(places: tuple[Account, Account]) -> None:
    rows = {str(number): row for number, row in enumerate(cases("structure.yaml"))}

    def ask(account: Account) -> dict[str, Answer]:
        return {name: _whole(account, row["template"]) for name, row in rows.items()}

    recorded = {name: _recorded(row, "") or {"value": None} for name, row in rows.items()}
    compare("preview", rows, recorded, *both(places, ask))


def _whole(account: Account, template: Any) -> Answer:
    found = previewed(account, template)
    return found if "refused" in found else {"value": None}
