"""Who is served first when more waits than an engine has room for: projects by turns, whoever has least at work before the others.

Pure; used by the claims of `kamado.store.operations`.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Room:
    """What an engine has room for: so many operations, and so many of one project, with ``held``: project → how many it works on.

    ``most`` is below the whole room, so that a project whose operations take hours leaves some places to the others.
    """

    places: int
    most: int
    held: Mapping[str, int] = field(default_factory=dict)


def shares(waiting: Mapping[str, int], room: Room) -> dict[str, int]:
    """Project → how many of its ``waiting`` operations to take. Among equals, the order of ``waiting`` decides."""
    taken: dict[str, int] = {}
    turns = [(room.held.get(project, 0), place, project) for place, project in enumerate(waiting)]
    heapq.heapify(turns)
    for _ in range(room.places):
        while turns and (turns[0][0] >= room.most or taken.get(turns[0][2], 0) >= waiting[turns[0][2]]):
            heapq.heappop(turns)
        if not turns:
            break
        held, place, project = turns[0]
        taken[project] = taken.get(project, 0) + 1
        heapq.heapreplace(turns, (held + 1, place, project))
    return taken


def lot(waiting: int, engines: int) -> int:
    """How many one of so many engines takes at a time: half of an equal share, so that the others come to theirs; at least one."""
    return waiting if engines <= 1 else max(1, -(-waiting // (2 * engines)))
