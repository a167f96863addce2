"""Servers: what may be asked for, how one is built, what it looks like in each microversion, how it goes.

Called through the routes of the service; `actions` moves a server between its states. The trap: `status` is kept beside
`vm_state` and `task_state`; only the functions here and `actions.STATES` write them, together.
"""

import base64
import hashlib
import re
import secrets
import uuid
from typing import Any

from kamado.localcloud import crud, transitions
from kamado.localcloud.clock import micros
from kamado.localcloud.collection import new_uuid
from kamado.localcloud.compute import flavors, interfaces, keypairs, servergroups, volumes
from kamado.localcloud.compute.flavors import links
from kamado.localcloud.compute.interfaces import HOST
from kamado.localcloud.compute.wording import check, count, extra, inside, label, missing, truth
from kamado.localcloud.metadata import checked
from kamado.localcloud.microversions import of
from kamado.localcloud.service import Answer, Call, Refusal
from kamado.localcloud.state import Obj

TABLE = "compute.servers"
ZONE = "nova"
BUILD_SECONDS = 0.3
DELETE_SECONDS = 0.05
USER_DATA_LIMIT = 65535
POWER = {"active": 1, "paused": 3, "stopped": 4, "suspended": 4, "rescued": 1, "resized": 1, "building": 0, "error": 0}


def _texts_of_groups(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is not of type 'array'")
    for item in value:
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise ValueError(f"{item!r} is not of type 'object'")
    return [item["name"] for item in value]


def _user_data(value: Any) -> Any:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not of type 'string', 'null'")
    if len(value) > USER_DATA_LIMIT:
        raise ValueError(f"{value!r} is too long")
    try:
        base64.b64decode(value)
    except ValueError:
        # real Nova takes what Python's decoder takes, which skips strange characters; so do we
        if len(re.sub(r"[^A-Za-z0-9+/]", "", value)) % 4 == 1:
            raise ValueError(f"{value!r} is not a 'base64'") from None
    return value


def _image_ref(value: Any) -> Any:
    try:
        if value != "":
            uuid.UUID(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is not valid under any of the given schemas") from None
    return value


def _plain(value: Any) -> Any:
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not of type 'string'")
    return value


def _host_name(value: Any) -> str:
    if not isinstance(value, str) or not re.match(r"^[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$", value):
        raise ValueError(f"{value!r} is not a 'hostname'")
    return value


def _tag_list(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(t, str) and 0 < len(t) <= 60 for t in value):
        raise ValueError(f"{value!r} is not of type 'array'")
    return sorted(set(value))


# field of POST /servers: (type, first version that knows it, first version that no longer does)
FIELDS: dict[str, tuple[Any, tuple[int, int], tuple[int, int]]] = {
    name: (kind, since, until)
    for name, kind, since, until in (
        ("name", label, (2, 1), (9, 0)),
        ("flavorRef", _plain, (2, 1), (9, 0)),
        ("imageRef", _image_ref, (2, 1), (9, 0)),
        ("adminPass", _text, (2, 1), (9, 0)),
        ("metadata", _plain, (2, 1), (9, 0)),
        ("networks", None, (2, 1), (9, 0)),
        ("key_name", label, (2, 1), (9, 0)),
        ("security_groups", _texts_of_groups, (2, 1), (9, 0)),
        ("user_data", _user_data, (2, 1), (9, 0)),
        ("config_drive", truth, (2, 1), (9, 0)),
        ("availability_zone", label, (2, 1), (9, 0)),
        ("personality", _plain, (2, 1), (2, 57)),
        ("block_device_mapping", _plain, (2, 1), (9, 0)),
        ("block_device_mapping_v2", _plain, (2, 1), (9, 0)),
        ("min_count", None, (2, 1), (9, 0)),
        ("max_count", None, (2, 1), (9, 0)),
        ("return_reservation_id", truth, (2, 1), (9, 0)),
        ("accessIPv4", _text, (2, 1), (9, 0)),
        ("accessIPv6", _text, (2, 1), (9, 0)),
        ("OS-DCF:diskConfig", _plain, (2, 1), (9, 0)),
        ("os:scheduler_hints", _plain, (2, 1), (9, 0)),
        ("description", _plain, (2, 19), (9, 0)),
        ("tags", _tag_list, (2, 52), (9, 0)),
        ("trusted_image_certificates", _plain, (2, 63), (9, 0)),
        ("host", _text, (2, 74), (9, 0)),
        ("hypervisor_hostname", _text, (2, 74), (9, 0)),
        ("hostname", _host_name, (2, 90), (9, 0)),
    )
}


def _given(call: Call) -> tuple[Obj, Obj]:
    """The body of POST /servers, checked field by field, and the scheduler hints."""
    body = call.json
    given = inside(call, "server")
    hints = body.get("os:scheduler_hints", body.get("OS-SCH-HNT:scheduler_hints", {}))
    strange = [k for k in body if k not in ("server", "os:scheduler_hints", "OS-SCH-HNT:scheduler_hints")]
    if strange:
        raise Refusal(400, f"Additional properties are not allowed ('{strange[0]}' was unexpected)")
    version = of(call)
    for key in ("name", "flavorRef", *(["networks"] if version >= (2, 37) else [])):
        if key not in given:
            raise missing("server", given, key)
    known = {name for name, (_, since, until) in FIELDS.items() if since <= version < until}
    strange = [name for name in given if name not in known]
    if strange:
        raise extra("server", given, strange)
    values: Obj = {}
    for name, value in given.items():
        kind = FIELDS[name][0]
        if name == "networks":
            values[name] = check(name, value, lambda v: interfaces.check_networks(v, version))
        elif name in ("min_count", "max_count"):
            values[name] = check(name, value, _counted)
        else:
            values[name] = check(name, value, kind)
    group = hints.get("group") if isinstance(hints, dict) else None
    if group is not None:
        check("group", group, _image_ref)
    return values, hints if isinstance(hints, dict) else {}


def _counted(value: Any) -> int:
    if isinstance(value, str) and not value.isdigit():
        raise ValueError(f"{value!r} does not match '^[0-9]*$'")
    return count(1)(value)


def create(call: Call) -> Answer:
    """POST /servers: everything is checked here; what goes wrong from then on ends in ERROR with a fault."""
    values, hints = _given(call)
    least: int = values.get("min_count", 1)
    most: int = values.get("max_count", least)
    if least > most:
        raise Refusal(400, "min_count must be <= max_count")
    plan = _plan(call, values, hints)
    _charge(call, plan["flavor"], most)
    made = [_build(call, values, plan, place if most > 1 else 0) for place in range(1, most + 1)]
    server = made[0]
    if values.get("return_reservation_id"):
        return Answer(202, {"reservation_id": server["reservation_id"]})
    names = values.get("security_groups") or ["default"]
    view = {
        "id": server["id"], "links": links(call, "servers", server["id"]), "OS-DCF:diskConfig": server["disk_config"],
        "security_groups": [{"name": n} for n in names], "adminPass": values.get("adminPass") or new_password(),
    }  # fmt: skip
    return Answer(202, {"server": view}, {"Location": view["links"][0]["href"]})


def new_password() -> str:
    """A password as Nova makes them."""
    return secrets.token_urlsafe(9)


def _plan(call: Call, values: Obj, hints: Obj) -> Obj:
    """Look up everything that the request names."""
    metadata = _metadata(call, values.get("metadata", {}))
    try:
        flavor = flavors.find(call, values["flavorRef"])
    except Refusal as refusal:
        raise Refusal(400, refusal.message) from None
    zone = values.get("availability_zone", ZONE).partition(":")[0]
    if zone != ZONE:
        raise Refusal(400, "The requested availability zone is not available")
    if values.get("key_name") and keypairs.of_user(call, call.who.user_id, values["key_name"]) is None:
        raise Refusal(400, "Invalid key_name provided.")
    mapped, image = _sources(call, values)
    boot = volumes.check_boot(mapped, image)
    if image is not None:
        if image["status"] != "active":
            raise Refusal(400, f"Image {image['id']} is not active.")
        flavors.check_fits(call, flavor, image["id"], boot is not None)
    group_id = hints.get("group")
    if group_id and servergroups.find(call, group_id) is None:
        raise Refusal(400, f"Instance group {group_id} could not be found.")
    groups = values.get("security_groups")
    return {
        "metadata": metadata, "flavor": flavor, "mapped": mapped, "image": image, "boot": boot, "group_id": group_id,
        "group_ids": interfaces.security_group_ids(call, groups) if groups else None,
        "networks": interfaces.requested(call, values.get("networks")),
    }  # fmt: skip


def _metadata(call: Call, value: Any) -> dict[str, str]:
    limit = call.cloud.quota("compute", call.who.project_id, "metadata_items")
    found = checked(value)
    if 0 <= limit < len(found):
        raise Refusal(403, f"Maximum number of metadata items exceeds {limit}")
    return found


def _sources(call: Call, values: Obj) -> tuple[list[Obj], Obj | None]:
    image_id = values.get("imageRef")
    mapped = volumes.checked(values.get("block_device_mapping_v2") or [])
    if not mapped and values.get("block_device_mapping"):
        mapped = volumes.from_old(values["block_device_mapping"], bootable=not image_id)
    if not image_id:
        if not mapped:
            raise Refusal(400, "Missing imageRef attribute")
        return mapped, None
    image = flavors.find_image(call, image_id)
    if image is None:
        raise Refusal(400, "Can not find requested image")
    return mapped, image


def _charge(call: Call, flavor: Obj, wanted: int) -> None:
    project = call.who.project_id
    mine: list[Obj] | None = None
    for name, per in (("instances", 1), ("cores", flavor["vcpus"]), ("ram", flavor["ram"])):
        limit = call.cloud.quota("compute", project, name)
        if limit < 0:
            continue
        mine = call.state.find(TABLE, project_id=project) if mine is None else mine
        used = {
            "instances": len(mine),
            "cores": sum(s["flavor"]["vcpus"] for s in mine),
            "ram": sum(s["flavor"]["ram"] for s in mine),
        }
        if used[name] + per * wanted > limit:
            text = (
                f"Quota exceeded for {name}: Requested {per * wanted}, but already used {used[name]} of {limit} {name}"
            )
            raise Refusal(403, text)


def host_name_of(name: str, server_id: str) -> str:
    """The host name that Nova makes of a server's name."""
    cleaned = re.sub(r"[^a-z0-9-]", "", re.sub(r"[ _.]", "-", name.lower())).strip("-")[:63]
    return cleaned or f"server-{server_id}"


def _build(call: Call, values: Obj, plan: Obj, number: int) -> Obj:
    server_id, now = new_uuid(), call.stamp()
    name = f"{values['name']}-{number}" if number else values["name"]
    image, boot = plan["image"], plan["boot"]
    server: Obj = {
        "id": server_id, "name": name, "status": "BUILD", "vm_state": "building", "task_state": "spawning",
        "project_id": call.who.project_id, "user_id": call.who.user_id, "created": now, "updated": now,
        "metadata": plan["metadata"], "flavor": flavors.embedded(call, plan["flavor"]),
        "image_id": image["id"] if image else None, "key_name": values.get("key_name"),
        "config_drive": "True" if values.get("config_drive") else "", "az": ZONE, "description": values.get("description"),
        "tags": values.get("tags", []), "locked": False, "locked_reason": None, "fault": None, "launched_at": None,
        "terminated_at": None, "hostname": values.get("hostname") or host_name_of(name, server_id),
        "user_data": values.get("user_data"), "group_names": values.get("security_groups", []), "group_id": plan["group_id"],
        "volumes": [], "root_device": "/dev/vda", "boots_from_volume": bool(boot and boot["where"] == "volume"),
        "access4": values.get("accessIPv4", ""), "access6": values.get("accessIPv6", ""), "old_flavor": None,
        "disk_config": values.get("OS-DCF:diskConfig", "MANUAL"), "reservation_id": "r-" + secrets.token_hex(4),
        "number": call.state.count(TABLE) + 1, "from_state": None,
    }  # fmt: skip
    server = call.state.put(TABLE, server)
    held = volumes.reserve_all(call, server, plan["mapped"])
    server = call.state.change(TABLE, server_id, volumes=held)
    end = {**settled_in("active"), "launched_at": micros(call.now), "updated": now}
    try:
        interfaces.plug(call, server, plan["networks"], plan["group_ids"])
    except Refusal as refusal:
        interfaces.unplug(call, server_id)
        end = failed(call, f"Build of instance {server_id} aborted: {refusal.message}")
    transitions.start(call, TABLE, server, {}, end, seconds=BUILD_SECONDS, fail=lambda message: failed(call, message))
    record(call, server_id, "create")
    return server


def settled_in(vm_state: str) -> Obj:
    """The fields of a server that has come to rest in a state."""
    words = {"active": "ACTIVE", "paused": "PAUSED", "stopped": "SHUTOFF", "suspended": "SUSPENDED", "rescued": "RESCUE",
             "resized": "VERIFY_RESIZE", "shelved_offloaded": "SHELVED_OFFLOADED", "error": "ERROR"}  # fmt: skip
    return {"vm_state": vm_state, "status": words[vm_state], "task_state": None}


def failed(call: Call, message: str) -> Obj:
    """The fields of a server that went wrong."""
    fault = {"code": 500, "created": call.stamp(), "message": message}
    return {**settled_in("error"), "fault": fault}


def record(call: Call, server_id: str, action: str) -> None:
    """Note what was done to a server, for os-instance-actions."""
    entry = {
        "id": new_uuid(), "action": action, "instance_uuid": server_id, "request_id": call.request_id,
        "user_id": call.who.user_id, "project_id": call.who.project_id, "start_time": micros(call.now), "message": None,
    }  # fmt: skip
    call.state.put("compute.actions", entry)


# reading


def visible(call: Call) -> Obj:
    """The server of the path, if the caller may know of it."""
    server = call.state.get(TABLE, call.params["id"])
    if server is None or not (call.who.is_admin or server["project_id"] == call.who.project_id):
        raise Refusal(404, f"Instance {call.params['id']} could not be found.")
    return server


def show(call: Call, obj: Obj, full: bool = True) -> Obj:
    """A server; answers to PUT and rebuild are not `full`."""
    version = of(call)
    flavor = obj["flavor"]
    if version >= (2, 47):
        shown_flavor = {k: v for k, v in flavor.items() if k != "id"}
    else:
        shown_flavor = {"id": flavor["id"], "links": links(call, "flavors", flavor["id"])[1:]}
    image: Any = ""
    if obj["image_id"] and not obj["boots_from_volume"]:
        image = {"id": obj["image_id"], "links": links(call, "images", obj["image_id"])[1:]}
    seed = f"{obj['project_id']}{HOST}".encode()
    view: Obj = {
        "accessIPv4": obj["access4"], "accessIPv6": obj["access6"], "addresses": interfaces.addresses(call, obj, full),
        "created": obj["created"], "flavor": shown_flavor,
        "hostId": hashlib.sha224(seed).hexdigest() if obj["launched_at"] else "", "id": obj["id"], "image": image,
        "links": links(call, "servers", obj["id"]), "metadata": obj["metadata"], "name": obj["name"], "status": obj["status"],
        "tenant_id": obj["project_id"], "user_id": obj["user_id"], "updated": obj["updated"],
        "OS-DCF:diskConfig": obj["disk_config"],
    }  # fmt: skip
    if obj["status"] in ("ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "REVERT_RESIZE", "MIGRATING"):
        view["progress"] = 0
    if obj["fault"] and obj["status"] in ("ERROR", "DELETED"):
        view["fault"] = obj["fault"]
    if full or version >= (2, 75):
        view |= _extended(call, obj, version)
    return view | _versioned(call, obj, version, full)


def _extended(call: Call, obj: Obj, version: tuple[int, int]) -> Obj:
    launched = obj["launched_at"]
    attached = [
        {"id": h["volume_id"], **({"delete_on_termination": h["delete"]} if version >= (2, 3) else {})}
        for h in obj["volumes"]
    ]
    view: Obj = {
        "OS-EXT-AZ:availability_zone": obj["az"] if launched else "", "config_drive": obj["config_drive"],
        "key_name": obj["key_name"], "OS-SRV-USG:launched_at": launched, "OS-SRV-USG:terminated_at": obj["terminated_at"],
        "OS-EXT-STS:task_state": obj["task_state"], "OS-EXT-STS:vm_state": obj["vm_state"],
        "OS-EXT-STS:power_state": POWER.get(obj["vm_state"], 4), "os-extended-volumes:volumes_attached": attached,
    }  # fmt: skip
    groups = interfaces.groups_of(call, obj)
    if groups:
        view["security_groups"] = [{"name": g["name"]} for g in groups]
    if call.who.is_admin:
        host = HOST if launched else None
        view |= {"OS-EXT-SRV-ATTR:host": host, "OS-EXT-SRV-ATTR:hypervisor_hostname": host,
                 "OS-EXT-SRV-ATTR:instance_name": f"instance-{obj['number']:08x}"}  # fmt: skip
        if version >= (2, 3):
            view |= {"OS-EXT-SRV-ATTR:reservation_id": obj["reservation_id"], "OS-EXT-SRV-ATTR:launch_index": 0,
                     "OS-EXT-SRV-ATTR:kernel_id": "", "OS-EXT-SRV-ATTR:ramdisk_id": "",
                     "OS-EXT-SRV-ATTR:root_device_name": obj["root_device"],
                     "OS-EXT-SRV-ATTR:user_data": obj["user_data"]}  # fmt: skip
        if version >= (2, 16):
            view["host_status"] = "UP"
    if version >= (2, 90) or (call.who.is_admin and version >= (2, 3)):
        view["OS-EXT-SRV-ATTR:hostname"] = obj["hostname"]
    return view


def _versioned(call: Call, obj: Obj, version: tuple[int, int], full: bool) -> Obj:
    view: Obj = {}
    if version >= (2, 9):
        view["locked"] = obj["locked"]
    if version >= (2, 19):
        view["description"] = obj["description"]
    if version >= (2, 26):
        view["tags"] = obj["tags"]
    if version >= (2, 63):
        view["trusted_image_certificates"] = None
    if version >= (2, 71) and full:
        view["server_groups"] = [obj["group_id"]] if obj["group_id"] else []
    if version >= (2, 73):
        view["locked_reason"] = obj["locked_reason"]
    if version >= (2, 96):
        view["pinned_availability_zone"] = None
    return view


def brief(call: Call, obj: Obj) -> Obj:
    """A server in a short list."""
    return {"id": obj["id"], "name": obj["name"], "links": links(call, "servers", obj["id"])}


def by_name(call: Call, obj: Obj, value: str) -> bool:
    """The filter `name` is a regular expression."""
    try:
        return re.search(value, obj["name"]) is not None
    except re.error:
        return value in obj["name"]


def by_address(call: Call, obj: Obj, value: str) -> bool:
    """The filters `ip` and `ip6` match a part of any address."""
    found = interfaces.addresses(call, obj).values()
    return any(value.strip("^$") in item["addr"] for items in found for item in items)


FILTERS = {
    "name": by_name,
    "ip": by_address,
    "ip6": by_address,
    "status": lambda call, obj, value: obj["status"] == value.upper(),
    "image": lambda call, obj, value: obj["image_id"] == value,
    "flavor": lambda call, obj, value: obj["flavor"]["id"] == value,
    "project_id": lambda call, obj, value: not call.who.is_admin or obj["project_id"] == value,
    "tenant_id": lambda call, obj, value: not call.who.is_admin or obj["project_id"] == value,
    "host": lambda call, obj, value: not call.who.is_admin or value == HOST,
    "tags": lambda call, obj, value: set(value.split(",")) <= set(obj["tags"]),
    "tags-any": lambda call, obj, value: bool(set(value.split(",")) & set(obj["tags"])),
    "not-tags": lambda call, obj, value: not set(value.split(",")) <= set(obj["tags"]),
    "not-tags-any": lambda call, obj, value: not set(value.split(",")) & set(obj["tags"]),
    "changes-since": lambda call, obj, value: obj["updated"] >= value,
    "deleted": lambda call, obj, value: value.lower() in ("0", "false", "f", "no", "off", "n"),
}


# changing


def update(call: Call) -> Obj:
    """PUT /servers/{id}: name, description, access addresses, host name."""
    given = inside(call, "server")
    version = of(call)
    known = {"name": label, "accessIPv4": _text, "accessIPv6": _text, "OS-DCF:diskConfig": _plain}
    if version >= (2, 19):
        known["description"] = _plain
    if version >= (2, 90):
        known["hostname"] = _host_name
    strange = [name for name in given if name not in known]
    if strange:
        raise extra("server", given, strange)
    columns = {"accessIPv4": "access4", "accessIPv6": "access6", "OS-DCF:diskConfig": "disk_config"}
    changes = {columns.get(name, name): check(name, value, known[name]) for name, value in given.items()}
    server = visible(call)
    return {"server": show(call, call.state.change(TABLE, server["id"], **changes, updated=call.stamp()), full=False)}


def check_unlocked(call: Call, server: Obj) -> None:
    """409 for a locked server, unless an administrator asks."""
    if server["locked"] and not call.who.is_admin:
        raise Refusal(409, f"Instance {server['id']} is locked")


def delete(call: Call) -> Answer:
    """DELETE /servers/{id}."""
    server = visible(call)
    check_unlocked(call, server)
    if server["task_state"] != "deleting":
        record(call, server["id"], "delete")
        vanish(call, server)
    return Answer(204)


def vanish(call: Call, server: Obj) -> None:
    """Take a server away; it is `deleting` until then."""
    transitions.start(
        call, TABLE, server, {"task_state": "deleting"}, None, kind="deletion", seconds=DELETE_SECONDS,
        fail=lambda message: failed(call, message),
    )  # fmt: skip


def settled(call: Call, server: Obj) -> None:
    """A planned change of a server took place: bring its ports and volumes along."""
    if server.get("_gone"):
        volumes.release_all(call, server)
        interfaces.unplug(call, server["id"])
    elif server["vm_state"] == "active":
        interfaces.activate(call, server["id"])
        volumes.attach_all(call, server)


def image_from(call: Call, server: Obj, name: str, metadata: dict[str, str]) -> str:
    """Make an image of a server's disk, in Glance; returns its id."""
    collection = call.cloud.collection("image.images")
    source = call.state.get("image.images", server["image_id"]) if server["image_id"] else None
    data = call.state.get("image.data", source["id"]) if source else None
    known = (
        "container_format",
        "disk_format",
        "checksum",
        "os_hash_algo",
        "os_hash_value",
        "size",
        "virtual_size",
        "min_ram",
    )
    values = (
        {k: source.get(k) for k in known} if source else {"container_format": "bare", "disk_format": "raw", "size": 0}
    )
    custom = {
        "image_type": "snapshot",
        "instance_uuid": server["id"],
        "base_image_ref": server["image_id"] or "",
        **metadata,
    }
    stamp = call.stamp()
    image = {
        "id": new_uuid(), "name": name, "status": "active", "visibility": "private", "protected": False, "os_hidden": False,
        "owner": server["project_id"], "tags": [], "min_ram": 0, **values, "min_disk": server["flavor"]["disk"], **custom,
        "created_at": stamp, "updated_at": stamp, "_custom": sorted(custom),
    }  # fmt: skip
    call.state.put(collection.table, image)
    if data:
        call.state.put("image.data", {**data, "id": image["id"]}, image["id"])
    crud.visible(call, collection, image)
    return str(image["id"])
