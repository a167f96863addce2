"""A server's volumes: what it boots from, what is attached and detached later.

Called by `servers` and through the routes on os-volume_attachments. Everything that changes a volume goes through
`blockstorage.attachments` and `blockstorage.volumes`. The trap: a volume is promised (`reserved`) when the server is asked for and
attached only once the server runs.
"""

from typing import Any

from kamado.localcloud import transitions
from kamado.localcloud.blockstorage import attachments, volumes
from kamado.localcloud.blockstorage.volumes import as_volume
from kamado.localcloud.compute.wording import check, count, inside, missing, truth, wrong
from kamado.localcloud.microversions import of
from kamado.localcloud.network.values import uuid_text
from kamado.localcloud.service import Answer, Call, Refusal
from kamado.localcloud.state import Obj

SERVERS = "compute.servers"
SOURCES = ["volume", "image", "snapshot", "blank"]
KEYS = {
    "source_type", "destination_type", "uuid", "image_id", "volume_id", "snapshot_id", "volume_size", "boot_index",
    "delete_on_termination", "device_name", "guest_format", "disk_bus", "device_type", "no_device", "tag", "volume_type",
    "virtual_name", "connection_info",
}  # fmt: skip
BOOT_ORDER = "Boot sequence for the instance and image/block device mapping combination is not valid."


def invalid(reason: str) -> Refusal:
    """Nova's 400 for a block device mapping."""
    return Refusal(400, f"Block Device Mapping is Invalid: {reason}")


def checked(value: Any) -> list[Obj]:
    """`block_device_mapping_v2` as the schema wants it."""
    if not isinstance(value, list):
        raise wrong("block_device_mapping_v2", value, f"{value!r} is not of type 'array'")
    mapped = []
    for item in value:
        if not isinstance(item, dict):
            raise wrong("block_device_mapping_v2", value, f"{item!r} is not of type 'object'")
        strange = sorted(set(item) - KEYS)
        if strange:
            raise wrong(
                "block_device_mapping_v2",
                item,
                f"Additional properties are not allowed ('{strange[0]}' was unexpected)",
            )
        source = item.get("source_type", "volume")
        if source not in SOURCES:
            raise wrong("source_type", source, f"{source!r} is not one of {SOURCES}")
        where = item.get("destination_type")
        if where not in ("local", "volume", None):
            raise wrong("destination_type", where, f"{where!r} is not one of ['local', 'volume']")
        mapped.append(_normal(item, source, where))
    return mapped


def _normal(item: Obj, source: str, where: str | None) -> Obj:
    named = {"image": "image_id", "volume": "volume_id", "snapshot": "snapshot_id"}.get(source, "uuid")
    index = item.get("boot_index")
    size = item.get("volume_size")
    return {
        "source": source,
        "where": where or ("local" if source in ("image", "blank") else "volume"),
        "uuid": item.get("uuid") or item.get(named),
        "size": check("volume_size", size, count(0)) if size not in (None, "") else None,
        "boot_index": None if index in (None, "", "None") else int(index),
        "delete": check("delete_on_termination", item.get("delete_on_termination") or False, truth),
        "device": item.get("device_name"),
        "type": item.get("volume_type"),
    }


def from_old(value: Any, bootable: bool) -> list[Obj]:
    """The first form of the mapping (`block_device_mapping`) in terms of the second; without an image the first boots."""
    if not isinstance(value, list):
        raise wrong("block_device_mapping", value, f"{value!r} is not of type 'array'")
    found = []
    for place, item in enumerate(value):
        source = "snapshot" if item.get("snapshot_id") else "volume"
        entry = {
            "source_type": source,
            "uuid": item.get("snapshot_id") or item.get("volume_id"),
            "destination_type": "volume",
        }
        entry |= {k: item[k] for k in ("volume_size", "delete_on_termination", "device_name") if k in item}
        entry["boot_index"] = 0 if bootable and place == 0 else -1
        found.append(entry)
    return checked(found)


def check_boot(mapped: list[Obj], image: Obj | None) -> Obj | None:
    """Refuse mappings from which no server could boot; returns the boot device when it is not the plain image."""
    boots = [m for m in mapped if m["boot_index"] == 0]
    if len(boots) > 1 or (image is None and not boots):
        raise invalid(BOOT_ORDER)
    if image is not None and boots:
        same = boots[0]["source"] == "image" and boots[0]["where"] == "local"
        if not same:
            raise invalid(BOOT_ORDER)
        return None
    return boots[0] if boots else None


def reserve_all(call: Call, server: Obj, mapped: list[Obj]) -> list[Obj]:
    """Make the volumes that the mapping asks for, promise all of them to the server; [{volume_id, attachment_id, device, delete}]."""
    held = []
    letters = iter(
        "abcdefghijklmnopqrstuvwxyz" if any(m["boot_index"] == 0 for m in mapped) else "bcdefghijklmnopqrstuvwxyz"
    )
    for item in mapped:
        if item["where"] != "volume":
            continue
        volume = _volume(call, item)
        bond = attachments.reserve(as_volume(call), volume, server["id"])
        device = item["device"] or f"/dev/vd{next(letters, 'z')}"
        device = device if device.startswith("/dev/") else f"/dev/{device}"
        held.append(
            {"volume_id": volume["id"], "attachment_id": bond["id"], "device": device, "delete": item["delete"]}
        )
    return held


def _volume(call: Call, item: Obj) -> Obj:
    mine = as_volume(call)
    if item["source"] == "volume":
        try:
            return volumes.find(mine, str(item["uuid"]))
        except Refusal:
            raise invalid(f"failed to get volume {item['uuid']}.") from None
    given: Obj = {"volume_type": item["type"]} if item["type"] else {}
    if item["size"]:
        given["size"] = item["size"]
    if item["source"] == "image":
        if not item["size"]:
            raise invalid("Images with destination_type 'volume' need to have a non-zero size specified")
        given["imageRef"] = item["uuid"]
    elif item["source"] == "snapshot":
        given["snapshot_id"] = item["uuid"]
    elif not item["size"]:
        raise invalid("Blank volumes (source: 'blank', dest: 'volume') need to have non-zero size")
    try:
        volume = volumes.add(mine, given)
    except Refusal as refusal:
        word = "snapshot" if item["source"] == "snapshot" else item["source"]
        if refusal.status == 404 or item["source"] == "image":
            raise invalid(f"failed to get {word} {item['uuid']}.") from None
        raise
    end = {"status": "available", "bootable": "true" if item["source"] == "image" else "false", "_next": None}
    return call.state.change(volumes.TABLE, volume["id"], **end)


def attach_all(call: Call, server: Obj) -> None:
    """The server runs: its volumes are in use."""
    for held in server["volumes"]:
        attachments.complete(as_volume(call), held["attachment_id"], held["device"])


def release_all(call: Call, server: Obj) -> None:
    """The server is gone: its volumes are free, those that were made for it are deleted."""
    mine = as_volume(call)
    for held in server["volumes"]:
        attachments.release(mine, held["attachment_id"])
        volume = call.state.get(volumes.TABLE, held["volume_id"])
        if volume and held["delete"]:
            volumes.vanish(mine, volume)


# os-volume_attachments


def _show(call: Call, server: Obj, held: Obj) -> Obj:
    view: Obj = {} if of(call) >= (2, 89) else {"id": held["volume_id"]}
    view |= {"volumeId": held["volume_id"], "serverId": server["id"], "device": held["device"]}
    if of(call) >= (2, 70):
        view["tag"] = None
    if of(call) >= (2, 79):
        view["delete_on_termination"] = held["delete"]
    if of(call) >= (2, 89):
        view |= {"attachment_id": held["attachment_id"], "bdm_uuid": held["attachment_id"]}
    return view


def listed(call: Call, server: Obj) -> Obj:
    """GET /servers/{id}/os-volume_attachments."""
    return {"volumeAttachments": [_show(call, server, held) for held in server["volumes"]]}


def _held(call: Call, server: Obj) -> Obj:
    volume_id = call.params["volume_id"]
    for held in server["volumes"]:
        if held["volume_id"] == volume_id:
            found: Obj = held
            return found
    if call.method == "DELETE" and call.state.get(volumes.TABLE, volume_id) is None:
        raise volumes.not_found(volume_id)
    raise Refusal(404, f"Instance {server['id']} is not attached to volume {volume_id}")


def read(call: Call, server: Obj) -> Obj:
    """GET /servers/{id}/os-volume_attachments/{volume_id}."""
    return {"volumeAttachment": _show(call, server, _held(call, server))}


def attach(call: Call, server: Obj) -> Obj:
    """POST /servers/{id}/os-volume_attachments."""
    given = inside(call, "volumeAttachment")
    if "volumeId" not in given:
        raise missing("volumeAttachment", given, "volumeId")
    known = {
        "volumeId",
        "device",
        *(["tag"] if of(call) >= (2, 49) else []),
        *(["delete_on_termination"] if of(call) >= (2, 79) else []),
    }
    strange = sorted(set(given) - known)
    if strange:
        raise wrong("volumeAttachment", given, f"Additional properties are not allowed ('{strange[0]}' was unexpected)")
    volume_id = given["volumeId"]
    try:
        uuid_text(volume_id)
    except ValueError:
        raise wrong("volumeId", volume_id, f"{volume_id!r} is not a 'uuid'") from None
    mine = as_volume(call)
    volume = volumes.find(mine, volume_id)
    if server["vm_state"] not in ("active", "paused", "stopped", "resized", "shelved", "shelved_offloaded"):
        text = f"Cannot 'attach_volume' instance {server['id']} while it is in vm_state {server['vm_state']}"
        raise Refusal(409, text)
    users = [a["instance"] for a in volumes.attached(mine, volume_id)]
    if volume["status"] == "in-use" and not volume["multiattach"]:
        raise Refusal(400, f"Invalid volume: volume {volume_id} is already attached to instances: {', '.join(users)}")
    bond = attachments.reserve(mine, volume, server["id"])
    held = {"volume_id": volume_id, "attachment_id": bond["id"], "device": given.get("device") or _device(server),
            "delete": bool(given.get("delete_on_termination", False))}  # fmt: skip
    call.state.change(SERVERS, server["id"], volumes=[*server["volumes"], held])
    _later(call, server["id"], bond["id"], "attach")
    return {"volumeAttachment": _show(call, server, held)}


def _device(server: Obj) -> str:
    used = {held["device"] for held in server["volumes"]}
    return next(f"/dev/vd{c}" for c in "bcdefghijklmnopqrstuvwxyz" if f"/dev/vd{c}" not in used)


TASKS = "compute.volume_tasks"


def _later(call: Call, server_id: str, attachment_id: str, what: str) -> None:
    """Attaching and detaching take a moment: a task stands for it, whose end `finish` carries out."""
    task = {"id": f"{attachment_id}/{what}", "server_id": server_id, "attachment_id": attachment_id, "what": what}
    call.state.put(TASKS, task)
    transitions.start(call, TASKS, task, {}, None, seconds=volumes.ACTION_SECONDS)


def finish(call: Call, task: Obj) -> None:
    """The moment has passed."""
    mine = as_volume(call)
    server = call.state.get(SERVERS, task["server_id"])
    if server is None:
        return
    held = next((h for h in server["volumes"] if h["attachment_id"] == task["attachment_id"]), None)
    if task["what"] == "attach" and held:
        attachments.complete(mine, held["attachment_id"], held["device"])
    if task["what"] == "detach":
        attachments.release(mine, task["attachment_id"])
        left = [h for h in server["volumes"] if h["attachment_id"] != task["attachment_id"]]
        call.state.change(SERVERS, server["id"], volumes=left)


def update(call: Call, server: Obj) -> Answer:
    """PUT /servers/{id}/os-volume_attachments/{volume_id}: whether it goes with the server (since 2.85)."""
    given = inside(call, "volumeAttachment")
    held = _held(call, server)
    changed = {**held, "delete": bool(given.get("delete_on_termination", held["delete"]))}
    rows = [changed if h is held else h for h in server["volumes"]]
    call.state.change(SERVERS, server["id"], volumes=rows)
    return Answer(202)


def detach(call: Call, server: Obj) -> Answer:
    """DELETE /servers/{id}/os-volume_attachments/{volume_id}."""
    held = _held(call, server)
    if held["device"] == server["root_device"] and server["boots_from_volume"]:
        raise Refusal(403, "Cannot detach a root device volume")
    volume = call.state.get(volumes.TABLE, held["volume_id"])
    if volume and volume["status"] != "in-use":
        text = "Unable to detach volume. Volume status must be 'in-use' and attach_status must be 'attached' to detach."
        raise Refusal(400, f"Invalid volume: {text} Currently: status: '{volume['status']}'")
    attachments.detaching(as_volume(call), held["attachment_id"])
    _later(call, server["id"], held["attachment_id"], "detach")
    return Answer(202)
