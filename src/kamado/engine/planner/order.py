"""Pass 5: what must be done before what.

Making goes along the dependencies of the template. Deleting goes against the dependencies that the rows had: a row goes once
everything that used it has moved over to its replacement or is gone, and its own replacement is there.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

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
    draft.steps = {key: draft.steps[key] for key in ranked}


def _deletions(draft: Draft) -> None:
    users: dict[str, list[str]] = {}
    for row in draft.request.rows:
        for needed in row.requires:
            users.setdefault(needed, []).append(row.id)
    for row_id, key in draft.deleting.items():
        name = draft.by_id[row_id].name
        needs = draft.edges[key]
        if name in draft.making:
            needs.add(draft.making[name])
        for user in users.get(row_id, ()):
            if user in draft.deleting and user != row_id:
                needs.add(draft.deleting[user])
            user_name = draft.by_id[user].name
            chosen = draft.chosen.get(user_name)
            if chosen is not None and chosen.id == user and user_name in draft.making:
                needs.add(draft.making[user_name])


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
