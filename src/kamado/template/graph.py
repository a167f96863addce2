"""The order that references and depends_on impose, and the circles that make it impossible.

Called by the checker and the planner. All functions walk without recursion, so a chain of thousands is no danger.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Protocol


class Requiring(Protocol):
    """Anything that names what it needs."""

    @property
    def requires(self) -> frozenset[str]:
        """The names of what must be there first."""


class CircleFound(ValueError):
    """There is no order; `names` go along the circle, each requiring the next and the last the first."""

    def __init__(self, names: list[str]) -> None:
        super().__init__("circular: " + " -> ".join(names))
        self.names = names


def dependency_order(definitions: Mapping[str, Requiring]) -> list[str]:
    """All names, each after what it requires; among equals the template's order. Raises CircleFound.

    Names that are required but not defined are ignored: the checker reports them.
    """
    order = reachable(definitions)
    if len(order) < len(definitions):
        raise CircleFound(find_cycle(definitions) or [])
    return order


def reachable(definitions: Mapping[str, Requiring]) -> list[str]:
    """The same order, without what is in a circle or needs something that is."""
    waiting = {name: sum(1 for other in item.requires if other in definitions) for name, item in definitions.items()}
    followers: dict[str, list[str]] = {name: [] for name in definitions}
    for name, item in definitions.items():
        for other in item.requires:
            if other in followers:
                followers[other].append(name)
    position = {name: index for index, name in enumerate(definitions)}
    ready = deque(name for name, count in waiting.items() if count == 0)
    order: list[str] = []
    while ready:
        name = ready.popleft()
        order.append(name)
        freed = []
        for follower in followers[name]:
            waiting[follower] -= 1
            if waiting[follower] == 0:
                freed.append(follower)
        ready.extend(sorted(freed, key=position.__getitem__))
    return order


def find_cycle(definitions: Mapping[str, Requiring]) -> list[str] | None:
    """The names along one circle, each requiring the next and the last the first; None when there is none."""
    done: set[str] = set()
    for start in definitions:
        if start in done:
            continue
        trail: list[str] = []
        on_trail: dict[str, int] = {}
        stack: list[tuple[str, Iterable[str]]] = [(start, iter(_needs(definitions, start)))]
        trail.append(start)
        on_trail[start] = 0
        while stack:
            name, needs = stack[-1]
            following = next(iter(needs), None)
            if following is None:
                stack.pop()
                trail.pop()
                del on_trail[name]
                done.add(name)
            elif following in on_trail:
                return trail[on_trail[following] :]
            elif following not in done:
                stack.append((following, iter(_needs(definitions, following))))
                on_trail[following] = len(trail)
                trail.append(following)
    return None


def _needs(definitions: Mapping[str, Requiring], name: str) -> list[str]:
    return sorted(other for other in definitions[name].requires if other in definitions)
