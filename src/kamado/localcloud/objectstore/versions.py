"""Older versions of objects, kept in a container that ``X-Versions-Location`` or ``X-History-Location`` names.

Called by `objects` before it overwrites or removes. With a versions location a removal brings the last version back, with a history
location it leaves a mark of itself behind.
"""

from kamado.localcloud.objectstore.places import CONTAINERS, OBJECTS, Place
from kamado.localcloud.service import Call, Refusal
from kamado.localcloud.state import Obj

_DELETED = "application/x-deleted;swift_versions_deleted=1"


def _prefix(name: str) -> str:
    return f"{len(name.encode()):03x}{name}/"


def _archive(call: Call, place: Place, container: Obj, row: Obj) -> None:
    where = container.get("X-Versions-Location") or container.get("X-History-Location") or ""
    target = Place(place.account, where, f"{_prefix(place.name)}{row['stamp']:016.5f}")
    if call.state.get(CONTAINERS, target.container_key) is None:
        raise Refusal(412)
    kept = {**row, "id": target.key, "container": target.container_key, "name": target.name}
    call.state.put(OBJECTS, {key: value for key, value in kept.items() if key != "_seq"})


def overwritten(call: Call, place: Place, container: Obj, row: Obj | None) -> None:
    """Keeps what is about to be overwritten."""
    if row is not None and (container.get("X-Versions-Location") or container.get("X-History-Location")):
        _archive(call, place, container, row)


def removed(call: Call, place: Place, container: Obj, row: Obj | None) -> bool:
    """Keeps what is about to be removed, or brings an older version back in its place: then True."""
    if container.get("X-History-Location"):
        if row is not None:
            _archive(call, place, container, row)
        mark = {**(row or {}), "bytes": 0, "hash": "d41d8cd98f00b204e9800998ecf8427e", "content_type": _DELETED}
        _archive(call, place, container, {**mark, "data": "", "meta": {}, "headers": {}, "stamp": call.now})
        return False
    if not container.get("X-Versions-Location"):
        return False
    where = Place(place.account, container["X-Versions-Location"]).container_key
    found = [each for each in call.state.find(OBJECTS, container=where) if each["name"].startswith(_prefix(place.name))]
    if not found:
        return False
    last = max(found, key=lambda each: each["name"])
    call.state.remove(OBJECTS, last["id"])
    own = {"id": place.key, "container": place.container_key, "name": place.name, "stamp": call.now}
    call.state.put(OBJECTS, {**{key: value for key, value in last.items() if key != "_seq"}, **own})
    return True
