"""Policies that resize a group when they are signalled: OS::Heat::ScalingPolicy and AWS::AutoScaling::ScalingPolicy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from kamado.plugin.declare import INTEGER, NUMBER, STRING, Attr, Prop, Properties, resource_type
from kamado.plugin.rules import OnlyWhen
from kamado.plugin.scaling import Adjustment
from kamado.plugin.signals import SignalResponder
from kamado.resources.heat import capacity


@dataclass(frozen=True, slots=True)
class _Names:
    """What the properties are called."""

    group: str
    amount: str
    type: str
    least: str
    cooldown: str


class Policy(SignalResponder):
    """One way to adjust a group."""

    names: ClassVar[_Names]

    def handle_create(self) -> None:
        """Its user, and the addresses that it may be signalled at."""
        user_id = self.signal_user()
        self.signed_url(expires=False)
        self.set_data("signal_url", self.heat_signal_url())
        self.set_physical_id(user_id)

    def handle_update(self, changes: Mapping[str, Any]) -> None:
        """Nothing: a signal looks at the properties of the moment."""

    def handle_signal(self, details: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Adjusts the group, whatever the signal says: whoever has an alarm call it when that is over means it. Raises NoActionRequired."""
        if self.ports.groups is None:
            raise LookupError("there is no way to resize a group here")
        names, values = self.names, self.properties
        adjustment = Adjustment(
            values[names.amount], values[names.type], values.get(names.least), values.get(names.cooldown)
        )
        self.ports.groups.adjust(str(values[names.group]), adjustment)

    def attribute(self, name: str) -> Any:
        """The addresses; all were made with it."""
        return self.data.get("signal_url" if name == "signal_url" else "ec2_signed_url")


@resource_type("OS::Heat::ScalingPolicy")
class ScalingPolicy(Policy):
    """Adjusts an OS::Heat::AutoScalingGroup."""

    heat_class = "AutoScalingPolicy"
    names = _Names("auto_scaling_group_id", "scaling_adjustment", "adjustment_type", "min_adjustment_step", "cooldown")
    properties = Properties(
        Prop("auto_scaling_group_id", STRING, "The group.", required=True),
        Prop("scaling_adjustment", NUMBER, "By how much, or to what.", required=True, update=True),
        Prop("adjustment_type", STRING, "What the adjustment is: a difference, a size, or a difference in percent.", required=True,
             update=True, allowed=(capacity.CHANGE, capacity.EXACT, capacity.PERCENT)),
        Prop("cooldown", NUMBER, "Seconds of quiet after it was signalled.", update=True),
        Prop("min_adjustment_step", INTEGER, "Members by which a difference in percent changes the group at least.", low=0, update=True),
    )  # fmt: skip
    attributes = (
        Attr("alarm_url", STRING, "A signed URL to signal it, for alarms.", live=True),
        Attr("signal_url", STRING, "Where the REST API takes a signal.", since="5.0.0"),
    )
    rules = (OnlyWhen("min_adjustment_step", "adjustment_type", capacity.PERCENT),)


@resource_type("AWS::AutoScaling::ScalingPolicy")
class AwsScalingPolicy(Policy):
    """Adjusts an AWS::AutoScaling::AutoScalingGroup."""

    heat_class = "AWSScalingPolicy"
    names = _Names("AutoScalingGroupName", "ScalingAdjustment", "AdjustmentType", "MinAdjustmentStep", "Cooldown")
    properties = Properties(
        Prop("AutoScalingGroupName", STRING, "The group.", required=True),
        Prop("ScalingAdjustment", INTEGER, "By how much, or to what.", required=True, update=True),
        Prop("AdjustmentType", STRING, "What the adjustment is: a difference, a size, or a difference in percent.", required=True,
             update=True, allowed=(capacity.AWS_CHANGE, capacity.AWS_EXACT, capacity.AWS_PERCENT)),
        Prop("Cooldown", INTEGER, "Seconds of quiet after it was signalled.", update=True),
        Prop("MinAdjustmentStep", INTEGER, "Members by which a difference in percent changes the group at least.", low=0, update=True),
    )  # fmt: skip
    attributes = (Attr("AlarmUrl", STRING, "A signed URL to signal it, for alarms.", live=True),)
    rules = (OnlyWhen("MinAdjustmentStep", "AdjustmentType", capacity.AWS_PERCENT),)

    def reference(self) -> str:
        """The URL to signal to."""
        return str(self.data.get("ec2_signed_url") or self.name) if self.physical_id else self.name
