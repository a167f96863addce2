"""What stands around the routes: health, versions, request ids, tokens. `MIDDLEWARE` is the order, with reasons.

Called by `app`; what is special about tokens is in `tokens`.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from oslo_middleware import cors, http_proxy_to_wsgi
from oslo_middleware.healthcheck import Healthcheck

from kamado.api.context import REQUEST_ID
from kamado.api.limits import ApiSettings
from kamado.api.tokens import StartResponse, WsgiApp, guarded
from kamado.model.identifiers import new_id

_LOG = logging.getLogger(__name__)

Wrap = Callable[[WsgiApp, Mapping[str, Any] | None, ApiSettings], WsgiApp]


def _proxies(app: WsgiApp, _keystone: Mapping[str, Any] | None, settings: ApiSettings) -> WsgiApp:
    if not settings.proxy_headers:
        return app
    wrapped: WsgiApp = http_proxy_to_wsgi.HTTPProxyToWSGI(app, {"enable_proxy_headers_parsing": True})
    return wrapped


def _request_ids(app: WsgiApp, _keystone: Mapping[str, Any] | None, _settings: ApiSettings) -> WsgiApp:
    def respond(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request_id = environ[REQUEST_ID] = f"req-{new_id()}"

        def answer(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, ("X-Openstack-Request-Id", request_id)], *rest)

        return app(environ, answer)

    return respond


def _request_log(app: WsgiApp, _keystone: Mapping[str, Any] | None, _settings: ApiSettings) -> WsgiApp:
    def respond(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        started = time.monotonic()
        statuses: list[str] = []

        def note(status: str, *rest: Any) -> Any:
            statuses.append(status)
            return start_response(status, *rest)

        answer = app(environ, note)
        _LOG.info(
            "%s %s",
            environ.get("REQUEST_METHOD"),
            environ.get("PATH_INFO"),
            extra={
                "status": statuses[0][:3] if statuses else "",
                "ms": round((time.monotonic() - started) * 1000, 1),
                "project": environ.get("HTTP_X_PROJECT_ID", ""),
                "user": environ.get("HTTP_X_USER_ID", ""),
                "request": environ.get(REQUEST_ID, ""),
            },
        )
        return answer

    return respond


_HEADERS = {
    "allow_headers": ["X-Auth-Token", "X-Openstack-Request-Id", "If-Match", "Last-Event-ID"],
    "expose_headers": ["X-Openstack-Request-Id", "Location", "ETag"],
}
"""What our clients send and read; an operator's own lists take their place."""


def _origins(app: WsgiApp, _keystone: Mapping[str, Any] | None, settings: ApiSettings) -> WsgiApp:
    if not settings.cors:
        return app
    wrapped: WsgiApp = cors.CORS(app, {**_HEADERS, **{name: value for name, value in settings.cors.items() if value}})
    return wrapped


def _health(app: WsgiApp, _keystone: Mapping[str, Any] | None, settings: ApiSettings) -> WsgiApp:
    check: WsgiApp = Healthcheck.app_factory({"detailed": False, **settings.health})

    def respond(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == "/healthcheck":
            return check(environ, start_response)
        return app(environ, start_response)

    return respond


def _versions(app: WsgiApp, _keystone: Mapping[str, Any] | None, _settings: ApiSettings) -> WsgiApp:
    def respond(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/").lstrip("/")
        first, _, rest = path.partition("/")
        if first == "v1" or first == "v1.0":
            if first == "v1.0":
                environ["PATH_INFO"] = f"/v1/{rest}"
            return app(environ, start_response)
        if first and environ.get("HTTP_ACCEPT") == "application/vnd.openstack.orchestration-v1":
            environ["PATH_INFO"] = f"/v1/{path}"
            return app(environ, start_response)
        if first in ("", "versions") or _looks_like_version(first):
            return _answer(environ, start_response, "300 Multiple Choices", version_list(environ))
        page = {
            "message": "The resource could not be found.<br /><br />\n\n\n",
            "code": "404 Not Found",
            "title": "Not Found",
        }
        return _answer(environ, start_response, "404 Not Found", page)

    return respond


def _description(app: WsgiApp, _keystone: Mapping[str, Any] | None, _settings: ApiSettings) -> WsgiApp:
    def respond(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == "/openapi.json" and environ.get("REQUEST_METHOD") == "GET":
            from kamado.api.openapi import description  # made when first asked for

            return _answer(environ, start_response, "200 OK", description())
        return app(environ, start_response)

    return respond


def _looks_like_version(part: str) -> bool:
    return part[:1] == "v" and part[1:2].isdigit() and part[1:].replace(".", "").isdigit()


def version_list(environ: Mapping[str, Any]) -> dict[str, Any]:
    """The version document."""
    scheme = environ.get("wsgi.url_scheme", "http")
    host = environ.get("HTTP_HOST") or f"{environ.get('SERVER_NAME')}:{environ.get('SERVER_PORT')}"
    link = f"{scheme}://{host}{environ.get('SCRIPT_NAME', '')}/v1/"
    return {"versions": [{"id": "v1.0", "status": "CURRENT", "links": [{"rel": "self", "href": link}]}]}


def _answer(
    environ: Mapping[str, Any], start_response: StartResponse, status: str, body: Mapping[str, Any]
) -> Iterable[bytes]:
    text = json.dumps(body).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(text)))])
    return [] if environ.get("REQUEST_METHOD") == "HEAD" else [text]


def _tokens(app: WsgiApp, keystone: Mapping[str, Any] | None, settings: ApiSettings) -> WsgiApp:
    if keystone is None:
        return app
    return guarded(app, keystone, settings.token_cache_time)


MIDDLEWARE: tuple[Wrap, ...] = (
    _proxies,  # first: everything after it builds links from the scheme and host that the client sees
    _request_ids,  # before anything answers, so that refusals carry an id too
    _request_log,  # one line a request, with its id, whoever answers it
    _health,  # load balancers have no token, and no interest in request policies
    _origins,  # browsers ask without a token whether they may ask
    _description,  # tools read it without a token, and browsers may
    _versions,  # discovery needs no token
    _tokens,  # last: what is inside trusts the identity headers that it sets
)
