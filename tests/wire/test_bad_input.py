"""What a client may send wrongly: refused in Heat's words, with its place, and nothing is left: no row, no trust, no resource."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from tests.wire.stand import Stand

from kamado.api.limits import ApiSettings
from kamado.localcloud.server import LocalCloud
from kamado.orchestrator.context import OrchestratorSettings
from kamado.store import schema

GOOD = {"heat_template_version": "2013-05-23"}
ALIAS_BOMB = "heat_template_version: 2013-05-23\nparameters:\n  p: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"  p{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)
CIRCLE = """heat_template_version: 2013-05-23
resources:
  a:
    type: OS::Heat::Value
    properties: {value: {get_attr: [b, value]}}
  b:
    type: OS::Heat::Value
    properties: {value: {get_resource: a}}
"""
UNKNOWN_KEY = """heat_template_version: 2013-05-23
resources:
  a:
    type: OS::Heat::Value
    propertys: {value: 1}
"""
WRONG_TYPE = """heat_template_version: 2013-05-23
resources:
  a:
    type: OS::Heat::TestResource
    properties:
      value: x
      fail: maybe
"""
MISSING_FILE = """heat_template_version: 2013-05-23
resources:
  a:
    type: OS::Heat::Value
    properties:
      value: {get_file: there_is_none.txt}
"""
MISSING_NETWORK = """heat_template_version: 2013-05-23
resources:
  a:
    type: OS::Neutron::Port
    properties:
      network: there_is_none
"""

CASES: dict[str, tuple[Any, str, str, Mapping[str, Any]]] = {
    # what is sent, error.type, a part of error.message, a part of the first problem
    "invalid YAML": (
        "heat_template_version: 2013-05-23\nresources: [\n",
        "HTTPBadRequest",
        "Template not in valid format: Error parsing template",
        {"file": "template", "line": 3},
    ),
    "alias bomb": (ALIAS_BOMB, "RequestLimitExceeded", "unfolds to more than", {"file": "template", "line": 8}),
    "circle": (
        CIRCLE,
        "CircularDependencyException",
        "Circular Dependency Found",
        {"path": ["resources", "a"], "line": 3},
    ),
    "unknown key": (
        UNKNOWN_KEY,
        "StackValidationFailed",
        '"propertys" is not a valid keyword inside a resource definition',
        {"path": ["resources", "a", "propertys"], "line": 5},
    ),
    "property of the wrong type": (
        WRONG_TYPE,
        "StackValidationFailed",
        'Property error: : resources.a.properties.fail: : "maybe" is not a valid boolean',
        {"path": ["resources", "a", "properties", "fail"], "line": 7},
    ),
    "missing file": (
        MISSING_FILE,
        "StackValidationFailed",
        'No content found in the "files" section for get_file path: there_is_none.txt',
        {"path": ["resources", "a", "properties", "value"], "line": 6},
    ),
    "missing network": (
        MISSING_NETWORK,
        "StackValidationFailed",
        "Unable to find network with name or id 'there_is_none'",
        {"path": ["resources", "a", "properties", "network"], "line": 6},
    ),
}


def rows(stand: Stand) -> dict[str, int]:
    """How many rows each table has."""
    tables = schema.metadata.sorted_tables
    with stand.store.reader.engine.connect() as connection:
        return {table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


def things(stand: Stand) -> int:
    """How many trusts and networks the cloud has."""
    return sum(len(list(stand.cloud.state.all(table))) for table in ("identity.trusts", "network.networks"))


def settled_rows(stand: Stand) -> dict[str, int]:
    """Without the table that engines sign in to by themselves."""
    return {name: count for name, count in rows(stand).items() if name != "engine"}


def fault(stand: Stand, status: int, body: Any = None, **more: Any) -> dict[str, Any]:
    """Send a create that must be refused; the error, after making sure that nothing is left of it."""
    before = settled_rows(stand), things(stand), stand.clouds.trusts_made
    answer = stand.ask("POST", "/stacks", body, **more)
    assert answer.status_code == status, answer.text[:1000]
    assert (settled_rows(stand), things(stand), stand.clouds.trusts_made) == before
    found = answer.json()
    assert found["code"] == status
    assert set(found) == {"code", "title", "explanation", "error"}
    assert found["error"]["traceback"] is None
    error: dict[str, Any] = found["error"]
    return error


@pytest.mark.parametrize("name", CASES)
def test_a_bad_template_is_refused_with_its_place(stand: Stand, name: str) -> None:
    template, kind, message, place = CASES[name]
    error = fault(stand, 400, {"stack_name": "bad", "template": template})
    assert error["type"] == kind
    assert message in error["message"]
    first = error["problems"][0]
    assert {key: first[key] for key in place} == place
    if first["line"] is not None:
        assert f"line {first['line']}" in error["message"]


def test_every_finding_comes_at_once(stand: Stand) -> None:
    resources = {
        "a": {"type": "OS::Heat::TestResource", "properties": {"fail": "maybe", "nonsense": 1}},
        "b": {"type": "OS::Heat::Valve"},
    }
    error = fault(stand, 400, {"stack_name": "bad", "template": {**GOOD, "resources": resources}})
    paths = {tuple(problem["path"][:2]) for problem in error["problems"]}
    assert {("resources", "a"), ("resources", "b")} <= paths
    assert any("OS::Heat::Value" in problem["hint"] for problem in error["problems"])


def test_a_template_of_two_megabytes(stand: Stand) -> None:
    template = "heat_template_version: 2013-05-23\ndescription: " + "x" * 2_000_000
    error = fault(stand, 400, {"stack_name": "bad", "template": template})
    assert error["type"] == "RequestLimitExceeded"
    assert "exceeds maximum allowed size (1048576 bytes)" in error["message"]


def test_a_template_over_its_own_limit(stand: Stand) -> None:
    template = "heat_template_version: 2013-05-23\ndescription: " + "x" * 600_000
    error = fault(stand, 400, {"stack_name": "bad", "template": template})
    assert error["type"] == "RequestLimitExceeded"
    assert "Template size" in error["message"]
    assert "524288" in error["message"]


def test_json_that_is_none(stand: Stand) -> None:
    error = fault(stand, 400, raw='{"stack_name": ', Content_Type="application/json")
    assert error["type"] == "HTTPBadRequest"


def test_json_nested_deeper_than_any_stack(stand: Stand) -> None:
    error = fault(stand, 400, raw='{"a":' * 100_000, Content_Type="application/json")
    assert error["type"] == "HTTPBadRequest"


def test_a_bad_token(stand: Stand) -> None:
    before = settled_rows(stand)
    answer = stand.ask("POST", "/stacks", {"stack_name": "bad", "template": GOOD}, X_Auth_Token="no-such-token")
    assert answer.status_code == 401
    assert answer.json()["error"]["message"] == "The request you have made requires authentication."
    assert answer.headers["WWW-Authenticate"].startswith("Keystone uri=")
    assert settled_rows(stand) == before


def test_identity_headers_of_the_client_are_not_believed(stand: Stand) -> None:
    _, project = stand.token("demo")
    answer = stand.ask(
        "GET", "/stacks", X_Auth_Token=None, X_Identity_Status="Confirmed", X_Project_Id=project, X_Roles="admin"
    )
    assert answer.status_code == 401
    token, _ = stand.token("alt_demo")
    answer = stand.ask("GET", "/stacks", X_Auth_Token=token, X_Project_Id=project, X_Roles="admin")
    assert answer.status_code == 403


def test_an_expired_token(tmp_path: Path) -> None:
    with LocalCloud(identity_port=0, token_seconds=1.0) as cloud:
        stand = Stand(tmp_path, cloud, working=False)
        try:
            # Once while it is good, so that it is in the token cache.
            assert stand.ask("GET", "/stacks").status_code == 200
            time.sleep(1.2)
            before = settled_rows(stand)
            answer = stand.ask("POST", "/stacks", {"stack_name": "bad", "template": GOOD})
            assert answer.status_code == 401
            assert settled_rows(stand) == before
        finally:
            stand.close()


def test_more_resources_and_stacks_than_allowed(cloud: LocalCloud, tmp_path: Path) -> None:
    settings = OrchestratorSettings(max_resources_per_stack=2, max_stacks_per_tenant=1)
    stand = Stand(tmp_path, cloud, settings=settings, api=ApiSettings(max_json_body_size=2000), working=False)
    try:
        resources = {f"r{n}": {"type": "OS::Heat::None"} for n in range(3)}
        error = fault(stand, 400, {"stack_name": "big", "template": {**GOOD, "resources": resources}})
        assert error["type"] == "RequestLimitExceeded"
        assert error["message"] == "Request limit exceeded: Maximum resources per stack exceeded."
        assert stand.ask("POST", "/stacks", {"stack_name": "one", "template": GOOD}).status_code == 201
        error = fault(stand, 400, {"stack_name": "two", "template": GOOD})
        assert "You have reached the maximum stacks per tenant, 1." in error["message"]
        error = fault(stand, 400, {"stack_name": "long", "template": {**GOOD, "description": "x" * 3000}})
        assert "exceeds maximum allowed size (2000 bytes)" in error["message"]
    finally:
        stand.close()


@pytest.mark.parametrize(("status", "expected", "kind"), [(403, 403, "Forbidden"), (500, 500, "CloudError")])
def test_a_trust_that_keystone_refuses(
    cloud: LocalCloud, tmp_path: Path, status: int, expected: int, kind: str
) -> None:
    stand = Stand(tmp_path, cloud, working=False)
    refusal = cloud.faults.add(service="identity", method="POST", path="*trusts*", status=status, times=None)
    try:
        template = {**GOOD, "resources": {"n": {"type": "OS::Neutron::Net"}}}
        before = settled_rows(stand)
        answer = stand.ask("POST", "/stacks", {"stack_name": "net", "template": template})
        assert answer.status_code == expected
        assert answer.json()["error"]["type"] == kind
        assert settled_rows(stand) == before
    finally:
        cloud.faults.remove(refusal)
        stand.close()
