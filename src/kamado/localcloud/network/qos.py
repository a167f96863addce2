"""QoS policies with their rules, address scopes and segments: there to be referred to.

Hooks of `collections`. The trap: a rule is shown in two forms, plain under its policy's path, and with type and policy inside
the policy.
"""

from kamado.localcloud import crud
from kamado.localcloud.network.ownership import claim, next_revision, shown
from kamado.localcloud.service import Call
from kamado.localcloud.state import Obj

KINDS = ("bandwidth_limit", "dscp_marking", "minimum_bandwidth", "minimum_packet_rate")


def before_policy(call: Call, values: Obj) -> None:
    """Only administrators come here."""
    claim(call, "policies", values, {})


def before_policy_update(call: Call, obj: Obj, changes: Obj) -> None:
    """Count the change."""
    next_revision(obj, changes)


def _rules(call: Call, policy_id: str) -> list[tuple[str, Obj]]:
    return [
        (kind, rule) for kind in KINDS for rule in call.state.find(f"network.{kind}_rules", qos_policy_id=policy_id)
    ]


def show_policy(call: Call, obj: Obj) -> Obj:
    """A policy with its rules."""
    view = shown(call, "policies", obj)
    view["rules"] = []
    for kind, rule in _rules(call, obj["id"]):
        plain = crud.plain_view(call.cloud.collection(f"network.{kind}_rules"), rule)
        view["rules"].append({**plain, "qos_policy_id": obj["id"], "type": kind})
    return view


def after_policy_delete(call: Call, obj: Obj) -> None:
    """Rules go with their policy."""
    for kind, rule in _rules(call, obj["id"]):
        call.state.remove(f"network.{kind}_rules", rule["id"])


def rule_changed(call: Call, rule: Obj) -> None:
    """A policy's revision counts its rules."""
    policy = call.state.get("network.policies", rule["qos_policy_id"])
    if policy:
        call.state.change("network.policies", policy["id"], revision_number=policy["revision_number"] + 1)


def before_scope(call: Call, values: Obj) -> None:
    """Only administrators share an address scope."""
    claim(call, "address_scopes", values, {"shared": False})


def show_segment(call: Call, obj: Obj) -> Obj:
    """A segment."""
    return crud.plain_view(call.cloud.collection("network.segments"), obj)
