"""Objects: their bytes, their metadata, and how they are written, read and removed.

Called through `objectstore.SERVICE`. The trap: POST replaces all metadata of an object, and no content type means the one that the name
stands for.
"""

import hashlib
import math
import mimetypes
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from kamado.localcloud.objectstore import places, tempurl, versions
from kamado.localcloud.objectstore.holders import container_of
from kamado.localcloud.objectstore.places import OBJECTS, PLAIN, Place
from kamado.localcloud.service import Answer, Call, Refusal
from kamado.localcloud.state import Obj

_KEPT = ("Content-Encoding", "Content-Disposition", "X-Delete-At", "Cache-Control")
_UNKNOWN = "application/octet-stream"


def object_of(call: Call, place: Place) -> Obj | None:
    """An object that has not expired, None when there is none."""
    row = call.state.get(OBJECTS, place.key)
    until = (row or {}).get("headers", {}).get("X-Delete-At")
    return None if until is not None and int(until) <= call.now else row


def _at(call: Call, acl: str) -> tuple[Place, Obj | None]:
    place = places.place_of(call)
    container = container_of(call, place)
    places.may(call, place, acl, container)
    return place, container


def show(call: Call) -> Answer:
    """GET or HEAD of an object."""
    place, container = _at(call, "X-Container-Read")
    row = object_of(call, place) if container else None
    if row is None:
        raise Refusal(404)
    return tempurl.dressed(call, place, _shown(call, row))


def _shown(call: Call, row: Obj) -> Answer:
    modified = datetime.fromtimestamp(math.ceil(row["stamp"]), UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    headers = {
        "ETag": row["hash"],
        "Last-Modified": modified,
        "X-Timestamp": f"{row['stamp']:.5f}",
        "Accept-Ranges": "bytes",
        **row["headers"],
        **places.shown("object", row["meta"]),
    }
    match, none_match = (places.sent(call, name) for name in ("If-Match", "If-None-Match"))
    if match not in (None, "*") and row["hash"] not in _tags(match):
        del headers["Accept-Ranges"]
        return Answer(412, None, headers, b"", places.HTML)
    if none_match is not None and (none_match == "*" or row["hash"] in _tags(none_match)):
        return Answer(304, None, headers, b"", row["content_type"])
    data = b64decode(row["data"])
    begin, end = _range(places.sent(call, "Range") or "", len(data))
    if begin is None:
        return Answer(200, None, headers, data, row["content_type"])
    if begin >= end:
        headers["Content-Range"] = f"bytes */{len(data)}"
        return Answer(416, None, headers, places.page(416), row["content_type"])
    headers["Content-Range"] = f"bytes {begin}-{end - 1}/{len(data)}"
    return Answer(206, None, headers, data[begin:end], row["content_type"])


def _tags(text: str | None) -> list[str]:
    return [tag.strip().strip('"') for tag in (text or "").split(",")]


def _range(text: str, size: int) -> tuple[int | None, int]:
    """One range of bytes, its end excluded; None for what is no range."""
    first, dash, last = text.removeprefix("bytes=").partition("-")
    if not text.startswith("bytes=") or not dash or not (first + last).isdigit():
        return None, 0
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size


def write(call: Call) -> Answer:
    """PUT of an object, with its bytes or as a copy."""
    place, container = _at(call, "X-Container-Write")
    if container is None:
        raise Refusal(404)
    before = object_of(call, place)
    unless = places.sent(call, "If-None-Match")
    if unless not in (None, "*"):
        raise Refusal(400, "If-None-Match only supports *", PLAIN)
    if unless == "*" and before is not None:
        raise Refusal(412)
    source = places.sent(call, "X-Copy-From")
    if source is None and "CONTENT_LENGTH" not in call.headers and "HTTP_TRANSFER_ENCODING" not in call.headers:
        raise Refusal(411, "Missing Content-Length header.", PLAIN)
    copied = _source(call, place, source) if source is not None else None
    row = _row(call, place, copied)
    wanted = places.sent(call, "ETag")
    if wanted and wanted.strip('"').lower() != row["hash"]:
        raise Refusal(422)
    versions.overwritten(call, place, container, before)
    call.state.put(OBJECTS, row)
    if row["headers"].get("X-Delete-At"):
        call.state.later(OBJECTS, row["id"], float(row["headers"]["X-Delete-At"]), None)
    headers = {"ETag": row["hash"]}
    if copied is not None:
        headers |= {"X-Copied-From": quote(str(source).lstrip("/")), **places.shown("object", row["meta"])}
    return Answer(201, None, headers, b"", places.HTML)


def _source(call: Call, place: Place, text: str) -> Obj:
    container, _, name = unquote(text).lstrip("/").partition("/")
    source = Place(place.account, container, name)
    found = container_of(call, source)
    if not (places.owns(call, place.account) and found):
        places.may(call, source, "X-Container-Read", found)
    row = object_of(call, source) if found else None
    if row is None:
        raise Refusal(404)
    return row


def _row(call: Call, place: Place, copied: Obj | None) -> Obj:
    data = b64decode(copied["data"]) if copied else call.raw
    media = str(call.headers.get("CONTENT_TYPE") or "")
    guessed = mimetypes.guess_type(place.name)[0] or _UNKNOWN
    return {
        "id": place.key,
        "container": place.container_key,
        "name": place.name,
        "bytes": len(data),
        "hash": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "content_type": media or (copied["content_type"] if copied else guessed),
        "stamp": call.now,
        "meta": places.metadata(call, "object", copied["meta"] if copied else {}),
        "headers": _headers(call),
        "data": b64encode(data).decode(),
    }


def _headers(call: Call) -> dict[str, str]:
    kept = {name: value for name in _KEPT if (value := places.sent(call, name))}
    after, at = places.sent(call, "X-Delete-After"), kept.get("X-Delete-At")
    if after is not None:
        if not after.lstrip("-").isdigit():
            raise Refusal(400, "Non-integer X-Delete-After", PLAIN)
        at = kept["X-Delete-At"] = str(int(call.now) + int(after))
    if at is not None and not at.isdigit():
        raise Refusal(400, "Non-integer X-Delete-At", PLAIN)
    if at is not None and int(at) <= call.now:
        raise Refusal(400, f"X-Delete-{'After' if after is not None else 'At'} in past", PLAIN)
    return kept


def change(call: Call) -> Answer:
    """POST to an object: all of its metadata."""
    place, container = _at(call, "X-Container-Write")
    row = object_of(call, place) if container else None
    if row is None:
        raise Refusal(404)
    changes = {
        "meta": places.metadata(call, "object", {}),
        "headers": {**{k: v for k, v in row["headers"].items() if k != "X-Delete-At"}, **_headers(call)},
        "content_type": str(call.headers.get("CONTENT_TYPE") or row["content_type"]),
        "stamp": call.now,
    }
    call.state.change(OBJECTS, row["id"], **changes)
    return Answer(202, None, {}, places.page(202), places.HTML)


def remove(call: Call) -> Answer:
    """DELETE of an object; with versions the one before comes back."""
    place, container = _at(call, "X-Container-Write")
    row = object_of(call, place) if container else None
    back = container is not None and versions.removed(call, place, container, row)
    if row is None and not back:
        # What was noted of the attempt stays (a mark in the history), so this is no refusal.
        return Answer(404, None, {}, places.page(404), places.HTML)
    if row is not None and not back:
        call.state.remove(OBJECTS, row["id"])
    return Answer(204, None, {}, b"", places.HTML)
