"""Handlers for the resources of a stack."""

from __future__ import annotations

from falcon import Response

from kamado.api import query, views
from kamado.api.call import Call
from kamado.api.errors import BadRequest
from kamado.orchestrator import access, health, resources, signals
from kamado.orchestrator.resources import ResourceFilter

_TEXTS = views.Texts()
_FILTERS = ("type", "status", "name", "action", "id", "physical_resource_id")


def list_resources(call: Call, resp: Response) -> None:
    """GET …/resources; unknown query keys are refused here."""
    req = call.req
    depth = query.number(req, "nested_depth") or 0
    detail = query.flag(req, "with_detail")
    query.only(req, (*_FILTERS, "nested_depth", "with_detail"))
    stack = call.stack()
    wanted = ResourceFilter(
        names=query.values(req, "name"),
        types=query.values(req, "type"),
        actions=query.values(req, "action"),
        statuses=query.values(req, "status"),
        ids=query.values(req, "id"),
        physical_ids=query.values(req, "physical_resource_id"),
    )
    found = resources.listing(call.services, call.context, stack, wanted, detail, depth)
    resp.content_type = "application/json"
    resp.data = _TEXTS.resources(call.base, (wanted, depth), stack, found)


def get_resource(call: Call, resp: Response) -> None:
    """GET …/resources/{name}, with its attributes."""
    stack = call.stack()
    found = resources.show(
        call.services, call.context, stack, call.path["resource_name"], query.values(call.req, "with_attr")
    )
    resp.media = {"resource": views.resource(call.base, stack, found)}


def get_metadata(call: Call, resp: Response) -> None:
    """GET …/resources/{name}/metadata."""
    stack, name = call.stack(), call.path["resource_name"]
    access.refuse_others(call.services, call.context, stack, name)
    found = resources.metadata(call.services, stack, name)
    resp.media = {"metadata": dict(found)}


def signal(call: Call, resp: Response) -> None:
    """POST …/resources/{name}/signal: whatever the body says is the type's matter, except for hooks."""
    who = call.context
    signals.signal(call.services, call.stack(), call.path["resource_name"], call.body(), who.user_id, who.trace)
    _nothing(resp)


_MARK, _REASON = "mark_unhealthy", "resource_status_reason"


def mark_unhealthy(call: Call, resp: Response) -> None:
    """PATCH …/resources/{name}: say that it is broken, or in order again."""
    body = call.needed_body()
    unknown = set(body) - {_MARK, _REASON}
    if unknown:
        raise BadRequest(f"Invalid keys in resource mark unhealthy {unknown}")
    if _MARK not in body:
        raise BadRequest(f"Missing mandatory ({_MARK}) key from mark unhealthy request")
    unhealthy = query.truth(body[_MARK], _MARK)
    health.mark(call.services, call.stack(), call.path["resource_name"], unhealthy, str(body.get(_REASON) or ""))
    _nothing(resp)


def _nothing(resp: Response) -> None:
    resp.text = "null"
    resp.content_type = "application/json"
