"""Images: registering, listing, changing by JSON patch, tags, and the checks that data and members share.

Called through `image.SERVICE`; other services refer to `IMAGES`. The trap: custom properties lie in the image's object beside the
declared ones (`_custom` names them), and must never be mistaken for fields of our own.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from kamado.localcloud import crud
from kamado.localcloud.collection import Collection, Field, Policy, new_uuid
from kamado.localcloud.errors import next_query
from kamado.localcloud.image import schemas
from kamado.localcloud.service import Answer, Call, Refusal, Route
from kamado.localcloud.state import Obj

TABLE, MEMBERS, DATA = "image.images", "image.members", "image.data"
BASE = tuple(name for name in schemas.IMAGE if schemas.IMAGE[name].get("is_base", True))
SHOWN = tuple(name for name in BASE if name not in ("self", "file", "schema", "locations", "direct_url", "stores"))
READ_ONLY = frozenset(n for n in schemas.IMAGE if schemas.IMAGE[n].get("readOnly")) | {"locations"}
DEFAULTS: Mapping[str, Any] = {
    "name": None,
    "status": "queued",
    "visibility": "shared",
    "protected": False,
    "os_hidden": False,
    "checksum": None,
    "os_hash_algo": None,
    "os_hash_value": None,
    "size": None,
    "virtual_size": None,
    "container_format": None,
    "disk_format": None,
    "tags": [],
    "min_ram": 0,
    "min_disk": 0,
}
SORT_KEYS = ("name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at")
PATCH_TYPES = tuple(f"application/openstack-images-v2.{minor}-json-patch" for minor in (0, 1))
METHODS = "glance-direct,web-download,copy-image"


def membership(call: Call, image: Obj, project_id: str) -> Obj | None:
    """The project's membership of a shared image."""
    return call.state.get(MEMBERS, f"{image['id']}/{project_id}") if image["visibility"] == "shared" else None


def _seen_by_others(call: Call, image: Obj) -> bool:
    return image["visibility"] in ("public", "community") or membership(call, image, call.who.project_id) is not None


# declared for its name and its visibility; the requests below are Glance's own
IMAGES = Collection(
    service="image",
    plural="images",
    singular="image",
    path="/v2/images",
    owner="owner",
    visible=_seen_by_others,
    fields=tuple(Field(name) for name in SHOWN if name not in ("id", "created_at", "updated_at")),
    policy=Policy("", "", "", "", ""),
)


def view(image: Obj) -> Obj:
    """An image as Glance shows it: custom properties first."""
    seen = {name: image[name] for name in image["_custom"]}
    seen |= {name: image.get(name) for name in SHOWN}
    path = f"/v2/images/{image['id']}"
    seen |= {"self": path, "file": f"{path}/file", "schema": "/v2/schemas/image"}
    if image["size"] is not None:
        seen |= {"stores": "local"}
    return seen


def allow(call: Call, rule: str, role: str = "member") -> None:
    """403 for those who have not the role."""
    if not crud.permits(call, role):
        raise call.service.dialect.forbidden(rule)


def find(call: Call, image_id: str | None = None) -> Obj:
    """The image of the path, if the caller may see it; 404 else."""
    return crud.find(call, IMAGES, image_id or call.params["image_id"])


def own(call: Call, rule: str) -> Obj:
    """The image of the path, if the caller may change it: 403 for one that is only visible."""
    image = find(call)
    allow(call, rule)
    if not call.who.is_admin and image["owner"] != call.who.project_id:
        raise call.service.dialect.forbidden(rule)
    return image


def _audience(call: Call, visibility: str) -> None:
    if visibility == "public" and not call.who.is_admin:
        raise call.service.dialect.forbidden("publicize_image")


def _sizes(values: Obj) -> None:
    for name in ("min_disk", "min_ram"):
        if values.get(name, 0) < 0:
            text = f"Invalid value '{values[name]}' for parameter '{name}': Cannot be a negative value"
            raise Refusal(400, text)


def register(call: Call) -> Answer:
    """POST /v2/images."""
    allow(call, "add_image")
    given = call.json
    if not isinstance(given, dict):
        raise Refusal(500, "The server has either erred or is incapable of performing the requested operation.")
    schemas.check(given)
    for name in given:
        if name in READ_ONLY:
            raise Refusal(403, f"Attribute '{name}' is read-only.")
    _sizes(given)
    owner = given.get("owner", call.who.project_id)
    if owner != call.who.project_id and not call.who.is_admin:
        raise Refusal(403, f"You are not permitted to create images owned by '{owner}'.")
    _audience(call, given.get("visibility", ""))
    image_id = given.get("id") or new_uuid()
    if call.state.get(TABLE, image_id):
        raise Refusal(409, f"Image ID {image_id} already exists!")
    image = add(call, {**given, "id": image_id, "owner": owner})
    headers = {
        "Location": f"{call.url}/{image_id}",
        "OpenStack-image-import-methods": METHODS,
        "OpenStack-image-store-ids": "local",
    }
    return Answer(201, view(image), headers)


def add(call: Call, values: Obj) -> Obj:
    """Store a new image; also for seeds."""
    stamp = call.stamp()
    tags = sorted(set(values.get("tags", [])))
    image = {**DEFAULTS, **values, "tags": tags, "created_at": stamp, "updated_at": stamp}
    image["_custom"] = [name for name in values if name not in BASE]
    return call.state.put(TABLE, image)


def changed(call: Call, image: Obj, **changes: Any) -> Obj:
    """Store a changed image with a new `updated_at`."""
    return call.state.change(TABLE, image["id"], updated_at=call.stamp(), **changes)


def show(call: Call) -> Obj:
    """GET /v2/images/{image_id}."""
    image = find(call)
    allow(call, "get_image", "reader")
    seen = call.state.touch(TABLE, image)
    return view(seen or image)


def remove(call: Call) -> Answer:
    """DELETE /v2/images/{image_id}."""
    image_id = call.params["image_id"]
    image = call.state.get(TABLE, image_id)
    if image is None or not crud.visible(call, IMAGES, image):
        raise Refusal(404, f"Failed to find image {image_id} to delete")
    image = own(call, "delete_image")
    if image["protected"]:
        raise Refusal(403, f"Image {image_id} is protected and cannot be deleted.")
    call.state.remove(TABLE, image_id)
    call.state.remove(DATA, image_id)
    for member in call.state.find(MEMBERS, image_id=image_id):
        call.state.remove(MEMBERS, f"{image_id}/{member['member_id']}")
    return Answer(204)


# JSON patch


def patch(call: Call) -> Obj:
    """PATCH /v2/images/{image_id}: add, replace and remove of whole properties."""
    kind = call.header("Content-Type").partition(";")[0].strip()
    if kind not in PATCH_TYPES:
        text = (
            f"The request media type {kind} is not supported by this server.\n\n"
            f"Image PATCH expects Content-Type one of: {', '.join(PATCH_TYPES)}"
        )
        raise Refusal(415, text)
    if not isinstance(call.json, list):
        raise Refusal(400, "Request body must be a JSON array of operation objects.")
    operations = [_operation(given) for given in call.json]
    image = own(call, "modify_image")
    for verb, name, value in operations:
        image = _apply(call, image, verb, name, value)
    return view(call.state.put(TABLE, {**image, "updated_at": call.stamp()}))


def _operation(given: Any) -> tuple[str, str, Any]:
    if not isinstance(given, dict):
        raise Refusal(400, "Operations must be JSON objects.")
    verb = next((v for v in ("add", "remove", "replace") if v in given), None)  # v2.0: the verb is the key
    path = given.get(verb) if verb else given.get("path")
    verb = verb or given.get("op")
    if verb is None:
        raise Refusal(400, "Unable to find '`op`' in JSON Schema change")
    if verb not in ("add", "remove", "replace"):
        raise Refusal(400, f"Invalid operation: `{verb}`. It must be one of the following: add, remove, replace.")
    if not isinstance(path, str) or not path.startswith("/") or len(path) < 2:
        raise Refusal(400, f"Invalid JSON pointer for this resource: '{path}'")
    if verb != "remove" and "value" not in given:
        raise Refusal(400, f'Operation "{verb}" requires a member named "value".')
    name = path[1:].replace("~1", "/").replace("~0", "~")
    if "/" in path[1:] and name.split("/")[0] in ("tags", "locations"):
        raise Refusal(400, f"Invalid JSON pointer for this resource: '{path}'")
    return verb, name, given.get("value")


def _apply(call: Call, image: Obj, verb: str, name: str, value: Any) -> Obj:
    if name in READ_ONLY or name == "id":
        raise Refusal(403, f"Attribute '{name}' is read-only.")
    custom = image["_custom"]
    there = name in BASE or name in custom
    if verb != "add" and not there:
        text = "There was a conflict when trying to complete your request."
        raise Refusal(409, f"{text}\n\n Property {name} does not exist.")
    if verb == "remove":
        if name in BASE:
            raise Refusal(403, f"Access was denied to this resource.\n\n Property {name} may not be removed.")
        left = {k: v for k, v in image.items() if k != name}
        return {**left, "_custom": [c for c in custom if c != name]}
    schemas.check({name: value})
    _sizes({name: value} if name.startswith("min_") else {})
    if name == "visibility":
        _audience(call, value)
    if name == "owner" and value != image["owner"] and not call.who.is_admin:
        raise call.service.dialect.forbidden("modify_image")
    if name in ("disk_format", "container_format") and image["status"] != "queued":
        text = f"Attribute {name} can be only replaced for a queued image."
        raise Refusal(403, text)
    if name == "tags":
        value = sorted(set(value))
    if not there:
        image = {**image, "_custom": [*custom, name]}
    return {**image, name: value}


# lists


def index(call: Call) -> Obj:
    """GET /v2/images."""
    allow(call, "get_images", "reader")
    _valid_query(call)
    rows = _sorted(call, [image for image in call.state.all(TABLE) if _wanted(call, image)])
    marker = call.arg("marker")
    if marker:
        place = next((i for i, image in enumerate(rows) if image["id"] == marker), None)
        if place is None:
            raise Refusal(400, f"No image found with ID {marker}")
        rows = rows[place + 1 :]
    limit = min(int(call.arg("limit", "25")), 1000)
    page = rows[:limit]
    seen = [view(call.state.touch(TABLE, image) or image) for image in page]
    first = urlencode([(k, v) for k, values in call.query.items() if k != "marker" for v in values])
    body: Obj = {
        "images": seen,
        "first": "/v2/images" + (f"?{first}" if first else ""),
        "schema": "/v2/schemas/images",
    }
    if page and len(page) == limit:
        body["next"] = f"/v2/images?{next_query(call, page[-1]['id'])}"
    return body


def _valid_query(call: Call) -> None:
    limit = call.arg("limit", "25")
    if not limit.lstrip("-").isdigit():
        raise Refusal(400, "limit param must be an integer")
    if int(limit) < 0:
        raise Refusal(400, "limit param must be positive")
    visibility = call.arg("visibility")
    if visibility and visibility not in (*schemas.VISIBILITIES, "all"):
        raise Refusal(400, f"Invalid visibility value: {visibility}")
    if call.arg("member_status", "all") not in ("pending", "accepted", "rejected", "all"):
        raise Refusal(400, f"Invalid status: {call.arg('member_status')}")
    for name in ("size_min", "size_max"):
        if not call.arg(name, "0").isdigit():
            raise Refusal(400, f"Unable to filter on a range with a non-numeric value. {call.arg(name)}")


def _wanted(call: Call, image: Obj) -> bool:
    visibility, project = call.arg("visibility"), call.who.project_id
    is_own = image["owner"] == project
    if visibility not in ("", "all") and image["visibility"] != visibility:
        return False
    if not is_own and not call.who.is_admin:
        if image["visibility"] == "community" and visibility not in ("community", "all"):
            return False
        if image["visibility"] == "shared":
            member = membership(call, image, project)
            asked = call.arg("member_status", "accepted")
            if member is None or asked not in ("all", member["status"]):
                return False
        if image["visibility"] == "private":
            return False
    if image["os_hidden"] != (call.arg("os_hidden").lower() == "true"):
        return False
    return all(_passes(image, name, values) for name, values in call.query.items())


_NO_FILTER = frozenset({"limit", "marker", "sort_key", "sort_dir", "sort", "visibility", "member_status", "os_hidden"})


def _passes(image: Obj, name: str, values: list[str]) -> bool:
    if name in _NO_FILTER:
        return True
    if name == "tag":
        return set(values) <= set(image["tags"])
    value = values[-1]
    if name == "size_min":
        return image["size"] is not None and image["size"] >= int(value)
    if name == "size_max":
        return image["size"] is not None and image["size"] <= int(value)
    if name in ("created_at", "updated_at"):
        return _in_time(image[name], value)
    stored = image.get(name) if name in BASE or name in image["_custom"] else None
    if isinstance(stored, bool):
        return value.lower() == str(stored).lower()
    wanted = [v.strip('"') for v in value[3:].split(",")] if value.startswith("in:") else [value]
    return stored is not None and str(stored) in wanted


_COMPARE: Mapping[str, Callable[[datetime, datetime], bool]] = {
    "eq": lambda a, b: a == b,
    "neq": lambda a, b: a != b,
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}


def _in_time(stored: str, asked: str) -> bool:
    operator, _, when = asked.partition(":")
    if operator not in _COMPARE:
        operator, when = "eq", asked
    try:
        moment = datetime.fromisoformat(when if when.endswith("Z") or "+" in when else when + "Z")
    except ValueError:
        raise Refusal(400, f"Bad DateTime format: {when}") from None
    return _COMPARE[operator](datetime.fromisoformat(stored), moment)


def _sorted(call: Call, rows: list[Obj]) -> list[Obj]:
    keys = list(call.query.get("sort_key", []))
    directions = list(call.query.get("sort_dir", []))
    for part in call.arg("sort").split(","):
        if part:
            key, _, direction = part.partition(":")
            keys.append(key)
            directions.append(direction or "desc")
    for key in keys:
        if key not in SORT_KEYS:
            raise Refusal(400, f"Invalid sort key: {key}. It must be one of the following: {', '.join(SORT_KEYS)}.")
    for direction in directions:
        if direction not in ("asc", "desc"):
            raise Refusal(400, f"Invalid sort direction: {direction}")
    rows = rows[::-1]  # newest first
    directions += [directions[-1] if directions else "desc"] * len(keys)
    for key, direction in reversed(list(zip(keys, directions, strict=False))):
        rows = sorted(rows, key=lambda i: (i[key] is not None, i[key] or ""), reverse=direction == "desc")
    return rows


# tags


def add_tag(call: Call) -> Answer:
    """PUT /v2/images/{image_id}/tags/{tag}."""
    image = own(call, "modify_image")
    schemas.check({"tags": [call.params["tag"]]})
    changed(call, image, tags=sorted({*image["tags"], call.params["tag"]}))
    return Answer(204)


def remove_tag(call: Call) -> Answer:
    """DELETE the same."""
    image = own(call, "modify_image")
    if call.params["tag"] not in image["tags"]:
        raise Refusal(404, "The resource could not be found.")
    changed(call, image, tags=[tag for tag in image["tags"] if tag != call.params["tag"]])
    return Answer(204)


ROUTES = (
    Route("POST", "/v2/images", register),
    Route("GET", "/v2/images", index),
    Route("GET", "/v2/images/{image_id}", show),
    Route("PATCH", "/v2/images/{image_id}", patch),
    Route("DELETE", "/v2/images/{image_id}", remove, body="none"),
    Route("PUT", "/v2/images/{image_id}/tags/{tag}", add_tag, body="none"),
    Route("DELETE", "/v2/images/{image_id}/tags/{tag}", remove_tag, body="none"),
)
