"""Barbican, as far as secrets with a payload go; `SERVICE` is what the cloud serves.

Written after the answers of a real one, which `tests/localcloud/recorded` keeps. The trap: another project gets 403 for a secret that is
there, not 404; and the payload of a secret is only ever written once.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from kamado.localcloud.clock import micros
from kamado.localcloud.collection import new_uuid
from kamado.localcloud.errors import TITLES, Dialect
from kamado.localcloud.service import Answer, Call, CatalogEntry, Refusal, Route, Service
from kamado.localcloud.state import Obj

__all__ = ["SERVICE"]

SECRETS = "keymanager.secrets"
_TEXT = ("text/plain", "text/plain;charset=utf-8", "text/plain; charset=utf-8")
_MEDIA = [*_TEXT, "application/octet-stream", "application/pkcs8"]
_KINDS = ["symmetric", "passphrase", "private", "public", "certificate", "opaque"]
_MAY = frozenset({"admin", "creator"})


class BarbicanDialect(Dialect):
    """Barbican: code, title, description."""

    def render(self, refusal: Refusal) -> Answer:
        """The refusal as Barbican says it."""
        title = TITLES.get(refusal.status, "Error")
        body = {"code": refusal.status, "title": title, "description": refusal.message}
        return Answer(refusal.status, body, refusal.headers)

    def no_route(self, path: str) -> Refusal:
        """No such path."""
        return Refusal(404)

    def no_method(self, method: str, allowed: list[str]) -> Refusal:
        """The path has other methods."""
        return Refusal(405, headers={"Allow": ", ".join(sorted(allowed))})

    def malformed(self) -> Refusal:
        """The body is no JSON."""
        return Refusal(400, "Malformed JSON")


def _wrong(name: str | None, words: str) -> Refusal:
    return Refusal(400, f"Provided object does not match schema 'Secret': {words}. Invalid property: '{name}'")


def _text_or_null(value: Any) -> str:
    if value is not None and not isinstance(value, str):
        return f"{value!r} is not of type 'string', 'null'"
    return f"{value!r} is too long" if value is not None and len(value) > 255 else ""


def _kind(value: Any) -> str:
    return "" if value in _KINDS else f"{value!r} is not one of {_KINDS}"


def _length(value: Any) -> str:
    if not isinstance(value, int) or isinstance(value, bool):
        return f"{value!r} is not of type 'integer'"
    return "" if value >= 1 else f"{value} is less than the minimum of 1"


def _payload(value: Any) -> str:
    return "" if isinstance(value, str) else f"{value!r} is not of type 'string'"


def _encoding(value: Any) -> str:
    return "" if value == "base64" else f"{value!r} is not one of ['base64']"


_CHECKS: dict[str, Callable[[Any], str]] = {
    "name": _text_or_null,
    "secret_type": _kind,
    "bit_length": _length,
    "algorithm": _text_or_null,
    "mode": _text_or_null,
    "payload": _payload,
    "payload_content_encoding": _encoding,
}


def _checked(call: Call) -> Obj:
    given = call.json
    if not isinstance(given, dict):
        raise _wrong(None, f"{given!r} is not of type 'object'")
    for name, check in _CHECKS.items():
        words = check(given[name]) if name in given else ""
        if words:
            raise _wrong(name, words)
    _expiration(call, given.get("expiration"))
    media = given.get("payload_content_type")
    if "payload" in given:
        if not given["payload"]:
            raise _wrong("payload", "If 'payload' specified, must be non empty")
        if media is None:
            words = "If 'payload' is supplied, 'payload_content_type' must also be supplied."
            raise _wrong("payload_content_type", words)
        if media not in _MEDIA:
            raise _wrong("payload_content_type", f"payload_content_type is not one of {_MEDIA}")
        if media not in _TEXT and "payload_content_encoding" not in given:
            words = "payload_content_encoding is not one of ['base64', 'binary']"
            raise _wrong("payload_content_encoding", words)
    elif media is not None:
        raise _wrong("payload", "payload must be provided when payload_content_type is specified")
    return given


def _expiration(call: Call, text: Any) -> str | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise _wrong("expiration", "Invalid date for 'expiration'") from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if moment.timestamp() <= call.now:
        raise _wrong("expiration", "'expiration' is before current time")
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def _ref(call: Call, row: Obj) -> str:
    return f"{call.cloud.urls['keymanager']}/v1/secrets/{row['id']}"


def _shown(call: Call, row: Obj) -> Obj:
    names = ("created", "updated", "status", "name", "secret_type", "expiration", "algorithm", "bit_length", "mode")
    media = {"content_types": {"default": row["media"]}} if row["payload"] else {}
    return {name: row[name] for name in names} | {"creator_id": row["user"], **media, "secret_ref": _ref(call, row)}


def make(call: Call) -> Answer:
    """POST of a secret."""
    if call.header("Content-Type").partition(";")[0] != "application/json":
        words = "Unexpected content type. Expected content types are: ['application/json']"
        raise Refusal(415, words)
    if not call.who.roles & _MAY:
        raise Refusal(403, "Secret creation attempt not allowed - please review your user/project privileges")
    given = _checked(call)
    payload = str(given.get("payload", ""))
    kept = payload if given.get("payload_content_encoding") else b64encode(payload.encode()).decode()
    media = str(given.get("payload_content_type") or "")
    row = call.state.put(
        SECRETS,
        {
            "id": new_uuid(),
            "project": call.who.project_id,
            "user": call.who.user_id,
            "created": micros(call.now)[:19],
            "updated": micros(call.now)[:19],
            "status": "ACTIVE",
            "name": given.get("name"),
            "secret_type": given.get("secret_type", "opaque"),
            "expiration": _expiration(call, given.get("expiration")),
            "algorithm": given.get("algorithm"),
            "bit_length": given.get("bit_length"),
            "mode": given.get("mode"),
            "payload": kept,
            "media": "text/plain" if media in _TEXT else media,
        },
    )
    return Answer(201, {"secret_ref": _ref(call, row)}, {"Location": _ref(call, row)})


def _found(call: Call, doing: str) -> Obj:
    row = call.state.get(SECRETS, call.params["id"])
    if row is None:
        raise Refusal(404, "Secret not found.")
    if row["project"] != call.who.project_id:
        raise Refusal(403, f"{doing} attempt not allowed - please review your user/project privileges")
    return row


def show(call: Call) -> Answer:
    """GET of a secret: what is known of it, or its payload when that is what is accepted."""
    row = _found(call, "Secret retrieval")
    if call.header("Accept", "*/*").partition(";")[0] in ("*/*", "application/json"):
        return Answer(200, _shown(call, row))
    return _opened(call, row)


def payload(call: Call) -> Answer:
    """GET of the payload."""
    return _opened(call, _found(call, "Secret payload retrieval"))


def _opened(call: Call, row: Obj) -> Answer:
    accepted = call.header("Accept", "*/*")
    if not row["payload"]:
        raise Refusal(404, "Not Found. Sorry but your secret has no payload.")
    if accepted.partition(";")[0] not in ("*/*", row["media"], "application/octet-stream"):
        raise Refusal(406, "Secret payload retrieval issue seen - Wrong payload content-type.")
    media = "text/plain; charset=UTF-8" if accepted.startswith("text/plain") else accepted
    return Answer(200, None, {}, b64decode(row["payload"]), media)


def fill(call: Call) -> None:
    """PUT of the payload of a secret that has none."""
    row = _found(call, "Secret update")
    media = call.header("Content-Type").partition(";")[0]
    if media not in ("text/plain", "application/octet-stream"):
        words = "Unexpected content type. Expected content types are: ['application/octet-stream', 'text/plain']"
        raise Refusal(415, words)
    if row["payload"]:
        raise Refusal(409, "Secret already has data, cannot modify it.")
    if not call.raw:
        raise Refusal(400, "Secret update issue seen - No data supplied to process..")
    call.state.change(SECRETS, row["id"], payload=b64encode(call.raw).decode(), media=media)


def listed(call: Call) -> Obj:
    """GET of the project's secrets, some of them."""
    rows = call.state.find(SECRETS, project=call.who.project_id)
    name = call.arg("name")
    rows = [row for row in rows if not name or row["name"] == name]
    begin, most = (int(call.arg(key) or default) for key, default in (("offset", "0"), ("limit", "10")))
    return {"secrets": [_shown(call, row) for row in rows[begin : begin + most]], "total": len(rows)}


def remove(call: Call) -> None:
    """DELETE of a secret."""
    call.state.remove(SECRETS, _found(call, "Secret deletion")["id"])


def _versions(call: Call) -> Answer:
    kind = "application/vnd.openstack.key-manager-v1+json"
    links = [
        {"rel": "self", "href": f"{call.cloud.urls['keymanager']}/v1/"},
        {"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/"},
    ]
    version = {
        "id": "v1",
        "status": "stable",
        "links": links,
        "media-types": [{"base": "application/json", "type": kind}],
    }
    return Answer(300, {"versions": {"values": [version]}})


def _known_id(call: Call) -> None:
    """An id that cannot be one is told of before anybody is asked for."""
    key = call.params.get("id")
    if key is not None and (len(key) != 36 or set(key) <= {"0", "-"}):
        raise Refusal(404, "Not Found. Provided secret id is invalid.")


_ONE = "/v1/secrets/{id}"
SERVICE = Service(
    name="keymanager",
    catalog=(CatalogEntry("barbican", "key-manager"),),
    dialect=BarbicanDialect(),
    routes=(
        Route("GET", "/", _versions, public=True),
        Route("GET", "/v1/secrets", listed),
        Route("POST", "/v1/secrets", make),
        Route("GET", _ONE, show),
        Route("PUT", _ONE, fill, body="raw"),
        Route("DELETE", _ONE, remove),
        Route("GET", _ONE + "/payload", payload),
    ),
    before=_known_id,
)
