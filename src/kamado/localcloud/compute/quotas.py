"""Nova's quotas and limits.

Routes of the service. The trap: 2.36 and 2.57 took away what Nova no longer counts (networks, injected files).
"""

from typing import Any

from kamado.localcloud.compute.wording import admin_only, extra, inside
from kamado.localcloud.microversions import of
from kamado.localcloud.service import Answer, Call, Refusal
from kamado.localcloud.state import Obj

DEFAULTS = {
    "cores": -1,
    "fixed_ips": -1,
    "floating_ips": -1,
    "injected_file_content_bytes": 10240,
    "injected_file_path_bytes": 255,
    "injected_files": 5,
    "instances": -1,
    "key_pairs": -1,
    "metadata_items": 128,
    "ram": -1,
    "security_group_rules": -1,
    "security_groups": -1,
    "server_group_members": -1,
    "server_groups": -1,
}
GONE_236 = ("fixed_ips", "floating_ips", "security_group_rules", "security_groups")
GONE_257 = ("injected_file_content_bytes", "injected_file_path_bytes", "injected_files")


def _limits(call: Call, project_id: str) -> dict[str, Any]:
    version = of(call)
    gone = (GONE_236 if version >= (2, 36) else ()) + (GONE_257 if version >= (2, 57) else ())
    return {n: call.cloud.quota("compute", project_id, n) for n in DEFAULTS if n not in gone}


def _used(call: Call, project_id: str) -> dict[str, int]:
    servers = call.state.find("compute.servers", project_id=project_id)
    return {
        "instances": len(servers),
        "cores": sum(s["flavor"]["vcpus"] for s in servers),
        "ram": sum(s["flavor"]["ram"] for s in servers),
        "server_groups": len(call.state.find("compute.server_groups", project_id=project_id)),
    }


def _guard(call: Call, rule: str) -> str:
    project_id = call.params["project"]
    if project_id != call.who.project_id or rule not in ("show", "detail"):
        admin_only(call, f"os-quota-sets:{rule}")
    return project_id


def show(call: Call) -> Obj:
    """GET /os-quota-sets/{project}."""
    project_id = _guard(call, "show")
    return {"quota_set": {"id": project_id, **_limits(call, project_id)}}


def detail(call: Call) -> Obj:
    """GET /os-quota-sets/{project}/detail: limits beside use."""
    project_id = _guard(call, "detail")
    used = _used(call, project_id)
    limits = {n: {"limit": v, "in_use": used.get(n, 0), "reserved": 0} for n, v in _limits(call, project_id).items()}
    return {"quota_set": {"id": project_id, **limits}}


def defaults(call: Call) -> Obj:
    """GET /os-quota-sets/{project}/defaults."""
    known = _limits(call, "")
    return {"quota_set": {"id": call.params["project"], **{n: DEFAULTS[n] for n in known}}}


def update(call: Call) -> Obj:
    """PUT /os-quota-sets/{project}."""
    project_id = _guard(call, "update")
    given = inside(call, "quota_set")
    known, used = _limits(call, project_id), _used(call, project_id)
    strange = [n for n in given if n not in known and n not in ("force", "tenant_id")]
    if strange:
        raise extra("quota_set", given, strange)
    limits = {n: int(v) for n, v in given.items() if n in known}
    for name, limit in limits.items():
        if 0 <= limit < used.get(name, 0) and not given.get("force"):
            text = f"Quota limit {limit} for {name} must be greater than or equal to already used and reserved {used[name]}."
            raise Refusal(400, text)
    call.cloud.set_quota("compute", project_id, limits)
    return {"quota_set": _limits(call, project_id)}


def reset(call: Call) -> Answer:
    """DELETE /os-quota-sets/{project}."""
    call.cloud.set_quota("compute", _guard(call, "delete"), None)
    return Answer(202)


def limits(call: Call) -> Obj:
    """GET /limits."""
    version, project_id = of(call), call.who.project_id
    most, used = {n: call.cloud.quota("compute", project_id, n) for n in DEFAULTS}, _used(call, project_id)
    absolute: dict[str, int] = {
        "maxTotalCores": most["cores"], "maxTotalInstances": most["instances"], "maxTotalKeypairs": most["key_pairs"],
        "maxServerMeta": most["metadata_items"], "maxTotalRAMSize": most["ram"], "maxServerGroups": most["server_groups"],
        "maxServerGroupMembers": most["server_group_members"], "totalRAMUsed": used["ram"], "totalCoresUsed": used["cores"],
        "totalInstancesUsed": used["instances"], "totalServerGroupsUsed": used["server_groups"],
    }  # fmt: skip
    if version < (2, 57):
        absolute |= {"maxPersonality": 5, "maxPersonalitySize": 10240}
    if version < (2, 39):
        absolute |= {"maxImageMeta": 128}
    if version < (2, 36):
        absolute |= {"maxTotalFloatingIps": -1, "maxSecurityGroups": -1, "maxSecurityGroupRules": -1,
                     "totalFloatingIpsUsed": 0, "totalSecurityGroupsUsed": 0}  # fmt: skip
    return {"limits": {"rate": [], "absolute": absolute}}
