"""The arithmetic of scaling: how many members an adjustment comes to, and when the next one may come. Pure.

Used by groups that policies adjust. What keeps the next adjustment away (the cooldown) stands in the group's metadata, in Heat's form,
where users can see it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from kamado.plugin.scaling import Adjustment

CHANGE, EXACT, PERCENT = "change_in_capacity", "exact_capacity", "percent_change_in_capacity"
AWS_CHANGE, AWS_EXACT, AWS_PERCENT = "ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity"

SCALING, COOLDOWN_END = "scaling_in_progress", "cooldown_end"
"""Keys of a group's metadata. `COOLDOWN_END`: when the cooldown ends → after what."""


def adjusted(now: int, adjustment: Adjustment, low: int, high: int) -> int:
    """The size that a group of ``now`` members comes to, within its limits."""
    if adjustment.type in (EXACT, AWS_EXACT):
        wanted = int(adjustment.amount)
    elif adjustment.type in (CHANGE, AWS_CHANGE):
        wanted = now + int(adjustment.amount)
    else:
        wanted = now + _part(now, adjustment)
    return within(wanted, low, high)


def _part(now: int, adjustment: Adjustment) -> int:
    """A change in percent in whole members: at least one, else rounded towards none; never less than asked for."""
    exact = now * adjustment.amount / 100.0
    size = math.ceil(abs(exact)) if abs(exact) < 1 else math.floor(abs(exact))
    if exact and adjustment.least is not None:
        size = max(size, adjustment.least)
    return size if exact > 0 else -size


def within(wanted: int, low: int, high: int) -> int:
    """A size between the limits."""
    return max(min(wanted, high), low)


def cooling(metadata: Mapping[str, Any], now: datetime) -> bool:
    """Whether it is too early for another adjustment."""
    ends = metadata.get(COOLDOWN_END)
    if not isinstance(ends, Mapping) or not ends:
        return False
    try:
        until = max(datetime.fromisoformat(end) for end in ends)
    except ValueError:
        return False
    return now < (until if until.tzinfo else until.replace(tzinfo=now.tzinfo))


def cooled(metadata: Mapping[str, Any], now: datetime, seconds: float | None, after: str) -> dict[str, Any]:
    """The metadata once something was done that wants ``seconds`` of quiet after it."""
    until = (now + timedelta(seconds=max(seconds or 0, 0))).replace(tzinfo=None)
    return {**metadata, COOLDOWN_END: {until.isoformat(): after}, SCALING: False}
