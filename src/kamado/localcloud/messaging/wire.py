"""How Zaqar is spoken to: its way to say no, who may ask, limits, and links to the next page.

Called by all of `messaging`. The trap: a request may come without a token, with a signature that a queue's owner has handed out.
"""

import hashlib
import hmac
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlencode

from kamado.localcloud.errors import Dialect
from kamado.localcloud.service import NOBODY, Answer, Call, Identity, Refusal
from kamado.localcloud.state import Obj

QUEUES, MESSAGES = "messaging.queues", "messaging.messages"
CLAIMS, SUBSCRIPTIONS = "messaging.claims", "messaging.subscriptions"
SIGNABLE = frozenset({"messages", "subscriptions", "claims"})
_NAME = re.compile(r"[a-zA-Z0-9_\-.]{1,64}")
_SECRET = "local-messaging-urls"
_TIMES = "%Y-%m-%dT%H:%M:%S"


class ZaqarDialect(Dialect):
    """Zaqar: a title and a description."""

    def render(self, refusal: Refusal) -> Answer:
        """The refusal; ``kind`` is its title."""
        body = {"title": refusal.kind or "Service temporarily unavailable"}
        if refusal.message:
            body["description"] = refusal.message
        return Answer(refusal.status, body, refusal.headers)

    def no_route(self, path: str) -> Refusal:
        """No such path."""
        return Refusal(404, kind="404 Not Found")

    def no_method(self, method: str, allowed: list[str]) -> Refusal:
        """The path has other methods."""
        headers = {"Allow": ", ".join([*sorted(each for each in allowed if each != "HEAD"), "OPTIONS"])}
        return Refusal(405, kind="405 Method Not Allowed", headers=headers)

    def malformed(self) -> Refusal:
        """The body is no JSON."""
        return bad_body("Request body could not be parsed.")


def bad(words: str) -> Refusal:
    """A value that Zaqar's validation refuses."""
    return Refusal(400, words, "Invalid API request")


def bad_body(words: str) -> Refusal:
    """A body of the wrong form."""
    return Refusal(400, words, "Invalid request body")


def missing(words: str) -> Refusal:
    """What is not there."""
    return Refusal(404, words, "Not found")


def key_of(call: Call) -> str:
    """Under which the queue of the path is kept."""
    return f"{call.who.project_id}/{call.params['name']}"


def admit(call: Call) -> None:
    """Run ahead of each handler: who asks, with which client's id, for a queue of a possible name."""
    if call.header("URL-Signature"):
        call.who = _signer(call)
    elif call.who is NOBODY and call.path != "/":
        raise call.service.dialect.unauthorized(call.cloud.urls["identity"])
    if call.path.startswith("/v2/queues"):
        client = call.header("Client-ID")
        if not client:
            raise Refusal(400, 'The "Client-Id" header is required.', "Missing header value")
        try:
            uuid.UUID(client)
        except ValueError:
            raise Refusal(400, "Malformed hexadecimal UUID.", "Wrong UUID value") from None
    if "name" in call.params and not _NAME.fullmatch(call.params["name"]):
        words = "The format of the submitted queue name or project id is not valid."
        raise Refusal(400, words, "Invalid queue identification")


def _signer(call: Call) -> Identity:
    paths, methods = (call.header(f"URL-{name}").split(",") for name in ("Paths", "Methods"))
    expires, project = call.header("URL-Expires"), call.header("X-Project-Id")
    good = (
        hmac.compare_digest(call.header("URL-Signature"), _signature(paths, methods, project, expires))
        and call.method in methods
        and any(call.path == path or call.path.startswith(f"{path}/") for path in paths)
        and _moment(expires) > call.now
    )
    if not good:
        raise Refusal(404, kind="404 Not Found")
    return replace(NOBODY, project_id=project)


def _signature(paths: list[str], methods: list[str], project: str, expires: str) -> str:
    text = "\\n".join((",".join(sorted(paths)), ",".join(sorted(methods)), project, expires))
    return hmac.new(_SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


def _moment(text: str) -> float:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise bad(f"Unable to parse date string '{text}'") from None


def share(call: Call) -> Obj:
    """POST …/share: a signature for some methods on some paths below the queue."""
    given = call.json if isinstance(call.json, Mapping) else {}
    unknown = set(given) - {"paths", "ttl", "expires", "methods"}
    if unknown:
        raise bad(f"Unknown keys: {unknown}")
    for name in ("paths", "methods"):
        if name in given and not isinstance(given[name], list):
            raise bad(f"`{name}` should be a list")
    wrong = set(given.get("paths", ())) - SIGNABLE
    if wrong:
        raise bad(f"Invalid paths: {wrong}")
    until = _moment(given["expires"]) if "expires" in given else call.now + 86400
    if until < call.now:
        raise bad("`expires` is lower than the current time")
    base = f"/v2/queues/{call.params['name']}"
    paths = sorted(f"{base}/{path}" for path in given.get("paths") or ["messages"])
    methods = sorted(given.get("methods") or ["GET"])
    expires = datetime.fromtimestamp(until, UTC).strftime(_TIMES)
    seal = _signature(paths, methods, call.who.project_id, expires)
    return {
        "paths": paths,
        "methods": methods,
        "project": call.who.project_id,
        "expires": expires,
        "signature": seal,
    }


def number(call: Call, name: str, default: int, words: str) -> int:
    """A whole number of the query, from 1 to 20."""
    text = call.arg(name)
    if not text:
        return default
    if not text.lstrip("-").isdigit():
        raise Refusal(400, f'The "{name}" parameter is invalid. The value must be an integer.', "Invalid parameter")
    if not 1 <= int(text) <= 20:
        raise bad(words)
    return int(text)


def ids_of(call: Call) -> list[str]:
    """The ids of the query, repeated or with commas between them; a comma that is quoted is part of an id."""
    pairs = (pair.partition("=") for pair in str(call.headers.get("QUERY_STRING", "")).split("&"))
    return [unquote(each) for name, _, value in pairs if name == "ids" for each in value.split(",")]


def flag(call: Call, name: str) -> bool:
    """A switch of the query."""
    return call.arg(name).lower() in ("true", "1", "yes", "t", "y", "on")


def onward(path: str, query: Mapping[str, Any] | list[tuple[str, str]], marker: str) -> list[Obj]:
    """The link to the next page."""
    pairs = [(name, value) for name, value in dict(query).items() if name != "marker"]
    return [{"rel": "next", "href": f"{path}?{urlencode([*pairs, ('marker', marker)])}"}]


def document(call: Call, kind: type = dict) -> Any:
    """The body, when it is of the kind that is wanted."""
    if isinstance(call.json, kind):
        return call.json
    raise bad_body("Document type not supported.")


def size(value: Any) -> int:
    """Bytes of a value as JSON."""
    return len(json.dumps(value))
