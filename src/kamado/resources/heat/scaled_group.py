"""Groups that policies scale: their limits, their cooldown, what an adjustment comes to.

Base of OS::Heat::AutoScalingGroup and AWS::AutoScaling::AutoScalingGroup, which name the same properties differently.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from kamado.model.lifecycle import Status
from kamado.plugin.errors import NoActionRequired
from kamado.plugin.rules import Finding, at
from kamado.plugin.scaling import Adjustment, Resize
from kamado.resources.heat import capacity
from kamado.resources.heat.aged_members import AgedMembers
from kamado.template.unknown import is_unknown


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """The smallest size is not above the largest, and the one that is asked for lies between. Names of properties."""

    low: str
    high: str
    wanted: str
    cooldown: str

    @property
    def paths(self) -> tuple[str, ...]:
        """The properties it is about."""
        return self.low, self.high, self.wanted

    def check(self, properties: Mapping[str, Any]) -> Iterator[Finding]:
        """What is wrong; of what is not known nothing."""
        low, high, wanted = (at(properties, path) for path in self.paths)
        if is_unknown(low) or is_unknown(high) or is_unknown(wanted) or low is None or high is None:
            return
        if low > high:
            yield Finding("MinSize can not be greater than MaxSize")
        elif wanted is not None and not low <= wanted <= high:
            yield Finding("DesiredCapacity must be between MinSize and MaxSize")


class ScaledGroup(AgedMembers):
    """A group between a smallest and a largest size."""

    changes_beside = True
    limits: ClassVar[SizeLimits]

    @classmethod
    def first_size(cls, properties: Mapping[str, Any]) -> int | None:
        """What is asked for, else the smallest."""
        wanted = properties.get(cls.limits.wanted)
        found = properties.get(cls.limits.low) if wanted is None else wanted
        return found if isinstance(found, int) else None

    @classmethod
    def next_size(cls, properties: Mapping[str, Any], now: int, changes: Collection[str]) -> int:
        """An update of any property brings the group to the size that is asked for, else to the one that it has; within its limits."""
        limits = cls.limits
        wanted = properties.get(limits.wanted) if changes else None
        asked = now if not isinstance(wanted, int) else wanted
        return capacity.within(asked, int(properties[limits.low]), int(properties[limits.high]))

    def check_create_complete(self, token: dict[str, Any] | None) -> bool:
        """As for every group; then the cooldown begins."""
        over = super().check_create_complete(token)
        if over:
            after = f"{capacity.AWS_EXACT} : {self.size()}"
            now, seconds = self.ports.clock.now(), self.properties.get(self.limits.cooldown)
            self.ports.saver.change_metadata(lambda before: capacity.cooled(before, now, seconds, after))
        return over

    def resized(self, adjustment: Adjustment) -> Resize:
        """What an adjustment comes to. Raises NoActionRequired: it is busy or cooling down, or has that size already."""
        if self.status is not Status.COMPLETE:
            raise NoActionRequired
        before = self.size()
        low, high = self._limits
        after = capacity.adjusted(before, adjustment, low, high)
        now = self.ports.clock.now()
        if after == before or capacity.cooling(self.metadata, now):
            raise NoActionRequired
        members = self.sized(self.present_members(), after)
        amount = int(adjustment.amount) if adjustment.amount == int(adjustment.amount) else adjustment.amount
        metadata = capacity.cooled(self.metadata, now, adjustment.cooldown, f"{adjustment.type} : {amount}")
        told = {
            "adjustment": amount,
            "adjustment_type": adjustment.type,
            "capacity": before,
            "after": after,
            "group": self.reference(),
        }
        return Resize(self._template(members), metadata, before, after, told)

    @property
    def _limits(self) -> tuple[int, int]:
        return int(self.properties[self.limits.low]), int(self.properties[self.limits.high])
