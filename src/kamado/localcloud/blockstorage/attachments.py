"""The bond between a volume and a server, in Cinder's three ways: attachments API, old actions, and Nova's calls.

Called by `actions`, `collections` and `compute.volumes`. The trap: every change of a volume's status that has to do with servers
happens here, from the attachments that there are (`_settle`).
"""

from typing import Any

from kamado.localcloud.blockstorage import volumes
from kamado.localcloud.blockstorage.volumes import ATTACHMENTS, TABLE, invalid_volume
from kamado.localcloud.collection import new_uuid
from kamado.localcloud.microversions import from_version
from kamado.localcloud.service import Answer, Call, Refusal
from kamado.localcloud.state import Obj

SINCE = (3, 27)


def reserve(call: Call, volume: Obj, server_id: str, mode: str = "rw") -> Obj:
    """Promise a volume to a server; 400 when it is not free."""
    several = volume["multiattach"] and volume["status"] in ("in-use", "available", "reserved")
    if volume["status"] != "available" and not several:
        now = f"but the current status is {volume['status']}."
        raise invalid_volume(f"Volume {volume['id']} status must be available or downloading to reserve, {now}")
    attachment = {
        "id": new_uuid(), "status": "reserved", "attach_status": "reserved", "instance": server_id, "volume_id": volume["id"],
        "attached_at": "", "detached_at": "", "attach_mode": mode, "device": None, "connection_info": {},
        "project_id": volume["project_id"],
    }  # fmt: skip
    attachment = call.state.put(ATTACHMENTS, attachment)
    _settle(call, volume["id"])
    return attachment


def complete(call: Call, attachment_id: str, device: str) -> None:
    """The volume is there for its server now."""
    attachment = call.state.get(ATTACHMENTS, attachment_id)
    if attachment:
        call.state.change(
            ATTACHMENTS, attachment_id, status="attached", attach_status="attached", device=device, attached_at=call.stamp(),
            connection_info={"driver_volume_type": "local", "attachment_id": attachment_id, "access_mode": "rw"},
        )  # fmt: skip
        _settle(call, attachment["volume_id"])


def detaching(call: Call, attachment_id: str) -> None:
    """The server is about to let go."""
    attachment = call.state.get(ATTACHMENTS, attachment_id)
    if attachment:
        call.state.change(ATTACHMENTS, attachment_id, attach_status="detaching")
        _settle(call, attachment["volume_id"])


def release(call: Call, attachment_id: str) -> None:
    """The bond is gone."""
    attachment = call.state.remove(ATTACHMENTS, attachment_id)
    if attachment:
        _settle(call, attachment["volume_id"])


def _settle(call: Call, volume_id: str) -> None:
    volume = call.state.get(TABLE, volume_id)
    if volume is None or volume["status"] == "deleting":
        return
    kinds = {a["attach_status"] for a in call.state.find(ATTACHMENTS, volume_id=volume_id)}
    status = next(
        (
            s
            for kind, s in (("detaching", "detaching"), ("attached", "in-use"), ("reserved", "reserved"))
            if kind in kinds
        ),
        "available",
    )
    if status != volume["status"]:
        call.state.change(TABLE, volume_id, status=status, updated_at=call.stamp())


def of_server(call: Call, server_id: str) -> list[Obj]:
    """The attachments of a server."""
    return call.state.find(ATTACHMENTS, instance=server_id)


# the attachments API

BRIEF = ("id", "status", "instance", "volume_id")
FULL = (*BRIEF, "attached_at", "detached_at", "attach_mode", "connection_info")


def show(call: Call, obj: Obj) -> Obj:
    """An attachment."""
    return {name: obj[name] for name in FULL}


def brief(call: Call, obj: Obj) -> Obj:
    """An attachment in a short list."""
    return {name: obj[name] for name in BRIEF}


def _find(call: Call) -> Obj:
    from_version(call, SINCE)
    obj = call.state.get(ATTACHMENTS, call.params["id"])
    if obj is None or not (call.who.is_admin or obj["project_id"] == call.who.project_id):
        text = f"Volume attachment could not be found with filter: attachment_id = {call.params['id']}."
        raise Refusal(404, text)
    return obj


def _body(call: Call, *needed: str) -> Obj:
    from_version(call, SINCE)
    body = call.json
    given: Any = body.get("attachment") if isinstance(body, dict) else None
    if not isinstance(given, dict):
        raise Refusal(400, "'attachment' is a required property")
    for name in needed:
        if name not in given:
            raise volumes.wrong("attachment", given, f"'{name}' is a required property")
    return given


def create(call: Call) -> Obj:
    """POST /attachments."""
    given = _body(call, "volume_uuid")
    volume = volumes.find(call, str(given["volume_uuid"]))
    obj = reserve(call, volume, str(given.get("instance_uuid") or ""), given.get("mode") or "ro")
    return {"attachment": show(call, obj)}


def read(call: Call) -> Obj:
    """GET /attachments/{id}."""
    return {"attachment": show(call, _find(call))}


def update(call: Call) -> Obj:
    """PUT /attachments/{id}: the connector is known."""
    given = _body(call, "connector")
    obj = _find(call)
    connection = {"driver_volume_type": "local", "attachment_id": obj["id"]}
    device = (given["connector"] or {}).get("mountpoint")
    obj = call.state.change(ATTACHMENTS, obj["id"], connection_info=connection, status="attaching", device=device)
    return {"attachment": show(call, obj)}


def finish(call: Call) -> Answer:
    """POST /attachments/{id}/action with os-complete (since 3.44)."""
    from_version(call, (3, 44))
    obj = _find(call)
    complete(call, obj["id"], obj["device"] or "/dev/vdb")
    return Answer(204)


def delete(call: Call) -> Obj:
    """DELETE /attachments/{id}; answers with what is left."""
    obj = _find(call)
    release(call, obj["id"])
    left = call.state.find(ATTACHMENTS, volume_id=obj["volume_id"])
    return {"attachments": [brief(call, a) for a in left]}
