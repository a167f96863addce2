"""POST /volumes/{id}/action: what may be done to a volume, as a table of names.

A route of the service. The trap: the body is checked before the volume is looked for, as Cinder does.
"""

from collections.abc import Callable
from typing import Any

from kamado.localcloud import transitions
from kamado.localcloud.blockstorage import attachments, volumes
from kamado.localcloud.blockstorage.volumes import ACTION_SECONDS, TABLE, flag, invalid, invalid_volume, whole, wrong
from kamado.localcloud.service import Answer, Call, Refusal
from kamado.localcloud.state import Obj

Action = Callable[[Call, Obj, Obj], "Obj | None"]
STATUSES = (
    "creating", "available", "deleting", "error", "attaching", "detaching", "in-use", "maintenance", "error_deleting",
    "reserved", "uploading", "downloading",
)  # fmt: skip


def _extend(call: Call, volume: Obj, given: Obj) -> None:
    size = whole("new_size", given["new_size"])
    if size <= volume["size"]:
        raise invalid(
            f"New size for extend must be greater than current size. (current: {volume['size']}, extended: {size})."
        )
    if volume["status"] not in ("available", "in-use"):
        raise invalid_volume(
            f"Volume {volume['id']} status must be '['available']' to extend, currently {volume['status']}."
        )
    volumes.charge_gigabytes(call, size - volume["size"])
    end = {"status": volume["status"], "size": size, "updated_at": call.stamp()}
    _take_time(call, volume, "extending", end, "error_extending")


def _take_time(call: Call, volume: Obj, passing: str, end: Obj, bad: str) -> None:
    transitions.start(
        call, TABLE, volume, {"status": passing}, end, kind="actions", seconds=ACTION_SECONDS,
        fail=lambda message: {"status": bad},
    )  # fmt: skip


def _retype(call: Call, volume: Obj, given: Obj) -> None:
    kind = volumes._type(call, given["new_type"], None)
    if volume["status"] not in ("available", "in-use") or kind["name"] == volume["volume_type"]:
        raise invalid_volume(
            "Retype needs volume to be in available or in-use state, not be part of an active migration or a consistency "
            "group, requested type has to be different that the one from the volume, and for in-use volumes front-end qos "
            "specs cannot change."
        )
    end = {"status": volume["status"], "volume_type": kind["name"], "updated_at": call.stamp()}
    _take_time(call, volume, "retyping", end, volume["status"])


def _set_bootable(call: Call, volume: Obj, given: Obj) -> None:
    value = "true" if flag("bootable", given["bootable"]) else "false"
    call.state.change(TABLE, volume["id"], bootable=value, updated_at=call.stamp())


def _set_readonly(call: Call, volume: Obj, given: Obj) -> None:
    if volume["status"] != "available":
        raise invalid_volume(
            f"Volume {volume['id']} status must be available to update readonly flag, but current status is: {volume['status']}."
        )
    metadata = {**volume["metadata"], "readonly": str(flag("readonly", given["readonly"]))}
    call.state.change(TABLE, volume["id"], metadata=metadata, updated_at=call.stamp())


def _reset_status(call: Call, volume: Obj, given: Obj) -> None:
    status = given.get("status", volume["status"])
    if status not in STATUSES:
        raise wrong("status", status, f"{status!r} is not one of {list(STATUSES)}")
    call.state.change(TABLE, volume["id"], status=status, updated_at=call.stamp())


def _force_delete(call: Call, volume: Obj, given: Obj) -> None:
    for attachment in call.state.find(volumes.ATTACHMENTS, volume_id=volume["id"]):
        call.state.remove(volumes.ATTACHMENTS, attachment["id"])
    volumes.vanish(call, volume)


def _reserve(call: Call, volume: Obj, given: Obj) -> None:
    if volume["status"] != "available":
        raise invalid_volume(f"Volume status must be available to reserve, but the status is {volume['status']}.")
    call.state.change(TABLE, volume["id"], status="attaching", updated_at=call.stamp())


def _unreserve(call: Call, volume: Obj, given: Obj) -> None:
    if volume["status"] == "attaching":
        call.state.change(TABLE, volume["id"], status="available", updated_at=call.stamp())


def _attach(call: Call, volume: Obj, given: Obj) -> None:
    if volume["status"] == "attaching":
        volume = call.state.change(TABLE, volume["id"], status="available")
    server = given.get("instance_uuid")
    held = next((a for a in attachments.of_server(call, str(server)) if a["volume_id"] == volume["id"]), None)
    bond = held or attachments.reserve(call, volume, str(server), given.get("mode", "rw"))
    attachments.complete(call, bond["id"], given["mountpoint"])


def _detach(call: Call, volume: Obj, given: Obj) -> None:
    for bond in call.state.find(volumes.ATTACHMENTS, volume_id=volume["id"]):
        if given.get("attachment_id") in (None, bond["id"]):
            attachments.release(call, bond["id"])


def _begin_detaching(call: Call, volume: Obj, given: Obj) -> None:
    if volume["status"] != "in-use":
        raise invalid_volume(
            "Unable to detach volume. Volume status must be 'in-use' and attach_status must be 'attached' to detach."
        )
    call.state.change(TABLE, volume["id"], status="detaching", updated_at=call.stamp())


def _roll_detaching(call: Call, volume: Obj, given: Obj) -> None:
    if volume["status"] == "detaching":
        call.state.change(TABLE, volume["id"], status="in-use", updated_at=call.stamp())


def _connect(call: Call, volume: Obj, given: Obj) -> Obj:
    return {"connection_info": {"driver_volume_type": "local", "data": {"volume_id": volume["id"]}}}


def _nothing(call: Call, volume: Obj, given: Obj) -> None:
    return None


# name: (what is done, keys that must be there, status of the answer, rule that only administrators pass)
ACTIONS: dict[str, tuple[Action, tuple[str, ...], int, str]] = {
    "os-extend": (_extend, ("new_size",), 202, ""),
    "os-retype": (_retype, ("new_type",), 202, ""),
    "os-set_bootable": (_set_bootable, ("bootable",), 200, ""),
    "os-update_readonly_flag": (_set_readonly, ("readonly",), 202, ""),
    "os-reset_status": (_reset_status, (), 202, "volume_extension:volume_admin_actions:reset_status"),
    "os-force_delete": (_force_delete, (), 202, "volume_extension:volume_admin_actions:force_delete"),
    "os-reserve": (_reserve, (), 202, ""),
    "os-unreserve": (_unreserve, (), 202, ""),
    "os-attach": (_attach, ("mountpoint",), 202, ""),
    "os-detach": (_detach, (), 202, ""),
    "os-begin_detaching": (_begin_detaching, (), 202, ""),
    "os-roll_detaching": (_roll_detaching, (), 202, ""),
    "os-initialize_connection": (_connect, ("connector",), 200, ""),
    "os-terminate_connection": (_nothing, ("connector",), 202, ""),
}


def act(call: Call) -> Answer:
    """One action on one volume."""
    body: Any = call.json
    if not isinstance(body, dict) or len(body) != 1:
        raise Refusal(400, "Malformed request body")
    name, given = next(iter(body.items()))
    if name not in ACTIONS:
        text = f"There is no such action: {name}. Verify the request body and Content-Type header and try again."
        raise Refusal(400, text)
    action, needed, status, rule = ACTIONS[name]
    for key in needed:
        if not isinstance(given, dict) or key not in given:
            raise wrong(name, given, f"'{key}' is a required property")
    if name == "os-extend":
        whole("new_size", given["new_size"])
    if name == "os-set_bootable":
        flag("bootable", given["bootable"])
    volume = volumes.find(call, call.params["id"])
    if rule and not call.who.is_admin:
        raise call.service.dialect.forbidden(rule)
    return Answer(status, action(call, volume, given if isinstance(given, dict) else {}))
