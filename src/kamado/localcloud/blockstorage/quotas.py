"""Cinder's quotas and limits.

Routes of the service. The trap: limits exist per volume type as well (`volumes_rig`); they are shown and can be set, but only
the totals are charged.
"""

from typing import Any

from kamado.localcloud.blockstorage import volumes
from kamado.localcloud.service import Answer, Call, Refusal
from kamado.localcloud.state import Obj

DEFAULTS = {
    "volumes": -1,
    "per_volume_gigabytes": -1,
    "snapshots": -1,
    "gigabytes": -1,
    "backups": -1,
    "backup_gigabytes": -1,
    "groups": 10,
}


def _names(call: Call) -> list[str]:
    kinds = [t["name"] for t in call.state.all("blockstorage.volume_types")]
    return [*DEFAULTS, *(f"{what}_{kind}" for kind in kinds for what in ("volumes", "gigabytes", "snapshots"))]


def _limits(call: Call, project_id: str) -> dict[str, int]:
    return {name: call.cloud.quota("blockstorage", project_id, name) for name in _names(call)}


def _used(call: Call, project_id: str) -> dict[str, int]:
    held = call.state.find(volumes.TABLE, project_id=project_id)
    snapshots = call.state.find("blockstorage.snapshots", project_id=project_id)
    backups = call.state.find("blockstorage.backups", project_id=project_id)
    return {
        "volumes": len(held),
        "snapshots": len(snapshots),
        "gigabytes": sum(v["size"] for v in held) + sum(s["size"] for s in snapshots),
        "backups": len(backups),
        "backup_gigabytes": sum(b["size"] for b in backups),
    }


def _target(call: Call, rule: str) -> str:
    project_id = call.params["target"]
    if not call.who.is_admin and (rule != "show" or project_id != call.who.project_id):
        raise call.service.dialect.forbidden(f"volume_extension:quotas:{rule}")
    return project_id


def show(call: Call) -> Obj:
    """GET /os-quota-sets/{project}, with use when `usage` is true."""
    project_id = _target(call, "show")
    limits: dict[str, Any] = dict(_limits(call, project_id))
    if call.arg("usage").lower() == "true":
        used = _used(call, project_id)
        limits = {n: {"limit": v, "in_use": used.get(n, 0), "reserved": 0} for n, v in limits.items()}
    return {"quota_set": {**limits, "id": project_id}}


def defaults(call: Call) -> Obj:
    """GET /os-quota-sets/{project}/defaults."""
    project_id = _target(call, "show")
    return {"quota_set": {**{name: DEFAULTS.get(name, -1) for name in _names(call)}, "id": project_id}}


def update(call: Call) -> Obj:
    """PUT /os-quota-sets/{project}."""
    project_id = _target(call, "update")
    body = call.json
    given = body.get("quota_set") if isinstance(body, dict) else None
    if not isinstance(given, dict):
        raise Refusal(400, "'quota_set' is a required property")
    known = _names(call)
    strange = [name for name in given if name not in known and name != "tenant_id"]
    if strange:
        raise Refusal(400, f"Invalid input received: Bad key(s) in quota set: {', '.join(strange)}")
    limits = {}
    for name, value in given.items():
        if name == "tenant_id":
            continue
        try:
            limits[name] = int(value)
        except (TypeError, ValueError):
            raise Refusal(400, f"Invalid input received: {name} must be an integer") from None
    call.cloud.set_quota("blockstorage", project_id, limits)
    return {"quota_set": _limits(call, project_id)}


def reset(call: Call) -> Answer:
    """DELETE /os-quota-sets/{project}."""
    call.cloud.set_quota("blockstorage", _target(call, "delete"), None)
    return Answer(200)


def limits(call: Call) -> Obj:
    """GET /limits."""
    most, used = _limits(call, call.who.project_id), _used(call, call.who.project_id)
    absolute = {
        "maxTotalVolumes": most["volumes"],
        "maxTotalSnapshots": most["snapshots"],
        "maxTotalVolumeGigabytes": most["gigabytes"],
        "maxTotalBackups": most["backups"],
        "maxTotalBackupGigabytes": most["backup_gigabytes"],
        "totalVolumesUsed": used["volumes"],
        "totalGigabytesUsed": used["gigabytes"],
        "totalSnapshotsUsed": used["snapshots"],
        "totalBackupsUsed": used["backups"],
        "totalBackupGigabytesUsed": used["backup_gigabytes"],
    }
    return {"limits": {"rate": [], "absolute": absolute}}
