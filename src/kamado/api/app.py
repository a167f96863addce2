"""The REST API as one WSGI application: routes, errors, and the middleware around them.

Called by `kamado.assemble`. `MIDDLEWARE` is the order, outermost first, with the reason for each place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import falcon
from falcon import Request, Response

from kamado.api import errors
from kamado.api.call import Call
from kamado.api.context import caller
from kamado.api.following import Seats
from kamado.api.limits import ApiSettings
from kamado.api.middleware import MIDDLEWARE
from kamado.api.routes import ROUTES, Route
from kamado.api.tokens import WsgiApp
from kamado.cloud.failures import CloudError
from kamado.orchestrator.context import Services
from kamado.orchestrator.errors import Forbidden, HeatError
from kamado.template import TemplateInvalid


def build(
    services: Services,
    *,
    keystone: Mapping[str, Any] | None,
    settings: ApiSettings = ApiSettings(),  # noqa: B008  # frozen
) -> WsgiApp:
    """The application, ready for any WSGI server.

    :param services: what the use cases work with; ``services.policy`` is a `kamado.api.policies.Rules`.
    :param keystone: options of keystonemiddleware's auth_token (the [keystone_authtoken] section as a mapping, or
        ``{"oslo_config_config": conf}``). None: somebody else authenticates (tests of the inner application).
    """
    app: WsgiApp = _inner(services, settings)
    for wrap in reversed(MIDDLEWARE):
        app = wrap(app, keystone, settings)
    return app


def _inner(services: Services, settings: ApiSettings) -> WsgiApp:
    app = falcon.App(middleware=[_Paths()])
    app.add_error_handler(Exception, errors.handle_unexpected)
    app.add_error_handler(HeatError, errors.handle_expected)
    app.add_error_handler(TemplateInvalid, errors.handle_expected)
    app.add_error_handler(CloudError, errors.handle_expected)
    app.add_error_handler(falcon.HTTPError, errors.handle_framework)
    app.add_error_handler(falcon.HTTPStatus, _pass_status)
    seats = Seats(settings.followers)
    by_path: dict[str, list[Route]] = {}
    for route in ROUTES:
        by_path.setdefault(route.path, []).append(route)
    for path, routes in by_path.items():
        app.add_route(path, _Endpoint(routes, services, settings, seats))
    return app


def _pass_status(_req: Request, resp: Response, status: falcon.HTTPStatus, _params: Mapping[str, Any]) -> None:
    resp.status = status.status


class _Paths:
    """Paths as the table of routes has them.

    Slashes in a row are one: catalogs have endpoints that end in one, and clients add their own. ARNs hold slashes: the whole of one
    becomes a single part.
    """

    def process_request(self, req: Request, _resp: Response) -> None:
        """Called by the framework before the route is looked for."""
        if "//" in req.path:
            req.path = re.sub("//+", "/", req.path)
        head, found, arn = req.path.partition("/stacks/arn:")
        if found:
            req.path = f"{head}/arn/" + ("arn:" + arn).replace("/", "\x1f")


class _Endpoint:
    """The verbs of one path, in the form that the framework looks for."""

    def __init__(self, routes: list[Route], services: Services, settings: ApiSettings, seats: Seats) -> None:
        verbs = [route.verb for route in routes]
        for route in routes:
            setattr(self, f"on_{route.verb.lower()}", _responder(route, services, settings, seats))
        self._allow = ",".join(verbs)

    def on_options(self, _req: Request, resp: Response, **_path: str) -> None:
        """Say which verbs there are."""
        resp.status = 204
        resp.set_header("Allow", self._allow)


_SPOKEN = (
    "application/json",
    "text/plain",
    "text/html",
    "text/event-stream",
    "application/vnd.openstack.orchestration-v1",
)
"""What an Accept header may ask for; who asks for other things only is told so, instead of being sent JSON all the same."""


def _responder(route: Route, services: Services, settings: ApiSettings, seats: Seats) -> Callable[..., None]:
    rules: Any = services.policy

    def respond(req: Request, resp: Response, **path: str) -> None:
        if req.accept not in ("*/*", "application/json") and req.client_prefers(_SPOKEN) is None:
            raise falcon.HTTPNotAcceptable
        if "arn" in path:
            path["arn"] = path["arn"].replace("\x1f", "/")
        call = Call(services, settings, caller(req, path["tenant_id"], rules), req, path, seats)
        if route.rule is not None and not services.policy.allows(call.context, route.rule):
            raise Forbidden.of(route.rule)
        route.handler(call, resp)

    return respond
