"""Handlers for the history of a stack."""

from __future__ import annotations

from falcon import Request, Response

from kamado.api import query, views
from kamado.api.call import Call
from kamado.api.errors import NothingThere
from kamado.orchestrator import events
from kamado.store.events import EventFilter


def list_events(call: Call, resp: Response) -> None:
    """GET …/events, or …/resources/{name}/events."""
    name = call.path.get("resource_name")
    wanted = event_filter(call.req, name)
    stack = call.stack()
    depth = query.number(call.req, "nested_depth") or 0
    found = events.listing(call.services, stack, wanted, depth)
    if name is not None and not found:
        raise NothingThere(f"No events found for resource {name}")
    base = call.base
    resp.media = {
        "events": [views.event(base, owner, record, root=stack if depth else None) for owner, record in found]
    }


def event_filter(req: Request, resource_name: str | None) -> EventFilter:
    """The filter that the query asks for."""
    names = (resource_name,) if resource_name is not None else query.values(req, "resource_name")
    return EventFilter(
        names=names,
        types=query.values(req, "resource_type"),
        actions=query.values(req, "resource_action"),
        statuses=query.values(req, "resource_status"),
        sort_keys=query.values(req, "sort_keys"),
        sort_dir=query.direction(req),
        marker=query.one(req, "marker"),
        limit=query.number(req, "limit"),
    )


def get_event(call: Call, resp: Response) -> None:
    """GET …/resources/{name}/events/{id}."""
    stack = call.stack()
    event_id = call.path["event_id"]
    found = events.show(call.services, stack, call.path["resource_name"], event_id)
    if found is None:
        raise NothingThere(f"No event {event_id} found")
    resp.media = {"event": views.event(call.base, stack, found, shown=True)}
