"""Handlers for stacks, their outputs, and what goes on with them. One function a route, listed in `routes`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote, urlencode

from falcon import Request, Response

from kamado.api import bodies, outside, query, views
from kamado.api.call import Call
from kamado.api.errors import BadRequest, page
from kamado.model.lifecycle import Action
from kamado.model.records import StackRecord
from kamado.orchestrator import actions, previews, stacks, validation
from kamado.orchestrator.context import RequestContext, Services
from kamado.orchestrator.errors import EntityNotFound, PreconditionFailed
from kamado.orchestrator.requests import StackRequest
from kamado.store.stack_pages import StackFilter

ACTIONS: dict[str, Action] = {"check": Action.CHECK, "suspend": Action.SUSPEND, "resume": Action.RESUME}
"""What POST …/actions can start."""
WAYS_OUT: dict[str, Callable[[Services, RequestContext, StackRecord], None]] = {
    "cancel_update": actions.cancel_update,
    "cancel_without_rollback": actions.cancel,
    "retry": actions.retry,
    "rollback": actions.roll_back,
}
"""What POST …/actions can do to get a stack out of the state it is in; the last two are Kamado's."""


_TEXTS = views.Texts()


def list_stacks(call: Call, resp: Response) -> None:
    """GET /stacks: a page of stacks, filtered and sorted."""
    req = call.req
    everyone = query.flag(req, "global_tenant")
    if everyone:
        call.must("stacks:global_index")
    wanted = stack_filter(call, None if everyone else call.context.project_id)
    found = stacks.listing(call.services, wanted, query.flag(req, "with_count"))
    base = call.base
    more: dict[str, Any] = {}
    if found.count is not None:
        more["count"] = found.count
    if wanted.limit and len(found.stacks) == wanted.limit:
        more["links"] = [{"rel": "next", "href": _next(req, base, call.path["tenant_id"], found.stacks[-1].id)}]
    resp.content_type = "application/json"
    resp.data = _TEXTS.stacks(base, wanted, found, everyone, more)


def detail_stacks(call: Call, resp: Response) -> None:
    """GET /stacks/detail: all stacks of the project, the query is not read."""
    wanted = StackFilter(project_id=call.context.project_id, hidden_tags=call.services.settings.hidden_stack_tags)
    found = stacks.listing(call.services, wanted)
    resp.media = {"stacks": [views.brief(call.base, stack) for stack in found.stacks]}


def stack_filter(call: Call, project_id: str | None) -> StackFilter:
    """The filter that the query asks for; unknown keys are not looked at."""
    req = call.req
    actions, statuses = _states(
        query.values(req, "action", "stack_action"), query.values(req, "status", "stack_status")
    )
    return StackFilter(
        project_id=project_id,
        ids=query.values(req, "id"),
        names=query.values(req, "name", "stack_name"),
        actions=actions,
        statuses=statuses,
        reasons=query.values(req, "stack_status_reason"),
        usernames=query.values(req, "username", "stack_owner"),
        project_ids=query.values(req, "tenant"),
        owner_ids=query.values(req, "owner_id", "parent"),
        user_project_ids=query.values(req, "stack_user_project_id"),
        disable_rollback=tuple(
            query.truth(value, "disable_rollback") for value in query.values(req, "disable_rollback")
        ),
        timeout_mins=tuple(query.whole(value, "timeout_mins") for value in query.values(req, "timeout_mins")),
        tags=query.listed(req, "tags"),
        tags_any=query.listed(req, "tags_any"),
        not_tags=query.listed(req, "not_tags"),
        not_tags_any=query.listed(req, "not_tags_any"),
        hidden_tags=() if query.flag(req, "show_hidden") else call.services.settings.hidden_stack_tags,
        nested=query.flag(req, "show_nested") or bool(query.values(req, "owner_id", "parent")),
        deleted=query.flag(req, "show_deleted"),
        sort_keys=query.values(req, "sort_keys"),
        sort_dir=query.direction(req),
        marker=query.one(req, "marker"),
        limit=query.number(req, "limit"),
    )


def _states(actions: tuple[str, ...], statuses: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A status such as CREATE_FAILED names an action too."""
    whole = [status.split("_", 1) for status in statuses if status.split("_", 1)[0] in Action.__members__]
    plain = tuple(status for status in statuses if status.split("_", 1)[0] not in Action.__members__)
    return (
        actions + tuple(action for action, *_ in whole),
        plain + tuple(rest[0] for _, *rest in whole if rest),
    )


def _next(req: Request, base: str, tenant: str, marker: str) -> str:
    pairs: list[tuple[str, str]] = []
    for key, value in req.params.items():
        if key != "marker":
            pairs.extend((key, one) for one in (value if isinstance(value, list) else [value]))
    return f"{base}/{tenant}/stacks?{urlencode([*pairs, ('marker', marker)])}"


def create_stack(call: Call, resp: Response) -> None:
    """POST /stacks."""
    request = outside.stack_request(call, naming=True, creating=True)
    stack = stacks.create(call.services, call.context, request)
    resp.status = 201
    resp.set_header("Location", views.stack_url(call.base, stack))
    tag(resp, stack)
    resp.media = views.created(call.base, stack)


def preview_stack(call: Call, resp: Response) -> None:
    """POST /stacks/preview: what a create would make."""
    request = outside.stack_request(call, naming=True, creating=True)
    resp.media = views.previewed(call.base, *previews.create(call.services, call.context, request))


def lookup_stack(call: Call, resp: Response) -> None:
    """Any verb on /stacks/{name}[/part]: go to the canonical URL."""
    stack = stacks.lookup(call.services, call.context, call.path["stack_name"])
    part = (call.req.uri_template or "").rpartition("/")[2]
    redirect(call.req, resp, views.stack_url(call.base, stack) + ("" if part.startswith("{") else f"/{part}"))


_ARN = re.compile(r"arn:openstack:heat::(?P<project>[^:]+):stacks/(?P<stack>[^/]+/[^/]+)(?P<rest>.*)")


def lookup_arn(call: Call, resp: Response) -> None:
    """Any verb on /stacks/arn:…: an ARN says itself where it leads; whatever else begins like one is the name of no stack."""
    arn = unquote(call.path["arn"])
    parts = _ARN.fullmatch(arn)
    if parts is None:
        raise EntityNotFound.of("Stack", arn)
    place = f"{quote(parts['project'], safe='')}/stacks/{quote(parts['stack'] + parts['rest'])}"
    redirect(call.req, resp, f"{call.base}/{place}")


def redirect(req: Request, resp: Response, location: str) -> None:
    """302, the query carried over."""
    page(req, resp, 302, location + (f"?{req.query_string}" if req.query_string else ""))


def get_stack(call: Call, resp: Response) -> None:
    """GET the stack."""
    wanted = query.flag(call.req, "resolve_outputs", True)
    stack = call.stack()
    tag(resp, stack)
    resp.content_type = "application/json"
    resp.data = _TEXTS.shown(call.base, stacks.show(call.services, call.context, stack, wanted))


def tag(resp: Response, stack: StackRecord) -> None:
    """Say which operation the stack was last asked for: what `If-Match` of the next change is compared with."""
    resp.etag = stack.operation_id or stack.id


def seen(call: Call) -> tuple[StackRecord, bool]:
    """The stack that the URL names, and whether it must still be as it is now when the change is accepted.

    :raises PreconditionFailed: it is not the one that `If-Match` names.
    """
    stack = call.stack()
    wanted = call.req.if_match
    if wanted is None or "*" in wanted:
        return stack, False
    if (stack.operation_id or stack.id) not in wanted:
        raise PreconditionFailed.of(stack.name)
    return stack, True


def get_template(call: Call, resp: Response) -> None:
    """GET …/template: as it was sent."""
    resp.media = stacks.template_body(call.services, call.stack())


def get_environment(call: Call, resp: Response) -> None:
    """GET …/environment: merged, hidden values masked."""
    resp.media = stacks.environment(call.services, call.stack())


def get_files(call: Call, resp: Response) -> None:
    """GET …/files."""
    resp.media = stacks.files(call.services, call.stack())


def list_outputs(call: Call, resp: Response) -> None:
    """GET …/outputs: names and descriptions."""
    resp.media = {"outputs": stacks.list_outputs(call.services, call.stack())}


def get_output(call: Call, resp: Response) -> None:
    """GET …/outputs/{key}."""
    resp.media = {"output": stacks.show_output(call.services, call.context, call.stack(), call.path["output_key"])}


def update_stack(call: Call, resp: Response) -> None:
    """PUT the stack: everything said anew."""
    request = outside.stack_request(call)
    stack, as_seen = seen(call)
    tag(resp, stacks.update(call.services, call.context, stack, replace(request, as_seen=as_seen)))
    page(call.req, resp, 202)


def patch_stack(call: Call, resp: Response) -> None:
    """PATCH the stack: on top of what is stored."""
    request = _patch(call)
    stack, as_seen = seen(call)
    tag(resp, stacks.update(call.services, call.context, stack, replace(request, as_seen=as_seen)))
    page(call.req, resp, 202)


def _patch(call: Call) -> StackRequest:
    request = outside.stack_request(call, patch=True)
    call.must("stacks:update_no_change" if stacks.changes_nothing(request) else "stacks:update_patch")
    return request


def preview_update(call: Call, resp: Response) -> None:
    """PUT …/preview: what the update would do."""
    _preview(call, resp, outside.stack_request(call))


def preview_update_patch(call: Call, resp: Response) -> None:
    """PATCH …/preview."""
    _preview(call, resp, outside.stack_request(call, patch=True))


def _preview(call: Call, resp: Response, request: StackRequest) -> None:
    nested = query.flag(call.req, "show_nested")
    stack = call.stack()
    found = previews.update(call.services, call.context, stack, request, nested)
    resp.media = {
        "resource_changes": {
            kind: [views.planned(item.stack or stack, item) for item in items] for kind, items in found.items()
        }
    }


def delete_stack(call: Call, resp: Response) -> None:
    """DELETE the stack; ``retain`` names resources that stay (a comma list, or several), ``force`` lets go of what cannot be deleted.

    ``plan`` is the basis of the plan that it is held to.
    """
    retain, force = query.every(call.req, "retain"), query.flag(call.req, "force")
    stack, as_seen = seen(call)
    actions.delete(call.services, call.context, stack, retain, force, query.one(call.req, "plan"), as_seen)
    resp.status = 204


def export_stack(call: Call, resp: Response) -> None:
    """GET …/export: the stack as data that can be adopted."""
    resp.media = stacks.export(call.services, call.stack())


def abandon_stack(call: Call, resp: Response) -> None:
    """DELETE …/abandon: the same, and the stack goes without its resources."""
    resp.media = stacks.abandon(call.services, call.context, call.stack())


def act_on_stack(call: Call, resp: Response) -> None:
    """POST …/actions: exactly one action; each has a policy rule of its own."""
    body = call.body()
    if not body:
        raise BadRequest("No action specified")
    if len(body) > 1:
        raise BadRequest("Multiple actions specified")
    name = next(iter(body))
    if name not in ACTIONS and name not in WAYS_OUT:
        raise BadRequest(f"Invalid action {name} specified")
    call.must(f"actions:{name}")
    stack = call.stack()
    if name in ACTIONS:
        said = body[name] if isinstance(body[name], Mapping) else {}
        actions.act(call.services, call.context, stack, ACTIONS[name], bodies.plan_of(said))
    else:
        WAYS_OUT[name](call.services, call.context, stack)
    resp.text = "null"
    resp.content_type = "application/json"


def validate_template(call: Call, resp: Response) -> None:
    """POST /validate: what a template wants to be given."""
    resp.media = validation.validate(
        call.services,
        outside.stack_request(call),
        show_nested=query.flag(call.req, "show_nested"),
        ignored=query.listed(call.req, "ignore_errors"),
    )
