"""The description of the API in OpenAPI 3.1, generated from the routes and the schemas that their bodies are checked by.

Served at /openapi.json. `DESCRIBED` says of each handler what it takes and gives; a test holds it complete, and another calls every
route with whatever the description allows. The trap: the description is no promise of Heat's, only of ours: additions are in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Any

from kamado import __version__
from kamado.api import answers, events, plans, resources, schemas, service, snapshots, software, stacks, types
from kamado.api.call import Handler
from kamado.api.errors import EXPLANATIONS
from kamado.api.routes import CONFIG, DEPLOYMENT, ROUTES, SNAPSHOT, STACK, Route
from kamado.api.schemas import Body, JsonSchema

FLAG: JsonSchema = {"type": "boolean"}
NUMBER: JsonSchema = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
WORD: JsonSchema = {"type": "string"}
WORDS: JsonSchema = {"type": "array", "items": WORD}
DIRECTION: JsonSchema = {"type": "string", "enum": ["asc", "desc"]}


@dataclass(frozen=True, slots=True)
class Described:
    """What a handler takes and gives. ``gives`` None: nothing, or a short page; ``needs_body`` False: it may be left out."""

    gives: JsonSchema | None = None
    body: Body | None = None
    query: Mapping[str, JsonSchema] = field(default_factory=dict)
    needs_body: bool = True


_PAGED: dict[str, JsonSchema] = {"limit": NUMBER, "marker": WORD}
_SORTED: dict[str, JsonSchema] = {"sort_keys": WORDS, "sort_dir": DIRECTION}
_STACKS: dict[str, JsonSchema] = {
    **_PAGED,
    **_SORTED,
    **dict.fromkeys(("show_deleted", "show_nested", "show_hidden", "with_count", "global_tenant"), FLAG),
    **dict.fromkeys(("tags", "tags_any", "not_tags", "not_tags_any"), WORD),
    **dict.fromkeys(("id", "name", "status", "action", "tenant", "username", "owner_id"), WORDS),
    **dict.fromkeys(("stack_name", "stack_action", "stack_status", "stack_status_reason", "stack_owner"), WORDS),
    **dict.fromkeys(("parent", "stack_user_project_id"), WORDS),
    "disable_rollback": FLAG,
    "timeout_mins": NUMBER,
}
_RESOURCES: dict[str, JsonSchema] = {
    "nested_depth": NUMBER,
    "with_detail": FLAG,
    **dict.fromkeys(("type", "status", "name", "action", "id", "physical_resource_id"), WORDS),
}
_EVENTS: dict[str, JsonSchema] = {
    **_PAGED,
    **_SORTED,
    "nested_depth": NUMBER,
    **dict.fromkeys(("resource_status", "resource_action", "resource_name", "resource_type"), WORDS),
}

DESCRIBED: Mapping[Handler, Described] = {
    stacks.validate_template: Described(
        answers.VALIDATED,
        schemas.VALIDATE,
        {"show_nested": FLAG, "ignore_errors": {"type": "string", "enum": ["99001"]}},
    ),
    stacks.list_stacks: Described(answers.STACKS, query=_STACKS),
    stacks.detail_stacks: Described(answers.STACKS),
    stacks.create_stack: Described(answers.CREATED, schemas.CREATE),
    stacks.preview_stack: Described(answers.PREVIEW, schemas.CREATE),
    stacks.lookup_stack: Described(),
    stacks.lookup_arn: Described(),
    stacks.get_stack: Described(answers.STACK, query={"resolve_outputs": FLAG}),
    stacks.update_stack: Described(None, schemas.UPDATE),
    stacks.patch_stack: Described(None, schemas.PATCH),
    stacks.delete_stack: Described(query={"retain": WORD, "force": FLAG, "plan": WORD}),
    stacks.preview_update: Described(answers.CHANGES, schemas.UPDATE, {"show_nested": FLAG}),
    stacks.preview_update_patch: Described(answers.CHANGES, schemas.PATCH, {"show_nested": FLAG}),
    stacks.get_template: Described(answers.TEMPLATE),
    stacks.get_environment: Described(answers.ENVIRONMENT),
    stacks.get_files: Described(answers.FILES),
    stacks.list_outputs: Described(answers.OUTPUTS),
    stacks.get_output: Described(answers.ONE_OUTPUT),
    stacks.export_stack: Described(answers.EXPORT),
    stacks.abandon_stack: Described(answers.EXPORT),
    stacks.act_on_stack: Described(answers.NOTHING, schemas.ACTION),
    plans.plan_create: Described(answers.PLAN, schemas.CREATE),
    plans.plan_change: Described(answers.PLAN, schemas.PLANNED),
    snapshots.create_snapshot: Described(answers.ONE_SNAPSHOT, schemas.SNAPSHOT),
    snapshots.list_snapshots: Described(answers.SNAPSHOTS),
    snapshots.get_snapshot: Described(answers.SNAPSHOT),
    snapshots.delete_snapshot: Described(),
    snapshots.restore_snapshot: Described(),
    resources.list_resources: Described(answers.RESOURCES, query=_RESOURCES),
    resources.get_resource: Described(answers.RESOURCE, query={"with_attr": WORDS}),
    resources.get_metadata: Described(answers.METADATA),
    resources.signal: Described(answers.NOTHING, schemas.SIGNAL, needs_body=False),
    resources.mark_unhealthy: Described(answers.NOTHING, schemas.MARK),
    events.list_events: Described(answers.EVENTS, query=_EVENTS),
    events.get_event: Described(answers.EVENT),
    events.get_timeline: Described(answers.TIMELINE, query={"operation": WORD}),
    types.list_types: Described(
        answers.TYPES,
        query={"with_description": FLAG, "name": WORD, "version": WORD, "support_status": WORD},
    ),
    types.get_type: Described(answers.TYPE),
    types.generate_template: Described(
        answers.TEMPLATE, query={"template_type": {"type": "string", "enum": ["cfn", "hot"]}}
    ),
    types.list_versions: Described(answers.VERSIONS),
    types.list_functions: Described(answers.FUNCTIONS, query={"with_condition_func": FLAG}),
    service.get_build_info: Described(answers.BUILD),
    service.list_services: Described(answers.SERVICES),
    software.list_configs: Described(answers.CONFIGS, query={**_PAGED, "global_tenant": FLAG}),
    software.create_config: Described(answers.CONFIG, schemas.NEW_CONFIG),
    software.get_config: Described(answers.CONFIG),
    software.delete_config: Described(),
    software.list_deployments: Described(answers.DEPLOYMENTS, query={"server_id": WORD}),
    software.get_server_metadata: Described(answers.SERVER),
    software.create_deployment: Described(answers.DEPLOYMENT, schemas.NEW_DEPLOYMENT),
    software.get_deployment: Described(answers.DEPLOYMENT),
    software.update_deployment: Described(answers.DEPLOYMENT, schemas.DEPLOYMENT_CHANGE),
    software.delete_deployment: Described(),
}

_LEADS: Mapping[Handler, tuple[str, Mapping[str, str]]] = {
    stacks.create_stack: (STACK, {"stack_name": "$request.body#/stack_name", "stack_id": "$response.body#/stack/id"}),
    snapshots.create_snapshot: (
        SNAPSHOT,
        {
            "stack_name": "$request.path.stack_name",
            "stack_id": "$request.path.stack_id",
            "snapshot_id": "$response.body#/id",
        },
    ),
    software.create_config: (CONFIG, {"config_id": "$response.body#/software_config/id"}),
    software.create_deployment: (DEPLOYMENT, {"deployment_id": "$response.body#/software_deployment/id"}),
}
"""Where what was made is found: the path, and what of the answer stands in it. Everything below that path is linked."""

_REFUSALS = (400, 403, 404, 405, 406, 409, 412, 415, 503)


@cache
def description() -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        path = route.path.replace("/arn/{arn}", "/stacks/{arn}")
        if path.endswith("/{arn}"):
            continue  # the same URLs as those of a name
        paths.setdefault(path, {})[route.verb.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Kamado: OpenStack Orchestration, version 1", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": answers.COMPONENTS,
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"}},
        },
        "security": [{"token": []}],
    }


def _operation(route: Route) -> dict[str, Any]:
    said = DESCRIBED[route.handler]
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": WORD} for name in re.findall(r"\{(\w+)\}", route.path)
    ]
    parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in said.query.items()]
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": (route.handler.__doc__ or "").splitlines()[0],
        "parameters": parameters,
        "responses": {str(route.success): _answer(route.success, said.gives) | _links(route), **_refusals()},
        "x-policy": list(route.rules),
    }
    if said.body is not None:
        content = {"application/json": {"schema": said.body.schema}}
        operation["requestBody"] = {"required": said.needs_body, "content": content}
    return operation


def _operation_id(route: Route) -> str:
    return f"{route.handler.__name__}_{route.verb.lower()}_{len(route.path)}"


def _links(route: Route) -> dict[str, Any]:
    """What can be asked about the thing that a request has made."""
    start, values = _LEADS.get(route.handler, ("", {}))
    followed = [other for other in ROUTES if start and other.path.startswith(start)]
    parameters = {"tenant_id": "$request.path.tenant_id", **values}
    links = {
        _operation_id(other): {"operationId": _operation_id(other), "parameters": parameters} for other in followed
    }
    return {"links": links} if links else {}


def _answer(status: int, schema: JsonSchema | None) -> dict[str, Any]:
    said: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if schema is not None:
        said["content"] = {"application/json": {"schema": schema}}
    elif status in (202, 302):
        said["content"] = {
            "text/plain": {"schema": WORD},
            "application/json": {"schema": {"$ref": "#/components/schemas/Page"}},
        }
    return said


def _refusals() -> dict[str, Any]:
    fault = {"application/json": {"schema": {"$ref": "#/components/schemas/Fault"}}}
    found: dict[str, Any] = {
        str(status): {"description": EXPLANATIONS.get(status, HTTPStatus(status).phrase), "content": fault}
        for status in _REFUSALS
    }
    found["404"]["content"] = {
        "application/json": {
            "schema": {"anyOf": [{"$ref": "#/components/schemas/Fault"}, {"$ref": "#/components/schemas/Page"}]}
        },
        "text/plain": {"schema": WORD},
    }
    unauthenticated = {"application/json": {"schema": {"$ref": "#/components/schemas/Unauthenticated"}}}
    found["401"] = {"description": EXPLANATIONS[401], "content": unauthenticated}
    return found
