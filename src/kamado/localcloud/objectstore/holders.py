"""Accounts and containers: what they hold, their metadata, their access lists.

Called through `objectstore.SERVICE`. An account is there for each project as soon as it is looked at, as with ``account_autocreate``.
"""

from datetime import UTC, datetime

from kamado.localcloud.objectstore import listings, places
from kamado.localcloud.objectstore.places import ACCOUNTS, CONTAINERS, OBJECTS, Place
from kamado.localcloud.service import Answer, Call, Refusal
from kamado.localcloud.state import Obj

_VERSIONING = ("X-Versions-Location", "X-History-Location")
_LISTS = ("X-Container-Read", "X-Container-Write")


def moment(stamp: float) -> str:
    """As listings write times."""
    return datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


def account_of(call: Call, project: str) -> Obj:
    """An account, made when it is looked at."""
    return call.state.get(ACCOUNTS, project) or {"id": project, "meta": {}, "stamp": call.now}


def container_of(call: Call, place: Place) -> Obj | None:
    """A container, None when there is none."""
    return call.state.get(CONTAINERS, place.container_key)


def _containers(call: Call, account: str) -> list[Obj]:
    return [_row(call, each) for each in call.state.find(CONTAINERS, account=account)]


def _row(call: Call, container: Obj) -> Obj:
    held = call.state.find(OBJECTS, container=container["id"])
    size = sum(each["bytes"] for each in held)
    return {"name": container["name"], "count": len(held), "bytes": size, "last_modified": moment(container["stamp"])}


def show_account(call: Call) -> Answer:
    """GET or HEAD of an account."""
    place = places.place_of(call)
    places.may(call, place, "", None)
    account = account_of(call, place.account)
    rows = _containers(call, place.account)
    headers = {
        "X-Account-Container-Count": str(len(rows)),
        "X-Account-Object-Count": str(sum(row["count"] for row in rows)),
        "X-Account-Bytes-Used": str(sum(row["bytes"] for row in rows)),
        "X-Timestamp": f"{account['stamp']:.5f}",
        "Accept-Ranges": "bytes",
        **places.shown("account", account["meta"]),
    }
    name = f"{places.PREFIX}{place.account}"
    return listings.answer(call, "container", name, listings.chosen(call, rows), headers)


def change_account(call: Call) -> Answer:
    """POST to an account: its metadata."""
    place = places.place_of(call)
    places.may(call, place, "", None)
    account = account_of(call, place.account)
    call.state.put(ACCOUNTS, {**account, "meta": places.metadata(call, "account", account["meta"])})
    return Answer(204, None, {}, b"", places.HTML)


def show_container(call: Call) -> Answer:
    """GET or HEAD of a container."""
    place = places.place_of(call)
    container = container_of(call, place)
    places.may(call, place, "X-Container-Read", container)
    if container is None:
        raise Refusal(404)
    rows = [listed(each) for each in call.state.find(OBJECTS, container=container["id"])]
    owner = places.owns(call, place.account)
    settings = {name: places.on_the_wire(container[name]) for name in (*_VERSIONING, *_LISTS) if container.get(name)}
    headers = {
        "X-Container-Object-Count": str(len(rows)),
        "X-Container-Bytes-Used": str(sum(row["bytes"] for row in rows)),
        "X-Timestamp": f"{container['stamp']:.5f}",
        "X-Storage-Policy": "default",
        "Accept-Ranges": "bytes",
        **{name: value for name, value in settings.items() if owner or name not in _LISTS},
        **places.shown("container", container["meta"] if owner else _public(container["meta"])),
    }
    return listings.answer(call, "object", place.container, listings.chosen(call, rows), headers)


def _public(meta: Obj) -> Obj:
    """Metadata without what only the owner is shown."""
    return {name: value for name, value in meta.items() if not name.startswith("Temp-Url-Key")}


def listed(row: Obj) -> Obj:
    """An object as a listing shows it."""
    return {
        "bytes": row["bytes"],
        "hash": row["hash"],
        "name": row["name"],
        "content_type": row["content_type"],
        "last_modified": moment(row["stamp"]),
    }


def make_container(call: Call) -> Answer:
    """PUT of a container: made, or given new settings."""
    place = places.place_of(call)
    places.may(call, place, "", None)
    before = container_of(call, place)
    _keep(call, place, before)
    return Answer(202, None, {}, places.page(202), places.HTML) if before else Answer(201, None, {}, b"", places.HTML)


def change_container(call: Call) -> Answer:
    """POST to a container: its metadata, lists and versioning."""
    place = places.place_of(call)
    places.may(call, place, "", None)
    before = container_of(call, place)
    if before is None:
        raise Refusal(404)
    _keep(call, place, before)
    return Answer(204, None, {}, b"", places.HTML)


def _keep(call: Call, place: Place, before: Obj | None) -> None:
    now = before or {
        "id": place.container_key,
        "account": place.account,
        "name": place.container,
        "meta": {},
        "stamp": call.now,
    }
    settings: Obj = {}
    for name in _LISTS:
        value = places.sent(call, name)
        if value is not None:
            settings[name] = places.clean_acl(value)
    wanted = {name: places.sent(call, name) for name in _VERSIONING}
    if all(wanted.values()):
        words = "Only one of x-versions-location or x-history-location may be specified"
        raise Refusal(400, words, places.PLAIN)
    for name, value in wanted.items():
        if places.sent(call, name.replace("X-", "X-Remove-", 1)) or value == "":
            settings[name] = ""
        elif value:
            settings |= {**dict.fromkeys(_VERSIONING, ""), name: value}
    call.state.put(CONTAINERS, {**now, **settings, "meta": places.metadata(call, "container", now["meta"])})


def remove_container(call: Call) -> Answer:
    """DELETE of a container, which must be empty."""
    place = places.place_of(call)
    places.may(call, place, "", None)
    container = container_of(call, place)
    if container is None:
        raise Refusal(404)
    if call.state.find(OBJECTS, container=container["id"]):
        raise Refusal(409)
    call.state.remove(CONTAINERS, container["id"])
    return Answer(204, None, {}, b"", places.HTML)
