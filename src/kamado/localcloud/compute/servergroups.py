"""Server groups: who should run beside whom. This cloud never runs out of hosts, so
no policy ever refuses a server.

Requests of the service. The trap: 2.64 turned the list `policies` into one `policy` with `rules`.
"""

from typing import Any

from kamado.localcloud.collection import new_uuid
from kamado.localcloud.compute.wording import check, extra, inside, label, missing, wrong
from kamado.localcloud.microversions import of
from kamado.localcloud.service import Answer, Call, Refusal
from kamado.localcloud.state import Obj

TABLE = "compute.server_groups"
HARD, ALL = ["anti-affinity", "affinity"], ["anti-affinity", "affinity", "soft-anti-affinity", "soft-affinity"]


def show(call: Call, obj: Obj) -> Obj:
    """A group with its members."""
    members = [s["id"] for s in call.state.find("compute.servers", group_id=obj["id"])]
    view: Obj = {"id": obj["id"], "name": obj["name"]}
    if of(call) >= (2, 64):
        view |= {"policy": obj["policy"], "rules": obj["rules"], "members": members}
    else:
        view |= {"policies": [obj["policy"]], "metadata": {}, "members": members}
    if of(call) >= (2, 13):
        view |= {"project_id": obj["project_id"], "user_id": obj["user_id"]}
    return view


def find(call: Call, group_id: str) -> Obj | None:
    """A group that the caller may use."""
    obj = call.state.get(TABLE, group_id)
    return obj if obj and (call.who.is_admin or obj["project_id"] == call.who.project_id) else None


def _policy(call: Call, given: Obj) -> tuple[str, Obj]:
    newer = of(call) >= (2, 64)
    key = "policy" if newer else "policies"
    for name in ("name", key):
        if name not in given:
            raise missing("server_group", given, name)
    strange = [name for name in given if name not in ("name", key, *(["rules"] if newer else []))]
    if strange:
        raise extra("server_group", given, strange)
    known = ALL if of(call) >= (2, 15) else HARD
    if newer:
        policy: Any = given["policy"]
        if policy not in known:
            raise wrong("policy", policy, f"{policy!r} is not one of {known}")
        return policy, _rules(policy, given.get("rules") or {})
    policies = given["policies"]
    if not isinstance(policies, list) or not policies:
        raise wrong(
            "policies", policies, f"{policies!r} is not of type 'array'" if policies else "[] should be non-empty"
        )
    for place, policy in enumerate(policies):
        if policy not in known:
            raise wrong(str(place), policy, f"{policy!r} is not one of {known}")
    if len(policies) > 1:
        raise wrong("policies", policies, f"{policies} is too long")
    return policies[0], {}


def _rules(policy: str, rules: Any) -> Obj:
    if not isinstance(rules, dict):
        raise wrong("rules", rules, f"{rules!r} is not of type 'object'")
    strange = [key for key in rules if key != "max_server_per_host"]
    if strange:
        raise extra("rules", rules, strange)
    if rules and policy != "anti-affinity":
        raise Refusal(400, "Only anti-affinity policy supports rules.")
    return {key: int(value) for key, value in rules.items()}


def create(call: Call) -> Obj:
    """POST /os-server-groups."""
    given = inside(call, "server_group")
    policy, rules = _policy(call, given)
    limit = call.cloud.quota("compute", call.who.project_id, "server_groups")
    if 0 <= limit <= len(call.state.find(TABLE, project_id=call.who.project_id)):
        raise Refusal(403, "Quota exceeded, too many server groups.")
    obj = {
        "id": new_uuid(), "name": check("name", given["name"], label), "policy": policy, "rules": rules,
        "project_id": call.who.project_id, "user_id": call.who.user_id,
    }  # fmt: skip
    return {"server_group": show(call, call.state.put(TABLE, obj))}


def delete(call: Call) -> Answer:
    """DELETE /os-server-groups/{id}: servers stay."""
    obj = find(call, call.params["id"])
    if obj is None:
        raise Refusal(404, f"Instance group {call.params['id']} could not be found.")
    call.state.remove(TABLE, obj["id"])
    return Answer(204)
