"""Swift: accounts, containers, objects with their versions, temporary URLs, access lists; `SERVICE` is what the cloud serves.

Written after the answers of a real one, which `tests/localcloud/recorded` keeps. The trap: no path needs a token by itself (lists and
signatures let strangers in), so each handler asks `places.may`.
"""

import uuid
from collections.abc import Mapping

from kamado.localcloud.objectstore import holders, objects, places, tempurl
from kamado.localcloud.service import Answer, Call, CatalogEntry, Handler, Route, Service

__all__ = ["SERVICE"]

_METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE")


def _info(call: Call) -> dict[str, object]:
    return {
        "swift": {
            "version": "2.38.3",
            "account_autocreate": True,
            "max_file_size": 5368709122,
            "max_meta_name_length": 128,
            "max_meta_value_length": 256,
            "max_object_name_length": 1024,
            "max_container_name_length": 256,
            "container_listing_limit": 10000,
            "account_listing_limit": 10000,
        },
        "versioned_writes": {"allowed_flags": ["x-versions-location", "x-history-location"]},
        "tempurl": {
            "methods": list(_METHODS),
            "allowed_digests": list(tempurl.DIGESTS),
            "deprecated_digests": ["sha1"],
            "incoming_remove_headers": ["x-timestamp", "x-open-expired"],
            "incoming_allow_headers": [],
            "outgoing_remove_headers": ["x-object-meta-*"],
            "outgoing_allow_headers": ["x-object-meta-public-*"],
        },
    }


def _health(call: Call) -> Answer:
    return Answer(200, None, {}, b"OK", "text/plain")


_HANDLERS: Mapping[str, Mapping[str, Handler]] = {
    "account": {"GET": holders.show_account, "POST": holders.change_account},
    "container": {
        "PUT": holders.make_container,
        "DELETE": holders.remove_container,
        "POST": holders.change_container,
        "GET": holders.show_container,
    },
    "object": {
        "PUT": objects.write,
        "DELETE": objects.remove,
        "POST": objects.change,
        "GET": objects.show,
    },
}


def _handle(call: Call) -> Answer:
    place = places.place_of(call)
    kind = "object" if place.name else "container" if place.container else "account"
    handlers = _HANDLERS[kind]
    allowed = [*handlers, "HEAD", "OPTIONS", *(["COPY"] if kind == "object" else [])]
    if call.method == "OPTIONS":
        return Answer(
            200, None, {"Allow": ", ".join(each for each in places.METHODS if each in allowed)}, b"", places.HTML
        )
    handler = handlers.get("GET" if call.method == "HEAD" else call.method)
    if handler is None:
        raise call.service.dialect.no_method(call.method, allowed)
    tempurl.check(call, place)
    answer = handler(call)
    assert isinstance(answer, Answer)
    return answer


def _after(call: Call, answer: Answer) -> Answer:
    trans = f"tx{uuid.uuid4().hex[:21]}-{int(call.now):010x}"
    headers = {**answer.headers, "X-Trans-Id": trans, "x-openstack-request-id": trans}
    body = b"" if call.method == "HEAD" and answer.status >= 400 else answer.raw
    return Answer(answer.status, answer.body, headers, body, answer.media)


_PATHS = ("/v1/{account}", "/v1/{account}/{container}", "/v1/{account}/{container}/{name:path}")

SERVICE = Service(
    name="objectstore",
    catalog=(CatalogEntry("swift", "object-store", "/v1/AUTH_%(project_id)s"),),
    dialect=places.SwiftDialect(),
    routes=(
        Route("GET", "/info", _info, public=True),
        Route("GET", "/healthcheck", _health, public=True),
        *(
            Route(method, path, _handle, public=True, body="raw")
            for path in _PATHS
            for method in ("GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS")
        ),
    ),
    after=_after,
)
