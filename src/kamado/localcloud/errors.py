"""How each service says no: one dialect a service, observed from the real ones (messages, statuses, bodies).

Called by `crud` (which raises what the dialect hands it) and by `server` (which renders any `Refusal`). A service module
may subclass a dialect further for what is its own. The trap: methods *return* a `Refusal`, the caller raises it.
"""

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from kamado.localcloud.clock import micros, micros_z, seconds_z
from kamado.localcloud.service import Answer, Call, Refusal
from kamado.localcloud.state import Obj

if TYPE_CHECKING:
    from kamado.localcloud.collection import Collection

TITLES: Mapping[int, str] = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    409: "Conflict",
    410: "Gone",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}


class Dialect:
    """What all services share; each method is one reason to refuse."""

    stamp = staticmethod(seconds_z)
    json_type: ClassVar[str] = "application/json"

    def render(self, refusal: Refusal) -> Answer:
        """The refusal as an answer with this service's error body."""
        title = TITLES.get(refusal.status, "Error")
        body = {"error": {"code": refusal.status, "message": refusal.message, "title": title}}
        return Answer(refusal.status, body, refusal.headers, media=self.json_type)

    def unauthorized(self, auth_uri: str) -> Refusal:
        """No token, or one that is not valid (any more): keystonemiddleware's answer, the same for most services."""
        message = "The request you have made requires authentication."
        body = {"error": {"code": 401, "title": "Unauthorized", "message": message}}
        headers = {"WWW-Authenticate": f'Keystone uri="{auth_uri}"'}
        return Refusal(401, message, body=body, headers=headers)

    def no_route(self, path: str) -> Refusal:
        """No such path in this API."""
        return Refusal(404, "The resource could not be found.", "HTTPNotFound")

    def no_method(self, method: str, allowed: list[str]) -> Refusal:
        """The path exists, the method does not."""
        headers = {"Allow": ", ".join(allowed)}
        return Refusal(405, "The method is not allowed for the requested URL.", headers=headers)

    def malformed(self) -> Refusal:
        """The body is no JSON."""
        return Refusal(400, "Malformed request body")

    def no_envelope(self, name: str, body: Any) -> Refusal:
        """The body is JSON, but does not hold the object under its name."""
        return Refusal(400, f"Invalid input for field/attribute {name}. Value: {body}. '{name}' is a required property")

    def missing(self, collection: "Collection", values: Obj, name: str) -> Refusal:
        """A required field was not given."""
        text = (
            f"Invalid input for field/attribute {collection.singular}. Value: {values}. '{name}' is a required property"
        )
        return Refusal(400, text)

    def unknown(self, collection: "Collection", values: Obj, names: list[str]) -> Refusal:
        """Fields that the collection does not know."""
        quoted = ", ".join(f"'{n}'" for n in names)
        were = "was" if len(names) == 1 else "were"
        text = (
            f"Invalid input for field/attribute {collection.singular}. Value: {values}. "
            f"Additional properties are not allowed ({quoted} {were} unexpected)"
        )
        return Refusal(400, text)

    def read_only(self, collection: "Collection", values: Obj, name: str, creating: bool = False) -> Refusal:
        """A field that exists but may not be written in this request."""
        return self.unknown(collection, values, [name])

    def wrong(self, name: str, value: Any, reason: str) -> Refusal:
        """A value of the wrong type, or out of range; `reason` comes from the field's type."""
        return Refusal(400, f"Invalid input for field/attribute {name}. Value: {value}. {reason}")

    def not_found(self, collection: "Collection", object_id: str) -> Refusal:
        """No such object, or one that the caller may not know of."""
        return Refusal(404, f"{collection.noun} {object_id} could not be found.", f"{collection.kind}NotFound")

    def dangling(self, collection: "Collection", target: "Collection", name: str, value: Any) -> Refusal:
        """A field refers to an object that is not there."""
        return self.not_found(target, str(value))

    def in_use(self, collection: "Collection", object_id: str, user: "Collection", by: Obj) -> Refusal:
        """Something still refers to the object."""
        text = f"{collection.noun} {object_id} is in use by {user.singular} {by['id']}."
        return Refusal(409, text, f"{collection.kind}InUse")

    def over_quota(self, resource: str, limit: int, used: int, wanted: int) -> Refusal:
        """The project's quota is used up."""
        return Refusal(403, f"Quota exceeded for {resource}: Requested {wanted}, but already used {used} of {limit}")

    def forbidden(self, rule: str) -> Refusal:
        """Policy says no; `rule` is the rule's name, as in `create_network:shared`."""
        return Refusal(403, f"Policy doesn't allow {rule} to be performed.")

    def no_marker(self, collection: "Collection", marker: str) -> Refusal:
        """A list is to go on after an object that is not in it."""
        return Refusal(400, f"marker [{marker}] not found")

    def page(self, call: Call, collection: "Collection", views: list[Obj], following: str) -> Obj:
        """A list's body; `following` is the marker of the next page, or empty when this is the last."""
        body: Obj = {collection.plural: views}
        if following:
            href = call.url + "?" + next_query(call, following)
            body[f"{collection.plural}_links"] = [{"rel": "next", "href": href}]
        return body


def next_query(call: Call, marker: str) -> str:
    """The request's query string with another marker."""
    pairs = [(k, v) for k, values in call.query.items() if k != "marker" for v in values]
    return urlencode([*pairs, ("marker", marker)])


class IdentityDialect(Dialect):
    """Keystone: `{"error": {code, message, title}}`."""

    stamp = staticmethod(micros_z)
    NOT_FOUND_HTML: ClassVar[str] = (
        "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>The requested URL was "
        "not found on the server.</p>\n"
    )

    def unauthorized(self, auth_uri: str) -> Refusal:
        """Keystone answers for itself and names its v3 address."""
        headers = {"WWW-Authenticate": f'Keystone uri="{auth_uri}/v3"'}
        return Refusal(401, "The request you have made requires authentication.", headers=headers)

    def no_route(self, path: str) -> Refusal:
        """Flask's page."""
        return Refusal(404, body=self.NOT_FOUND_HTML)

    def no_method(self, method: str, allowed: list[str]) -> Refusal:
        """Flask's message without Keystone's envelope."""
        message = "The method is not allowed for the requested URL."
        return Refusal(405, message, body={"message": message}, headers={"Allow": ", ".join(allowed)})

    def malformed(self) -> Refusal:
        """The body is no JSON."""
        return bad_request("Expecting to find valid JSON in request body.")

    def not_found(self, collection: "Collection", object_id: str) -> Refusal:
        """Keystone puts a colon after the noun."""
        return Refusal(404, f"Could not find {collection.singular}: {object_id}.")

    def forbidden(self, rule: str) -> Refusal:
        """Policy says no."""
        return Refusal(403, f"You are not authorized to perform the requested action: identity:{rule}.")

    def no_envelope(self, name: str, body: Any) -> Refusal:
        """The body does not hold the object under its name."""
        return Refusal(400, f"'{name}' is a required property")

    def page(self, call: Call, collection: "Collection", views: list[Obj], following: str) -> Obj:
        """Keystone lists everything, with links that say so."""
        query = "?" + next_query(call, "").removesuffix("marker=").rstrip("&") if call.query else ""
        links = {"next": None, "self": call.url + query, "previous": None}
        body: Obj = {collection.plural: views, "links": links}
        if call.arg("limit"):
            body["truncated"] = bool(following)
        return body


def bad_request(reason: str) -> Refusal:
    """Keystone's 400: the reason, then a sentence that it always adds."""
    tail = (
        "The server could not comply with the request since it is either malformed or otherwise incorrect. "
        "The client is assumed to be in error."
    )
    return Refusal(400, f"{reason} {tail}")


class NetworkDialect(Dialect):
    """Neutron: `{"NeutronError": {type, message, detail}}`."""

    def render(self, refusal: Refusal) -> Answer:
        """The refusal with Neutron's error type; plain 400s are named after the exception of its web layer."""
        plain = "HTTP" + TITLES.get(refusal.status, "Error").replace(" ", "")
        error = {"type": refusal.kind or plain, "message": refusal.message, "detail": ""}
        return Answer(refusal.status, {"NeutronError": error}, refusal.headers)

    def malformed(self) -> Refusal:
        """The body is no JSON."""
        return Refusal(400, "Body contains invalid data", "HTTPBadRequest")

    def no_envelope(self, name: str, body: Any) -> Refusal:
        """The body does not hold the object under its name."""
        return Refusal(400, f"Unable to find '{name}' in request body", "HTTPBadRequest")

    def missing(self, collection: "Collection", values: Obj, name: str) -> Refusal:
        """A required field was not given."""
        text = f"Failed to parse request. Required attribute '{name}' not specified"
        return Refusal(400, text, "HTTPBadRequest")

    def unknown(self, collection: "Collection", values: Obj, names: list[str]) -> Refusal:
        """Fields that the collection does not know."""
        return Refusal(400, f"Unrecognized attribute(s) '{', '.join(names)}'", "HTTPBadRequest")

    def read_only(self, collection: "Collection", values: Obj, name: str, creating: bool = False) -> Refusal:
        """A field that may not be written."""
        if creating:
            return Refusal(400, f"Attribute '{name}' not allowed in POST", "HTTPBadRequest")
        return Refusal(400, f"Cannot update read-only attribute {name}", "HTTPBadRequest")

    def wrong(self, name: str, value: Any, reason: str) -> Refusal:
        """A value that does not fit."""
        return Refusal(400, f"Invalid input for {name}. Reason: {reason}", "HTTPBadRequest")

    def in_use(self, collection: "Collection", object_id: str, user: "Collection", by: Obj) -> Refusal:
        """Something still refers to the object."""
        text = (
            f"Unable to complete operation on {collection.singular} {object_id}. "
            f"There are one or more {user.plural} still in use on the {collection.singular}."
        )
        return Refusal(409, text, f"{collection.kind}InUse")

    def over_quota(self, resource: str, limit: int, used: int, wanted: int) -> Refusal:
        """Neutron answers 409."""
        return Refusal(409, f"Quota exceeded for resources: ['{resource}'].", "OverQuota")

    def forbidden(self, rule: str) -> Refusal:
        """Policy says no."""
        base, _, attribute = rule.partition(":")
        text = f"(rule:{base} and rule:{rule})" if attribute else f"rule:{base}"
        return Refusal(403, f"{text} is disallowed by policy", "PolicyNotAuthorized")

    def page(self, call: Call, collection: "Collection", views: list[Obj], following: str) -> Obj:
        """With a limit Neutron links to the next page and to the previous one."""
        body: Obj = {collection.plural: views}
        if call.arg("limit") and views:
            first, last = call.notes.get("page_ends", ("", ""))
            links = [{"rel": "next", "href": f"{call.url}?{next_query(call, last)}"}] if following else []
            links.append({"rel": "previous", "href": f"{call.url}?{next_query(call, first)}&page_reverse=True"})
            body[f"{collection.plural}_links"] = links
        return body


FAULT_NAMES: Mapping[int, str] = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}


class ComputeDialect(Dialect):
    """Nova: `{"badRequest": {"code": 400, "message": …}}`."""

    json_type = "application/json; charset=UTF-8"

    def render(self, refusal: Refusal) -> Answer:
        """The refusal under the name of its status; a 413 or 429 repeats when to come again."""
        fault: Obj = {"code": refusal.status, "message": refusal.message}
        if "Retry-After" in refusal.headers:
            fault["retryAfter"] = refusal.headers["Retry-After"]
        name = FAULT_NAMES.get(refusal.status, "computeFault")
        return Answer(refusal.status, {name: fault}, refusal.headers, media=self.json_type)


class VolumeDialect(ComputeDialect):
    """Cinder: as Nova, with microseconds in times and 413 for quotas."""

    stamp = staticmethod(micros)
    json_type = "application/json"

    def over_quota(self, resource: str, limit: int, used: int, wanted: int) -> Refusal:
        """Cinder answers 413 with Retry-After 0."""
        noun = resource.rstrip("s").capitalize()
        text = f"{noun}LimitExceeded: Maximum number of {resource} allowed ({limit}) exceeded for quota '{resource}'."
        return Refusal(413, text, headers={"Retry-After": "0"})


class ImageDialect(Dialect):
    """Glance: errors are small HTML pages."""

    def render(self, refusal: Refusal) -> Answer:
        """The refusal as Glance's page."""
        title = f"{refusal.status} {TITLES.get(refusal.status, 'Error')}"
        text = html.escape(refusal.message)
        page = (
            f"<html>\n <head>\n  <title>{title}</title>\n </head>\n <body>\n  <h1>{title}</h1>\n  {text}<br /><br />"
            "\n\n\n\n </body>\n</html>"
        )
        return Answer(refusal.status, None, refusal.headers, page.encode(), "text/html; charset=UTF-8")

    def unauthorized(self, auth_uri: str) -> Refusal:
        """Glance lets the middleware pass and then refuses in its own way."""
        text = (
            "This server could not verify that you are authorized to access the document you requested. Either you "
            "supplied the wrong credentials (e.g., bad password), or your browser does not understand how to supply "
            "the credentials required."
        )
        return Refusal(401, text, headers={"WWW-Authenticate": f'Keystone uri="{auth_uri}"'})

    def malformed(self) -> Refusal:
        """The body is no JSON."""
        return Refusal(400, "Malformed JSON in request body.")

    def no_method(self, method: str, allowed: list[str]) -> Refusal:
        """The path exists, the method does not."""
        text = f"The method {method} is not allowed for this resource."
        return Refusal(405, text, headers={"Allow": ", ".join(allowed)})

    def not_found(self, collection: "Collection", object_id: str) -> Refusal:
        """No such image."""
        return Refusal(404, f"No {collection.singular} found with ID {object_id}")

    def forbidden(self, rule: str) -> Refusal:
        """Policy says no."""
        return Refusal(403, f"You are not authorized to complete {rule} action.")
