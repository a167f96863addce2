"""Tags of servers (since 2.26).

Routes of the service. The trap: a new tag answers 201 with its address, one that was there already 204.
"""

from typing import Any

from kamado.localcloud.compute import servers
from kamado.localcloud.compute.wording import wrong
from kamado.localcloud.microversions import from_version
from kamado.localcloud.service import Answer, Call, Refusal, Route
from kamado.localcloud.state import Obj

WHOLE = "/v2.1/servers/{id}/tags"
MOST = 50
LONGEST = 60


def _server(call: Call) -> Obj:
    from_version(call, (2, 26))
    return servers.visible(call)


def _keep(call: Call, server: Obj, tags: list[str]) -> None:
    servers.check_unlocked(call, server)
    if len(tags) > MOST:
        raise Refusal(400, f"The number of tags exceeded the per-server limit {MOST}")
    call.state.change(servers.TABLE, server["id"], tags=sorted(set(tags)), updated=call.stamp())


def _check(tag: Any) -> str:
    if not isinstance(tag, str):
        raise wrong("tags", tag, f"{tag!r} is not of type 'string'")
    if not tag or len(tag) > LONGEST:
        raise wrong("tags", tag, f"{tag!r} is too {'long' if tag else 'short'}")
    if "," in tag or "/" in tag:
        raise wrong("tags", tag, f"{tag!r} does not match '^[^,/]*$'")
    return tag


def show(call: Call) -> Obj:
    """GET /servers/{id}/tags."""
    return {"tags": _server(call)["tags"]}


def replace(call: Call) -> Obj:
    """PUT /servers/{id}/tags."""
    server = _server(call)
    body = call.json
    if not isinstance(body, dict) or not isinstance(body.get("tags"), list):
        raise Refusal(400, "'tags' is a required property")
    tags = sorted({_check(tag) for tag in body["tags"]})
    _keep(call, server, tags)
    return {"tags": tags}


def clear(call: Call) -> Answer:
    """DELETE /servers/{id}/tags."""
    _keep(call, _server(call), [])
    return Answer(204)


def has(call: Call) -> Answer:
    """GET /servers/{id}/tags/{tag}."""
    server, tag = _server(call), call.params["tag"]
    if tag not in server["tags"]:
        raise Refusal(404, f"Server {server['id']} has no tag '{tag}'")
    return Answer(204)


def add(call: Call) -> Answer:
    """PUT /servers/{id}/tags/{tag}."""
    server, tag = _server(call), _check(call.params["tag"])
    if tag in server["tags"]:
        return Answer(204)
    _keep(call, server, [*server["tags"], tag])
    return Answer(201, None, {"Location": f"{call.cloud.urls['compute']}/v2.1/servers/{server['id']}/tags/{tag}"})


def drop(call: Call) -> Answer:
    """DELETE /servers/{id}/tags/{tag}."""
    server, tag = _server(call), call.params["tag"]
    if tag not in server["tags"]:
        raise Refusal(404, f"Instance {server['id']} has no tag '{tag}'")
    _keep(call, server, [t for t in server["tags"] if t != tag])
    return Answer(204)


ROUTES = (
    Route("GET", WHOLE, show),
    Route("PUT", WHOLE, replace),
    Route("DELETE", WHOLE, clear),
    Route("GET", WHOLE + "/{tag}", has),
    Route("PUT", WHOLE + "/{tag}", add, body="none"),
    Route("DELETE", WHOLE + "/{tag}", drop),
)
