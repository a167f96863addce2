"""Handlers for software configs and deployments."""

from __future__ import annotations

from typing import Any

from falcon import Response

from kamado.api import bodies, query, schemas, views
from kamado.api.call import Call
from kamado.orchestrator import software
from kamado.orchestrator.errors import Invalid, Refused
from kamado.plugin.software import NewConfig, NewDeployment, told


def list_configs(call: Call, resp: Response) -> None:
    """GET /software_configs; administrators see those of all projects."""
    req = call.req
    everyone = query.flag(req, "global_tenant")
    if everyone:
        call.must("software_configs:global_index")
    everyone = everyone or call.context.is_admin
    project = None if everyone else call.context.project_id
    found = software.list_configs(call.services, project, query.number(req, "limit"), query.one(req, "marker"))
    resp.media = {"software_configs": [views.config_brief(config, everyone) for config in found]}


def create_config(call: Call, resp: Response) -> None:
    """POST /software_configs."""
    body = bodies.checked(call.needed_body(), schemas.NEW_CONFIG)
    wanted = NewConfig(
        name=body.get("name"),
        group=body.get("group"),
        config=body.get("config"),
        inputs=body.get("inputs"),
        outputs=body.get("outputs"),
        options=body.get("options") or {},
    )
    resp.media = {"software_config": told(software.create_config(call.services, call.context, wanted))}


def get_config(call: Call, resp: Response) -> None:
    """GET /software_configs/{id}."""
    found = software.show_config(call.services, call.context, call.path["config_id"])
    resp.media = {"software_config": told(found)}


def delete_config(call: Call, resp: Response) -> None:
    """DELETE /software_configs/{id}."""
    software.delete_config(call.services, call.context, call.path["config_id"])
    resp.status = 204


def list_deployments(call: Call, resp: Response) -> None:
    """GET /software_deployments."""
    found = software.list_deployments(call.services, call.context, query.one(call.req, "server_id"))
    resp.media = {"software_deployments": [views.deployment(record) for record in found]}


def get_server_metadata(call: Call, resp: Response) -> None:
    """GET /software_deployments/metadata/{server_id}: what the agent on a server is to do."""
    found = software.metadata_for(call.services, call.context, call.path["server_id"])
    resp.media = {"metadata": [told(config) for config in found]}


def create_deployment(call: Call, resp: Response) -> None:
    """POST /software_deployments."""
    body = bodies.checked(call.needed_body(), schemas.NEW_DEPLOYMENT)
    if len(body.get("stack_user_project_id") or "") > 64:
        raise Invalid.of('"stack_user_project_id" should be no more than 64 characters')
    wanted = NewDeployment(
        config_id=_named(body, "config_id"),
        server_id=_named(body, "server_id"),
        input_values=body.get("input_values") or {},
        action=body.get("action"),
        status=body.get("status"),
        status_reason=body.get("status_reason"),
        stack_user_project_id=body.get("stack_user_project_id"),
    )
    made = software.create_deployment(call.services, call.context, wanted)
    resp.media = {"software_deployment": views.deployment(made)}


def _named(body: dict[str, Any], key: str) -> str:
    value: str = body.get(key) or ""
    if not value:
        raise Refused("ValueError", f"{key} must be specified")
    return value


def get_deployment(call: Call, resp: Response) -> None:
    """GET /software_deployments/{id}."""
    found = software.show_deployment(call.services, call.context, call.path["deployment_id"])
    resp.media = {"software_deployment": views.deployment(found)}


_CHANGES = tuple(schemas.DEPLOYMENT_CHANGE.schema["properties"])


def update_deployment(call: Call, resp: Response) -> None:
    """PUT /software_deployments/{id}."""
    body = bodies.checked(call.needed_body(), schemas.DEPLOYMENT_CHANGE)
    values = {name: body.get(name) for name in _CHANGES}
    changed = software.update_deployment(call.services, call.context, call.path["deployment_id"], values)
    resp.media = {"software_deployment": views.deployment(changed)}


def delete_deployment(call: Call, resp: Response) -> None:
    """DELETE /software_deployments/{id}."""
    software.delete_deployment(call.services, call.context, call.path["deployment_id"])
    resp.status = 204
