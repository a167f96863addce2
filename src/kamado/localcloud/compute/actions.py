"""POST /servers/{id}/action: which action is allowed in which state, what the server goes through, where it ends.

A route of the service. The trap: an action is refused (409) while another one is under way (`task_state`), except those that
change nothing of the state.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kamado.localcloud import transitions
from kamado.localcloud.compute import flavors, interfaces, servers
from kamado.localcloud.compute.servers import TABLE, check_unlocked, failed, new_password, record, settled_in
from kamado.localcloud.compute.wording import admin_only, extra, missing, wrong
from kamado.localcloud.metadata import checked
from kamado.localcloud.microversions import of
from kamado.localcloud.service import Answer, Call, Refusal
from kamado.localcloud.state import Obj

ACTION_SECONDS = 0.05
TASK = "compute.servers"


@dataclass(frozen=True)
class Move:
    """A plain way from some states to another: allowed `from_states`, the passing `task` (and `status`), the `end` state."""

    verb: str
    from_states: tuple[str, ...]
    task: str
    end: str
    status: str = ""


MOVES = {
    "os-start": Move("start", ("stopped",), "powering-on", "active"),
    "os-stop": Move("stop", ("active", "error"), "powering-off", "stopped"),
    "pause": Move("pause", ("active",), "pausing", "paused"),
    "unpause": Move("unpause", ("paused",), "unpausing", "active"),
    "suspend": Move("suspend", ("active",), "suspending", "suspended"),
    "resume": Move("resume", ("suspended",), "resuming", "active"),
    "shelve": Move("shelve", ("active", "stopped", "paused", "suspended"), "shelving", "shelved_offloaded"),
    "unshelve": Move("unshelve", ("shelved_offloaded",), "unshelving", "active"),
    "unrescue": Move("unrescue", ("rescued",), "unrescuing", "active"),
    "restore": Move("restore", ("soft-delete",), "restoring", "active"),
}
BASIC = ("active", "stopped", "paused", "suspended", "error")


def require(call: Call, server: Obj, verb: str, states: tuple[str, ...]) -> None:
    """409 when the server's state or what is under way forbids it."""
    if server["vm_state"] not in states:
        text = f"Cannot '{verb}' instance {server['id']} while it is in vm_state {server['vm_state']}"
        raise Refusal(409, text)
    if server["task_state"] is not None:
        text = f"Cannot '{verb}' instance {server['id']} while it is in task_state {server['task_state']}"
        raise Refusal(409, text)


def go(call: Call, server: Obj, task: str, end: Obj, status: str = "") -> None:
    """Start on the way to `end`."""
    passing: Obj = {"task_state": task or None, "updated": call.stamp()}
    if status:
        passing["status"] = status
    transitions.start(
        call, TABLE, server, passing, {**end, "updated": call.stamp()}, kind="actions", seconds=ACTION_SECONDS,
        fail=lambda message: failed(call, message),
    )  # fmt: skip


def _move(call: Call, server: Obj, name: str) -> Answer:
    move = MOVES[name]
    require(call, server, move.verb, move.from_states)
    go(call, server, move.task, settled_in(move.end), move.status)
    return Answer(202)


def _reboot(call: Call, server: Obj, given: Any) -> Answer:
    kinds = ["HARD", "Hard", "hard", "SOFT", "Soft", "soft"]
    if not isinstance(given, dict) or "type" not in given:
        raise missing("reboot", given, "type")
    if given["type"] not in kinds:
        raise wrong("type", given["type"], f"{given['type']!r} is not one of {kinds}")
    hard = given["type"].lower() == "hard"
    require(call, server, "reboot", BASIC if hard else ("active",))
    task, status = ("rebooting_hard", "HARD_REBOOT") if hard else ("rebooting", "REBOOT")
    go(call, server, task, settled_in("active"), status)
    return Answer(202)


def _rebuild(call: Call, server: Obj, given: Any) -> Answer:
    if not isinstance(given, dict) or "imageRef" not in given:
        raise missing("rebuild", given, "imageRef")
    known = {"imageRef", "name", "adminPass", "metadata", "preserve_ephemeral", "accessIPv4", "accessIPv6", "OS-DCF:diskConfig",
             "personality", "description", "key_name", "user_data", "trusted_image_certificates", "hostname"}  # fmt: skip
    strange = [k for k in given if k not in known]
    if strange:
        raise extra("rebuild", given, strange)
    image = flavors.find_image(call, given["imageRef"])
    if image is None:
        raise Refusal(400, "Cannot find image for rebuild")
    require(call, server, "rebuild", BASIC)
    changes: Obj = {"image_id": image["id"], "fault": None}
    if "metadata" in given:
        changes["metadata"] = checked(given["metadata"])
    changes |= {k: given[k] for k in ("name", "description", "key_name", "user_data", "hostname") if k in given}
    server = call.state.change(TABLE, server["id"], **changes)
    end = "stopped" if server["vm_state"] == "stopped" else "active"
    go(call, server, "rebuilding", settled_in(end), "REBUILD")
    seen = {**(call.state.get(TABLE, server["id"]) or server), "status": "REBUILD"}
    view = servers.show(call, seen, full=False)
    view["adminPass"] = given.get("adminPass") or new_password()
    return Answer(202, {"server": view}, {"Location": view["links"][0]["href"]})


def _resize(call: Call, server: Obj, given: Any) -> Answer:
    if not isinstance(given, dict) or "flavorRef" not in given:
        raise missing("resize", given, "flavorRef")
    try:
        flavor = flavors.find(call, given["flavorRef"])
    except Refusal as refusal:
        raise Refusal(400, refusal.message) from None
    require(call, server, "resize", ("active", "stopped"))
    if flavor["id"] == server["flavor"]["id"]:
        raise Refusal(400, "When resizing, instances must change flavor!")
    if flavor["disk"] == 0 and server["flavor"]["disk"] and not server["boots_from_volume"]:
        raise Refusal(400, "Unable to resize disk down.")
    end = {
        **settled_in("resized"), "flavor": flavors.embedded(call, flavor), "old_flavor": server["flavor"],
        "from_state": server["vm_state"],
    }  # fmt: skip
    go(call, server, "resize_prep", end, "RESIZE")
    return Answer(202)


def _confirm_resize(call: Call, server: Obj, given: Any) -> Answer:
    require(call, server, "confirmResize", ("resized",))
    end = settled_in(server["from_state"] or "active")
    go(call, server, "", {**end, "old_flavor": None, "from_state": None})
    return Answer(204)


def _revert_resize(call: Call, server: Obj, given: Any) -> Answer:
    require(call, server, "revertResize", ("resized",))
    end = settled_in(server["from_state"] or "active")
    go(
        call,
        server,
        "resize_reverting",
        {**end, "flavor": server["old_flavor"], "old_flavor": None, "from_state": None},
        "REVERT_RESIZE",
    )
    return Answer(202)


def _create_image(call: Call, server: Obj, given: Any) -> Answer:
    if not isinstance(given, dict) or "name" not in given:
        raise missing("createImage", given, "name")
    metadata = checked(given.get("metadata") or {})
    require(call, server, "createImage", ("active", "stopped", "paused", "suspended"))
    image_id = servers.image_from(call, server, given["name"], metadata)
    go(call, server, "image_snapshot", settled_in(server["vm_state"]))
    location = f"{call.cloud.urls.get('image', '')}/images/{image_id}"
    body = {"image_id": image_id} if of(call) >= (2, 45) else None
    return Answer(202, body, {"Location": location} if body is None else {})


def _rescue(call: Call, server: Obj, given: Any) -> Answer:
    require(call, server, "rescue", ("active", "stopped", "error"))
    go(call, server, "rescuing", settled_in("rescued"))
    return Answer(200, {"adminPass": (given or {}).get("adminPass") or new_password()})


def _lock(call: Call, server: Obj, given: Any) -> Answer:
    reason = (given or {}).get("locked_reason") if isinstance(given, dict) else None
    call.state.change(TABLE, server["id"], locked=True, locked_reason=reason)
    return Answer(202)


def _unlock(call: Call, server: Obj, given: Any) -> Answer:
    call.state.change(TABLE, server["id"], locked=False, locked_reason=None)
    return Answer(202)


def _change_password(call: Call, server: Obj, given: Any) -> Answer:
    if not isinstance(given, dict) or "adminPass" not in given:
        raise missing("changePassword", given, "adminPass")
    require(call, server, "set_admin_password", ("active",))
    return Answer(202)


def _console_output(call: Call, server: Obj, given: Any) -> Answer:
    if server["launched_at"] is None:
        raise Refusal(409, f"Instance {server['id']} is not ready")
    lines = [
        f"[    0.000000] Kamado local cloud: {server['hostname']}",
        "cloud-init has run",
        f"{server['hostname']} login:",
    ]
    length = (given or {}).get("length") if isinstance(given, dict) else None
    wanted = int(length) if length not in (None, -1, "-1") else len(lines)
    return Answer(200, {"output": "\n".join(lines[-wanted:] if wanted else [])})


def _vnc(call: Call, server: Obj, given: Any) -> Answer:
    if not isinstance(given, dict) or "type" not in given:
        raise missing("os-getVNCConsole", given, "type")
    return Answer(200, {"console": {"type": given["type"], "url": console_url(call)}})


def console_url(call: Call) -> str:
    """An address of the right form; nothing answers there."""
    return f"http://{call.cloud.host}:6080/vnc_lite.html?path=%3Ftoken%3D{call.request_id[4:]}"


def remote_console(call: Call) -> Obj:
    """POST /servers/{id}/remote-consoles (since 2.6)."""
    body = call.json
    given = body.get("remote_console") if isinstance(body, dict) else None
    if not isinstance(given, dict) or not {"protocol", "type"} <= set(given):
        raise Refusal(400, "'remote_console' is a required property")
    servers.visible(call)
    return {"remote_console": {"protocol": given["protocol"], "type": given["type"], "url": console_url(call)}}


def _add_group(call: Call, server: Obj, given: Any) -> Answer:
    interfaces.change_group(call, server, given, adding=True)
    return Answer(202)


def _remove_group(call: Call, server: Obj, given: Any) -> Answer:
    interfaces.change_group(call, server, given, adding=False)
    return Answer(202)


def _force_delete(call: Call, server: Obj, given: Any) -> Answer:
    servers.vanish(call, server)
    return Answer(202)


def _reset_state(call: Call, server: Obj, given: Any) -> Answer:
    admin_only(call, "os-admin-actions:reset_state")
    state = (given or {}).get("state")
    if state not in ("active", "error"):
        raise wrong("state", state, f"{state!r} is not one of ['active', 'error']")
    call.state.change(TABLE, server["id"], **settled_in(state), fault=None)
    return Answer(202)


ACTIONS: dict[str, Callable[[Call, Obj, Any], Answer]] = {
    "reboot": _reboot, "rebuild": _rebuild, "resize": _resize, "confirmResize": _confirm_resize,
    "revertResize": _revert_resize, "createImage": _create_image, "rescue": _rescue, "lock": _lock, "unlock": _unlock,
    "changePassword": _change_password, "os-getConsoleOutput": _console_output, "os-getVNCConsole": _vnc,
    "addSecurityGroup": _add_group, "removeSecurityGroup": _remove_group, "forceDelete": _force_delete,
    "os-resetState": _reset_state,
}  # fmt: skip
ALWAYS = ("lock", "unlock", "os-getConsoleOutput", "os-getVNCConsole", "os-resetState")


def act(call: Call) -> Answer:
    """One action on one server."""
    body = call.json
    if not isinstance(body, dict) or len(body) != 1:
        raise Refusal(400, "Malformed request body")
    name, given = next(iter(body.items()))
    if name not in ACTIONS and name not in MOVES:
        raise Refusal(400, f"There is no such action: {name}")
    server = servers.visible(call)
    if name not in ALWAYS:
        check_unlocked(call, server)
    answer = _move(call, server, name) if name in MOVES else ACTIONS[name](call, server, given)
    if name not in ALWAYS:
        record(call, server["id"], name.removeprefix("os-"))
    return answer
