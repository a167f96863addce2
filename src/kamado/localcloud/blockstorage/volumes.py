"""Volumes: where a new one comes from, what may be done to it in which state, and the functions that Nova uses.

Called by `collections` and `compute.volumes`. The trap: the status words overlap: `reserved` and `attaching` are on the way to
`in-use`, `detaching` on the way back; only `attachments` moves a volume between them.
"""

from dataclasses import replace
from typing import Any

from kamado.localcloud import crud, transitions
from kamado.localcloud.collection import new_uuid
from kamado.localcloud.metadata import checked
from kamado.localcloud.service import Answer, Call, Refusal
from kamado.localcloud.state import Obj

TABLE = "blockstorage.volumes"
ATTACHMENTS = "blockstorage.attachments"
ZONE = "nova"
BUILD_SECONDS = 0.1
ACTION_SECONDS = 0.05

KNOWN = (
    "name", "description", "display_name", "display_description", "size", "volume_type", "availability_zone", "metadata",
    "imageRef", "image_id", "snapshot_id", "source_volid", "consistencygroup_id", "group_id", "backup_id", "multiattach",
)  # fmt: skip
DELETABLE = ("available", "error", "error_restoring", "error_extending", "error_managing")
NOT_DELETABLE = (
    "Invalid volume: Volume status must be available or error or error_restoring or error_extending or error_managing and "
    "must not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, or be disassociated from "
    "snapshots after volume transfer."
)
YES = (True, "True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes", "y", "t")
NO = (False, "False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no", "n", "f")


def invalid(reason: str) -> Refusal:
    """Cinder's 400 for input that makes no sense."""
    return Refusal(400, f"Invalid input received: {reason}")


def invalid_volume(reason: str) -> Refusal:
    """Cinder's 400 for a volume in the wrong state."""
    return Refusal(400, f"Invalid volume: {reason}")


def wrong(name: str, value: Any, reason: str) -> Refusal:
    """A value that the schema does not allow."""
    return Refusal(400, f"Invalid input for field/attribute {name}. Value: {value}. {reason}")


def as_volume(call: Call) -> Call:
    """The same request, seen by Cinder: for Nova, which changes volumes on a user's behalf."""
    return replace(call, service=call.cloud.service("blockstorage"), query={}, params={})


def not_found(volume_id: str) -> Refusal:
    """No such volume."""
    return Refusal(404, f"Volume {volume_id} could not be found.")


def find(call: Call, volume_id: str) -> Obj:
    """The volume, if the caller may use it; 404 else."""
    volume = call.state.get(TABLE, volume_id)
    if volume is None or not (call.who.is_admin or volume["project_id"] == call.who.project_id):
        raise not_found(volume_id)
    return volume


def check_name(field: str, value: Any) -> Any:
    """A name or description: a string of at most 255 characters, or null."""
    if value is not None and not isinstance(value, str):
        raise wrong(field, value, f"{value!r} is not of type 'string', 'null'")
    if value is not None and len(value) > 255:
        raise invalid(f"{field} has {len(value)} characters, more than 255.")
    return value


def whole(field: str, value: Any) -> int:
    """A whole number of at least 1, or a string of digits."""
    if isinstance(value, str):
        if not value.isdigit():
            raise wrong(field, value, f"'{value}' does not match '^[0-9]+$'")
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong(field, value, f"{value!r} is not of type 'integer', 'string'")
    if value < 1:
        raise wrong(field, value, f"{value} is less than the minimum of 1")
    return value


def flag(field: str, value: Any) -> bool:
    """A boolean in any of Cinder's spellings."""
    if isinstance(value, str | bool):
        if value in YES:
            return True
        if value in NO:
            return False
    raise wrong(field, value, f"{value!r} is not one of {[*YES, *NO]}")


def create(call: Call) -> Answer:
    """POST /volumes: empty, or from an image, a snapshot, a volume or a backup."""
    body = call.json
    if not isinstance(body, dict) or "volume" not in body:
        raise Refusal(400, "'volume' is a required property")
    strange = set(body) - {"volume", "OS-SCH-HNT:scheduler_hints"}
    if strange:
        raise Refusal(400, f"Additional properties are not allowed ('{sorted(strange)[0]}' was unexpected)")
    given = body["volume"]
    if not isinstance(given, dict):
        raise wrong("volume", given, f"{given!r} is not of type 'object'")
    if not given:
        text = "The server could not comply with the request since it is either malformed or otherwise incorrect."
        raise Refusal(400, text)
    values = {name: given[name] for name in KNOWN if given.get(name) is not None}
    if flag("multiattach", values.get("multiattach", False)):
        raise Refusal(
            400,
            "multiattach parameter has been removed. The default behavior is to use multiattach enabled volume types. Contact "
            "your administrator to create a multiattach enabled volume type and use it to create multiattach volumes.",
        )
    return Answer(202, {"volume": show(call, add(call, values), full=False)})


def add(call: Call, values: Obj) -> Obj:
    """Make a volume from what a client (or Nova) gave; checks everything and charges the quota."""
    name = check_name("name", values.get("name", values.get("display_name")))
    description = check_name("description", values.get("description", values.get("display_description")))
    size = whole("size", values["size"]) if "size" in values else None
    metadata = checked(values.get("metadata", {}))
    source = _source(call, values, size)
    size = source.get("size") if size is None else size
    if size is None:
        raise invalid(f"Volume size '{size}' must be an integer and greater than 0")
    kind = _type(call, values.get("volume_type"), source.get("volume_type"))
    zone = values.get("availability_zone", ZONE)
    if zone != ZONE:
        raise Refusal(400, f"Availability zone '{zone}' is invalid.")
    _charge(call, size)
    obj: Obj = {
        "id": new_uuid(), "status": "creating", "size": size, "availability_zone": zone, "created_at": call.stamp(),
        "updated_at": None, "name": name, "description": description, "volume_type": kind["name"],
        "snapshot_id": values.get("snapshot_id"), "source_volid": values.get("source_volid"), "metadata": metadata,
        "user_id": call.who.user_id, "bootable": "false", "encrypted": False, "replication_status": None,
        "consistencygroup_id": None, "multiattach": kind["extra_specs"].get("multiattach") == "<is> True",
        "project_id": call.who.project_id, "volume_image_metadata": source.get("image_metadata"),
    }  # fmt: skip
    obj = call.state.put(TABLE, obj)
    end = {"status": "available", "bootable": source.get("bootable", "false"), "updated_at": call.stamp()}
    bad = lambda message: {"status": "error", "updated_at": call.stamp(), "_fault": message}  # noqa: E731
    transitions.start(call, TABLE, obj, {}, end, seconds=BUILD_SECONDS, fail=bad)
    # the answer says "creating" however fast the volume is
    return obj


def _source(call: Call, values: Obj, size: int | None) -> Obj:
    """What a new volume takes over: size, type, whether one can boot from it."""
    if values.get("snapshot_id"):
        snapshot = call.state.get("blockstorage.snapshots", values["snapshot_id"])
        if snapshot is None or not _mine(call, snapshot):
            raise Refusal(404, f"Snapshot {values['snapshot_id']} could not be found.")
        if snapshot["status"] != "available":
            raise invalid_snapshot(
                f"Originating snapshot status must be one of 'available' values, is {snapshot['status']}."
            )
        if size is not None and size < snapshot["size"]:
            raise invalid(
                f"Volume size '{size}'GB cannot be smaller than the snapshot size {snapshot['size']}GB. They must be >= "
                "original snapshot size."
            )
        return _like(call.state.get(TABLE, snapshot["volume_id"]), snapshot["size"])
    if values.get("source_volid"):
        volume = find(call, values["source_volid"])
        if size is not None and size < volume["size"]:
            raise invalid(
                f"Volume size '{size}'GB cannot be smaller than original volume size {volume['size']}GB. They must be >= "
                "original volume size."
            )
        return _like(volume, volume["size"])
    if values.get("backup_id"):
        backup = call.state.get("blockstorage.backups", values["backup_id"])
        if backup is None or not _mine(call, backup):
            raise Refusal(404, f"Backup {values['backup_id']} could not be found.")
        return {"size": backup["size"]}
    image_id = values.get("imageRef", values.get("image_id"))
    return _from_image(call, image_id, size) if image_id else {}


def _mine(call: Call, obj: Obj) -> bool:
    return bool(call.who.is_admin or obj["project_id"] == call.who.project_id)


def invalid_snapshot(reason: str) -> Refusal:
    """Cinder's 400 for a snapshot in the wrong state."""
    return Refusal(400, f"Invalid snapshot: {reason}")


def _like(volume: Obj | None, size: int) -> Obj:
    if volume is None:
        return {"size": size}
    return {"size": size, "volume_type": volume["volume_type"], "bootable": volume["bootable"],
            "image_metadata": volume["volume_image_metadata"]}  # fmt: skip


def _from_image(call: Call, image_id: Any, size: int | None) -> Obj:
    images = call.cloud.collection("image.images")
    image = call.state.get("image.images", image_id) if isinstance(image_id, str) else None
    if image is None or not crud.visible(call, images, image):
        raise Refusal(400, "Invalid image identifier or unable to access requested image.")
    if image["status"] != "active":
        raise invalid(f"Image {image_id} is not active.")
    if size is not None and size < (image.get("min_disk") or 0):
        text = f"Volume size {size}GB cannot be smaller than the image minDisk size {image['min_disk']}GB."
        raise invalid(text)
    seen = ("checksum", "container_format", "disk_format", "min_disk", "min_ram", "size")
    metadata = {"image_id": image["id"], "image_name": image["name"], **{n: str(image.get(n)) for n in seen}}
    return {"bootable": "true", "image_metadata": metadata}


def _type(call: Call, asked: Any, inherited: Any) -> Obj:
    name = asked or inherited or "__DEFAULT__"
    for kind in call.state.all("blockstorage.volume_types"):
        if name in (kind["id"], kind["name"]) and (kind["is_public"] or _may_use(call, kind)):
            return kind
    raise Refusal(404, f"Volume type with name {name} could not be found.")


def _may_use(call: Call, kind: Obj) -> bool:
    return call.who.is_admin or call.who.project_id in kind["projects"]


def gigabytes(call: Call) -> int:
    """What the project's volumes and snapshots take."""
    rows = [*call.state.find(TABLE, project_id=call.who.project_id),
            *call.state.find("blockstorage.snapshots", project_id=call.who.project_id)]  # fmt: skip
    return sum(row["size"] for row in rows)


def charge_gigabytes(call: Call, size: int) -> None:
    """413 when the space is used up."""
    limit = call.cloud.quota("blockstorage", call.who.project_id, "gigabytes")
    if limit >= 0 and gigabytes(call) + size > limit:
        text = (
            "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. "
            f"Requested {size}G, quota is {limit}G and {gigabytes(call)}G has been consumed."
        )
        raise Refusal(413, text, headers={"Retry-After": "0"})


def _charge(call: Call, size: int) -> None:
    most = call.cloud.quota("blockstorage", call.who.project_id, "per_volume_gigabytes")
    if 0 <= most < size:
        raise Refusal(
            400, f"Invalid input received: Requested volume size {size}G is larger than maximum allowed limit {most}G."
        )
    charge_gigabytes(call, size)
    if call.cloud.quota("blockstorage", call.who.project_id, "volumes") >= 0:
        used = len(call.state.find(TABLE, project_id=call.who.project_id))
        crud.charge(call, "volumes", call.who.project_id, used)


def links(call: Call, plural: str, object_id: str) -> list[Obj]:
    """The two links that Cinder gives with an object."""
    base, project = call.cloud.urls["blockstorage"], call.who.project_id
    return [
        {"rel": "self", "href": f"{base}/v3/{project}/{plural}/{object_id}"},
        {"rel": "bookmark", "href": f"{base}/{project}/{plural}/{object_id}"},
    ]


FIELDS = (
    "id", "status", "size", "availability_zone", "created_at", "updated_at", "name", "description", "volume_type",
    "snapshot_id", "source_volid", "metadata",
)  # fmt: skip
REST = ("user_id", "bootable", "encrypted", "replication_status", "consistencygroup_id", "multiattach")


def attached(call: Call, volume_id: str) -> list[Obj]:
    """The attachments of a volume that lead to a server now."""
    found = call.state.find(ATTACHMENTS, volume_id=volume_id)
    return [a for a in found if a["attach_status"] in ("attached", "detaching")]


def show(call: Call, obj: Obj, full: bool = True) -> Obj:
    """A volume; answers to POST and PUT are not `full`: they lack the owner and the image's metadata."""
    view = {name: obj[name] for name in FIELDS}
    view["links"] = links(call, "volumes", obj["id"])
    view |= {name: obj[name] for name in REST}
    view["attachments"] = [
        {
            "id": obj["id"], "attachment_id": a["id"], "volume_id": obj["id"], "server_id": a["instance"], "host_name": None,
            "device": a["device"], "attached_at": a["attached_at"],
        }
        for a in attached(call, obj["id"])
    ]  # fmt: skip
    if call.who.is_admin:
        view |= {"migration_status": None, "os-vol-mig-status-attr:migstat": None, "os-vol-mig-status-attr:name_id": None,
                 "os-vol-host-attr:host": "kamado@local#local"}  # fmt: skip
    if full:
        view["os-vol-tenant-attr:tenant_id"] = obj["project_id"]
        if obj["volume_image_metadata"]:
            view["volume_image_metadata"] = obj["volume_image_metadata"]
    return view


def brief(call: Call, obj: Obj) -> Obj:
    """A volume in a short list."""
    return {"id": obj["id"], "name": obj["name"], "links": links(call, "volumes", obj["id"])}


def update(call: Call) -> Obj:
    """PUT /volumes/{id}: names and metadata."""
    collection = call.cloud.collection(TABLE)
    given = crud.envelope(call, "volume")
    if not crud.permits(call, "member"):
        raise call.service.dialect.forbidden("volume:update")
    changes = crud.validate(call, collection, given, creating=False)
    volume = find(call, call.params["id"])
    renamed = {"display_name": "name", "display_description": "description"}
    changes = {renamed.get(name, name): value for name, value in changes.items()}
    obj = call.state.change(TABLE, volume["id"], **changes, updated_at=call.stamp())
    return {"volume": show(call, obj, full=False)}


def delete(call: Call) -> Answer:
    """DELETE /volumes/{id}."""
    volume = find(call, call.params["id"])
    cascade = call.arg("cascade").lower() in ("true", "1")
    snapshots = call.state.find("blockstorage.snapshots", volume_id=volume["id"])
    if volume["status"] not in DELETABLE or attached(call, volume["id"]) or (snapshots and not cascade):
        raise Refusal(400, NOT_DELETABLE)
    for snapshot in snapshots:
        call.state.remove("blockstorage.snapshots", snapshot["id"])
    vanish(call, volume)
    return Answer(202)


def vanish(call: Call, volume: Obj) -> None:
    """Delete a volume whatever its state; it says `deleting` until it is gone."""
    bad = lambda message: {"status": "error_deleting"}  # noqa: E731
    transitions.start(
        call, TABLE, volume, {"status": "deleting"}, None, kind="deletion", seconds=ACTION_SECONDS, fail=bad
    )
