"""Snapshots of volumes, and backups with their way back.

Requests of the service. The trap: a snapshot keeps its volume from being deleted, a backup does not.
"""

from typing import Any

from kamado.localcloud import crud, transitions
from kamado.localcloud.blockstorage import volumes
from kamado.localcloud.blockstorage.volumes import ACTION_SECONDS, check_name, flag, invalid_volume, links, wrong
from kamado.localcloud.collection import new_uuid
from kamado.localcloud.metadata import checked
from kamado.localcloud.service import Answer, Call, Refusal
from kamado.localcloud.state import Obj

TABLE = "blockstorage.snapshots"
BACKUPS = "blockstorage.backups"
SHOWN = ("id", "created_at", "updated_at", "name", "description", "volume_id", "status", "size", "metadata")
BACKUP_SHOWN = (
    "id", "status", "size", "object_count", "availability_zone", "container", "created_at", "updated_at", "name",
    "description", "fail_reason", "volume_id",
)  # fmt: skip


def _body(call: Call, name: str, known: tuple[str, ...]) -> Obj:
    body = call.json
    given: Any = body.get(name) if isinstance(body, dict) else None
    if not isinstance(given, dict):
        raise Refusal(400, f"'{name}' is a required property")
    strange = [key for key in given if key not in known]
    if strange:
        raise wrong(name, given, f"Additional properties are not allowed ('{strange[0]}' was unexpected)")
    if "volume_id" not in given:
        raise wrong(name, given, "'volume_id' is a required property")
    return given


def brief(call: Call, obj: Obj) -> Obj:
    """A snapshot in a short list, and in the answer to POST."""
    return {name: obj[name] for name in SHOWN}


def show(call: Call, obj: Obj) -> Obj:
    """A snapshot."""
    progress = "100%" if obj["status"] == "available" else "0%"
    return {
        **brief(call, obj),
        "os-extended-snapshot-attributes:project_id": obj["project_id"],
        "os-extended-snapshot-attributes:progress": progress,
    }


def create(call: Call) -> Answer:
    """POST /snapshots."""
    given = _body(
        call,
        "snapshot",
        ("volume_id", "name", "description", "display_name", "display_description", "force", "metadata"),
    )
    forced = flag("force", given.get("force", False))
    volume = volumes.find(call, str(given["volume_id"]))
    if volume["status"] not in (("available", "in-use") if forced else ("available",)):
        raise invalid_volume(
            f"Volume {volume['id']} status must be available, but current status is: {volume['status']}."
        )
    volumes.charge_gigabytes(call, volume["size"])
    used = len(call.state.find(TABLE, project_id=call.who.project_id))
    crud.charge(call, "snapshots", call.who.project_id, used)
    obj = call.state.put(
        TABLE,
        {
            "id": new_uuid(), "created_at": call.stamp(), "updated_at": None,
            "name": check_name("name", given.get("name", given.get("display_name"))),
            "description": check_name("description", given.get("description", given.get("display_description"))),
            "volume_id": volume["id"], "status": "creating", "size": volume["size"],
            "metadata": checked(given.get("metadata") or {}), "project_id": call.who.project_id, "user_id": call.who.user_id,
        },
    )  # fmt: skip
    end = {"status": "available", "updated_at": call.stamp()}
    transitions.start(call, TABLE, obj, {}, end, seconds=ACTION_SECONDS, fail=lambda message: {"status": "error"})
    return Answer(202, {"snapshot": brief(call, obj)})


def delete(call: Call) -> Answer:
    """DELETE /snapshots/{id}."""
    obj = crud.find(call, call.cloud.collection(TABLE), call.params["id"])
    if obj["status"] not in ("available", "error"):
        raise volumes.invalid_snapshot("Snapshot status must be available or error.")
    transitions.start(
        call, TABLE, obj, {"status": "deleting"}, None, kind="deletion", seconds=ACTION_SECONDS,
        fail=lambda message: {"status": "error_deleting"},
    )  # fmt: skip
    return Answer(202)


def update(call: Call) -> Obj:
    """PUT /snapshots/{id}."""
    collection = call.cloud.collection(TABLE)
    changes = crud.validate(call, collection, crud.envelope(call, "snapshot"), creating=False)
    obj = crud.find(call, collection, call.params["id"])
    return {"snapshot": brief(call, call.state.change(TABLE, obj["id"], **changes, updated_at=call.stamp()))}


# backups


def backup_brief(call: Call, obj: Obj) -> Obj:
    """A backup in a short list, and in the answer to POST."""
    return {"id": obj["id"], "name": obj["name"], "links": links(call, "backups", obj["id"])}


def backup_show(call: Call, obj: Obj) -> Obj:
    """A backup."""
    view = {name: obj[name] for name in BACKUP_SHOWN}
    view["links"] = links(call, "backups", obj["id"])
    dependent = any(b["_parent"] == obj["id"] for b in call.state.find(BACKUPS, volume_id=obj["volume_id"]))
    return view | {
        "is_incremental": obj["is_incremental"], "has_dependent_backups": dependent, "snapshot_id": obj["snapshot_id"],
        "data_timestamp": obj["created_at"],
    }  # fmt: skip


def create_backup(call: Call) -> Answer:
    """POST /backups."""
    known = (
        "volume_id",
        "container",
        "name",
        "description",
        "incremental",
        "force",
        "snapshot_id",
        "metadata",
        "availability_zone",
    )
    given = _body(call, "backup", known)
    volume = volumes.find(call, str(given["volume_id"]))
    forced = flag("force", given.get("force") or False)
    if volume["status"] not in (("available", "in-use") if forced else ("available",)):
        need = "available or in-use" if forced else "available"
        raise invalid_volume(f'Volume to be backed up must be {need} but the current status is "{volume["status"]}".')
    used = call.state.find(BACKUPS, project_id=call.who.project_id)
    crud.charge(call, "backups", call.who.project_id, len(used))
    incremental = flag("incremental", given.get("incremental") or False)
    before = [b for b in used if b["volume_id"] == volume["id"] and b["status"] == "available"]
    if incremental and not before:
        raise Refusal(400, "Invalid backup: No backups available to do an incremental backup.")
    new_id = new_uuid()
    obj = call.state.put(
        BACKUPS,
        {
            "id": new_id, "status": "creating", "size": volume["size"], "object_count": 0, "availability_zone": volumes.ZONE,
            "container": given.get("container") or f"{new_id[:2]}/{new_id[2:4]}/{new_id}", "created_at": call.stamp(),
            "updated_at": None, "name": check_name("name", given.get("name")),
            "description": check_name("description", given.get("description")), "fail_reason": None, "volume_id": volume["id"],
            "is_incremental": incremental, "snapshot_id": given.get("snapshot_id"), "project_id": call.who.project_id,
            "_parent": before[-1]["id"] if incremental else None,
        },
    )  # fmt: skip
    end = {"status": "available", "object_count": 1, "updated_at": call.stamp()}
    transitions.start(
        call,
        BACKUPS,
        obj,
        {},
        end,
        seconds=ACTION_SECONDS,
        fail=lambda message: {"status": "error", "fail_reason": message},
    )
    return Answer(202, {"backup": backup_brief(call, obj)})


def delete_backup(call: Call) -> Answer:
    """DELETE /backups/{id}."""
    obj = crud.find(call, call.cloud.collection(BACKUPS), call.params["id"])
    if obj["status"] not in ("available", "error"):
        raise Refusal(400, "Invalid backup: Backup status must be available or error")
    if any(b["_parent"] == obj["id"] for b in call.state.find(BACKUPS, volume_id=obj["volume_id"])):
        raise Refusal(400, "Invalid backup: Incremental backups exist for this backup.")
    transitions.start(call, BACKUPS, obj, {"status": "deleting"}, None, kind="deletion", seconds=ACTION_SECONDS)
    return Answer(202)


def restore(call: Call) -> Answer:
    """POST /backups/{id}/restore: into a volume that is there, or into a new one."""
    body = call.json
    given = body.get("restore") if isinstance(body, dict) else None
    if not isinstance(given, dict):
        raise Refusal(400, "'restore' is a required property")
    backup = crud.find(call, call.cloud.collection(BACKUPS), call.params["id"])
    if backup["status"] != "available":
        raise Refusal(400, "Invalid backup: Backup status must be available")
    if given.get("volume_id"):
        volume = volumes.find(call, given["volume_id"])
    else:
        name = given.get("name") or f"restore_backup_{backup['id']}"
        volume = volumes.add(call, {"size": backup["size"], "name": name})
        volume = call.state.change(volumes.TABLE, volume["id"], status="available", _next=None)
    if volume["status"] != "available":
        raise invalid_volume("Volume to be restored to must be available")
    if volume["size"] < backup["size"]:
        raise invalid_volume(f"volume size {volume['size']} is too small to restore backup of size {backup['size']}.")
    call.state.change(BACKUPS, backup["id"], status="restoring")
    transitions.start(
        call, BACKUPS, backup, {"status": "restoring"}, {"status": "available"}, kind="actions", seconds=ACTION_SECONDS
    )
    transitions.start(
        call, volumes.TABLE, volume, {"status": "restoring-backup"}, {"status": "available", "updated_at": call.stamp()},
        kind="actions", seconds=ACTION_SECONDS, fail=lambda message: {"status": "error_restoring"},
    )  # fmt: skip
    return Answer(
        202, {"restore": {"backup_id": backup["id"], "volume_id": volume["id"], "volume_name": volume["name"]}}
    )
