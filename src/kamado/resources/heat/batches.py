"""Changes of a group in batches: which members when, as data; and the token that keeps what is left of them.

Used by groups. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kamado.model.lifecycle import Action
from kamado.plugin.errors import PermanentError
from kamado.plugin.stack_resource import OPERATION

STEPS, PAUSE, UNTIL, AT_ONCE = "steps", "pause", "until", "at_once"
"""Keys of the token: batches that are left, seconds between two of them, when the next may begin (None: not waiting), whether it comes
without a pause.
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """Members that are made or brought to their new definition at once, and members that go with them."""

    bring: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    out: tuple[str, ...] = ()
    """Those that load balancers are not to use from then on, until the next step."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a group may change: members at once, members that must be in service meanwhile, seconds between two batches."""

    size: int = 0
    in_service: int = 0
    pause: float = 0.0

    @classmethod
    def of(cls, policy: Mapping[str, Any] | None) -> Pace | None:
        """From a map of the update policy; None where there is none."""
        if not policy:
            return None
        return cls(
            int(policy.get("max_batch_size") or 1),
            int(policy.get("min_in_service") or 0),
            float(policy.get("pause_time") or 0),
        )


def batches(
    before: Sequence[str], after: Sequence[str], changed: Collection[str], spare: Iterator[str], pace: Pace
) -> list[Batch]:
    """The steps from the members ``before`` to those ``after``.

    New ones come first, then the ``changed``, last one first; ``spare`` names those that stand in for a while where too few would be in
    service.
    """
    gone = tuple(name for name in before if name not in after)
    stay = [name for name in after if name in before]
    new = [name for name in after if name not in before]
    size = min(pace.size, max(len(after), 1))
    short = max(0, size + min(pace.in_service, len(stay)) - len(stay) - len(new)) if changed else 0
    extra = [name for name, _ in zip(spare, range(short), strict=False)]
    work = [*new, *extra, *(name for name in reversed(stay) if name in changed)]
    steps = [Batch(tuple(work[start : start + size])) for start in range(0, len(work), size)] or [Batch()]
    steps[0] = Batch(steps[0].bring, gone)
    return [*steps, Batch(drop=tuple(extra))] if extra else steps


def one_change(steps: Sequence[Batch]) -> tuple[Sequence[Batch], Sequence[Batch]]:
    """The steps that one update of the child can do in turn, and those that are left: where members go begins another one, and where load
    balancers have to be told something.
    """
    ends = (number for number, step in enumerate(steps) if number and (step.drop or step.out or steps[number - 1].out))
    many = next(ends, len(steps))
    return steps[:many], steps[many:]


def taken_out(steps: Sequence[Batch], present: Collection[str]) -> list[Batch]:
    """The same steps, each with load balancers told before that the members which change are not to be used."""
    found: list[Batch] = []
    for step in steps:
        changing = tuple(name for name in step.bring if name in present)
        found += [Batch(out=changing), step] if changing else [step]
    return found


def left_over(action: Action, operation: str, steps: Sequence[Batch], pace: Pace) -> dict[str, Any]:
    """The token of a change of which the ``operation`` is under way and ``steps`` are left."""
    left = [[list(step.bring), list(step.drop), list(step.out)] for step in steps]
    return {OPERATION: operation, "action": action.value, STEPS: left, PAUSE: pace.pause, UNTIL: None}


def check_time(steps: Sequence[Batch], pace: Pace, limit: float | None) -> None:
    """Raises PermanentError when the pauses alone take longer than ``limit`` seconds."""
    if limit is not None and pace.pause * (len(steps) - 1) >= limit:
        raise PermanentError("The current update policy will result in stack update timeout.", "ValueError")


def in_turn(
    members: Sequence[str], outdated: Collection[str], new: Iterator[str], pace: Pace
) -> tuple[list[Batch], list[str]]:
    """The steps that bring the ``outdated`` of a group to their new definition, and the members that there are then, by age.

    ``members``: those that are given up first come first. Where too few would be in service meanwhile, ``new`` ones come with the first
    batch and stay; as many of the old ones are not changed any more and go at the end.
    """
    capacity = len(members)
    size, least = min(pace.size, capacity), min(pace.in_service, capacity)
    more = max(least + size - capacity, 0)
    come = [name for name, _ in zip(new, range(more), strict=False)]
    old = [name for name in members if name in outdated]
    gone = old[:more]
    work = [*come, *old[more:]]
    steps = [Batch(tuple(work[start : start + size])) for start in range(0, len(work), size)]
    if gone:
        steps.append(Batch(drop=tuple(gone)))
    left = [name for name in members if name not in gone]
    return steps, [*left, *come]
