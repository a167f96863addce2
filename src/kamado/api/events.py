"""Handlers for the history of a stack."""

from __future__ import annotations

from dataclasses import replace

from falcon import Request, Response

from kamado.api import query, views
from kamado.api.call import Call
from kamado.api.errors import NothingThere, TooManyFollowers
from kamado.api.following import EventStream
from kamado.model.records import StackRecord
from kamado.orchestrator import events, timelines
from kamado.store.events import EventFilter


def list_events(call: Call, resp: Response) -> None:
    """GET …/events, or …/resources/{name}/events."""
    name = call.path.get("resource_name")
    wanted = event_filter(call.req, name)
    stack = call.stack()
    depth = query.number(call.req, "nested_depth") or 0
    if query.flag(call.req, "follow"):
        _follow(call, resp, stack, wanted, depth)
        return
    found = events.listing(call.services, stack, wanted, depth)
    if name is not None and not found:
        raise NothingThere(f"No events found for resource {name}")
    base = call.base
    resp.media = {
        "events": [views.event(base, owner, record, root=stack if depth else None) for owner, record in found]
    }


def _follow(call: Call, resp: Response, stack: StackRecord, wanted: EventFilter, depth: int) -> None:
    """What has happened, oldest first, then what happens, as server-sent events; after the one that Last-Event-ID names, if any."""
    seats = call.seats
    if not seats.take():
        raise TooManyFollowers
    last = call.req.get_header("Last-Event-ID")
    resp.content_type = "text/event-stream"
    resp.set_header("Cache-Control", "no-cache")
    resp.set_header("X-Accel-Buffering", "no")
    wanted = replace(wanted, marker=last) if last else wanted
    resp.stream = EventStream(call.services, call.base, stack, wanted, depth, seats.give_back)


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


def get_timeline(call: Call, resp: Response) -> None:
    """GET …/timeline: what the newest operation, or the one that ``operation`` names, spent its time on."""
    found = timelines.of_operation(call.services, call.stack(), query.one(call.req, "operation"))
    resp.media = {"timeline": views.timeline(found)}


def get_event(call: Call, resp: Response) -> None:
    """GET …/resources/{name}/events/{id}."""
    stack = call.stack()
    event_id = call.path["event_id"]
    found = events.show(call.services, stack, call.path["resource_name"], event_id)
    if found is None:
        raise NothingThere(f"No event {event_id} found")
    resp.media = {"event": views.event(call.base, stack, found, shown=True)}
