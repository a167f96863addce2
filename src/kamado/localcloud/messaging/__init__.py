"""Zaqar v2: queues, messages, claims, subscriptions and signed URLs; `SERVICE` is what the cloud serves.

Written after the answers of a real one (Redis for messages), which `tests/localcloud/recorded` keeps. The trap: a queue need not be
there for anything; it looks empty until somebody posts to it.
"""

from kamado.localcloud.messaging import messages, queues, subscriptions, wire
from kamado.localcloud.service import Answer, Call, CatalogEntry, Refusal, Route, Service
from kamado.localcloud.state import Obj

__all__ = ["SERVICE"]

_VERSION: Obj = {
    "id": "2",
    "status": "CURRENT",
    "updated": "2014-9-24T04:06:47Z",
    "media-types": [{"base": "application/json", "type": "application/vnd.openstack.messaging-v2+json"}],
    "links": [{"href": "/v2/", "rel": "self"}],
}


def _versions(call: Call) -> Answer:
    return Answer(300, {"versions": [_VERSION]})


def _ping(call: Call) -> None:
    return None


def _health(call: Call) -> Obj:
    if not call.who.is_admin:
        raise Refusal(403, "You are not authorized to complete this action.", "Not authorized")
    return {"catalog_reachable": True, "storage_reachable": True, "operation_status": {}}


_QUEUE = "/v2/queues/{name}"
_HANDLERS = (
    ("GET", "/", _versions),
    ("GET", "/v2/ping", _ping),
    ("GET", "/v2/health", _health),
    ("GET", "/v2/queues", queues.listed),
    ("GET", _QUEUE, queues.show),
    ("PUT", _QUEUE, queues.make),
    ("PATCH", _QUEUE, queues.change),
    ("DELETE", _QUEUE, queues.remove),
    ("GET", f"{_QUEUE}/stats", queues.stats),
    ("POST", f"{_QUEUE}/purge", queues.purge),
    ("POST", f"{_QUEUE}/share", wire.share),
    ("GET", f"{_QUEUE}/messages", messages.listed),
    ("POST", f"{_QUEUE}/messages", messages.post),
    ("DELETE", f"{_QUEUE}/messages", messages.remove_many),
    ("GET", f"{_QUEUE}/messages/{{id}}", messages.show),
    ("DELETE", f"{_QUEUE}/messages/{{id}}", messages.remove),
    ("POST", f"{_QUEUE}/claims", messages.claim),
    ("GET", f"{_QUEUE}/claims/{{id}}", messages.show_claim),
    ("PATCH", f"{_QUEUE}/claims/{{id}}", messages.change_claim),
    ("DELETE", f"{_QUEUE}/claims/{{id}}", messages.release),
    ("GET", f"{_QUEUE}/subscriptions", subscriptions.listed),
    ("POST", f"{_QUEUE}/subscriptions", subscriptions.make),
    ("GET", f"{_QUEUE}/subscriptions/{{id}}", subscriptions.show),
    ("PATCH", f"{_QUEUE}/subscriptions/{{id}}", subscriptions.change),
    ("DELETE", f"{_QUEUE}/subscriptions/{{id}}", subscriptions.remove),
)

SERVICE = Service(
    name="messaging",
    catalog=(CatalogEntry("zaqar", "messaging"),),
    dialect=wire.ZaqarDialect(),
    routes=tuple(Route(method, path, handler, public=True) for method, path, handler in _HANDLERS),
    before=wire.admit,
)
