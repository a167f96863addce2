"""Pass 5: what must be done before what.

Making goes along the dependencies of the template. Deleting comes after all making, so that as long as anything can fail, a rollback
finds the old ones alive; it goes against the dependencies that the rows had: a row goes once everything that used it is gone.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from kamado.engine.plan import ALL_MADE
from kamado.engine.planner.request import Draft


def order(draft: Draft) -> None:
    """Fills ``edges``, and puts ``steps`` into an order in which they could run one by one."""
    edges = draft.edges
    for name, key in draft.making.items():
        for needed in draft.requires[name]:
            if needed in draft.making:
                edges[key].add(draft.making[needed])
    if draft.deleting:
        _deletions(draft)
    ranked = _acyclic(draft)
    draft.steps = {key: draft.steps[key] for key in ranked if key != ALL_MADE}


def _deletions(draft: Draft) -> None:
    users: dict[str, list[str]] = {}
    for row in draft.request.rows:
        for needed in row.requires:
            users.setdefault(needed, []).append(row.id)
    if draft.making:
        draft.edges[ALL_MADE] = set(draft.making.values())
    for row_id, key in draft.deleting.items():
        needs = draft.edges[key]
        if draft.making:
            needs.add(ALL_MADE)
        needs.update(
            draft.deleting[user] for user in users.get(row_id, ()) if user in draft.deleting and user != row_id
        )


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
