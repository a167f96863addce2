"""Flavors: sizes of servers, with extra specs and, for private ones, access.

Requests of the service. The trap: a swap of 0 is shown as "" before 2.75.
"""

from typing import Any

from kamado.localcloud import crud
from kamado.localcloud.collection import new_uuid
from kamado.localcloud.compute.wording import admin_only, check, count, extra, inside, label, missing, truth, wrong
from kamado.localcloud.microversions import of
from kamado.localcloud.service import Answer, Call, Refusal
from kamado.localcloud.state import Obj

TABLE = "compute.flavors"
EXTRA = ("OS-FLV-EXT-DATA:ephemeral", "OS-FLV-DISABLED:disabled", "os-flavor-access:is_public")


def links(call: Call, plural: str, object_id: str) -> list[Obj]:
    """The two links that Nova gives with an object."""
    base = call.cloud.urls["compute"]
    return [
        {"rel": "self", "href": f"{base}/v2.1/{plural}/{object_id}"},
        {"rel": "bookmark", "href": f"{base}/{plural}/{object_id}"},
    ]


def visible(call: Call, obj: Obj) -> bool:
    """Public, or open to the caller's project."""
    return bool(obj["is_public"] or call.who.is_admin or call.who.project_id in obj["projects"])


def show(call: Call, obj: Obj) -> Obj:
    """A flavor."""
    swap = obj["swap"] or (0 if of(call) >= (2, 75) else "")
    view = {
        "id": obj["id"], "name": obj["name"], "ram": obj["ram"], "disk": obj["disk"], "swap": swap,
        "OS-FLV-EXT-DATA:ephemeral": obj["ephemeral"], "OS-FLV-DISABLED:disabled": False, "vcpus": obj["vcpus"],
        "os-flavor-access:is_public": obj["is_public"], "rxtx_factor": obj["rxtx_factor"],
        "links": links(call, "flavors", obj["id"]),
    }  # fmt: skip
    if of(call) >= (2, 55):
        view["description"] = obj["description"]
    if of(call) >= (2, 61):
        view["extra_specs"] = obj["extra_specs"]
    return view


def brief(call: Call, obj: Obj) -> Obj:
    """A flavor in a short list."""
    view = {"id": obj["id"], "name": obj["name"], "links": links(call, "flavors", obj["id"])}
    return view | {"description": obj["description"]} if of(call) >= (2, 55) else view


def by_public(call: Call, obj: Obj, value: str) -> bool:
    """The filter `is_public` is for administrators; None means both."""
    if not call.who.is_admin or value.lower() == "none":
        return True
    return bool(obj["is_public"] == (value.lower() in ("true", "1", "t", "yes", "on")))


def at_least(field: str, name: str) -> Any:
    """The filters `minRam` and `minDisk`."""

    def passes(call: Call, obj: Obj, value: str) -> bool:
        if not value.isdigit():
            raise Refusal(400, f"Invalid {name} filter [{value}]")
        return bool(obj[field] >= int(value))

    return passes


def find(call: Call, flavor_id: Any = None) -> Obj:
    """The flavor of the path, if the caller may use it."""
    wanted = str(call.params["id"] if flavor_id is None else flavor_id)
    obj = call.state.get(TABLE, wanted)
    if obj is None or not visible(call, obj):
        raise Refusal(404, f"Flavor {wanted} could not be found.")
    return obj


TYPES = {
    "name": label, "ram": count(1), "vcpus": count(1), "disk": count(0), "swap": count(0),
    "OS-FLV-EXT-DATA:ephemeral": count(0), "os-flavor-access:is_public": truth,
}  # fmt: skip


def create(call: Call) -> Obj:
    """POST /flavors."""
    admin_only(call, "os-flavor-manage:create")
    given = inside(call, "flavor")
    for key in ("name", "ram", "vcpus", "disk"):
        if key not in given:
            raise missing("flavor", given, key)
    known = [*TYPES, "id", "rxtx_factor"] + (["description"] if of(call) >= (2, 55) else [])
    strange = [key for key in given if key not in known]
    if strange:
        raise extra("flavor", given, strange)
    values = {key: check(key, given[key], kind) for key, kind in TYPES.items() if key in given}
    flavor_id = given.get("id")
    flavor_id = new_uuid() if flavor_id in (None, "auto") else str(flavor_id)
    if call.state.first(TABLE, name=values["name"]):
        raise Refusal(409, f"Flavor with name {values['name']} already exists.")
    if call.state.get(TABLE, flavor_id):
        raise Refusal(409, f"Flavor with ID {flavor_id} already exists.")
    try:
        factor = float(given.get("rxtx_factor", 1.0))
    except (TypeError, ValueError):
        raise wrong("rxtx_factor", given["rxtx_factor"], f"{given['rxtx_factor']!r} is not of type 'number'") from None
    return {
        "flavor": show(
            call, add(call, {**values, "id": flavor_id, "rxtx_factor": factor, "description": given.get("description")})
        )
    }


def add(call: Call, values: Obj) -> Obj:
    """Keep a flavor; also for seeds."""
    obj = {
        "id": values.get("id") or new_uuid(), "name": values["name"], "ram": values["ram"], "vcpus": values["vcpus"],
        "disk": values["disk"], "swap": values.get("swap", 0), "ephemeral": values.get("OS-FLV-EXT-DATA:ephemeral", 0),
        "rxtx_factor": values.get("rxtx_factor", 1.0), "is_public": values.get("os-flavor-access:is_public", True),
        "description": values.get("description"), "extra_specs": {}, "projects": [],
    }  # fmt: skip
    return call.state.put(TABLE, obj)


def update(call: Call) -> Obj:
    """PUT /flavors/{id}: the description, since 2.55."""
    if of(call) < (2, 55):
        raise Refusal(404, "The resource could not be found.")
    admin_only(call, "os-flavor-manage:update")
    given = inside(call, "flavor")
    if "description" not in given:
        raise missing("flavor", given, "description")
    return {"flavor": show(call, call.state.change(TABLE, find(call)["id"], description=given["description"]))}


def delete(call: Call) -> Answer:
    """DELETE /flavors/{id}: servers keep their copy."""
    admin_only(call, "os-flavor-manage:delete")
    call.state.remove(TABLE, find(call)["id"])
    return Answer(202)


# extra specs


def specs(call: Call) -> Obj:
    """GET /flavors/{id}/os-extra_specs."""
    return {"extra_specs": find(call)["extra_specs"]}


def _keep(call: Call, obj: Obj, specs: dict[str, str]) -> None:
    call.state.change(TABLE, obj["id"], extra_specs=specs)


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{value!r} is not of type 'string', 'number'")
    return str(value)


def add_specs(call: Call) -> Obj:
    """POST /flavors/{id}/os-extra_specs."""
    admin_only(call, "os-flavor-extra-specs:create")
    given = {key: check(key, value, _text) for key, value in inside(call, "extra_specs").items()}
    obj = find(call)
    _keep(call, obj, {**obj["extra_specs"], **given})
    return {"extra_specs": given}


def _held(call: Call) -> tuple[Obj, str]:
    obj, key = find(call), call.params["key"]
    if key not in obj["extra_specs"]:
        raise Refusal(404, f"Flavor {obj['id']} has no extra specs with key {key}.")
    return obj, key


def read_spec(call: Call) -> Obj:
    """GET /flavors/{id}/os-extra_specs/{key}."""
    obj, key = _held(call)
    return {key: obj["extra_specs"][key]}


def put_spec(call: Call) -> Obj:
    """PUT /flavors/{id}/os-extra_specs/{key}."""
    admin_only(call, "os-flavor-extra-specs:update")
    key, body = call.params["key"], call.json
    if not isinstance(body, dict) or set(body) != {key}:
        raise Refusal(400, "Request body and URI mismatch")
    obj, value = find(call), check(key, body[key], _text)
    _keep(call, obj, {**obj["extra_specs"], key: value})
    return {key: value}


def drop_spec(call: Call) -> Answer:
    """DELETE /flavors/{id}/os-extra_specs/{key}."""
    admin_only(call, "os-flavor-extra-specs:delete")
    obj, key = _held(call)
    _keep(call, obj, {k: v for k, v in obj["extra_specs"].items() if k != key})
    return Answer(200)


# access


def _access(obj: Obj) -> Obj:
    return {"flavor_access": [{"flavor_id": obj["id"], "tenant_id": p} for p in obj["projects"]]}


def access(call: Call) -> Obj:
    """GET /flavors/{id}/os-flavor-access."""
    admin_only(call, "os-flavor-access")
    obj = find(call)
    if obj["is_public"]:
        raise Refusal(404, "Access list not available for public flavors.")
    return _access(obj)


def act(call: Call) -> Obj:
    """POST /flavors/{id}/action: addTenantAccess, removeTenantAccess."""
    body = call.json if isinstance(call.json, dict) else {}
    for name in ("addTenantAccess", "removeTenantAccess"):
        if name in body:
            break
    else:
        raise Refusal(400, f"There is no such action: {next(iter(body), '')}")
    adding = name == "addTenantAccess"
    admin_only(call, f"os-flavor-access:{'add' if adding else 'remove'}_tenant_access")
    project = (body[name] or {}).get("tenant")
    if not isinstance(project, str):
        raise missing(name, body[name], "tenant")
    if call.state.get("identity.projects", project) is None:
        raise Refusal(400, f"Project ID {project} is not a valid project.")
    obj = find(call)
    held = project in obj["projects"]
    if adding and held:
        raise Refusal(409, f"Flavor access already exists for flavor {obj['id']} and project {project} combination.")
    if not adding and not held:
        raise Refusal(404, f"Flavor access not found for {obj['id']} / {project} combination.")
    projects = [p for p in obj["projects"] if p != project] + ([project] if adding else [])
    return _access(call.state.change(TABLE, obj["id"], projects=projects))


def embedded(call: Call, obj: Obj) -> Obj:
    """What a server keeps of its flavor, so that it outlives it."""
    return {
        "id": obj["id"], "vcpus": obj["vcpus"], "ram": obj["ram"], "disk": obj["disk"], "ephemeral": obj["ephemeral"],
        "swap": obj["swap"], "original_name": obj["name"], "extra_specs": obj["extra_specs"],
    }  # fmt: skip


def check_fits(call: Call, flavor: Obj, image_id: str, from_volume: bool) -> None:
    """400 when an image needs more memory or disk than a flavor has."""
    image = call.state.get("image.images", image_id)
    assert image is not None
    if (image.get("min_ram") or 0) > flavor["ram"]:
        raise Refusal(400, "Flavor's memory is too small for requested image.")
    if flavor["disk"] and not from_volume and (image.get("min_disk") or 0) > flavor["disk"]:
        need, have = image["min_disk"] * 1024**3, flavor["disk"] * 1024**3
        sizes = f"Flavor disk is {have} bytes, minimum size is {need} bytes."
        text = f"Flavor's disk is smaller than the minimum size specified in image metadata. {sizes}"
        raise Refusal(400, text)


def find_image(call: Call, image_id: Any) -> Obj | None:
    """An image that the caller may use."""
    image = call.state.get("image.images", str(image_id))
    return image if image and crud.visible(call, call.cloud.collection("image.images"), image) else None
