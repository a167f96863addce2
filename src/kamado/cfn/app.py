"""The CloudFormation API as one WSGI application: the addresses that servers and alarms signal, and the Query API.

Called by `kamado.assemble`. Whoever asks has signed the request (`ec2`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import falcon
from falcon import Request, Response

from kamado.cfn import answers, ec2, query, signals
from kamado.cfn.errors import CfnError, answer, as_xml, of_engine
from kamado.orchestrator.context import Services
from kamado.orchestrator.errors import HeatError

_LOG = logging.getLogger(__name__)

Handler = Callable[[Services, ec2.Signer, Request, Response, Any], None]


def build(services: Services, identity: Callable[[], ec2.Identity], max_body: int = 1048576) -> Any:
    """The application. ``identity`` gives Keystone as the service user sees it; ``max_body`` is the largest body in bytes."""
    app = falcon.App(media_type="application/xml")
    app.add_error_handler(Exception, _unexpected)
    app.add_error_handler(HeatError, lambda _req, resp, error, _params: _refuse(resp, of_engine(error)))
    app.add_error_handler(CfnError, lambda _req, resp, error, _params: _refuse(resp, error))
    app.add_error_handler(falcon.HTTPError, _framework)
    for path, (verb, handler) in _ROUTES.items():
        app.add_route(path, _Endpoint(verb, handler, services, identity, max_body))
    for path in _QUERY:
        app.add_route(path, _Query(services, identity, max_body))
    return app


class _Endpoint:
    """One verb on one path, for whoever signed the request."""

    def __init__(
        self, verb: str, handler: Handler, services: Services, identity: Callable[[], ec2.Identity], max_body: int
    ) -> None:
        def respond(req: Request, resp: Response, arn: str) -> None:
            body = _body(req, max_body)
            who = ec2.signer(req, identity(), body)
            handler(services, who, req, resp, (arn, _parsed(body)))

        setattr(self, f"on_{verb.lower()}", respond)


class _Query:
    """The one address of all actions: parameters are in the address, or in a form that is posted."""

    def __init__(self, services: Services, identity: Callable[[], ec2.Identity], max_body: int) -> None:
        self._services, self._identity, self._max_body = services, identity, max_body

    def on_get(self, req: Request, resp: Response) -> None:
        """By the parameters of the address."""
        self._answer(req, resp, {}, b"")

    def on_post(self, req: Request, resp: Response) -> None:
        """By those and the ones of the form."""
        body = _body(req, self._max_body)
        self._answer(req, resp, dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)), body)

    def _answer(self, req: Request, resp: Response, form: Mapping[str, str], body: bytes) -> None:
        who = ec2.signer(req, self._identity(), body, form)
        params = ec2.parameters(req, form)
        action, result = query.answer(self._services, who, params)
        as_json = params.get("ContentType") == "JSON"
        resp.data, resp.content_type = answers.written(action, result, as_json=as_json)


def _body(req: Request, most: int) -> bytes:
    body: bytes = req.bounded_stream.read(most + 1)
    if len(body) > most:
        raise CfnError(400, "RequestLimitExceeded", f"The body is larger than {most} bytes")
    return body


def _parsed(body: bytes) -> Mapping[str, Any] | None:
    """A signal's body: a JSON map, or nothing."""
    if not body.strip():
        return None
    try:
        found = json.loads(body)
    except ValueError as error:
        raise CfnError(400, "InvalidParameterValue", f"The body is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise CfnError(400, "InvalidParameterValue", "The body must be a JSON map")
    return found


def _waitcondition(services: Services, who: ec2.Signer, req: Request, resp: Response, given: Any) -> None:
    """PUT /v1/waitcondition/<ARN>: what the handle knows now is the answer."""
    name, metadata = signals.deliver(services, who, *given)
    as_json = req.get_param("ContentType") == "JSON"
    resp.data, resp.content_type = answer("resource", {"resource": name, "metadata": dict(metadata)}, as_json=as_json)


def _signal(services: Services, who: ec2.Signer, _req: Request, resp: Response, given: Any) -> None:
    """POST /v1/signal/<ARN>."""
    signals.deliver(services, who, *given)
    resp.data = b""


_QUERY = ("/v1", "/v1/")
_ROUTES: Mapping[str, tuple[str, Handler]] = {
    "/v1/waitcondition/{arn:path}": ("PUT", _waitcondition),
    "/v1/signal/{arn:path}": ("POST", _signal),
}


def _refuse(resp: Response, error: CfnError) -> None:
    resp.status = error.status
    resp.data, resp.content_type = as_xml(error), "application/xml"


def _framework(_req: Request, resp: Response, error: falcon.HTTPError, _params: Any) -> None:
    _refuse(resp, CfnError(error.status_code, "InvalidAction", error.title or "There is nothing here"))


def _unexpected(_req: Request, resp: Response, error: Exception, _params: Any) -> None:
    _LOG.error("a request of the CloudFormation API failed", exc_info=error, extra={"action": "request_failed"})
    _refuse(resp, CfnError(500, "InternalFailure", "The request processing has failed due to an internal error"))
