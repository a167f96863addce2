"""The description of the API is true: every route is in it, and whatever it allows is answered as it says, never with a 500."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from jsonschema import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.wire.stand import Stand
from tests.wire.test_access import LOCAL

from kamado.api.openapi import DESCRIBED, description
from kamado.api.routes import ROUTES
from kamado.localcloud.server import LocalCloud

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
EXAMPLES = int(os.environ.get("KAMADO_API_EXAMPLES", "5"))
"""Requests of each route, and with `STORIES` what CI has time for."""
STORIES = 4 * EXAMPLES
OPERATIONS = sorted((path, verb.upper()) for path, verbs in description()["paths"].items() for verb in verbs)


@pytest.fixture(scope="module")
def standing(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """A Kamado with one of everything."""
    stand = Stand(tmp_path_factory.mktemp("standing"), cloud)
    yield stand
    stand.close()


@pytest.fixture(scope="module")
def described(standing: Stand) -> Any:
    """The description as it is served, its paths bound to what there is (and to what there is not)."""
    stack = standing.ask("POST", "/stacks", {"stack_name": "mine", "template": LOCAL}).json()["stack"]["id"]
    at = f"/stacks/mine/{stack}"
    standing.settled(at)
    snapshot = standing.ask("POST", f"{at}/snapshots", {}).json()["id"]
    standing.settled(at)
    event = standing.ask("GET", f"{at}/resources/r/events").json()["events"][0]["id"]
    config = standing.ask("POST", "/software_configs", {}).json()["software_config"]["id"]
    body = {"config_id": config, "server_id": "s-1"}
    deployment = standing.ask("POST", "/software_deployments", body).json()["software_deployment"]["id"]
    there = {
        "tenant_id": [standing.token("demo")[1]],
        "stack_name": ["mine"],
        "stack_id": [stack, "none"],
        "resource_name": ["r", "none"],
        "output_key": ["o", "none"],
        "event_id": [event, "none"],
        "snapshot_id": [snapshot, "none"],
        "type_name": ["OS::Heat::TestResource", "OS::Neutron::Net", "none"],
        "template_version": ["heat_template_version.2018-08-31", "none"],
        "config_id": [config, "none"],
        "deployment_id": [deployment, "none"],
        "server_id": ["s-1", "none"],
    }
    served = requests.get(f"{standing.endpoint}/openapi.json", timeout=30).json()
    assert served == description()
    bound = copy.deepcopy(served)
    for verbs in bound["paths"].values():
        for operation in verbs.values():
            for parameter in operation["parameters"]:
                if parameter["in"] == "path":
                    parameter["schema"] = {"type": "string", "enum": there[parameter["name"]]}
            _with_examples(operation)
    return schemathesis.openapi.from_dict(bound)


def _with_examples(operation: dict[str, Any], alone: bool = False) -> None:
    """Have every second body, or with ``alone`` all, made of examples: of what is random, little is a template."""
    if "requestBody" not in operation:
        return
    content = operation["requestBody"]["content"]["application/json"]
    properties = content["schema"]["properties"]
    known = {name: {"enum": schema["examples"]} for name, schema in properties.items() if "examples" in schema}
    if not known:
        return
    known |= {"stack_name": properties["stack_name"]} if "stack_name" in properties else {}
    required = [name for name in ("stack_name", "template") if name in known]
    good = {"type": "object", "properties": known, "required": required, "additionalProperties": False}
    content["schema"] = good if alone else {"anyOf": [good, content["schema"]]}


def test_what_was_made_leads_to_everything_about_it(standing: Stand) -> None:
    """Stories: things are made, looked at, changed and removed, in any order that the description's links allow."""
    project = standing.token("demo")[1]
    document = copy.deepcopy(description())
    for verbs in document["paths"].values():
        for operation in verbs.values():
            operation["parameters"][0]["schema"] = {"type": "string", "enum": [project]}
            _with_examples(operation, alone=True)
    schema = schemathesis.openapi.from_dict(document)
    schema.config.generation.update(modes=[schemathesis.GenerationMode.POSITIVE])
    asked: set[tuple[str, int]] = set()
    headers = {"X-Auth-Token": standing.token("demo")[0], "Accept": "application/json"}

    class Story(schema.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"base_url": standing.endpoint, "headers": headers, "allow_redirects": False, "timeout": 30}

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            asked.add((f"{case.method} {case.path}", response.status_code))
            case.validate_response(response, checks=CHECKS)

    of_five = settings(
        max_examples=5,
        stateful_step_count=12,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    # By fives, the first of which is always the plainest: Hypothesis wants like draws answered alike, but a name may be taken by now.
    for number in range(STORIES // 4):
        seed(number)(Story)
        Story.run(settings=of_five)
    made = {path for path, status in asked if path.startswith("POST") and status in (200, 201)}
    deep = {path for path, status in asked if "_id}/" in path.split("{tenant_id}")[1] and status < 300}
    assert {"POST /v1/{tenant_id}/stacks", "POST /v1/{tenant_id}/software_configs"} <= made, sorted(asked)
    assert len(deep) >= 3, sorted(asked)


def test_every_route_is_described() -> None:
    assert {route.handler for route in ROUTES} == set(DESCRIBED)
    ids = [operation["operationId"] for verbs in description()["paths"].values() for operation in verbs.values()]
    assert len(ids) == len(set(ids))


def test_schemas_are_schemas() -> None:
    for said in DESCRIBED.values():
        for schema in (said.gives, said.body and said.body.schema, *said.query.values()):
            if schema is not None:
                Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(("path", "verb"), OPERATIONS, ids=[f"{verb} {path}" for path, verb in OPERATIONS])
def test_whatever_is_allowed_is_answered_as_described(standing: Stand, described: Any, path: str, verb: str) -> None:
    operation = described[path][verb]
    headers = {"X-Auth-Token": standing.token("demo")[0], "Accept": "application/json"}

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def call(case: Any) -> None:
        answer = case.call(base_url=standing.endpoint, headers=headers, allow_redirects=False, timeout=30)
        case.validate_response(answer, checks=CHECKS)

    call()
