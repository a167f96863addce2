"""Pass 5: what must be done before what.

Making goes along the dependencies of the template. Deleting comes after all making, so that as long as anything can fail, a rollback
finds the old ones alive; it goes against the dependencies that the rows had: a row goes once everything that used it is gone. Where
resources come in turn (a rolling update), all of that holds within each turn, and the next one begins when the one before is over.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from kamado.engine.plan import ALL_MADE, StepKind
from kamado.engine.planner.request import Draft


def order(draft: Draft) -> None:
    """Fills ``edges`` and ``pauses``, and puts ``steps`` into an order in which they could run one by one."""
    edges = draft.edges
    turn = _turns(draft)
    for name, key in draft.making.items():
        for needed in draft.requires[name]:
            other = draft.making.get(needed)
            if other is not None and turn[other] <= turn[key]:
                edges[key].add(other)
    if draft.deleting:
        _deletions(draft, turn)
    _one_after_the_other(draft, turn)
    ranked = _acyclic(draft)
    draft.steps = {key: draft.steps[key] for key in ranked if key in draft.steps}


def _turns(draft: Draft) -> dict[str, int]:
    """Key of each step → the turn in which it comes."""
    of_name = {name: number for number, names in enumerate(draft.request.turns.names) for name in names}
    found = dict.fromkeys(draft.steps, 0)
    for name, key in draft.making.items():
        step = draft.steps[key]
        if step.kind is not StepKind.KEEP or step.undecided:  # what only our books need waits for nobody
            found[key] = of_name.get(name, 0)
    for row_id, key in draft.deleting.items():
        found[key] = found.get(draft.making.get(draft.by_id[row_id].name, ""), 0)
    return found


def _deletions(draft: Draft, turn: dict[str, int]) -> None:
    users: dict[str, list[str]] = {}
    for row in draft.request.rows:
        for needed in row.requires:
            users.setdefault(needed, []).append(row.id)
    made: dict[int, set[str]] = {}
    for key in draft.making.values():
        made.setdefault(turn[key], set()).add(key)
    for row_id, key in draft.deleting.items():
        needs, own = draft.edges[key], turn[key]
        if own in made:
            point = f"{ALL_MADE} {own}" if own else ALL_MADE
            draft.edges[point] = made[own]
            needs.add(point)
        after = (draft.deleting[user] for user in users.get(row_id, ()) if user in draft.deleting and user != row_id)
        needs.update(other for other in after if turn[other] <= own)


def _one_after_the_other(draft: Draft, turn: dict[str, int]) -> None:
    """A point between each two turns in which there is anything to do."""
    turns = draft.request.turns
    steps_of: dict[int, list[str]] = {}
    for key, number in turn.items():
        steps_of.setdefault(number, []).append(key)
    before: list[str] = []
    for number in sorted(steps_of) if turns.names else ():
        seconds = turns.pause if before else turns.first
        if before or seconds:
            point = f"turn {number}"
            draft.edges[point] = set(before)
            draft.pauses[point] = seconds
            for key in steps_of[number]:
                draft.edges[key].add(point)
        before = steps_of[number]


def _acyclic(draft: Draft) -> list[str]:
    """The steps in order. Rows of several half-done updates may depend on each other in a circle: an edge between two of its
    deletions is given up then, for an operation has to end.
    """
    deletions = set(draft.deleting.values())
    while True:
        try:
            return list(TopologicalSorter(draft.edges).static_order())
        except CycleError as error:
            circle: list[str] = error.args[1]
            for needed, key in pairwise(circle):
                if key in deletions and needed in deletions:
                    draft.edges[key].discard(needed)
                    draft.edges[needed].discard(key)
                    break
            else:
                raise
