"""What Keystone's requests have in common: links, names of policy rules, lenient booleans, who may act for whom.

Called by every module of `identity`.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from kamado.localcloud.collection import Collection, Policy
from kamado.localcloud.crud import plain_view
from kamado.localcloud.errors import bad_request
from kamado.localcloud.service import Call, Refusal
from kamado.localcloud.state import Obj

TRUE = (True, "True", "TRUE", "true", "1", "y", "Y", "on", "ON", "yes")
FALSE = (False, "False", "FALSE", "false", "", "0", "n", "N", "off", "OFF", "no")


def lenient_boolean(value: Any) -> Any:
    """A boolean as Keystone takes it: many words for yes and no."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)) or value not in TRUE + FALSE:
        raise ValueError(f"{value!r} is not one of {[*TRUE[:4], *FALSE]}")
    return value in TRUE


def policy(singular: str, plural: str, read: str = "admin", write: str = "admin", update: str | None = None) -> Policy:
    """Who may read and write a collection, with Keystone's names for the rules."""
    names = {
        "create": f"create_{singular}",
        "list": f"list_{plural}",
        "show": f"get_{singular}",
        "update": f"update_{singular}",
        "delete": f"delete_{singular}",
    }
    return Policy(write, read, read, write if update is None else update, write, names)


def linked(path: str) -> Callable[[Call, Obj], Obj]:
    """A view with `links.self` under a path, extras included."""

    def view(call: Call, obj: Obj) -> Obj:
        seen = plain_view(_of_path(call, path), obj)
        seen["links"] = {"self": self_link(call, f"{path}/{obj['id']}")}
        return seen

    return view


def _of_path(call: Call, path: str) -> Collection:
    return next(c for c in call.service.collections if c.path == path)


def self_link(call: Call, path: str) -> str:
    """An address in Keystone."""
    return f"{call.cloud.urls['identity']}{path}"


def listing(call: Call, plural: str, views: list[Obj]) -> Obj:
    """A list's body."""
    query = "?" + "&".join(f"{k}={v}" if v else k for k, vs in call.query.items() for v in vs) if call.query else ""
    return {plural: views, "links": {"next": None, "self": self_link(call, call.path + query), "previous": None}}


def need(call: Call, what: str, *, also: bool = False) -> None:
    """Refuse unless the caller is an administrator or `also` holds; `what` is the rule's name without its prefix."""
    if not call.who.is_admin and not also:
        raise call.service.dialect.forbidden(what)


def is_self(call: Call, user_id: str) -> bool:
    """Whether the caller is this user."""
    return call.who.user_id == user_id


def known(call: Call, table: str, object_id: str) -> Obj:
    """An object of a table or 404, whoever asks."""
    obj = call.state.get(table, object_id)
    if obj is None:
        raise call.service.dialect.not_found(call.cloud.collection(table), object_id)
    return obj


def required(call: Call, name: str, values: Obj, *fields: str) -> None:
    """Refuse (400) a body that lacks one of the fields."""
    for field in fields:
        if field not in values:
            text = f"Invalid input for field/attribute {name}. Value: {values}. '{field}' is a required property"
            raise Refusal(400, text)


def moment(value: Any, name: str) -> float | None:
    """Seconds since 1970 of an ISO 8601 time in UTC; None stays None, anything else is a 400."""
    if value is None:
        return None
    try:
        when = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise bad_request(f"Invalid input for field/attribute {name}. Value: {value}.") from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def own_domain(call: Call) -> str:
    """The domain that new objects go to when none is named: that of the token's scope."""
    if call.who.domain_id:
        return call.who.domain_id
    project = call.state.get("identity.projects", call.who.project_id)
    return str(project["domain_id"]) if project else "default"


def duplicate(kind: str, name: str, domain_id: str | None) -> Refusal:
    """409 for a name that is taken."""
    where = f" at domain ID {domain_id}" if domain_id else ""
    text = f"Conflict occurred attempting to store {kind} - Duplicate entry found with name {name}{where}."
    return Refusal(409, text)
