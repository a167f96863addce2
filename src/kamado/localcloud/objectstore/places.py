"""Where in the object store a request is, who may do what there, and how the store says no.

Called by all of `objectstore`. The trap: names are read from the request line itself, for in the decoded path a quoted slash cannot be
told from a real one, and a slash at the end belongs to an object's name.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from kamado.localcloud.errors import Dialect
from kamado.localcloud.service import NOBODY, Answer, Call, Refusal
from kamado.localcloud.state import Obj

ACCOUNTS, CONTAINERS, OBJECTS = "objectstore.accounts", "objectstore.containers", "objectstore.objects"
PREFIX = "AUTH_"
OPERATORS = frozenset({"admin", "member", "swiftoperator", "heat_stack_user"})
"""Roles that own their project's account."""
PAGES = {
    202: ("Accepted", "The request is accepted for processing."),
    401: ("Unauthorized", "This server could not verify that you are authorized to access the document you requested."),
    403: ("Forbidden", "Access was denied to this resource."),
    404: ("Not Found", "The resource could not be found."),
    405: ("Method Not Allowed", "The method is not allowed for this resource."),
    406: ("Not Acceptable", "The resource is not available in a format acceptable to your browser."),
    409: ("Conflict", "There was a conflict when trying to complete your request."),
    411: ("Length Required", "Content-Length header required."),
    412: ("Precondition Failed", "A precondition for this request was not met."),
    416: ("Requested Range Not Satisfiable", "The Range requested is not available."),
    422: ("Unprocessable Entity", "Unable to process the contained instructions"),
    503: ("Service Unavailable", "The server is currently unavailable. Please try again at a later time."),
}
METHODS = ("PUT", "HEAD", "DELETE", "POST", "COPY", "OPTIONS", "GET")
"""In the order in which the store names them."""
HTML = "text/html; charset=UTF-8"
PLAIN = "plain"
"""Kind of a refusal whose sentence is sent as plain text."""


def page(status: int) -> bytes:
    """The store's page for a status."""
    title, text = PAGES.get(status, ("Internal Error", "The server was unable to handle the request."))
    return f"<html><h1>{title}</h1><p>{text}</p></html>".encode()


class SwiftDialect(Dialect):
    """Swift: small pages, or a bare sentence."""

    def render(self, refusal: Refusal) -> Answer:
        """The refusal as Swift says it."""
        media = "text/plain" if refusal.kind == PLAIN else HTML
        body = refusal.message.encode() if refusal.message else page(refusal.status)
        return Answer(refusal.status, None, refusal.headers, body, media)

    def no_route(self, path: str) -> Refusal:
        """Outside of /v1."""
        return Refusal(412, "Bad URL")

    def no_method(self, method: str, allowed: list[str]) -> Refusal:
        """A method that the store does not have there."""
        methods = [each for each in METHODS if each in {*allowed, "HEAD"}]
        return Refusal(405, headers={"Allow": ", ".join(methods)})


@dataclass(frozen=True)
class Place:
    """What a path leads to: an account, a container in it, an object in that."""

    account: str
    container: str = ""
    name: str = ""

    @property
    def container_key(self) -> str:
        """Under which the container is kept."""
        return f"{self.account}/{self.container}"

    @property
    def key(self) -> str:
        """Under which the object is kept."""
        return f"{self.container_key}/{self.name}"

    @property
    def path(self) -> str:
        """As temporary URLs sign it."""
        parts = [f"/v1/{PREFIX}{self.account}", self.container, self.name]
        return "/".join(part for part in parts if part)


def place_of(call: Call) -> Place:
    """Where a request is."""
    raw = str(call.headers.get("REQUEST_URI") or call.path).partition("?")[0]
    path = unquote(raw.partition("/v1/")[2])
    account, _, rest = path.partition("/")
    container, _, name = rest.partition("/")
    if not account.startswith(PREFIX):
        raise denied(call)
    if len(container.encode()) > 256:
        raise Refusal(400, f"Container name length of {len(container.encode())} longer than 256")
    if len(name.encode()) > 1024 and call.method == "PUT":
        raise Refusal(400, f"Object name length of {len(name.encode())} longer than 1024", PLAIN)
    return Place(account.removeprefix(PREFIX), container, name)


def denied(call: Call, account: str = "") -> Refusal:
    """401 for who brings no token, 403 for everybody else."""
    if call.who is not NOBODY:
        return Refusal(403)
    realm = f'Swift realm="{PREFIX}{account}", Keystone uri="{call.cloud.urls["identity"]}"'
    return Refusal(401, headers={"WWW-Authenticate": realm})


def owns(call: Call, account: str) -> bool:
    """Whether the caller owns the account."""
    return call.who is not NOBODY and call.who.project_id == account and bool(call.who.roles & OPERATORS)


def may(call: Call, place: Place, acl: str, container: Obj | None) -> None:
    """Refuse who neither owns the account nor is let in by the container's list ``acl`` (its key, empty for none)."""
    if call.notes.get("signed") or owns(call, place.account):
        return
    listed = str((container or {}).get(acl) or "").split(",") if acl else []
    if not _listed(call, place, [each for each in listed if each]):
        raise denied(call, place.account)


def _listed(call: Call, place: Place, entries: Iterable[str]) -> bool:
    entries = set(entries)
    if ".r:*" in entries and call.method in ("GET", "HEAD") and (place.name or ".rlistings" in entries):
        return True
    if call.who is NOBODY:
        return False
    who, project = call.who.user_id, call.who.project_id
    pairs = {f"{p}:{u}" for p in (project, "*") for u in (who, "*")}
    return bool(entries & (pairs | call.who.roles))


def clean_acl(text: str) -> str:
    """A list as it is kept; 400 when something in it is nothing that the store knows."""
    kept = []
    for entry in (each.strip() for each in text.split(",")):
        if not entry:
            continue
        first, _, rest = entry.partition(":")
        if first.strip() in (".r", ".ref", ".referer", ".referrer"):
            kept.append(f".r:{rest.strip()}")
        elif first.startswith(".") and entry != ".rlistings":
            raise Refusal(400, f"Unknown designator '{first}' in ACL: '{text}'")
        else:
            kept.append(entry)
    return ",".join(kept)


def sent(call: Call, name: str) -> str | None:
    """A header of the request, None when it is not there; text as it was meant."""
    found: Any = call.headers.get("HTTP_" + name.upper().replace("-", "_"))
    return None if found is None else readable(str(found))


def readable(text: str) -> str:
    """A header's text: WSGI hands bytes on as Latin-1."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def on_the_wire(text: str) -> str:
    """The other way round."""
    return text.encode().decode("latin-1")


def metadata(call: Call, kind: str, before: Obj) -> Obj:
    """The metadata of an account, container or object after a request: what is sent empty or under ``X-Remove-`` goes."""
    start, drop = f"HTTP_X_{kind.upper()}_META_", f"HTTP_X_REMOVE_{kind.upper()}_META_"
    now = dict(before)
    for header, value in call.headers.items():
        if not isinstance(header, str) or not header.startswith((start, drop)):
            continue
        name = header.removeprefix(start).removeprefix(drop).replace("_", "-").title()
        value = readable(str(value))
        _allowed(kind, name, value)
        if header.startswith(drop) or value == "":
            now.pop(name, None)
        else:
            now[name] = value
    return now


def _allowed(kind: str, name: str, value: str) -> None:
    whole = f"x-{kind}-meta-{name}"
    if not name:
        raise Refusal(400, "Metadata name cannot be empty", PLAIN)
    if len(name) > 128:
        raise Refusal(400, f"Metadata name too long: {whole}", PLAIN)
    if len(value.encode()) > 256:
        raise Refusal(400, f"Metadata value longer than 256: {whole}", PLAIN)


def shown(kind: str, kept: Obj) -> dict[str, str]:
    """Metadata as headers."""
    return {f"X-{kind.title()}-Meta-{name}": on_the_wire(value) for name, value in kept.items()}
