"""Every refusal as Heat's clients read it: the fault body, the status table, the plain pages.

Called by the error handlers that `app` registers. The trap: what is not in the table is a 500, and a 500 never
shows the text of an unexpected exception.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import falcon
from falcon import Request, Response

from kamado.cloud.failures import CloudError, FailureKind
from kamado.orchestrator.errors import HeatError
from kamado.template import Problem, TemplateInvalid

_LOG = logging.getLogger(__name__)

_BAD_REQUEST = "The server could not comply with the request since it is either malformed or otherwise incorrect."

EXPLANATIONS: Mapping[int, str] = {
    400: _BAD_REQUEST,
    401: "The request you have made requires authentication.",
    403: "Access was denied to this resource.",
    404: "The resource could not be found.",
    405: _BAD_REQUEST,
    409: "There was a conflict when trying to complete your request.",
    412: "The resource is not in the state that the request expects.",
    413: "The body of your request was too large for this server.",
    500: "The server has either erred or is incapable of performing the requested operation.",
    503: "The server is currently unavailable. Please try again at a later time.",
}
"""What `explanation` says; the table is the wire's, so the texts are too."""

STATUSES: Mapping[str, int] = {
    "ActionInProgress": 409,
    "AttributeError": 400,
    "CircularDependencyException": 400,
    "DownloadLimitExceeded": 400,
    "EntityNotFound": 404,
    "Forbidden": 403,
    "ImmutableParameterModified": 400,
    "IncompatibleObjectVersion": 400,
    "Invalid": 400,
    "InvalidBreakPointHook": 400,
    "InvalidGlobalResource": 500,
    "InvalidRestrictedAction": 409,
    "InvalidSchemaError": 400,
    "InvalidTemplateReference": 400,
    "InvalidTemplateSection": 400,
    "InvalidTemplateVersion": 400,
    "InvalidTenant": 403,
    "MissingCredentialError": 400,
    "NotAuthorized": 403,
    "NotFound": 404,
    "NotSupported": 400,
    "ObjectActionError": 400,
    "ObjectFieldInvalid": 400,
    "OrphanedObjectError": 400,
    "PhysicalResourceIDAmbiguity": 400,
    "PhysicalResourceNameAmbiguity": 400,
    "PlanOutdated": 409,
    "PreconditionFailed": 412,
    "PropertyUnspecifiedError": 400,
    "ReadOnlyFieldError": 400,
    "RequestLimitExceeded": 400,
    "ResourceActionNotSupported": 400,
    "ResourceNotAvailable": 404,
    "ResourceNotFound": 404,
    "ResourcePropertyConflict": 400,
    "ResourceTypeUnavailable": 400,
    "SnapshotNotFound": 404,
    "StackExists": 409,
    "StackValidationFailed": 400,
    "UnknownUserParameter": 400,
    "UnsupportedObjectError": 400,
    "UserParameterMissing": 400,
    "ValueError": 400,
    "HTTPBadRequest": 400,
    "ServiceUnavailable": 503,
}
"""Error name to status (reference: api_routes.json, fault.map). What is not in it is a 500."""


class BadRequest(HeatError):
    """The request itself is malformed: query, body, template or environment that cannot be read."""

    @property
    def type_name(self) -> str:
        """The web framework's name, as Heat shows it."""
        return "HTTPBadRequest"


class ProjectMismatch(HeatError):
    """The project in the path is not the token's."""

    @property
    def type_name(self) -> str:
        """The web framework's name, as Heat shows it."""
        return "HTTPForbidden"


class NothingThere(HeatError):
    """Something that the API itself looked for is not there (events)."""

    @property
    def type_name(self) -> str:
        """The web framework's name, as Heat shows it."""
        return "HTTPNotFound"


class TooManyFollowers(HeatError):
    """As many follow events as may; another process, or a later time, has room."""

    @property
    def type_name(self) -> str:
        """The web framework's name."""
        return "HTTPServiceUnavailable"


@dataclass(frozen=True, slots=True)
class Fault:
    """One error answer."""

    status: int
    type_name: str
    message: str
    problems: tuple[Problem, ...] = ()
    trace: str | None = None

    @property
    def body(self) -> dict[str, Any]:
        """Heat's fault body; `problems` is ours and only there when a template has them."""
        error: dict[str, Any] = {"type": self.type_name, "traceback": self.trace, "message": self.message}
        if self.problems:
            error["problems"] = [_problem(problem) for problem in self.problems[:100]]
        return {
            "code": self.status,
            "title": HTTPStatus(self.status).phrase,
            "explanation": EXPLANATIONS.get(self.status, HTTPStatus(self.status).phrase),
            "error": error,
        }


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "code": problem.code,
        "message": problem.message,
        "path": list(problem.path),
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "hint": problem.hint,
        "severity": problem.severity,
    }


def placed(message: str, problems: Iterable[Problem]) -> str:
    """The message with its place: line and column where the template was sent as text, else the path in it.

    What the message says already is not said again; Heat's own words always come first.
    """
    first = next(iter(problems), None)
    if first is None:
        return message
    if first.line is not None:
        if f"line {first.line}" in message:
            return message
        return f"{message} ({first.file}, line {first.line}, column {first.column or 1})"
    if len(first.path) > 1 and not re.search(rf"\b{re.escape(str(first.path[1]))}\b", message):
        return f"{message} (at {first.dotted})"
    return message


_OF_THE_CLOUD: Mapping[FailureKind, tuple[int, str]] = {
    FailureKind.FORBIDDEN: (403, "Forbidden"),
    FailureKind.UNAUTHORIZED: (403, "Forbidden"),
    FailureKind.UNAVAILABLE: (503, "ServiceUnavailable"),
    FailureKind.UNREACHABLE: (503, "ServiceUnavailable"),
    FailureKind.UNTRUSTED: (503, "ServiceUnavailable"),
    FailureKind.LOST: (503, "ServiceUnavailable"),
}
"""What a cloud's refusal during a request (a trust, a constraint) is to the caller: not allowed, or not now."""

_FIXED_STATUS = {"HTTPBadRequest": 400, "HTTPForbidden": 403, "HTTPNotFound": 404, "HTTPServiceUnavailable": 503}


def fault_of(error: Exception, debug: bool = False) -> Fault:
    """Any exception as a fault; the trace goes along only with ``debug``."""
    trace = "".join(traceback.format_exception(error)) if debug else None
    if isinstance(error, TemplateInvalid):
        name = error.error_type
        if name == "ValueError":
            # Not a template at all: Heat's API layer finds that, not its engine, and says so in other words.
            text = placed(f"Template not in valid format: {error}", error.problems)
            return Fault(400, "HTTPBadRequest", text, error.problems, trace)
        return Fault(STATUSES.get(name, 400), name, placed(str(error), error.problems), error.problems, trace)
    if isinstance(error, CloudError):
        status, name = _OF_THE_CLOUD.get(error.kind, (500, "CloudError"))
        return Fault(status, name, f"{error.service}: {error.message}", (), trace)
    if isinstance(error, HeatError):
        name = error.type_name
        status = _FIXED_STATUS.get(name) or STATUSES.get(name, 500)
        text = error.message or EXPLANATIONS.get(status, "")
        return Fault(status, name, placed(text, error.problems), error.problems, trace)
    return Fault(500, type(error).__name__, EXPLANATIONS[500], (), trace)


def handle_expected(_req: Request, resp: Response, error: Exception, _params: Mapping[str, Any]) -> None:
    """Answer a refusal that the code raised on purpose."""
    write(resp, fault_of(error))


def handle_unexpected(req: Request, resp: Response, error: Exception, _params: Mapping[str, Any]) -> None:
    """Answer a programming error or a lost dependency: logged with its trace, shown without."""
    _LOG.exception("request failed", extra={"action": "request_failed", "path": req.path, "verb": req.method})
    write(resp, fault_of(error))


def handle_framework(req: Request, resp: Response, error: falcon.HTTPError, _params: Mapping[str, Any]) -> None:
    """Answer what the framework itself refuses: unknown path, unknown method, oversized or unreadable input."""
    status = int(str(error.status).split(" ", 1)[0])
    if error.headers:
        resp.set_headers(error.headers)
    if status == 404:
        page(req, resp, 404)
    else:
        name = "HTTP" + HTTPStatus(status).phrase.replace(" ", "")
        write(resp, Fault(status, name, EXPLANATIONS.get(status, HTTPStatus(status).phrase)))


def write(resp: Response, fault: Fault) -> None:
    """Put a fault into the answer."""
    resp.status = fault.status
    resp.media = fault.body


_PAGES: Mapping[int, str] = {
    202: "The request is accepted for processing.",
    302: "The resource was found at {link};\nyou should be redirected automatically.",
    404: "The resource could not be found.",
}


def page(req: Request, resp: Response, status: int, location: str = "") -> None:
    """A short answer without a record: JSON for clients that ask for it, else text.

    Clients read the status and `Location` only; the shape of the JSON (message, code, title) is Heat's.
    """
    phrase = HTTPStatus(status).phrase
    resp.status = status
    if location:
        resp.set_header("Location", location)
    if "json" in (req.get_header("Accept") or ""):
        link = f'<a href="{location}">{location}</a>'
        text = _PAGES[status].format(link=link)
        tail = "\n\n" if location else "<br /><br />\n\n\n"
        resp.media = {"message": text + tail, "code": f"{status} {phrase}", "title": phrase}
    else:
        resp.content_type = "text/plain; charset=UTF-8"
        resp.text = f"{status} {phrase}\n\n" + _PAGES[status].format(link=location) + "\n\n\n"
