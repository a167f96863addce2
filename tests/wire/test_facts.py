"""Every route of Heat's with every parameter that it takes, and every key of what it answers, against a running Kamado."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from tests.wire import facts
from tests.wire.stand import Stand

ROUTES = facts.routes()
NAMES = [f"{route['method']} {route['path']}" for route in ROUTES]
PARAMETERS = [
    (route, name, kind)
    for route in ROUTES
    for name, kind in {**route.get("query", {}), **route.get("filters", {})}.items()
    if name != "*" and not (name == "show_nested" and route["path"].endswith("/preview"))  # see tests/nested
]
WITH_JSON = [route for route in ROUTES if isinstance(route.get("response"), dict)]
TEMPLATE = {
    "heat_template_version": "2018-08-31",
    "parameters": {"word": {"type": "string", "default": "x"}},
    "resources": {
        "srv": {"type": "OS::Heat::TestResource", "properties": {"value": {"get_param": "word"}}},
        "two": {"type": "OS::Heat::TestResource", "depends_on": "srv"},
    },
    "outputs": {"ip": {"value": {"get_attr": ["srv", "output"]}}},
}
BODIES: dict[str, Any] = {
    "POST /v1/{tenant_id}/validate": {"template": TEMPLATE},
    "POST /v1/{tenant_id}/stacks/preview": {"stack_name": "other", "template": TEMPLATE},
    "PUT preview": {"template": TEMPLATE},
    "PATCH preview": {"parameters": {"word": "y"}},
    "POST snapshots": {"name": "one"},
    "POST software_configs": {"name": "a", "config": "b"},
    "POST software_deployments": {"server_id": "s"},
    "PUT {deployment_id}": {"status": "COMPLETE"},
}
GOOD = {
    "int": "1",
    "UNKNOWN | SUPPORTED | DEPRECATED | UNSUPPORTED | HIDDEN": "SUPPORTED",
    "bool": "true",
    "int >= 0": "1",
    "asc | desc": "asc",
    "id of the last item of the page before": "none",
}


@pytest.fixture(scope="module")
def things(stand: Stand) -> dict[str, str]:
    """One of everything, by the name that paths give it."""
    made = stand.ask("POST", "/stacks", {"stack_name": "web", "template": TEMPLATE, "tags": "a"})
    at = f"/stacks/web/{made.json()['stack']['id']}"
    stand.settled(at)
    snapshot = stand.ask("POST", f"{at}/snapshots", {}).json()["id"]
    stand.settled(at)
    event = stand.ask("GET", f"{at}/resources/srv/events").json()["events"][0]["id"]
    config = stand.ask("POST", "/software_configs", {"name": "c"}).json()["software_config"]["id"]
    body = {"config_id": config, "server_id": "s"}
    deployment = stand.ask("POST", "/software_deployments", body).json()["software_deployment"]["id"]
    return {
        "tenant_id": stand.token("demo")[1],
        "stack_name": "web",
        "stack_id": made.json()["stack"]["id"],
        "resource_name": "srv",
        "snapshot_id": snapshot,
        "event_id": event,
        "output_key": "ip",
        "type_name": "OS::Heat::TestResource",
        "template_version": "heat_template_version.2018-08-31",
        "config_id": config,
        "deployment_id": deployment,
        "server_id": "s",
    }


def ask(stand: Stand, things: Mapping[str, str], route: Mapping[str, Any], query: str = "") -> Any:
    path = re.sub(r"\{path:([a-z]+)[a-z|]*\}", r"\1", route["path"]).replace("{stack_name:arn:.*}", "{stack_name}")
    url = stand.endpoint + re.sub(r"\{(\w+)\}", lambda found: things[found[1]], path) + query
    verb, last = route["method"], route["path"].rpartition("/")[2]
    body = BODIES.get(f"{verb} {route['path']}", BODIES.get(f"{verb} {last}"))
    if last == "software_deployments" and body:
        body = {**body, "config_id": things["config_id"]}
    return stand.ask(verb, url, body, user="admin" if last == "services" else "demo")


def test_the_copy_is_that_of_the_reference() -> None:
    if facts.REFERENCE.exists():
        assert facts.reduced() == ROUTES
    assert len(ROUTES) == 61


@pytest.mark.parametrize(
    ("route", "name", "kind"), PARAMETERS, ids=lambda value: value if isinstance(value, str) else None
)
def test_every_parameter_is_taken_and_checked(
    stand: Stand, things: dict[str, str], route: dict[str, Any], name: str, kind: str
) -> None:
    kind = kind.split(",")[0].split(";")[0]
    numbers = {"disable_rollback": "true", "timeout_mins": "1"}
    answer = ask(stand, things, route, f"?{name}={numbers.get(name, GOOD.get(kind, 'srv'))}")
    refused = {"global_tenant": (403,), "template_type": (400,), "ignore_errors": (400,)}.get(name, ())
    assert answer.status_code in (route["success"], 404 if "events" in route["path"] else 0, *refused), answer.text
    if kind in ("bool", "int >= 0", "asc | desc", "int") or name in numbers:
        for bad in ("maybe", "-1"):
            answer = ask(stand, things, route, f"?{name}={bad}")
            assert answer.status_code == 400, answer.text
            assert answer.json()["error"]["type"] in ("HTTPBadRequest", "ValueError")


NOT_SHOWN = {
    "updated_time",  # of a deployment that was never changed
    "output_error",
    "count",
    "links",  # of a whole list: only of a page
    "project",
    "NestedParameters",  # of a template with nested ones, when asked for
    "ParameterGroups",
}
"""Keys that depend on the request or the state."""

DIFFERENT: dict[str, set[str]] = {
    # examples of one type; what they are of each is compared in tests/types
    "GET /v1/{tenant_id}/resource_types/{type_name}": {"properties", "attributes"},
    # a preview has Heat's inner form of a resource, as the notes of the reference say
    "POST /v1/{tenant_id}/stacks/preview": {"resources"},
}


@pytest.mark.parametrize("route", WITH_JSON, ids=[f"{route['method']} {route['path']}" for route in WITH_JSON])
def test_every_answer_has_the_keys_of_heats(stand: Stand, things: dict[str, str], route: dict[str, Any]) -> None:
    name = f"{route['method']} {route['path']}"
    if route["path"].endswith(("/abandon", "/stacks")) and route["method"] != "GET":
        return  # seen in other suites; here they would take the stack away, or make one more
    answer = ask(stand, things, route)
    assert answer.status_code == route["success"], answer.text
    problems = list(differences(route["response"], answer.json(), "answer", DIFFERENT.get(name, set())))
    assert problems == []


def differences(wanted: Any, found: Any, where: str, left: set[str]) -> Any:
    if isinstance(wanted, list) and wanted and isinstance(found, list):
        if found:
            yield from differences(wanted[0], found[0], f"{where}[0]", left)
    elif isinstance(wanted, dict) and wanted:
        if not isinstance(found, dict):
            yield f"{where} is no map"
            return
        literal = {key for key in wanted if key.isidentifier()} - left
        for key in sorted(literal - set(found) - NOT_SHOWN):
            yield f"{where}.{key} is missing"
        if literal == set(wanted):
            for key in sorted(set(found) - set(wanted) - NOT_SHOWN):
                yield f"{where}.{key} is not Heat's"
        for key in literal & set(found):
            if not (key in ("parameters", "attributes", "data", "template", "environment") or left & {key}):
                yield from differences(wanted[key], found[key], f"{where}.{key}", left)
