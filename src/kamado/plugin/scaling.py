"""Groups that are brought to another size beside any operation of their stack: what is asked for, and what it comes to.

A policy says an `Adjustment` to the port `kamado.plugin.context.Groups`; the group's class, which is `Scalable`, makes a `Resize` of it,
and the service behind the port begins that as an operation on the group's nested stack. The trap: a resize is worked out from what was
read a moment ago and worked out again when the group has moved in between, so it must do nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from kamado.plugin.context import ChildTemplate


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A change of size: ``amount`` in the sense of ``type`` (Heat's names: ``change_in_capacity``, ``ChangeInCapacity`` …).

    ``least``: members by which a change in percent changes the group at least. ``cooldown``: seconds after which the next one may come.
    """

    amount: float
    type: str
    least: int | None = None
    cooldown: float | None = None


@dataclass(frozen=True, slots=True)
class Resize:
    """What an adjustment comes to: the nested stack's new template, the group's new metadata, the sizes before and after."""

    child: ChildTemplate
    metadata: Mapping[str, Any]
    before: int
    after: int
    told: Mapping[str, Any] = field(default_factory=dict)
    """What notifications say of it besides the stack."""


@runtime_checkable
class Scalable(Protocol):
    """A group that policies may adjust."""

    def resized(self, adjustment: Adjustment) -> Resize:
        """What the adjustment comes to now. Raises NoActionRequired when there is nothing to do, or not yet."""
