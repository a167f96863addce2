"""Handlers for resource types and the template language."""

from __future__ import annotations

from falcon import Response

from kamado.api import query
from kamado.api.call import Call
from kamado.api.errors import BadRequest
from kamado.orchestrator import language, types


def list_types(call: Call, resp: Response) -> None:
    """GET /resource_types."""
    req = call.req
    with_description = query.flag(req, "with_description")
    found = types.listing(
        call.services,
        call.context,
        status=query.one(req, "support_status"),
        name=query.one(req, "name"),
        version=query.one(req, "version"),
    )
    if with_description:
        resp.media = {
            "resource_types": [
                {"resource_type": name, "description": types.description(cls)} for name, cls in found.items()
            ]
        }
    else:
        resp.media = {"resource_types": list(found)}


def get_type(call: Call, resp: Response) -> None:
    """GET /resource_types/{name}: its schema."""
    name = call.path["type_name"]
    resp.media = types.schema(types.find(call.services, call.context, name), name)


def generate_template(call: Call, resp: Response) -> None:
    """GET /resource_types/{name}/template: a template with one resource of the type."""
    asked = query.one(call.req, "template_type") or "cfn"
    kind = asked.lower()
    if kind not in ("cfn", "hot"):
        raise BadRequest(f'Template type is not supported: Invalid template type "{asked}", valid types are: cfn, hot.')
    name = call.path["type_name"]
    resp.media = types.skeleton(types.find(call.services, call.context, name), name, kind == "hot")


def list_versions(_call: Call, resp: Response) -> None:
    """GET /template_versions."""
    resp.media = {"template_versions": language.versions()}


def list_functions(call: Call, resp: Response) -> None:
    """GET /template_versions/{version}/functions."""
    conditions = query.flag(call.req, "with_condition_func")
    resp.media = {"template_functions": language.functions(call.path["template_version"], conditions)}
