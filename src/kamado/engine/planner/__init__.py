"""The planner: a pure function from the live rows and the wanted definitions to a `Plan`.

Called by the executor when an operation is taken up (again), and by preview. Each pass is a module; the order of the list is part
of the meaning, and each line says why it stands where it does. No clock, no database, no cloud: what only a run can know is UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Callable

from kamado.engine.plan import Plan
from kamado.engine.planner.act import KINDS, act
from kamado.engine.planner.choose import choose
from kamado.engine.planner.compare import DraftScope, compare
from kamado.engine.planner.dependencies import dependencies
from kamado.engine.planner.order import order
from kamado.engine.planner.request import Draft, PlanRequest, Turns
from kamado.engine.planner.steps import make_steps

__all__ = ["PlanRequest", "Turns", "look", "plan"]

_PASSES: tuple[Callable[[Draft], None], ...] = (
    dependencies,  # what comes after what: every later pass walks in that order
    choose,  # one row for each name, before anything can be compared
    compare,  # decides, using the decisions for what comes before
    make_steps,  # decisions and leftovers as steps
    order,  # edges last: they join steps of all kinds
)


def plan(request: PlanRequest) -> Plan:
    """What has to be done so that the stack becomes what is wanted. Raises UnknownType for a type that is not there."""
    return look(request)[0]


def look(request: PlanRequest) -> tuple[Plan, DraftScope]:
    """The plan, and the values as far as they are known before it runs: what plans of nested stacks start from."""
    draft = Draft(request)
    for apply in (act, order) if request.action in KINDS else _PASSES:
        apply(draft)
    made = Plan(
        action=request.action,
        steps=tuple(draft.steps.values()),
        edges={key: frozenset(needs) for key, needs in draft.edges.items() if needs},
        keeps={name: item.row.id for name, item in draft.decisions.items() if item.silent and item.row is not None},
        requires=draft.requires,
        wanted=draft.wanted,
        pauses=draft.pauses,
    )
    return made, DraftScope(draft)
