"""Moving volumes in and out of servers, and other steps on a volume that take time; for volumes and attachments alike.

Called by `volume.py` and `attachment.py`. Nova is spoken to by plain REST: services know nothing of each other. A
step is a small JSON map in a token; the traps: it may be repeated from its last stored state, so each looks first;
and Nova is through with a detachment only when it does not know the attachment any more, some time after Cinder calls
the volume available.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kamado.cloud.failures import CloudError
from kamado.plugin.errors import PermanentError, ResourceUnknownStatus
from kamado.plugin.rest import CloudResource

Step = dict[str, Any]

_PATIENCE = 40
"""How often a server may say that it is busy before its words are taken for good."""


def volume(resource: CloudResource, volume_id: str) -> Mapping[str, Any] | None:
    """The volume as Cinder tells it, None when there is none."""
    answer = resource.cloud.service("volumev3").get(f"/volumes/{volume_id}", ok=(404,))
    return None if answer is None else dict(answer["volume"])


def _attachments(server_id: str) -> str:
    return f"/servers/{server_id}/os-volume_attachments"


def attachment(resource: CloudResource, server_id: str, volume_id: str) -> str | None:
    """The id of a volume's attachment to a server as Nova tells it, None when there is none."""
    answer = resource.cloud.service("compute").get(f"{_attachments(server_id)}/{volume_id}", ok=(404,))
    return None if answer is None else str(answer["volumeAttachment"]["id"])


def attach(resource: CloudResource, server_id: str, volume_id: str, device: str | None) -> str:
    """Asks Nova to attach a volume; the attachment's id. Raises CloudError (conflict while the server is busy)."""
    wanted = {"volumeId": volume_id, **({"device": device} if device else {})}
    answer = resource.cloud.service("compute").post(_attachments(server_id), json={"volumeAttachment": wanted})
    return str(answer["volumeAttachment"]["id"])


def attached(resource: CloudResource, server_id: str, volume_id: str) -> bool:
    """Whether an attachment is complete. Raises ResourceUnknownStatus when the volume went another way."""
    found = volume(resource, volume_id) or {}
    status = found.get("status")
    if status in ("available", "attaching", "reserved"):
        return False
    if status != "in-use":
        raise ResourceUnknownStatus(str(status), "Volume attachment failed")
    return _is_in(found, server_id)


def detach(resource: CloudResource, server_id: str, volume_id: str) -> None:
    """Asks Nova to detach a volume; nothing when it is not attached. Raises CloudError (conflict while it is busy)."""
    resource.cloud.service("compute").delete(f"{_attachments(server_id)}/{volume_id}", ok=(400, 404))


def detached(resource: CloudResource, server_id: str, volume_id: str) -> bool:
    """Whether Cinder and Nova both know that a volume is out. Raises ResourceUnknownStatus when it went wrong."""
    found = volume(resource, volume_id)
    if found is not None and _is_in(found, server_id):
        if found["status"] not in ("in-use", "detaching", "reserved", "available", "deleting"):
            raise ResourceUnknownStatus(str(found["status"]), "Volume detachment failed")
        if found["status"] not in ("available", "deleting"):
            return False
    elif found is not None and found["status"] == "detaching":
        return False
    return attachment(resource, server_id, volume_id) is None


def _is_in(found: Mapping[str, Any], server_id: str) -> bool:
    return any(item.get("server_id") == server_id for item in found.get("attachments") or ())


def advance(resource: CloudResource, todo: list[Step]) -> bool:
    """Does one step after the other, each until it is over; one that is over leaves the list. Whether all are."""
    while todo:
        step = todo[0]
        try:
            if not _STEPS[step["do"]](resource, step):
                return False
        except CloudError as error:
            step["busy"] = step.get("busy", 0) + 1
            if error.conflict and step["busy"] <= _PATIENCE:
                return False
            raise
        del todo[0]
    return True


def _detach(resource: CloudResource, step: Step) -> bool:
    if not step.get("called"):
        detach(resource, step["server"], step["volume"])
        step["called"] = True
        return False
    return detached(resource, step["server"], step["volume"])


def _attach(resource: CloudResource, step: Step) -> bool:
    server, wanted = step["server"], step["volume"]
    if not step.get("called"):
        found = attachment(resource, server, wanted)
        step["called"] = found or attach(resource, server, wanted, step.get("device"))
        return False
    return attached(resource, server, wanted)


def _action(resource: CloudResource, step: Step) -> bool:
    """One of Cinder's volume actions, then back to rest: ``action`` with ``body``, ``words`` for a status beyond it."""
    found = volume(resource, step["volume"])
    if found is None:
        raise PermanentError(f"Volume {step['volume']} could not be found.", "NotFound")
    status = str(found["status"])
    if not step.get("called"):
        if status not in ("available", "in-use"):
            return False
        version = "3.42" if step["action"] == "os-extend" and status == "in-use" else None
        resource.cloud.service("volumev3").post(
            f"/volumes/{step['volume']}/action", json={step["action"]: step["body"]}, microversion=version
        )
        step["called"] = True
        return False
    return _at_rest(status, step["words"])


def _restore(resource: CloudResource, step: Step) -> bool:
    found = volume(resource, step["volume"]) or {}
    if not step.get("called"):
        if found.get("status") == "available":
            wanted = {"restore": {"volume_id": step["volume"]}}
            resource.cloud.service("volumev3").post(f"/backups/{step['backup']}/restore", json=wanted)
            step["called"] = True
        return False
    return _at_rest(str(found.get("status")), "Volume backup restore failed")


def _at_rest(status: str, words: str) -> bool:
    if status in ("extending", "retyping", "restoring-backup", "downloading", "maintenance"):
        return False
    if status not in ("available", "in-use"):
        raise ResourceUnknownStatus(status, words)
    return True


_STEPS: Mapping[str, Callable[[CloudResource, Step], bool]] = {
    "detach": _detach,
    "attach": _attach,
    "action": _action,
    "restore": _restore,
}
