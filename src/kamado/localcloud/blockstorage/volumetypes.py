"""Volume types with extra specs and access, and QoS specs.

Hooks and requests of the service. The trap: `default` is a type's id in the path, whatever the default type is called.
"""

from typing import Any

from kamado.localcloud import crud
from kamado.localcloud.blockstorage.volumes import wrong
from kamado.localcloud.collection import new_uuid
from kamado.localcloud.metadata import checked
from kamado.localcloud.service import Answer, Call, Refusal
from kamado.localcloud.state import Obj

TABLE = "blockstorage.volume_types"
QOS = "blockstorage.qos_specs"
DEFAULT = "__DEFAULT__"


def visible(call: Call, obj: Obj) -> bool:
    """Whether a type may be used by the caller's project."""
    return bool(obj["is_public"] or call.who.is_admin or call.who.project_id in obj["projects"])


def show(call: Call, obj: Obj) -> Obj:
    """A type; specs are for administrators."""
    view = {
        "id": obj["id"], "name": obj["name"], "is_public": obj["is_public"], "description": obj["description"],
        "extra_specs": obj["extra_specs"] if call.who.is_admin else {},
    }  # fmt: skip
    if call.who.is_admin:
        view["qos_specs_id"] = obj["qos_specs_id"]
    return view | {"os-volume-type-access:is_public": obj["is_public"]}


def _admin(call: Call, rule: str) -> None:
    if not call.who.is_admin:
        raise call.service.dialect.forbidden(rule)


def find(call: Call) -> Obj:
    """The type of the path, if the caller may know of it."""
    wanted = call.params["id"]
    obj = call.state.first(TABLE, name=DEFAULT) if wanted == "default" else call.state.get(TABLE, wanted)
    if obj is None or not visible(call, obj):
        raise Refusal(404, f"Volume type {wanted} could not be found.")
    return obj


def read(call: Call) -> Obj:
    """GET /types/{id}."""
    return {"volume_type": show(call, find(call))}


def listed(call: Call) -> Obj:
    """GET /types: newest first."""
    rows = [t for t in reversed(list(call.state.all(TABLE))) if visible(call, t)]
    if not call.who.is_admin or call.arg("is_public").lower() in ("true", "1"):
        rows = [t for t in rows if t["is_public"] or call.who.project_id in t["projects"]]
    if call.arg("name"):
        rows = [t for t in rows if t["name"] == call.arg("name")]
    return {"volume_types": [show(call, t) for t in rows]}


def _given(call: Call) -> Obj:
    body = call.json
    given: Any = body.get("volume_type") if isinstance(body, dict) else None
    if not isinstance(given, dict):
        raise Refusal(400, "'volume_type' is a required property")
    known = ("name", "description", "extra_specs", "os-volume-type-access:is_public", "is_public")
    strange = [key for key in given if key not in known]
    if strange:
        raise wrong("volume_type", given, f"Additional properties are not allowed ('{strange[0]}' was unexpected)")
    return given


def _check_free(call: Call, name: str, but: str = "") -> None:
    found = call.state.first(TABLE, name=name)
    if found and found["id"] != but:
        raise Refusal(409, f"Volume Type {name} already exists.")


def create(call: Call) -> Obj:
    """POST /types."""
    _admin(call, "volume_extension:type_create")
    given = _given(call)
    if "name" not in given:
        raise wrong("volume_type", given, "'name' is a required property")
    _check_free(call, given["name"])
    obj = {
        "id": new_uuid(), "name": given["name"], "is_public": given.get("os-volume-type-access:is_public", True),
        "description": given.get("description"), "extra_specs": checked(given.get("extra_specs") or {}, "extra_specs"),
        "qos_specs_id": None, "projects": [],
    }  # fmt: skip
    return {"volume_type": show(call, call.state.put(TABLE, obj))}


def update(call: Call) -> Obj:
    """PUT /types/{id}."""
    _admin(call, "volume_extension:type_update")
    given = _given(call)
    obj = find(call)
    changes = {k: given[k] for k in ("name", "description", "is_public") if k in given}
    if not changes:
        raise Refusal(400, "Specify volume type name, description, is_public or a combination thereof.")
    _check_free(call, str(changes.get("name", obj["name"])), but=obj["id"])
    return {"volume_type": show(call, call.state.change(TABLE, obj["id"], **changes))}


def delete(call: Call) -> Answer:
    """DELETE /types/{id}: not while volumes are of it, and not the default."""
    _admin(call, "volume_extension:type_delete")
    obj = find(call)
    if call.state.find("blockstorage.volumes", volume_type=obj["name"]):
        text = f"Target volume type is still in use. Volume type {obj['id']} deletion is not allowed with volumes present with the type."
        raise Refusal(400, text)
    if obj["name"] == DEFAULT:
        raise Refusal(400, f"The volume type {obj['id']} is a default volume type and cannot be deleted.")
    call.state.remove(TABLE, obj["id"])
    return Answer(202)


# extra specs


def specs(call: Call) -> Obj:
    """GET /types/{id}/extra_specs."""
    return {"extra_specs": find(call)["extra_specs"] if call.who.is_admin else {}}


def add_specs(call: Call) -> Obj:
    """POST /types/{id}/extra_specs."""
    _admin(call, "volume_extension:types_extra_specs:create")
    body = call.json
    given = checked(body.get("extra_specs") if isinstance(body, dict) else None, "extra_specs")
    obj = find(call)
    call.state.change(TABLE, obj["id"], extra_specs={**obj["extra_specs"], **given})
    return {"extra_specs": given}


def _spec(call: Call, obj: Obj) -> str:
    key = call.params["key"]
    if key not in obj["extra_specs"]:
        raise Refusal(404, f"Volume Type {obj['id']} has no extra specs with key {key}.")
    return key


def read_spec(call: Call) -> Obj:
    """GET /types/{id}/extra_specs/{key}."""
    obj = find(call)
    key = _spec(call, obj)
    return {key: obj["extra_specs"][key]}


def put_spec(call: Call) -> Obj:
    """PUT /types/{id}/extra_specs/{key}."""
    _admin(call, "volume_extension:types_extra_specs:update")
    given = checked(call.json, "extra_specs")
    if set(given) != {call.params["key"]}:
        raise Refusal(400, "Request body and URI mismatch")
    obj = find(call)
    call.state.change(TABLE, obj["id"], extra_specs={**obj["extra_specs"], **given})
    return dict(given)


def drop_spec(call: Call) -> Answer:
    """DELETE /types/{id}/extra_specs/{key}."""
    _admin(call, "volume_extension:types_extra_specs:delete")
    obj = find(call)
    key = _spec(call, obj)
    call.state.change(TABLE, obj["id"], extra_specs={k: v for k, v in obj["extra_specs"].items() if k != key})
    return Answer(202)


# access


def access(call: Call) -> Obj:
    """GET /types/{id}/os-volume-type-access."""
    _admin(call, "volume_extension:volume_type_access:get_all_for_type")
    obj = find(call)
    if obj["is_public"]:
        raise Refusal(404, "Access list not available for public volume types.")
    return {"volume_type_access": [{"volume_type_id": obj["id"], "project_id": p} for p in obj["projects"]]}


def act(call: Call) -> Answer:
    """POST /types/{id}/action: addProjectAccess, removeProjectAccess."""
    _admin(call, "volume_extension:volume_type_access:addProjectAccess")
    body = call.json if isinstance(call.json, dict) else {}
    obj = find(call)
    for name in ("addProjectAccess", "removeProjectAccess"):
        if name not in body:
            continue
        project = (body[name] or {}).get("project")
        if not project:
            raise wrong(name, body[name], "'project' is a required property")
        if obj["is_public"]:
            raise Refusal(409, "Type access modification is not applicable to public volume type.")
        held = project in obj["projects"]
        if name == "addProjectAccess" and held:
            raise Refusal(409, f"Volume type access for {obj['id']} / {project} combination already exists.")
        if name == "removeProjectAccess" and not held:
            raise Refusal(404, f"Volume type access not found for {obj['id']} / {project} combination.")
        projects = [p for p in obj["projects"] if p != project] + ([project] if name == "addProjectAccess" else [])
        call.state.change(TABLE, obj["id"], projects=projects)
        return Answer(202)
    raise Refusal(400, "There is no such action.")


# QoS specs


def create_qos(call: Call) -> Obj:
    """POST /qos-specs."""
    _admin(call, "volume_extension:qos_specs_manage:create")
    body = call.json
    given: Any = body.get("qos_specs") if isinstance(body, dict) else None
    if not isinstance(given, dict) or "name" not in given:
        raise Refusal(400, "'name' is a required property")
    if call.state.first(QOS, name=given["name"]):
        raise Refusal(409, f"QoS Specs {given['name']} already exists.")
    rest = {k: v for k, v in given.items() if k not in ("name", "consumer")}
    obj = {"id": new_uuid(), "name": given["name"], "consumer": given.get("consumer", "back-end"), "specs": rest}
    return {"qos_specs": crud.plain_view(call.cloud.collection(QOS), call.state.put(QOS, obj)), "links": []}


def delete_qos(call: Call) -> Answer:
    """DELETE /qos-specs/{id}."""
    _admin(call, "volume_extension:qos_specs_manage:delete")
    if call.state.remove(QOS, call.params["id"]) is None:
        raise Refusal(404, f"No such QoS spec {call.params['id']}.")
    return Answer(202)
