"""Handlers for plans, and the JSON they are shown as. An addition to Heat's API; the shape is described in `docs/plan.md`.

The trap: what is shown must say everything that may happen. A step that leaves something to the run says so, and so does a value that is
only known then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from falcon import Response

from kamado.api import bodies, outside
from kamado.api.call import Call
from kamado.api.errors import BadRequest
from kamado.api.query import truth
from kamado.engine.plan import Plan, PropertyDifference, Reason, Step, StepKind
from kamado.model.lifecycle import Action
from kamado.orchestrator import plans
from kamado.orchestrator.plans import Shown, StackPlan
from kamado.template import UNKNOWN, contains_unknown

JsonMap = dict[str, Any]

ACTIONS: Mapping[str, tuple[Action, str]] = {
    "delete": (Action.DELETE, "stacks:delete"),
    "check": (Action.CHECK, "actions:check"),
    "suspend": (Action.SUSPEND, "actions:suspend"),
    "resume": (Action.RESUME, "actions:resume"),
}
"""What a plan can be of besides an update: the word in the body, the action, and the policy rule of the verb that does it."""

LATER = "<unknown>"
"""Stands for a value that is only known later, in places inside a value that is known in part."""

_ABOUT_INSIDE = frozenset({Reason.CONTENT_CHANGED, Reason.UNSOUND_INSIDE})
_BECAUSE_OF_OTHERS = frozenset({Reason.MAY_CHANGE, Reason.DEPENDENCY_REPLACED, Reason.DEPENDENCY_UPDATED})


def plan_create(call: Call, resp: Response) -> None:
    """POST /stacks/plan: what a create would do, in order."""
    request = outside.stack_request(call, naming=True, creating=True)
    resp.media = {"plan": shown(plans.create(call.services, call.context, request))}


def plan_change(call: Call, resp: Response) -> None:
    """POST …/plan: what an update would do, or the ``action`` that the body names."""
    body = call.needed_body()
    action = body.pop("action", "update")
    if action in ACTIONS:
        what, rule = ACTIONS[action]
        call.must(rule)
        if what is Action.DELETE:
            retain, force = bodies.names(body, "retain"), truth(body.get("force", False), "force")
            made = plans.delete(call.services, call.stack(), retain, force)
        else:
            made = plans.act(call.services, call.stack(), what)
        resp.media = {"plan": shown(made)}
        return
    if action != "update":
        raise BadRequest(f"action: expected one of update, {', '.join(ACTIONS)}")
    existing = bodies.existing(body)
    rule = "stacks:preview_update_patch" if existing else "stacks:preview_update"
    call.must(rule)
    stack = call.stack()
    request = outside.stack_request(call, body, patch=existing)
    resp.media = {"plan": shown(plans.update(call.services, call.context, stack, request))}


def shown(made: Shown) -> JsonMap:
    """The whole answer."""
    return {"basis": made.basis, **_stack(made.plan)}


def _stack(made: StackPlan) -> JsonMap:
    nested = {key: _stack(below) for key, below in made.inside.items()}
    causes = _causes(made.plan)
    effects: dict[str, set[str]] = {}
    for name, needed in causes.items():
        for other in needed:
            effects.setdefault(other, set()).add(name)
    steps: list[JsonMap] = []
    counted: Counter[str] = Counter()
    for step in made.plan.steps:
        shape = _step(made, step)
        shape["because_of"] = sorted(causes.get(step.name, ())) if step.kind.makes else []
        shape["touches"] = sorted(effects.get(step.name, ())) if step.kind.makes else []
        shape["nested"] = nested.get(step.key)
        steps.append(shape)
        counted[_counts_as(step, nested.get(step.key))] += 1
    for below in nested.values():
        counted.update(below["summary"])
    counted["unchanged"] += len(made.plan.keeps)
    del counted[""]
    stack = made.stack
    return {
        "action": made.plan.action.value,
        "stack_id": None if stack is None else stack.id,
        "stack_name": None if stack is None else stack.name,
        "has_changes": any(number for word, number in counted.items() if word != "unchanged"),
        "summary": dict(sorted(counted.items())),
        "steps": steps,
        "unchanged": sorted(made.plan.keeps),
    }


def _step(made: StackPlan, step: Step) -> JsonMap:
    return {
        "step": step.key,
        "action": step.kind.value,
        "resource": step.name,
        "type": step.type,
        "reason": step.reason.value,
        "physical_resource_id": step.physical_id,
        "needs": sorted(made.plan.edges.get(step.key, ())),
        "decided_at_run_time": step.undecided or step.conditional,
        "may_become": _may_become(step),
        "deletion_policy": _policy(made, step),
        "external": step.external_id is not None,
        "changes": [_change(change) for change in step.changes],
        "nested_is_known_later": step.key in made.opaque,
    }


def _may_become(step: Step) -> list[str]:
    """From the least to the most."""
    if step.conditional:
        return ["nothing", "delete"]
    return [kind.value for kind in reversed(StepKind) if kind in step.may_become]


def _policy(made: StackPlan, step: Step) -> str | None:
    """Of a deletion: what becomes of the thing in the cloud."""
    row = made.rows.get(step.row_id or "")
    if row is None or step.kind is not StepKind.DELETE:
        return None
    return "Retain" if step.name in made.retained else row.deletion_policy


def _change(change: PropertyDifference) -> JsonMap:
    return {
        "path": list(change.path),
        "old": change.old,
        "new": _known(change.new),
        "known_later": contains_unknown(change.new),
        "replaces": change.replaces,
    }


def _known(value: Any) -> Any:
    if value is UNKNOWN:
        return None
    return _filled(value) if contains_unknown(value) else value


def _filled(value: Any) -> Any:
    if value is UNKNOWN:
        return LATER
    if isinstance(value, Mapping):
        return {key: _filled(item) for key, item in value.items()}
    return [_filled(item) for item in value] if isinstance(value, list) else value


def _causes(plan: Plan) -> dict[str, set[str]]:
    """Resource → those it depends on that are the cause, or may be, of what happens to it."""
    movers = {
        step.name for step in plan.steps if step.kind.makes and (step.kind is not StepKind.KEEP or step.undecided)
    }
    found: dict[str, set[str]] = {}
    for step in plan.steps:
        later = any(contains_unknown(change.new) for change in step.changes)
        if step.kind.makes and step.kind is not StepKind.CREATE and (later or step.reason in _BECAUSE_OF_OTHERS):
            found[step.name] = set(plan.requires.get(step.name, ())) & movers
    return found


def _counts_as(step: Step, nested: JsonMap | None) -> str:
    """The word of the summary that a step adds to; "" for one that belongs to another step."""
    if step.kind is StepKind.DELETE:
        return "" if step.conditional or step.reason is Reason.REPLACED else "delete"
    if step.undecided:
        return "undecided"
    if step.kind is StepKind.KEEP:
        return "unchanged"
    if step.reason in _ABOUT_INSIDE and nested is not None and not nested["has_changes"]:
        return "unchanged"
    return step.kind.value
